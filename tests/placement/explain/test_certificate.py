"""A plan's prices prove it optimal: feasibility, signs, complementary slackness, the dual bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given

from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import objectives, scenarios, tiered
from wattlas.errors import InputError, UsageError
from wattlas.model.contract import Tier
from wattlas.model.objective import Minimise, Objective, Solver, Window
from wattlas.model.offer import offer
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.compare.baselines import baseline
from wattlas.placement.explain.certificate import certify
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.unit_values import carbon_to_minimise, onward_rtt

RARE = [HealthCheck.too_slow, HealthCheck.filter_too_much]


@given(tiered(scenarios(objectives=objectives(caps=True))))
@examples(40, suppress_health_check=RARE)
def test_every_plan_is_proven(s: Scenario) -> None:
    """Under degradation caps, minima, capacity and a cap the certificate closes the gap."""
    try:
        found = plan(s)
    except InputError as refused:  # a cap relative to a baseline that has no placement
        assume("is relative to the baseline" not in str(refused))
        raise
    assume(found.ok)
    proof = certify(found)
    assert -1e-8 <= proof.gap <= 1e-7, proof.gap
    assert {k: v for k, v in proof.residuals.items() if v > 1e-6} == {}


@pytest.mark.parametrize("solver", [Solver.ENGINE, Solver.HIGHS])
@given(s=scenarios(objectives=objectives()))
@examples(40, suppress_health_check=RARE)
def test_either_solver_is_proven(solver: Solver, s: Scenario) -> None:
    """The engine's prices and those of HiGHS both prove their plans."""
    found = plan(replace(s, solver=solver))
    assume(found.ok)
    assert abs(certify(found).gap) <= 1e-9


def test_a_plan_of_several_windows_is_proven() -> None:
    """Least carbon under daily budgets that pay for a part of the demand only."""

    s = shipped("tiny")
    shed = tuple(replace(k, unserved_usd_per_request=1e-6) for k in s.classes)
    days = replace(s, classes=shed, hours=replace(s.hours, offset=s.hours.offset + 12))
    usd = 0.3 * plan(s).totals.variable_usd
    budget = Objective(minimise=Minimise.CARBON, cost_cap_usd=usd, window=Window.DAY)
    found = plan(days, objective=budget)
    assert found.totals.unserved_requests > 0
    assert len({round(one.price, 12) for one in found.limits}) == 2
    assert abs(certify(found).gap) <= 1e-9


@pytest.mark.parametrize("little", [1e-6, 1e-7])
@pytest.mark.parametrize("solver", [Solver.ENGINE, Solver.HIGHS])
def test_little_demand_is_kept_exactly(solver: Solver, little: float) -> None:
    """Minima and caps of a class hold however small it is beside another, hour after hour."""

    s = shipped("tiny")
    accuracy = [o.accuracy for o in s.points]
    minimum = (min(accuracy) + max(accuracy)) / 2
    shed = {"mean_accuracy_min": minimum, "accuracy_min": 0.0, "unserved_usd_per_request": 1.0}
    classes = tuple(replace(k, **shed) for k in s.classes)
    tier = Tier("green", 0.3, 0.5, accuracy_min=0.0, window=Window.HOUR)
    for seed in (2, 3):
        demand = s.demand_per_h * np.random.default_rng(seed).uniform(
            0.3, 1.7, s.demand_per_h.shape
        )
        demand[:, 1] *= little
        asked = replace(s, demand_per_h=demand, classes=classes, solver=solver)
        proof = certify(plan(offer(asked, [tier])))
        assert proof.worst <= 1e-9
        assert abs(proof.gap) <= 1e-9


def test_unserved_demand_weighs_the_same_in_every_part() -> None:
    """What an unserved request weighs does not depend on which hours are looked at."""

    s = shipped("tiny")
    some = s.demand_per_h.copy()
    some[1:, :, 12:] = 0.0
    s = replace(
        s,
        classes=tuple(replace(k, unserved_usd_per_request=0.1) for k in s.classes),
        demand_per_h=some,
    )
    for measure in (carbon_to_minimise, onward_rtt):
        whole = measure(build_instance(s)).per_unserved
        for steps in (np.arange(12), np.arange(12, 24)):
            part = measure(build_instance(s.at_hours(steps))).per_unserved
            assert set(part) == set(whole)


def test_a_worse_plan_is_found_out() -> None:
    """The certificate of a plan that was tampered with does not close."""

    s = shipped("tiny")
    found = plan(s)
    honest = certify(found)
    assert honest.gap < 1e-9
    expensive = plan(s, objective=Objective(minimise=Minimise.CARBON))
    swapped = replace(found, flows=expensive.flows)
    assert certify(swapped).gap > 1e-4
    assert found.flows is not None
    fewer = replace(found.flows, requests_per_h=found.flows.requests_per_h * 0.9)
    assert certify(replace(found, flows=fewer)).residuals["demand"] > 0.05


def test_marginal_cost_is_the_dual_of_demand() -> None:
    """One more request costs what the certificate says."""

    s = shipped("tiny")
    proof = certify(plan(s))
    i, k = np.argwhere((s.demand_per_h > 0).any(axis=2))[0]
    t = int(np.flatnonzero(s.demand_per_h[i, k] > 0)[0])
    more = s.demand_per_h.copy()
    more[i, k, t] += 1e-3
    grown = plan(replace(s, demand_per_h=more)).objective - plan(s).objective
    price = proof.demand_price[i, k, t] * s.hours.hours[t]
    assert grown / 1e-3 == pytest.approx(price, rel=1e-3)


def test_what_cannot_be_proven_says_so() -> None:
    """A baseline makes no claim to be best."""

    s = shipped("tiny")
    with pytest.raises(UsageError, match="optimised"):
        certify(baseline(build_instance(s), "nearest"))
