"""Small worlds in which no two figures are alike, so that every search finds the same optimum."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from wattlas.model.geography import Metro, Region, ServiceNode
from wattlas.model.network import Network
from wattlas.model.objective import Objective
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

POINTS = (
    OperatingPoint(
        "large", "big", 0.91, 0.45, 15.0, 2.2e-4, 1.55e-2, 41.0, 0.01, 0.23,
        weights_bytes=1.4e11, accelerators=2.0,
    ),
    OperatingPoint(
        "batched", "big", 0.83, 0.27, 8.3, 2.6e-4, 0.93e-2, 117.0, 0.02, 0.51,
        weights_bytes=1.4e11, accelerators=2.0, accuracy_by_class={"code": 0.8},
    ),
    OperatingPoint(
        "small", "tiny", 0.52, 0.21, 2.1, 0.7e-4, 0.41e-2, 19.0, 0.0, 0.26, weights_bytes=8e9
    ),
)  # fmt: skip
CLASSES = (
    WorkloadClass(
        "chat", 121.0, 512.0, 131.0, bytes_per_request=5.3e6, accuracy_min=0.75,
        points=("large", "batched"), residency="stay", when_none=WhenNone.NEAREST,
    ),
    WorkloadClass(
        "code", 910.0, 2048.0, 509.0, round_trips=2.0, latency_to=LatencyTo.FULL_ANSWER,
        bytes_per_request=2.1e6, state=State.STICKY, session_state_bytes=4e8,
        requests_per_session_h=8.0,
    ),
    WorkloadClass(
        "batch", 6.1e4, 1024.0, 257.0, bytes_per_request=1.1e7, residency="north-only",
        unserved_usd_per_request=0.0041,
    ),
)  # fmt: skip
OFFSETS = np.array([0, 1, 2, 3, 10, 11, 12, 13])
WEIGHTS = np.array([1.0, 1.0, 1.0, 1.0, 3.5, 3.5, 3.5, 3.5])


def uneven(
    seed: int = 1, steps: int = 6, tight: float = 1.0, hours: Hours | None = None
) -> Scenario:
    """Three metros, two nodes, three regions, three classes, three points; half hours and a gap."""
    draw = np.random.default_rng(seed)
    start = np.datetime64("2023-02-27T22:00:00", "s")
    if hours is None:
        hours = Hours(start, OFFSETS[:steps], WEIGHTS[:steps], step_h=0.5)
    t = hours.count
    demand = draw.uniform(300.0, 1900.0, (3, 3, t)) * np.array([1.0, 0.45, 1.7])[:, None]
    demand[0, 1, ::3] = 0.0
    demand[2, 2] = 0.0
    capacity = np.zeros((3, t))
    capacity[0] = draw.uniform(1.9, 2.9, t) * tight
    capacity[1] = draw.uniform(1.3, 2.3, t) * tight
    return Scenario(
        name=f"uneven {seed}",
        metros=(
            Metro("oslo-m", 59.9, 10.7, "Europe/Oslo", "NO", "north", 1e6, "nordic"),
            Metro("kiel-m", 54.3, 10.1, "Europe/Berlin", "DE", "north", 2e6, "nordic"),
            Metro("rome-m", 41.9, 12.5, "Europe/Rome", "IT", "south", 4e6, "latin"),
        ),
        nodes=(
            ServiceNode("nordic", 58.0, 11.0, "hydro"),
            ServiceNode("latin", 43.0, 11.0, "solar"),
        ),
        regions=(
            Region(
                "hydro", 60.5, 8.5, "wind", "NO", "north", 1.11, reserved_gpu=np.inf,
                reserved_usd_per_gpu_year=17000.0, on_demand_gpu=0.0, idle_w=71.0,
                embodied_kg_per_gpu_year=140.0,
            ),
            Region(
                "coaly", 51.0, 14.0, "coal", "DE", "north", 1.47, reserved_gpu=np.inf,
                reserved_usd_per_gpu_year=15500.0, on_demand_gpu=0.7,
                on_demand_usd_per_gpu_h=3.3, queue_ms=4.0,
            ),
            Region(
                "solar", 37.5, -5.0, "sun", "ES", "south", 1.23, reserved_gpu=0.0,
                on_demand_gpu=9.0, on_demand_usd_per_gpu_h=2.4, queue_ms=1.5,
                variants=frozenset({"big"}), utilisation_max=0.85,
            ),
        ),
        classes=CLASSES,
        points=POINTS,
        hours=hours,
        signals=Signals(
            ("coal", "sun", "wind"),
            draw.uniform(-20.0, 160.0, (3, t)),
            draw.uniform(20.0, 700.0, (3, t)),
            draw.uniform(100.0, 900.0, (3, t)),
        ),
        network=Network(
            np.array([[5.3, 24.0], [8.1, 21.0], [33.0, 11.7]]),
            np.array([[9.0, 37.0, 64.0], [47.0, 31.0, 23.0]]),
            np.array([[0.005, 0.021, 0.047], [0.033, 0.012, 0.019]]),
            np.zeros((3, 2), dtype=bool),
            np.zeros((2, 3), dtype=bool),
        ),
        demand_per_h=demand,
        reserved_gpu=capacity,
        residency=(
            Residency("stay", {"north": frozenset({"north"})}),
            Residency("north-only", {"*": frozenset({"north"})}),
        ),
        objective=Objective(carbon_price_usd_per_t=61.0),
    )  # fmt: skip


def with_class(s: Scenario, index: int, **changed: Any) -> Scenario:
    """One class changed."""
    classes = list(s.classes)
    classes[index] = replace(classes[index], **changed)
    return replace(s, classes=tuple(classes))


def minimal(s: Scenario, **goal: Any) -> Scenario:
    """Another objective."""
    return replace(s, objective=Objective(**goal))
