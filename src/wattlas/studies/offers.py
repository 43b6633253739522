"""`design_tiers`: which contract to offer beside full service, class by class.

A plan of full service says where each class runs, what that costs and emits hour by hour, and what
accelerators are worth there. Tiers are designed on that, and offered in the same placement program
to see what geography, tiers and both together save.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from wattlas.errors import InfeasibleError, InputError, Problem
from wattlas.model.contract import CarbonCap, Tier
from wattlas.model.objective import Window
from wattlas.model.offer import offer as offered
from wattlas.model.offer import withdrawn
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.model.service import Service
from wattlas.model.shown import Tables, listing_html, sentences_html
from wattlas.model.table import Table
from wattlas.model.users import Accelerators, Terms, Users
from wattlas.model.workload import OperatingPoint, WorkloadClass
from wattlas.placement.api import plan
from wattlas.placement.compare.attribution import split
from wattlas.placement.problem.limit import window_of
from wattlas.placement.tables.metrics import flows_of
from wattlas.placement.tables.service_costs import carbon_t, serving
from wattlas.tiers.goal import CARBON, PROFIT
from wattlas.tiers.grid import GRID, Grid, scan_grid
from wattlas.tiers.ladder import Ladder, ladder
from wattlas.tiers.market import Market, market, reference_g
from wattlas.tiers.offer import Offer, best, by_fallback, pareto
from wattlas.tiers.population import population
from wattlas.tiers.savings import emitted_g, rule_share
from wattlas.tiers.selection import SegmentAdoption, segments
from wattlas.tiers.sensitivity import Billing, Varied, sensitivities
from wattlas.tiers.verdict import NO_CANDIDATE, OfferVerdict, offer_verdict
from wattlas.units import G_PER_T

GREEN = "green"
WINDOW = Window.MONTH
"""The billing window of the contracts."""
ROUNDING = 1e-9
"""A cap is this much wider than what was computed, relative: the design itself must keep it."""
OBJECTIVES = (PROFIT, CARBON)
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Design:
    """What was found for one class.

    `most` is the offer of most profit, `cleanest` that of least carbon at no loss of profit;
    `chosen` the one that was asked for, None where no tier is worth offering; `verdict` says why.
    `market` and `grid` are None where there is no candidate at all.
    """

    service: Service
    price_usd: float
    verdict: OfferVerdict
    market: Market | None = None
    grid: Grid | None = None
    most: Offer | None = None
    cleanest: Offer | None = None
    chosen: Offer | None = None
    ladder: Ladder = field(default_factory=lambda: _alone(None))
    fallbacks: tuple[Offer | None, ...] = ()
    front: tuple[Offer, ...] = ()
    segments: tuple[SegmentAdoption, ...] = ()
    sensitivities: tuple[Varied, ...] = ()

    @property
    def shown(self) -> Offer | None:
        """The offer that figures are about: the chosen one, else the best that there is."""
        return self.chosen or self.most or self.cleanest


@dataclass(frozen=True)
class TierDesign(Tables):
    """Designs of all classes that were asked for, on one plan of full service."""

    plan: Plan
    terms: Terms
    designs: tuple[Design, ...]
    points: tuple[OperatingPoint, ...]
    idle: tuple[str, ...] = ()
    """Classes that were not named and in which the plan serves nobody: they have no design."""

    def named_tables(self) -> Mapping[str, Table]:
        """Its tables by name, as a results folder has them."""
        from wattlas.studies.tier_tables import tier_tables

        return tier_tables(self)

    def _repr_html_(self) -> str:
        from wattlas.studies.design_listings import design_listings, verdict_words

        drawn = "".join(listing_html(each) for each in design_listings(self))
        return sentences_html(verdict_words(self)) + drawn

    def tiers(self) -> tuple[Tier, ...]:
        """The contracts that are worth offering, as the placement takes them."""
        return tuple(t for design in self.designs for t in _tiers(self.plan.scenario, design, self))

    def scenario(self) -> Scenario:
        """The scenario with those contracts on offer and adopted as designed."""
        tiers = self.tiers()
        if not tiers:
            return self.plan.scenario
        whole = offered(self.with_points({p for t in tiers for p in t.points or ()}), tiers)
        return replace(whole, carbon_caps=(*whole.carbon_caps, self._carbon_cap()))

    def with_points(self, names: Collection[str]) -> Scenario:
        """The scenario with some candidates among its points, closed to full service."""
        base = self.plan.scenario
        extra = set(names) - {o.id for o in base.points}
        if not extra:
            return base
        more = tuple(o for o in self.points if o.id in extra)
        everywhere = tuple(o.id for o in base.points)
        closed = tuple(replace(k, points=k.points or everywhere) for k in base.classes)
        return replace(base, points=(*base.points, *more), classes=closed)

    def _carbon_cap(self) -> CarbonCap:
        """What the offers say that they save, kept: full service's carbon less that, by window."""
        hours = self.plan.scenario.hours
        tonnes = carbon_t(self.plan)
        for design in self.designs:
            tonnes -= _saved_t(design)
        label = window_of(hours.utc, WINDOW)
        names, number = np.unique(label, return_inverse=True)
        most = np.bincount(number, tonnes) * (1 + ROUNDING)
        caps = dict(zip(map(str, names), most.tolist(), strict=True))
        return CarbonCap("carbon of the tiers", caps, WINDOW, contract=GREEN)

    def split(self) -> Table | None:
        """What geography, tiers, and both save in the placement; None where there is no tier.

        Raises UsageError where switching costs couple the hours.
        """
        return split(self.scenario(), self.plan) if self.tiers() else None


