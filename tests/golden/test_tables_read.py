"""What the reader of tables makes of good, odd and broken files: every cell, or the whole error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.golden.inputs.tables import (
    EPOCHS,
    FILES,
    HEAD,
    NUMBERS,
    ORDERS,
    PLACES,
    PRICES,
    STAMPS,
    hourly,
    hours_frames,
)
from tests.golden.telling import Lines, kept, outcome, plain, put, tell
from wattlas.data.hours_checks import HoursTable, check_hours, lacks, told_gaps
from wattlas.data.hours_units import suspicions
from wattlas.data.pack_checks import check_path, guess_table
from wattlas.data.place_checks import Site, _place, implausible_trip, misplaced
from wattlas.data.reader import dialect, numbers, stamps
from wattlas.data.reader.cells import doubled, typed
from wattlas.data.reader.source import read_table, source_of
from wattlas.data.reader.stretch import Stretch, times_of
from wattlas.data.schema import TABLES
from wattlas.data.schema.columns import TableSchema
from wattlas.data.schema.hours import FORECASTS, METERED, TIME, WEATHER
from wattlas.data.schema.workload import CHOICES, TOTALS, VISION
from wattlas.data.series import on_grid, parse_utc, stamp, time_range, time_step_h
from wattlas.data.steps import resampled, uncovered, with_steps
from wattlas.model.signals import Hours

HERE = Path(__file__).parent / "reading"
PRICE = "price_usd_per_mwh"
SCHEMAS = {
    **TABLES,
    "choices": CHOICES,
    "totals": TOTALS,
    "vision": VISION,
    "weather": WEATHER,
    "forecasts": FORECASTS,
    "metered": METERED,
}


def _read(file: Path, schema: TableSchema) -> Iterator[str]:
    table = read_table(file, schema, file.name)
    cells = typed(table)
    yield from tell(cells.frame, "read")
    yield f"theirs {dict(table.theirs)}, bad { {k: sorted(v) for k, v in cells.bad.items()} }"
    yield from map(str, cells.problems)
    again, rows = doubled(table, cells.frame)
    yield from map(str, again)
    yield f"doubled {rows}"


def _files(folder: Path) -> Iterator[str]:
    for name, content in FILES.items():
        yield f"== {name}"
        file = put(folder, f"{name}.csv", content)
        yield from outcome(
            lambda file=file, name=name: Lines(_read(file, SCHEMAS[name.split(".")[0]]))
        )
    for name in ("t.xlsx", "t.txt", "no.csv"):
        yield f"== {name}"
        if name[0] == "t":
            put(folder, name, PRICES)
        yield from outcome(lambda name=name: read_table(folder / name, TABLES["price"], name))
    yield from outcome(lambda: read_table(folder, TABLES["price"], "folder"))


def _parquet(folder: Path) -> Iterator[str]:
    times = [datetime(2023, 6, 1, h) for h in range(3)]
    frames: dict[str, tuple[str, dict[str, Any]]] = {
        "naive": ("price", {TIME: times, "zone": ["A"] * 3, "price_usd_per_mwh": [1, 2, None]}),
        "zoned": (
            "price",
            {
                TIME: pl.Series(times).dt.replace_time_zone("Europe/Oslo"),
                "zone": ["A"] * 3,
                "price_usd_per_mwh": [1.5, float("nan"), float("inf")],
            },
        ),
        "numbers as times": (
            "price",
            {TIME: [1, 2, 3], "zone": [7, 8, 9], "price_usd_per_mwh": ["1", "x", ""]},
        ),
        "lists": (
            "regions",
            {
                "region": ["a", "b"],
                "zone": ["A", "B"],
                "pue": [1.1, 1.2],
                "variants": [["x", "y"], None],
                "reserved_gpu": [[1.0], [2.0]],
            },
        ),
        "flags": (
            "classes",
            {"class": ["a", "b"], "latency_budget_ms": [1.0, 2.0], "relaxable": [True, None]},
        ),
        "bytes": (
            "metros",
            {"metro": [b"a", b"\xff"], "lat_deg": [1.0, 95.0], "lon_deg": [1.0, 2.0]},
        ),
        "text bytes": (
            "metros",
            {"metro": [b"a", b"b"], "lat_deg": [1.0, 9.0], "lon_deg": [1.0, 2.0]},
        ),
        "doubled": ("metros", {"metro": ["a"] * 8}),
    }
    for name, (table, columns) in frames.items():
        yield f"== {name}"
        file = folder / f"{name}.parquet"
        pl.DataFrame(columns).write_parquet(file)
        yield from _read(file, TABLES[table])
        yield from outcome(lambda file=file: dialect.read_frame(file, file.name, nested=False))
    zoned = hourly("2023-06-01", 3, A=1).with_columns(
        pl.col(TIME).dt.convert_time_zone("Europe/Oslo")
    )
    yield from map(str, check_hours(HoursTable(source_of(zoned, TABLES["price"], "z.parquet"))))
    broken = put(folder, "broken.parquet", b"PAR1 and no more")
    yield from outcome(lambda: read_table(broken, TABLES["price"], "broken"))


def _numbers(_folder: Path) -> Iterator[str]:
    for name, cells in NUMBERS.items():
        column = pl.Series("c", cells, dtype=pl.String)
        marks = [numbers.decimal_mark(column.drop_nulls(), s) for s in ",;"]
        read = [tuple(tell(numbers.numbers(column, m), m)) for m in ".,"]
        yield f"{name}: marks {marks}; {read}; nothing {numbers.is_nothing(column).to_list()}"


def _stamps(_folder: Path) -> Iterator[str]:
    column = pl.Series("t", STAMPS)
    read = [stamps.parsed(column, order) for order in (None, "day-first", "month-first")]
    for n, text in enumerate(STAMPS):
        parts = {tuple(str(v) for v in frame.row(n)): None for frame in read}
        yield f"{text!r}: {' or '.join(' '.join(p) for p in parts)}"
    marked = pl.Series("t", [f"2023-06-01 12:00 {mark}" for mark in (*stamps.MARKS, "BST", "CST")])
    for text, made in zip(marked, stamps.parsed(marked)["instant"], strict=True):
        yield f"{text}: {made}"
    frame = pl.DataFrame({"t": column})
    yield from tell(frame.select(stamps.zoned(pl.col("t")))["t"], "zoned")
    yield from tell(frame.select(stamps.wall(pl.col("t")))["t"], "wall")
    for texts in EPOCHS:
        made = stamps.epochs(pl.Series("t", texts, dtype=pl.String))
        yield f"{texts}: {None if made is None else [str(t) for t in made]}"
    for texts in ORDERS:
        yield f"{texts}: {stamps.order_of(pl.Series('t', texts, dtype=pl.String))}"
    for text in (
        "2023-06-01T07:30:00+05:30",
        "2023-06-01T07:30",
        " 2023-06-01T07:30Z ",
        "x",
        "2023-06-01",
    ):
        made = parse_utc(text)
        yield f"{text!r}: {None if made is None else stamp(made)}"


SPANNED = ("sound", "gap", "half with a gap", "late", "stray")
APART = ("per kWh", "another currency", "short and odd", "spring", "autumn", "their autumn")
APART += ("spring and a gap", "autumn and a gap", "both in a year", "both and gaps")


def _hours(_folder: Path) -> Iterator[str]:
    """What is said of series, their steps, holes and hours."""
    for name, frame in hours_frames().items():
        yield f"== {name}"
        spans = ((None, None), (datetime.fromisoformat("2023-06-01T02:00+00:00"), 24))
        for start, count in spans if name in SPANNED else spans[:1]:
            source = source_of(frame, TABLES["price"], "t.csv")
            table = HoursTable(source, start, count, known_gaps=frozenset("B"))
            yield from map(str, check_hours(table))
            yield from (f"lacks {s}: {what}" for s, what in lacks(table))
            yield from map(str, told_gaps(table))
            yield from map(str, suspicions(table))
        steps = with_steps(frame, "zone")
        told = steps.group_by("zone", "__step", maintain_order=True).len()
        yield (
            f"steps {told.rows()}, longest {time_step_h(frame, ['zone']):g} h, all "
            f"{time_step_h(frame):g} h"
        )
        first, last = time_range(frame) or ("", "")
        yield f"from {first} to {last}"
        yield from tell(uncovered(steps, "zone"), "uncovered")
    carbon = hourly("2023-06-01", 30, A=-3).rename({"price_usd_per_mwh": "average_g_per_kwh"})
    yield from map(str, check_hours(HoursTable(source_of(carbon, TABLES["carbon"], "c.csv"))))
    sizes = {"low": 1.0, "lower": 0.99, "high": -2000.0, "higher": 2001.0}
    ends = pl.concat(
        hourly("2023-06-01", n, **{f"{name} {n}": 0}).with_columns(pl.lit(v).alias(PRICE))
        for name, v in sizes.items()
        for n in (23, 24)
    )
    yield from map(str, suspicions(HoursTable(source_of(ends, TABLES["price"], "e.csv"))))
    demand = hourly("2023-06-01", 30, A=3).rename(
        {"price_usd_per_mwh": "requests_per_h", "zone": "metro"}
    )
    demand = pl.concat([demand.with_columns(pl.lit(k).alias("class")) for k in "xy"])[:-4]
    yield from map(str, check_hours(HoursTable(source_of(demand, TABLES["demand"], "d.csv"))))


def _grid(_folder: Path) -> Iterator[str]:
    """Series brought to the grid of a study."""
    grids = (
        Hours.range("2023-06-01T01:00", 6),
        Hours.range("2023-06-01T01:00", 6, 0.5),
        Hours.range("2023-06-01T02:00", 3, 2.0),
        Hours.range("2023-06-01T01:30", 4),
        Hours.range("2023-05-31T22:00", 5),
    )
    for name, frame in hours_frames().items():
        if name in APART:
            continue
        table = source_of(frame, TABLES["price"], "t.csv")
        for hours in grids if name in SPANNED else grids[:3]:
            values, have, problems = on_grid(
                table, table.frame, ["zone"], "price_usd_per_mwh", [("A",), ("B",), ("C",)], hours
            )
            yield f"{name}, {hours.utc[0]} {hours.step_h:g} h: {have.tolist()}"
            yield from (" ".join(f"{v:.5g}" for v in row) for row in values[have])
            yield from map(str, problems)
    frame = with_steps(hourly("2023-06-01T00:20", 5, 30, A=1, B=9), "zone")
    for step, phase in ((60, 0), (15, 0), (60, 20), (45, 5)):
        yield from tell(
            resampled(frame, "zone", ["price_usd_per_mwh"], step, phase), f"{step}+{phase}"
        )


def _stretches(folder: Path) -> Iterator[str]:
    """Parts of a table by time, read at once, lazily, and from what was stored."""
    text = (
        HEAD
        + "".join(
            f"2023-06-01T{h:02}:{m}:00Z,{z},{h + int(m) / 60:.2f}\n"
            for z in "AB"
            for h in range(8)
            for m in ("00", "30")
        )
        + 'soon,"A\nB",3\n'
    )
    file = put(folder, "p.csv", f"# c\n{text}")
    (folder / "store").mkdir()
    for store in (None, folder / "store", folder / "store"):
        stretch = Stretch(
            np.datetime64("2023-06-01T03:00"), np.datetime64("2023-06-01T05:00"), store
        )
        table = read_table(file, TABLES["price"], "p", stretch=stretch)
        yield from tell(table.frame.sort("__row"), "stretch")
        yield from map(str, typed(table).problems)
    times, step = times_of(put(folder, "q.csv", text.replace("soon", "")), "zone")
    yield from tell(times[TIME], f"times, {step:g} h")
    times, step = times_of(put(folder, "r.csv", without_zone(text)), "zone")
    yield from tell(times[TIME], f"times, {step:g} h")
    minutes = "".join(f"2023-06-01T00:{m:02}:00Z,A,{m}\n" for m in range(4))
    times, step = times_of(put(folder, "s.csv", HEAD + minutes), "zone")
    yield from tell(times[TIME], f"minutes, {step:g} h")
    for size in (64, 1 << 20):
        before, dialect.PIECE_BYTES = dialect.PIECE_BYTES, size
        try:
            read = list(dialect.pieces(file))
        finally:
            dialect.PIECE_BYTES = before
        yield f"pieces of {size}: {[p.height for p in read]} {pl.concat(read)['__row'].to_list()}"
    yield f"lines {dialect.line_numbers(file)}"
    yield from _heads(folder)
    wide = put(folder, "u.csv", text.replace("soon", "").encode("utf-16"))
    times, step = times_of(wide, "zone")
    yield from tell(times[TIME], f"of UTF-16, {step:g} h")
    yield f"pieces of UTF-16: {[piece.height for piece in dialect.pieces(wide)]}"
    part = Stretch(np.datetime64("2023-06-01T03:00"), np.datetime64("2023-06-01T04:00"))
    yield from tell(read_table(wide, TABLES["price"], "u", stretch=part).frame, "of UTF-16")
    yield from outcome(
        lambda: read_table(put(folder, "x.parquet", b"PAR1"), TABLES["price"], "x", stretch=part)
    )
    rows = put(folder, "k.csv", "metro,x\na,1\n")
    yield from tell(read_table(rows, TABLES["metros"], "k", stretch=stretch).frame, "without times")


def _heads(folder: Path) -> Iterator[str]:
    """The first bytes of files, which may end within a letter."""
    letter = "é".encode()
    contents = {
        "cut within a letter": 63 * b"a" + letter + b"bc",
        "another encoding at the end": 63 * b"a" + letter[:1],
        "another encoding before": 60 * b"a" + b"\xe9" + 9 * b"b",
        "just before": 61 * b"a" + b"\xe9" + 9 * b"b",
        "another encoding at once": b"\xe9" + 99 * b"a",
        "short, another encoding": b"a\xe9",
        "a letter of three bytes": 62 * b"a" + "€".encode() + b"b",
        "half of UTF-16": 64 * b"a\0",
        "nearly UTF-16": 33 * b"a" + 31 * b"\0",
        "returns": b"a\rb\r",
        "all ends": b"a\rb\r\nc\n",
    }
    before, dialect.HEAD_BYTES = dialect.HEAD_BYTES, 64
    try:
        for name, content in contents.items():
            yield f"{name}: {dialect._head(put(folder, 'head.csv', content))}"
    finally:
        dialect.HEAD_BYTES = before


def without_zone(text: str) -> str:
    """The table without its second column."""
    return "\n".join(",".join(line.split(",")[::2]) for line in text.splitlines()[:9]) + "\n"


def _places(folder: Path) -> Iterator[str]:
    """Places and trips that cannot be, and single files judged as a whole."""
    for lat, lon, zone in PLACES:
        yield f"{lat} {lon} {zone}: {misplaced(Site(lat, lon), zone)}"
    for text in ("+4151-08739", "-415106+0873918", "+0000+00000"):
        yield f"{text}: {tuple(map(plain, (_place(text).lat_deg, _place(text).lon_deg)))}"
    oslo, austin = Site(59.9, 10.7), Site(30.3, -97.7)
    for rtt in (3001.0, 3000.0, 53.0, 54.5, 110.0, 0.1):
        yield (
            f"{rtt}: {implausible_trip(oslo, austin, rtt)} "
            f"{implausible_trip(None, oslo, rtt)} {implausible_trip(oslo, oslo, rtt)}"
        )
    for name in (
        "price.plain",
        "regions.cells",
        "metros.cells",
        "rtt_node_region.pairs",
        "price.misspelt",
        "points.cells",
        "rtt_node_region.limits",
        "egress.limits",
        "metros.limits",
        "price.wide",
        "price.both missing",
        "carbon.cells",
    ):
        file = put(folder, f"{name.split('.')[0]}.csv", FILES[name])
        yield f"== {name}"
        for table in (None, "egress"):
            yield from outcome(
                lambda file=file, table=table: check_path(str(file), table), derived=True
            )
    yield from outcome(lambda: check_path(str(file), "prices"))
    columns = (
        ("time_utc", "zone", "price_usd_per_mwh"),
        ("time_utc", "metro", "class", "requests_per_h"),
        ("node", "region", "egress_usd_per_gb"),
    )
    for names in columns:
        yield (
            f"{names}: {guess_table(list(names), Path('x.csv'))}, "
            f"{guess_table(list(names), Path('price.csv'))}"
        )


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "files": _files,
    "parquet": _parquet,
    "numbers": _numbers,
    "stamps": _stamps,
    "hours": _hours,
    "grid": _grid,
    "stretches": _stretches,
    "places": _places,
}


@pytest.mark.parametrize("name", CASES)
def test_tables_are_read_as_the_golden_file_has_it(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every cell, line and sentence is that which was read and found right."""
    kept(HERE / f"{name}.txt", CASES[name](tmp_path), tmp_path)
    assert not capfd.readouterr().err  # polars warns there, and raises nothing
