"""Coupled hours: the bound never lies, windows come close, and both say how close."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st

from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import scenarios
from wattlas.model.frictions import Frictions, Initial
from wattlas.model.objective import Minimise, Objective, Window
from wattlas.model.plan import Plan, Status
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.constraints.registry import linked_usd
from wattlas.placement.engine import GAVE_UP
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.tactics import Tactics
from wattlas.placement.problem.unit_values import cost
from wattlas.placement.window.linked_program import Linked, solve_linked
from wattlas.placement.window.rolling_horizon import Horizon, RollingHorizon
from wattlas.placement.window.startup_bound import Coupled, ascend, held_before

RARE = [HealthCheck.too_slow, HealthCheck.filter_too_much]
REL = 1e-8


def costs(s: Scenario) -> tuple[float, float]:
    """(optimum of the one program over all hours, a size to measure errors by); nan: none."""
    found = plan(s)
    if not found.ok:
        return math.nan, 0.0
    t = found.totals
    parts = (t.energy_usd, t.on_demand_usd, t.egress_usd, t.unserved_usd, t.friction_usd)
    return found.objective, sum(abs(p) for p in parts) + t.carbon_price_usd


def rolled(s: Scenario, commit: int, ahead: int) -> Plan:
    """The plan by windows, however small the program is."""
    return plan(s, tactics=Tactics(horizon=Horizon(largest=-1, commit=commit, ahead=ahead)))


@given(
    scenarios(frictions=True, max_hours=6),
    st.sampled_from([(1, 0), (2, 1), (3, 3)]),
)
@examples(40, suppress_health_check=RARE)
def test_bound_optimum_value(s: Scenario, window: tuple[int, int]) -> None:
    """bound ≤ optimum ≤ value, and the stated gap covers the true one."""
    assume((s.demand_per_h > 0).any())
    best, size = costs(s)
    assume(math.isfinite(best))
    found = rolled(s, *window)
    assert found.ok
    tight = REL * size + 1e-12
    assert found.objective >= best - tight
    bound = found.objective - found.info.gap * abs(found.objective)
    if found.info.gap > 0:
        assert bound <= best + tight
    else:
        assert found.objective <= best + 1e-8 * size + 1e-12
    assert found.status is (Status.LIMIT if found.info.gap > 1e-9 else Status.OPTIMAL)


@given(scenarios(frictions=True, max_hours=5), st.integers(0, 2**32 - 1))
@examples(40, suppress_health_check=RARE)
def test_every_multiplier_bounds(s: Scenario, seed: int) -> None:
    """D(ρ) is no more than the optimum, wherever in its box ρ lies; the ascent only raises it."""
    s = replace(s, hours=replace(s.hours, offset=np.arange(s.hours.count)))
    assume((s.demand_per_h > 0).any())
    best, size = costs(s)
    assume(math.isfinite(best))
    instance, steps = build_instance(s), np.arange(s.hours.count)
    before = held_before(instance, steps) if s.frictions.starts else None
    coupled = Coupled(instance, cost(instance), steps, before)
    draw = np.random.default_rng(seed)
    zero, _ = coupled.bound(np.zeros_like(coupled.most))
    some, _ = coupled.bound(draw.uniform(0, 1, coupled.most.shape) * coupled.most)
    tight = REL * size + 1e-12
    assert some.value <= best + tight
    risen = ascend(coupled)
    assert zero.value - tight <= risen.value <= best + tight


@given(scenarios(frictions=True, max_hours=4))
@examples(40, suppress_health_check=RARE)
def test_a_run_as_a_whole_is_the_joint_program(s: Scenario) -> None:
    """One window over the run equals the program passed whole."""
    found = plan(s)
    assume(found.ok)
    instance = build_instance(s)
    total = 0.0
    runs = np.split(np.arange(s.hours.count), np.flatnonzero(~s.hours.follows)[1:])
    for run in runs:
        judge = solve_linked(instance, cost(instance), run, Linked())
        total += _value(instance, judge)
    _, size = costs(s)
    assert math.isclose(found.objective, total, rel_tol=REL, abs_tol=REL * size + 1e-12)


def _value(instance: Instance, judge: Solution) -> float:
    paid = linked_usd(instance, judge.flows)
    used = np.unique(judge.flows.hour)
    each = cost(instance).by_hour(instance, judge.flows) + paid
    return float(each[used].sum())


def test_half_a_day_of_the_world_by_windows() -> None:
    """Half a day of the embedded world: windows are within 0.1 % of the whole, and certify 5 %.

    Of the variable cost: what is reserved is paid in any case.
    """
    s = shipped(set=["time.sample=null", "time.hours=12", "solver=auto"])
    s = replace(s, frictions=Frictions(start_usd_per_gpu_h=0.5, initial=Initial.COLD))
    whole = plan(s, tactics=Tactics(horizon=Horizon(largest=10**9)))
    found = rolled(s, 6, 3)
    assert whole.status is Status.OPTIMAL
    assert found.status is Status.LIMIT
    assert whole.objective <= found.objective * (1 + 1e-9)
    assert found.objective <= whole.objective * 1.001
    assert (found.objective - whole.objective) / whole.objective <= found.info.gap <= 0.05


LIMITED = {
    "cost": Objective(),
    "carbon": Objective(minimise=Minimise.CARBON),
    "cap": Objective(carbon_cap_share=0.8),
    "days": Objective(carbon_cap_share=0.9, window=Window.DAY),
    "money": Objective(minimise=Minimise.CARBON, cost_cap_usd=320.0),
}


@pytest.mark.parametrize("name", LIMITED)
def test_no_time_beside_limits(name: str) -> None:
    """Where the time is over all demand is placed, limits hold, and the gap is true."""
    s = replace(shipped("tiny"), objective=LIMITED[name])
    s = replace(s, frictions=Frictions(start_usd_per_gpu_h=0.01))
    best, found = plan(s), plan(s, time_limit_s=0.0)
    assert best.status is Status.OPTIMAL
    assert found.totals.requests == pytest.approx(best.totals.requests)
    assert all(one.used <= one.limit * (1 + 1e-9) for one in (*best.limits, *found.limits))
    assert found.objective >= best.objective * (1 - 2e-9)
    assert found.objective * (1 - found.info.gap) <= best.objective * (1 + 1e-9)
    assert (found.status is Status.OPTIMAL) == (found.info.gap <= 1e-9 and name == "money")


def test_no_time_and_no_room_for_frictions() -> None:
    """A cap on cost that only a plan with few starts keeps: without time there is no plan."""
    s = shipped("tiny")
    s = replace(s, frictions=Frictions(start_usd_per_gpu_h=0.05))
    cheapest = plan(s).objective
    s = replace(
        s, objective=Objective(minimise=Minimise.CARBON, cost_cap_usd=cheapest * (1 + 1e-6))
    )
    best, found = plan(s), plan(s, time_limit_s=0.0)
    assert best.status is Status.OPTIMAL
    assert best.limits[0].used == pytest.approx(best.totals.variable_usd, rel=1e-9)
    assert best.totals.friction_usd > 0
    assert (found.status, found.ok, found.conflict) == (Status.LIMIT, False, "")


def test_unserved_demand_leaves_carbon_least() -> None:
    """Under frictions carbon is that of the hours apart, however much demand is shed."""
    s = shipped("tiny")
    shed = tuple(replace(k, unserved_usd_per_request=0.01) for k in s.classes)
    goal = Objective(minimise=Minimise.CARBON)
    s = replace(s, classes=shed, reserved_gpu=0.2 * s.reserved_gpu, objective=goal)
    apart, found = plan(s), plan(replace(s, frictions=Frictions(start_usd_per_gpu_h=0.5)))
    assert found.totals.unserved_requests > 1e5
    assert found.totals.unserved_requests == pytest.approx(apart.totals.unserved_requests)
    assert found.objective == pytest.approx(apart.objective, rel=2e-9)


def test_no_time_and_an_hour_that_the_engine_gave_up() -> None:
    """Hours that the bound has no placement for are placed by HiGHS: no demand is lost."""
    s = replace(shipped("tiny"), frictions=Frictions(start_usd_per_gpu_h=0.01))

    instance, steps = build_instance(s), np.arange(s.hours.count)
    run = RollingHorizon(instance, cost(instance), steps)
    coupled = Coupled(run.instance, run.measure, steps, None)
    bound = coupled.bound(np.zeros_like(coupled.most))[0]
    hours = bound.hours
    keep = np.repeat(np.arange(len(hours.hours)), np.diff(hours.indptr)) != 5
    status = np.where(np.arange(len(hours.hours)) == 5, GAVE_UP, hours.status)
    forgotten = replace(hours, value=np.where(keep, hours.value, 0.0), status=status)
    run.bound = replace(bound, hours=forgotten)
    placed = run.solve(time_limit_s=0.0)
    assert placed.status is Status.LIMIT
    served = np.bincount(placed.flows.hour, placed.flows.value, s.hours.count)
    np.testing.assert_allclose(served, s.demand_per_h.sum(axis=(0, 1)), rtol=1e-9)
    assert _value(instance, placed) >= plan(s).objective * (1 - 1e-9)


def test_no_time_is_no_reason_for_no_plan() -> None:
    """Without time the hours are placed apart, and the gap says what that may cost."""
    s = shipped("tiny")
    s = replace(s, frictions=Frictions(start_usd_per_gpu_h=0.01))
    best = plan(s)
    found = plan(s, time_limit_s=0.0)
    assert found.status is Status.LIMIT
    assert found.objective >= best.objective * (1 - 1e-9)
    assert (found.objective - best.objective) / found.objective <= found.info.gap + 1e-9
