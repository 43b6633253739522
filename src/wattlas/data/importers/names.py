"""Our names of zones, classes and places for those of the files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from wattlas.data.importers.files import Raw
from wattlas.data.importers.layout import Layout
from wattlas.errors import InputError, Problem
from wattlas.model.suggest import SHOWN, did_you_mean


def named(frame: pl.DataFrame, layout: Layout, raws: Sequence[Raw]) -> pl.DataFrame:
    """Our names for theirs, and only the zones that are asked for."""
    if layout.zone_prefix:
        frame = frame.with_columns(pl.col(layout.keys[0]).str.strip_prefix(layout.zone_prefix))
    there = {name for key in layout.keys for name in frame[key].unique()}
    unknown = [name for name in layout.rename if name not in there]
    if unknown:
        what = f"no `{unknown[0]}` is in the files; there are: "
        what += ", ".join(sorted(map(str, there))[: 3 * SHOWN])
        fix = _fix(unknown[0], there, "--rename")
        raise InputError([raws[0].problem("--rename", what, fix)])
    if layout.rename:
        frame = frame.with_columns(pl.col(k).replace(dict(layout.rename)) for k in layout.keys)
    alike = [p for key in layout.keys for p in _alike(frame, key, raws[0])]
    if alike:
        raise InputError(alike)
    if not layout.only:
        return frame
    key = layout.keys[0]
    have = frame[key].unique(maintain_order=True).to_list()
    lacking = [name for name in layout.only if name not in have]
    if lacking:
        what = f"there is no {key} `{lacking[0]}` in the files; there are: "
        what += ", ".join(have[: 3 * SHOWN])
        fix = _fix(lacking[0], have, "--only")
        raise InputError([raws[0].problem("--only", what, fix)])
    return frame.filter(pl.col(key).is_in(list(layout.only)))


def _fix(name: str, known: Iterable[str], option: str) -> str:
    """A guess; that there are others was told."""
    guess = did_you_mean(name, known)
    return guess if guess.startswith("Did") else f"Correct {option}."


def _alike(frame: pl.DataFrame, key: str, raw: Raw) -> list[Problem]:
    """Names that differ in capitals or spaces alone: one thing, written in two ways."""
    problems, first = [], dict[str, str]()
    for name in sorted(map(str, frame[key].unique())):
        other = first.setdefault("".join(name.casefold().split()), name)
        if other != name:
            what = f"`{other}` and `{name}` differ in capitals or spaces alone"
            fix = f"Say `--rename {other}={name}` if they are one, else rename one of them."
            problems.append(raw.problem(key, what, fix))
    return problems
