"""The frontier: exact at its breakpoints, sampled as a subset, never rising."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.acceptance.small_world import POINT, small_world
from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import one_of, scenarios
from wattlas.errors import InfeasibleError, UsageError
from wattlas.model.frontier import Frontier
from wattlas.model.frontier_table import points_table
from wattlas.model.objective import Objective, Solver
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.frontier.frontier import frontier, solve_at
from wattlas.placement.frontier.question import FrontierQuestion, baseline_ms, breakpoints
from wattlas.placement.problem.feasibility import feasibility
from wattlas.studies.figures.frontier import frontier as tabled

REL = 1e-8
VARIANTS = ("scale", "added_ms", "class:class-0")
OBJECTIVES = ("cost", "carbon", "weighted")


def traced(s: Scenario, variant: str, objective: str, **more: object) -> Frontier | None:
    """A frontier, or None where no budget serves all demand."""
    price = 120.0 if objective == "weighted" else None
    try:
        return frontier(
            s,
            variant,
            objective=objective,
            carbon_price_usd_per_t=price,
            **more,  # type: ignore[arg-type]
        )
    except InfeasibleError:
        return None


def close(one: np.ndarray, other: np.ndarray) -> bool:
    """Equal to 1e-8 of the largest."""
    size = max(float(np.abs(one).max(initial=0.0)), float(np.abs(other).max(initial=0.0)), 1e-12)
    return bool(np.abs(one - other).max(initial=0.0) <= REL * size)


def solved_apart(s: Scenario, variant: str, objective: str, x: np.ndarray) -> np.ndarray:
    """The account at each budget, each solved for itself."""
    price = 120.0 if objective == "weighted" else None
    question = FrontierQuestion.of(s, variant, objective, price)
    bare = replace(s, objective=question.as_objective())
    axis = breakpoints(bare, question)
    return np.stack([solve_at(bare, question, axis, float(one))[0] for one in x], axis=1)


def budget_at(s: Scenario, variant: str, x: float) -> np.ndarray:
    """Latency budget of every demand at x, ms, shape (I, K)."""
    judged = feasibility(s)
    nearest = baseline_ms(s, judged)
    budget = np.array(judged.budget_ms)
    for k, klass in enumerate(s.classes):
        if variant == "scale" and klass.relaxable:
            budget[:, k] *= x
        elif variant == "added_ms" and klass.relaxable:
            budget[:, k] = nearest[:, k] + x
        elif variant == f"class:{klass.id}":
            budget[:, k] = x
    return budget


@given(scenarios(max_hours=3, unserved=False), one_of(*VARIANTS), one_of(*OBJECTIVES))
@examples(40)
def test_exact_is_what_each_breakpoint_gives(s: Scenario, variant: str, objective: str) -> None:
    """With capacity and minima: every step of the frontier equals a program of its own."""
    one = traced(s, variant, objective)
    assume(one is not None)
    assert one is not None
    assert one.exact
    apart = solved_apart(s, variant, objective, one.x)
    assert close(one.value, apart[0])
    drop = np.diff(one.value)
    assert (drop <= REL * max(float(np.abs(one.value).max(initial=0.0)), 1e-12)).all()


@given(
    scenarios(max_hours=3, unserved=False), one_of(*VARIANTS), one_of(*OBJECTIVES), st.booleans()
)
@examples(40)
def test_the_engine_opens_as_highs_does(
    s: Scenario, variant: str, objective: str, shed: bool
) -> None:
    """Column by column, hot in the engine or in HiGHS: the same frontier and the same accounts."""
    if shed:
        classes = tuple(replace(k, unserved_usd_per_request=0.01) for k in s.classes)
        s = replace(s, classes=classes)
    judge = traced(replace(s, solver=Solver.HIGHS), variant, objective)
    mine = traced(replace(s, solver=Solver.ENGINE), variant, objective)
    assert (judge is None) == (mine is None)
    if judge is not None and mine is not None:
        np.testing.assert_array_equal(mine.x, judge.x)
        assert close(mine.value, judge.value)


@given(
    scenarios(max_hours=3, free_capacity=True, accuracy_minima=False),
    one_of(*VARIANTS),
    one_of(*OBJECTIVES),
)
@examples(40)
def test_exact_where_nothing_binds(s: Scenario, variant: str, objective: str) -> None:
    """The running minimum equals a program at every breakpoint, money and carbon alike."""
    assume(objective == "cost" or all(k.unserved_usd_per_request is None for k in s.classes))
    one = traced(s, variant, objective)
    assume(one is not None)
    assert one is not None
    apart = solved_apart(s, variant, objective, one.x)
    assert close(one.value, apart[0])
    if objective == "carbon":
        assert close(one.cost_usd, apart[1])
        assert close(one.carbon_kg, apart[2])
    drop = np.diff(one.value)
    assert (drop <= REL * max(float(np.abs(one.value).max(initial=0.0)), 1e-12)).all()


@given(scenarios(max_hours=2, unserved=False, when_none=False), one_of(*VARIANTS))
@examples(30)
def test_it_is_a_step_function(s: Scenario, variant: str) -> None:
    """Between two breakpoints V is what it is at the lower one, by `plan` with those budgets."""
    one = traced(s, variant, "cost")
    assume(one is not None and len(one.x) > 0)
    assert one is not None
    bare = replace(s, objective=Objective())
    for n in range(min(len(one.x), 3)):
        beyond = one.x[n + 1] if n + 1 < len(one.x) else 2 * one.x[n] + 1
        middle = (one.x[n] + beyond) / 2
        found = plan(bare, budget_ms=budget_at(bare, variant, float(middle)))
        assert found.ok, found.conflict
        assert close(np.array([found.objective]), one.value[n : n + 1])
        assert one.at(float(middle)) == n


@given(scenarios(max_hours=2, unserved=False), one_of(*VARIANTS), one_of(*OBJECTIVES))
@examples(30)
def test_a_sample_is_a_subset(s: Scenario, variant: str, objective: str) -> None:
    """A sampled frontier holds breakpoints of the exact one, with the same values."""
    whole, some = traced(s, variant, objective), traced(s, variant, objective, samples=3)
    assert (whole is None) == (some is None)
    assume(whole is not None)
    assert whole is not None
    assert some is not None
    at = np.searchsorted(whole.x, some.x)
    assert np.array_equal(whole.x[at], some.x)
    assert close(whole.value[at], some.value)
    assert some.exact == (len(some.x) == len(whole.x))


def test_the_users_budget_is_on_it() -> None:
    """At factor 1 the frontier is the scenario's own plan, and a sample keeps that point."""
    s = shipped("tiny")
    for samples in (None, 4):
        one = frontier(s, samples=samples)
        own = plan(s)
        assert one.users_x == 1.0
        assert one.cost_usd[one.at(1.0)] == pytest.approx(own.totals.cost_usd, rel=1e-9)
        usd, kg = one.returns()
        n = one.at(1.0)
        assert usd[0] == kg[0] == 0.0
        width = one.x[n] - one.x[n - 1]
        assert usd[n] == pytest.approx((one.cost_usd[n - 1] - one.cost_usd[n]) / width)
        per_mwh, per_kwh = one.returns_per_energy()
        assert per_mwh[n] * one.it_mwh[n] == pytest.approx(usd[n])
        grams, kwh_ms = (one.carbon_kg[n - 1] - one.carbon_kg[n]) * 1e3, one.it_mwh[n] * 1e3 * width
        assert per_kwh[n] == pytest.approx(grams / kwh_ms)
    assert one.x_unit == "× budget"
    assert one.at(one.least_x / 2) == -1


