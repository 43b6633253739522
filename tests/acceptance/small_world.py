"""Worlds of a few numbers, written as a user writes them, so that a test can compute by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import wattlas

Hourly = Mapping[str, Sequence[float]]
START = "2023-06-01T00:00:00Z"
POINT = {
    "variant": "model",
    "accuracy": 0.9,
    "request_j": 3.6e6,
    "request_gpu_s": 3600.0,
    "ttft_ms": 0.0,
}
"""A request takes 1 kWh and one hour of an accelerator, and answers at once."""


def wrong_today(what: str) -> pytest.MarkDecorator:
    """The mark of a test that fails because of what is stated today, and for nothing else."""
    return pytest.mark.xfail(strict=True, raises=AssertionError, reason=what)


def small_world(
    folder: Path,
    *,
    price: Hourly,
    carbon: Hourly,
    demand: Mapping[str, Hourly],
    rtt_ms: Mapping[str, Mapping[str, float]],
    classes: Mapping[str, Mapping[str, Any]],
    points: Mapping[str, Mapping[str, Any]] | None = None,
    regions: Mapping[str, Mapping[str, Any]] | None = None,
    metros: Mapping[str, Mapping[str, Any]] | None = None,
    **sections: Any,
) -> wattlas.Scenario:
    """Write a scenario into a folder and load it.

    `price` (USD/MWh) and `carbon` (g/kWh) are hourly by region, `demand` (requests per hour) is
    hourly by class and metro, `rtt_ms` runs from each metro to each region. A region has PUE 1,
    accelerators without end unless `regions` says otherwise, and likewise `metros`; `sections`
    are further ones.
    """
    first = datetime.fromisoformat(START)
    steps = range(len(next(iter(price.values()))))
    hours = [f"{first + timedelta(hours=h):%Y-%m-%dT%H:%M:%SZ}" for h in steps]
    tables = {
        "price.csv": [
            ("time_utc", "zone", "price_usd_per_mwh"),
            *((t, r, v) for r in price for t, v in zip(hours, price[r], strict=True)),
        ],
        "carbon.csv": [
            ("time_utc", "zone", "average_g_per_kwh"),
            *((t, r, v) for r in carbon for t, v in zip(hours, carbon[r], strict=True)),
        ],
        "demand.csv": [
            ("time_utc", "metro", "class", "requests_per_h"),
            *(
                (t, m, k, v)
                for k, by_metro in demand.items()
                for m in by_metro
                for t, v in zip(hours, by_metro[m], strict=True)
            ),
        ],
        "near.csv": [("metro", "node", "rtt_ms"), *((m, m, 0) for m in rtt_ms)],
        "far.csv": [
            ("node", "region", "rtt_ms"),
            *((m, r, ms) for m, by_region in rtt_ms.items() for r, ms in by_region.items()),
        ],
    }
    for name, rows in tables.items():
        text = "".join(",".join(map(str, row)) + "\n" for row in rows)
        (folder / name).write_text(text, encoding="utf-8")
    place = {"lat_deg": 50, "lon_deg": 8, "jurisdiction": "X"}
    plain = {"pue": 1.0, "reserved_gpu": "free"}
    size = {"latency_budget_ms": 1000, "tokens_in": 0, "tokens_out": 0}
    document = {
        "name": "small",
        "time": {"start": START, "hours": len(hours)},
        "metros": {
            m: {**place, "timezone": "UTC", "node": m, **(metros or {}).get(m, {})} for m in rtt_ms
        },
        "nodes": dict.fromkeys(rtt_ms, place),
        "regions": {r: {**place, **plain, "zone": r, **(regions or {}).get(r, {})} for r in price},
        "points": dict(points or {"model": POINT}),
        "signals": {"price": "price.csv", "carbon": "carbon.csv"},
        "network": {
            "metro_node": "near.csv",
            "node_region": "far.csv",
            "egress": {"default_usd_per_gb": 0},
        },
        "classes": {k: {**size, **given} for k, given in classes.items()},
        "demand": "demand.csv",
    }
    for name, section in sections.items():
        known = document.get(name)
        document[name] = {**known, **section} if isinstance(known, dict) else section
    # JSON is YAML.
    (folder / "scenario.yaml").write_text(json.dumps(document), encoding="utf-8")
    return wattlas.load(folder)
