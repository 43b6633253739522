"""Hours apart: what the solver may do to a program without changing its optimum, and duals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st

from tests.examples import examples
from tests.golden.tiny_program import tiny_program
from tests.oracle import oracle_plan
from tests.shipped import shipped
from tests.strategies import objectives, scenarios
from wattlas.model.objective import Minimise, Solver
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.hour.merge_sources import kinds
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.problem.instance import Instance, build_instance, unmerged
from wattlas.placement.problem.shared_sites import SharedSites
from wattlas.placement.problem.unit_values import Measure, carbon_to_minimise, cost

REL = 1e-8

RARE = [HealthCheck.too_slow, HealthCheck.filter_too_much]
"""For a test of what few scenarios show: most of those that are drawn are passed over."""


def measure_of(instance: Instance) -> Measure:
    """What the scenario makes least."""
    least = instance.scenario.objective.minimise is Minimise.CARBON
    return carbon_to_minimise(instance) if least else cost(instance)


def solved(instance: Instance) -> tuple[float, Solution]:
    """The optimum and its flows."""
    found = solve_hours(instance, measure_of(instance))
    return float(measure_of(instance).by_hour(instance, found.flows).sum()), found


def size(instance: Instance, found: Solution) -> float:
    """Sum of the absolute parts of the objective."""
    m = measure_of(instance)
    plain = replace(
        m,
        per_kwh=np.abs(m.per_kwh),
        per_request=np.abs(m.per_request),
        per_unserved=np.abs(m.per_unserved),
    )
    return max(float(plain.by_hour(instance, found.flows).sum()), 1e-12)


def apart(s: Scenario) -> np.ndarray:
    """A mark of its own for each demand, so that nothing is merged."""
    i, k = s.shape[:2]
    return np.arange(i * k).reshape(i, k, 1)


@given(scenarios(objectives=objectives()))
@examples(40)
def test_merging_sources_changes_nothing(s: Scenario) -> None:
    """One source per demand gives the same optimum in every hour."""
    merged, single = build_instance(s), build_instance(s, alike=apart(s))
    assume(not merged.stranded)
    assert single.sources == int((s.demand_per_h > 0).any(axis=2).sum())
    assert merged.sources <= single.sources
    assert merged.demand.sum() == pytest.approx(single.demand.sum())
    (one, found), (other, same) = solved(merged), solved(single)
    assert np.array_equal(found.infeasible, same.infeasible)
    assert one == pytest.approx(other, abs=REL * size(merged, found))


@given(scenarios(objectives=objectives()))
@examples(40)
def test_hours_are_apart(s: Scenario) -> None:
    """All hours at once are the sum of each alone, in any order."""
    instance = build_instance(s)
    assume(not instance.stranded)
    whole, found = solved(instance)
    assume(not len(found.infeasible))
    m = measure_of(instance)
    alone = [solve_hours(instance, m, None, np.array([t])) for t in range(s.hours.count)][::-1]
    total = sum(float(m.by_hour(instance, one.flows).sum()) for one in alone)
    assert total == pytest.approx(whole, abs=REL * size(instance, found))


@given(
    scenarios(unserved=False, max_hours=2, accuracy_minima=False),
    st.integers(0, 3),
    st.integers(0, 1),
)
@examples(30, suppress_health_check=RARE)
def test_the_capacity_price_is_the_slope(s: Scenario, region: int, hour: int) -> None:
    """V(K ± δ) ≥ V(K) ∓ price·δ·hours, with equality where both sides have one slope."""
    region, hour = region % len(s.regions), hour % s.hours.count
    limit = s.reserved_gpu[region, hour]
    assume(np.isfinite(limit) and limit > 0)
    found = plan(s)
    assume(found.ok)
    assert found.capacity_price_usd_per_gpu_h is not None
    worth = float(found.capacity_price_usd_per_gpu_h[region, hour] * s.hours.hours[hour])
    step = 1e-4 * limit
    values = []
    for change in (-step, step):
        capacity = s.reserved_gpu.copy()
        capacity[region, hour] += change
        other = plan(replace(s, reserved_gpu=capacity))
        values.append(other.objective if other.ok else np.inf)
    less, more = values
    t = found.totals
    slack = 1e-8 * (abs(found.objective) + t.on_demand_usd + t.egress_usd + 1e-9)
    assert less >= found.objective + worth * step - slack
    assert more >= found.objective - worth * step - slack
    left, right = less - found.objective, found.objective - more
    if abs(left - right) <= slack:
        assert worth * step == pytest.approx(left, abs=2 * slack)


@pytest.mark.parametrize("solver", [Solver.ENGINE, Solver.HIGHS])
@given(s=scenarios(objectives=objectives()))
@examples(30, suppress_health_check=RARE)
def test_the_tie_breaker_costs_nothing(solver: Solver, s: Scenario) -> None:
    """Among equals the second measure is least; the first is what it was without it."""
    instance = build_instance(s)
    assume(not instance.stranded)
    main, tie = carbon_to_minimise(instance), cost(instance)
    one, two = (solve_hours(instance, main, second, solver=solver) for second in (None, tie))
    assume(not len(one.infeasible))
    first, second = (float(main.by_hour(instance, f.flows).sum()) for f in (one, two))
    assert second == pytest.approx(first, rel=1e-10, abs=1e-15)
    paid = [float(tie.by_hour(instance, f.flows).sum()) for f in (one, two)]
    plain = replace(tie, per_kwh=np.abs(tie.per_kwh))
    scale = float(plain.by_hour(instance, two.flows).sum())
    assert paid[1] <= paid[0] + 1e-6 * scale


@pytest.mark.parametrize("solver", list(Solver))
@given(scenarios(objectives=objectives()))
@examples(20)
def test_the_value_is_that_of_the_flows(solver: Solver, s: Scenario) -> None:
    """What a solver says each hour comes to is the sum over the hour's flows, 0 without any."""
    instance = build_instance(s)
    main = measure_of(instance)
    found = solve_hours(instance, main, solver=solver)
    of_flows = main.by_hour(instance, found.flows)
    assert found.value == pytest.approx(of_flows, abs=REL * size(instance, found))


