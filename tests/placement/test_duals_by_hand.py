"""Prices, proofs and conflicts from the side where they fail, and ties of the frontier."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

import wattlas
from tests import oracle
from tests.placement.worlds import SMALL_LAST, flows_of, reserved, world
from wattlas.model.frictions import Frictions, Initial
from wattlas.model.objective import Minimise, Objective, Solver, Window
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.model.workload import WhenNone
from wattlas.placement.explain.certificate import certify
from wattlas.placement.explain.conflict import hour_conflict
from wattlas.placement.problem.baseline_region import baseline_region
from wattlas.placement.problem.feasibility import feasibility
from wattlas.placement.problem.instance import build_instance

STARTS = Frictions(start_usd_per_gpu_h=0.02, initial=Initial.COLD)


def slope(s: Scenario, r: int, t: int, more: float = 1e-4) -> tuple[float, float]:
    """What a GPU-h less of capacity costs and one more saves, in the objective's unit."""
    at = []
    for change in (-more, 0.0, more):
        capacity = s.reserved_gpu.copy()
        capacity[r, t] += change
        at.append(wattlas.plan(replace(s, reserved_gpu=capacity)).objective)
    return (at[0] - at[1]) / more, (at[1] - at[2]) / more


@pytest.mark.parametrize(
    ("frictions", "objective"),
    [
        (Frictions(), Objective(carbon_price_usd_per_t=60.0)),
        (STARTS, Objective(carbon_price_usd_per_t=60.0)),
        (STARTS, Objective(carbon_cap_share=0.97)),
    ],
)
def test_the_price_of_capacity_is_its_slope(frictions: Frictions, objective: Objective) -> None:
    """One more GPU-h/h in a half-hour step of any weight saves its hours times the price."""
    s = replace(world(3, frictions=frictions), objective=objective)
    price = wattlas.plan(s).capacity_price_usd_per_gpu_h
    assert price is not None
    seen = set()
    for r, t in itertools.product((0, 1), range(s.hours.count)):
        if price[r, t] > 1e-3 and s.hours.weight[t] not in seen:
            seen.add(s.hours.weight[t])
            less, more = slope(s, r, t)
            worth = float(price[r, t] * s.hours.weight[t] * s.hours.step_h)
            assert more * (1 - 1e-4) - 1e-5 <= worth <= less * (1 + 1e-4) + 1e-5
    assert len(seen) > 1


# ------------------------------------------------------------------ certificate


def proven(s: Scenario) -> Plan:
    """A plan whose certificate closes."""
    found = wattlas.plan(s)
    proof = certify(found)
    assert proof.worst <= 1e-9
    assert abs(proof.gap) <= 1e-9
    return found


@pytest.mark.parametrize("window", [Window.ALL, Window.DAY])
def test_a_price_on_a_slack_limit_is_found_out(window: Window) -> None:
    """A limit that is not used up has no price; one that has is not complementary."""
    goal = Objective(carbon_cap_share=1.5, window=window)
    s = replace(world(3, share_caps=(SMALL_LAST,)), objective=goal)
    found = proven(s)
    for n, one in enumerate(found.limits):
        if one.used < one.limit * 0.99 and one.id == "carbon":
            expensive = replace(one, price=one.price + 100.0)
            limits = (*found.limits[:n], expensive, *found.limits[n + 1 :])
            proof = certify(replace(found, limits=limits))
            size = abs(found.objective)
            assert proof.residuals["slackness"] >= 0.99 * 100.0 * (one.limit - one.used) / size
            break
    else:
        pytest.fail("no limit is slack")


def test_a_limit_that_is_broken_is_found_out() -> None:
    """More carbon than the cap, or a larger share than allowed, is a residual of its own."""
    goal = Objective(carbon_cap_share=0.97)
    found = proven(replace(world(3, share_caps=(SMALL_LAST,)), objective=goal))
    s = found.scenario
    used = found.limits[0].used
    less = replace(s, objective=Objective(carbon_cap_t=0.8 * used))
    assert certify(replace(found, scenario=less)).residuals["limits"] == pytest.approx(0.2)
    shares = [report.share for report in found.limits[1:] if report.share > 0.05]
    assert shares
    strict = replace(s, share_caps=(replace(SMALL_LAST, share_max=max(shares) - 0.05),))
    assert certify(replace(found, scenario=strict)).residuals["limits"] == pytest.approx(0.05)


