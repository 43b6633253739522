"""Rules that place each demand by itself: at the nearest region, in equal shares, in one region.

A rule looks at no capacity: what it overfills is told by its claim.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wattlas.model.plan import Status
from wattlas.placement.hour.protocol import Solution, no_duals
from wattlas.placement.problem.flows import SourceFlows, join
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure, cost
from wattlas.placement.window.blocks import over_blocks, weeks

Rule = Callable[[Instance], Solution]
"""What a policy does in a stretch of hours, once it has looked at all of them."""


def nearest(instance: Instance) -> Solution:
    """All demand at home at its cheapest point, capacity not looked at."""
    return _at_region(instance, np.broadcast_to(instance.home[:, None], instance.demand.shape))


def uniform(instance: Instance) -> Solution:
    """Equal shares over the open regions, each at its cheapest point."""
    open_at = np.asarray(instance.allowed.any(axis=2))
    share = open_at / np.maximum(open_at.sum(axis=1, keepdims=True), 1)
    parts = []
    for r in range(open_at.shape[1]):
        region = np.where(open_at[:, r], r, -1)
        at_region = np.broadcast_to(region[:, None], instance.demand.shape)
        part = _at_region(instance, at_region).flows
        parts.append(part.with_value(part.value * share[part.source, r]))
    return by_rule(instance, join(parts))


def best_region(instance: Instance, measure_of: Callable[[Instance], Measure]) -> Rule:
    """The single region of least total; what may not run there stays at the nearest place."""

    def totals(part: Instance, _steps: np.ndarray) -> np.ndarray:
        measure = measure_of(part)
        regions = range(part.allowed.shape[1])
        return np.array([measure.by_hour(part, _all_in(part, r).flows).sum() for r in regions])

    parts = over_blocks(instance, weeks(instance.scenario.hours), totals)
    best = int(np.sum(list(parts), axis=0).argmin())
    return lambda part: _all_in(part, best)


def _all_in(instance: Instance, r: int) -> Solution:
    """Everything that may go to region r there, the rest at home."""
    open_at = np.asarray(instance.allowed.any(axis=2))
    region = np.where(open_at[:, r], r, instance.home)
    return _at_region(instance, np.broadcast_to(region[:, None], instance.demand.shape))


def _at_region(instance: Instance, region: np.ndarray) -> Solution:
    """Each source at the cheapest point of the given region (S, T); −1 goes unserved."""
    measure = cost(instance)
    source, hour = np.nonzero(instance.demand > 0)
    where = region[source, hour]
    r = np.maximum(where, 0)
    units = (
        instance.energy_kwh[source] * measure.per_kwh[r, hour][:, None]
        + measure.per_request[source, r]
    )
    point = np.where(instance.allowed[source, r], units, np.inf).argmin(axis=1)
    flows = SourceFlows(hour, source, where, point, instance.demand[source, hour])
    return by_rule(instance, flows.where(np.argsort(hour, kind="stable")))


def by_rule(instance: Instance, flows: SourceFlows) -> Solution:
    return Solution(flows, no_duals(instance), status=Status.HEURISTIC)
