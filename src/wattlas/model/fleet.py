"""How many accelerators, and where: a fleet as a value object."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from wattlas.model.plan import SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.model.waiting import Waits


@dataclass(frozen=True)
class FleetCost:
    """A fleet and what it costs over the scenario's hours. `gpu` (R,) accelerators held."""

    gpu: np.ndarray
    rent_usd: float
    """What is held: rent, idle power, and their carbon at the scenario's price."""
    variable_usd: float
    """Everything else: energy, egress, accelerators on demand; nan where an hour is short."""
    carbon_kg: float
    """At the deciding intensity, idle power and what making the accelerators emits included."""
    it_mwh: float
    """Energy of what is served, and of what is held idle."""
    used_gpu_h: np.ndarray
    """Accelerator time in use over the scenario's hours, those on demand included, (R,)."""
    on_demand_gpu_h: np.ndarray
    """Its part on demand, (R,)."""

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
    unwaited: FleetCost | None = None
    """The fleet of least cost if nothing waits, where classes may wait."""
    waits: tuple[Waits, ...] = ()
    """How long the requests of those classes wait at this fleet."""

    @property
    def gap(self) -> float:
        """(cost − bound) / cost."""
        cost = self.optimal.cost_usd
        return (cost - self.bound_usd) / abs(cost) if cost else 0.0


@dataclass(frozen=True)
class ReachedFleet:
    """The fleet of least cost at a reach: ms beyond the baseline region, or a factor of budgets."""

    x: float
    cost: FleetCost
    bound_usd: float


@dataclass(frozen=True)
class Jump:
    """A reach at which the cost of the fleet falls, and what opens there."""

    x: float
    before: FleetCost
    after: FleetCost
    pairs: tuple[tuple[str, str, str], ...]
    """(metro, class, region) that may be used from here on."""


@dataclass(frozen=True)
class Reach:
    """The fleet over the reach that is allowed, in increasing order of it.

    The cost is a step function: `jumps` are all of its steps where `complete`, else unknown.
    """

    variant: str
    fleets: tuple[ReachedFleet, ...]
    jumps: tuple[Jump, ...]
    complete: bool

    @property
    def hull(self) -> tuple[int, ...]:
        """The fleets on the lower convex hull of cost over reach."""
        kept: list[int] = []
        points = [(fleet.x, fleet.cost.cost_usd) for fleet in self.fleets]
        for n, (x, usd) in enumerate(points):
            while len(kept) > 1:
                (x0, usd0), (x1, usd1) = points[kept[-2]], points[kept[-1]]
                if (usd1 - usd0) * (x - x0) < (usd - usd0) * (x1 - x0):
                    break
                kept.pop()
            kept.append(n)
        return tuple(kept)

    def slopes(self) -> list[tuple[float, float, float, float]]:
        """(from, to, accelerators per unit of reach, USD per unit) along the hull, ≥ 0 where more
        reach saves."""
        found = []
        for a, b in pairwise(self.hull):
            first, second = self.fleets[a], self.fleets[b]
            step = second.x - first.x
            gpu = (first.cost.count - second.cost.count) / step
            found.append(
                (first.x, second.x, gpu, (first.cost.cost_usd - second.cost.cost_usd) / step)
            )
        return found
