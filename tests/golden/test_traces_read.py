"""Traces of requests in every layout, odd and broken ones, and how they come to metros."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.golden.inputs.scenarios import world
from tests.golden.inputs.traces import FILES, SERVICES, VIDUR
from tests.golden.telling import Lines, kept, outcome, put, tell
from tests.replays.test_trace import _samples
from wattlas.data.scenario_file import load
from wattlas.model.contract import Tier
from wattlas.model.offer import offer
from wattlas.replays.arrivals import files, ledger
from wattlas.replays.arrivals.cut import Source
from wattlas.replays.arrivals.layouts import LAYOUTS, TraceLayout, layout_of
from wattlas.replays.arrivals.stream import AtRates, FromTrace, mean_tokens
from wattlas.replays.arrivals.trace import Trace, open_trace
from wattlas.replays.service.file import read_services, services_text
from wattlas.replays.service.model import PowerCurve, ServiceModel

HERE = Path(__file__).parent / "reading"


def _requests(trace: Trace) -> Lines:
    """All columns of the requests of a trace, as they come."""
    parts = list(trace.batches(3))
    lines = [f"layout {trace.layout.name}, {len(parts)} batches"]
    for n, part in enumerate(parts):
        lines += (line for line in tell(part, f"{n}") if not line.endswith(": None"))
    return Lines(
        [*lines, *(f"note: {note}" for note in trace.notes), f"places {sorted(trace.places)}"]
    )


def _traces(folder: Path) -> Iterator[str]:
    for name, file in _samples(folder).items():
        yield f"== {name}"
        yield from outcome(lambda file=file: _requests(open_trace(file)))
        if not LAYOUTS[name].rate:
            yield from outcome(
                lambda file=file: Lines(
                    line
                    for line in tell(open_trace(file).log(), "log")
                    if not line.endswith("None")
                )
            )
    for name, (ending, content, options) in FILES.items():
        yield f"== {name}"
        file = put(folder, f"t.{ending}", content)
        yield from outcome(
            lambda file=file, options=options: _requests(open_trace(file, **options))
        )
        if name in ("log", "log of all", "backwards"):
            yield from outcome(
                lambda file=file, options=options: open_trace(
                    file, **{**options, "place": None}
                ).log()
            )
    yield from outcome(lambda: open_trace(folder / "none.csv"))
    yield from _small_batches(folder)
    yield from _database(folder)
    yield from _layouts()


def _small_batches(folder: Path) -> Iterator[str]:
    """The same files, a few rows or bytes at a time."""
    before = files.BATCH_ROWS, files.PIECE_BYTES
    files.BATCH_ROWS, files.PIECE_BYTES = 2, 150
    try:
        for name in ("lines", "sessions", "chats"):
            file = put(folder, f"s.{FILES[name][0]}", FILES[name][1])
            yield f"== {name} in parts"
            yield from _requests(open_trace(file))
        yield from _requests(open_trace(_samples(folder)["requests"]))
    finally:
        files.BATCH_ROWS, files.PIECE_BYTES = before


def _database(folder: Path) -> Iterator[str]:
    """A ledger of the gateway."""
    with closing(sqlite3.connect(folder / "ledger.db")) as db:
        names = ", ".join(f'"{name}"' for name in (*ledger.COLUMNS, "more"))
        db.execute(f"CREATE TABLE requests ({names})")
        rows = [
            (3000000, 3200000, 3900000, "oslo", "a", "", "north", "big", "whole", 10, 5, 1),
            (1000000, None, None, "delhi", "b", "green", "north", "tiny", "failed", None, None, 1),
            (2000000, 2100000, 2200000, "delhi", "b", "green", "north", "tiny", "whole", 7, 3, 1),
            (2500000, 1, 2, "x", "y", "", "r", "p", "correction", 1, 1, 1),
        ]
        db.executemany(f"INSERT INTO requests VALUES ({', '.join('?' * 12)})", rows)
        db.commit()
    yield from outcome(lambda: _requests(open_trace(folder / "ledger.db")))
    for frame in ledger.frames(folder / "ledger.db", 2):
        yield from tell(frame, "rows")
    with closing(sqlite3.connect(folder / "other.db")) as db:
        db.execute("CREATE TABLE a (b)")
    yield from outcome(lambda: open_trace(folder / "other.db"))
    yield from outcome(lambda: list(ledger.frames(folder / "other.db", 2)))


def _layouts() -> Iterator[str]:
    for layout in LAYOUTS.values():
        yield f"{layout.name}: {layout.columns} {layout.names} {layout.sessions}"
        yield from tell(layout, f"  {layout.name}")
        yield f"  fits {[other.name for other in LAYOUTS.values() if layout.fits(other.names)]}"
    yield from outcome(lambda: TraceLayout("x", "t", "h", "i", "o"))
    yield from outcome(lambda: layout_of(["a"], "vidur", {"unit": "ns", "time": "a"}))


def _streams(folder: Path) -> Iterator[str]:
    """Requests of a trace, or at rates, as they come to metros and classes."""
    s = load(world(folder))
    rows = "".join(f"{600 * n},{n + 1},{2 * n + 1}\n" for n in range(12))
    plain_trace = put(folder, "t.csv", VIDUR + rows)
    for options in ({}, {"scale": 0.4}, {"scale": 2.5, "seed": 3}, {"klass": "b"}):
        yield f"== {options}"
        yield from _came(FromTrace(s, open_trace(plain_trace), **options))
    chats = put(folder, "c.csv", FILES["chats"][1])
    yield from _came(FromTrace(s, open_trace(chats), scale=2.0))
    for name in ("log of all", "rates"):
        yield f"== {name}"
        file = put(folder, "l.csv", FILES[name][1])
        yield from outcome(lambda file=file: Lines(_came(FromTrace(s, open_trace(file), seed=1))))
    tiers = offer(s, [Tier("green", 0.2, 0.3, classes=("b",))])
    log = put(folder, "l.csv", FILES["log of all"][1])
    yield from _came(FromTrace(tiers, open_trace(log)))
    silent = replace(s, demand_per_h=s.demand_per_h * np.array([0.0, 1, 0, 1]))
    yield from _came(FromTrace(silent, open_trace(plain_trace)))
    yield from _came(FromTrace(replace(s, demand_per_h=s.demand_per_h * 0.0), open_trace(log)))
    for field, name in (("oslo", "olso"), (",a,", ",q,")):
        wrong = put(folder, "w.csv", str(FILES["log of all"][1]).replace(field, name))
        yield from outcome(lambda wrong=wrong: Lines(_came(FromTrace(s, open_trace(wrong)))))
    yield from outcome(lambda: FromTrace(s, open_trace(log), klass="q", scale=0.0))
    yield from outcome(lambda: AtRates(s, scale=-1.0))
    for even in (True, False):
        yield f"== at rates, even {even}"
        yield from _came(AtRates(s, seed=2, scale=0.004, even=even))
    yield from tell(mean_tokens(s), "means")
    yield from _cut(FromTrace(s, open_trace(plain_trace)))
    late = put(folder, "late.csv", VIDUR + "0,1,1\n15000,1,1\n")
    source = Source(FromTrace(s, open_trace(late)))
    source.part(4 * 3600.0)
    yield from outcome(lambda: source.refuse_later(s))


def _came(stream: Any) -> Iterator[str]:
    for n, part in enumerate(islice(stream.batches(), 6)):
        for name, values in part._asdict().items():
            yield from tell(values, f"{n} {name}")
    yield from (f"note: {note}" for note in stream.notes())


def _cut(stream: FromTrace) -> Iterator[str]:
    source = Source(stream)
    for end in (0.0, 1200.0, 1200.1, 5000.0, 9000.0):
        yield (
            f"until {end:g}: ended {source.ended()}, past {source.past(end)}, next "
            f"{source.until(end):g}"
        )
        yield from tell(source.part(end).row, "  part")
    yield (
        f"ended {source.ended()} {source.past(0.0)} {source.until(7.0):g} "
        f"{len(source.part(9.0).row)}"
    )


def _services(folder: Path) -> Iterator[str]:
    """Service models in a file."""
    for name, content in SERVICES.items():
        yield f"== {name}"
        file = put(folder, "s.json", content)
        yield from outcome(lambda file=file: read_services(file), derived=True)
    yield from outcome(lambda: read_services(put(folder, "s.json", "{")))
    yield from outcome(lambda: read_services(folder / "none.json"))
    power = PowerCurve(np.array([0.0, 4.0]), np.array([50.0, 300.0]))
    text = services_text(
        {"a": ServiceModel(0.02, 1e-4, 1e-6, batch=8, power=power), "b": ServiceModel(0.1)}
    )
    yield text
    yield from tell(read_services(put(folder, "t.json", text)), "again")


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "traces": _traces,
    "streams": _streams,
    "services": _services,
}


@pytest.mark.parametrize("name", CASES)
def test_traces_are_those_of_the_golden_file(name: str, tmp_path: Path) -> None:
    """Every request and sentence is that which was read and found right."""
    kept(HERE / f"trace-{name}.txt", CASES[name](tmp_path), tmp_path)
