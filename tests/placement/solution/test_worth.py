"""Totals without flows are the totals of the flows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, fields, replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests import oracle
from tests.examples import examples
from tests.long import long_tiny
from tests.strategies import objectives, scenarios
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import Flows, Status, Totals
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan, solve_instance
from wattlas.placement.compare.baselines import POLICIES, baseline, baselines
from wattlas.placement.frontier.frontier import first_true as first
from wattlas.placement.problem.feasibility import feasibility
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.solution.account import totals
from wattlas.placement.solution.expanded import expand, slices
from wattlas.placement.window.blocks import at_once
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


def added_up(s: Scenario, flows: Flows) -> Totals:
    """Totals in plain loops over the flows of every metro, what links cost aside."""
    judged = feasibility(s)
    out: dict[str, float] = dict.fromkeys((f.name for f in fields(Totals)), 0.0)
    waited, used = 0.0, defaultdict[tuple[int, int], float](float)
    for t, i, k, r, o, rate in zip(
        flows.hour, flows.metro, flows.klass, flows.region, flows.point, flows.requests_per_h,
        strict=True,
    ):  # fmt: skip
        klass, point = s.classes[k], s.points[o]
        requests = rate * s.hours.hours[t]
        if r < 0:
            out["unserved_requests"] += requests
            out["unserved_usd"] += requests * (klass.unserved_usd_per_request or 0.0)
            continue
        region, node, zone = s.regions[r], s.metro_node[i], s.region_zone[r]
        mwh = requests * klass.it_kwh(point) / 1000
        gpu_h, gb = requests * klass.gpu_h(point), requests * klass.bytes_per_request / 1e9
        marginal = s.signals.marginal_g_per_kwh
        grams = {
            "carbon_average_kg": s.signals.average_g_per_kwh[zone, t],
            "carbon_kg": s.signals.deciding_g_per_kwh[zone, t],
            "carbon_marginal_kg": 0.0 if marginal is None else marginal[zone, t],
        }
        for name, intensity in grams.items():
            out[name] += mwh * region.pue * intensity
        out["requests"] += requests
        out["late_requests"] += requests * judged.late[i, k]
        out["it_mwh"] += mwh
        out["facility_mwh"] += mwh * region.pue
        out["gpu_h"] += gpu_h
        used[int(r), int(t)] += rate * klass.gpu_h(point)
        out["egress_gb"] += gb
        out["energy_usd"] += mwh * region.pue * s.signals.price_usd_per_mwh[zone, t]
        out["on_demand_usd"] += gpu_h * oracle.used_usd_per_gpu_h(s, r)
        out["egress_usd"] += gb * s.network.egress_usd_per_gb[node, r]
        rtt = s.network.rtt_metro_node_ms[i, node] + s.network.rtt_node_region_ms[node, r]
        waited += requests * rtt
    for (r, t), busy in used.items():
        if s.reserved_gpu[r].any():
            bought = min(max(busy - s.reserved_gpu[r, t], 0.0), s.regions[r].on_demand_gpu)
            out["on_demand_usd"] += (
                bought * s.regions[r].on_demand_usd_per_gpu_h * float(s.hours.hours[t])
            )
    out["rtt_mean_ms"] = waited / out["requests"] if out["requests"] else 0.0
    out["reserved_usd"] = oracle.reserved_usd(s)
    out["carbon_price_usd"] = s.objective.carbon_price_usd_per_t * out["carbon_kg"] / 1000
    known = s.signals.marginal_g_per_kwh is not None
    return Totals(**{**out, "carbon_marginal_kg": out["carbon_marginal_kg"] if known else None})


@given(scenarios(frictions=True))
@examples(40)
def test_merged_flows_come_to_what_all_flows_do(s: Scenario) -> None:
    """Money, energy, carbon, waiting, late and unserved requests of any placement."""
    instance = build_instance(s)
    assume(not instance.stranded)
    for solution in (nearest_available(instance), solve_instance(instance)[0]):
        assume(not len(solution.infeasible))
        mine = totals(instance, solution.flows, linked=False)
        same(mine, added_up(s, expand(instance, solution.flows)[0]))


@given(scenarios(objectives=objectives(caps=True)))
@examples(40)
def test_a_plans_worth(s: Scenario) -> None:
    """With and without flows it ends the same, with the same totals, or the same conflict."""
    found, one = plan(s, keep_flows=False), plan(s)
    assert found.flows is None
    assert found.status is one.status
    assert found.ok == one.ok
    assert bool(found.conflict) == bool(one.conflict)
    if one.ok:
        same(found.totals, one.totals)


@pytest.mark.parametrize("minimise", list(Minimise))
def test_totals_over_many_blocks(world: Scenario, minimise: Minimise) -> None:
    """Blocks add up; one that clashes makes the whole infeasible."""
    objective = Objective(minimise=minimise, carbon_price_usd_per_t=20.0)
    summed = plan(world, objective=objective, keep_flows=False)
    same(summed.totals, plan(world, objective=objective).totals)
    capacity = world.reserved_gpu.copy()
    capacity[:, 300] = 0.0
    found = plan(replace(world, reserved_gpu=capacity), keep_flows=False)
    assert found.status is Status.INFEASIBLE
    assert "GPU-h/h" in found.conflict
    stranded = replace(world.classes[0], latency_budget_ms=1.0)
    found = plan(replace(world, classes=(stranded, *world.classes[1:])), keep_flows=False)
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
@examples(100)
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
@examples(100)
def test_the_first_that_holds(true_from: int, low: int) -> None:
    """Bisection finds the first budget that serves all, from wherever it starts."""
    assert first(lambda n: n >= true_from, low, 40) == max(true_from, low)


def test_work_at_once_keeps_order_and_tells_errors() -> None:
    """Results come in the order of the items; an error is not swallowed."""
    assert list(at_once(lambda n: n * n, range(9))) == [n * n for n in range(9)]
    with pytest.raises(ZeroDivisionError):
        list(at_once(lambda n: 1 // n, [1, 0]))
