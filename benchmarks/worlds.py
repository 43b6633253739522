"""Instances of the placement program, drawn at random but always the same.

Each world is a Scenario with a service node at every metro, so that no two sources are alike and
the program has the full size that is named. About half of the capacities bind.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wattlas.model.geography import Metro, Region, ServiceNode, great_circle_km
from wattlas.model.network import Network
from wattlas.model.objective import Objective
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours, Signals
from wattlas.model.workload import OperatingPoint, WorkloadClass
from wattlas.units import J_PER_KWH, S_PER_H

SIZES = {"tiny": (3, 4, 2, 6), "S": (15, 20, 4, 24), "L": (60, 200, 6, 168)}
"""Regions, metros, classes, hours."""
BUDGET_MS = (60.0, 140.0, 110.0, 180.0, 300.0, 1e9)
ENERGY_KWH = (3.0e-3, 1.2e-3, 0.4e-3)
GPU_H = (0.80e-3, 0.30e-3, 0.09e-3)
ACCURACY = (0.90, 0.86, 0.78)
SERVICE_MS = (40.0, 20.0, 8.0)
"""Per request at the three operating points, for a class of scale 1."""
SCALE = (0.6, 1.0, 1.6, 2.5, 4.0, 0.8)
MEAN_ACCURACY = (0.80, 0.85, 0.87, 0.86, 0.80, 0.84)
UNSERVED_USD = 0.01
CARBON_USD_PER_T = 100.0
ROOM = 1.5
"""Capacity of all regions over the largest need."""


def world(size: str, shared: Path | None = None) -> Scenario:
    """The world of a size; the shared generator's where its folder is given and has the size."""
    if shared is not None and size != "tiny":
        return _from_shared(shared, size)
    regions, metros, classes, hours = SIZES[size]
    draw = np.random.default_rng(20231122)
    spots = np.stack([draw.uniform(-40, 62, regions), draw.uniform(-180, 180, regions)], axis=1)
    cities = np.stack([draw.uniform(-40, 62, metros), draw.uniform(-180, 180, metros)], axis=1)
    km = great_circle_km(cities[:, 0], cities[:, 1], spots[:, 0], spots[:, 1])
    clock = np.arange(hours)
    local = (clock[None, :] + cities[:, 1:] / 15) % 24
    people = draw.lognormal(0, 1, metros)
    share = draw.dirichlet(np.ones(classes))
    shape = 1 + 0.6 * np.sin((local - 9) / 12 * np.pi)
    demand = 2e7 * people[:, None, None] / people.sum() * share[None, :, None] * shape[:, None]
    noise = draw.lognormal(0, 0.2, (2, regions, hours))
    facts = {
        "rtt": 16.6 + 1.515 * km / 100,
        "egress": np.where(km < 6000, 0.02, 0.09),
        "price": draw.uniform(35, 120, regions)[:, None] * noise[0],
        "carbon": draw.uniform(30, 750, regions)[:, None] * noise[1],
        "pue": draw.uniform(1.07, 1.55, regions),
        "demand": demand,
        "gb": np.linspace(2e-6, 5e-5, classes),
        "budget": np.array(BUDGET_MS[-classes:]) * np.linspace(1.5, 1, classes),
        "mean_accuracy_min": MEAN_ACCURACY[:classes],
    }
    need = np.einsum("ikt,k->t", demand, np.array(SCALE[:classes]) * GPU_H[1]).max()
    weight = draw.lognormal(0, 0.6, regions)
    return scenario_of(f"generated-{size}", facts, ROOM * need * weight / weight.sum())


def months_world(size: str, months: int, start: str = "2023-01") -> Iterator[Scenario]:
    """A world over many months, each drawn when it is needed; one operating point, no minimum
    of mean accuracy.

    Places, network and capacities stay; prices, carbon and demand are drawn anew each month.
    """
    base = one_point(world(size))
    mean = base.demand_per_h.mean(axis=2)
    zones, lon = len(base.signals.zones), np.random.default_rng(7).uniform(0, 24, mean.shape[0])
    flat = (
        base.signals.price_usd_per_mwh.mean(axis=1),
        base.signals.average_g_per_kwh.mean(axis=1),
    )
    for n in range(months):
        month = np.datetime64(start, "M") + np.timedelta64(n, "M")
        count = month_hours(month)
        draw = np.random.default_rng([20231122, n])
        shape = 1 + 0.6 * np.sin((np.arange(count) + lon[:, None] - 9) / 12 * np.pi)
        noise = draw.lognormal(0, 0.2, (2, zones, count))
        demand = mean[:, :, None] * shape[:, None, :]
        demand *= draw.uniform(0.9, 1.1, demand.shape)
        yield replace(
            base,
            hours=Hours.range(str(month.astype("datetime64[s]")), count),
            signals=Signals(
                base.signals.zones, flat[0][:, None] * noise[0], flat[1][:, None] * noise[1]
            ),
            demand_per_h=demand,
            reserved_gpu=np.repeat(base.reserved_gpu[:, :1], count, axis=1),
        )