def test_given_budgets() -> None:
    """Budgets of one's own are solved as they are, unless one leaves demand without a place."""
    s = shipped("tiny")
    exact = frontier(s, "class:A")
    middle = float(exact.x[:2].mean())
    given_x = frontier(s, "class:A", x=[middle, float(exact.x[-1])])
    assert not given_x.exact
    assert given_x.cost_usd == pytest.approx(exact.cost_usd[[0, -1]], rel=1e-9)
    with pytest.raises(UsageError, match="no place"):
        frontier(s, "class:A", x=[1.0])


def test_questions_that_make_no_sense() -> None:
    """An unknown variant, class or objective, and a weight of nothing, say what may be asked."""
    s = shipped("tiny")
    for variant, objective, words in (
        ("scaled", "cost", "choose scale"),
        ("class:Z", "cost", "choose one of A, D"),
        ("scale", "money", "choose cost, carbon"),
        ("scale", "weighted", "carbon price above 0"),
    ):
        with pytest.raises(UsageError, match=words):
            frontier(s, variant, objective=objective)


def test_no_budget_serves_what_the_law_forbids() -> None:
    """Where no place is lawful at any latency the frontier says so and names the demand."""
    s = shipped("tiny", set=["residency.eu-stays.IN=[EU]", "regions.drop=[oslo]",
                                     "nodes.frankfurt.region=austin"])  # fmt: skip
    with pytest.raises(InfeasibleError, match="delhi, class A"):
        frontier(s)


def test_a_frontier_of_nothing_is_a_point() -> None:
    """Where no budget may be varied V is the plan's own, at the scenario's budgets."""
    s = shipped("tiny", set=["classes.A.relaxable=false", "classes.D.relaxable=false"])
    for variant in ("scale", "added_ms"):
        one = frontier(s, variant)
        assert len(one.x) == 1
        assert one.cost_usd[0] == pytest.approx(plan(s).totals.cost_usd, rel=1e-9)


