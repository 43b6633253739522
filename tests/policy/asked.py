"""Policies asked hour by hour as by a clock, without requests: what is forecast comes true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from wattlas.model.scenario import Scenario
from wattlas.policy.loop import Loop
from wattlas.policy.protocol import Forecast, Observed, Policy
from wattlas.policy.routing import Routing


def observed(s: Scenario, hour: int, demand_per_h: np.ndarray | None = None) -> Observed:
    """What the scenario says of a step; `demand_per_h` is the rate since the last routing."""
    return Observed(
        utc=s.hours.utc[hour],
        price_usd_per_mwh=s.price_usd_per_mwh[:, hour],
        carbon_g_per_kwh=s.deciding_g_per_kwh[:, hour],
        signal_age_s=np.zeros(len(s.regions)),
        demand_per_h=np.zeros(s.shape[:2]) if demand_per_h is None else demand_per_h,
        load_gpu=np.zeros(len(s.regions)),
        capacity_gpu=s.most_gpu[:, hour],
    )


def forecast(s: Scenario, hour: int) -> Forecast:
    """The step and those after it, as the scenario says."""
    later = slice(hour, None)
    return Forecast(
        s.hours.utc[hour], s.hours.utc[later], s.hours.step_h, s.price_usd_per_mwh[:, later],
        s.deciding_g_per_kwh[:, later], s.demand_per_h[:, :, later],
        np.ones(s.hours.count - hour, bool),
    )  # fmt: skip


def driven(s: Scenario, policy: Policy) -> Iterator[Routing]:
    """The routing of every step, each checked; what comes is what was forecast."""
    loop, came = Loop.of(s, policy), np.zeros(s.shape[:2])
    for hour in range(s.hours.count):
        yield loop.tick(observed(s, hour, came), forecast(s, hour))
        came = s.demand_per_h[:, :, hour]


def rates(s: Scenario, routing: Routing, hour: int) -> np.ndarray:
    """Requests/h of each (metro, class, region, point), unserved as the last region, in the set
    that is chosen where the cap allows everything; (I, K, R + 1, O).
    """
    i, k, r, o, _ = s.shape
    low = np.zeros((i, k), bool)
    low[routing.metro[routing.degraded], routing.klass[routing.degraded]] = True
    own = routing.degraded == low[routing.metro, routing.klass]
    where = tuple(a[own] for a in (routing.metro, routing.klass, routing.region, routing.point))
    rate = np.zeros((i, k, r + 1, o))
    rate[where] = routing.share[own] * s.demand_per_h[where[0], where[1], hour]
    return rate


def priced(s: Scenario, factor: np.ndarray) -> Scenario:
    """The scenario with each zone's prices and intensities times a factor."""
    signals = replace(
        s.signals,
        price_usd_per_mwh=s.signals.price_usd_per_mwh * factor[:, None],
        average_g_per_kwh=s.signals.average_g_per_kwh * factor[::-1, None],
    )
    return replace(s, signals=signals)
