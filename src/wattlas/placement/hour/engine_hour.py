"""The seam to the fast engine: an instance and a measure in, flows and prices out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wattlas.placement.constraints.shares import promises
from wattlas.placement.engine import OPTIMAL, Basis, HourlyProgram
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure

WORTH_IT = 50_000
"""From so many open places times hours on, loading the compiled engine pays for itself."""
THREADED = 128
"""From so many hours on, two threads share them. The number is fixed, whatever the machine has,
so that the same scenario gives the same placement everywhere."""
TIE = 1e-8
"""Weight of the tie-breaker in a first pass, relative to the measure, in units of their largest
values; the second pass is without it.
"""

Flat = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@dataclass
class Hot:
    """The bases of the steps that were solved last, to start from when they are solved again.

    `point_of` (S, O') says which points of the instance the bases' points are: another measure may
    leave other places open.
    """

    steps: np.ndarray | None = None
    basis: Basis | None = None
    point_of: np.ndarray | None = None

    def of(self, steps: np.ndarray, point_of: np.ndarray) -> Basis | None:
        """The bases of these steps, where they are those of the last time."""
        if self.steps is None or self.basis is None or self.point_of is None:
            return None
        if not np.array_equal(self.steps, steps):
            return None
        return renumbered(self.basis, self.point_of, point_of)


def renumbered(basis: Basis, before: np.ndarray, after: np.ndarray) -> Basis:
    """The same columns, each source's points numbered as in `after` (S, O') instead of `before`.

    A column whose point is not there any more becomes the one of unserved demand.
    """
    if np.array_equal(before, after):
        return basis
    sources = np.arange(len(before))[:, None]
    at = np.full((len(before), 1 + max(int(before.max()), int(after.max()))), -1, dtype=np.int32)
    at[sources, after] = np.arange(after.shape[1])
    now = at[sources, before]

    def moved(source: np.ndarray, column: np.ndarray) -> np.ndarray:
        served = (source >= 0) & (column[..., 0] >= 0)
        point = np.where(served, now[source, np.where(served, column[..., 0], 0)], -1)
        kept = np.where((source < 0) | (point >= 0), column[..., 1], -1)
        return np.stack([point, kept], axis=-1).astype(np.int32)

    owner = basis.basics[..., 0]
    columns = moved(owner, basis.basics[..., 1:])
    keys = moved(np.broadcast_to(sources[:, 0], basis.keys.shape[:2]), basis.keys)
    return Basis(keys, np.concatenate([owner[..., None], columns], axis=-1))


@dataclass(frozen=True)
class Fast:
    """What the engine found: flows, prices of capacity (R, H) and of coupling rows (J, H), both
    ≥ 0, and the steps it gave up on.
    """

    flows: Flat
    capacity_price: np.ndarray
    row_price: np.ndarray
    left: np.ndarray
    """Steps that another solver must judge: infeasible by the engine's word, or not finished."""


def solve_fast(
    instance: Instance,
    measure: Measure,
    tie: Measure | None,
    steps: np.ndarray,
    hot: Hot | None = None,
) -> Fast:
    """Solve the steps exactly, hot from hour to hour, or each from its own basis in `hot`.

    With a tie-breaker the steps are solved twice: with a little of it added, enough to choose among
    equals, and then by the measure alone, each from the basis it has. What is equal stays where it
    is, and both the flows and the prices are those of the measure.
    """
    from wattlas.placement.engine import solve_hours

    threads = 2 if len(steps) >= THREADED else 1
    narrow, point_of = compact(program(instance, measure))
    start = None if hot is None else hot.of(steps, point_of)
    if tie is not None:
        tied = compact(program(instance, with_tie(instance, measure, tie)))[0]
        start = solve_hours(
            tied, steps, start=start, threads=threads, want_duals=False, keep_bases=True
        ).basis
    found = solve_hours(narrow, steps, start=start, threads=threads, keep_bases=hot is not None)
    if hot is not None:
        hot.steps, hot.basis, hot.point_of = steps, found.basis, point_of
    hour = np.repeat(steps, np.diff(found.indptr))
    keep = found.value > 0
    served = found.region >= 0
    flows = (
        hour[keep],
        found.source[keep].astype(np.int64),
        found.region[keep].astype(np.int64),
        point_of[found.source, np.where(served, found.point, 0)][keep].astype(np.int64),
        found.value[keep],
    )
    price = np.maximum(-found.capacity_dual, 0.0)
    return Fast(flows, price, np.maximum(found.row_dual, 0.0), steps[found.status != OPTIMAL])


