"""A complete question: who asks, what may answer, under which signals and rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from wattlas.model.contract import ShareCap, Tier
from wattlas.model.frictions import Frictions
from wattlas.model.geography import Metro, Region, ServiceNode
from wattlas.model.network import Network
from wattlas.model.objective import Objective, Solver
from wattlas.model.signals import Hours, Provenance, Signals
from wattlas.model.users import Terms, Users
from wattlas.model.workload import OperatingPoint, Residency, WorkloadClass


@dataclass(frozen=True)
class Scenario:
    """Everything that a placement needs, as frozen values and arrays.

    Shapes: `demand_per_h` (metros, classes, T), requests/h; `capacity_gpu` (regions, T), GPU-h
    per h, inf where free.
    """

    name: str
    metros: tuple[Metro, ...]
    nodes: tuple[ServiceNode, ...]
    regions: tuple[Region, ...]
    classes: tuple[WorkloadClass, ...]
    points: tuple[OperatingPoint, ...]
    hours: Hours
    signals: Signals
    network: Network
    demand_per_h: np.ndarray
    capacity_gpu: np.ndarray
    residency: tuple[Residency, ...] = ()
    frictions: Frictions = field(default_factory=Frictions)
    objective: Objective = field(default_factory=Objective)
    solver: Solver = Solver.AUTO
    share_caps: tuple[ShareCap, ...] = ()
    """Promises on how many requests may be degraded; see `offer`."""
    tiers: tuple[Tier, ...] = ()
    """The contracts behind them."""
    users: Users | None = None
    """Who might subscribe to a tier; None where nobody said."""
    terms: Terms = field(default_factory=Terms)
    """What kind of offer a study looks for."""
    provenance: tuple[Provenance, ...] = ()
    title: str = ""
    notice: str = ""
    """What every output must say about the data, e.g. that a year is typical and not history."""
    source_path: str = ""

    @cached_property
    def region_zone(self) -> np.ndarray:
        """Row in `signals` of each region's zone, int, shape (R,)."""
        return np.array([self.signals.zone_index(r.zone) for r in self.regions], dtype=np.int64)

    @cached_property
    def metro_node(self) -> np.ndarray:
        """Index of each metro's service node, int, shape (I,)."""
        at = {node.id: s for s, node in enumerate(self.nodes)}
        return np.array([at[metro.node] for metro in self.metros], dtype=np.int64)

    @cached_property
    def pue(self) -> np.ndarray:
        """Shape (R,)."""
        return np.array([region.pue for region in self.regions])

    @cached_property
    def price_usd_per_mwh(self) -> np.ndarray:
        """Price at each region, shape (R, T)."""
        at_regions: np.ndarray = self.signals.price_usd_per_mwh[self.region_zone]
        return at_regions

    @cached_property
    def average_g_per_kwh(self) -> np.ndarray:
        """Average intensity at each region, shape (R, T)."""
        at_regions: np.ndarray = self.signals.average_g_per_kwh[self.region_zone]
        return at_regions

    @cached_property
    def deciding_g_per_kwh(self) -> np.ndarray:
        """The intensity that decisions use at each region, shape (R, T)."""
        at_regions: np.ndarray = self.signals.deciding_g_per_kwh[self.region_zone]
        return at_regions

    @cached_property
    def it_kwh(self) -> np.ndarray:
        """IT energy per request of each class at each point, kWh, shape (K, O)."""
        return np.array([[k.it_kwh(o) for o in self.points] for k in self.classes])

    @cached_property
    def gpu_h(self) -> np.ndarray:
        """Accelerator time per request of each class at each point, GPU-h, shape (K, O)."""
        return np.array([[k.gpu_h(o) for o in self.points] for k in self.classes])

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """(metros, classes, regions, operating points, hours)."""
        return (
            len(self.metros),
            len(self.classes),
            len(self.regions),
            len(self.points),
            self.hours.count,
        )

    def at_hours(
        self, index: Sequence[int] | np.ndarray, weight: np.ndarray | None = None
    ) -> Scenario:
        """The same question over a subset of its steps (increasing), with new weights if given."""
        chosen = np.asarray(index, dtype=np.int64)
        return replace(
            self,
            hours=self.hours.take(chosen, weight),
            signals=self.signals.take(chosen),
            demand_per_h=self.demand_per_h[:, :, chosen],
            capacity_gpu=self.capacity_gpu[:, chosen],
        )

    def __repr__(self) -> str:
        i, k, r, o, t = self.shape
        return (
            f"<Scenario {self.name}: {i} metros, {k} classes, {r} regions, "
            f"{o} operating points, {t} hours>"
        )
