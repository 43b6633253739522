"""Fleets under the share caps of tiers over days, months or all hours, with requests that may wait.

Accelerators, what waits and what is degraded are one program; a request that waits counts in the
window of its arrival. Small ones are solved as one. What is larger, and with outages, is found by
cuts: the caps are dealt out to the hours, and how much of a cap each hour has is a variable of the
master beside the fleet and what runs when. Where nothing waits and there is one contract of one
class, `tiered_fleet` takes a year.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from wattlas.errors import InfeasibleError, InputError, Problem
from wattlas.model.fleet import Fleet, FleetCost, FleetPrices
from wattlas.model.plan import SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.waiting import without_waiting
from wattlas.placement.fleet.carbon_price import has_cap
from wattlas.placement.fleet.outage import told
from wattlas.placement.fleet.statement import caps_couple
from wattlas.placement.fleet.terms import holding
from wattlas.placement.fleet.tied_question import TiedQuestion
from wattlas.placement.fleet.waiting import PROVEN
from wattlas.placement.fleet.waiting_cuts import EXACT
from wattlas.placement.hour import highs
from wattlas.placement.window.waiting import refuse_waiting


def fleet_under_caps(
    scenario: Scenario,
    size: Callable[[Scenario], Fleet],
    survive: Sequence[Sequence[str]] = (),
    outage_on_demand_gpu: float = np.inf,
) -> Fleet:
    """The fleet of least cost within share caps; `size` finds that of a scenario in which nothing
    ties the hours, with the same outages.

    Raises InputError for what does not go together with that or is too large, InfeasibleError where
    the bounds cannot serve the demand.
    """
    began = time.perf_counter()
    refuse_waiting(scenario)
    _refuse(scenario)
    question = TiedQuestion(scenario, size, survive, outage_on_demand_gpu)
    terms, joint_fleet = question.terms, question.found
    gpu = question.a_little_more(joint_fleet)
    best, placed = question.best_at(joint_fleet, gpu)
    gap = max((best.cost_usd - joint_fleet.bound_usd) / max(abs(best.cost_usd), 1e-300), 0.0)
    allowed = EXACT * abs(best.variable_usd) / max(abs(best.cost_usd), 1e-300)
    proven = PROVEN if joint_fleet.most is None else max(PROVEN, allowed)
    return Fleet(
        status=Status.OPTIMAL if gap <= proven else Status.LIMIT,
        scenario=holding(scenario, terms, gpu),
        asked=scenario,
        optimal=best,
        bound_usd=joint_fleet.bound_usd,
        own_peaks=question.own_peaks(),
        given=question.given(),
        whole=question.best_at(joint_fleet, np.ceil(gpu * terms.held - 1e-6) / terms.held)[0],
        least_count=float("nan"),
        least_rent_usd=float("nan"),
        saved_by_one_usd=np.full(len(gpu), np.nan),
        info=SolveInfo(
            solver=highs.version(),
            seconds=time.perf_counter() - began,
            programs=1,
            gap=gap,
        ),
        prices=FleetPrices(joint_fleet.duals, joint_fleet.needs, 0.0, joint_fleet.caps),
        survives=told(terms, question.lost(terms), outage_on_demand_gpu),
        nominal=question.nominal(),
        unwaited=_unwaited(question),
        waits=question.waits(joint_fleet.ran) if scenario.waits else (),
        placed=placed,
    )


def _unwaited(question: TiedQuestion) -> FleetCost | None:
    """The fleet of least cost if nothing waits; None where nothing does, or there is none."""
    if not question.scenario.waits:
        return None
    plain = without_waiting(question.scenario)
    try:
        return question.still().best() if caps_couple(plain) else question.size(plain).optimal
    except InfeasibleError:
        return None


def _refuse(scenario: Scenario) -> None:
    if has_cap(scenario.objective):
        what = "asks for a cap or for least carbon of a fleet under caps of tiers"
        fix = "Give objective.carbon_price_usd_per_t, or leave out `tiers`."
        raise InputError([Problem("objective", what, fix)])
