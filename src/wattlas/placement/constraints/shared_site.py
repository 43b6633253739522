"""Sites that take so many accelerators of several kinds, those bought by the hour among them."""

from __future__ import annotations

import numpy as np

from wattlas.placement.constraints.base import Constraint, EngineRows
from wattlas.placement.constraints.registry import register
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.rows import HourlyRows

NAME = "shared_site"


@register
class SharedSite(Constraint):
    """Σ_r a[j,r]·o[r,h] ≤ most[j] − Σ_r a[j,r]·K[r,h] for each site j of a fleet that is sought.

    A scenario has none: what is reserved is then there, and what can be bought is a number.
    """

    name = NAME

    def rows(self, instance: Instance) -> HourlyRows | None:
        """One row per site, on what its regions buy."""
        if instance.sites is None:
            return None
        none = np.zeros(0, dtype=np.int64)
        upper = instance.sites.left(instance.capacity)
        return HourlyRows(
            self.name,
            instance.columns,
            row=none,
            column=none,
            value=np.zeros(0),
            lower=np.full_like(upper, -np.inf),
            upper=upper,
            bought=instance.sites.per_gpu,
        )

    def for_engine(self, instance: Instance, rows: HourlyRows) -> EngineRows:
        """−Σ a·o ≥ −(what is left), where the engine has sources that buy."""
        coef = np.zeros((rows.count, *instance.gpu_h.shape))
        return EngineRows(coef, -rows.upper, sign=-1.0, bought=rows.bought)
