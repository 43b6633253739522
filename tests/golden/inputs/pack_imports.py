"""Rows that go into a pack one after the other, and packs in which something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tests.golden.inputs.tables import hourly, without
from wattlas.data.importers import Imported, Rules
from wattlas.data.pack_writer import NewTable


def new_rows(
    frame: pl.DataFrame, table: str = "price", value: str = "price_usd_per_mwh", **fields: Any
) -> Imported:
    """Rows as they come from files."""
    frame = frame.rename({"price_usd_per_mwh": value}) if value not in frame.columns else frame
    return Imported(
        **{"table": table, "frame": frame, "values": (value,), "source": "us", **fields}
    )


FIRST, LATER = hourly("2023-06-01", 6, A=40, B=50), hourly("2023-06-01T06:00", 3, A=7, B=8)
CHANGED = FIRST.with_columns(pl.col("price_usd_per_mwh") + (pl.col("zone") == "A").cast(int))
HALF = hourly("2023-06-01T02:00", 4, 30, A=90)
RTT = pl.DataFrame({"node": ["n", "n", "m"], "region": ["r", "s", "r"], "rtt_ms": [1.0, 2.5, None]})
AGAIN = RTT.with_columns(pl.col("rtt_ms") * 2)
CARBON = {"table": "carbon", "value": "average_g_per_kwh"}
BESIDE = {"table": "carbon", "value": "marginal_g_per_kwh"}
IMPORTS: dict[str, tuple[Imported, Rules, Mapping[str, Any]]] = {
    "new": (
        new_rows(FIRST, notes=("as read", "x; y")),
        Rules(),
        {"name": "mine", "title": "My hours"},
    ),
    "more": (new_rows(LATER, source="them", licence="CC"), Rules(), {}),
    "the same": (new_rows(FIRST), Rules(), {}),
    "changed": (new_rows(CHANGED), Rules(), {}),
    "changed, replaced": (new_rows(CHANGED, unit_from="--unit"), Rules(), {"overwrite": True}),
    "after a hole": (new_rows(hourly("2023-06-01T12:00", 2, A=1)), Rules(), {}),
    "before": (new_rows(hourly("2023-05-31T18:00", 2, B=1)), Rules(), {}),
    "after a hole, allowed": (
        new_rows(hourly("2023-06-01T12:00", 2, A=1)),
        Rules(allow_gaps=True),
        {},
    ),
    "filled": (
        new_rows(without(hourly("2023-06-01T09:00", 4, B=60), "B", 1)),
        Rules(fill="linear"),
        {},
    ),
    "half hours": (new_rows(HALF), Rules(keep_steps=True), {}),
    "half hours, replaced": (new_rows(HALF), Rules(keep_steps=True), {"overwrite": True}),
    "carbon": (new_rows(hourly("2023-06-01", 4, A=300, B=30), **CARBON), Rules(), {}),
    "carbon of another kind": (
        new_rows(hourly("2023-06-01", 4, A=300), **CARBON, intensity="direct"),
        Rules(),
        {},
    ),
    "marginal beside": (new_rows(hourly("2023-06-01", 4, A=900), **BESIDE), Rules(), {}),
    "marginal in halves": (
        new_rows(hourly("2023-06-01", 8, 30, A=900), **BESIDE),
        Rules(keep_steps=True),
        {"overwrite": True},
    ),
    "carbon in halves": (
        new_rows(hourly("2023-06-01", 8, 30, H=300), **CARBON),
        Rules(keep_steps=True),
        {},
    ),
    "marginal in hours beside halves": (
        new_rows(hourly("2023-06-01", 4, H=900), **BESIDE),
        Rules(),
        {},
    ),
    "carbon of other hours": (new_rows(hourly("2023-08-01", 4, C=300), **CARBON), Rules(), {}),
    "demand": (
        new_rows(
            hourly("2023-06-01", 2, m=5)
            .with_columns(pl.lit("k").alias("class"))
            .rename({"zone": "metro"}),
            "demand",
            "requests_per_h",
        ),
        Rules(),
        {},
    ),
    "pairs": (new_rows(RTT, "rtt_node_region", "rtt_ms"), Rules(), {}),
    "pairs again": (new_rows(AGAIN, "rtt_node_region", "rtt_ms"), Rules(), {}),
    "pairs replaced": (new_rows(AGAIN, "rtt_node_region", "rtt_ms"), Rules(), {"overwrite": True}),
    "pairs wrong": (
        new_rows(
            RTT.with_columns(pl.lit("n").alias("node"), pl.lit(-1.0).alias("rtt_ms")),
            "rtt_node_region",
            "rtt_ms",
        ),
        Rules(),
        {},
    ),
    "pairs of nothing": (
        new_rows(
            RTT.with_columns(pl.lit(None, pl.Float64).alias("rtt_ms")),
            "rtt_node_region",
            "rtt_ms",
        ),
        Rules(),
        {},
    ),
}


SPOILT = {
    "price": NewTable(hourly("2023-06-01", 30, A=40, B=50_000), "us"),
    "carbon": NewTable(
        hourly("2023-06-01", 30, A=300, C=90_000).rename(
            {"price_usd_per_mwh": "average_g_per_kwh"}
        ),
        "us",
        unit_from="us",
    ),
    "regions": NewTable(
        pl.DataFrame(
            {
                "region": ["r", "s", "s"],
                "name": ["R", "S", None],
                "zone": ["A", "D", "A"],
                "country": ["NO", "IN", "IN"],
                "jurisdiction": ["EU", "IN", "IN"],
                "lat_deg": [60.0, 10.0, None],
                "lon_deg": [-10.7, 60.0, 5.0],
                "timezone": ["Europe/Oslo", "Mars/Base", "Europe/Oslo"],
                "pue": [1.1, 4.0, 0.5],
            }
        ),
        "us",
    ),
    "rtt_node_region": NewTable(
        pl.DataFrame(
            {
                "node": ["n", "n", *"zyxwv"],
                "region": ["r", "x", *"edcba"],
                "rtt_ms": [5000.0, 1.0, *range(5)],
            },
            strict=False,
        ),
        "us",
    ),
    "nodes": NewTable(
        pl.DataFrame({"node": ["n"], "lat_deg": [10.0], "lon_deg": [60.0], "region": ["q"]}),
        "us",
    ),
}


def changed_manifests(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Keys of a manifest that are wrong, by what is wrong."""
    return {
        "time": {"time": {"start_utc": "2023-06-01T02:00:00Z", "hours": 40, "step_h": 1.0}},
        "unknown": {
            "kind": "other",
            "tables": {"x": {"file": "a", "sha256": "0", "rows": -1, "more": 1}},
            "odd": 2,
        },
        "files": {
            "tables": {
                "price": {**document["tables"]["price"], "file": "../x.csv"},
                "carbon": {**document["tables"]["carbon"], "file": "no.parquet"},
                "prices": document["tables"]["regions"],
                "nodes": {**document["tables"]["nodes"], "sha256": "0" * 64},
            }
        },
        "typical": {"kind": "typical"},
    }
