"""Totals without flows are the totals of the flows."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.long import long_tiny
from tests.strategies import objectives, scenarios
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import Flows, Status, Totals
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan, solve_instance
from wattlas.placement.compare.baselines import POLICIES, baseline, baselines
from wattlas.placement.frontier.frontier import frontier
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.solution.plan_totals import at_once, merged_totals, worth
from wattlas.placement.solution.totals import expand, slices, totals
from wattlas.placement.window.limits import nearest_available


@pytest.fixture(scope="module")
def world() -> Scenario:
    """Twenty-one days: three blocks."""
    return long_tiny(21)


def same(mine: Totals, other: Totals) -> None:
    """Every field but for rounding of sums in another order."""
    for (name, a), b in zip(asdict(mine).items(), asdict(other).values(), strict=True):
        assert (a is None) == (b is None), name
        assert a is None or a == pytest.approx(b, rel=1e-9, abs=1e-9), name


@given(scenarios(frictions=True))
@settings(max_examples=80)
def test_merged_flows_come_to_what_all_flows_do(s: Scenario) -> None:
    """Money, energy, carbon, waiting, late and unserved requests of any placement."""
    instance = build_instance(s)
    assume(not instance.stranded)
    for solution in (nearest_available(instance), solve_instance(instance).solution):
        assume(not len(solution.infeasible))
        flows = expand(instance, solution)
        same(merged_totals(instance, solution), totals(instance, solution, flows))


@given(scenarios(objectives=objectives(caps=True)))
@settings(max_examples=40)
def test_a_plans_worth(s: Scenario) -> None:
    """Worth and plan agree on how it ended, on the totals, and on whether there is a conflict."""
    found, one = worth(s), plan(s)
    assert found.status is one.status
    assert found.ok == one.ok
    assert bool(found.conflict) == bool(one.conflict)
    if one.ok:
        same(found.totals, one.totals)


@pytest.mark.parametrize("minimise", list(Minimise))
def test_worth_over_many_blocks(world: Scenario, minimise: Minimise) -> None:
    """Blocks add up; one that clashes makes the whole infeasible."""
    objective = Objective(minimise=minimise, carbon_price_usd_per_t=20.0)
    same(worth(world, objective=objective).totals, plan(world, objective=objective).totals)
    capacity = world.capacity_gpu.copy()
    capacity[:, 300] = 0.0
    found = worth(replace(world, capacity_gpu=capacity))
    assert found.status is Status.INFEASIBLE
    assert "GPU-h/h" in found.conflict
    stranded = replace(world.classes[0], latency_budget_ms=1.0)
    found = worth(replace(world, classes=(stranded, *world.classes[1:])))
    assert "no place within 1 ms" in found.conflict


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_in_stretches(world: Scenario, name: str) -> None:
    """With or without its flows a policy has the same totals and verdict, from all hours."""
    instance = build_instance(world)
    whole, summed = baseline(instance, name), baseline(instance, name, flows=False)
    assert summed.flows is None
    assert whole.flows is not None
    assert (whole.status, whole.conflict) == (summed.status, summed.conflict)
    same(summed.totals, whole.totals)
    served = np.zeros(world.hours.count)
    np.add.at(served, whole.flows.hour, whole.flows.requests_per_h)
    np.testing.assert_allclose(served, world.demand_per_h.sum(axis=(0, 1)), rtol=1e-9)
    if name.startswith("best_region"):
        regions = np.unique(whole.flows.region[whole.flows.hour == 0])
        for hour in (200, 400):
            assert set(regions) == set(whole.flows.region[whole.flows.hour == hour])


def test_every_policy_is_there(world: Scenario) -> None:
    """All of them, in the order in which they are listed."""
    found = baselines(build_instance(world.at_hours(range(24))), flows=False)
    assert list(found) == list(POLICIES)


@given(st.lists(st.integers(0, 5), max_size=60), st.integers(1, 20), st.booleans())
def test_slices_cut_no_hour(counts: list[int], size: int, shuffled: bool) -> None:
    """Slices together are the flows; where these are in order, no hour lies in two slices."""
    hour = np.repeat(np.arange(len(counts)), counts)
    hour = hour[::-1] if shuffled else hour
    rate = np.arange(len(hour), dtype=float)
    flows = Flows(hour, hour, hour, hour, hour, rate)
    found = list(slices(flows, size))
    np.testing.assert_array_equal(np.concatenate([one.requests_per_h for one in found]), rate)
    if not shuffled:
        seen = [hour for one in found for hour in set(one.hour.tolist())]
        assert len(seen) == len(set(seen))


@given(st.integers(0, 30), st.integers(0, 30))
def test_the_first_that_holds(first: int, low: int) -> None:
    """Bisection finds the first budget that serves all, from wherever it starts."""
    assert frontier._first(lambda n: n >= first, low, 40) == max(first, low)


def test_work_at_once_keeps_order_and_tells_errors() -> None:
    """Results come in the order of the items; an error is not swallowed."""
    assert list(at_once(lambda n: n * n, range(9))) == [n * n for n in range(9)]
    with pytest.raises(ZeroDivisionError):
        list(at_once(lambda n: 1 // n, [1, 0]))
