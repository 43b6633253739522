"""Share caps where nothing else ties demands to each other: a fractional knapsack.

Each source in each step has a best place in full service and a best degraded one. What degrading
saves per request is the density of an item. The number of requests that the cap allows is the size
of the knapsack. Filled from the largest saving down, it is the optimum; the saving at which it is
full is the dual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.placement.constraints.degraded_share import (
    CapOnSources,
    DegradedShare,
    caps_on_sources,
)
from wattlas.placement.constraints.registry import ties_demands
from wattlas.placement.hour.closed_form import Slots
from wattlas.placement.hour.merge_sources import kinds
from wattlas.placement.hour.protocol import Solution, no_duals
from wattlas.placement.hour.prune import pruned
from wattlas.placement.problem.flows import SourceFlows, join
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit
from wattlas.placement.problem.unit_values import Measure


@dataclass(frozen=True)
class _Best:
    """The best place of each source in each step, (S, T): its slot and what a request costs.

    `row` (S,) is the row of a source in the slots.
    """

    slots: Slots
    row: np.ndarray
    slot: np.ndarray
    unit: np.ndarray


class Knapsack:
    """The window solver of share caps alone."""

    name = "knapsack"

    def takes(self, instance: Instance, limits: Sequence[Limit]) -> bool:
        """Where no row ties the demands of an hour together, and all limits are share caps."""
        all_share_caps = all(limit.constraint == DegradedShare.name for limit in limits)
        return all_share_caps and not ties_demands(instance)

    def solve(
        self,
        instance: Instance,
        objective: Measure,
        tie: Measure | None,
        limits: Sequence[Limit],
    ) -> Solution | None:
        """Make `objective` least under caps that share no source in a step.

        None where they do share one, or where a cap cannot be kept.
        """
        by_id = {cap.cap.id: cap for cap in caps_on_sources(instance, hourly=False)}
        counted = np.zeros(instance.demand.shape, dtype=bool)
        for limit in limits:
            cell = np.ix_(by_id[limit.id].counted, limit.steps)
            if counted[cell].any():
                return None
            counted[cell] = True
        full = _best(instance, ~instance.degraded, objective, tie, shed=True)
        less = _best(instance, instance.degraded, objective, tie, shed=False)
        share = np.where(less.unit < full.unit, 1.0, 0.0)
        price = np.zeros(len(limits))
        for n, limit in enumerate(limits):
            cap = by_id[limit.id]
            filled = _fill_knapsack(instance, cap, limit, full.unit, less.unit)
            if filled is None:
                return None
            share[np.ix_(cap.counted, limit.steps)], price[n] = filled
        flows = join([_flows(instance, full, 1.0 - share), _flows(instance, less, share)])
        places = int(instance.allowed.sum())
        solution = Solution(flows, no_duals(instance), limit_price=price)
        info = replace(solution.info, rows=instance.sources, columns=places, nonzeros=places)
        return replace(solution, info=info)


def _best(
    instance: Instance,
    selected: np.ndarray,
    objective: Measure,
    tie: Measure | None,
    *,
    shed: bool,
) -> _Best:
    """Best among the places that `which` (S, O) names, or of going unserved where `shed`."""
    steps = np.arange(instance.demand.shape[1])
    half = replace(
        instance,
        allowed=instance.allowed & selected[:, None, :],
        unserved_usd=instance.unserved_usd if shed else np.full(instance.sources, np.nan),
    )
    first, kind = kinds(half, (objective,) if tie is None else (objective, tie))
    if not len(first):
        nowhere = np.full(instance.demand.shape, -1)
        return _Best(Slots.of(half), kind, nowhere, np.full(instance.demand.shape, np.inf))
    main = objective.of_sources(first)
    second = None if tie is None else tie.of_sources(first)
    few = pruned(half.rows_of(first), (main,) if second is None else (main, second), steps)
    slots = Slots.of(few)
    slot = np.empty((len(first), len(steps)), dtype=np.int64)
    unit = np.empty(slot.shape)
    for chunk in slots.chunks(steps):
        slot[:, chunk], unit[:, chunk] = slots.best(main, second, chunk)
    has_place = kind >= 0
    return _Best(
        slots,
        kind,
        np.where(has_place[:, None], slot[kind], -1),
        np.where(has_place[:, None], unit[kind], np.inf),
    )


def _fill_knapsack(
    instance: Instance, cap: CapOnSources, limit: Limit, full: np.ndarray, less: np.ndarray
) -> tuple[np.ndarray, float] | None:
    """(share degraded of each of the cap's sources and steps, price), or None.

    What cannot be served in full comes first, whatever it costs.
    """
    cell = np.ix_(cap.counted, limit.steps)
    rate = (instance.demand * instance.hours)[cell].ravel()
    saving = np.where(rate > 0, full[cell].ravel() - less[cell].ravel(), -np.inf)
    room = limit.share_max * limit.total
    dual, spare = _threshold(saving, rate, room)
    if not np.isfinite(dual):
        return None
    share = np.where(saving > dual, 1.0, 0.0)
    # Equal savings are degraded in their order, so that every machine degrades the same ones.
    equal = np.flatnonzero((saving == dual) & (rate > 0)) if dual > 0 else np.zeros(0, np.int64)
    filled = np.cumsum(rate[equal])
    share[equal] = np.clip((spare - (filled - rate[equal])) / rate[equal], 0.0, 1.0)
    return share.reshape(full[cell].shape), dual


def _threshold(saving: np.ndarray, rate: np.ndarray, room: float) -> tuple[float, float]:
    """(The saving at which the knapsack is full, 0 if it never is; the room left above it)."""
    gains = np.flatnonzero((saving > 0) & (rate > 0))
    order = gains[np.argsort(-saving[gains])]
    filled = np.cumsum(rate[order])
    taken_whole = int(np.searchsorted(filled, room * (1 + 1e-14), side="right"))
    if taken_whole >= len(order):
        return 0.0, 0.0
    dual = float(saving[order[taken_whole]])
    above = order[: int(np.searchsorted(-saving[order], -dual, side="left"))]
    return dual, room - float(rate[above].sum())


def _flows(instance: Instance, best: _Best, share: np.ndarray) -> SourceFlows:
    """A share of every demand at its best place."""
    rate = instance.demand * share
    hour, source = np.nonzero((rate > 0).T)
    slot = best.slot[source, hour]
    row = best.row[source]
    region, point = best.slots.region[row, slot], best.slots.point[row, slot]
    return SourceFlows(hour, source, region, point, rate[source, hour])
