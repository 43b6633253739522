"""Places that can never be in an optimum, taken out before anything is solved.

A point is dominated where another open point of the same source and region is at least as good by
every measure in every hour, and no worse for any constraint. A unit value is linear in the region's
value per kWh, so being at least as good at the least and at the greatest of the hours is being so
in all of them.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np

from wattlas.placement.constraints.registry import rows_by_constraint
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure


def pruned(
    instance: Instance,
    measures: tuple[Measure, ...],
    steps: np.ndarray,
    *,
    opens: np.ndarray | None = None,
) -> Instance:
    """The instance without dominated places over the given steps. Exact: no optimum is lost.

    `opens` (S, R, O) is the budget from which a place is open, where that differs: the better
    place must open no later.
    """
    points = instance.allowed.shape[2]
    if not len(steps) or (instance.allowed.sum(axis=2) < 2).all():
        return instance
    ends = [end for measure in measures for end in _ends(instance, measure, steps)]
    ends += [] if opens is None else [opens]
    ends = [np.ascontiguousarray(end.transpose(2, 0, 1)) for end in ends]
    rules = rows_by_constraint(instance)
    allowed = instance.allowed.transpose(2, 0, 1).copy()  # also where that is no other order
    for o, better in permutations(range(points), 2):
        no_worse = allowed[o] & allowed[better]
        for end in ends:
            no_worse &= end[better] <= end[o]
        if not no_worse.any():
            continue
        for constraint, rows in rules:
            no_worse &= constraint.no_worse(instance, rows, better, o)
        allowed[o] &= ~no_worse
    allowed = np.ascontiguousarray(allowed.transpose(1, 2, 0))
    return replace(instance, allowed=allowed)


def _ends(instance: Instance, measure: Measure, steps: np.ndarray) -> list[np.ndarray]:
    """Unit values at each region's least and greatest value per kWh, each (S, R, O)."""
    per_kwh = measure.per_kwh[:, steps]
    return [
        instance.energy_kwh[:, None, :] * end[None, :, None] + measure.per_request
        for end in (per_kwh.min(axis=1), per_kwh.max(axis=1))
    ]