def test_a_flipped_price_of_capacity_is_found_out() -> None:
    """A price below zero is of the wrong sign, a larger one leaves room that is paid for."""
    s = world(3)
    held = s.reserved_gpu.copy()
    held[0, 0] = 100.0
    found = proven(replace(s, reserved_gpu=held))
    price = found.capacity_price_usd_per_gpu_h
    assert price is not None

    def priced(other: np.ndarray) -> Plan:
        return replace(found, duals={**found.duals, "capacity": -other})

    r, t = np.unravel_index(int(price.argmax()), price.shape)
    flipped = price.copy()
    flipped[r, t] *= -1
    proof = certify(priced(flipped))
    assert proof.residuals["signs"] > 1e-3
    assert proof.residuals["slackness"] == np.inf
    idle = price.copy()
    r, t = np.argwhere((price < 1e-9) & np.isfinite(found.scenario.most_gpu))[0]
    idle[r, t] = 1.0
    proof = certify(priced(idle))
    assert proof.residuals["slackness"] > 1e-6
    assert proof.gap > 1e-6


def test_the_gap_is_weighed_by_hours() -> None:
    """A plan that pays more in a step is as far from its bound as the hours it stands for."""
    found = proven(world(3))
    s = found.scenario
    f = found.flows
    assert f is not None
    n = int(np.flatnonzero((f.region == 3) & (f.klass == 1))[0])
    i, t = int(f.metro[n]), int(f.hour[n])
    region, point = f.region.copy(), f.point.copy()
    region[n], point[n] = 2, 0
    wrong = replace(found, flows=replace(f, region=region, point=point))
    rate, hours = float(f.requests_per_h[n]), float(s.hours.hours[t])
    paid = oracle.unit_usd(s, i, 1, 2, 0, t) - oracle.unit_usd(s, i, 1, 3, 2, t)
    proof = certify(wrong)
    assert proof.objective == pytest.approx(found.objective + rate * hours * paid)
    assert proof.gap == pytest.approx(rate * hours * paid / proof.objective, abs=1e-9)


# ------------------------------------------------------------------ conflict


def test_a_least_accuracy_that_can_be_kept_is_no_part_of_a_conflict() -> None:
    """Short of capacity: neither an easy mean accuracy nor another class is named."""
    s = world(3)
    easy = tuple(
        replace(k, mean_accuracy_min=0.55) if n == 1 else k for n, k in enumerate(s.classes)
    )
    capacity = s.most_gpu.copy()
    capacity[:2] = 0.25
    s = reserved(s, capacity, classes=easy)
    found = hour_conflict(build_instance(s), 0)
    assert "mean_accuracy" not in found.rows
    assert {build_instance(s).klass[q] for q in found.sources} == {0}
    assert found.rows["capacity"] == (0, 1)
    assert "mean accuracy" not in wattlas.plan(s).conflict


def test_a_least_accuracy_that_makes_a_clash_worse_is_no_part_of_it() -> None:
    """Capacity is short even at the lightest point, so that the minimum is not needed to clash."""
    s = world(3)
    classes = tuple(
        replace(k, mean_accuracy_min=0.7) if n == 1 else replace(k, unserved_usd_per_request=1.0)
        for n, k in enumerate(s.classes)
    )
    regions = tuple(replace(r, variants=None) for r in s.regions)
    tight = np.full_like(s.reserved_gpu, 0.01)
    s = reserved(s, tight, classes=classes, regions=regions)
    found = hour_conflict(build_instance(s), 1)
    assert "mean_accuracy" not in found.rows
    assert found.rows["capacity"]


