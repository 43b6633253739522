"""Scenarios whose facts come from packs and public regions: what is taken from where."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.golden.inputs.tables import hourly, without
from tests.golden.inputs.worlds import SETS, START, carbon, figures, packs
from tests.golden.telling import Lines, differences, kept, outcome, put, tell
from wattlas.data.months import is_long, load_months
from wattlas.data.pack import MANIFEST, Generator, PackTime, open_pack, typical_figures
from wattlas.data.pack_checks import check_path
from wattlas.data.pack_writer import NewTable, PackHead, write_pack
from wattlas.data.scenario_file import read

HERE = Path(__file__).parent / "reading"


def heard(folder: Path, *sets: str) -> Lines:
    """Everything that is known of a scenario of a folder, but for names of places."""
    loaded = read(folder, set=sets)
    return Lines([*tell(loaded.scenario), *tell(loaded.warnings, "warnings")])


def _packed(folder: Path) -> Iterator[str]:
    packs(folder)
    before = heard(folder)
    yield from before
    for name, sets in SETS.items():
        yield f"== {name}"
        yield from outcome(lambda sets=sets: Lines(list(differences(before, heard(folder, *sets)))))
    months = load_months(folder, set=("time={start: 2023-06-01T00:00:00Z, hours: 24}",))
    for part in months:
        yield from tell(part.signals, "by month")
    time = f"time={{start: {START}T00:00:00Z, hours: 24, step_h: 2}}"
    for part in load_months(folder, set=(time,)):
        yield from tell(part.signals, "by month, two hours")
    yield from outcome(lambda: load_months(folder, set=("nodes.only=[]",)).outline())
    yield from outcome(lambda: load_months(folder, set=("time={start: x, hours: 3}",)))
    yield from outcome(lambda: list(load_months(folder, set=("time.hours=31",))))
    for sets in ((), ("time.hours=9000",), ("pack=[./facts]",)):
        yield f"long {sets}: {is_long(folder, set=sets)}"


def _typical(folder: Path) -> Iterator[str]:
    """A typical pack, its hours, and what is said of one whose figures are not whole."""
    tables = figures(np.random.default_rng(8))
    time = PackTime(start_utc="2023-01-01T00:00:00Z", hours=8760)
    head = PackHead(
        "year", "A year", time, kind="typical", generator=Generator(method="month-hour-1", seed=5)
    )
    write_pack(folder / "year", head, {n: NewTable(t, "us") for n, t in tables.items()})
    pack = open_pack(str(folder / "year"))
    yield from tell(typical_figures(pack), "figures")
    for name in ("price", "carbon"):
        frame = pack.frame(name, np.datetime64("2023-01-05"))
        yield f"{name}: {frame.height} rows, {frame.columns}, {pack.tables}, {pack.file(name)}"
        yield from tell(frame[:40][frame.columns[2]].to_numpy(), "first")
        yield from tell(frame[frame.columns[2]].to_numpy(), "all")
    price = tables["price_figures"]
    hole = price.with_columns(
        pl.when(pl.int_range(pl.len()) == 7).then(None).otherwise("tail").alias("tail")
    )
    changed: dict[str, dict[str, pl.DataFrame]] = {
        "a row less": {"price_figures": price[1:]},
        "a row more": {"price_figures": pl.concat([price, price[:1]])},
        "a hole": {"price_figures": hole},
        "a zone less": {"carbon_series": tables["carbon_series"][:1]},
    }
    for name, tables_ in changed.items():
        made = {**tables, **tables_}
        write_pack(folder / name, head, {n: NewTable(t, "us") for n, t in made.items()})
        yield f"== {name}"
        yield from outcome(lambda name=name: open_pack(str(folder / name)).frame("price").height)
        yield from (
            line[:400] for line in outcome(lambda name=name: check_path(str(folder / name)))
        )
    document = json.loads((folder / "year" / MANIFEST).read_text())
    put(folder / "year", MANIFEST, {**document, "time": None})
    yield from outcome(lambda: open_pack(str(folder / "year")).frame("price").height)


def _gaps(folder: Path) -> Iterator[str]:
    """A pack whose manifest names gaps, studied where they are and where they are not."""
    packs(folder)
    two = hourly(START, 30, NO=40, IN=70)
    part = without(without(two, "NO", 7, 8), "IN", 20)
    time = PackTime(start_utc=f"{START}T00:00:00Z", hours=30)
    head = PackHead("gaps", "Gaps", time, missing=("price.NO: 2 hours.", "carbon: all."))
    tables: dict[str, Any] = {"price": part, "carbon": carbon(two)}
    write_pack(folder / "gaps", head, {n: NewTable(t, "us") for n, t in tables.items()})
    yield from outcome(lambda: check_path(str(folder / "gaps")), derived=True)
    for hours in (7, 8, 21):
        sets = ("pack=[./world, ./gaps]", f"time={{start: {START}T00:00:00Z, hours: {hours}}}")
        yield f"== {hours} hours"
        yield from outcome(lambda sets=sets: read(folder, set=sets).scenario.signals)


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "packed": _packed,
    "typical": _typical,
    "gaps": _gaps,
}


@pytest.mark.parametrize("name", CASES)
def test_worlds_are_those_of_the_golden_file(name: str, tmp_path: Path) -> None:
    """What is taken from packs is that which was read and found right."""
    kept(HERE / f"world-{name}.txt", CASES[name](tmp_path), tmp_path)
