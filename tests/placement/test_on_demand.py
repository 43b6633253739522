"""Accelerators by the year and by the hour in one region: every path, duals, the account."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

import wattlas
from tests import oracle
from tests.placement.worlds import Flow, flows_of, world
from tests.shipped import shipped
from wattlas.model.frictions import Frictions
from wattlas.model.objective import Minimise, Objective, Solver, Window
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.placement.compare.baselines import baselines
from wattlas.placement.compare.counterfactual import without
from wattlas.placement.explain.certificate import certify
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.tactics import Tactics
from wattlas.placement.problem.unit_values import bought_gpu
from wattlas.placement.streaming.stream import plan_stream
from wattlas.placement.window.rolling_horizon import Horizon

HOURS = Hours.range("2023-06-01T00:00:00", 6)


def both(seed: int, price: float = 0.5, carbon_price: float = 60.0) -> Scenario:
    """A world whose regions hold too little, and buy more: without end, some, or for nothing."""
    s = world(seed, hours=HOURS, carbon_price=carbon_price)
    draw = np.random.default_rng(seed)
    held = draw.uniform(0.1, 1.0, (4, HOURS.count))
    held[3, :3] = 0.0
    more = (3.0, np.inf, 4.0, np.inf)
    prices = (price, 1.5 * price, 0.0, 0.8 * price)
    regions = tuple(
        replace(
            region, reserved_gpu=1.0, on_demand_gpu=count, on_demand_usd_per_gpu_h=usd,
            reserved_usd_per_gpu_year=8760.0,
        )
        for region, count, usd in zip(s.regions, more, prices, strict=True)
    )  # fmt: skip
    return replace(s, regions=regions, reserved_gpu=held)


def rates(flows: list[Flow]) -> dict[tuple[int, ...], float]:
    """(metro, class, region, point, step) → requests/h."""
    total: dict[tuple[int, ...], float] = {}
    for flow in flows:
        total[tuple(flow[:5])] = total.get(tuple(flow[:5]), 0.0) + flow.rate
    return total


def spent(s: Scenario, flows: list[Flow]) -> float:
    """What flows cost, from scratch: per request, and what they buy."""
    per_request = math.fsum(
        float(s.hours.hours[f.t]) * f.rate * oracle.unit_usd(s, *f[:5]) for f in flows
    )
    return per_request + oracle.bought_usd(s, rates(flows), range(s.hours.count))


@pytest.mark.parametrize("solver", list(Solver))
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("price", [0.01, 0.5, 50.0])
def test_every_solver_of_hours_buys_what_glpk_buys(solver: Solver, seed: int, price: float) -> None:
    """The optimum is GLPK's, its account is that of its flows, and its duals prove it."""
    s = replace(both(seed, price), solver=solver)
    found, expected = wattlas.plan(s), oracle.oracle_plan(s)
    assert found.objective == pytest.approx(expected.objective, rel=1e-8)
    totals, flows = found.totals, list(flows_of(found))
    assert totals.on_demand_usd > 0
    bought = oracle.bought_usd(s, rates(flows), range(s.hours.count))
    assert totals.on_demand_usd == pytest.approx(bought, rel=1e-8)
    assert totals.variable_usd == pytest.approx(spent(s, flows), rel=1e-8)
    assert totals.reserved_usd == pytest.approx(oracle.reserved_usd(s), rel=1e-12)
    proof = certify(found)
    assert abs(proof.gap) < 1e-9
    assert proof.worst < 1e-8


