"""Scenarios whose facts come from packs and public regions: what is taken from where."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.golden.inputs.tables import hourly, without
from tests.golden.telling import Lines, differences, kept, outcome, put, tell
from wattlas.data import whole_file
from wattlas.data.months import is_long, load_months
from wattlas.data.pack import MANIFEST, Generator, PackTime, open_pack, typical_figures
from wattlas.data.pack_checks import check_path
from wattlas.data.pack_writer import NewTable, PackHead, write_pack
from wattlas.data.scenario_file import read
from wattlas.data.target import try_file, try_folder

HERE = Path(__file__).parent / "reading"
DOCUMENT = """
name: packed
pack: ./world
classes:
  a: {latency_budget_ms: 900, token_profile: chat, bytes_per_request: 10000}
demand:
  population: {requests_per_person_day: 0.01, classes: {a: {share: 1, hour_weights: office}}}
"""
START = "2023-06-01"
PROFILES = (
    "point,variant,accuracy,request_j,request_gpu_s,ttft_ms\np,v,0.5,3,0.1,9\nq,w,0.6,4,0.2,8\n"
)


def _carbon(frame: pl.DataFrame, column: str = "average_g_per_kwh") -> pl.DataFrame:
    return frame.rename({"price_usd_per_mwh": column})


def _facts() -> dict[str, NewTable]:
    """Places, round trips and points of a small world."""
    tables = {
        "metros": pl.DataFrame(
            {
                "metro": ["oslo", "delhi"],
                "name": ["Oslo", "Delhi"],
                "country": ["NO", "IN"],
                "jurisdiction": ["EU", "IN"],
                "lat_deg": [59.9, 28.6],
                "lon_deg": [10.7, 77.2],
                "timezone": ["Europe/Oslo", "Asia/Kolkata"],
                "population": [1e6, 3e7],
            }
        ),
        "nodes": pl.DataFrame(
            {
                "node": ["n1", "n2"],
                "name": ["N", "M"],
                "jurisdiction": ["EU", "IN"],
                "lat_deg": [59.0, 20.0],
                "lon_deg": [11.0, 77.0],
            }
        ),
        "regions": pl.DataFrame(
            {
                "region": ["north", "south"],
                "name": ["N", "S"],
                "zone": ["NO", "IN"],
                "country": ["NO", "IN"],
                "jurisdiction": ["EU", "IN"],
                "lat_deg": [60.0, 19.0],
                "lon_deg": [10.0, 73.0],
                "timezone": ["Europe/Oslo", "Asia/Kolkata"],
                "pue": [1.1, 1.5],
            }
        ),
        "rtt_metro_node": pl.DataFrame(
            {
                "metro": ["oslo", "oslo", "delhi"],
                "node": ["n1", "n2", "n2"],
                "rtt_ms": [5.0, 99.0, 20.0],
                "method": ["measured", "x", "measured"],
            }
        ),
        "rtt_node_region": pl.DataFrame(
            {
                "node": ["n1", "n1", "n2", "n2"],
                "region": ["north", "south"] * 2,
                "rtt_ms": [4.0, 130.0, 120.0, 9.0],
                "method": ["measured"] * 4,
            }
        ),
        "egress": pl.DataFrame(
            {
                "node": ["n1", "n1", "n2", "n2"],
                "region": ["north", "south"] * 2,
                "egress_usd_per_gb": [0.01, 0.02, 0.03, 0.04],
            }
        ),
        "points": pl.DataFrame(
            {
                "point": ["big"],
                "variant": ["large"],
                "accuracy": [0.9],
                "prefill_j_per_token": [0.3],
                "decode_j_per_token": [2.4],
                "prefill_gpu_s_per_token": [1e-4],
                "decode_gpu_s_per_token": [4e-3],
                "ttft_ms": [60.0],
                "prefill_ms_per_token": [0.05],
                "itl_ms": [12.0],
            }
        ),
        "token_profiles": pl.DataFrame(
            {
                "token_profile": ["chat"],
                "class": ["a"],
                "requests": [10],
                "tokens_in": [900.0],
                "tokens_out": [150.0],
            }
        ),
    }
    return {name: NewTable(frame, f"source of {name}") for name, frame in tables.items()}


def packs(folder: Path) -> Path:
    """A document, a pack with all that it needs, and packs that are laid over it."""
    both = hourly(START, 30, NO=40, IN=70)
    time = PackTime(start_utc=f"{START}T00:00:00Z", hours=30)
    hours = {"price": NewTable(both, "an exchange"), "carbon": NewTable(_carbon(both), "a grid")}
    head = PackHead("world", "World", time=time, notice="Made up.")
    write_pack(folder / "world", head, _facts() | hours)
    later = hourly(f"{START}T06:00", 12, NO=1)
    over = PackHead("over", "Over", time=time, notice="Over it.", intensity_kind="direct")
    tables = {"price": NewTable(later, "later"), "carbon": NewTable(_carbon(later), "later")}
    write_pack(folder / "over", over, tables)
    write_pack(
        folder / "more",
        PackHead("more", "More", time=time, notice="Unused."),
        {
            "price": NewTable(hourly(START, 30, NO=3, XX=4), "more"),
            "carbon": NewTable(
                _carbon(hourly(START, 30, NO=900), "marginal_g_per_kwh").with_columns(
                    pl.lit(5.0).alias("average_g_per_kwh")
                ),
                "more",
            ),
        },
    )
    write_pack(
        folder / "facts",
        PackHead("facts", "Facts", kind="facts"),
        {
            "points": NewTable(
                pl.DataFrame(
                    {
                        "point": ["p"],
                        "variant": ["v"],
                        "accuracy": [0.5],
                        "request_j": [3.0],
                        "request_gpu_s": [0.1],
                        "ttft_ms": [9.0],
                    }
                ),
                "us",
            ),
            "egress": NewTable(
                pl.DataFrame({"node": ["q"], "region": ["r"], "egress_usd_per_gb": [1.0]}), "us"
            ),
        },
    )
    alone = hourly(START, 30, IN=7)
    half = {"price": NewTable(alone, "half"), "carbon": NewTable(_carbon(alone), "half")}
    write_pack(folder / "half", PackHead("half", "Half", time=time), half)
    put(
        folder,
        "own.csv",
        "time_utc,zone,price_usd_per_mwh\n"
        + "".join(f"{START}T{h:02}:00:00Z,IN,{h}\n" for h in range(24)),
    )
    put(folder, "profiles.csv", PROFILES)
    put(folder, "scenario.yaml", DOCUMENT)
    return folder


SETS: dict[str, tuple[str, ...]] = {
    "hours": (f"time={{start: {START}T03:00:00Z, hours: 5}}",),
    "hours alone": ("time.hours=7",),
    "a part": ("regions.drop=[south]", "metros.only=[oslo]", "nodes.n1.region=north"),
    "over": ("pack=[./world, ./over]",),
    "over, said": ("pack=[./world, ./over]", f"time={{start: {START}T06:00:00Z, hours: 12}}"),
    "over, of one kind": (
        "pack=[./world, ./over]",
        f"time={{start: {START}T06:00:00Z, hours: 12}}",
        "signals.intensity_kind=direct",
    ),
    "over, when": ("pack=[./world, ./over]", "signals.intensity_kind=direct"),
    "apart": ("pack=[./world, ./over, ./half]", "signals.intensity_kind=direct"),
    "apart, of carbon": (
        "pack=[./world, ./over, ./half]",
        'signals={intensity_kind: direct, price: {constant: {IN: 1, "NO": 2}}}',
    ),
    "over, an hour": (
        "pack=[./world, ./over]",
        "signals.intensity_kind=direct",
        "regions.only=[north]",
        "time.hours=40",
    ),
    "profiles": ("offer={points: [q, p], profiles: profiles.csv}",),
    "profiles wrong": ("offer={points: [x, p, p], profiles: profiles.csv}",),
    "profiles of no table": ("offer.points=[p]",),
    "profiles of a pack": ("pack=[./world, typical-2023]", "offer.points=[x]"),
    "over, too long": ("pack=[./world, ./over]", f"time={{start: {START}T06:00:00Z, hours: 13}}"),
    "under": ("pack=[./over, ./world]",),
    "more": ("pack=[./world, ./more]",),
    "more, by average": ("pack=[./world, ./more]", "signals.decide_by=average"),
    "facts": ("pack=[./world, ./facts]",),
    "own price": ("signals.price=own.csv",),
    "own price, missing": (
        "signals.price={table: own.csv, missing: pack, source: me}",
        "time.hours=24",
    ),
    "own price, tiny": (
        "signals.price={table: own.csv, missing: pack, scale: 1.0e-4}",
        "time.hours=24",
    ),
    "price unknown": ("signals.price.unknown=true", "time.hours=24", "objective.minimise=carbon"),
    "own price, unknown": ("signals.price={table: own.csv, unknown: true}",),
    "days and a half": (
        "time={start: 2023-06-01T00:00:00Z, hours: 36, sample: {days_per_month: 1}}",
    ),
    "a day from noon": (
        "time={start: 2023-06-01T12:00:00Z, hours: 24, sample: {days_per_month: 1}}",
    ),
    "days by hand": ("time={start: 2023-06-01T00:00:00Z, hours: 24, sample: {days_per_month: 1}}",),
    "hours alone of a pack": ("pack=./half",),
    "outline wrong": ("regions.north.zone=null", "nodes.only=[]"),
    "own price, missing, all": ("signals.price={table: own.csv, missing: pack}",),
    "missing without": ("signals.price.missing=pack",),
    "missing without a pack": ("pack=./facts", "signals.price={table: own.csv, missing: pack}"),
    "no pack": ("pack=null",),
    "no price": (
        "pack=[./facts]",
        'signals.carbon.constant={"NO": 3}',
        "objective.minimise=carbon",
    ),
    "clouds": (
        "nodes={at: regions}",
        'regions={only: ["aws:eu-north-1", "aws:us-east-1", "gcp:europe-west9", north], '
        '"aws:eu-north-1": {pue: 1.1, zone: "NO"}, "aws:us-east-1": {zone: IN, pue: 1.2}, '
        '"gcp:europe-west9": {zone: IN}}',
        "network.metro_node=fitted",
    ),
    "clouds named": ('regions={north: {cloud: "aws:eu-north-1", pue: 1.3}}',),
}


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
    yield from outcome(lambda: load_months(folder, set=("nodes.only=[]",)).outline())
    yield from outcome(lambda: load_months(folder, set=("time={start: x, hours: 3}",)))
    yield from outcome(lambda: list(load_months(folder, set=("time.hours=31",))))
    for sets in ((), ("time.hours=9000",), ("pack=[./facts]",)):
        yield f"long {sets}: {is_long(folder, set=sets)}"


def figures(rng: np.random.Generator) -> dict[str, pl.DataFrame]:
    """Figures of a typical year of two zones."""
    tables: dict[str, pl.DataFrame] = {}
    grid = [(z, m, h) for z in "AB" for m in range(1, 13) for h in range(24)]
    for signal, unit in (("price", "usd_per_mwh"), ("carbon", "g_per_kwh")):
        columns = dict(zip(("zone", "month", "hour_utc"), zip(*grid, strict=True), strict=True))
        tables[f"{signal}_figures"] = pl.DataFrame(columns).with_columns(
            pl.Series(f"mean_{unit}", rng.uniform(30, 40, len(grid)).round(2)),
            pl.Series(f"std_{unit}", rng.uniform(1, 9, len(grid)).round(2)),
            pl.Series("tail", rng.choice([-1, 1], len(grid))),
        )
        months = [(z, m) for z in "AB" for m in range(1, 13)]
        columns = dict(zip(("zone", "month"), zip(*months, strict=True), strict=True))
        tables[f"{signal}_months"] = pl.DataFrame(columns).with_columns(
            pl.Series(f"low_{unit}", rng.uniform(5, 9, 24).round(2)),
            pl.Series(f"high_{unit}", rng.uniform(90, 99, 24).round(2)),
        )
        tables[f"{signal}_series"] = pl.DataFrame({"zone": ["A", "B"], "slow_share": [0.25, 0.75]})
    tables["correlation"] = pl.DataFrame(
        {
            "signal": ["price"] * 2,
            "zone": ["A", "A"],
            "with_signal": ["price", "carbon"],
            "with_zone": ["B", "A"],
            "correlation": [0.5, 0.25],
        }
    )
    return tables


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
    tables: dict[str, Any] = {"price": part, "carbon": _carbon(two)}
    write_pack(folder / "gaps", head, {n: NewTable(t, "us") for n, t in tables.items()})
    yield from outcome(lambda: check_path(str(folder / "gaps")), derived=True)
    for hours in (7, 8, 21):
        sets = ("pack=[./world, ./gaps]", f"time={{start: {START}T00:00:00Z, hours: {hours}}}")
        yield f"== {hours} hours"
        yield from outcome(lambda sets=sets: read(folder, set=sets).scenario.signals)


def _written(folder: Path) -> Iterator[str]:
    """Files that are written whole, and places that cannot be written to."""
    mask = os.umask(0o022)
    try:
        yield from _whole(folder)
    finally:
        os.umask(mask)


def _listed(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        name = re.sub(r"\.wattlas-\w{8}", ".wattlas-RANDOM", str(path.relative_to(folder)))
        kind = "link" if path.is_symlink() else "folder" if path.is_dir() else path.read_text()
        yield f"  {name} {path.stat().st_mode & 0o777:o} {kind!r}"


def _whole(folder: Path) -> Iterator[str]:
    place = folder / "deep" / "er"
    yield str(whole_file.write_text(place / "a.txt", "one\n"))
    whole_file.write_text(place / "a.txt", "two\n", 0o600)
    whole_file.write_bytes(place / "b.txt", b"bytes")
    (place / "link").symlink_to("a.txt")
    whole_file.write_text(place / "link", "by the link\n")
    for name in (".a.txt.wattlas-abcdefgh", ".b.txt.wattlas-abcdefgh", ".a.txt.wattlas-ABCDEFGH"):
        put(place, name, "left behind")
    whole_file.write_text(place / "a.txt", "three\n")
    yield from _listed(folder)
    texts = {"run.sh": "#!", "x.txt": "x", "sub/y.txt": "y", "sub/z.txt": "z"}
    for made in (texts, {"sub/y.txt": "again"}):
        written = whole_file.write_texts(folder / "many", made, ["run.sh"])
        yield f"{[str(path.relative_to(folder)) for path in written]}"
        yield from (line for line in _listed(folder / "many") if "RANDOM" not in line)
    for wrong in (folder, folder / "a" / "b"):
        put(folder, "a", "a file")
        yield from outcome(lambda wrong=wrong: whole_file.write_text(wrong, "x"))
        yield from outcome(lambda wrong=wrong: try_file(wrong))
        yield from outcome(lambda wrong=wrong: try_folder(wrong / "c"))
    (folder / "many" / "in the way").mkdir()
    yield from outcome(lambda: whole_file.write_texts(folder / "many", {"in the way/x": "y"}))
    yield from outcome(lambda: try_file(folder / ("n" * 300)))
    yield from outcome(lambda: try_file(folder / "new" / "x.txt"))
    yield from outcome(lambda: try_file(folder / "a"))
    told = list(outcome(lambda: try_folder(folder, 1 << 62)))
    yield from (re.sub(r"[\d.]+ MB are free", "N MB are free", line) for line in told)
    yield f"left: {sorted(p.name for p in folder.iterdir())}"
    with whole_file.locked(folder / "many"):
        try:
            with whole_file.locked(folder / "many", wait=False):
                yield "held twice"
        except BlockingIOError:
            yield "held by another"
    with whole_file.locked(folder / "gone"):
        yield f"there {(folder / 'gone').is_dir()}"
    yield f"there {(folder / 'gone').is_dir()}"
    try:
        with whole_file.whole_file(folder / "f.txt") as temporary:
            temporary.write_text("half")
            raise KeyError
    except KeyError:
        yield f"half written: {(folder / 'f.txt').exists()}"
    for fault in (OSError(28, "full"), pl.exceptions.ComputeError("No space (os error 28)")):
        yield from outcome(lambda fault=fault: _refused(folder / "f.txt", fault))


def _refused(path: Path, fault: Exception) -> None:
    with whole_file.in_words(path):
        raise fault


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "packed": _packed,
    "written": _written,
    "typical": _typical,
    "gaps": _gaps,
}


@pytest.mark.parametrize("name", CASES)
def test_worlds_are_those_of_the_golden_file(name: str, tmp_path: Path) -> None:
    """What is taken from packs is that which was read and found right."""
    kept(HERE / f"world-{name}.txt", CASES[name](tmp_path), tmp_path)
