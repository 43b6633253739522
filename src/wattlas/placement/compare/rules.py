"""Rules that place each demand by itself: at the nearest region, in equal shares, in one region.

A rule looks at no capacity: what it overfills is told by its claim.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wattlas.model.plan import UNSERVED, Status
from wattlas.placement.hour.protocol import Solution, no_duals
from wattlas.placement.problem.flows import SourceFlows, join
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure, cost
from wattlas.placement.window.blocks import over_blocks, weeks

Rule = Callable[[Instance], Solution]
"""What a policy does in a stretch of hours, once it has looked at all of them."""


def nearest(instance: Instance) -> Solution:
    """All demand at the baseline region at its cheapest point, capacity not looked at."""
    return by_rule(instance, _at_region(instance, instance.baseline_region))


def uniform(instance: Instance) -> Solution:
    """Equal shares over the open regions, each at its cheapest point; unserved where none is."""
    open_at = np.asarray(instance.allowed.any(axis=2))
    share = open_at / np.maximum(open_at.sum(axis=1, keepdims=True), 1)
    nowhere = np.asarray(~open_at.any(axis=1))
    parts = [
        _at_region(instance, np.where(open_at[:, r], r, UNSERVED), open_at[:, r], share[:, r])
        for r in range(open_at.shape[1])
    ]
    parts.append(_at_region(instance, np.full(len(nowhere), UNSERVED), nowhere))
    return by_rule(instance, join(parts))


def best_region(instance: Instance, measure_of: Callable[[Instance], Measure]) -> Rule:
    """The single region of least total; what may not run there stays at the nearest place."""

    def totals(part: Instance, _steps: np.ndarray) -> np.ndarray:
        measure = measure_of(part)
        regions = range(part.allowed.shape[1])
        return np.array([measure.by_hour(part, _all_in(part, r)).sum() for r in regions])

    parts = over_blocks(instance, weeks(instance.scenario.hours), totals)
    best = int(np.sum(list(parts), axis=0).argmin())
    return lambda part: by_rule(part, _all_in(part, best))


def _all_in(instance: Instance, r: int) -> SourceFlows:
    """Everything that may go to region r there, the rest at the baseline region."""
    open_at = np.asarray(instance.allowed.any(axis=2))
    region = np.where(open_at[:, r], r, instance.baseline_region)
    return _at_region(instance, region)


def _at_region(
    instance: Instance,
    region: np.ndarray,
    asks: np.ndarray | None = None,
    share: np.ndarray | None = None,
) -> SourceFlows:
    """Each source at the cheapest point of its region; `UNSERVED` where it has none.

    `region`, `asks` (the sources that are placed, all unless given) and `share` of the demand that
    is placed (all of it) are (S,).
    """
    asking = instance.demand > 0 if asks is None else (instance.demand > 0) & asks[:, None]
    point = _cheapest_point(instance, np.maximum(region, 0))
    hour, source = np.nonzero(asking.T)
    value = instance.demand[source, hour]
    value = value if share is None else value * share[source]
    return SourceFlows(hour, source, region[source], point[source, hour], value)


def _cheapest_point(instance: Instance, region: np.ndarray) -> np.ndarray:
    """The open point of least cost of each source in its region, (S,), in each step; (S, T)."""
    measure, every = cost(instance), np.arange(instance.sources)
    per_kwh, fixed = measure.per_kwh[region], measure.per_request[every, region]
    open_at = instance.allowed[every, region]
    least = np.full(instance.demand.shape, np.inf)
    point = np.zeros(instance.demand.shape, dtype=np.int64)
    for o in np.flatnonzero(open_at.any(axis=0)):
        units = instance.energy_kwh[:, o, None] * per_kwh + fixed[:, o, None]
        better = open_at[:, o, None] & (units < least)
        least[better] = units[better]
        point[better] = o
    return point


def by_rule(instance: Instance, flows: SourceFlows) -> Solution:
    """The flows of a rule as a solution: no optimum, so that nothing has a price."""
    return Solution(flows, no_duals(instance), status=Status.HEURISTIC)