def test_duals_by_hand() -> None:
    """Nothing where there is room, the price where the last is bought, between at the kink, and
    beyond it where all that can be bought is bought.
    """
    tiny = shipped(
        "tiny",
        set=[
            "points.only=[large-fast]", "regions.only=[oslo, austin]", "residency.eu-stays={}",
            "classes.A.residency=null", "classes.A.latency_budget_ms=1e5", "network.egress.scale=0",
            "regions.oslo.reserved_gpu=2", "regions.oslo.on_demand_gpu=2",
            "regions.oslo.on_demand_usd_per_gpu_h=3", "regions.austin.reserved_gpu=0",
            "regions.austin.on_demand_gpu=free", "regions.austin.on_demand_usd_per_gpu_h=10",
        ],
    )  # fmt: skip
    gpu = tiny.classes[0].gpu_h(tiny.points[0])
    demand = np.zeros_like(tiny.demand_per_h)
    demand[0, 0, :4] = np.array([1.0, 3.0, 2.0, 5.0]) / gpu
    s = replace(tiny, demand_per_h=demand)
    kwh = tiny.classes[0].it_kwh(tiny.points[0])
    for solver in Solver:
        found = wattlas.plan(replace(s, solver=solver))
        price = -found.duals["capacity"][0, :4]
        assert price[0] == 0.0
        assert price[1] == pytest.approx(3.0, rel=1e-9)
        assert 0.0 <= price[2] <= 3.0 + 1e-9
        energy = [r.pue * kwh * p / 1000.0 / gpu for r, p in
                  zip(s.regions, s.price_usd_per_mwh[:, 3], strict=True)]  # fmt: skip
        assert price[3] == pytest.approx(10.0 + energy[1] - energy[0], rel=1e-9)
        assert found.totals.on_demand_usd == pytest.approx(3.0 * (1.0 + 2.0) + 10.0 * 1.0)
        gpu_h = wattlas.plan(s).totals.gpu_h
        assert gpu_h == pytest.approx(11.0)


def test_with_nothing_reserved_it_is_a_price_on_every_gpu_h() -> None:
    """A surplus over nothing, and w·g per request: the same cost; the duals differ by w."""
    s = both(4)
    none = np.zeros_like(s.reserved_gpu)
    plain = replace(s, reserved_gpu=none)
    # One further hour with something reserved makes the first ones a surplus over nothing.
    held = none.copy()
    held[:, -1] = 1e-9
    first = np.arange(HOURS.count - 1)
    a, b = wattlas.plan(plain), wattlas.plan(replace(s, reserved_gpu=held))
    per_hour = [
        [
            spent(
                replace(case.scenario, reserved_gpu=none), [f for f in flows_of(case) if f.t == t]
            )
            for t in first
        ]
        for case in (a, b)
    ]
    assert per_hour[0] == pytest.approx(per_hour[1], rel=1e-8)
    usd = s.on_demand_usd_per_gpu_h[:, None]
    worth = [
        s_.used_usd_per_gpu_h[:, None] - plan_.duals["capacity"][:, first]
        for s_, plan_ in ((a.scenario, a), (b.scenario, b))
    ]
    used = worth[1] >= usd - 1e-9
    assert used.any()
    assert worth[0][used] == pytest.approx(worth[1][used], abs=1e-8)


def test_what_is_reserved_decides_nothing() -> None:
    """Its price changes the cost by a constant, and nothing else of the plan."""
    s = both(5)
    expensive = replace(
        s, regions=tuple(replace(r, reserved_usd_per_gpu_year=1e6) for r in s.regions)
    )
    a, b = wattlas.plan(s), wattlas.plan(expensive)
    assert a.flows is not None
    assert b.flows is not None
    assert np.array_equal(a.flows.requests_per_h, b.flows.requests_per_h)
    assert np.array_equal(a.flows.region, b.flows.region)
    assert a.objective == b.objective == a.totals.variable_usd
    constant = oracle.reserved_usd(expensive) - oracle.reserved_usd(s)
    assert b.totals.cost_usd - a.totals.cost_usd == pytest.approx(constant, rel=1e-9)


