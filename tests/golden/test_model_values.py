"""What value objects refuse, their defaults, and what offers are."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wattlas.data
import wattlas.model
import wattlas.replays.arrivals
from tests.golden.inputs.model import BAD, SOUND, mini, wrong_parts
from tests.golden.telling import Lines, differences, kept, outcome, plain, tell
from wattlas.errors import InputError
from wattlas.model.contract import Tier
from wattlas.model.kinds import by_kind, kinds_of
from wattlas.model.offer import full_service, offer, problems_of, withdrawn
from wattlas.model.scenario_listing import regions_listing

HERE = Path(__file__).parent / "reading"


def _refused(_folder: Path) -> Iterator[str]:
    """Each field with values of every kind: which are taken, and what is said of the others."""
    for name, sound in SOUND.items():
        yield f"== {name}"
        alike: dict[tuple[str, ...], list[str]] = {}
        for field in fields(sound):
            alike.setdefault(tuple(_judged(sound, field.name)), []).append(field.name)
        for told, names in alike.items():
            yield f"{', '.join(names)}:"
            yield from (f"  {text}" for text in told)


def _judged(sound: Any, name: str) -> Iterator[str]:
    """The values that a field takes, and what is said of the others, by what is said."""
    taken, said = [], dict[str, list[str]]()
    for bad in BAD:
        try:
            made = replace(sound, **{name: bad})
        except InputError as error:
            for problem in error.problems:
                where = problem.where.split(".")[-1].replace(name, "")
                value, comma, rest = problem.what.partition(", ")
                said.setdefault(f"{rest if comma else ''}. {problem.fix}", []).append(
                    f"{where} {value}".strip()
                )
        except (TypeError, AttributeError, ValueError) as error:
            said.setdefault(type(error).__name__, []).append(plain(bad))
        else:
            taken.append(plain(getattr(made, name)))
    yield f"takes {', '.join(taken) or 'none'}"
    yield from (f"{'; '.join(values)}: {rest}" for rest, values in said.items())


def _defaults(_folder: Path) -> Iterator[str]:
    """What each field of a value object is where nobody says."""
    for package in (wattlas.model, wattlas.data, wattlas.replays.arrivals):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for name, kind in sorted(vars(importlib.import_module(found.name)).items()):
                own = getattr(kind, "__module__", "") == found.name
                if not (own and isinstance(kind, type) and is_dataclass(kind)):
                    continue
                given = [f for f in fields(kind) if f.default is not MISSING]
                told = [f"{f.name} {plain(f.default)}" for f in given]
                yield from (
                    [f"{found.name.removeprefix('wattlas.')}.{name}: {', '.join(told)}"]
                    if told
                    else []
                )


def _scenarios(folder: Path) -> Iterator[str]:
    """A whole question with one part wrong."""
    s = mini(folder)
    for name, parts in wrong_parts(s).items():
        yield f"== {name}"
        yield from outcome(
            lambda parts=parts: Lines(list(differences(list(tell(s)), tell(replace(s, **parts)))))
        )
    yield f"{s!r}"
    yield s._repr_html_()
    for part in (
        s.at_hours([1, 3]),
        s.at_hours([0, 2], np.array([2.0, 5.0])),
        s.with_endless_capacity(),
    ):
        yield "== a part of it"
        yield from differences(list(tell(s)), tell(part))
    split = by_kind(
        s, {"north": {"H100": {"reserved_gpu": 3.0, "idle_w": 7.0}, "L40S": {"on_demand_gpu": 2.0}}}
    )
    yield "== by kind"
    yield from differences(list(tell(s)), tell(split))
    chosen = (["north/H100"], ["north/H100", "north/L40S"], ["south", "north/L40S"], [])
    yield (f"{kinds_of(s)} {[split.site_words(ids) for ids in chosen]}")
    yield from outcome(lambda: by_kind(s, {"nort": {"H1": {"idle": 3.0}}, "south": {"A": {}}}))
    listing = regions_listing(split)
    yield (
        f"{listing.title}: {[c.heading for c in listing.columns]} {plain(listing.table)} "
        f"{listing.notes}"
    )


def _offers(folder: Path) -> Iterator[str]:
    """Tiers laid over a scenario, taken back, and what is wrong with some."""
    s = mini(folder)
    tiers = (
        Tier(
            "green", 0.2, 0.3, accuracy_min=0.65, latency_factor=1.5, discount=0.1, classes=("a",)
        ),
        Tier("any", 0.5, 0.4, points=("tiny",)),
    )
    offered = offer(s, tiers)
    yield from differences(list(tell(s)), tell(offered))
    for name, back in (("full", full_service(offered)), ("withdrawn", withdrawn(offered))):
        yield f"== {name}"
        yield from differences(list(tell(s)), tell(back))
    wrong = (
        (Tier("green", 0.2, 0.7), Tier("blue", 0.2, 0.6)),
        (Tier("green", 0.2, 0.3), Tier("green", 0.2, 0.3)),
        (Tier("x", 0.2, 0.3, accuracy_min=0.95),),
        (Tier("x", 0.2, 0.3, classes=("c",), points=("q",)),),
        (Tier("x", 0.2, 0.3, points=("big",), accuracy_min=0.92),),
        (Tier("x", 0.0, 0.0),),
    )
    for made in wrong:
        yield f"== {[t.id for t in made]}"
        yield from (str(p) for p in problems_of(s, made))
    yield from outcome(lambda: offer(offered, tiers))


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "refused": _refused,
    "scenarios": _scenarios,
    "offers": _offers,
    "defaults": _defaults,
}


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_the_golden_file(name: str, tmp_path: Path) -> None:
    """What is refused is that which was read and found right."""
    kept(HERE / f"model-{name}.txt", CASES[name](tmp_path), tmp_path)