def design_tiers(
    scenario: Scenario,
    *,
    terms: Terms | None = None,
    points: Sequence[OperatingPoint] | None = None,
    fair: bool = True,
    size: int = GRID,
    sensitive: bool = True,
    placed: Plan | None = None,
    progress: Progress | None = None,
) -> TierDesign:
    """Design the contract of each class: discount, share and fallback.

    `terms` replace the scenario's own; `points` are the candidate fallbacks, the
    scenario's points by default. `fair` asks that those who adopt a contract gain by it in the
    mean. `size` is that of the grid that is gone through, `sensitive` whether the offer is judged
    with every assumption varied, `placed` a plan of full service made before.

    Tiers that the scenario has are withdrawn first. Raises InputError with everything that is
    wrong: no users or no price, unknown classes, an empty menu;
    InfeasibleError where the scenario has no placement. Formulas: section 8 of the model, after
    Siris et al. 2026.
    """
    base = withdrawn(scenario)
    users, wanted = base.users, terms or base.terms
    problems = list(_problems(base, users, wanted))
    if problems:
        raise InputError(problems)
    assert users is not None
    tell = progress or (lambda _what, _share: None)
    tell("full service", 0.0)
    placement = plan(base) if placed is None else placed
    if not placement.ok:
        raise InfeasibleError(placement.conflict)
    menu = tuple((*base.points, *wanted.menu) if points is None else points)
    if not menu:
        fix = "Give operating points that a degraded request may use."
        raise InputError([Problem("points", "the menu is empty", fix)])
    named, idle = _asked(placement, users, wanted)
    designs = []
    for n, name in enumerate(named):
        tell(f"tiers of class {name}", n / len(named))
        service = serving(placement, name, menu, accelerators=wanted.accelerators)
        price = price_of(base, users, name)
        if not service.points:
            designs.append(Design(service, price, OfferVerdict(False, NO_CANDIDATE)))
            continue
        usable = 1.0 if wanted.cap_share is None else rule_share(service, wanted.cap_share)
        people = population(users, price, reference_g(service, users.ends))
        sold_to = market(service, people, price, scale=users.ends, usable=usable)
        class_design = _designed(sold_to, wanted, fair, size)
        if sensitive and class_design.shown is not None:
            varied = sensitivities(
                service, users, price, class_design.shown.contract,
                _billing(placement, service, menu, wanted.accelerators),
                wanted.objective, usable,
            )  # fmt: skip
            class_design = replace(class_design, sensitivities=tuple(varied))
        designs.append(class_design)
    return TierDesign(placement, wanted, tuple(designs), menu, idle)


def _saved_t(design: Design) -> np.ndarray:
    """What the contracts of a design save in each step, tCO2e, (T,)."""
    served = design.service
    saved = np.zeros(len(served.requests))
    for offer, adoption in zip(design.ladder.offers, design.ladder.adoption, strict=True):
        usable = min(offer.share, _usable(design, offer))
        less_g = served.full_carbon_g - emitted_g(served, offer.contract.point, usable)
        saved += adoption * served.requests * less_g / G_PER_T
    return saved


def _usable(design: Design, offer: Offer) -> float:
    """The degradation cap beyond which an offer's fallback is not used."""
    assert design.market is not None
    return float(design.market.savings.usable[offer.contract.point])


def price_of(scenario: Scenario, users: Users, klass: str) -> float:
    """What a request of a class sells for in full service, USD."""
    named = next(k for k in scenario.classes if k.id == klass)
    if named.price_usd_per_request is not None:
        return named.price_usd_per_request
    return users.price_usd(named.tokens_in, named.tokens_out)


def _priced(scenario: Scenario, users: Users) -> list[WorkloadClass]:
    return [k for k in scenario.classes if price_of(scenario, users, k.id) > 0]


