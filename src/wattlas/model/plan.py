"""What a placement returns: how it ended, then where everything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.frames import pandas_of
from wattlas.model.objective import Minimise
from wattlas.model.scenario import Scenario
from wattlas.model.waiting import Waited
from wattlas.units import G_PER_KG, KG_PER_T, KWH_PER_MWH

if TYPE_CHECKING:
    import pandas
    import polars
    import xarray

UNSERVED = -1


class Status(StrEnum):
    """How a solve ended."""

    OPTIMAL = "optimal"
    LIMIT = "limit"
    """Stopped early; `SolveInfo.gap` bounds what is missing."""
    INFEASIBLE = "infeasible"
    FAILED = "failed"
    HEURISTIC = "heuristic"
    """A baseline policy: no claim to be best."""


@dataclass(frozen=True)
class SolveInfo:
    """Who solved it, how long it took, and how large it was."""

    solver: str
    seconds: float = 0.0
    build_seconds: float = 0.0
    engine_hours: int = 0
    """Steps that the fast engine solved; the rest had their best place or went to HiGHS."""
    highs_hours: int = 0
    """Steps that went to HiGHS one by one."""
    programs: int = 0
    """Programs solved; `rows`, `columns` and `nonzeros` are the size of one of them."""
    rows: int = 0
    columns: int = 0
    nonzeros: int = 0
    gap: float = 0.0
    """Certified relative gap; 0 is optimal within the solver's tolerance."""

    @staticmethod
    def together(parts: Sequence[SolveInfo]) -> SolveInfo:
        """Counts and times added up; the size is that of the largest program, the gap the worst."""
        largest = max(parts, key=lambda part: part.columns)
        return replace(
            largest,
            seconds=sum(part.seconds for part in parts),
            build_seconds=sum(part.build_seconds for part in parts),
            engine_hours=sum(part.engine_hours for part in parts),
            highs_hours=sum(part.highs_hours for part in parts),
            programs=sum(part.programs for part in parts),
            gap=max(part.gap for part in parts),
        )


@dataclass(frozen=True)
class Flows:
    """Where demand runs, as parallel arrays with one entry per flow that is not zero.

    `hour`, `metro`, `klass`, `region` (`UNSERVED` where not served), `point` are indices into the
    scenario; `requests_per_h` is the rate.
    """

    hour: np.ndarray
    metro: np.ndarray
    klass: np.ndarray
    region: np.ndarray
    point: np.ndarray
    requests_per_h: np.ndarray

    @property
    def served(self) -> np.ndarray:
        """Mask of the flows that run somewhere."""
        mask: np.ndarray = self.region != UNSERVED
        return mask

    def where(self, rows: np.ndarray | slice) -> Flows:
        """Some of the flows: a mask, indices or a slice."""
        return Flows(*(getattr(self, column.name)[rows] for column in fields(self)))


@dataclass(frozen=True)
class Totals:
    """Sums over the window, each step counted as the hours it stands for.

    Money in USD, energy in MWh, carbon in kg CO2e; `carbon_kg` is at the deciding intensity.
    """

    requests: float = 0.0
    unserved_requests: float = 0.0
    late_requests: float = 0.0
    it_mwh: float = 0.0
    facility_mwh: float = 0.0
    gpu_h: float = 0.0
    egress_gb: float = 0.0
    energy_usd: float = 0.0
    reserved_usd: float = 0.0
    on_demand_usd: float = 0.0
    egress_usd: float = 0.0
    friction_usd: float = 0.0
    unserved_usd: float = 0.0
    carbon_price_usd: float = 0.0
    carbon_kg: float = 0.0
    carbon_average_kg: float = 0.0
    carbon_marginal_kg: float | None = None
    rtt_mean_ms: float = 0.0

    @staticmethod
    def unknown() -> Totals:
        """The totals of a plan that has no placement: nan, every one."""
        return Totals(**dict.fromkeys((total.name for total in fields(Totals)), float("nan")))

    @property
    def cost_usd(self) -> float:
        """All money, carbon at its internal price included."""
        return self.variable_usd + self.reserved_usd

    @property
    def accelerator_usd(self) -> float:
        """Reserved accelerators, and those on demand."""
        return self.reserved_usd + self.on_demand_usd

    @property
    def variable_usd(self) -> float:
        """Cost without what is reserved: what decisions can change under the stated billing."""
        return (
            self.energy_usd
            + self.on_demand_usd
            + self.egress_usd
            + self.friction_usd
            + self.unserved_usd
            + self.carbon_price_usd
        )

    @property
    def energy_usd_per_mwh(self) -> float:
        """Energy bill per MWh of IT energy."""
        return self.energy_usd / self.it_mwh if self.it_mwh else 0.0

    @property
    def carbon_g_per_kwh(self) -> float:
        """Carbon at the deciding intensity per kWh of IT energy."""
        return self.carbon_kg * G_PER_KG / (self.it_mwh * KWH_PER_MWH) if self.it_mwh else 0.0


@dataclass(frozen=True)
class LimitReport:
    """A limit over a window, and what it was worth.

    `price` is what one more unit of the limit would save, in the objective's unit (USD or t), ≥ 0.
    """

    id: str
    """`carbon`, `cost`, or the id of the degradation cap."""
    start_utc: np.datetime64
    end_utc: np.datetime64
    """Last step of the window."""
    unit: str
    limit: float
    used: float
    price: float
    share_max: float = float("nan")
    """Share that may be degraded; nan where the limit is no degradation cap."""
    share: float = float("nan")
    """Share that the plan degrades."""
    per_percent: float = float("nan")
    """What one more percent of degraded requests would save, in the objective's unit."""


