"""A plan in which requests wait, by what its requests count as: apart by window of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from wattlas.model.plan import Plan
from wattlas.placement.problem.arrivals import Arrivals
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit
from wattlas.placement.problem.unit_values import Measure


def apart(arrivals: Arrivals, plan: Plan, flows: SourceFlows) -> tuple[Instance, SourceFlows]:
    """(What runs of each source when, apart by window of arrival; the flows of these sources)."""
    waited, instance, placed = plan.waited, arrivals.instance, plan.flows
    assert waited is not None
    assert placed is not None
    demand = instance.demand.copy()
    pointer, metro, _ = arrivals.whole.members
    first = np.searchsorted(waited.klass, instance.klass)
    for s in arrivals.queue.source.tolist():
        own = slice(pointer[arrivals.origin[s]], pointer[arrivals.origin[s] + 1])
        row = first[s] + arrivals.part[s]
        demand[s] = waited.ran_per_h[metro[own], row].sum(axis=0)
    part = np.zeros(len(flows.hour), dtype=np.int64)
    if waited.row is not None:
        waits = waited.row >= 0
        part[waits] = (waited.row - np.searchsorted(waited.klass, placed.klass))[waits]
    apart = flows._replace(source=arrivals.source(flows.source, part))
    return replace(instance, demand=demand), apart


def prices_by_arrival(
    instance: Instance, limits: Sequence[Limit], prices: np.ndarray
) -> list[tuple[Measure, np.ndarray]]:
    """Measures that count by source and step, with what one more of each costs there, (S, T)."""
    by_window: dict[int, tuple[Measure, np.ndarray]] = {}
    for limit, price in zip(limits, prices, strict=True):
        if limit.counts is not None and price:
            none = np.zeros(instance.demand.shape)
            _, grid = by_window.setdefault(id(limit.measure), (limit.measure, none))
            grid += price * limit.counts
    return list(by_window.values())