def one_point(scenario: Scenario) -> Scenario:
    """The scenario with its second operating point alone, and no minimum of mean accuracy."""
    classes = tuple(replace(k, mean_accuracy_min=None) for k in scenario.classes)
    return replace(scenario, points=scenario.points[1:2], classes=classes)


def month_hours(month: np.datetime64) -> int:
    """Hours of a calendar month."""
    days = (month + np.timedelta64(1, "M")).astype("datetime64[D]") - month.astype("datetime64[D]")
    return 24 * int(days.astype(np.int64))


def _from_shared(folder: Path, size: str) -> Scenario:
    """An instance of the shared generator as a scenario."""
    spec = importlib.util.spec_from_file_location("instances", folder / "bench" / "instances.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return from_arrays(f"shared-{size}", module.make(size, V=3))


def from_arrays(name: str, arrays: dict[str, Any]) -> Scenario:
    """The shared generator's arrays as a scenario; its legal mask is left out."""
    facts = {
        "rtt": arrays["rtt"],
        "egress": arrays["egr"],
        "price": arrays["price"],
        "carbon": arrays["ci"],
        "pue": arrays["pue"],
        "demand": arrays["D"] * 1e3,
        "gb": arrays["gb"] / 1e3,
        "budget": arrays["L"],
        "mean_accuracy_min": tuple(arrays["A"]),
    }
    return scenario_of(name, facts, arrays["cap"])


def scenario_of(name: str, facts: dict[str, Any], capacity: np.ndarray) -> Scenario:
    """A scenario of these arrays, with a service node at every metro."""
    metros, classes, hours = facts["demand"].shape
    count = len(capacity)
    zones = tuple(f"z{r}" for r in range(count))
    network = Network(
        rtt_metro_node_ms=np.where(np.eye(metros, dtype=bool), 0.0, np.inf),
        rtt_node_region_ms=facts["rtt"],
        egress_usd_per_gb=facts["egress"],
        modelled_metro_node=np.ones((metros, metros), dtype=bool),
        modelled_node_region=np.ones((metros, count), dtype=bool),
    )
    drawn = Scenario(
        name=name,
        metros=tuple(Metro(f"m{i}", 0.0, 0.0, "UTC", "", "", node=f"n{i}") for i in range(metros)),
        nodes=tuple(ServiceNode(f"n{i}", 0.0, 0.0) for i in range(metros)),
        regions=tuple(
            Region(f"r{r}", 0.0, 0.0, zones[r], "", "", pue=float(facts["pue"][r]))
            for r in range(count)
        ),
        classes=tuple(_class(k, facts) for k in range(classes)),
        points=tuple(_point(o) for o in range(len(ENERGY_KWH))),
        hours=Hours.range("2023-01-01", hours),
        signals=Signals(zones, facts["price"], facts["carbon"]),
        network=network,
        demand_per_h=facts["demand"],
        reserved_gpu=np.repeat(capacity[:, None], hours, axis=1),
        objective=Objective(carbon_price_usd_per_t=CARBON_USD_PER_T),
    )
    return replace(drawn, title=drawn.name)


def _class(k: int, facts: dict[str, Any]) -> WorkloadClass:
    """A class whose one token stands for its scale, so that all points scale alike."""
    return WorkloadClass(
        f"k{k}",
        float(facts["budget"][k]),
        tokens_in=SCALE[k],
        bytes_per_request=float(facts["gb"][k]) * 1e9,
        mean_accuracy_min=float(facts["mean_accuracy_min"][k]),
        unserved_usd_per_request=UNSERVED_USD,
    )


def _point(o: int) -> OperatingPoint:
    return OperatingPoint(
        f"o{o}",
        f"v{o}",
        ACCURACY[o],
        prefill_j_per_token=ENERGY_KWH[o] * J_PER_KWH,
        prefill_gpu_s_per_token=GPU_H[o] * S_PER_H,
        ttft_ms=SERVICE_MS[o],
    )