@dataclass(frozen=True)
class Plan:
    """Where every request runs in every hour.

    `status` comes first: flows and totals hold only where it is `optimal`, `limit` or
    `heuristic`; without a placement every total is nan. `conflict` says in words why there is none
    where it is `infeasible`.
    """

    status: Status
    scenario: Scenario
    info: SolveInfo
    flows: Flows | None = None
    totals: Totals = field(default_factory=Totals.unknown)
    objective: float = float("nan")
    """USD for a least-cost plan, tCO2e for a least-carbon one."""
    duals: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Of each constraint that ties the demands of an hour, by its name: the change of the
    objective per unit of the bound of its rows, (rows, T); ≤ 0 for an upper bound, ≥ 0 for a lower
    one. `capacity` has a row per region, `mean_accuracy` one per class, `degraded_share` one per
    share cap over single steps.
    """
    abatement_usd_per_t: np.ndarray | None = None
    """Dual of a carbon or cost cap: marginal abatement cost; shape (windows,)."""
    limits: tuple[LimitReport, ...] = ()
    """Every limit over a window: caps on carbon, on cost, on what tiers may degrade."""
    conflict: str = ""
    policy: str = "optimum"
    waited: Waited | None = None
    """When the requests of classes that may wait ran; None where none may."""

    @cached_property
    def as_run(self) -> Scenario:
        """The scenario with every request in the step in which it runs: its own where none waits.

        Flows, prices and costs are by these steps; what users ask for is in `scenario`.
        """
        return self.scenario if self.waited is None else self.waited.as_run(self.scenario)

    @property
    def ok(self) -> bool:
        """Whether there is a placement; its flows may have been dropped for their number."""
        return self.flows is not None or (
            self.status in (Status.OPTIMAL, Status.LIMIT) and not np.isnan(self.objective)
        )

    def raise_if_infeasible(self) -> Plan:
        """The plan itself. Raises InfeasibleError with the conflict where it is infeasible."""
        if self.status is Status.INFEASIBLE:
            raise InfeasibleError(self.conflict)
        return self

    @property
    def capacity_price(self) -> np.ndarray | None:
        """What one more GPU-h of capacity is worth, ≥ 0, (R, T); None where the plan has no duals.

        In the unit of the objective: USD, or t CO2e where carbon is made least.
        """
        dual = self.duals.get("capacity")
        return None if dual is None else -dual + 0.0

    @property
    def capacity_price_usd_per_gpu_h(self) -> np.ndarray | None:
        """`capacity_price` in USD, (R, T); None where it is carbon that is made least, too."""
        by_carbon = self.scenario.objective.minimise is Minimise.CARBON
        return None if by_carbon else self.capacity_price

    @property
    def capacity_price_kg_per_gpu_h(self) -> np.ndarray | None:
        """`capacity_price` in kg CO2e, (R, T); None where cost is made least, too."""
        by_carbon = self.scenario.objective.minimise is Minimise.CARBON
        price = self.capacity_price if by_carbon else None
        return None if price is None else price * KG_PER_T

    @cached_property
    def requests_by_region(self) -> np.ndarray:
        """Requests/h in each region and hour, shape (R, T); nan where the plan has no flows."""
        shape = (len(self.scenario.regions), self.scenario.hours.count)
        if self.flows is None:
            return np.full(shape, np.nan)
        out = np.zeros(shape)
        f, on = self.flows, self.flows.served
        np.add.at(out, (f.region[on], f.hour[on]), f.requests_per_h[on])
        return out

    def to_polars(self) -> polars.DataFrame:
        """Flows as a table with names: time_utc, metro, class, region, point, requests_per_h."""
        import polars as pl

        s = self.scenario
        if self.flows is None:
            raise ValueError(f"the plan is {self.status}: {self.conflict}")
        f = self.flows

        def named(ids: list[str], index: np.ndarray) -> polars.Series:
            return pl.Series(ids, dtype=pl.String).gather(index)

        # The last region is the one that −1 stands for.
        regions = [*(r.id for r in s.regions), "unserved"]
        return pl.DataFrame(
            {
                "time_utc": s.hours.utc[f.hour].astype("datetime64[ms]"),
                "metro": named([m.id for m in s.metros], f.metro),
                "class": named([k.id for k in s.classes], f.klass),
                "region": named(regions, np.where(f.served, f.region, len(regions) - 1)),
                "point": named([p.id for p in s.points], f.point),
                "requests_per_h": f.requests_per_h,
            }
        ).with_columns(pl.col("time_utc").dt.replace_time_zone("UTC"))

    def to_pandas(self) -> pandas.DataFrame:
        """As `to_polars`, for pandas (extra `notebook`)."""
        return pandas_of(self.to_polars())

    def _repr_html_(self) -> str:
        from wattlas.model.totals_listing import plan_html

        return plan_html(self)

    def to_xarray(self) -> xarray.DataArray:
        """Requests/h as a dense array (metro, class, region, point, hour). Small plans only."""
        import xarray as xr

        s = self.scenario
        dense = np.zeros((*s.shape[:4], s.hours.count))
        if self.flows is None:
            raise ValueError(f"the plan is {self.status}: {self.conflict}")
        f, on = self.flows, self.flows.served
        index: Any = (f.metro[on], f.klass[on], f.region[on], f.point[on], f.hour[on])
        np.add.at(dense, index, f.requests_per_h[on])
        return xr.DataArray(
            dense,
            dims=("metro", "class", "region", "point", "hour"),
            coords={
                "metro": [m.id for m in s.metros],
                "class": [k.id for k in s.classes],
                "region": [r.id for r in s.regions],
                "point": [p.id for p in s.points],
                "hour": s.hours.utc.astype("datetime64[ns]"),
            },
            attrs={"unit": "requests/h", "notice": s.notice},
        )
