"""The seam to the fast engine: an instance and a measure in, flows and prices out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.placement.engine import OPTIMAL, Basis, HourlyProgram
from wattlas.placement.instance import Instance
from wattlas.placement.measures import Measure
from wattlas.placement.shares import promises

WORTH_IT = 50_000
"""From so many open places times hours on, loading the compiled engine pays for itself."""
THREADED = 128
"""From so many hours on, two threads share them. The number is fixed, whatever the machine has,
so that the same scenario gives the same placement everywhere."""
TIE = 1e-8
"""Weight of the tie-breaker relative to the measure, in units of their largest values."""

Flat = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@dataclass
class Hot:
    """The bases of the steps that were solved last, to start from when they are solved again."""

    steps: np.ndarray | None = None
    basis: Basis | None = None

    def of(self, steps: np.ndarray) -> Basis | None:
        """The bases of these steps, where they are those of the last time."""
        known = self.steps is not None and np.array_equal(self.steps, steps)
        return self.basis if known else None


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

    A tie-breaker enters with a weight of `TIE`: enough to choose among equals, and too little to
    move the measure by more than that share of its largest unit value.
    """
    from wattlas.placement.engine import solve_hours

    found = solve_hours(
        program(instance, with_tie(instance, measure, tie)),
        steps,
        start=None if hot is None else hot.of(steps),
        threads=2 if len(steps) >= THREADED else 1,
        keep_bases=hot is not None,
    )
    if hot is not None:
        hot.steps, hot.basis = steps, found.basis
    hour = np.repeat(steps, np.diff(found.indptr))
    keep = found.value > 0
    served = found.region >= 0
    flows = (
        hour[keep],
        found.source[keep].astype(np.int64),
        found.region[keep].astype(np.int64),
        np.where(served, found.point, 0)[keep].astype(np.int64),
        found.value[keep],
    )
    price = np.maximum(-found.capacity_dual, 0.0)
    return Fast(flows, price, np.maximum(found.row_dual, 0.0), steps[found.status != OPTIMAL])


def worth_it(instance: Instance, hours: int) -> bool:
    """Whether so many hours of this instance are enough for the engine."""
    return int(instance.allowed.sum()) * hours >= WORTH_IT


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
