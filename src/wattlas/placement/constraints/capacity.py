"""Accelerators of a region: what runs there in an hour is at most its capacity."""

from __future__ import annotations

import numpy as np

from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.base import Clash, Constraint, EngineRows
from wattlas.placement.constraints.registry import register
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.rows import HourlyRows
from wattlas.placement.problem.words import listed


@register
class Capacity(Constraint):
    """Σ_{s,o} g[s,o]·x[h,s,r,o] ≤ K[r,h] + o[r,h] GPU-h/h, for regions that have a limit.

    0 ≤ o ≤ O[r,h] is what a region buys by the hour, at w[r] per GPU-h.
    """

    name = "capacity"
    without = "with free capacity everywhere"

    def rows(self, instance: Instance) -> HourlyRows:
        """One row per region; what goes unserved uses none."""
        columns = instance.columns
        place = np.flatnonzero(columns.served)
        source, region, point = (
            index[place] for index in (columns.source, columns.region, columns.point)
        )
        return HourlyRows(
            self.name,
            columns,
            row=region,
            column=place,
            value=instance.gpu_h[source, point],
            lower=np.full_like(instance.capacity, -np.inf),
            upper=instance.capacity,
            surplus=instance.surplus if instance.surplus.any() else None,
        )

    def for_engine(self, instance: Instance, rows: HourlyRows) -> EngineRows:
        """The engine has rows of its own for it."""
        return EngineRows(capacity=rows.upper)

    def present(self, scenario: Scenario) -> bool:
        """Whether any region has a limit."""
        return bool(np.isfinite(scenario.most_gpu).any())

    def relaxed(self, scenario: Scenario) -> Scenario:
        """Accelerators without end everywhere."""
        return scenario.with_endless_capacity()

    def no_worse(
        self, instance: Instance, rows: HourlyRows | None, better: int, point: int
    ) -> np.ndarray:
        """Not more accelerator time, also where no capacity binds: a plan says who uses it."""
        mask: np.ndarray = instance.gpu_h[:, better] <= instance.gpu_h[:, point]
        return mask[:, None]

    def clash_words(self, instance: Instance, clash: Clash) -> str:
        """What the demands need at least, and what the places open to them have."""
        least = instance.least_gpu_h.min(axis=1)
        sources, regions = list(clash.sources), list(clash.rows[self.name])
        needed = float((instance.demand[sources, clash.step] * least[sources]).sum())
        offered = float((instance.capacity + instance.surplus)[regions, clash.step].sum())
        where = self.where(instance, clash)
        return (
            f"At {clash.when} {clash.who} need at least {needed:,.4g} GPU-h/h, and the places open "
            f"to them ({where}) have {offered:,.4g}: {needed - offered:,.4g} short. Raise "
            "reserved_gpu or on_demand_gpu there, relax the latency budget or residency of the "
            "class, or set unserved_usd_per_request."
        )

    def where(self, instance: Instance, clash: Clash) -> str:
        """The regions of a conflict, in words; empty where it has none."""
        regions = instance.scenario.regions
        return listed([regions[r].id for r in clash.rows.get(self.name, ())])

    def broken_words(self, instance: Instance, excess: np.ndarray) -> str:
        """In how many regions, and which is worst."""
        worst = int(excess.argmax())
        return (
            f"over capacity in {int((excess > 0).sum())} of {len(excess)} regions, "
            f"worst {instance.scenario.regions[worst].id} by {excess[worst]:,.4g} GPU-h/h"
        )
