"""Fleets under the share caps of tiers over days, months or all hours, with requests that may wait.

Accelerators, what waits and what is degraded are one program; a request that waits counts in the
window of its arrival. It is solved as one, and what is larger than that is refused. Where nothing
waits and there is one contract of one class, `tiered_fleet` takes a year.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from wattlas.errors import InfeasibleError, InputError, Problem
from wattlas.model.fleet import Fleet, FleetCost, FleetPrices, Placed
from wattlas.model.offer import full_service
from wattlas.model.plan import SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.model.waiting import Waits
from wattlas.placement.constraints.waiting import without_waiting
from wattlas.placement.fleet.carbon_front import has_cap
from wattlas.placement.fleet.cost import ROUNDING, cost_of
from wattlas.placement.fleet.hours import with_fleet
from wattlas.placement.fleet.statement import Statement
from wattlas.placement.fleet.terms import holding, terms_of
from wattlas.placement.fleet.waiting import PROVEN, waits_at
from wattlas.placement.fleet.waiting_program import LARGEST, Joint, joint
from wattlas.placement.hour import highs
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.window.limits import limits_of, solve_limits
from wattlas.placement.window.waiting import refuse_waiting, solve_waiting


def fleet_under_caps(scenario: Scenario, *, alone: bool) -> Fleet:
    """The fleet of least cost within share caps; `alone` says that no outage is asked for.

    Raises InputError for what does not go together with that or is too large, InfeasibleError where
    the bounds cannot serve the demand.
    """
    began = time.perf_counter()
    refuse_waiting(scenario)
    _refuse(scenario, alone)
    question = _Capped(scenario)
    terms, found = question.terms, question.found()
    gpu = np.minimum(found.gpu * (1.0 + ROUNDING), np.maximum(terms.upper, found.gpu))
    best, solution = question.placed_at(gpu)
    gap = max((best.cost_usd - found.bound_usd) / max(abs(best.cost_usd), 1e-300), 0.0)
    return Fleet(
        status=Status.OPTIMAL if gap <= PROVEN else Status.LIMIT,
        scenario=holding(scenario, terms, gpu),
        asked=scenario,
        optimal=best,
        bound_usd=found.bound_usd,
        own_peaks=question.at(terms_of(full_service(without_waiting(scenario))).own_peaks),
        given=question.given(),
        whole=question.at(np.ceil(gpu * terms.held - 1e-6) / terms.held),
        least_count=float("nan"),
        least_rent_usd=float("nan"),
        saved_by_one_usd=np.full(len(gpu), np.nan),
        info=SolveInfo(
            solver=highs.version(),
            seconds=time.perf_counter() - began,
            programs=1,
            gap=gap,
        ),
        prices=FleetPrices(found.duals, found.needs, 0.0, found.caps),
        unwaited=_unwaited(scenario),
        waits=question.waits(found.ran) if scenario.waits else (),
        placed=question.placed(solution),
    )


def _unwaited(scenario: Scenario) -> FleetCost | None:
    """The fleet of least cost if nothing waits; None where nothing does, or there is none."""
    if not scenario.waits:
        return None
    try:
        return _Capped(without_waiting(scenario)).best()
    except InfeasibleError:
        return None


class _Capped:
    """The question of a fleet under caps: its terms, and its sources apart by window of arrival."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.statement = Statement.of(scenario)
        self.terms, self.arrivals = self.statement.terms, self.statement.arrivals

    def found(self) -> Joint:
        """Fleet, waiting and what is degraded, as one program."""
        asked = self.statement
        found = joint(self.terms, asked.instance, asked.measure, asked.limits())
        if found is None:
            what = (
                "limit sums over many hours: with the fleet that is one program, here of more than "
                f"{LARGEST:,} columns"
            )
            fix = (
                "Ask for fewer hours, or for one class: `wattlas tiers design --fleet resize` "
                "sizes a year for one contract of one class."
            )
            raise InputError([Problem("tiers", what, fix)])
        return found

    def best(self) -> FleetCost:
        """What the fleet of least cost comes to."""
        return self.at(self.found().gpu * (1.0 + ROUNDING))

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
        return self.at(reserved[:, 0] / self.terms.held)

    def waits(self, ran: np.ndarray) -> tuple[Waits, ...]:
        """How long the requests of each class wait."""
        return waits_at(self.arrivals.instance, self.arrivals.queue, ran)


def _refuse(scenario: Scenario, alone: bool) -> None:
    problems = []
    if not alone:
        what = "asks for outages, and caps of tiers over many hours are one program without them"
        problems.append(Problem("survive", what, "Ask for one of the two."))
    if has_cap(scenario.objective):
        what = "asks for a cap or for least carbon of a fleet under caps of tiers"
        fix = "Give objective.carbon_price_usd_per_t, or leave out `tiers`."
        problems.append(Problem("objective", what, fix))
    if problems:
        raise InputError(problems)
