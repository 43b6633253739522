"""The question of a fleet whose requests may wait or are under caps of tiers, and what was found.

Accelerators, what waits and what is degraded are one program where that is small; else, and with
outages, they are found by cuts, with caps dealt out to the hours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from wattlas.errors import InfeasibleError, InputError, Problem
from wattlas.model.fleet import Fleet, FleetCost, Placed
from wattlas.model.objective import Window
from wattlas.model.offer import full_service
from wattlas.model.plan import Status
from wattlas.model.scenario import Scenario
from wattlas.model.waiting import Waits
from wattlas.placement.constraints.waiting import without_waiting
from wattlas.placement.fleet.cost import ROUNDING, cost_of
from wattlas.placement.fleet.dealt import Dealt
from wattlas.placement.fleet.hours import with_fleet
from wattlas.placement.fleet.levelled import Levelled
from wattlas.placement.fleet.outage import Lost, lost_of
from wattlas.placement.fleet.size import within_sites
from wattlas.placement.fleet.statement import FleetStatement
from wattlas.placement.fleet.terms import FleetTerms, terms_of
from wattlas.placement.fleet.waiting import PROVEN, waits_at
from wattlas.placement.fleet.waiting_cuts import EXACT, JointHours, too_large
from wattlas.placement.fleet.waiting_master import NONE_SERVES
from wattlas.placement.fleet.waiting_program import Joint, joint
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.problem.arrivals import Arrivals
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.window.limits import limits_of, solve_limits
from wattlas.placement.window.waiting import solve_waiting


@dataclass(frozen=True)
class FleetSizing:
    """How a fleet is found where nothing ties the hours, and what every fleet survives: sets of
    regions, with so many accelerators on demand while one is lost."""

    size: Callable[[Scenario], Fleet]
    survive: Sequence[Sequence[str]] = ()
    on_demand_gpu: float = np.inf

    def lost(self, terms: FleetTerms) -> tuple[Lost, ...]:
        """The sets of regions that may be lost, of some terms."""
        return lost_of(terms, self.survive, self.on_demand_gpu)


class TiedQuestion:
    """The question of a fleet under caps: its terms, and its sources apart by window of arrival."""

    def __init__(
        self,
        scenario: Scenario,
        sizing: FleetSizing,
        part: float = 1.0,
        before: TiedQuestion | None = None,
    ) -> None:
        """`part` of the gap is asked for. `before` is the same at another price of carbon."""
        self.scenario, self.sizing = scenario, sizing
        self.part, self.before = part, before
        self.statement = FleetStatement.of(scenario)
        self.terms, self.arrivals = self.statement.terms, self.statement.arrivals

    def still(self) -> TiedQuestion:
        """The same question if nothing waited."""
        return TiedQuestion(without_waiting(self.scenario), self.sizing)

    def apart(self) -> FleetTerms:
        """The terms of the sources that are apart."""
        statement = self.statement
        return replace(self.terms, instance=statement.instance, measure=statement.measure)

    @cached_property
    def small(self) -> Joint | None:
        """Fleet, waiting and what is degraded as one program, with no outage; None where that is
        too large."""
        statement = self.statement
        return joint(self.terms, statement.instance, statement.measure, statement.limits())

    @property
    def exact(self) -> float:
        """The gap that is asked for, of the cost without reserved rent."""
        return EXACT if self.small is None else PROVEN

    @cached_property
    def hours(self) -> JointHours:
        """The hours, with caps dealt out to them."""
        statement, dealt = self.statement, Dealt.of(self.statement)
        queue = statement.arrivals.queue
        if too_large(queue, len(self.terms.site), dealt.shape[0]):
            raise InputError([_too_long(self.scenario)])
        before = None if self.before is None else self.before.hours
        return JointHours(self.apart(), statement.instance, queue, dealt, before)

    @cached_property
    def start(self) -> tuple[np.ndarray, Fleet | None]:
        """(What runs when in levelled work, (N, T); the fleet for it if each hour kept each cap by
        itself, where there is one)."""
        ran = Levelled.of(self.statement.instance).ran(self.statement.instance)
        scenario = self.scenario
        if scenario.waits:
            plain = Arrivals.of(build_instance(scenario))
            level = Levelled.of(plain.instance)
            scenario = without_waiting(plain.waited(level.ran(plain.instance)).as_run(scenario))
        caps = tuple(replace(cap, window=Window.HOUR) for cap in scenario.share_caps)
        try:
            return ran, self.sizing.size(replace(scenario, share_caps=caps))
        except InfeasibleError:
            return ran, None

    @property
    def most(self) -> np.ndarray:
        """As many accelerators (R,) as bounds and sites take."""
        return within_sites(self.terms, self.terms.upper)

    @cached_property
    def found(self) -> Joint:
        """Fleet, waiting and what is degraded."""
        if not self.sizing.survive and self.small is not None:
            return self.small
        hours, exact = self.hours, self.part * self.exact
        lost = self.sizing.lost(hours.terms)
        if self.before is not None:
            known = self.before.found
            joint_fleet = hours.least(known.gpu, known.ran, (), lost, exact, known.most)
        else:
            ran, sized = self.start
            if self.sizing.survive and self.small is None:
                _ = self.alone
            gpu = self.most if sized is None else sized.optimal.gpu / self.terms.held
            prices = () if sized is None else sized.prices.needs
            joint_fleet = hours.least(gpu, ran, prices, lost, exact)
        if joint_fleet is None:
            raise InfeasibleError(NONE_SERVES)
        return joint_fleet

    @cached_property
    def alone(self) -> Joint | None:
        """The same with no outage."""
        if self.small is not None:
            return self.small
        ran, sized = self.start
        cost = None if sized is None else sized.nominal or sized.optimal
        gpu = self.most if cost is None else cost.gpu / self.terms.held
        needs = () if sized is None else sized.prices.needs
        return self.hours.least(gpu, ran, needs, (), self.part * self.exact)

    def nominal(self) -> FleetCost | None:
        """The fleet that survives nothing, where this one does."""
        if not self.sizing.survive or self.alone is None:
            return None
        return self.best_at(self.alone, self.a_little_more(self.alone))[0]

    def a_little_more(self, best: Joint) -> np.ndarray:
        """A fleet (R,) that is larger by rounding, within its bounds."""
        most = np.maximum(self.terms.upper, best.gpu)
        return np.asarray(np.minimum(best.gpu * (1.0 + ROUNDING), most))

    def best(self) -> FleetCost:
        """What the fleet of least cost comes to."""
        return self.best_at(self.found, self.found.gpu * (1.0 + ROUNDING))[0]

    def best_at(self, best: Joint, gpu: np.ndarray) -> tuple[FleetCost, Placed]:
        """What usable accelerators (R,) come to with the waiting and the parts of caps that were
        found, or with the best where all is small; and what runs where."""
        if best.most is None:
            cost, solution = self.placed_at(gpu)
            return cost, self.placed(solution)
        sized = self.hours.at(gpu, best.ran, best.most)
        cost = cost_of(self.hours.terms, sized.instance, sized.flows, gpu)
        short = bool(sized.short.any())
        return replace(cost, variable_usd=np.nan) if short else cost, Placed(*sized.flows)

    def cost_of(self, flows: SourceFlows, gpu: np.ndarray) -> FleetCost:
        """What usable accelerators (R,) come to with flows of the sources apart."""
        part = with_fleet(self.statement.instance, gpu, self.terms.site)
        return cost_of(self.apart(), part, flows, gpu)

    def own_peaks(self) -> FleetCost:
        """Every region sized for its own peak, in full service. Where all is not small, nothing
        waits in it."""
        gpu = terms_of(full_service(without_waiting(self.scenario))).own_peaks
        return (self if self.found.most is None else self.still()).at(gpu)

    def at(self, gpu: np.ndarray) -> FleetCost:
        """What usable accelerators (R,) come to within the caps; nan where they cannot serve."""
        return self.placed_at(gpu)[0]

    def placed_at(self, gpu: np.ndarray) -> tuple[FleetCost, Solution]:
        """The same, and what then runs where."""
        part = with_fleet(self.statement.whole, gpu, self.terms.site)
        limits, measure = limits_of(part), self.terms.measure
        solution = (
            solve_waiting(part, measure, None, limits)
            if self.scenario.waits
            else solve_limits(part, measure, None, limits)
        )
        cost = cost_of(self.terms, part, solution.flows, gpu)
        placed = solution.ok and solution.status is Status.OPTIMAL
        return cost if placed else replace(cost, variable_usd=float("nan")), solution

    def placed(self, solution: Solution) -> Placed:
        """Its flows, of the sources apart by window of arrival."""
        flows, part = solution.flows, solution.part
        source = flows.source if part is None else self.arrivals.source(flows.source, part)
        return Placed(*flows._replace(source=source))

    def given(self) -> FleetCost | None:
        """The scenario's own fleet, where it is one number for each region."""
        reserved = self.scenario.reserved_gpu
        if not np.isfinite(reserved).all() or (reserved != reserved[:, :1]).any():
            return None
        whole = self if self.found.most is None else self.still()
        return whole.at(reserved[:, 0] / self.terms.held)

    def waits(self, ran: np.ndarray) -> tuple[Waits, ...]:
        """How long the requests of each class wait."""
        return waits_at(self.arrivals.instance, self.arrivals.queue, ran)


def _too_long(scenario: Scenario) -> Problem:
    """What is more than cuts take."""
    if not scenario.share_caps:
        what = "holds over more hours than a search for a fleet whose requests may wait takes"
        fix = "Ask for fewer hours, give objective.carbon_price_usd_per_t, or leave out"
        return Problem("objective", what, f"{fix} `may_wait_h`.")
    what = "limit sums over many hours, here more than a search for the fleet takes"
    fix = (
        "Ask for fewer hours, or for one class: `wattlas tiers design --fleet resize` sizes a year"
    )
    return Problem("tiers", what, f"{fix} for one contract of one class.")
