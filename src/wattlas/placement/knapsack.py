"""Share caps where nothing else ties demands to each other: a fractional knapsack.

Each source in each step has a best place in full service and a best one degraded. What degrading
saves per request is its density; the promised number of requests is the size of the sack. Filled
from the dearest saving down, it is the optimum, and the saving at which it is full is the dual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.placement.caps import Capped
from wattlas.placement.choice import Slots
from wattlas.placement.hourly import CHUNK_ELEMENTS, Flat, Solution, join
from wattlas.placement.instance import Instance
from wattlas.placement.measures import Measure
from wattlas.placement.prune import pruned
from wattlas.placement.shares import Promise, demanded, promises


@dataclass(frozen=True)
class _Best:
    """The best place of each source in each step, (S, T): its slot and what a request costs."""

    slots: Slots
    slot: np.ndarray
    unit: np.ndarray


def applies(instance: Instance) -> bool:
    """Whether no capacity, mean accuracy or promise of a single step ties demands together."""
    return not (
        np.isfinite(instance.capacity).any()
        or (~np.isnan(instance.mean_accuracy_min)).any()
        or promises(instance, hourly=True)
    )


def fill(
    instance: Instance,
    objective: Measure,
    promised: Sequence[tuple[Promise, np.ndarray]],
    tie: Measure | None = None,
) -> Capped | None:
    """Make `objective` least under promises (each with its steps) that share no source in a step.

    None where they do share one, or where a promise cannot be kept.
    """
    taken = np.zeros(instance.demand.shape, dtype=bool)
    for promise, steps in promised:
        cell = np.ix_(promise.of, steps)
        if taken[cell].any():
            return None
        taken[cell] = True
    full = _best(instance, ~instance.degraded, objective, tie, shed=True)
    less = _best(instance, instance.degraded, objective, tie, shed=False)
    share = np.where(less.unit < full.unit, 1.0, 0.0)
    dual = np.zeros(len(promised))
    for n, (promise, steps) in enumerate(promised):
        found = _sack(instance, promise, steps, full.unit, less.unit)
        if found is None:
            return None
        share[np.ix_(promise.of, steps)], dual[n] = found
    flows = join([_flows(instance, full, 1.0 - share), _flows(instance, less, share)])
    places = int(instance.allowed.sum())
    solution = Solution(
        *flows,
        capacity_price=np.zeros_like(instance.capacity),
        infeasible=np.zeros(0, np.int64),
        rows=instance.sources,
        columns=places,
        nonzeros=places,
    )
    return Capped(solution, dual, np.full(len(promised), np.nan), feasible=True)


def _best(
    instance: Instance,
    which: np.ndarray,
    objective: Measure,
    tie: Measure | None,
    *,
    shed: bool,
) -> _Best:
    """Best among the places that `which` (S, O) names, or of going unserved where `shed`."""
    steps = np.arange(instance.demand.shape[1])
    half = replace(
        instance,
        allowed=instance.allowed & which[:, None, :],
        unserved_usd=instance.unserved_usd if shed else np.full(instance.sources, np.nan),
    )
    if not half.allowed.any() and not shed:
        nowhere = np.full(instance.demand.shape, -1)
        return _Best(Slots.of(half), nowhere, np.full(instance.demand.shape, np.inf))
    half = pruned(half, (objective,) if tie is None else (objective, tie), steps)
    slots = Slots.of(half)
    size = max(1, CHUNK_ELEMENTS // max(1, slots.region.size))
    slot = np.empty(instance.demand.shape, dtype=np.int64)
    unit = np.empty(instance.demand.shape)
    for low in range(0, len(steps), size):
        chunk = steps[low : low + size]
        slot[:, chunk] = slots.best(objective, tie, chunk)
        every = slots.units(objective, chunk)
        least = np.take_along_axis(every, np.maximum(slot[:, chunk], 0)[:, None], axis=1)[:, 0]
        unit[:, chunk] = np.where(slot[:, chunk] < 0, np.inf, least)
    return _Best(slots, slot, unit)


def _sack(
    instance: Instance,
    promise: Promise,
    steps: np.ndarray,
    full: np.ndarray,
    less: np.ndarray,
) -> tuple[np.ndarray, float] | None:
    """(share degraded of each of the promise's sources and steps, dual), or None.

    What cannot be served in full comes first, whatever it costs.
    """
    cell = np.ix_(promise.of, steps)
    rate = (instance.demand * instance.hours)[cell].ravel()
    saving = np.where(rate > 0, full[cell].ravel() - less[cell].ravel(), -np.inf)
    room = promise.cap.share_max * float(demanded(instance, promise)[steps].sum())
    order = np.argsort(-saving, kind="stable")
    order = order[saving[order] > 0]
    filled = np.cumsum(rate[order])
    share = np.zeros(len(rate))
    whole = int(np.searchsorted(filled, room * (1 + 1e-14), side="right"))
    share[order[:whole]] = 1.0
    dual = 0.0
    if whole < len(order):
        split = order[whole]
        before = filled[whole] - rate[split]
        share[split] = min(max((room - before) / rate[split], 0.0), 1.0)
        dual = float(saving[split])
        if not np.isfinite(dual):
            return None
    return share.reshape(full[cell].shape), dual


def _flows(instance: Instance, best: _Best, share: np.ndarray) -> Flat:
    """A share of every demand at its best place."""
    rate = instance.demand * share
    source, hour = np.nonzero(rate > 0)
    slot = best.slot[source, hour]
    region, point = best.slots.region[source, slot], best.slots.point[source, slot]
    return hour, source, region, point, rate[source, hour]
