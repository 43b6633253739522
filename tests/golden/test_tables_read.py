"""What the reader of tables makes of good, odd and broken files: every cell, or the whole error."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.golden.telling import Lines, kept, outcome, put, tell
from wattlas.data.hours_checks import HoursTable, check_hours, lacks, told_gaps
from wattlas.data.hours_units import suspicions
from wattlas.data.pack_checks import check_path, guess_table
from wattlas.data.place_checks import Site, implausible_trip, misplaced
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
SCHEMAS = {
    **TABLES,
    "choices": CHOICES,
    "totals": TOTALS,
    "vision": VISION,
    "weather": WEATHER,
    "forecasts": FORECASTS,
    "metered": METERED,
}
HEAD = "time_utc,zone,price_usd_per_mwh\n"
PRICES = HEAD + "".join(f"2023-06-01T0{h}:00:00Z,NO,{40.4 - 1.3 * h:.1f}\n" for h in range(3))
REGIONS = "region,zone,pue,reserved_gpu,variants,lat_deg\n"
METROS = "metro,lat_deg,lon_deg,population,timezone\n"


def _packed(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


FILES: dict[str, str | bytes] = {
    # how a file is written
    "price.plain": PRICES,
    "price.comments": f"# one\n\n#two\n{PRICES}# last\n\n",
    "price.quoted": PRICES.replace("NO", '"N,O"').replace("zone", '"zone"'),
    "price.semicolons": PRICES.replace(",", ";").replace(".", ","),
    "price.tabs": PRICES.replace(",", "\t"),
    "price.pipes": PRICES.replace(",", " | "),
    "price.preamble": f"Made by us;2023\nno header, yet\n{PRICES}",
    "price.sep": "sep=;\n" + PRICES.replace(",", ";"),
    "price.bom": "\ufeff" + PRICES,
    "price.utf16": PRICES.replace("NO", "Ø").encode("utf-16"),
    "price.utf16be": PRICES.encode("utf-16-be"),
    "price.cp1252": PRICES.replace("NO", "Zürich").encode("cp1252"),
    "price.returns": PRICES.replace("\n", "\r"),
    "price.windows": PRICES.replace("\n", "\r\n"),
    "price.gzip": _packed(PRICES),
    "price.spaces": PRICES.replace(",", " , ").replace("NO", "  NO  "),
    "price.empty lines": PRICES.replace("\n", "\n\n,,\n"),
    "price.nameless": PRICES.replace("\n", ",\n"),
    "price.nameless filled": PRICES.replace("mwh\n", "mwh,\n").replace("Z,NO", "Z,NO,7"),
    "price.twice": PRICES.replace("zone,", "zone,zone,"),
    "price.ragged": PRICES + "2023-06-01T04:00:00Z,NO,1,2,3\n",
    "price.short": PRICES + "2023-06-01T04:00:00Z,NO\n",
    "price.unclosed": PRICES + '2023-06-01T04:00:00Z,"NO,1\n',
    "price.empty": "",
    "price.blank": "\n \n\n",
    "price.header": HEAD,
    "price.on its side": "time_utc" + ",x" * 6000 + "\n",
    "price.late header": "a\n" * 70 + PRICES,
    # columns
    "price.misspelt": PRICES.replace("zone", "zonne"),
    "price.other case": PRICES.replace("zone", "Zone"),
    "price.missing below comments": "# c\n# d\n" + PRICES.replace("price_usd_per_mwh", "price"),
    "price.wide": "time_utc,DE,FR\n2023-06-01T00:00:00Z,1,2\n",
    "price.both missing": "a,b\n1,2\n",
    # cells
    "price.cells": HEAD + "2023-06-01T00:00:00Z,NO,\n2023-06-01T01:00:00Z,NO,NaN\n"
    "2023-06-01T02:00:00Z,NO,inf\n2023-06-01T03:00:00Z,NO,-inf\n2023-06-01T04:00:00Z,NO,-7\n"
    "2023-06-01T05:00:00Z,,5\n,NO,5\n2023-06-01 07:00,NO,5\n2023-06-01T08:00:00+02:00,NO,5\n"
    'yesterday,NO,5\n2023-06-01T10:00:00Z,NO,4 USD\n2023-06-01T11:00:00Z,NO,"1,234.5"\n',
    "price.many wrong": HEAD + "".join(f"2023-06-01T0{h}:00:00Z,NO,x{h}\n" for h in range(9)),
    "price.doubled": PRICES + PRICES[len(HEAD) :] * 3,
    "price.comma decimals": PRICES.replace(",", ";")
    .replace("40.4", "1.040,4")
    .replace("39.1", "39,1"),
    "price.both decimals": PRICES.replace(",", ";").replace("40.4", "40,4"),
    "carbon.cells": "time_utc,zone,average_g_per_kwh,marginal_g_per_kwh\n"
    "2023-06-01T00:00:00Z,NO,-1,2\n2023-06-01T01:00:00Z,NO,3,\n2023-06-01T02:00:00Z,NO,,x\n",
    "regions.cells": REGIONS + "a,NO,1.1,free,big; small ;,10\nb,NO,0.9,-1,,91\nc,,x,inf,a;b,-90\n"
    ",NO,1.2,3,a,0\na,NO,1.2,,a,0\n d ,NO,nan,1e3,;;,90\n",
    "regions.lacks": "region,pue\na,1.1\n",
    "regions.almost": "region,zones,PUE\na,NO,1.1\n",
    "metros.cells": METROS + "a,1,2,3,Africa/Lagos\na,1,2,3,Mars/Base\nb,-91,181,-1,\nc,,,x,UTC\n"
    "d,1,2,2000000000,UTC\n",
    "metros.thousands": METROS
    + 'a,"1.5",2,"1,234,567",UTC\nb,2,3,1 234 567,UTC\nc,2,3,12\'000,UTC\n',
    "rtt_node_region.pairs": "node,region,rtt_ms,method\na,x,1,m\na,y,-2,m\n"
    "a,x,3,\nb,z,4000,\n,x,1,\n",
    "rtt_node_region.matrix": "from,x,y,z\na,1 ms,2,-\nb,3,4.5MS,n/a\nc,,5,6\n",
    "rtt_node_region.matrix wrong": "from,x,y,z\na,1,2,3\nb,3,far,5\nc,,5,6\n",
    "rtt_node_region.matrix commas": 'from;x;y\na;1,5;2\nb;3;"4,25"\n',
    "rtt_node_region.turned matrix": "region,m,n\nx,1,2\ny,3,4\n",
    "rtt_node_region.no matrix": "from,x,y\na,b,c\nb,3,d\n",
    "rtt_node_region.one column": "from\na\n",
    "classes.cells": "class,latency_budget_ms,latency_to,relaxable,points,"
    "state\nA,300,first_token,1,"
    "a;b,sticky\nB,0,full_anser,maybe,,stiky\nC,1e3,,TRUE,;,\nD,x,full_answer,0.0,b,pinned\n",
    "token_profiles.names": "trace,class,requests,tokens_in_mean,tokens_out_mean\na,A,3,10,20.5\n"
    "b,B,3.5,-1,x\n",
    "token_profiles.both names": "trace,token_profile,tokens_in,tokens_in_mean,"
    "tokens_out\na,b,1,2,3\n",
    "points.cells": "point,variant,accuracy,ttft_ms,accelerators\np,v,0.87,10,1\nq,v,87,10,0\n"
    "r,,1.01,-1,2\n",
    "choices.cells": "respondent,task,alt,choice,accuracy,latency_ms,carbon_g,price_usd\n"
    "r,1,a,1,0.8,200,0.3,0.01\nr,1,b,yes,0.8,200,,0.01\n",
    "totals.cells": "metro,country,class,period,requests_per_day\na,,A,2023-05,5\n,DE,A,,-5\n",
    "vision.cells": "arch,top1,throughput,infer_batch_size\nm,81.5,500,64\nn,150,0,-1\no,,x,1\n",
    "weather.cells": "time_utc,zone,temperature_c,wind_speed_m_per_s,humidity_pct\n"
    "2023-06-01T00:00:00Z,NO,-70,-1,101\n2023-06-01T01:00:00Z,NO,12,3,\n",
    "metered.cells": "time_utc,region,it_kwh\n2023-06-01T00:00:00Z,a,0\n"
    "2023-06-01T01:00:00Z,a,2.5\n",
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
    broken = put(folder, "broken.parquet", b"PAR1 and no more")
    yield from outcome(lambda: read_table(broken, TABLES["price"], "broken"))


NUMBERS = {
    "points": ["1.5", "2", "-3.25", None],
    "commas": ["1,5", "2", "-3,25"],
    "thousands": ["1,234.5", "12,345,678", "7"],
    "their thousands": ["1.234,5", "12.345.678", "7"],
    "open": ["1,234", "5,678"],
    "open points": ["1.234", "5.678"],
    "spaces": ["1 234,5", "12 345"],
    "apostrophes": ["1'234.5", "9"],
    "two numbers": ["1 2", "3 45"],
    "minus": ["\u22121,5", "- 2"],
    "exponents": ["1e3", "2,5e-3"],
    "zeros": ["0,123", "0,5"],
    "bare": [",5", "1"],
    "points bare": [".5", "1.25"],
    "mixed": ["1.5", "1,5"],
    "words": ["n/a", "x", "-", "3"],
    "twice": ["1.234.567", "1.234"],
    "signs": ["+1,5", "+2"],
    "none": [None, None],
    "four": ["1,2345", "2"],
    "long": ["1.2345", "2"],
    "infinite": ["inf", "NaN", "1"],
}


def _numbers(_folder: Path) -> Iterator[str]:
    for name, cells in NUMBERS.items():
        column = pl.Series("c", cells, dtype=pl.String)
        marks = [numbers.decimal_mark(column.drop_nulls(), s) for s in ",;"]
        read = [tuple(tell(numbers.numbers(column, m), m)) for m in ".,"]
        yield f"{name}: marks {marks}; {read}; nothing {numbers.is_nothing(column).to_list()}"


STAMPS = (
    "2023-06-01T07:30:15Z",
    "2023-06-01T07:30+02:00",
    "2023-06-01 07:30:15.25 -0330",
    "2023-06-01",
    "2023/6/1 7:05",
    "01.06.2023 07:30",
    "1/6/2023 07:30",
    "13/6/2023 1 pm",
    "6/13/2023 12:15 am",
    "20230601 0730",
    "20230601T073015Z",
    "Jun 1, 2023 7:30 AM",
    "1-Jun-2023 07:30",
    "June 1 2023",
    "Thu, 1 Jun 2023 07:30",
    "2023-06-01 24:00",
    "2023-06-01 24:01",
    "2023-06-01 07:30 CEST",
    "2023-06-01 07:30 (CET)",
    "2023-06-01 07:30 IST",
    "2023-06-01 07:30 UTC+5",
    "2023-06-01 7 GMT-03:30",
    "2023-06-01 07:00 - 2023-06-01 08:00",
    "2023-06-01T07:00Z/2023-06-01T08:00Z",
    "2023-06-01T07:00+02:00[Europe/Oslo]",
    "2023-13-01 07:00",
    "2023-02-30 07:00",
    "2023-06-31",
    "2023-06-01 25:00",
    "2023-06-01 07:60",
    "2023-06-01 13 pm",
    "2023-06-01 0 am",
    "2023-06-01 12 pm",
    "2023-06-01-13:00",
    "2023-06-01 07:30:61",
    "07:30",
    "",
    "soon",
    "1999-12-31 23:59 EST",
    "2023-06-01 07:30 PDT",
    "2023-06-01 07:30 AEDT",
    "2023-06-01T07:30:00-00:30",
)
EPOCHS = (
    ["1685604600", "1685608200"],
    ["1685604600000", "1685608200000.0"],
    ["1685604600000000"],
    ["1685604600000000000"],
    ["2023060107", "2023060108"],
    ["2023990107"],
    ["16856046"],
    ["x"],
    [],
    ["1685604600", "168560820"],
    ["1685604600", None],
)
ORDERS = (
    ["1/6/2023"],
    ["13/6/2023", "1/6/2023"],
    ["6/13/2023"],
    ["13/6/2023", "6/13/2023"],
    ["1.6.2023"],
    ["2023-06-01"],
    [],
    ["12/12/2023"],
    ["12-13-2023"],
)


def _stamps(_folder: Path) -> Iterator[str]:
    column = pl.Series("t", STAMPS)
    read = [stamps.parsed(column, order) for order in (None, "day-first", "month-first")]
    for n, text in enumerate(STAMPS):
        parts = {tuple(str(v) for v in frame.row(n)): None for frame in read}
        yield f"{text!r}: {' or '.join(' '.join(p) for p in parts)}"
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


def hourly(begin: str, count: int, step_min: int = 60, **series: float) -> pl.DataFrame:
    """Rows of series, each value another."""
    first = datetime.fromisoformat(begin)
    times = [first + timedelta(minutes=step_min * n) for n in range(count)]
    parts = [
        pl.DataFrame(
            {TIME: times, "zone": zone, "price_usd_per_mwh": [base + 0.5 * n for n in range(count)]}
        )
        for zone, base in series.items()
    ]
    return pl.concat(parts).with_columns(
        pl.col(TIME).dt.replace_time_zone("UTC").cast(stamps.INSTANT)
    )


def without(frame: pl.DataFrame, zone: str, *hours: int) -> pl.DataFrame:
    """The rows without some of a series, by number."""
    n = pl.int_range(pl.len()).over("zone")
    return frame.filter(~((pl.col("zone") == zone) & n.is_in(hours)))


def _local(day: str, zone: str) -> pl.DataFrame:
    """Two days of local stamps passed off as UTC."""
    first = datetime.fromisoformat(day)
    utc = pl.datetime_range(first, first + timedelta(hours=47), "1h", time_zone="UTC", eager=True)
    wall = utc.dt.convert_time_zone(zone).dt.replace_time_zone(None).dt.replace_time_zone("UTC")
    return pl.DataFrame(
        {
            TIME: wall.cast(stamps.INSTANT),
            "zone": "A",
            "price_usd_per_mwh": [1.0 * n for n in range(48)],
        }
    )


def hours_frames() -> dict[str, pl.DataFrame]:
    """Series with what is wrong with them."""
    two = hourly("2023-06-01", 30, A=40, B=50)
    half = hourly("2023-06-01", 48, 30, A=40)
    value = pl.col("price_usd_per_mwh")
    return {
        "sound": two,
        "gap": without(two, "A", 3),
        "gaps": without(two, "B", 0, 3, 4, 5, 9, 12, 15, 20, 29),
        "doubled": pl.concat([two, two[5:7], two[40:41]]),
        "unsorted": two.reverse(),
        "stray": pl.concat([two, hourly("2023-06-01T05:17", 1, A=1)]),
        "half hours": half,
        "half and whole": pl.concat([half, hourly("2023-06-01", 24, B=1)]),
        "half with a gap": without(half, "A", 7, 8),
        "late": pl.concat([half, hourly("2023-06-01T00:15", 48, 30, B=1)]),
        "changes": pl.concat([hourly("2023-06-01", 48, A=1), hourly("2023-06-03", 144, 15, A=9)]),
        "three hours": hourly("2023-06-01", 8, 180, A=1),
        "seven minutes": hourly("2023-06-01", 8, 7, A=1),
        "one row": hourly("2023-06-01", 1, A=1),
        "spring": _local("2024-03-30T12:00", "Europe/Berlin"),
        "autumn": _local("2024-10-26T12:00", "Europe/Berlin"),
        "their autumn": _local("2024-11-02T12:00", "America/New_York"),
        "values": two.with_columns(
            pl.when(value == 42)
            .then(None)
            .when(value == 44)
            .then(float("nan"))
            .when(value == 51)
            .then(float("inf"))
            .otherwise(value - 55)
            .alias(value.meta.output_name())
        ),
        "per kWh": two.with_columns(value / 1000),
        "another currency": two.with_columns(value * 1000),
        "short and odd": hourly("2023-06-01", 20, A=4000),
    }


SPANNED = ("sound", "gap", "half with a gap", "late", "stray")


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
        if name in (
            "per kWh",
            "another currency",
            "short and odd",
            "spring",
            "autumn",
            "their autumn",
        ):
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
    for size in (64, 1 << 20):
        before, dialect.PIECE_BYTES = dialect.PIECE_BYTES, size
        try:
            read = list(dialect.pieces(file))
        finally:
            dialect.PIECE_BYTES = before
        yield f"pieces of {size}: {[p.height for p in read]} {pl.concat(read)['__row'].to_list()}"
    yield f"lines {dialect.line_numbers(file)}"
    rows = put(folder, "k.csv", "metro,x\na,1\n")
    yield from tell(read_table(rows, TABLES["metros"], "k", stretch=stretch).frame, "without times")


def without_zone(text: str) -> str:
    """The table without its second column."""
    return "\n".join(",".join(line.split(",")[::2]) for line in text.splitlines()[:9]) + "\n"


PLACES: Sequence[tuple[float, float, str]] = (
    (59.9, 10.7, "Europe/Oslo"),
    (59.9, -10.7, "Europe/Oslo"),
    (10.7, 59.9, "Europe/Oslo"),
    (-33.9, 151.2, "Australia/Sydney"),
    (33.9, 151.2, "Australia/Sydney"),
    (41.9, 87.6, "America/Chicago"),
    (41.9, -87.6, "Mars/Base"),
    (1.0, 104.0, "Etc/GMT+5"),
    (52.5, 13.4, "Asia/Tokyo"),
    (0.5, 130.0, "Europe/Paris"),
    (-17.7, 178.0, "Pacific/Fiji"),
    (-17.7, -178.0, "Pacific/Fiji"),
    (64.1, -21.9, "Atlantic/Reykjavik"),
    (36.0, -120.0, "Asia/Tokyo"),
)


def _places(folder: Path) -> Iterator[str]:
    """Places and trips that cannot be, and single files judged as a whole."""
    for lat, lon, zone in PLACES:
        yield f"{lat} {lon} {zone}: {misplaced(Site(lat, lon), zone)}"
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
def test_tables_are_read_as_the_golden_file_has_it(name: str, tmp_path: Path) -> None:
    """Every cell, line and sentence is that which was read and found right."""
    kept(HERE / f"{name}.txt", CASES[name](tmp_path), tmp_path)
