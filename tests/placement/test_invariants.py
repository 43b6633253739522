"""What holds for every scenario: sections 3, 4 and 11 of the model, on random small worlds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.examples import examples
from tests.feasible import feasible, needs_programs
from tests.strategies import objectives, one_of, scenarios
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import Plan, Status
from wattlas.model.scenario import Scenario
from wattlas.model.workload import State
from wattlas.placement.api import plan
from wattlas.placement.compare.baselines import baselines
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.solution.expanded import PerFlow
from wattlas.placement.tables import views

PLAIN = feasible(caps=False, tiers=False)
LINKED = feasible(frictions=True, caps=False, tiers=False)

REL = 1e-8
"""Of the sum of absolute parts: what a solver's answer may be off by."""


def scale(found: Plan) -> float:
    """Sum of the absolute parts of the objective, since parts of either sign may cancel."""
    if found.flows is None:
        return 0.0
    each = PerFlow(found.scenario)(found.flows)
    if found.scenario.objective.minimise is Minimise.CARBON:
        return float(each["carbon_kg"].sum()) / 1e3
    gamma, t = found.scenario.objective.carbon_price_usd_per_t, found.totals
    return float(
        np.abs(each["energy_usd"]).sum()
        + gamma * each["carbon_kg"].sum() / 1e3
        + t.on_demand_usd
        + t.egress_usd
        + t.unserved_usd
        + t.friction_usd
    )


def value(found: Plan) -> float:
    """The optimum, inf where there is none."""
    return found.objective if found.ok else float("inf")


def not_worse(better: Plan, worse: Plan) -> None:
    """The first optimum is at most the second one."""
    assert value(better) <= value(worse) + REL * max(scale(better), scale(worse), 1e-300), (
        better.conflict,
        worse.conflict,
    )


def freed(s: Scenario) -> Scenario:
    """The same without pinned state, whose keeper may change with the set of regions."""
    classes = tuple(
        replace(k, state=State.STATELESS) if k.state is State.PINNED else k for k in s.classes
    )
    return replace(s, classes=classes)


def without_region(s: Scenario, gone: int) -> Scenario:
    """One region fewer."""
    keep = [r for r in range(len(s.regions)) if r != gone]
    net = s.network
    return replace(
        s,
        regions=tuple(s.regions[r] for r in keep),
        nodes=tuple(replace(n, region="") for n in s.nodes),
        reserved_gpu=s.reserved_gpu[keep],
        network=replace(
            net,
            rtt_node_region_ms=net.rtt_node_region_ms[:, keep],
            egress_usd_per_gb=net.egress_usd_per_gb[:, keep],
            modelled_node_region=net.modelled_node_region[:, keep],
        ),
    )


def priced(s: Scenario, c: float) -> Scenario:
    """Every price times c."""
    signals = replace(s.signals, price_usd_per_mwh=c * s.signals.price_usd_per_mwh)
    shed = tuple(
        k
        if k.unserved_usd_per_request is None
        else replace(k, unserved_usd_per_request=c * k.unserved_usd_per_request)
        for k in s.classes
    )
    f = s.frictions
    return replace(
        s,
        signals=signals,
        classes=shed,
        regions=tuple(
            replace(r, on_demand_usd_per_gpu_h=c * r.on_demand_usd_per_gpu_h) for r in s.regions
        ),
        network=replace(s.network, egress_usd_per_gb=c * s.network.egress_usd_per_gb),
        frictions=replace(
            f,
            start_usd_per_gpu_h=c * f.start_usd_per_gpu_h,
            start_usd_by_region={r: c * usd for r, usd in f.start_usd_by_region.items()},
        ),
        objective=replace(
            s.objective, carbon_price_usd_per_t=c * s.objective.carbon_price_usd_per_t
        ),
    )


@needs_programs(0.5, 30, PLAIN, one_of(1.2, 2.0, 10.0))
def test_a_longer_budget_is_never_worse(s: Scenario, factor: float) -> Plan:
    """V never increases with τ, whatever is made least."""
    budget = np.tile([k.latency_budget_ms for k in s.classes], (len(s.metros), 1))
    base = plan(s, budget_ms=budget)
    not_worse(plan(s, budget_ms=factor * budget), base)
    return base


@given(scenarios(objectives=st.just(Objective(carbon_price_usd_per_t=80.0))))
@examples(30)
def test_a_longer_budget_is_never_worse_where_demand_may_be_shed(s: Scenario) -> None:
    """The same with unserved demand at its price."""
    budget = np.tile([k.latency_budget_ms for k in s.classes], (len(s.metros), 1))
    not_worse(plan(s, budget_ms=3 * budget), plan(s, budget_ms=budget))