def test_a_least_accuracy_that_cannot_be_kept_is_the_conflict() -> None:
    """Beside it, a capacity that suffices and demand of other classes are not named."""
    s = world(3)
    roomy = np.where(np.isfinite(s.most_gpu), 100.0, np.inf)
    hard = tuple(
        replace(k, mean_accuracy_min=0.95) if n == 1 else k for n, k in enumerate(s.classes)
    )
    instance = build_instance(reserved(s, roomy, classes=hard))
    found = hour_conflict(instance, 1)
    assert found.rows["mean_accuracy"] == (1,)
    assert "capacity" not in found.rows
    assert [int(instance.klass[q]) for q in found.sources] == [1]


def test_a_least_accuracy_and_a_capacity_may_clash_together() -> None:
    """The accurate point fits nowhere and the one that fits is too inaccurate: both are named."""
    s = world(3)
    capacity = np.zeros_like(s.reserved_gpu)
    capacity[0] = 1.5
    limited = tuple(
        replace(k, mean_accuracy_min=0.85, unserved_usd_per_request=None if n == 1 else 1.0)
        if n == 1
        else replace(k, unserved_usd_per_request=1.0)
        for n, k in enumerate(s.classes)
    )
    found = hour_conflict(build_instance(reserved(s, capacity, classes=limited)), 1)
    assert found.rows["mean_accuracy"] == (1,)
    assert 0 in found.rows["capacity"]


def test_a_conflict_counts_what_open_points_need() -> None:
    """The lightest point is closed to the class: need is at the lightest that is open to it."""
    s = world(3)
    capacity = s.most_gpu.copy()
    capacity[:2] = np.array([[0.25], [0.5]])
    s = reserved(s, capacity)
    instance = build_instance(s)
    found = hour_conflict(instance, 2)
    places, _ = oracle.open_places(s)
    members = [
        (i, k)
        for i, k in places
        if instance.source_of[i, k] in found.sources and s.demand_per_h[i, k, 2] > 0
    ]
    needed = sum(
        float(s.demand_per_h[i, k, 2]) * min(oracle.gpu_h(s, k, o) for _, o in places[i, k])
        for i, k in members
    )
    lightest = sum(
        float(s.demand_per_h[i, k, 2]) * min(oracle.gpu_h(s, k, o) for o in range(3))
        for i, k in members
    )
    assert needed > 2 * lightest
    assert f"{needed:,.4g} GPU-h/h" in wattlas.plan(s.at_hours([2])).conflict
    assert f"{needed - 0.75:,.4g} short" in wattlas.plan(s.at_hours([2])).conflict


# ------------------------------------------------------------------ baseline region, and ties


def test_the_baseline_region_is_where_full_service_is() -> None:
    """Neither the baseline region nor a late fallback is a place that only degrades, however near
    it is."""
    s = world(0, share_caps=(SMALL_LAST,))
    near = s.network.rtt_node_region_ms[2]
    assert near.argmin() == 3
    places, late = oracle.open_places(s)
    base = baseline_region(s, feasibility(s))
    assert base[2, 1] == base[3, 1] == 2
    for (i, k), open_to in places.items():
        place = oracle.baseline_place(s, i, k, 0, open_to)
        assert base[i, k] == (-1 if place is None else place[0])
    tight = tuple(
        replace(k, latency_budget_ms=200.0, when_none=WhenNone.NEAREST) if n == 1 else k
        for n, k in enumerate(s.classes)
    )
    hard = replace(s, classes=tight)
    judged, (places, late) = feasibility(hard), oracle.open_places(hard)
    assert (2, 1) in late
    assert judged.late[2, 1]
    opened = {(int(r), int(o)) for r, o in np.argwhere(judged.allowed[2, 1])}
    assert opened == set(places[2, 1])