def worth_it(instance: Instance, hours: int) -> bool:
    """Whether so many hours of this instance are enough for the engine."""
    return int(instance.allowed.sum()) * hours >= WORTH_IT


def compact(whole: HourlyProgram) -> tuple[HourlyProgram, np.ndarray]:
    """The program with as few points as the source with the most open ones has, and which point of
    the whole each of a source's points is, (S, O').

    A class uses few of all points, and what the engine scans is as wide as the points are many.
    """
    used = whole.allowed.any(axis=1)
    width = max(int(used.sum(axis=1).max(initial=0)), 1)
    point_of = np.argsort(~used, axis=1, kind="stable")[:, :width]
    if width == used.shape[1] or whole.per_gpu_h is not None:
        return whole, np.broadcast_to(np.arange(used.shape[1]), used.shape)
    by_place = point_of[:, None, :]
    tidy = np.ascontiguousarray
    narrow = replace(
        whole,
        energy_kwh=np.take_along_axis(whole.energy_kwh, point_of, axis=1),
        gpu_h=np.take_along_axis(whole.gpu_h, point_of, axis=1),
        allowed=tidy(np.take_along_axis(whole.allowed, by_place, axis=2)),
        per_request=tidy(np.take_along_axis(whole.per_request, by_place, axis=2)),
        row_coef=tidy(np.take_along_axis(whole.row_coef, point_of[None], axis=2)),
    )
    return narrow, point_of


def with_tie(instance: Instance, measure: Measure, tie: Measure | None) -> Measure:
    """The measure and a little of what breaks ties."""
    return measure if tie is None else measure.plus(tie, _tie_weight(instance, measure, tie))


def _tie_weight(instance: Instance, measure: Measure, tie: Measure) -> float:
    return TIE * _largest(instance, measure) / max(_largest(instance, tie), 1e-300)


def _largest(instance: Instance, measure: Measure) -> float:
    """Largest unit value of an open place, roughly: the largest parts added up."""
    fixed = np.where(instance.allowed, np.abs(measure.per_request), 0.0)
    energy = float(instance.energy_kwh.max(initial=0.0))
    return energy * float(np.abs(measure.per_kwh).max(initial=0.0)) + float(fixed.max(initial=0.0))


def program(instance: Instance, measure: Measure) -> HourlyProgram:
    """The hours' programs as the engine takes them."""
    coef, lower = coupling_rows(instance)
    unserved = np.where(np.isnan(measure.per_unserved), np.inf, measure.per_unserved)
    tidy = np.ascontiguousarray
    return HourlyProgram(
        demand=tidy(instance.demand, dtype=np.float64),
        energy_kwh=tidy(instance.energy_kwh, dtype=np.float64),
        gpu_h=tidy(instance.gpu_h, dtype=np.float64),
        allowed=tidy(instance.allowed),
        per_kwh=tidy(measure.per_kwh, dtype=np.float64),
        per_request=tidy(measure.per_request, dtype=np.float64),
        capacity=tidy(instance.capacity, dtype=np.float64),
        unserved=tidy(unserved),
        row_coef=coef,
        row_lower=lower,
    )


def coupling_rows(instance: Instance) -> tuple[np.ndarray, np.ndarray]:
    """Rows Σ coef·x ≥ lower of each hour, shapes (J, S, O) and (J, T).

    First the mean accuracies of the classes with a floor, then the promises over single steps,
    as −Σ [degraded]·x ≥ −φ·Σ demand, so that unserved demand needs no entry.
    """
    floors = np.flatnonzero(~np.isnan(instance.mean_accuracy_min))
    kept = promises(instance, hourly=True)
    coef = np.zeros((len(floors) + len(kept), *instance.energy_kwh.shape))
    lower = np.zeros((len(coef), instance.demand.shape[1]))
    for j, k in enumerate(floors):
        of = instance.klass == k
        coef[j, of] = instance.excess[of]
    for j, one in enumerate(kept, start=len(floors)):
        coef[j] = -1.0 * one.degraded
        lower[j] = -one.cap.share_max * instance.demand[one.of].sum(axis=0)
    return coef, lower
