"""A pack with all that a small world needs, packs laid over it, and settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from tests.golden.inputs.tables import hourly
from tests.golden.telling import put
from wattlas.data.pack import PackTime
from wattlas.data.pack_writer import NewTable, PackHead, write_pack

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


def carbon(frame: pl.DataFrame, column: str = "average_g_per_kwh") -> pl.DataFrame:
    return frame.rename({"price_usd_per_mwh": column})


def facts() -> dict[str, NewTable]:
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
    hours = {"price": NewTable(both, "an exchange"), "carbon": NewTable(carbon(both), "a grid")}
    head = PackHead("world", "World", time=time, notice="Made up.")
    write_pack(folder / "world", head, facts() | hours)
    later = hourly(f"{START}T06:00", 12, NO=1)
    over = PackHead("over", "Over", time=time, notice="Over it.", intensity_kind="direct")
    tables = {"price": NewTable(later, "later"), "carbon": NewTable(carbon(later), "later")}
    write_pack(folder / "over", over, tables)
    write_pack(
        folder / "more",
        PackHead("more", "More", time=time, notice="Unused."),
        {
            "price": NewTable(hourly(START, 30, NO=3, XX=4), "more"),
            "carbon": NewTable(
                carbon(hourly(START, 30, NO=900), "marginal_g_per_kwh").with_columns(
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
    half = {"price": NewTable(alone, "half"), "carbon": NewTable(carbon(alone), "half")}
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
    "over a whole world": ("pack=[typical-2023, ./world]",),
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
    "constants, tiny": ('signals.price.constant={"NO": 0.001, IN: 0.002}', "time.hours=24"),
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
    "hours and facts alone": ("pack=[./half, ./facts]",),
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
