"""What an import makes of tables of others: every row and note, or the whole question."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.data.test_recipes import CASES as RECIPE_CASES
from tests.data.test_recipes import PAIRS
from tests.data.test_sheets import book
from tests.golden.inputs.import_values import (
    AMOUNTS,
    FORMS,
    HEADERS,
    JSONS,
    TOPS,
    TWO,
    VALUES,
    WRONG,
    V,
)
from tests.golden.inputs.imports import (
    AUTUMN_DAY,
    CLOCKS,
    IN_COLUMNS,
    NUMBERED,
    PLAIN,
    SPRING_DAY,
    H,
    Option,
    T,
    days,
    hours_of_days,
)
from tests.golden.inputs.tables import hourly, without
from tests.golden.telling import Lines, kept, outcome, plain, put
from wattlas.data.importers import Imported, Layout, Rules, prepare, read_files
from wattlas.data.importers import sheets as sheets_
from wattlas.data.importers.recipes import RECIPES, layout_of, looks_like
from wattlas.data.importers.units import scale_of, stated
from wattlas.data.schema.hours import TIME

HERE = Path(__file__).parent / "reading"


def rows_of(frame: pl.DataFrame) -> Iterator[str]:
    """A line for each series: its times, short, and its values."""
    keys = [n for n in frame.columns if frame.schema[n] == pl.String]
    if TIME not in frame.columns:
        yield from (" | ".join(map(plain, row)) for row in frame.iter_rows())
        return
    values = [n for n in frame.columns if n not in (TIME, *keys)]
    for names, part in frame.group_by(keys, maintain_order=True):
        before = ""
        cells = []
        for row in part.iter_rows(named=True):
            day, time = f"{row[TIME]:%m-%d %H:%M:%S}".removesuffix(":00").split()
            figures = "/".join(plain(row[v]) for v in values)
            cells.append(f"{'' if day == before else day + ' '}{time}={figures}")
            before = day
        yield f"{'/'.join(map(str, names))}: {', '.join(cells)}"


def told(read: Imported, prepared: bool = False) -> Lines:
    """Rows and everything that is said of them."""
    lines = [*rows_of(read.frame), *(f"note: {note}" for note in read.notes)]
    facts = {
        n: getattr(read, n)
        for n in (
            "table",
            "values",
            "source",
            "licence",
            "intensity",
            "unit_from",
            "time_zone",
            "headers",
            "filled",
        )
    }
    usual = {
        "licence": "",
        "intensity": "life-cycle",
        "time_zone": "UTC",
        "filled": {},
        "unit_from": "",
    }
    if not prepared:
        lines.append("; ".join(f"{n} {plain(v)}" for n, v in facts.items() if usual.get(n) != v))
    return Lines(lines)


def imported(files: Sequence[Path], **fields: Any) -> Iterator[str]:
    """What is read."""
    yield from outcome(lambda: told(read_files(files, Layout(**{"table": "price", **fields}))))


def _prepared(read: Imported, rules: Rules) -> Iterator[str]:
    made = prepare(read, rules)
    yield "-- written"
    yield from told(made.rows, prepared=True)
    yield from (f"gap: {gap}" for gap in made.gaps)
    yield f"filled {made.rows.filled}"


def _clocks(folder: Path) -> Iterator[str]:
    for name, (text, fields) in CLOCKS.items():
        yield f"== {name}"
        file = put(folder, "t.csv", text)
        yield from imported([file], **PLAIN, **fields)
    for name, (text, fields) in IN_COLUMNS.items():
        yield f"== hours in columns, {name}"
        told: Option = {"time_column": "d", "unit": "usd/mwh"} if "table" not in fields else {}
        yield from imported([put(folder, "t.csv", text)], **told, **fields)
    for name, (spring, autumn) in NUMBERED.items():
        usual = range(int(spring[0] != 0), 24 + int(spring[0] != 0))
        for day, hours in ((SPRING_DAY, spring), (AUTUMN_DAY, autumn)):
            yield f"== hours {name}, {day}"
            file = put(folder, "t.csv", hours_of_days(("2024-06-01", usual), (day, hours)))
            yield from imported([file], **PLAIN, **H, time_zone="Europe/Berlin")
    yield "== of two files, each with its own steps"
    first = put(folder, "a.csv", "d,h,p\n" + "\n".join(f"2024-06-01,{h},{h}" for h in range(1, 25)))
    second = put(
        folder, "b.csv", "d,h,p\n" + "\n".join(f"2024-06-02,{h},{h}" for h in range(1, 97))
    )
    yield from imported([first, second], **PLAIN, **H)
    yield "== of two files, of which one alone does not tell its steps"
    few = put(folder, "c.csv", "d,h,p\n2024-06-03,5,1\n2024-06-03,6,2\n")
    yield from imported([few, first], **PLAIN, **H)
    yield from imported([few], **PLAIN, **H)


def _values(folder: Path) -> Iterator[str]:
    for name, (text, fields) in VALUES.items():
        yield f"== {name}"
        yield from imported([put(folder, "t.csv", text)], **fields)
    for name, body in JSONS.items():
        yield f"== json, {name}"
        file = put(folder, "t.json", json.dumps(body))
        fields = {"table": "rtt"} if name == "matrix" else V
        yield from imported([file], **fields)
    yield "== no json"
    yield from imported([put(folder, "t.json", "{")], **V)
    yield "== parquet"
    frame = pl.DataFrame({"t": [datetime(2024, 6, 1)], "p": [1]})
    frame.write_parquet(folder / "t.parquet")
    yield from imported([folder / "t.parquet"], **V, given=frozenset(["separator"]), separator=",")
    pl.DataFrame({"t": [datetime(2024, 6, 1).date()], "p": [True]}).write_parquet(
        folder / "u.parquet"
    )
    yield from imported([folder / "u.parquet"], **V)
    yield "== several files"
    first, second = (
        put(folder, f"{n}.csv", days(*stamps))
        for n, stamps in (("a", TWO), ("b", (*TWO, "2024-06-01T02:00Z")))
    )
    third = put(folder, "c.csv", days(TWO[0], TWO[0], values=[9, 9]))
    yield from imported([first, second], **V)
    yield from imported([third, first], **V)
    yield from imported([put(folder, "d.csv", "x\n1\n"), put(folder, "e.csv", ""), first], **V)
    yield from imported([], **V)
    both, needless = [first, folder / "t.parquet"], frozenset(["separator", "sheet", "dates"])
    for some in (both, both[:1], both[1:]):
        yield from imported(some, **V, separator=",", sheet="x", dates="day-first", given=needless)


def _recipes(folder: Path) -> Iterator[str]:
    for n, (name, options, text, *_) in enumerate(
        [*RECIPE_CASES, *((p[0], "", p[1]) for p in PAIRS)]
    ):
        yield f"== {name} {options}"
        words = options.replace("--average", "").split()
        fields = {k.removeprefix("--"): v for k, v in zip(words[::2], words[1::2], strict=True)}
        given: Option = {
            k: float(v) if k == "factor" else (v,) if k == "only" else v for k, v in fields.items()
        }
        ending = ".json" if text[0] in "[{" else ".md" if text[0] == "|" else ".csv"
        file = put(folder, f"download{n}{ending}", text)
        read = read_files([file], layout_of(name, **given))
        yield from told(read)
        if read.frame.columns[0] == TIME:
            rules = Rules(average="--average" in options, keep_steps="--average" not in options)
            yield from outcome(lambda read=read, rules=rules: Lines(_prepared(read, rules)))
        if ending == ".csv" and name != "omie":
            yield f"looks like {looks_like(read.headers)!r}"
    for name in RECIPES:
        made = layout_of(name, zone="Z", unit="", where={"a": "b"}, intensity="direct")
        yield (
            f"{name}: {made.zone} {made.zone_column} {dict(made.where)} {made.currency} "
            f"{made.value_column}"
        )
    yield from outcome(lambda: layout_of("entsoe"))
    made = layout_of("neso", zone_column="q", unit="kg/kwh")
    yield f"{made.zone} {made.zone_column} {made.unit} {sorted(made.given)}"


def _units(_folder: Path) -> Iterator[str]:
    for fields in WRONG:
        yield from (
            f"{fields}: {line}" for line in outcome(lambda fields=fields: Layout(**fields).unit)
        )
    for table, headers in HEADERS.items():
        for header in headers:
            unit = stated(header, Layout(table))
            scales = [scale_of(Layout(table, factor=f), unit) for f in (None, 3.0)]
            shown = (
                "-"
                if unit is None
                else f"{plain(unit.scale)} {unit.currency or '-'} {unit.unknown or '-'}"
            )
            yield f"{table}, {header}: {shown}; {plain(scales)}"


def _cross(_folder: Path) -> Iterator[str]:
    """Headers of every unit in every form: those of equal meaning stand together."""
    for table, tops in TOPS.items():
        for top in tops:
            for form in FORMS:
                meant: dict[str, list[str]] = {}
                for amount in AMOUNTS:
                    unit = stated(form.format(top=top, amount=amount), Layout(table))
                    told = "-" if unit is None else f"{plain(unit.scale)} {unit.currency}"
                    unknown = "" if unit is None else unit.unknown.replace(amount, "AMOUNT")
                    meant.setdefault(f"{told} {unknown}".strip(), []).append(amount)
                shown = "; ".join(f"{' '.join(names)}: {what}" for what, names in meant.items())
                yield f"{table}, {form.replace('{top}', top)}: {shown}"


def _new(frame: pl.DataFrame, **fields: Any) -> Imported:
    return Imported(
        **{
            "table": "price",
            "frame": frame,
            "values": ("price_usd_per_mwh",),
            "source": "us",
            **fields,
        }
    )


def uneven_frames() -> dict[str, pl.DataFrame]:
    """Series with gaps, of steps of their own, and beside each other."""
    two = hourly("2023-06-01", 12, A=40, B=50)
    half = hourly("2023-06-01", 16, 30, A=40)
    return {
        "sound": two,
        "gap": without(two, "A", 3, 4),
        "long gap": without(two, "B", 3, 4, 5, 6, 8),
        "doubled": pl.concat([two, two[5:7]]),
        "half": half,
        "half with gaps": without(half, "A", 3, 8, 9),
        "at half past": hourly("2023-06-01T00:30", 6, A=1),
        "late ends": pl.concat([two, hourly("2023-06-01T12:20", 1, A=9)]),
        "mixed": pl.concat(
            [half, hourly("2023-06-01", 8, B=3), hourly("2023-06-01T00:30", 8, C=30)]
        ),
        "part hours": half[1:-2],
        "stray": pl.concat([two, hourly("2023-06-01T05:17", 1, A=1)]),
        "empty values": two.with_columns(
            pl.when(pl.col("price_usd_per_mwh") == 42)
            .then(None)
            .otherwise("price_usd_per_mwh")
            .alias("price_usd_per_mwh")
        ),
        "tens": hourly("2023-06-01", 18, 10, A=6),
        "many halves": hourly("2023-06-01", 4, 30, **dict.fromkeys("LKJIHGFEDCBA", 7)),
        "nothing": hourly("2023-06-01T00:30", 1, A=1),
        "kWh": hourly("2023-06-01", 30, A=0.01, B=3).with_columns(
            pl.col("price_usd_per_mwh") / 100
        ),
    }


UNEVEN = (
    "at half past",
    "gap",
    "long gap",
    "half with gaps",
    "mixed",
    "stray",
    "doubled",
    "empty values",
)


def _rules(_folder: Path) -> Iterator[str]:
    """Rows judged, filled, averaged and cut."""
    frames = uneven_frames()
    two, half = frames["sound"], frames["half"]
    ways = {
        "none": Rules(),
        "linear": Rules(fill="linear"),
        "previous": Rules(fill="previous", fill_most=4),
        "average": Rules(average=True),
        "steps": Rules(keep_steps=True),
        "gaps": Rules(allow_gaps=True, keep_steps=True),
        "all": Rules(fill="linear", fill_most=1, average=True, allow_gaps=True),
    }
    for name, frame in frames.items():
        for way, rules in ways.items():
            usual = ("steps",) if name == "many halves" else ("none", "linear", "average")
            if way not in usual and name not in UNEVEN:
                continue
            yield f"== {name}, {way}"
            yield from outcome(
                lambda frame=frame, rules=rules: Lines(_prepared(_new(frame), rules))
            )
    demand = two.rename({"zone": "metro", "price_usd_per_mwh": "requests_per_h"}).with_columns(
        pl.lit("k").alias("class")
    )
    halves = half.rename({"zone": "metro", "price_usd_per_mwh": "requests_per_h"}).with_columns(
        pl.lit("k").alias("class")
    )
    slashed = demand.with_columns(pl.lit("Lab/").add(pl.col("metro")).alias("metro"))
    slashed = slashed.with_columns(pl.lit("k/l/m").alias("class"))
    alike = slashed.with_columns(
        pl.lit("Lab").alias("metro"), (pl.col("metro").str.tail(1) + "/k/l/m").alias("class")
    )
    for frame in (slashed, pl.concat([slashed, alike])):
        for rules in (Rules(), Rules(fill="linear"), Rules(average=True)):
            new = _new(frame, table="demand", values=("requests_per_h",))
            yield f"== names with a slash, {frame.height} rows"
            yield from outcome(lambda new=new, rules=rules: Lines(_prepared(new, rules)))
    new = _new(slashed, table="demand", values=("requests_per_h",))
    made = prepare(new, Rules(average=True)).rows.frame
    yield f"{made.select('metro', 'class').unique(maintain_order=True).rows()}"
    for frame in (demand, halves):
        for unit in ("", "--unit requests"):
            for rules in (
                Rules(keep_steps=True),
                Rules(average=True, per_step=True),
                Rules(keep_steps=True, per_step=True),
            ):
                yield f"== demand of {frame.height} {unit} {rules.average} {rules.per_step}"
                new = _new(frame, table="demand", values=("requests_per_h",), unit_from=unit)
                yield from outcome(lambda new=new, rules=rules: Lines(_prepared(new, rules)))


def _sheets(folder: Path) -> Iterator[str]:
    """Spreadsheets: one sheet or several, dates as such, rows above the header."""
    head, rows = ("t", "p"), [(45444.0 + n / 24, 1.5 + n) for n in range(3)]
    named = [("2024-06-01 00:00", 1.0), ("2024-06-01 01:00", 2.0)]
    books: dict[str, dict[str, Any]] = {
        "texts": {"one": [head, *named]},
        "above": {"one": [("made by us", None), (None, None), head, *named]},
        "two": {"notes": [("read me", None)], "data": [head, *named]},
        "alike": {"a": [head, *named], "b": [head, *named[:1]]},
        "empty": {"one": []},
        "numbers": {"one": [head, *rows]},
    }
    for name, sheets in books.items():
        for sheet in (None, "b", "data"):
            if sheet is None or sheet in sheets or name == "texts":
                yield f"== {name}, {sheet}"
                file = book(folder / f"{name}.xlsx", **sheets)
                yield from imported([file], **PLAIN, **T, sheet=sheet)
    yield "== too large"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sheets_, "MOST_BYTES", 100)
        yield from (
            re.sub(r"unpacks to \S+", "unpacks to SIZE", line)
            for line in imported([folder / "texts.xlsx"], **PLAIN, **T)
        )
    yield "== with a separator of texts"
    yield from imported([folder / "texts.xlsx"], **PLAIN, **T, separator=";")
    for name, content in {"no.xlsx": b"PK", "no.xlsm": b"PK\x03\x04 and no more"}.items():
        yield from imported([put(folder, name, content)], **PLAIN, **T)


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "clocks": _clocks,
    "values": _values,
    "recipes": _recipes,
    "units": _units,
    "cross": _cross,
    "rules": _rules,
    "sheets": _sheets,
}


@pytest.mark.parametrize("name", CASES)
def test_imports_are_those_of_the_golden_file(name: str, tmp_path: Path) -> None:
    """Every row, note and question is that which was read and found right."""
    kept(HERE / f"import-{name}.txt", CASES[name](tmp_path), tmp_path)
