"""Fleets that wait or are under the share caps of tiers over days, months or all hours.

Accelerators, what waits and what is degraded are one program; a request that waits counts in the
window of its arrival. Small ones are solved as one. What is larger, and with outages, is found by
cuts: the caps are dealt out to the hours, and how much of a cap each hour has is a variable of the
master beside the fleet and what runs when. Where nothing waits and there is one contract of one
class, `tiered_fleet` takes a year. Under a cap of the objective they are found at prices of carbon.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.fleet import Fleet, FleetCost, FleetPrices, Placed
from wattlas.model.plan import SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.waiting import without_waiting
from wattlas.placement.fleet.carbon_price import Mix, at_price, has_cap, report, under_cap
from wattlas.placement.fleet.cost import at_own_price
from wattlas.placement.fleet.outage import told
from wattlas.placement.fleet.statement import caps_couple
from wattlas.placement.fleet.terms import holding
from wattlas.placement.fleet.tied_question import FleetSizing, TiedQuestion
from wattlas.placement.fleet.waiting import PROVEN
from wattlas.placement.fleet.waiting_program import Joint
from wattlas.placement.hour import highs
from wattlas.placement.problem.flows import SourceFlows, join, merge_equal
from wattlas.units import KG_PER_T

PART = 0.1
"""The part of the gap that each fleet has under a cap, where those of three add up: at a quarter a
day under a tight cap ended half above the gap that was asked for."""


def fleet_under_caps(
    scenario: Scenario,
    size: Callable[[Scenario], Fleet],
    survive: Sequence[Sequence[str]] = (),
    outage_on_demand_gpu: float = np.inf,
) -> Fleet:
    """The fleet of least cost within share caps, or under the cap of the objective; `size` finds
    that of a scenario in which nothing ties the hours, with the same outages.

    Raises InputError for what does not go together with that or is too large, InfeasibleError where
    the bounds cannot serve the demand or a cap cannot be met.
    """
    began = time.perf_counter()
    sizing = FleetSizing(size, survive, outage_on_demand_gpu)
    front = _Front(scenario, sizing)
    mix = front.mix()
    question, terms = mix.at.question, front.first.question.terms
    best, placed, middle = front.placed(mix)
    gap = max((best.cost_usd - mix.bound) / max(abs(best.cost_usd), 1e-300), 0.0)
    gpu = mix.mean(mix.cheap.gpu, mix.clean.gpu)
    whole = question.best_at(middle, np.ceil(gpu * terms.held - 1e-6) / terms.held)[0]
    return Fleet(
        status=Status.OPTIMAL if gap <= front.allowed(best, mix.at.usd_per_t) else Status.LIMIT,
        scenario=holding(scenario, terms, gpu),
        asked=scenario,
        optimal=best,
        bound_usd=mix.bound,
        own_peaks=front.first.question.own_peaks(),
        given=front.first.question.given(),
        whole=at_own_price(question.terms, whole, whole.gpu / terms.held, mix.at.usd_per_t),
        least_count=float("nan"),
        least_rent_usd=float("nan"),
        saved_by_one_usd=np.full(len(gpu), np.nan),
        info=SolveInfo(
            solver=highs.version(),
            seconds=time.perf_counter() - began,
            programs=front.asked,
            gap=gap,
        ),
        prices=FleetPrices(
            middle.duals, middle.needs, mix.at.usd_per_t, middle.caps, tuple(middle.sites)
        ),
        survives=told(terms, sizing.lost(terms), outage_on_demand_gpu),
        nominal=None if has_cap(scenario.objective) else question.nominal(),
        unwaited=_unwaited(front),
        waits=question.waits(middle.ran) if scenario.waits else (),
        placed=placed,
        limit=report(scenario, mix, best),
    )


def _unwaited(front: _Front) -> FleetCost | None:
    """The fleet of least cost if nothing waits; None where nothing does, or there is none."""
    if not front.scenario.waits:
        return None
    plain = without_waiting(front.scenario)
    try:
        if has_cap(plain.objective) or not caps_couple(plain):
            return front.sizing.size(plain).optimal
        return front.first.question.still().best()
    except InfeasibleError:
        return None


@dataclass(frozen=True)
class _AtPrice:
    """The fleet at a price of carbon: its question, what was found, its accelerators (R,) larger by
    rounding, what runs where, and its `cost` at the scenario's own price."""

    usd_per_t: float
    question: TiedQuestion
    joint: Joint
    gpu: np.ndarray
    cost: FleetCost
    placed: Placed

    @property
    def bound(self) -> float:
        """Below what no fleet costs at both prices, USD."""
        return self.joint.bound_usd


class _Front:
    """Fleets by price of carbon."""

    def __init__(self, scenario: Scenario, sizing: FleetSizing) -> None:
        self.scenario, self.sizing = scenario, sizing
        self.asked = 0
        self.last: TiedQuestion | None = None

    def mix(self) -> Mix[_AtPrice]:
        """The fleet under the objective's cap, or that of least cost."""
        objective = self.scenario.objective
        if not has_cap(objective):
            return Mix.alone(self.at(0.0))
        return under_cap(objective, self.at, self.allowed)

    def at(self, usd_per_t: float) -> _AtPrice:
        """The fleet at a price of carbon beyond the scenario's own, USD/t."""
        priced, part = at_price(self.scenario, usd_per_t), 1.0
        if has_cap(self.scenario.objective):
            part = PART
        question = TiedQuestion(priced, self.sizing, part, self.last)
        fleet = question.found
        question.before = None  # Else each holds all that were before.
        gpu = question.a_little_more(fleet)
        cost, placed = question.best_at(fleet, gpu)
        cost = at_own_price(question.terms, cost, gpu, usd_per_t)
        answer = _AtPrice(usd_per_t, question, fleet, gpu, cost, placed)
        if self.last is None:
            self.first = answer
        self.last = question
        self.asked += 1
        return answer

    def allowed(self, cost: FleetCost, usd_per_t: float = 0.0) -> float:
        """The gap, relative to its cost, of a fleet that is good enough where carbon has a price
        beyond the scenario's own: where least carbon is asked for, that is nearly all that counts.
        """
        carbon_usd = usd_per_t * cost.carbon_kg / KG_PER_T
        allowed = self.first.question.exact * abs(cost.variable_usd)
        proven = PROVEN * (abs(cost.cost_usd) + carbon_usd)
        return max(proven, allowed) / max(abs(cost.cost_usd), 1e-300)

    def placed(self, mix: Mix[_AtPrice]) -> tuple[FleetCost, Placed, Joint]:
        """What a mix costs at the scenario's own price, what runs where in it, and its fleet,
        waiting and parts of caps, with the prices of its bound."""
        cheap, clean, at = mix.cheap, mix.clean, mix.at.joint
        a, b = cheap.joint, clean.joint
        dealt = a.most is not None and b.most is not None
        middle = replace(
            at,
            gpu=mix.mean(a.gpu, b.gpu),
            ran=mix.mean(a.ran, b.ran),
            most=mix.mean(np.asarray(a.most), np.asarray(b.most)) if dealt else None,
        )
        if cheap is clean:
            return clean.cost, clean.placed, middle
        parts = ((cheap, 1.0 - mix.share), (clean, mix.share))
        flows = join([
            SourceFlows(*end.placed).with_value(share * end.placed.value) for end, share in parts
        ])  # fmt: skip
        flows = merge_equal(flows)
        gpu = mix.mean(cheap.gpu, clean.gpu)
        return self.first.question.cost_of(flows, gpu), Placed(*flows), middle
