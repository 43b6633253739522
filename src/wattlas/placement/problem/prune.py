"""Places that can never be in an optimum, taken out before anything is solved.

A point is dominated where another open point of the same source and region is at least as good by
every measure in every hour, needs no more accelerator time, is no less accurate where the class
has a mean floor, and does not count as degraded unless the other does. A unit value is linear in
the region's value per kWh, so being at least as good at the least and at the greatest of the hours
is being so in all of them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure


def pruned(
    instance: Instance,
    measures: tuple[Measure, ...],
    steps: np.ndarray,
    *,
    within_variant: bool = False,
    opens: np.ndarray | None = None,
) -> Instance:
    """The instance without dominated places over the given steps. Exact: no optimum is lost.

    `within_variant` compares only points of one model variant that need the same accelerator time,
    as it must be where starting a variant costs something: a thirstier point keeps more running.
    `opens` (S, R, O) is the budget from which a place is open, where that
    differs: the better place must open no later.
    """
    points = instance.allowed.shape[2]
    if points < 2 or not len(steps):
        return instance
    ends = [end for measure in measures for end in _ends(instance, measure, steps)]
    floored = ~np.isnan(instance.mean_accuracy_min[instance.klass])
    allowed = instance.allowed.copy()
    variant = instance.variants[1]
    for o in range(points):
        for better in range(points):
            if better == o or (within_variant and variant[better] != variant[o]):
                continue
            more = instance.gpu_h[:, better] - instance.gpu_h[:, o]
            no_worse = (more == 0 if within_variant else more <= 0)[:, None]
            accurate = instance.excess[:, better] >= instance.excess[:, o]
            kept = instance.degraded[:, better] <= instance.degraded[:, o]
            no_worse = no_worse & ((accurate | ~floored) & kept)[:, None]
            if opens is not None:
                no_worse = no_worse & (opens[:, :, better] <= opens[:, :, o])
            for end in ends:
                no_worse = no_worse & (end[:, :, better] <= end[:, :, o])
            allowed[:, :, o] &= ~(no_worse & allowed[:, :, better])
    return replace(instance, allowed=allowed)


def _ends(instance: Instance, measure: Measure, steps: np.ndarray) -> list[np.ndarray]:
    """Unit values at each region's least and greatest value per kWh, each (S, R, O)."""
    per_kwh = measure.per_kwh[:, steps]
    return [
        instance.energy_kwh[:, None, :] * end[None, :, None] + measure.per_request
        for end in (per_kwh.min(axis=1), per_kwh.max(axis=1))
    ]
