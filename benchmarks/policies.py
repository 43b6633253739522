"""Policies asked step by step, without requests: CPU time to make one and to follow it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

import wattlas
from benchmarks.registry import Benchmark, Figure, RunOptions
from wattlas.model.scenario import Scenario
from wattlas.policy.loop import Loop
from wattlas.policy.protocol import Forecast, Observed
from wattlas.policy.registry import entries, policy_of

SIZES = {"tiny": 24, "month": 730, "year": 8760}
ONE_BY_ONE = ("gar",)
"""Policies that solve each hour by itself: followed for a month at most."""
TARGET_MS = 4.0
"""A year of steps in about half a minute."""


def run(options: RunOptions) -> Sequence[Figure]:
    """One figure per policy: CPU time a step; what it took to make is told beside it."""
    steps = SIZES[options.size]
    name = "tiny" if options.size == "tiny" else "typical-2023"
    world = wattlas.example(name).at_hours(range(steps))
    figures = []
    for policy in entries():
        part = world.at_hours(range(min(steps, 730))) if policy in ONE_BY_ONE else world
        figures.append(_followed(part, policy))
    return figures


def _followed(world: Scenario, name: str) -> Figure:
    began = time.process_time()
    loop = Loop.of(world, policy_of(world, name))
    made_s = time.process_time() - began
    asked = [_asked(world, step) for step in range(world.hours.count)]
    began = time.process_time()
    for observed, forecast in asked:
        loop.tick(observed, forecast)
    ms = (time.process_time() - began) / len(asked) * 1e3
    target = None if name in ONE_BY_ONE else TARGET_MS
    note = f"made in {made_s:.2g} CPU s; {len(asked)} steps"
    return Figure(f"{name}, a step", ms, "ms", target=target, note=note)


def _asked(s: Scenario, step: int) -> tuple[Observed, Forecast]:
    none = np.zeros(len(s.regions))
    price, carbon = s.price_usd_per_mwh, s.deciding_g_per_kwh
    demand = s.demand_per_h[:, :, step]
    at = slice(step, step + 1)
    observed = Observed(
        s.hours.utc[step], price[:, step], carbon[:, step], none, demand, none, s.most_gpu[:, step]
    )
    forecast = Forecast(
        s.hours.utc[step], s.hours.utc[at], s.hours.step_h, price[:, at], carbon[:, at],
        s.demand_per_h[:, :, at], np.ones(1, bool),
    )  # fmt: skip
    return observed, forecast


BENCHMARK = Benchmark(
    "policies", "CPU time of making and of following each policy", tuple(SIZES), run, "month"
)
