"""How many accelerators, and where: a fleet as a value object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.model.plan import SolveInfo, Status
from wattlas.model.scenario import Scenario


@dataclass(frozen=True)
class FleetCost:
    """A fleet and what it costs over the scenario's hours. `gpu` (R,) accelerators held."""

    gpu: np.ndarray
    rent_usd: float
    """What is held: rent, idle power, and their carbon at the scenario's price."""
    variable_usd: float
    """Everything else: energy, egress, accelerators on demand; nan where an hour is short."""

    @property
    def count(self) -> float:
        """Accelerators in all."""
        return float(self.gpu.sum())

    @property
    def cost_usd(self) -> float:
        """All of it; nan where the fleet cannot serve an hour."""
        return self.rent_usd + self.variable_usd


@dataclass(frozen=True)
class Outage:
    """A set of regions that a fleet may lose, and what then may run nowhere else by law."""

    regions: tuple[str, ...]
    uncoverable_gpu_h: float
    """GPU-h of the hours of the scenario, at the leanest operating points."""
    uncoverable_share: float
    """Share of all demand, in accelerator time."""


@dataclass(frozen=True)
class Fleet:
    """The fleet of least cost, and what to compare it with.

    `status` says how the search ended: `optimal`, or `limit` where its gap is above what was asked
    for. Shapes (R,) are in the order of the scenario's regions.
    """

    status: Status
    scenario: Scenario
    """With the fleet as what is reserved."""
    optimal: FleetCost
    bound_usd: float
    """No fleet within the bounds costs less."""
    own_peaks: FleetCost
    """Every region sized for the demand that is nearest to it."""
    given: FleetCost | None
    """What the scenario has reserved; None where that is endless or changes by the hour."""
    whole: FleetCost
    """Each region rounded up to whole accelerators."""
    least_count: float
    """No fleet that serves everything from reserved accelerators has fewer: the peak of the sum.
    nan where that is no bound."""
    saved_by_one_usd: np.ndarray
    """What one accelerator more in a region would save over the horizon, its own rent not counted;
    (R,). Its rent where the region has some, unless a bound holds it."""
    info: SolveInfo
    survives: tuple[Outage, ...] = ()
    nominal: FleetCost | None = None
    """The fleet of least cost that survives nothing, where this one does."""

    @property
    def gap(self) -> float:
        """(cost − bound) / cost."""
        cost = self.optimal.cost_usd
        return (cost - self.bound_usd) / abs(cost) if cost else 0.0
