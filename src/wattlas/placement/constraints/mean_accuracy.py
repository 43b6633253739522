"""Mean accuracy of a class: its requests in full service keep a mean in every hour."""

from __future__ import annotations

import numpy as np

from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.base import Clash, Constraint, EngineRows
from wattlas.placement.constraints.registry import register
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.rows import HourlyRows
from wattlas.placement.problem.words import listed


@register
class MeanAccuracy(Constraint):
    """Σ (a[s,o] − A_k)·x[h,s,r,o] ≥ 0 over the sources of each class k with a minimum A_k.

    Degraded requests do not count: the minimum holds for full service.
    """

    name = "mean_accuracy"

    def rows(self, instance: Instance) -> HourlyRows | None:
        """One row per class, free where it has no minimum."""
        minimum = instance.mean_accuracy_min
        if np.isnan(minimum).all():
            return None
        columns = instance.columns
        limited = ~np.isnan(minimum)[instance.klass]
        place = np.flatnonzero(columns.served & limited[columns.source])
        source, point = columns.source[place], columns.point[place]
        lower = np.where(np.isnan(minimum), -np.inf, 0.0)
        shape = (len(minimum), instance.demand.shape[1])
        return HourlyRows(
            self.name,
            columns,
            row=instance.klass[source],
            column=place,
            value=instance.excess[source, point],
            lower=np.broadcast_to(lower[:, None], shape),
            upper=np.full(shape, np.inf),
        )

    def for_engine(self, instance: Instance, rows: HourlyRows) -> EngineRows:
        """The same rows: accuracy is of a point, wherever it runs."""
        coef = np.zeros((rows.count, *instance.energy_kwh.shape))
        for k in np.flatnonzero(~np.isnan(instance.mean_accuracy_min)):
            of_class = instance.klass == k
            coef[k, of_class] = instance.excess[of_class]
        return EngineRows(coef, rows.lower)

    def present(self, scenario: Scenario) -> bool:
        """Whether any class has a minimum."""
        return any(k.mean_accuracy_min is not None for k in scenario.classes)

    def clash_words(self, instance: Instance, clash: Clash) -> str:
        """Which classes, and where capacity stands in the way, too."""
        names = listed([instance.scenario.classes[k].id for k in clash.rows[self.name]])
        regions = [instance.scenario.regions[r].id for r in clash.rows.get("capacity", ())]
        within = f" within the capacity of {listed(regions)}" if regions else ""
        return (
            f"At {clash.when} the mean accuracy of {names} cannot reach its minimum for "
            f"{clash.who}{within}. Lower mean_accuracy_min, or open more accurate operating points "
            "or more capacity."
        )

    def broken_words(self, instance: Instance, excess: np.ndarray) -> str:
        """Which classes."""
        names = [instance.scenario.classes[k].id for k in np.flatnonzero(excess > 0)]
        return "; ".join(f"mean accuracy of class {name} too low" for name in names)
