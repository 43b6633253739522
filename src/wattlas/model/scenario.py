"""A complete question: who asks, what may answer, under which signals and rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.baseline import BaselineRegions
from wattlas.model.checks import (
    NOT_NEGATIVE,
    array,
    known_words,
    once,
    part_of,
    parts,
    refers,
    refuse,
    series,
    texts,
)
from wattlas.model.contract import CarbonCap, ShareCap, Tier
from wattlas.model.frictions import Frictions
from wattlas.model.geography import ACCELERATORS, Metro, Region, ServiceNode
from wattlas.model.network import Network
from wattlas.model.objective import Minimise, Objective, Solver
from wattlas.model.signals import Hours, Provenance, Signals
from wattlas.model.users import Terms, Users
from wattlas.model.workload import ANYWHERE, OperatingPoint, Residency, WorkloadClass
from wattlas.units import HOURS_PER_YEAR


@dataclass(frozen=True)
class Scenario:
    """Everything that a placement needs, as frozen values and arrays.

    Raises InputError with everything that is wrong: ids that refer to nothing or are there twice,
    arrays of another shape than their axes, demand that is negative or no number, and so on.

    Shapes: `demand_per_h` (metros, classes, T), requests/h; `reserved_gpu` (regions, T), GPU-h
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
    reserved_gpu: np.ndarray
    residency: tuple[Residency, ...] = ()
    baseline: BaselineRegions = field(default_factory=BaselineRegions)
    """Where demand runs today, as far as it is stated."""
    frictions: Frictions = field(default_factory=Frictions)
    objective: Objective = field(default_factory=Objective)
    solver: Solver = Solver.AUTO
    share_caps: tuple[ShareCap, ...] = ()
    """How many requests may be degraded at most; see `offer`."""
    carbon_caps: tuple[CarbonCap, ...] = ()
    """How much all requests may emit at most; see `TierDesign.scenario`."""
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

    def __post_init__(self) -> None:
        kind_problems = list(self._kinds())
        refuse(kind_problems or (*self._ids(), *self._references(), *self._arrays()))

    def _kinds(self) -> Iterator[Problem]:
        """Fields of another class; where there is one, nothing else can be judged."""
        yield from self._objective_by_word()
        yield from texts(self, "", "name")
        yield from texts(self, "", "title", "notice", "source_path", empty=True)
        yield from parts(self, "", hours=Hours, signals=Signals, network=Network)
        yield from parts(self, "", baseline=BaselineRegions, frictions=Frictions)
        yield from parts(self, "", objective=Objective, terms=Terms)
        if self.users is not None:
            yield from parts(self, "", users=Users)
        yield from known_words(self, "", solver=Solver)
        for name, kind in _TUPLES.items():
            yield from series(self, "", name, kind)

    def _objective_by_word(self) -> Iterator[Problem]:
        """The word `cost` or `carbon` becomes the plain objective of that name."""
        word: object = self.objective
        if isinstance(word, str):
            try:
                object.__setattr__(self, "objective", Objective.of(word))
            except InputError as error:
                object.__setattr__(self, "objective", Objective())
                yield from error.problems

    def _ids(self) -> Iterator[Problem]:
        for name in ("metros", "nodes", "regions", "classes", "points"):
            entries = getattr(self, name)
            if not entries:
                yield Problem(name, "is empty", "Give at least one.")
            yield from once(f"{name}.", (entry.id for entry in entries))
        for name in ("residency", "share_caps", "carbon_caps", "tiers"):
            yield from once(f"{name}.", (entry.id for entry in getattr(self, name)))

    def _references(self) -> Iterator[Problem]:
        nodes = [s.id for s in self.nodes]
        regions = [*(r.id for r in self.regions), *(r.site for r in self.regions if r.site)]
        classes, points = [k.id for k in self.classes], [o.id for o in self.points]
        rules = [rule.id for rule in self.residency]
        for metro in self.metros:
            at = f"metros.{metro.id}.node"
            yield from refers(at, [metro.node], nodes, "service node")
        for node in self.nodes:
            at = f"nodes.{node.id}.region"
            yield from refers(at, [node.region] if node.region else [], regions, "region")
        for region in self.regions:
            at = f"regions.{region.id}.zone"
            yield from refers(at, [region.zone], self.signals.zones, "grid zone")
        for klass in self.classes:
            at = f"classes.{klass.id}"
            rule = [klass.residency] if klass.residency else []
            yield from refers(f"{at}.residency", rule, rules, "residency rule")
            yield from refers(f"{at}.points", klass.points or (), points, "operating point")
            stand = [name for name in klass.state_copies if name != ANYWHERE]
            yield from refers(f"{at}.state_copies", stand, regions, "region")
            allowed = klass.latency_allowance_ms
            yield from refers(f"{at}.latency_allowance_ms", allowed, points, "operating point")
        for cap in self.share_caps:
            at = f"share_caps.{cap.id}"
            yield from refers(f"{at}.classes", cap.classes, classes, "class")
            yield from refers(f"{at}.points", cap.points, points, "operating point")
        yield from self._sites()
        yield from self._waits()
        yield from self._stated_regions(classes, regions)
        started = self.frictions.start_usd_by_region
        yield from refers("frictions.start_usd_by_region", started, regions, "region")

    def _sites(self) -> Iterator[Problem]:
        """Bounds of a site that its regions do not say alike."""
        for region, first in zip(self.regions, self.site.tolist(), strict=True):
            for name in ("capacity_max", "power_max_kw"):
                said, other = getattr(region, name), getattr(self.regions[first], name)
                if said != other:
                    what = f"is {said:g} where {self.regions[first].id} of its site has {other:g}"
                    fix = "It is of all kinds at the site together: give one number."
                    yield Problem(f"regions.{region.id}.{name}", what, fix)

    def _waits(self) -> Iterator[Problem]:
        """Patience that ends inside of a step."""
        step_h = self.hours.step_h
        for klass in self.classes:
            steps = klass.may_wait_h / step_h
            if abs(steps - round(steps)) > 1e-9 * max(steps, 1.0):
                what = f"is {klass.may_wait_h:g}, which is no multiple of the step, {step_h:g} h"
                below, above = int(steps) * step_h, (int(steps) + 1) * step_h
                fix = f"Give {below:g} or {above:g}: requests are counted by the step."
                yield Problem(f"classes.{klass.id}.may_wait_h", what, fix)

    def _stated_regions(self, classes: list[str], regions: list[str]) -> Iterator[Problem]:
        metros = [metro.id for metro in self.metros]
        stated = {"baseline.metros": self.baseline.metros}
        # A class that a tier splits off has the baseline region of the class that it is from.
        stated |= {f"baseline.classes.{k}": stays for k, stays in self.baseline.classes.items()}
        yield from refers("baseline.classes", self.baseline.classes, classes, "class")
        for at, by_metro in stated.items():
            yield from refers(at, by_metro, metros, "metro")
            for metro, region in by_metro.items():
                yield from refers(f"{at}.{metro}", [region], regions, "region")

    def _arrays(self) -> Iterator[Problem]:
        i, k, r, _, t = self.shape
        metros, regions = [m.id for m in self.metros], [place.id for place in self.regions]
        axes = (metros, [klass.id for klass in self.classes])
        yield from array(self, "", "demand_per_h", (i, k, t), NOT_NEGATIVE, axes=axes)
        yield from array(self, "", "reserved_gpu", (r, t), ACCELERATORS, axes=(regions,))
        if not t:
            yield Problem("hours", "have no step", "Give at least one.")
        yield from self._money()
        priced = self.signals.price_usd_per_mwh.shape[1]
        if priced != t:
            what = f"have {priced} steps where hours have {t}"
            yield Problem("signals", what, "Give one value per zone and step.")
        yield from self._legs(i, len(self.nodes), r)

    def _money(self) -> Iterator[Problem]:
        """An objective in USD where nobody states what electricity costs."""
        goal = self.objective
        capped = goal.cost_cap_usd is not None or goal.cost_cap_share is not None
        if not self.signals.priced and (goal.minimise is Minimise.COST or capped):
            what = "asks for the cost of electricity, which has no price"
            yield Problem("objective", what, "Give prices, or minimise carbon without a cost cap.")

    def _legs(self, i: int, s: int, r: int) -> Iterator[Problem]:
        """Round trips of other metros, nodes or regions; a metro that cannot reach its own node."""
        access, onward = self.network.rtt_metro_node_ms, self.network.rtt_node_region_ms
        for name, shape, expected in (
            ("rtt_metro_node_ms", access.shape, (i, s)),
            ("rtt_node_region_ms", onward.shape, (s, r)),
        ):
            if shape != expected:
                what = f"has the shape {shape}, wanted {expected}"
                yield Problem(f"network.{name}", what, "Give one value per pair.")
        node_index = {node.id: n for n, node in enumerate(self.nodes)}
        for n, metro in enumerate(self.metros):
            reached = metro.node in node_index and access.shape == (i, s)
            if reached and not np.isfinite(access[n, node_index[metro.node]]):
                what = f"has no round trip to its service node `{metro.node}`"
                yield Problem(f"network.rtt_metro_node_ms.{metro.id}", what, "Give it in ms.")

    @cached_property
    def wait_steps(self) -> np.ndarray:
        """How many steps after its own a request of each class may run, int, shape (K,)."""
        waits = [klass.may_wait_h / self.hours.step_h for klass in self.classes]
        return np.array([round(steps) for steps in waits], dtype=np.int64)

    @property
    def waits(self) -> bool:
        """Whether any class may wait."""
        return bool(self.wait_steps.any())

    @cached_property
    def region_zone(self) -> np.ndarray:
        """Row in `signals` of each region's zone, int, shape (R,)."""
        return np.array([self.signals.zone_index(r.zone) for r in self.regions], dtype=np.int64)

    def site_words(self, ids: Sequence[str]) -> str:
        """Regions in words: those that are a whole site by its name."""
        names: list[str] = []
        for own in self.sites:
            listed = [name for name in own if name in ids]
            names += [self._site_of[own[0]]] if len(listed) == len(own) else listed
        return " and ".join(names)

    @cached_property
    def site(self) -> np.ndarray:
        """The first region at the site of each: itself but where a site has several kinds of
        accelerators; int, shape (R,)."""
        sites = [region.site or region.id for region in self.regions]
        first = {site: r for r, site in reversed(list(enumerate(sites)))}
        return np.array([first[site] for site in sites], dtype=np.int64)

    @cached_property
    def _site_of(self) -> dict[str, str]:
        return {region.id: region.site or region.id for region in self.regions}

    @property
    def sites(self) -> tuple[tuple[str, ...], ...]:
        """The ids of the regions at each site, in order."""
        ids = np.array([region.id for region in self.regions])
        return tuple(tuple(ids[self.site == s].tolist()) for s in np.unique(self.site))

    @cached_property
    def metro_node(self) -> np.ndarray:
        """Index of each metro's service node, int, shape (I,)."""
        node_index = {node.id: s for s, node in enumerate(self.nodes)}
        return np.array([node_index[metro.node] for metro in self.metros], dtype=np.int64)

    @cached_property
    def pue(self) -> np.ndarray:
        """Shape (R,)."""
        return np.array([region.pue for region in self.regions])

    @cached_property
    def on_demand_gpu(self) -> np.ndarray:
        """Accelerators beyond the reserved ones that can be had by the hour, shape (R,)."""
        return np.array([region.on_demand_gpu for region in self.regions], dtype=float)

    @cached_property
    def on_demand_usd_per_gpu_h(self) -> np.ndarray:
        """Their price, shape (R,)."""
        return np.array([region.on_demand_usd_per_gpu_h for region in self.regions], dtype=float)

    @cached_property
    def only_on_demand(self) -> np.ndarray:
        """Regions with nothing reserved in any hour, so that every GPU-h there is paid; (R,)."""
        nothing: np.ndarray = ~(self.reserved_gpu > 0).any(axis=1) & (self.on_demand_gpu > 0)
        return nothing

    @cached_property
    def most_gpu(self) -> np.ndarray:
        """Accelerators that can be used at most, reserved and on demand together, shape (R, T)."""
        most: np.ndarray = self.reserved_gpu + self.on_demand_gpu[:, None]
        return most

    @cached_property
    def used_usd_per_gpu_h(self) -> np.ndarray:
        """What every accelerator hour that is used costs, shape (R,): the on-demand price where
        nothing is reserved, and nothing elsewhere.
        """
        price: np.ndarray = np.where(self.only_on_demand, self.on_demand_usd_per_gpu_h, 0.0)
        return price

    @cached_property
    def buys_surplus(self) -> np.ndarray:
        """Regions that pay an hourly price for what they use beyond what is reserved; (R,)."""
        priced = (self.on_demand_gpu > 0) & (self.on_demand_usd_per_gpu_h > 0)
        mask: np.ndarray = priced & ~self.only_on_demand
        return mask

    @cached_property
    def reserved_usd(self) -> np.ndarray:
        """What reserved accelerators cost per step, hours counted, shape (T,).

        reserved_gpu · reserved_usd_per_gpu_year / 8760 · hours; a number without end costs nothing.
        """
        price = np.array([r.reserved_usd_per_gpu_year for r in self.regions]) / HOURS_PER_YEAR
        reserved = np.where(np.isfinite(self.reserved_gpu), self.reserved_gpu, 0.0)
        per_step: np.ndarray = (price @ reserved) * self.hours.hours
        return per_step

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

    @property
    def plain_objective(self) -> Objective:
        """No cap and no carbon price: least cost, or least carbon where nothing has a price."""
        return Objective() if self.signals.priced else Objective(minimise=Minimise.CARBON)

    def at_hours(
        self, index: Sequence[int] | np.ndarray, weight: np.ndarray | None = None
    ) -> Scenario:
        """The same question over a subset of its steps (increasing), with new weights if given.

        What was checked in the whole is not checked again in the part.
        """
        chosen = np.asarray(index, dtype=np.int64)
        return part_of(
            self,
            hours=self.hours.take(chosen, weight),
            signals=self.signals.take(chosen),
            demand_per_h=self.demand_per_h[:, :, chosen],
            reserved_gpu=self.reserved_gpu[:, chosen],
        )

    def with_endless_capacity(self) -> Scenario:
        """The same question without a limit on accelerators. What is paid by the hour is still
        paid where nothing is reserved; elsewhere there are reserved ones without end.
        """
        only = self.only_on_demand
        regions = tuple(
            replace(region, on_demand_gpu=np.inf) if hourly else region
            for region, hourly in zip(self.regions, only, strict=True)
        )
        endless = np.where(only[:, None], self.reserved_gpu, np.inf)
        return replace(self, regions=regions, reserved_gpu=endless)

    def _repr_html_(self) -> str:
        from wattlas.model.scenario_listing import regions_listing
        from wattlas.model.shown import listing_html, sentences_html

        head = sentences_html((self.title, repr(self).strip("<>"), self.notice))
        return head + listing_html(regions_listing(self))

    def __repr__(self) -> str:
        i, k, r, o, t = self.shape
        return (
            f"<Scenario {self.name}: {i} metros, {k} classes, {r} regions, "
            f"{o} operating points, {t} hours>"
        )


_TUPLES: dict[str, type] = {
    "metros": Metro,
    "nodes": ServiceNode,
    "regions": Region,
    "classes": WorkloadClass,
    "points": OperatingPoint,
    "residency": Residency,
    "share_caps": ShareCap,
    "carbon_caps": CarbonCap,
    "tiers": Tier,
    "provenance": Provenance,
}
"""Fields that hold several objects, and their class."""