@needs_programs(0.4, 30, PLAIN.filter(lambda s: len(s.regions) > 1), st.integers(0, 3))
def test_one_more_region_is_never_worse(s: Scenario, gone: int) -> Plan:
    """A superset of regions is at most as expensive, as dirty."""
    s = freed(s)
    whole = plan(s)
    not_worse(whole, plan(without_region(s, gone % len(s.regions))))
    return whole


@needs_programs(0.6, 30, LINKED, one_of(1.25, 2.0, float("inf")))
def test_more_capacity_is_never_worse(s: Scenario, factor: float) -> Plan:
    """Capacity of a region, and of all."""
    more = factor * np.where(s.reserved_gpu > 0, s.reserved_gpu, 1.0)
    base = plan(s)
    not_worse(plan(replace(s, reserved_gpu=more)), base)
    one = s.reserved_gpu.copy()
    one[0] = more[0]
    not_worse(plan(replace(s, reserved_gpu=one)), base)
    return base


@needs_programs(0.5, 30, PLAIN)
def test_a_looser_mask_is_never_worse(s: Scenario) -> Plan:
    """Without residency, pinned state, accuracy minima, or the choice of points."""
    base = plan(s)
    for loose in (
        {"residency": ""},
        {"state": State.STATELESS},
        {"accuracy_min": 0.0, "mean_accuracy_min": None},
        {"points": None},
    ):
        classes = tuple(replace(k, **loose) for k in s.classes)  # type: ignore[arg-type]
        not_worse(plan(replace(s, classes=classes)), base)
    return base


@needs_programs(0.6, 30, LINKED, one_of(0.5, 0.0))
def test_lower_egress_and_friction_are_never_worse(s: Scenario, factor: float) -> Plan:
    """Egress, and each friction by itself, at half the price and at none."""
    base, f = plan(s), s.frictions
    cheap = replace(s.network, egress_usd_per_gb=factor * s.network.egress_usd_per_gb)
    not_worse(plan(replace(s, network=cheap)), base)
    own = {r: factor * usd for r, usd in f.start_usd_by_region.items()}
    lower = (
        replace(f, start_usd_per_gpu_h=factor * f.start_usd_per_gpu_h, start_usd_by_region=own),
        replace(f, carry_weights=False),
        replace(f, move_state=False),
    )
    for frictions in lower:
        not_worse(plan(replace(s, frictions=frictions)), base)
    return base


@needs_programs(0.6, 30, LINKED)
def test_the_optimum_is_never_worse_than_a_policy(s: Scenario) -> Plan:
    """Every feasible baseline costs, or emits, at least what the optimum does."""
    best, instance = plan(s), build_instance(s)
    for name, policy in baselines(instance).items():
        if policy.status is Status.HEURISTIC:
            assert best.ok, (name, best.conflict)
            not_worse(best, policy)
    return best


@given(scenarios(frictions=True, objectives=st.just(Objective(carbon_price_usd_per_t=50.0))),
       one_of(0.5, 3.0, 1e3))  # fmt: skip
@examples(40)
def test_scaling_all_prices_scales_cost(s: Scenario, c: float) -> None:
    """c times every price is c times the cost."""
    assume(not s.frictions.start_kwh_per_gpu_h or (s.signals.price_usd_per_mwh >= 0).all())
    one, other = plan(s), plan(priced(s, c))
    assert one.status == other.status
    if one.ok:
        assert other.objective == pytest.approx(
            c * one.objective, rel=REL, abs=REL * c * max(scale(one), 1e-300)
        )


@given(scenarios(frictions=True, objectives=objectives()))
@examples(40)
def test_conservation(s: Scenario) -> None:
    """Flows sum to demand exactly; Σ by region = Σ by metro = Σ by hour = the totals.

    Warm-up is no flow's own: it is left out here.
    """
    s = replace(s, frictions=replace(s.frictions, start_kwh_per_gpu_h=0.0))
    found = plan(s)
    assume(found.flows is not None)
    assert found.flows is not None
    f, t = found.flows, found.totals
    got = np.zeros_like(s.demand_per_h)
    np.add.at(got, (f.metro, f.klass, f.hour), f.requests_per_h)
    assert got == pytest.approx(s.demand_per_h, rel=1e-12)
    per_flow = PerFlow(s)
    each = per_flow(f)
    assert (per_flow.it_mwh(f) == each["it_mwh"]).all()
    for by in (f.region, f.metro, f.hour, f.point, f.klass):
        for name in ("it_mwh", "facility_mwh", "energy_usd", "carbon_kg", "egress_usd"):
            parts = np.bincount(by.astype(int) + 1, each[name])
            assert parts.sum() == pytest.approx(getattr(t, name), rel=1e-12, abs=1e-12)
    asked = float((s.demand_per_h * s.hours.hours).sum())
    assert t.requests + t.unserved_requests == pytest.approx(asked, rel=1e-12)
    by_region = (found.requests_by_region * s.hours.hours).sum()
    assert by_region == pytest.approx(t.requests, rel=1e-12)
    summed = views.flow_sums(s, f)
    for name in ("it_mwh", "facility_mwh", "energy_usd", "carbon_kg"):
        assert sum(summed[name]) == pytest.approx(getattr(t, name), rel=1e-12, abs=1e-12)