@pytest.mark.parametrize("capacity", ["free", "as it is"])
def test_a_curve_of_carbon_starts_where_the_least_goes_unserved(capacity: str) -> None:
    """Before it the share that goes unserved is told, and falls; from it on V never rises."""
    names = ["classes.A.unserved_usd_per_request=0.01", "classes.D.unserved_usd_per_request=0.01"]
    s = shipped("tiny", set=names)
    if capacity == "free":
        s = replace(s, reserved_gpu=np.full_like(s.reserved_gpu, np.inf))
    curve = frontier(s, objective="carbon")
    assert len(curve.x) > 2
    assert len(curve.before_x) > 2
    assert curve.before_x[-1] < curve.x[0]
    assert (np.diff(curve.value) <= 0).all()
    assert (np.diff(curve.before_unserved_share) <= 1e-12).all()
    assert curve.before_unserved_share[-1] > curve.unserved_share[0] + 1e-6
    assert curve.unserved_share == pytest.approx(curve.unserved_share[-1])
    last = plan(replace(s, objective=Objective(minimise="carbon")),  # type: ignore[arg-type]
                budget_ms=budget_at(s, "scale", float(curve.before_x[-1])))  # fmt: skip
    requests = last.totals.requests + last.totals.unserved_requests
    share = last.totals.unserved_requests / requests
    assert curve.before_unserved_share[-1] == pytest.approx(share)
    here = replace(curve, users_x=float(curve.x[1]))
    findings: Any = SimpleNamespace(frontiers=(here,))
    table = tabled(findings)
    assert table is not None
    marked = [x for x, mine in zip(table["x"], table["is_users_budget"], strict=True) if mine]
    assert marked == [here.users_x]


def test_a_curve_of_cost_holds_the_price_of_what_goes_unserved() -> None:
    """It has every budget: what it plots counts unserved demand at its price, and never rises."""
    s = shipped("tiny", set=["unserved_usd_per_request=0.5"])
    curve = frontier(s)
    assert not len(curve.before_x)
    assert curve.unserved_share[0] > curve.unserved_share[-1]
    assert (np.diff(curve.value) <= 0).all()


def test_added_milliseconds_begin_at_the_baseline_regions_latency(tmp_path: Path) -> None:
    """0 ms added is the baseline region; a faster model in a farther region needs nothing added."""
    world = small_world(
        tmp_path,
        price={"near": [90.0], "far": [60.0], "slow": [30.0]},
        carbon={name: [300.0] for name in ("near", "far", "slow")},
        demand={"A": {"m": [10.0]}},
        rtt_ms={"m": {"near": 10, "far": 40, "slow": 40}},
        classes={"A": {"latency_budget_ms": 500}},
        points={
            "quick": {**POINT, "variant": "small", "ttft_ms": 5},
            "large": {**POINT, "variant": "large", "ttft_ms": 100},
        },
        regions={
            "near": {"variants": ["large"]},
            "far": {"variants": ["small"]},
            "slow": {"variants": ["large"]},
        },
    )
    curve = frontier(world, "added_ms")
    # Latencies are 110, 45 and 140 ms; the nearest region is the baseline, at 110.
    assert curve.users_x == 0.0
    assert curve.x == pytest.approx([0.0, 30.0])
    assert curve.value == pytest.approx([10 * 0.06, 10 * 0.03])
    assert curve.at(curve.users_x) == 0
    usd, _ = curve.returns_per_ms()
    assert usd[1] == pytest.approx(10 * 0.03 / 30)


def test_a_factor_has_no_return_per_millisecond() -> None:
    """A factor adds other milliseconds to each class: nothing is told per ms."""
    s = shipped("tiny")
    scaled, alone = frontier(s, samples=4), frontier(s, "class:A", samples=4)
    assert all(np.isnan(column).all() for column in scaled.returns_per_ms())
    assert scaled.x_unit == "× budget"
    assert alone.x_unit == "ms"
    assert alone.returns_per_ms()[0] == pytest.approx(alone.returns()[0])
    table = points_table(scaled)
    for name in ("return_usd_per_ms", "return_kg_per_ms", "return_usd_per_mwh_ms"):
        assert np.isnan(table[name]).all()


def test_late_service_is_not_on_the_frontier() -> None:
    """Demand that would be served late, or shed at a price, is shed below its first breakpoint."""
    s = shipped(
        "tiny",
        set=["when_none=nearest", "unserved_usd_per_request=0.5", "classes.D.relaxable=false"],
    )
    free, bound = replace(s, reserved_gpu=np.full_like(s.reserved_gpu, np.inf)), s
    for world in (free, bound):
        exact, some = frontier(world, "class:A"), frontier(world, "class:A", samples=4)
        assert some.value == pytest.approx(exact.value[np.searchsorted(exact.x, some.x)], rel=1e-9)
        assert exact.value[0] > 1.1 * exact.value[-1]