@pytest.mark.parametrize("solver", [Solver.ENGINE, Solver.HIGHS])
@pytest.mark.parametrize("window", [Window.ALL, Window.HOUR])
@pytest.mark.parametrize("minimise", list(Minimise))
def test_caps_hold_what_is_bought(minimise: Minimise, window: Window, solver: Solver) -> None:
    """Least cost under a carbon cap, and least carbon under a cap on cost, bought ones counted."""
    goal = Objective(minimise=minimise, window=window)
    s = oracle.absolute_cap(replace(both(6, carbon_price=0.0), objective=goal), 0.4)
    s = replace(s, solver=solver)
    found, expected = wattlas.plan(s), oracle.oracle_plan(s)
    assert found.objective == pytest.approx(expected.objective, rel=1e-7)
    if minimise is Minimise.CARBON:
        used = [
            spent(s, [f for f in flows_of(found) if f.t in steps]) for steps in oracle.windows(s)
        ]
        assert s.objective.cost_cap_usd is not None
        assert max(used) <= s.objective.cost_cap_usd * (1 + 1e-7)
        assert [limit.used for limit in found.limits] == pytest.approx(used, rel=1e-7)
    assert certify(found).worst < 1e-6
    assert abs(certify(found).gap) < 1e-6


def test_least_carbon_buys_for_money_only_among_equals() -> None:
    """What is bought costs no carbon; among equally clean placements it is the least that costs."""
    s = both(7)
    served = tuple(replace(k, unserved_usd_per_request=None) for k in s.classes)
    s = replace(s, classes=served, objective=Objective(minimise=Minimise.CARBON))
    for solver in (Solver.ENGINE, Solver.HIGHS):
        found = wattlas.plan(replace(s, solver=solver))
        assert found.objective == pytest.approx(oracle.oracle_plan(s).objective, rel=1e-8)
        tonnes = found.totals.carbon_kg / 1000.0
        cheapest = oracle.oracle_plan(
            replace(s, objective=Objective()), held=[(oracle.unit_t, tonnes * (1 + 1e-9))]
        )
        assert found.totals.variable_usd == pytest.approx(cheapest.objective, rel=1e-5)


@pytest.mark.parametrize("minimise", list(Minimise))
def test_hours_that_are_tied_buy_what_glpk_buys(minimise: Minimise) -> None:
    """One program of all hours, with starts and state, and under a cap on carbon."""
    frictions = Frictions(start_usd_per_gpu_h=0.3, carry_weights=True, move_state=True)
    s = replace(both(8), frictions=frictions, objective=Objective(minimise=minimise))
    if minimise is Minimise.COST:
        found, expected = wattlas.plan(s), oracle.oracle_plan(s)
        assert found.objective == pytest.approx(expected.objective, rel=1e-7)
    s = oracle.absolute_cap(replace(s, objective=Objective()), 0.5)
    found, expected = wattlas.plan(s), oracle.oracle_plan(s)
    assert found.objective == pytest.approx(expected.objective, rel=1e-7)


def test_rolling_windows_are_bounded_with_what_is_bought() -> None:
    """The bound by multipliers, which takes the engine, lies below; the gap is real."""
    s = replace(both(9), frictions=Frictions(start_usd_per_gpu_h=0.3))
    rolled = wattlas.plan(s, tactics=Tactics(horizon=Horizon(largest=1, commit=2, ahead=2)))
    least = oracle.oracle_plan(s).objective
    assert rolled.objective >= least * (1 - 1e-8)
    assert rolled.objective * (1 - rolled.info.gap) <= least * (1 + 1e-8)
    assert rolled.info.gap < 0.2


def test_a_stream_and_blocks_buy_the_same() -> None:
    """Chunk by chunk the plan is that of the whole."""
    s = both(10)
    whole = wattlas.plan(s)
    parts = [chunk.totals for chunk in plan_stream(s, chunk_steps=2)]
    assert sum(t.on_demand_usd for t in parts) == pytest.approx(whole.totals.on_demand_usd)
    assert sum(t.cost_usd for t in parts) == pytest.approx(whole.totals.cost_usd)