def test_demand_that_has_no_column_at_all() -> None:
    """A program without columns is infeasible where a row asks for something."""
    s = shipped("tiny")
    instance = build_instance(s)
    closed = replace(instance, allowed=np.zeros_like(instance.allowed))
    found = solve_hours(closed, cost(closed), None, np.array([0, 5]))
    assert found.infeasible.tolist() == [0, 5]
    assert not len(found.flows.value)


def test_the_engine_buys_within_a_site_by_itself() -> None:
    """At sites that take ever more, what is bought costs what HiGHS says, each place too, and no
    hour is left to it."""
    s = tiny_program().instance.scenario
    prices = (0.5, 9.0)
    regions = tuple(
        replace(region, on_demand_usd_per_gpu_h=usd)
        for region, usd in zip(s.regions, prices, strict=True)
    )
    plain = build_instance(replace(s, regions=regions, demand_per_h=s.demand_per_h * 2.2))
    paid = []
    for most in (6.0, 6.2, 6.5, 7.5, 9.0):
        instance = replace(plain, sites=SharedSites(np.array([[2.0, 0.0]]), np.array([most])))
        mine, other = (
            solve_hours(instance, cost(instance), solver=word)
            for word in (Solver.ENGINE, Solver.HIGHS)
        )
        assert mine.info.engine_hours == 3
        assert mine.value == pytest.approx(other.value, rel=1e-9)
        place = mine.duals["shared_site"]
        assert place == pytest.approx(other.duals["shared_site"], rel=1e-9, abs=1e-12)
        paid.append(np.count_nonzero(place))
    assert paid == [3, 2, 2, 1, 0]


@pytest.fixture
def tiny_instance() -> Instance:
    """The tiny example's program."""
    return build_instance(shipped("tiny"))


@given(scenarios(max_hours=2))
@examples(30)
def test_infeasible_hours_are_those_of_the_independent_program(s: Scenario) -> None:
    """An hour is listed as infeasible iff the other program says so."""
    instance = build_instance(s)
    assume(not instance.stranded)
    found = solve_hours(instance, cost(instance))
    mine = set(found.infeasible.tolist())
    theirs = {
        t
        for t in range(s.hours.count)
        if oracle_plan(s.at_hours([t]), with_frictions=False).status == "infeasible"
    }
    assert mine == theirs


def test_what_differs_in_anything_that_counts_is_of_another_kind() -> None:
    """Two sources are of one kind until one of them has another place, energy, time or price."""
    prices = [f"classes.{klass}.unserved_usd_per_request=0.01" for klass in "AD"]
    twice = unmerged(shipped("tiny", set=prices)).rows_of(np.array([0, 0]))
    assert kinds(twice, ())[1].tolist() == [0, 0]
    for name in ("allowed", "energy_kwh", "gpu_h", "unserved_usd"):
        other = getattr(twice, name).copy()
        other[1] = ~other[1] if other.dtype == bool else 1.5 * other[1]
        assert kinds(replace(twice, **{name: other}), ())[1].tolist() == [0, 1], name
