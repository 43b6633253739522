"""Small worlds with everything that a table may get wrong, and plain sums over a plan's flows.

Steps weigh unequally, zones are two or more, two regions cost the same, every node pays another
egress price, some demand is late, some goes unserved at a price, and average carbon is not
marginal carbon. Nothing here imports `wattlas.placement`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from wattlas.model.contract import ShareCap
from wattlas.model.frictions import Frictions
from wattlas.model.geography import Metro, Region, ServiceNode
from wattlas.model.network import Network
from wattlas.model.objective import Objective
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours, Signals
from wattlas.model.workload import (
    LatencyTo,
    OperatingPoint,
    Residency,
    State,
    WhenNone,
    WorkloadClass,
)

SMALL_LAST = ShareCap("saver", ("code",), ("small",), 0.25)
"""At most a quarter of class `code` may run at the cheapest point."""

REGIONS = (
    # zone, jurisdiction, pue, price, queue, variants, latitude, longitude
    ("wind", "north", 1.125, 2.0, 0.0, None, 60.0, 10.0),
    ("coal", "north", 1.5, 2.5, 4.0, None, 50.0, 8.0),
    ("sun", "south", 1.25, 2.25, 0.0, frozenset({"big"}), 30.0, -98.0),
    ("coal", "south", 1.5, 2.5, 4.0, frozenset({"tiny"}), 52.0, 20.0),
)
POINTS = (
    OperatingPoint(
        "large", "big", 0.875, 0.5, 16.0, 2.0**-12, 2.0**-6, 40.0, 0.0, 0.25, weights_bytes=14e10
    ),
    OperatingPoint(
        "batched", "big", 0.8, 0.25, 8.0, 2.0**-12, 2.0**-7, 120.0, 0.0, 0.5, weights_bytes=14e10
    ),
    OperatingPoint(
        "small", "tiny", 0.5, 0.25, 2.0, 0.0, 2.0**-8, 20.0, 0.0, 0.25, weights_bytes=8e9
    ),
)
CLASSES = (
    WorkloadClass(
        "chat", 120.0, 512.0, 128.0, bytes_per_request=5e6, accuracy_min=0.75,
        points=("large", "batched"), residency="stay", when_none=WhenNone.NEAREST,
    ),
    WorkloadClass(
        "code", 900.0, 2048.0, 512.0, round_trips=2.0, latency_to=LatencyTo.FULL_ANSWER,
        bytes_per_request=2e6, state=State.STICKY, session_state_bytes=4e8,
        requests_per_session_h=8.0,
    ),
    WorkloadClass(
        "batch", 6e4, 1024.0, 256.0, bytes_per_request=1e7, residency="north-only",
        unserved_usd_per_request=0.004,
    ),
)  # fmt: skip
METROS = (
    # node, jurisdiction, ms to the node
    ("node-0", "north", 5.0),
    ("node-1", "north", 8.0),
    ("node-2", "south", 12.0),
    ("node-2", "south", 90.0),
)


def world(
    seed: int,
    hours: Hours | None = None,
    *,
    frictions: Frictions | None = None,
    share_caps: tuple[ShareCap, ...] = (),
    carbon_price: float = 60.0,
) -> Scenario:
    """A world of 4 metros, 3 nodes, 4 regions, 3 classes, 3 points; half-hour steps of a sample."""
    draw = np.random.default_rng(seed)
    hours = sampled(draw) if hours is None else hours
    t, zones = hours.count, ("coal", "sun", "wind")
    demand = draw.uniform(200.0, 2000.0, (len(METROS), 3, t)) * np.array([1.0, 0.5, 2.0])[:, None]
    demand[0, 1, ::3] = 0.0
    demand[3, 2] = 0.0
    onward = np.array([[10.0, 38.0, 90.0, 85.0], [40.0, 10.0, 110.0, 10.0], [80.0, 60.0, 20.0, 15]])
    capacity = np.zeros((4, t))
    capacity[0] = draw.uniform(1.3, 2.5, t)
    capacity[1] = draw.uniform(1.3, 2.5, t)
    return Scenario(
        name=f"world {seed}",
        metros=tuple(
            Metro(f"metro-{i}", 40.0 + i, 5.0 * i, "UTC", "XX", law, 1e6 * i, node)
            for i, (node, law, _) in enumerate(METROS)
        ),
        nodes=tuple(ServiceNode(f"node-{s}", 45.0 + s, 7.0 * s, "north") for s in range(3)),
        regions=tuple(
            Region(
                f"region-{r}", lat, lon, zone, "XX", law, pue,
                reserved_gpu=np.inf if r < 2 else 0.0, on_demand_gpu=0.0 if r < 2 else np.inf,
                reserved_usd_per_gpu_year=8760.0 * price, on_demand_usd_per_gpu_h=price,
                queue_ms=queue, variants=variants, name="" if r else "First",
            )
            for r, (zone, law, pue, price, queue, variants, lat, lon) in enumerate(REGIONS)
        ),
        classes=CLASSES,
        points=POINTS,
        hours=hours,
        signals=Signals(
            zones,
            draw.uniform(-20.0, 160.0, (3, t)),
            draw.uniform(20.0, 700.0, (3, t)),
            draw.uniform(100.0, 900.0, (3, t)),
        ),
        network=Network(
            np.array([[ms] * 3 for _, _, ms in METROS]),
            onward,
            np.array([[0.0, 0.02, 0.05, 0.02], [0.03, 0.01, 0.09, 0.01], [0.08, 0.04, 0, 0.04]]),
            np.zeros((4, 3), dtype=bool),
            np.zeros((3, 4), dtype=bool),
        ),
        demand_per_h=demand,
        reserved_gpu=capacity,
        residency=(
            Residency("stay", {"north": frozenset({"north"})}),
            Residency("north-only", {"*": frozenset({"north"})}),
        ),
        frictions=Frictions() if frictions is None else frictions,
        objective=Objective(carbon_price_usd_per_t=carbon_price),
        share_caps=share_caps,
    )  # fmt: skip


def sampled(draw: np.random.Generator, count: int = 10) -> Hours:
    """Half-hour steps over three weeks, some of them neighbours, of unequal weight."""
    jump = draw.choice([1, 1, 40, 170], count)
    return Hours(
        start=np.datetime64("2023-02-20T22:00:00", "s"),
        offset=np.cumsum(jump).astype(np.int64),
        weight=draw.choice([1.0, 3.0, 30.5], count),
        step_h=0.5,
    )


def two_weeks(seed: int = 0) -> Hours:
    """Sixteen days of hourly steps of unequal weight: two stretches of the calendar."""
    draw = np.random.default_rng(seed)
    every = Hours.range("2023-03-01T00:00:00", 16 * 24)
    return every.take(np.arange(every.count), draw.choice([1.0, 2.0, 5.0], every.count))


def reserved(s: Scenario, capacity: np.ndarray, **more: Any) -> Scenario:
    """The world with these accelerators (R, T) held all year and none by the hour."""
    regions = tuple(replace(region, on_demand_gpu=0.0) for region in more.pop("regions", s.regions))
    return replace(s, reserved_gpu=capacity, regions=regions, **more)


class Flow(NamedTuple):
    """One flow, by index; region −1 is unserved. `rate` is requests/h."""

    i: int
    k: int
    r: int
    o: int
    t: int
    rate: float


def flows_of(found: Plan) -> Iterator[Flow]:
    """The flows of a plan's table of names."""
    s = found.scenario
    times = {str(utc): t for t, utc in enumerate(s.hours.utc)}
    metros, classes, regions, points = (
        {x.id: n for n, x in enumerate(many)} for many in (s.metros, s.classes, s.regions, s.points)
    )
    for utc, metro, klass, region, point, rate in found.to_polars().iter_rows():
        t = times[utc.strftime("%Y-%m-%dT%H:%M:%S")]
        r = regions.get(region, -1)
        yield Flow(metros[metro], classes[klass], r, points[point], t, rate)


def assert_table(
    table: Mapping[str, Sequence[Any] | np.ndarray],
    rows: list[dict[str, Any]],
    rel: float = 1e-9,
) -> None:
    """The table has exactly these rows: the same columns in order, and every value the same."""
    assert rows, "a table without rows shows nothing"
    assert list(table) == list(rows[0])
    for name, column in table.items():
        wanted = [row[name] for row in rows]
        assert len(column) == len(wanted), name
        for n, (value, want) in enumerate(zip(column, wanted, strict=True)):
            if want is None or isinstance(want, str | np.datetime64):
                assert value == want, (name, n)
            elif math.isnan(want):
                assert math.isnan(value), (name, n)
            else:
                assert value == pytest.approx(want, rel=rel, abs=1e-12), (name, n)
