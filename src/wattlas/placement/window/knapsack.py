"""Share caps where nothing else ties demands to each other: a fractional knapsack.

Each source in each step has a best place in full service and a best one degraded. What degrading
saves per request is its density; the promised number of requests is the size of the sack. Filled
from the dearest saving down, it is the optimum, and the saving at which it is full is the dual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.placement.constraints.shares import Promise, demanded, promises
from wattlas.placement.constraints.windows import Capped
from wattlas.placement.hour.closed_form import Slots
from wattlas.placement.hour.highs_hour import Flat
from wattlas.placement.hour.solver import CHUNK_ELEMENTS, Solution, join
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.merge_sources import kinds, measure_of, rows_of
from wattlas.placement.problem.prune import pruned
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
        row_price=np.zeros((0, instance.demand.shape[1])),
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
    first, of = kinds(half, (objective,) if tie is None else (objective, tie))
    if not len(first):
        nowhere = np.full(instance.demand.shape, -1)
        return _Best(Slots.of(half), of, nowhere, np.full(instance.demand.shape, np.inf))
    few = rows_of(half, first)
    main = measure_of(objective, first)
    second = None if tie is None else measure_of(tie, first)
    few = pruned(few, (main,) if second is None else (main, second), steps)
    slots = Slots.of(few)
    size = max(1, CHUNK_ELEMENTS // max(1, slots.region.size))
    slot = np.empty((len(first), len(steps)), dtype=np.int64)
    unit = np.empty(slot.shape)
    for low in range(0, len(steps), size):
        chunk = steps[low : low + size]
        slot[:, chunk], unit[:, chunk] = slots.best_with_units(main, second, chunk)
    known = of >= 0
    return _Best(
        slots,
        of,
        np.where(known[:, None], slot[of], -1),
        np.where(known[:, None], unit[of], np.inf),
    )


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
    """(The saving at which the sack is full, 0 if it never is; the room left above it)."""
    gains = np.flatnonzero((saving > 0) & (rate > 0))
    order = gains[np.argsort(-saving[gains])]
    filled = np.cumsum(rate[order])
    whole = int(np.searchsorted(filled, room * (1 + 1e-14), side="right"))
    if whole >= len(order):
        return 0.0, 0.0
    dual = float(saving[order[whole]])
    above = order[: int(np.searchsorted(-saving[order], -dual, side="left"))]
    return dual, room - float(rate[above].sum())


def _flows(instance: Instance, best: _Best, share: np.ndarray) -> Flat:
    """A share of every demand at its best place."""
    rate = instance.demand * share
    hour, source = np.nonzero((rate > 0).T)
    slot = best.slot[source, hour]
    row = best.row[source]
    region, point = best.slots.region[row, slot], best.slots.point[row, slot]
    return hour, source, region, point, rate[source, hour]
