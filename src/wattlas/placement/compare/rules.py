"""Rules that place each demand by itself: at the nearest region, in equal shares, in one region.

A rule looks at no capacity: what it overfills is told by its claim.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wattlas.model.plan import UNSERVED, Status
from wattlas.placement.hour.protocol import Solution, no_duals
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure, carbon_to_minimise, cost
from wattlas.placement.solution.account import Account
from wattlas.placement.window.blocks import over_blocks, weeks

Rule = Callable[[Instance], Solution]
"""What a policy does in a stretch of hours, once it has looked at all of them."""


COMPARED = (cost, carbon_to_minimise)
"""What regions are compared by."""


def nearest(instance: Instance) -> Solution:
    """All demand at the baseline region at its cheapest point, capacity not looked at."""
    every = np.arange(instance.sources)
    return by_rule(instance, _placed(instance, cost(instance), every, instance.baseline_region))


def uniform(instance: Instance) -> Solution:
    """Equal shares over the open regions, each at its cheapest point; unserved where none is."""
    open_at = np.asarray(instance.allowed.any(axis=2))
    region, source = np.nonzero(open_at.T)
    nowhere = np.flatnonzero(~open_at.any(axis=1))
    share = np.append(1.0 / open_at.sum(axis=1)[source], np.ones(len(nowhere)))
    region = np.append(region, np.full(len(nowhere), UNSERVED))
    source = np.append(source, nowhere)
    return by_rule(instance, _placed(instance, cost(instance), source, region, share))


def best_region(instance: Instance, measure_of: Callable[[Instance], Measure]) -> Rule:
    """The single region of least cost or least carbon; what may not run there stays at the nearest
    place. `measure_of` is one of `COMPARED`."""
    if _totals not in instance.derived:
        parts = over_blocks(instance, weeks(instance.scenario.hours), _totals)
        instance.derived[_totals] = np.sum(list(parts), axis=0)
    best = int(instance.derived[_totals][COMPARED.index(measure_of)].argmin())
    return lambda part: by_rule(part, _all_in(part, cost(part), best))


def _totals(part: Instance, _steps: np.ndarray) -> np.ndarray:
    """What a stretch comes to with everything in each region, by what is compared, (2, R)."""
    measures = [measure_of(part) for measure_of in COMPARED]
    regions = range(part.allowed.shape[1])
    accounts = [Account.of(part, _all_in(part, measures[0], r)) for r in regions]
    return np.array([[account.total(m) for account in accounts] for m in measures])


def _all_in(instance: Instance, money: Measure, r: int) -> SourceFlows:
    """Everything that may go to region r there, the rest at the baseline region."""
    open_at = np.asarray(instance.allowed[:, r].any(axis=1))
    region = np.where(open_at, r, instance.baseline_region)
    return _placed(instance, money, np.arange(instance.sources), region)


def _placed(
    instance: Instance,
    money: Measure,
    source: np.ndarray,
    region: np.ndarray,
    share: np.ndarray | None = None,
) -> SourceFlows:
    """Some sources, each in a region at the point where `money` is least; `UNSERVED` where it has
    none. `source`, `region` and the `share` of the demand that goes there, all unless given, are
    (P,).
    """
    demand = instance.demand[source]
    asking = np.ascontiguousarray((demand > 0).T)
    hour, pair = np.nonzero(asking)
    at = pair * demand.shape[1] + hour
    value = demand.ravel().take(at)
    value = value if share is None else value * share[pair]
    point = _cheapest_point(instance, money, source, np.maximum(region, 0))
    return SourceFlows(hour, source[pair], region[pair], point.ravel().take(at), value)


def _cheapest_point(
    instance: Instance, money: Measure, source: np.ndarray, region: np.ndarray
) -> np.ndarray:
    """The open point of least cost of some sources, each in its region, (P,), by step; (P, T).

    A unit cost is linear in the region's price, so the point that is cheapest at the least and at
    the greatest price is so in all steps.
    """
    open_at, kwh = instance.allowed[source, region], instance.energy_kwh[source]
    fixed = np.where(open_at, money.per_request[source, region], np.inf)
    ends = (money.per_kwh.min(axis=1), money.per_kwh.max(axis=1))
    low, high = ((kwh * end[region, None] + fixed).argmin(axis=1) for end in ends)
    point = np.repeat(low[:, None], instance.demand.shape[1], axis=1)
    differ = np.flatnonzero(low != high)
    units = kwh[differ, :, None] * money.per_kwh[region[differ], None] + fixed[differ, :, None]
    point[differ] = units.argmin(axis=1)
    return point


def by_rule(instance: Instance, flows: SourceFlows) -> Solution:
    """The flows of a rule as a solution: no optimum, so that nothing has a price."""
    return Solution(flows, no_duals(instance), status=Status.HEURISTIC)