@given(scenarios(frictions=True, objectives=objectives()))
@examples(40)
def test_a_plan_keeps_its_limits(s: Scenario) -> None:
    """Every flow is at an open place, capacity holds, and mean accuracy reaches its minimum."""
    found = plan(s)
    assume(found.flows is not None)
    assert found.flows is not None
    f, instance = found.flows, build_instance(s)
    on = f.served
    assert instance.judged.allowed[f.metro[on], f.klass[on], f.region[on], f.point[on]].all()
    shed = np.array([k.unserved_usd_per_request is not None for k in s.classes])
    assert shed[f.klass[~on]].all()
    gpu = np.array([[k.gpu_h(o) for o in s.points] for k in s.classes])
    load = np.zeros_like(s.reserved_gpu)
    np.add.at(
        load,
        (f.region[on], f.hour[on]),
        (gpu[f.klass, f.point] * f.requests_per_h)[on],
    )
    assert (load <= s.most_gpu + 1e-8 * load.max(initial=0.0)).all()
    for k, klass in enumerate(s.classes):
        if klass.mean_accuracy_min is None:
            continue
        of = on & (f.klass == k)
        score = np.array([klass.accuracy(o) for o in s.points])[f.point[of]]
        excess = (score - klass.mean_accuracy_min) * f.requests_per_h[of]
        total = np.bincount(f.hour[of], excess, s.hours.count)
        assert (total >= -1e-8 * np.maximum(s.demand_per_h[:, k].sum(axis=0), 1.0)).all()


def spare(s: Scenario) -> Scenario:
    """Every region has room for one and a half times what the nearest policy brings it."""
    instance = build_instance(s)
    heaviest = instance.gpu_h.max(axis=1)
    load = np.zeros_like(s.reserved_gpu)
    for source in range(instance.sources):
        if instance.baseline_region[source] >= 0:
            load[instance.baseline_region[source]] += heaviest[source] * instance.demand[source]
    return replace(s, reserved_gpu=1.5 * load)


@given(scenarios(unserved=False, when_none=False, accuracy_minima=False, objectives=objectives()))
@examples(40)
def test_with_spare_capacity_exact_is_never_above_greedy(s: Scenario) -> None:
    """With 50 % to spare in every region: exact ≤ greedy, and it never rises with the limit."""
    s = spare(s)
    instance = build_instance(s)
    assume(not instance.stranded)
    best = plan(s)
    assert best.ok, best.conflict
    for name in ("greedy_cost", "greedy_carbon"):
        policy = baselines(instance)[name]
        if policy.status is Status.HEURISTIC:
            not_worse(best, policy)
    budget = np.tile([k.latency_budget_ms for k in s.classes], (len(s.metros), 1))
    last = best
    for factor in (1.5, 3.0, 20.0):
        wider = plan(s, budget_ms=factor * budget)
        not_worse(wider, last)
        last = wider


@given(scenarios(free_capacity=True, unserved=False, accuracy_minima=False, max_points=1))
@examples(40)
def test_one_static_move_is_all_where_zones_keep_their_rank(s: Scenario) -> None:
    """Prices that move in step: what is best in one hour is best in all, so nothing follows them.

    The plan of the first hour, kept for the whole window, reaches the optimum.
    """
    assume(not build_instance(s).stranded)
    base = s.signals.price_usd_per_mwh[:, :1]
    shift = np.arange(s.hours.count)[None, :] * 7.0
    signals = replace(s.signals, price_usd_per_mwh=base + shift)
    pue = tuple(replace(r, pue=1.25) for r in s.regions)
    demand = np.repeat(s.demand_per_h[:, :, :1], s.hours.count, axis=2)
    s = replace(s, signals=signals, regions=pue, demand_per_h=demand)
    whole = plan(s)
    first = plan(s.at_hours([0]))
    assert whole.flows is not None
    assert first.flows is not None
    static = sum(_cost_of_first(s, first, t) for t in range(s.hours.count))
    assert whole.objective == pytest.approx(static, rel=REL, abs=REL * max(scale(whole), 1e-300))


def _cost_of_first(s: Scenario, first: Plan, t: int) -> float:
    """Money of the first hour's flows at the prices of hour t."""
    assert first.flows is not None
    flows = replace(first.flows, hour=np.full_like(first.flows.hour, t))
    each = PerFlow(s)(flows)
    return float((each["energy_usd"] + each["on_demand_usd"] + each["egress_usd"]).sum())
