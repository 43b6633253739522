"""Hours in which what must be served may be shed at a price, above all that serving it costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure


def priced(
    instance: Instance, measure: Measure, times: float, most: np.ndarray | None = None
) -> Measure:
    """The measure with a price for what must be served, above all that serving it costs: `most`
    (S,) per request, as the measure has it unless given."""
    dearest = times * (dearest_place(instance, measure) if most is None else most)
    must = np.isnan(measure.per_unserved)
    return replace(measure, per_unserved=np.where(must, dearest, measure.per_unserved))


def priced_instance(instance: Instance, measure: Measure) -> Instance:
    """The instance in which everything may go unserved, as the measure prices it."""
    return replace(instance, unserved_usd=measure.per_unserved)


def dearest_place(instance: Instance, measure: Measure) -> np.ndarray:
    """The most that a request of each source costs anywhere, bought by the hour, (S,)."""
    energy = np.where(instance.allowed, instance.energy_kwh[:, None, :], 0.0)
    per_kwh = np.abs(measure.per_kwh).max(axis=1, initial=0.0)[None, :, None]
    bought = instance.gpu_h[:, None, :] * measure.per_on_demand[None, :, None]
    units = energy * per_kwh + np.where(instance.allowed, np.abs(measure.per_request) + bought, 0.0)
    most = np.asarray(units.max(axis=(1, 2), initial=0.0))
    return np.asarray(np.maximum(most, 1e-3 * float(most.max(initial=0.0)) + 1e-12))
