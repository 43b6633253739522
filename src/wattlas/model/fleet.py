"""How many accelerators, and where: a fleet as a value object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from wattlas.model.plan import LimitReport, SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.model.shown import Tables, Tabular, listing_html, listing_of
from wattlas.model.table import Table, table_of
from wattlas.model.waiting import Waits

VARIANTS = {
    "given": "as given",
    "own_peaks": "each region for its own peak",
    "alone": "each region for its own demand alone",
    "optimal": "the fleet of least cost",
    "outage": "the fleet of least cost, with outages",
    "whole": "rounded up to whole accelerators",
    "unwaited": "the same if nothing waits",
}
"""The fleets that are compared, in the order of the tables, and their names for people."""
USED = 1e-3
"""Accelerators below which a region has none: what is left is rounding."""


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
    unserved_share: float = 0.0
    """Share of all requests that goes unserved, at its price."""

    @property
    def count(self) -> float:
        """Accelerators in all."""
        return float(self.gpu.sum())

    @property
    def cost_usd(self) -> float:
        """All of it; nan where the fleet cannot serve an hour."""
        return self.rent_usd + self.variable_usd

    def row(self) -> dict[str, float]:
        """What it comes to. Carbon and energy are nan where an hour is short: what goes unserved
        emits nothing, and would flatter the fleet."""
        short = self.cost_usd != self.cost_usd
        return {
            "gpu": self.count,
            "cost_usd": self.cost_usd,
            "rent_usd": self.rent_usd,
            "variable_usd": self.variable_usd,
            "carbon_kg": float("nan") if short else self.carbon_kg,
            "it_mwh": float("nan") if short else self.it_mwh,
            "unserved_share": float("nan") if short else self.unserved_share,
        }

    def utilisation(self, hours: float) -> np.ndarray:
        """Share of the time of what is held that is used, over so many hours, (R,); nan where
        nothing is held."""
        reserved_h = self.used_gpu_h - self.on_demand_gpu_h
        out = np.full(len(self.gpu), np.nan)
        shares = np.divide(reserved_h, self.gpu * hours, out=out, where=self.gpu > USED)
        return np.asarray(shares)


@dataclass(frozen=True)
class NeedPrice:
    """What the rent of a fleet pays for one more GPU-h/h that an hour of an outage needs, USD;
    without lost regions, an hour in which none is. `price` (R,) is how much of the need an
    accelerator of each region covers.
    """

    lost: tuple[str, ...]
    price: np.ndarray
    usd: float
    by_hour: np.ndarray | None = None
    """Where requests may wait: what it pays for the need of each hour, USD, (T,), `usd` together.
    Else it is of the hour that needs most."""
    sites: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """Of sites that take so many of several kinds, those by the hour among them: how much of the
    need a place covers."""
    step: int | None = None
    """The hour that needs it, where that alone does, by a constraint beside accelerators."""
    beside: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Duals of such constraints in that hour, GPU-h, by name, (J,)."""


@dataclass(frozen=True)
class FleetPrices:
    """The prices that prove a fleet: `duals` of every constraint of an hour, (J, T), hours not
    counted; `needs` of hours that must be served; the price of carbon beside the scenario's own
    that a cap comes to, USD/t; and what one more degraded request would save in each window of each
    cap of a tier, USD, (W,)."""

    duals: Mapping[str, np.ndarray]
    needs: tuple[NeedPrice, ...]
    usd_per_t: float
    caps: np.ndarray = field(default_factory=lambda: np.zeros(0))
    sites: tuple[float, ...] = ()
    """What one more accelerator, or kW, is worth where a site takes so many of all kinds together,
    USD: by site, accelerators first."""


class Placed(NamedTuple):
    """What runs where at a fleet, one entry for each flow, (F,): the step, the source as the
    fleet's question numbers them, the region (−1 where it goes unserved), the operating point, and
    requests/h."""

    hour: np.ndarray
    source: np.ndarray
    region: np.ndarray
    point: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
class Outage:
    """A set of regions that a fleet may lose, and what then may run nowhere else by law."""

    regions: tuple[str, ...]
    on_demand_gpu: float
    """What each other region can have on demand meanwhile."""
    uncoverable_gpu_h: float
    """GPU-h of the hours of the scenario, at the leanest operating points."""
    uncoverable_share: float
    """Share of all demand, in accelerator time."""