def _asked(placement: Plan, users: Users, terms: Terms) -> tuple[list[str], tuple[str, ...]]:
    """The classes to design for, and those that are left out as the plan serves nobody in them:
    none of those that were named."""
    if terms.classes is not None:
        return list(terms.classes), ()
    ids = [k.id for k in placement.scenario.classes]
    flows = flows_of(placement)
    busy = {ids[k] for k in np.unique(flows.klass[flows.served]).tolist()}
    named = [k.id for k in _priced(placement.scenario, users)]
    return [n for n in named if n in busy], tuple(n for n in named if n not in busy)


def _billing(
    placement: Plan, service: Service, menu: Sequence[OperatingPoint], valued: Accelerators
) -> Billing:
    """The same service where accelerators are paid for in the other way than `valued` has it."""
    stated = valued is Accelerators.STATED and placement.scenario.used_usd_per_gpu_h.any()
    hourly = stated or valued is Accelerators.ON_DEMAND
    other = Accelerators.RESERVED if hourly else Accelerators.ON_DEMAND
    named = {o.id: o for o in menu}
    points = [named[name] for name in service.points]
    served = serving(placement, service.klass, points, accelerators=other, every=True)
    words = "accelerators are paid for already" if hourly else "accelerators are paid by the hour"
    return Billing(served, words, service.gpu_usd_per_h, served.gpu_usd_per_h)


def _designed(sold_to: Market, terms: Terms, fair: bool, size: int) -> Design:
    grid, objective = scan_grid(sold_to, size), terms.objective
    tops = {goal: best(sold_to, goal, fair=fair, grid=grid) for goal in OBJECTIVES}
    verdict = offer_verdict(sold_to, tops[PROFIT], tops[CARBON], objective)
    chosen = tops[objective] if verdict.worth else None
    steps = None
    if terms.most > 1 and chosen:
        steps = ladder(sold_to, terms.most, objective, size=size, fair=fair)
    contracts = (chosen.contract,) if chosen else ()
    return Design(
        service=sold_to.service,
        price_usd=sold_to.price_usd,
        verdict=verdict,
        market=sold_to,
        grid=grid,
        most=tops[PROFIT],
        cleanest=tops[CARBON],
        chosen=chosen,
        ladder=steps or _alone(chosen),
        fallbacks=tuple(by_fallback(sold_to, objective, fair=fair, grid=grid)),
        front=tuple(pareto(sold_to, grid, fair=fair)),
        segments=tuple(segments(sold_to, contracts, (GREEN,) * len(contracts))),
    )


def _alone(chosen: Offer | None) -> Ladder:
    if chosen is None:
        return Ladder((), 0.0, 0.0, (), 1.0, 0.0)
    return Ladder(
        (chosen,),
        chosen.profit_gain_usd,
        chosen.carbon_saved_kg,
        (chosen.adoption,),
        1.0 - chosen.adoption,
        0.0,
    )


def _tiers(scenario: Scenario, design: Design, whole: TierDesign) -> Iterator[Tier]:
    """The contracts of a design; their ids name the class where several classes have one."""
    offered = [d for d in whole.designs if d.chosen is not None]
    if design.chosen is None:
        return
    klass = next(k for k in scenario.classes if k.id == design.service.klass)
    for n, (top, adoption) in enumerate(
        zip(design.ladder.offers, design.ladder.adoption, strict=True)
    ):
        parts = [GREEN, *([klass.id] if len(offered) > 1 else []), *([str(n + 1)] if n else [])]
        at = top.contract.point
        yield Tier(
            id="-".join(parts),
            share_max=min(top.share, _usable(design, top), 1.0),
            adoption=min(adoption, 1.0),
            accuracy_min=float(design.service.accuracy[at]),
            latency_factor=design.service.latency_factor(at),
            discount=top.discount,
            classes=(klass.id,),
            points=(top.fallback,),
            window=WINDOW,
        )


def _problems(scenario: Scenario, users: Users | None, terms: Terms) -> Iterator[Problem]:
    ids = [k.id for k in scenario.classes]
    if scenario.waits:
        what = "lets requests wait, and what a tier brings is counted in the hour that asks"
        yield Problem("classes.*.may_wait_h", what, "Leave it out to design tiers.")
    for name in terms.classes or ():
        if name not in ids:
            fix = f"Choose among {', '.join(ids)}."
            yield Problem("offer.classes", f"there is no class `{name}`", fix)
    if users is None:
        fix = "Add the section `users`, with prices and a population, or give users."
        yield Problem("users", "nobody said who subscribes and what full service sells for", fix)
        return
    if not scenario.signals.priced:
        what = "is not stated, and what a tier brings hangs on what serving costs"
        yield Problem("signals.price", what, "Give prices.")
    named = [name for name in terms.classes or ids if name in ids]
    free = [name for name in named if not price_of(scenario, users, name) > 0]
    if free and (terms.classes is not None or len(free) == len(named)):
        what = f"is nothing for class {', '.join(free)}"
        fix = "Give classes.*.price_usd_per_request, or prices per token under `users`."
        yield Problem("price", what, fix)
