"""Operating points for tiers alone: profiles that the section `offer` names."""

from __future__ import annotations

from collections.abc import Iterator

from wattlas.data.inputs import Inputs
from wattlas.data.profiles_file import read_profiles
from wattlas.data.schema.workload import PROFILES
from wattlas.errors import InputError, Problem
from wattlas.model.suggest import did_you_mean
from wattlas.model.workload import OperatingPoint

AT = ("offer", "points")


def offer_points(inputs: Inputs) -> tuple[OperatingPoint, ...]:
    """The profiles that the offer names, in its order. Raises InputError."""
    named, source = inputs.typed.offer.points, _source(inputs)
    if not named:
        return ()
    known = {} if source is None else {o.id: o for o in read_profiles(source, inputs.base)}
    problems = list(_problems(inputs, named, known, source))
    if problems:
        raise InputError(problems)
    return tuple(known[name] for name in named)


def _source(inputs: Inputs) -> str | None:
    given = inputs.typed.offer.profiles
    packs = zip(inputs.typed.pack or (), inputs.packs, strict=False)
    return (
        next((name for name, pack in reversed(list(packs)) if pack.has(PROFILES.name)), None)
        if given is None
        else given
    )


def _problems(
    inputs: Inputs, named: list[str], known: dict[str, OperatingPoint], source: str | None
) -> Iterator[Problem]:
    if source is None:
        what = "names profiles, and no table of them is given"
        yield inputs.document.problem(AT, what, "Give offer.profiles, or name a `pack:`.")
        return
    for n, name in enumerate(named):
        if name not in known:
            what = f"names `{name}`, which is not among the profiles of {source}"
            yield inputs.document.problem((*AT, n), what, did_you_mean(name, known))
        elif name in named[:n]:
            what = f"names `{name}` twice"
            yield inputs.document.problem((*AT, n), what, "Name it once.")