@pytest.mark.parametrize("solver", [Solver.ENGINE, Solver.HIGHS])
def test_the_frontier_counts_what_is_bought(solver: Solver) -> None:
    """At every breakpoint the exact curve is the plan under these budgets; so is GLPK's."""
    s = replace(both(11, carbon_price=0.0), solver=solver)
    curve = wattlas.frontier(s, "scale")
    for n in np.linspace(0, len(curve.x) - 1, 4).astype(int):
        budget = np.array([k.latency_budget_ms * (curve.x[n] if k.relaxable else 1.0)
                           for k in s.classes])  # fmt: skip
        grid = np.broadcast_to(budget * (1 + 1e-9), (len(s.metros), len(s.classes)))
        expected = oracle.oracle_plan(s, budget_ms=grid)
        assert curve.value[n] == pytest.approx(expected.objective, rel=1e-7)
        assert curve.variable_usd[n] == pytest.approx(expected.objective, rel=1e-7)


def test_the_soft_frontier_counts_what_is_bought() -> None:
    """Every vertex is GLPK's optimum under its bound on mean latency."""
    s = both(12, carbon_price=0.0)
    served = tuple(replace(k, unserved_usd_per_request=None) for k in s.classes)
    s = replace(s, classes=served)
    curve = wattlas.frontier(s, "soft", samples=6)
    for x, value in itertools.islice(zip(curve.x, curve.value, strict=True), 1, 4):
        expected = oracle.oracle_plan(s, mean_latency_ms=float(x) * (1 + 1e-9))
        assert value == pytest.approx(expected.objective, rel=1e-6)


def test_policies_use_what_can_be_bought_and_pay_for_it() -> None:
    """Each keeps to K + O and costs what its flows cost; none costs less than the optimum."""
    s = both(13)
    best = wattlas.plan(s)
    for policy in baselines(build_instance(s)).values():
        if policy.flows is None:
            continue
        flows = list(flows_of(policy))
        assert policy.totals.variable_usd == pytest.approx(spent(s, flows), rel=1e-8)
        if policy.ok and not policy.conflict:
            assert policy.totals.variable_usd >= best.totals.variable_usd * (1 - 1e-9)


def test_a_wrong_purchase_is_noticed() -> None:
    """A dual above the price, or one that says nothing is scarce, proves nothing."""
    s = both(14)
    found = wattlas.plan(s)
    dual = found.duals["capacity"]
    for wrong in (dual * 1.05, np.zeros_like(dual)):
        proof = certify(replace(found, duals={**found.duals, "capacity": wrong}))
        assert max(proof.worst, abs(proof.gap)) > 1e-4


def test_without_capacity_what_is_by_the_hour_is_still_paid() -> None:
    """Regions with something reserved have it without end; the others buy without end."""
    s = shipped("tiny", set=["regions.oslo.reserved_gpu=0", "regions.oslo.on_demand_gpu=12",
                                     "regions.oslo.on_demand_usd_per_gpu_h=2"])  # fmt: skip
    free = without(s, "capacity")
    assert free.regions[0].on_demand_gpu == math.inf
    assert (free.reserved_gpu[0] == 0).all()
    assert np.isinf(free.reserved_gpu[1:]).all()
    assert (free.used_usd_per_gpu_h == [2.0, 0.0, 0.0]).all()
    assert wattlas.plan(free).totals.variable_usd <= wattlas.plan(s).totals.variable_usd


def test_rounding_is_no_purchase() -> None:
    """Use within rounding of what is reserved buys nothing."""
    instance = build_instance(both(15))
    s, r, o = (int(n[0]) for n in np.nonzero(instance.allowed))
    assert instance.surplus[r, 0] > 0
    full = instance.capacity[r, 0] / instance.gpu_h[s, o]
    for factor, bought in ((1 + 1e-14, 0.0), (1.5, 0.5 * instance.capacity[r, 0])):
        one = [np.array([n]) for n in (0, s, r, o)]
        flows = SourceFlows(*one, np.array([full * factor]))
        assert bought_gpu(instance, flows)[r, 0] == pytest.approx(bought, rel=1e-9)