def least(s: Scenario, budget: float, first: str) -> tuple[float, float]:
    """(USD, t) of every demand at its least of one, then of the other, within scaled budgets."""
    usd = tonnes = 0.0
    for i, k in itertools.product(range(len(s.metros)), range(len(s.classes))):
        limit = budget * s.classes[k].latency_budget_ms
        open_to = [
            (r, o)
            for r, o in itertools.product(range(len(s.regions)), range(len(s.points)))
            if not oracle.reasons(s, i, k, r, o, limit)
        ]
        for t in range(s.hours.count):
            rate = float(s.demand_per_h[i, k, t] * s.hours.hours[t])
            if rate:
                values = [
                    (oracle.unit_usd(s, i, k, *p, t), oracle.unit_t(s, i, k, *p, t))
                    for p in open_to
                ]
                by = 0 if first == "cost" else 1
                best = min(values, key=lambda v, by=by: (round(v[by], 18), v[1 - by]))
                usd, tonnes = usd + rate * best[0], tonnes + rate * best[1]
    return usd, tonnes


@pytest.mark.parametrize("solver", [None, Solver.ENGINE, Solver.HIGHS])
def test_equal_carbon_goes_to_the_cheaper_place(solver: Solver | None) -> None:
    """Clean everywhere, each place at its own price: the frontier of carbon is the least cost."""
    s = world(3, carbon_price=0.0)
    marginal = s.signals.marginal_g_per_kwh
    assert marginal is not None
    clean = np.where(np.arange(s.hours.count) % 2, 0.0, marginal)
    classes = tuple(replace(k, unserved_usd_per_request=None) for k in s.classes)
    free = np.full_like(s.reserved_gpu, np.inf if solver is None else 1e4)
    s = reserved(
        s,
        free,
        signals=replace(s.signals, marginal_g_per_kwh=clean),
        classes=classes,
        objective=Objective(minimise=Minimise.CARBON),
        solver=Solver.AUTO if solver is None else solver,
    )
    found = wattlas.frontier(s, objective="carbon")
    assert len(found.x) > 4
    for n, x in enumerate(found.x):
        usd, tonnes = least(s, float(x), "carbon")
        assert found.carbon_kg[n] == pytest.approx(tonnes * 1e3, rel=1e-9)
        assert found.variable_usd[n] == pytest.approx(usd, rel=1e-7)
    cheap = wattlas.frontier(s, objective="cost")
    for n, x in enumerate(cheap.x):
        usd, _ = least(s, float(x), "cost")
        assert cheap.variable_usd[n] == pytest.approx(usd, rel=1e-9)
    assert not math.isclose(cheap.cost_usd[-1], found.cost_usd[-1])


def test_the_account_of_a_frontier() -> None:
    """Money, carbon and energy at the last breakpoint are those of the plan's flows."""
    s = world(2, carbon_price=0.0)
    curve = wattlas.frontier(s, objective="weighted", carbon_price_usd_per_t=80.0)
    widest = tuple(replace(k, latency_budget_ms=k.latency_budget_ms * 1e3) for k in s.classes)
    goal = Objective(carbon_price_usd_per_t=80.0)
    found = wattlas.plan(replace(s, classes=widest, objective=goal))
    usd = tonnes = mwh = 0.0
    for f in flows_of(found):
        n = f.rate * float(s.hours.hours[f.t])
        usd += n * oracle.unit_usd(s, *f[:5])
        tonnes += n * oracle.unit_t(s, *f[:5])
        if f.r >= 0:
            mwh += n * oracle.it_kwh(s, f.k, f.o) / 1e3
    assert curve.value[-1] == pytest.approx(usd + 80.0 * tonnes, rel=1e-8)
    held = oracle.reserved_usd(s)
    assert curve.cost_usd[-1] == pytest.approx(usd + held, rel=1e-6)
    assert curve.reserved_usd[-1] == pytest.approx(held, rel=1e-6)
    assert curve.carbon_kg[-1] == pytest.approx(tonnes * 1e3, rel=1e-6)
    assert curve.it_mwh[-1] == pytest.approx(mwh, rel=1e-6)
    assert curve.variable_usd[-1] == pytest.approx(usd, rel=1e-6)
