"""Tiers as classes, points and caps: what a contract does to a scenario and to its plan."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given

from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import one_of, scenarios, tiered
from wattlas.errors import InputError
from wattlas.model.contract import ShareCap, Tier
from wattlas.model.geography import Metro, Region, ServiceNode
from wattlas.model.network import Network
from wattlas.model.objective import Objective, Window
from wattlas.model.offer import full_service, offer, withdrawn
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours, Signals
from wattlas.model.workload import OperatingPoint, WorkloadClass
from wattlas.placement.api import plan
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.unit_values import cost
from wattlas.placement.window.column_generation import ColumnGeneration
from wattlas.placement.window.knapsack import Knapsack
from wattlas.placement.window.limits import limits_of

REL = 1e-8
RARE = [HealthCheck.too_slow, HealthCheck.filter_too_much]


@given(scenarios(), tiered(scenarios()))
@examples(20)
def test_demand_is_neither_made_nor_lost(plain: Scenario, s: Scenario) -> None:
    """The classes with and without a contract together ask for what the classes asked for."""
    try:
        whole = offer(plain, [Tier("green", 0.3, 0.4)])
    except InputError:
        assume(False)
    np.testing.assert_allclose(whole.demand_per_h.sum(axis=1), plain.demand_per_h.sum(axis=1))
    assert len({k.id for k in s.classes}) == len(s.classes) == s.demand_per_h.shape[1]


def test_every_field_of_two_contracts_that_share_a_class() -> None:
    """Demand, points, allowances and caps of each, beside what is left of the class itself."""
    world = shipped("tiny")
    green = Tier(
        "green", share_max=0.2, adoption=0.3, latency_factor=1.5, points=("small",), classes=("A",)
    )
    blue = Tier("blue", share_max=0.5, adoption=0.25, accuracy_min=0.8, window=Window.DAY)
    s = offer(world, [green, blue])
    parts = {
        "A": (0, 0.45), "A~green": (0, 0.3), "A~blue": (0, 0.25),
        "D": (1, 0.75), "D~blue": (1, 0.25),
    }  # fmt: skip
    assert sorted(k.id for k in s.classes) == sorted(parts)
    degraded = {
        "A~green": {"small~green"},
        "A~blue": {"large-fast~blue", "large-batched~blue"},
        "D~blue": {"large-fast~blue", "large-batched~blue"},
    }
    later_ms = {"A~green": 0.5 * 300.0, "A~blue": 0.0, "D~blue": 0.0}
    for k, klass in enumerate(s.classes):
        at, part = parts[klass.id]
        base = world.classes[at]
        np.testing.assert_allclose(s.demand_per_h[:, k], part * world.demand_per_h[:, at])
        assert klass.latency_budget_ms == base.latency_budget_ms
        if klass.id not in degraded:
            continue
        full = {"large-fast", "large-batched", *(["small"] if at else [])}
        assert (klass.base, klass.contract) == (base.id, klass.id.split("~")[1])
        assert set(klass.points or ()) == full | degraded[klass.id]
        allowed = dict.fromkeys(degraded[klass.id], later_ms[klass.id])
        assert klass.latency_allowance_ms == allowed
    caps = {(c.classes, frozenset(c.points), c.share_max, c.window) for c in s.share_caps}
    assert caps == {
        (("A~green",), frozenset(degraded["A~green"]), 0.2, green.window),
        (("A~blue",), frozenset(degraded["A~blue"]), 0.5, Window.DAY),
        (("D~blue",), frozenset(degraded["D~blue"]), 0.5, Window.DAY),
    }  # fmt: skip
    with pytest.raises(InputError):
        offer(world, [replace(green, adoption=0.6), replace(blue, adoption=0.5)])
    assert offer(world, [replace(green, adoption=0.6), replace(blue, adoption=0.4)])


@given(tiered(scenarios(unserved=False)))
@examples(25)
def test_full_service_is_the_scenario_before(s: Scenario) -> None:
    """A tier that may degrade nothing costs what full service costs, and so does none."""
    never = replace(s, share_caps=tuple(replace(c, share_max=0.0) for c in s.share_caps))
    found, full = plan(never), plan(full_service(s))
    assert found.ok == full.ok
    if full.ok:
        assert math.isclose(found.objective, full.objective, rel_tol=REL, abs_tol=1e-12)


@given(tiered(scenarios(unserved=False)))
@examples(25)
def test_a_larger_share_is_never_worse(s: Scenario) -> None:
    """The optimum falls with the cap, and is never above full service."""
    last = math.inf
    full = plan(full_service(s))
    if full.ok:
        last = full.objective
    for share in (0.0, 0.2, 0.6, 1.0):
        caps = tuple(replace(c, share_max=share) for c in s.share_caps)
        found = plan(replace(s, share_caps=caps))
        if found.ok:
            assert found.objective <= last + REL * (abs(last) if math.isfinite(last) else 0) + 1e-12
            last = found.objective


@given(tiered(scenarios(unserved=False, free_capacity=True)))
@examples(40, suppress_health_check=RARE)
def test_the_knapsack_is_the_master_program(s: Scenario) -> None:
    """One pass through the sorted savings finds the optimum that multipliers find."""
    s = replace(s, objective=Objective())
    instance = build_instance(s)
    limits = limits_of(instance)
    found = plan(s)
    assume(found.ok and limits and Knapsack().takes(instance, limits))
    judge = ColumnGeneration().solve(instance, cost(instance), None, limits)
    assert judge.ok
    value = float(cost(instance).by_hour(instance, judge.flows).sum())
    assert math.isclose(found.objective, value, rel_tol=1e-7, abs_tol=1e-10)


@given(tiered(scenarios(unserved=False, free_capacity=True)), one_of(0.2, 0.45))
@examples(25)
def test_the_dual_is_what_one_more_request_saves(s: Scenario, share: float) -> None:
    """V(φ ± δ) lies above V(φ) ∓ price·δ·demand for every degradation cap at once."""
    s = replace(s, objective=Objective())

    def at(value: float) -> Plan:
        caps = tuple(
            replace(c, share_max=value) if n == 0 else replace(c, share_max=0.3)
            for n, c in enumerate(s.share_caps)
        )
        return plan(replace(s, share_caps=caps))

    found = at(share)
    assume(found.ok)
    slope = slope_in_share(found, s.share_caps[0])
    tight = 1e-7 * max(abs(found.objective), 1e-12)
    for step in (-0.01, 0.01):
        other = at(share + step)
        value = other.objective if other.ok else math.inf
        assert value >= found.objective - slope * step - tight


def slope_in_share(found: Plan, cap: ShareCap) -> float:
    """What V falls by per unit of a degradation cap: over windows by the limits' prices, over
    single steps by the duals of its row, which has φ·demand on its right.
    """
    if cap.window is not Window.HOUR:
        return sum(one.per_percent for one in found.limits if one.id == cap.id) * 100.0
    s = found.scenario
    hourly = [c.id for c in s.share_caps if c.window is Window.HOUR]
    under = [n for n, k in enumerate(s.classes) if k.id in cap.classes]
    asked = s.demand_per_h[:, under].sum(axis=(0, 1)) * s.hours.hours
    return float(-found.duals["degraded_share"][hourly.index(cap.id)] @ asked)


def test_one_user_by_hand(tiny: Scenario) -> None:
    """Half the demand may degrade a quarter of its requests, and does so where power costs most."""
    s = replace(tiny, objective=Objective())
    found = plan(offer(s, [Tier("green", 0.25, 0.5, classes=("chat",), window=Window.ALL)]))
    (report,) = found.limits
    assert report.share == pytest.approx(0.25)
    assert found.flows is not None
    scenario = found.scenario
    at = [o.id for o in scenario.points].index("small~green")
    degraded = found.flows.point == at
    hours = np.bincount(found.flows.hour[degraded], found.flows.requests_per_h[degraded], 4)
    # Demand 100 requests/h in each of four hours at 10, 20, 40, 30 USD/MWh; half is green, so that
    # 50 of its 200 requests may be degraded: all of those in the hour at 40 USD/MWh.
    np.testing.assert_allclose(hours, [0.0, 0.0, 50.0, 0.0])
    # Energy 1 kWh in full, 0.5 kWh degraded, PUE 1: the next hour's saving is 0.5 · 30 / 1000.
    full = 100.0 * (10 + 20 + 40 + 30) / 1000
    assert found.objective == pytest.approx(full - 50 * 0.5 * 40 / 1000)
    assert report.price == pytest.approx(0.5 * 30 / 1000)


def test_what_goes_unserved_counts_in_the_share(tiny: Scenario) -> None:
    """There is room for 50 of 100 requests an hour in full, for 100 degraded; a quarter of all 400
    that are asked for may be: 100 degraded, 150 in full, 150 unserved."""
    points = tuple(
        replace(o, decode_gpu_s_per_token=36.0 if o.id == "large" else 18.0) for o in tiny.points
    )
    classes = tuple(replace(k, unserved_usd_per_request=1.0) for k in tiny.classes)
    s = replace(tiny, points=points, classes=classes, reserved_gpu=np.full((1, 4), 0.5))
    found = plan(offer(s, [Tier("green", 0.25, 1.0, window=Window.ALL)]))
    assert found.totals.unserved_requests == pytest.approx(150)
    (report,) = found.limits
    assert report.share == pytest.approx(0.25)


def test_an_offer_that_nobody_takes_up_is_still_there(tiny: Scenario) -> None:
    """With its terms, but without a class of its own; a point at the least accuracy may be used."""
    tiers = [Tier("green", 0.2, 0.4, accuracy_min=0.7), Tier("none", 0.1, 0.0, accuracy_min=0.7)]
    made = offer(tiny, tiers)
    assert made.tiers == tuple(tiers)
    assert [k.id for k in made.classes] == ["chat", "chat~green"]
    assert [o.id for o in made.points] == ["large", "small", "large~green", "small~green"]


@pytest.fixture
def tiny() -> Scenario:
    """One metro, one region, four hours; a large model and a small one of half the energy."""
    points = (
        OperatingPoint("large", "large", 0.9, decode_j_per_token=3.6e6),
        OperatingPoint("small", "small", 0.7, decode_j_per_token=1.8e6),
    )
    return Scenario(
        name="tiny",
        metros=(Metro("lagos", 6.5, 3.4, "Africa/Lagos", "NG", "NG", node="lagos"),),
        nodes=(ServiceNode("lagos", 6.5, 3.4),),
        regions=(Region("lagos", 6.5, 3.4, "NG", "NG", "NG", pue=1.0),),
        classes=(WorkloadClass("chat", 300.0, tokens_out=1.0, accuracy_min=0.8),),
        points=points,
        hours=Hours(np.datetime64("2023-01-01T00:00:00", "s"), np.arange(4), np.ones(4)),
        signals=Signals(
            zones=("NG",),
            price_usd_per_mwh=np.array([[10.0, 20.0, 40.0, 30.0]]),
            average_g_per_kwh=np.full((1, 4), 400.0),
        ),
        network=Network(
            rtt_metro_node_ms=np.zeros((1, 1)),
            rtt_node_region_ms=np.zeros((1, 1)),
            egress_usd_per_gb=np.zeros((1, 1)),
            modelled_metro_node=np.zeros((1, 1), dtype=bool),
            modelled_node_region=np.zeros((1, 1), dtype=bool),
        ),
        demand_per_h=np.full((1, 1, 4), 100.0),
        reserved_gpu=np.full((1, 4), np.inf),
    )


def test_bad_tiers_are_told_at_once(tiny: Scenario) -> None:
    """A fallback above full service, unknown names, too many takers: one error with all."""
    bad = [
        Tier("green", 0.4, 0.7, accuracy_min=0.95),
        Tier("green", 0.1, 0.6, classes=("chta",), points=("tiny",)),
        Tier("eco", 0.1, 0.6),
    ]
    with pytest.raises(InputError) as caught:
        offer(tiny, bad)
    told = {p.where for p in caught.value.problems}
    assert {
        "tiers.green.accuracy_min",
        "tiers.green",
        "tiers.green.classes",
        "tiers.green.points",
        "tiers.*.adoption",
    } <= told


def test_a_copy_takes_no_name_that_is_taken(tiny: Scenario) -> None:
    """Neither that of a class nor that of a point."""
    taken = replace(tiny.points[0], id="small~green")
    for world, where in (
        (replace(tiny, points=(*tiny.points, taken)), "points.small~green"),
        (replace(tiny, classes=(*tiny.classes, replace(tiny.classes[0], id="chat~green")),
                 demand_per_h=np.repeat(tiny.demand_per_h, 2, axis=1)), "classes.chat~green"),
    ):  # fmt: skip
        with pytest.raises(InputError) as caught:
            offer(world, [Tier("green", 0.4, 0.4, classes=("chat",))])
        assert where in {problem.where for problem in caught.value.problems}


def test_a_degradation_cap_that_cannot_be_kept_names_the_least(tiny: Scenario) -> None:
    """Where full service has too little room, the plan says how much must be degraded."""
    points = tuple(
        replace(o, decode_gpu_s_per_token=g) for o, g in zip(tiny.points, (3600, 36), strict=True)
    )
    s = replace(tiny, points=points, reserved_gpu=np.full((1, 4), 80.0))
    found = plan(offer(s, [Tier("green", 0.05, 1.0, window=Window.ALL)]))
    assert not found.ok
    # (1 − φ)·100 + φ·1 GPU-h/h must fit into 80: φ = 20/99.
    assert "at least 20.202%" in found.conflict


def test_a_clash_leaves_out_windows_in_which_nobody_asks(tiny: Scenario) -> None:
    """A cap that daily degradation caps stand against names them for the days with demand only."""
    demand = tiny.demand_per_h.copy()
    demand[:, :, :2] = 0.0
    hours = replace(tiny.hours, offset=np.array([0, 1, 24, 25]))
    s = replace(tiny, demand_per_h=demand, hours=hours)
    # 200 requests of 1 kWh at 400 g are 80 kg; half of them degraded to half the energy are 60 kg.
    s = replace(s, objective=Objective(carbon_cap_t=0.07))
    found = plan(offer(s, [Tier("green", 0.0, 0.5, classes=("chat",), window=Window.DAY)]))
    assert not found.ok
    assert "not all together" in found.conflict
    assert "the least attainable is 0.06 t" in found.conflict
    assert "chat~green over 2023-01-02T00:00:00Z" in found.conflict
    assert "chat~green over 2023-01-01" not in found.conflict


def test_a_contract_on_a_contract_is_of_the_first_class() -> None:
    """What adopts a second contract is of the class that all began from, and goes back to it."""
    plain = shipped("tiny")
    once = offer(plain, [Tier("green", 0.3, 0.4, classes=("A",))])
    twice = offer(once, [Tier("blue", 0.2, 0.5, classes=("A~green",))])
    assert {k.id: k.base for k in twice.classes} == {
        "A": "", "D": "", "A~green": "A", "A~green~blue": "A",
    }  # fmt: skip
    assert twice.demand_per_h[:, -1] == pytest.approx(0.2 * plain.demand_per_h[:, 0])
    assert withdrawn(twice).demand_per_h == pytest.approx(plain.demand_per_h)
