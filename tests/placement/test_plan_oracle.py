"""The placement against an independent program solved by GLPK, on random scenarios."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given

from tests.examples import examples
from tests.oracle import ROUNDING, OraclePlan, oracle_plan
from tests.strategies import objectives, scenarios, tiered
from wattlas.model.objective import Minimise, Solver
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.tactics import Tactics
from wattlas.placement.problem.unit_values import carbon_to_minimise, cost
from wattlas.placement.window.column_generation import ColumnGeneration
from wattlas.placement.window.knapsack import Knapsack
from wattlas.units import KG_PER_T

REL = 1e-8
OVERSTEPS = 1e-9
"""Of a row's size: GLPK's tolerance where the finest makes it stumble."""
BASELINE = 1e-6
"""Of the baseline that a cap is relative to: its round trips are held at their least with up to
1e-12 of room, which a tie of a hundredth of a millisecond makes a million times as much.
"""
SAMPLED = Tactics(limits=(Knapsack(), ColumnGeneration(sampled=1, stride=2)))


def agree(scenario: Scenario, mine: Plan, other: OraclePlan) -> None:
    """Same status, and the same objective to 1e-8 of what its parts come to without their signs.

    And to what a hair more room in the limits is worth: the other program has that much, GLPK
    oversteps rows by up to its tolerance, and what its baseline comes to is known so far only.
    """
    assert (str(mine.status) == "optimal") == (other.status == "optimal"), (
        mine.status,
        mine.conflict,
        other.status,
    )
    if other.status == "optimal":
        t = mine.totals
        money = (t.energy_usd, t.on_demand_usd, t.egress_usd, t.unserved_usd, t.friction_usd)
        carbon = scenario.objective.minimise is Minimise.CARBON
        gross = t.carbon_kg / KG_PER_T if carbon else sum(abs(part) for part in money)
        goal = scenario.objective
        relative = goal.carbon_cap_share is not None or goal.cost_cap_share is not None
        hair = ROUNDING + OVERSTEPS + BASELINE * relative
        eased = sum(one.price * hair * abs(one.limit) for one in mine.limits)
        room = REL * gross + 2 * eased
        assert math.isclose(mine.objective, other.objective, rel_tol=REL, abs_tol=room)


def compared(scenario: Scenario, tactics: Tactics | None = None) -> None:
    """The plan agrees with the independent program, which is asked first: draws whose cap is
    relative to a baseline that has no placement are left out.
    """
    other = oracle_plan(scenario)
    agree(scenario, plan(scenario, tactics=tactics), other)


@given(scenarios(objectives=objectives()))
@examples(100)
def test_apart(scenario: Scenario) -> None:
    """Without frictions the hours solved apart equal the independent program."""
    compared(scenario)


@given(scenarios(objectives=objectives(caps=True)))
@examples(100)
def test_caps(scenario: Scenario) -> None:
    """Caps by their multipliers equal caps as rows."""
    compared(scenario)


@given(scenarios(objectives=objectives(caps=True)))
@examples(100)
def test_caps_from_a_sample(scenario: Scenario) -> None:
    """A multiplier to begin with, from every other hour and however wrong, changes nothing."""
    compared(scenario, tactics=SAMPLED)


@given(tiered(scenarios(objectives=objectives())))
@examples(100)
def test_a_degradation_cap_from_a_sample(scenario: Scenario) -> None:
    """The same for a degradation cap that stands alone."""
    compared(scenario, tactics=SAMPLED)


@given(scenarios(frictions=True, objectives=objectives(caps=True)))
@examples(100)
def test_frictions(scenario: Scenario) -> None:
    """Start-up and state frictions, with and without caps, equal the independent program."""
    compared(scenario)


@given(tiered(scenarios(objectives=objectives(), free_capacity=True)))
@examples(100)
def test_degradation_caps_alone(scenario: Scenario) -> None:
    """Share caps of tiers, where nothing else binds, equal the same caps as rows."""
    compared(scenario)


@given(tiered(scenarios(objectives=objectives(caps=True))))
@examples(100)
def test_degradation_caps(scenario: Scenario) -> None:
    """Several degradation caps, capacity, minima and caps on carbon or cost together equal rows."""
    compared(scenario)


@given(tiered(scenarios(frictions=True, objectives=objectives())))
@examples(100)
def test_degradation_caps_and_frictions(scenario: Scenario) -> None:
    """Degradation caps beside frictions equal rows."""
    compared(scenario)


@given(scenarios(objectives=objectives()))
@examples(100)
def test_engine_is_highs(scenario: Scenario) -> None:
    """The fast engine and HiGHS find the same hours infeasible and the same optimum elsewhere."""
    instance = build_instance(scenario)
    for measure, tie in (
        (cost(instance), None),
        (carbon_to_minimise(instance), cost(instance)),
    ):
        mine = solve_hours(instance, measure, tie, solver=Solver.ENGINE)
        judge = solve_hours(instance, measure, tie, solver=Solver.HIGHS)
        np.testing.assert_array_equal(mine.infeasible, judge.infeasible)
        found, wanted = (measure.by_hour(instance, one.flows) for one in (mine, judge))
        size = np.abs(wanted).max(initial=0.0) + instance.demand.sum() * 1e-300
        np.testing.assert_allclose(found, wanted, rtol=REL, atol=REL * size)