@dataclass(frozen=True)
class Fleet(Tables):
    """The fleet of least cost, and what to compare it with.

    `status` says how the search ended: `optimal`, or `limit` where its gap is above what was asked
    for. Shapes (R,) are in the order of the scenario's regions.
    """

    status: Status
    scenario: Scenario
    """With the fleet as what is reserved."""
    asked: Scenario
    """As it was given."""
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
    least_rent_usd: float
    """No fleet that serves everything from reserved accelerators pays less rent: the largest over
    hours of the least rent of what serves it. nan where that is no bound."""
    saved_by_one_usd: np.ndarray
    """What one accelerator more in a region would save over the horizon, its own rent not counted;
    (R,). Its rent where the region has some, unless a bound holds it."""
    info: SolveInfo
    prices: FleetPrices
    """What `certify_fleet` proves the fleet from."""
    survives: tuple[Outage, ...] = ()
    nominal: FleetCost | None = None
    """The fleet of least cost that survives nothing, where this one does."""
    unwaited: FleetCost | None = None
    """The fleet of least cost if nothing waits, where classes may wait."""
    waits: tuple[Waits, ...] = ()
    """How long the requests of those classes wait at this fleet."""
    levelled: bool = False
    """Whether it was sized for levelled work, as accelerators and waiting together are too many."""
    placed: Placed | None = None
    """What runs where, for `certify_fleet`: where requests may wait, or under caps of tiers."""
    limit: LimitReport | None = None
    """The objective's cap, if it has one: what is used of it, what is held included, and its price:
    USD/t of a cap on carbon, t/USD of one on cost."""

    @property
    def gap(self) -> float:
        """(cost − bound) / cost."""
        cost = self.optimal.cost_usd
        return (cost - self.bound_usd) / abs(cost) if cost else 0.0

    @property
    def variants(self) -> dict[str, FleetCost]:
        """The fleets that are compared, by the names of `VARIANTS`; those that there are."""
        named = {
            "given": self.given,
            "own_peaks": self.own_peaks,
            "optimal": self.nominal or self.optimal,
            "outage": self.optimal if self.survives else None,
            "whole": self.whole,
            "unwaited": self.unwaited,
        }
        return {name: cost for name, cost in named.items() if cost is not None}

    def named_tables(self) -> dict[str, Table]:
        """`fleets`, a row for each that is compared; `regions`, a row for each region."""
        rows = ({"fleet": VARIANTS[name], **cost.row()} for name, cost in self.variants.items())
        return {"fleets": table_of(rows), "regions": self._regions()}

    def _regions(self) -> Table:
        """Accelerators of every region: as given, for its own peak, found; how they are used."""
        optimal = self.optimal
        given = self.given.gpu if self.given else np.full(len(optimal.gpu), np.nan)
        return {
            "region": [region.id for region in self.scenario.regions],
            **self._kinds(),
            "given_gpu": given,
            "own_peak_gpu": self.own_peaks.gpu,
            "fleet_gpu": optimal.gpu,
            "whole_gpu": self.whole.gpu,
            "change_gpu": optimal.gpu - given,
            "utilisation": optimal.utilisation(float(self.scenario.hours.hours.sum())),
            "on_demand_gpu_h": optimal.on_demand_gpu_h,
            "saved_by_one_usd": self.saved_by_one_usd,
        }

    def _kinds(self) -> Table:
        """Site and kind of each region, where a site has several kinds of accelerators."""
        regions = self.scenario.regions
        if not any(region.site for region in regions):
            return {}
        return {
            "site": [region.site or region.id for region in regions],
            "hardware": [region.hardware for region in regions],
        }

    @property
    def by_hardware(self) -> dict[str, float]:
        """Accelerators of each kind, where the scenario says of which kind they are."""
        kinds = [region.hardware for region in self.scenario.regions]
        return {
            kind: float(self.optimal.gpu[[own == kind for own in kinds]].sum())
            for kind in dict.fromkeys(kinds)
            if any(kinds)
        }

    def _repr_html_(self) -> str:
        listings = (listing_of(name, self.to_polars(name)) for name in self.named_tables())
        return "".join(map(listing_html, listings))


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
class Reach(Tabular):
    """The fleet over the reach that is allowed, in increasing order of it.

    The cost is a step function: `jumps` are all of its steps where `complete`, else unknown.
    """

    variant: str
    fleets: tuple[ReachedFleet, ...]
    jumps: tuple[Jump, ...]
    complete: bool

    def table(self) -> Table:
        """The fleet at every reach that was looked at."""
        costs = [fleet.cost for fleet in self.fleets]
        return {
            "reach": [fleet.x for fleet in self.fleets],
            "fleet_gpu": [cost.count for cost in costs],
            "cost_usd": [cost.cost_usd for cost in costs],
            "rent_usd": [cost.rent_usd for cost in costs],
            "carbon_kg": [cost.carbon_kg for cost in costs],
            "it_mwh": [cost.it_mwh for cost in costs],
            "on_hull": [n in self.hull for n in range(len(costs))],
        }

    def heading(self) -> str:
        """What stands above it in a notebook."""
        return f"Return on reach, {self.variant}"

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
        slopes = []
        for a, b in pairwise(self.hull):
            first, second = self.fleets[a], self.fleets[b]
            step = second.x - first.x
            gpu = (first.cost.count - second.cost.count) / step
            slopes.append(
                (first.x, second.x, gpu, (first.cost.cost_usd - second.cost.cost_usd) / step)
            )
        return slopes
