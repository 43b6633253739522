"""A drawn world as a user would have it: scenario.yaml and a table beside it for every kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wattlas.model.scenario import Scenario
from wattlas.model.workload import WorkloadClass

ANYWHERE = {"lat_deg": 10.0, "lon_deg": 10.0, "jurisdiction": "any"}
"""No distance is ever taken: the tables say how long every way is."""
TIMES = "price", "carbon", "demand"
"""Tables over time."""


def write_scenario(
    folder: Path, stretches: Scenario | Iterable[Scenario], suffix: str = ".csv"
) -> Path:
    """Write a drawn world, or its stretches of time one after the other; return the document.

    Tables over time end in `suffix`, .csv or .parquet; all others are CSV.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = dict[str, list[Path]]((name, []) for name in TIMES)
    first: Scenario | None = None
    steps = 0
    for stretch in (stretches,) if isinstance(stretches, Scenario) else stretches:
        first = first or stretch
        for name, frame in over_time(stretch).items():
            parts[name].append(folder / f"{name}-{len(parts[name]):04d}.parquet")
            frame.write_parquet(parts[name][-1])
        steps += stretch.hours.count
    assert first is not None
    for name, files in parts.items():
        _join(files, folder / f"{name}{suffix}")
    for name, rows in places(first).items():
        pl.DataFrame(rows).write_csv(folder / f"{name}.csv")
    document = folder / "scenario.yaml"
    document.write_text(_document(first, steps, suffix), encoding="utf-8")
    return document


def over_time(scenario: Scenario) -> dict[str, pl.DataFrame]:
    """Prices, intensities and demand of every hour, in the order of time."""
    signals, utc = scenario.signals, scenario.hours.utc
    zones = {"zone": signals.zones}
    pairs = [(m.id, k.id) for m in scenario.metros for k in scenario.classes]
    demand = scenario.demand_per_h.reshape(len(pairs), -1)
    who = {"metro": [m for m, _ in pairs], "class": [k for _, k in pairs]}
    return {
        "price": _long(utc, zones, "price_usd_per_mwh", signals.price_usd_per_mwh),
        "carbon": _long(utc, zones, "average_g_per_kwh", signals.average_g_per_kwh),
        "demand": _long(utc, who, "requests_per_h", demand),
    }


def places(scenario: Scenario) -> dict[str, list[dict[str, Any]]]:
    """The rows of the tables that have no time."""
    net, nodes, regions = scenario.network, scenario.nodes, scenario.regions
    legs = [(s, r) for s in range(len(nodes)) for r in range(len(regions))]
    names_of_pair = [{"node": nodes[s].id, "region": regions[r].id} for s, r in legs]
    reach = zip(scenario.metros, scenario.metro_node, strict=True)
    return {
        "metros": [
            {"metro": m.id, **ANYWHERE, "timezone": m.timezone, "node": m.node}
            for m in scenario.metros
        ],
        "nodes": [{"node": n.id, **ANYWHERE} for n in nodes],
        "regions": [_region(scenario, r) for r in range(len(regions))],
        "points": [_point(scenario, o) for o in range(len(scenario.points))],
        "rtt_metro_node": [
            {"metro": m.id, "node": m.node, "rtt_ms": net.rtt_metro_node_ms[i, s]}
            for i, (m, s) in enumerate(reach)
        ],
        "rtt_node_region": [
            {**names, "rtt_ms": net.rtt_node_region_ms[pair]}
            for names, pair in zip(names_of_pair, legs, strict=True)
        ],
        "egress": [
            {**names, "egress_usd_per_gb": net.egress_usd_per_gb[pair]}
            for names, pair in zip(names_of_pair, legs, strict=True)
        ],
    }


def _long(
    utc: np.ndarray, keys: Mapping[str, Sequence[str]], value: str, grid: np.ndarray
) -> pl.DataFrame:
    """One row for each time and key; `grid` has shape (keys, T)."""
    count = len(grid)
    names = {key: pl.Series(ids, dtype=pl.String) for key, ids in keys.items()}
    index = np.tile(np.arange(count), len(utc))
    return pl.DataFrame(
        {"time_utc": np.repeat(utc.astype("datetime64[us]"), count)}
        | {key: ids.gather(index) for key, ids in names.items()}
        | {value: grid.T.ravel()}
    ).with_columns(pl.col("time_utc").dt.replace_time_zone("UTC"))


def _join(parts: Sequence[Path], target: Path) -> None:
    """The parts of a table as one file; the parts are deleted."""
    rows = pl.scan_parquet(list(parts))
    if target.suffix == ".parquet":
        rows.sink_parquet(target)
    else:
        stamp = pl.col("time_utc").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        rows.with_columns(stamp).sink_csv(target)
    for part in parts:
        part.unlink()


def _region(scenario: Scenario, r: int) -> dict[str, Any]:
    region = scenario.regions[r]
    return {
        "region": region.id,
        "zone": region.zone,
        **ANYWHERE,
        "pue": region.pue,
        "reserved_gpu": float(scenario.reserved_gpu[r, 0]),
    }


def _point(scenario: Scenario, o: int) -> dict[str, Any]:
    point = scenario.points[o]
    names = ("variant", "accuracy", "prefill_j_per_token", "decode_j_per_token")
    more = ("prefill_gpu_s_per_token", "decode_gpu_s_per_token", "ttft_ms")
    return {"point": point.id, **{name: getattr(point, name) for name in (*names, *more)}}


def _document(scenario: Scenario, steps: int, suffix: str) -> str:
    lines = [
        f"name: {scenario.name}",
        f"time: {{start: {scenario.hours.utc[0]}Z, hours: {steps}}}",
        *(f"{name}: {name}.csv" for name in ("metros", "nodes", "regions", "points")),
        f"signals: {{price: price{suffix}, carbon: carbon{suffix}}}",
        f"demand: demand{suffix}",
        "network:",
        "  metro_node: rtt_metro_node.csv",
        "  node_region: rtt_node_region.csv",
        "  egress: egress.csv",
        "classes:",
        *(f"  {k.id}: {{{_fields(k)}}}" for k in scenario.classes),
        f"objective: {{carbon_price_usd_per_t: {scenario.objective.carbon_price_usd_per_t}}}",
    ]
    return "\n".join(lines) + "\n"


def _fields(klass: WorkloadClass) -> str:
    """The fields of a class, as in a YAML mapping on one line."""
    names = ("latency_budget_ms", "tokens_in", "tokens_out", "bytes_per_request")
    more = ("mean_accuracy_min", "unserved_usd_per_request")
    values = {name: getattr(klass, name) for name in (*names, *more)}
    return ", ".join(f"{name}: {value!r}" for name, value in values.items() if value is not None)
