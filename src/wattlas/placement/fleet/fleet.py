"""`fleet`: a scenario in, how many accelerators each region should hold out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from wattlas.model.fleet import Fleet, FleetCost
from wattlas.model.plan import SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.placement.fleet.carbon_front import FrontFleet, capped
from wattlas.placement.fleet.carbon_price import has_cap
from wattlas.placement.fleet.cost import ROUNDING, fleet_cost
from wattlas.placement.fleet.hours import FleetHours
from wattlas.placement.fleet.needs import Needs
from wattlas.placement.fleet.outage import lost_of, told
from wattlas.placement.fleet.search import Least
from wattlas.placement.fleet.size import EXACT, Learnt, Sizing, refuse_short
from wattlas.placement.fleet.statement import caps_couple
from wattlas.placement.fleet.terms import (
    FleetTerms,
    holding,
    peak_of_sum,
    peak_rent,
    terms_of,
)
from wattlas.placement.fleet.under_caps import fleet_under_caps
from wattlas.placement.fleet.waiting import fleet_that_waits
from wattlas.placement.hour import highs


def fleet(
    scenario: Scenario,
    *,
    survive: Sequence[Sequence[str]] = (),
    outage_on_demand_gpu: float = np.inf,
    exact: float = EXACT,
    progress: Callable[[Least], None] = lambda _: None,
) -> Fleet:
    """How many accelerators to reserve in each region so that all demand is served at least cost.

    Accelerators cost their `reserved_usd_per_gpu_year` whether used or not; those on demand may
    take the peaks. `survive` are sets of region ids, any one of which may be lost in any hour;
    `outage_on_demand_gpu` limits what a region can buy by the hour meanwhile. Ends at a relative
    gap of `exact`. The objective may cap carbon (`carbon_cap_t`), or ask for least carbon, within a
    `cost_cap_usd` where it has one; what is held counts in both. Raises InputError for what a fleet
    does not take, InfeasibleError where its bounds cannot serve the demand or a cap cannot be met.
    Program: docs/fleet.md.
    """
    return fleet_and_learnt(
        scenario, survive=survive, outage_on_demand_gpu=outage_on_demand_gpu, exact=exact,
        progress=progress,
    )[0]  # fmt: skip


def fleet_and_learnt(
    scenario: Scenario,
    *,
    survive: Sequence[Sequence[str]] = (),
    outage_on_demand_gpu: float = np.inf,
    exact: float = EXACT,
    progress: Callable[[Least], None] = lambda _: None,
) -> tuple[Fleet, Learnt | None]:
    """As `fleet`, with what was learnt of the fleet that survives nothing, for other searches; None
    under a cap, of the objective or of tiers, and where requests may wait.
    """
    options = {
        "survive": survive, "outage_on_demand_gpu": outage_on_demand_gpu, "exact": exact,
        "progress": progress,
    }  # fmt: skip
    if (tied := _tied(scenario, survive, outage_on_demand_gpu, options)) is not None:
        return tied, None
    began = time.perf_counter()
    terms = terms_of(scenario)
    lost = lost_of(terms, survive, outage_on_demand_gpu)
    sizing = Sizing.of(terms)
    refuse_short(terms, sizing.needs)
    needs = [each.needs for each in lost]
    answer, learnt = (
        (capped(scenario, needs, exact, progress), None)
        if has_cap(scenario.objective)
        else _cheapest(sizing, needs, exact, progress)
    )
    whole = np.ceil(answer.usable * terms.held - 1e-6) / terms.held
    # In this order each is solved from bases that are near.
    rounded_up = answer.at_own_price(whole)
    sized = Fleet(
        status=Status.OPTIMAL if answer.gap <= exact else Status.LIMIT,
        scenario=holding(scenario, terms, answer.usable),
        asked=scenario,
        optimal=answer.cost,
        bound_usd=answer.bound,
        own_peaks=fleet_cost(terms, sizing.hours, terms.own_peaks),
        given=_given(scenario, terms, sizing.hours),
        whole=rounded_up,
        least_count=peak_of_sum(terms) * float(terms.held.min()),
        least_rent_usd=peak_rent(terms),
        saved_by_one_usd=(answer.sizing.terms.rent_usd - answer.reduced) / terms.held,
        info=SolveInfo(
            solver=highs.version(),
            seconds=time.perf_counter() - began,
            programs=answer.rounds,
            gap=max(answer.gap, 0.0),
        ),
        prices=answer.prices,
        survives=told(terms, lost, outage_on_demand_gpu),
        nominal=learnt.cost if needs and learnt else None,
        limit=answer.limit,
    )
    return sized, learnt


def _tied(
    scenario: Scenario,
    survive: Sequence[Sequence[str]],
    outage_on_demand_gpu: float,
    options: Mapping[str, Any],
) -> Fleet | None:
    """The fleet of hours that waiting or caps of tiers tie; None where they are apart. `options`
    are those of the fleet of hours that are."""

    def still(stated: Scenario) -> Fleet:
        return fleet(stated, **options)

    capped_too = scenario.waits and has_cap(scenario.objective)
    if caps_couple(scenario) or capped_too:
        return fleet_under_caps(scenario, still, survive, outage_on_demand_gpu)
    if not scenario.waits:
        return None
    return fleet_that_waits(
        scenario,
        still,
        lambda asked: fleet_under_caps(asked, still, survive, outage_on_demand_gpu),
        lambda terms: lost_of(terms, survive, outage_on_demand_gpu),
    )


def _cheapest(
    sizing: Sizing, survive: Sequence[Needs], exact: float, progress: Callable[[Least], None]
) -> tuple[FrontFleet, Learnt]:
    """The fleet of least cost, and what was learnt of that without outages."""
    terms = sizing.terms
    first = best = sizing.nominal(exact, progress)
    usable = _a_little_more(terms, first.y)
    cost = fleet_cost(terms, sizing.hours, usable)
    learnt = sizing.learnt(first, cost)
    if survive:
        # What the hours cost at a fleet is known already; the outages forbid some of them.
        best = sizing.exactly([first.y], survive, exact, progress)
        usable = _a_little_more(terms, best.y)
        cost = fleet_cost(terms, sizing.hours, usable)
    rounds = first.rounds + (best.rounds if survive else 0)
    prices = sizing.prices(best, 0.0)
    return FrontFleet(sizing, usable, cost, best.bound, best.reduced, prices, rounds), learnt


def _a_little_more(terms: FleetTerms, usable: np.ndarray) -> np.ndarray:
    """A fleet (R,) that is larger by rounding, within its bounds."""
    return np.asarray(np.minimum(usable * (1.0 + ROUNDING), np.maximum(terms.upper, usable)))


def _given(scenario: Scenario, terms: FleetTerms, hours: FleetHours) -> FleetCost | None:
    """The scenario's own fleet, where it is one number for each region."""
    reserved = scenario.reserved_gpu
    if not np.isfinite(reserved).all() or (reserved != reserved[:, :1]).any():
        return None
    return fleet_cost(terms, hours, reserved[:, 0] / terms.held)
