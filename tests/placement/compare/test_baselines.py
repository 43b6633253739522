"""Policies that operators use, and whether each keeps what it claims."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given

from tests import oracle
from tests.examples import examples
from tests.placement.worlds import flows_of, reserved, world
from tests.shipped import shipped
from tests.strategies import scenarios
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import UNSERVED, Plan, Status
from wattlas.model.scenario import Scenario
from wattlas.placement.compare.baselines import POLICIES, baseline, baselines, policy_names
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.window.limits import in_full


def keeps_all(instance: Instance, found: Plan) -> bool:
    """Whether the flows serve all that must be served within capacity and mean accuracy."""
    s, f = instance.scenario, found.flows
    assert f is not None
    shed = np.array([k.unserved_usd_per_request is not None for k in s.classes])
    counted = f.served | shed[f.klass]
    got = np.zeros_like(s.demand_per_h)
    np.add.at(
        got,
        (f.metro[counted], f.klass[counted], f.hour[counted]),
        f.requests_per_h[counted],
    )
    gpu = np.array([[k.gpu_h(o) for o in s.points] for k in s.classes])
    used = gpu[f.klass, f.point] * f.requests_per_h
    load = np.zeros_like(s.reserved_gpu)
    np.add.at(load, (f.region[f.served], f.hour[f.served]), used[f.served])
    accurate = True
    for k, klass in enumerate(s.classes):
        if klass.mean_accuracy_min is not None:
            of = f.served & (f.klass == k)
            score = np.array([klass.accuracy(o) for o in s.points])[f.point[of]]
            excess = (score - klass.mean_accuracy_min) * f.requests_per_h[of]
            total = np.bincount(f.hour[of], excess, s.hours.count)
            own = max(float(s.demand_per_h[:, k].max()), 1e-12)
            accurate &= bool((total >= -1e-6 * own).all())
    room = 1e-6 * max(float(load.max()), 1e-12)
    whole = np.allclose(got, s.demand_per_h, rtol=1e-6, atol=1e-12)
    return accurate and whole and bool((load <= s.most_gpu + room).all())


@pytest.mark.parametrize("short", [0.0, 1e-12, 1e-6])
def test_a_limit_is_kept_or_it_is_not(short: float) -> None:
    """A millionth too few accelerators is told with how many and where; rounding is not."""
    s = world(3)
    found = baseline(build_instance(s), "nearest")
    held = np.full(s.reserved_gpu.shape, np.inf)
    used: dict[tuple[int, int], float] = defaultdict(float)
    for f in flows_of(found):
        if f.r >= 0:
            used[f.r, f.t] += f.rate * oracle.gpu_h(s, f.k, f.o)
    (r, t), gpu = max(used.items(), key=lambda item: item[1])
    held[r, t] = gpu * (1.0 - short)
    told = baseline(build_instance(reserved(s, held)), "nearest")
    if short < 1e-9:
        assert (told.status, told.conflict) == (Status.HEURISTIC, "")
        return
    assert told.status is Status.INFEASIBLE
    over = f"{gpu * short:,.4g}"
    worst = f"over capacity in 1 of 4 regions, worst {s.regions[r].id} by {over} GPU-h/h"
    assert told.conflict == worst


@given(scenarios())
@examples(40)
def test_a_claim_is_true(s: Scenario) -> None:
    """A policy is told as feasible iff its flows keep every limit; else it says which it breaks."""
    instance = build_instance(s)
    assume(not instance.stranded)
    for found in baselines(instance).values():
        assert (found.status is Status.HEURISTIC) == keeps_all(instance, found), found.conflict
        assert bool(found.conflict) == (found.status is not Status.HEURISTIC)


@given(scenarios())
@examples(40)
def test_flows_are_lawful(s: Scenario) -> None:
    """No policy serves anyone where a mask is closed, whatever else it breaks."""
    instance = build_instance(s)
    for name, found in baselines(instance).items():
        f = found.flows
        assert f is not None
        on = f.served
        allowed = instance.judged.allowed[f.metro[on], f.klass[on], f.region[on], f.point[on]]
        assert allowed.all(), name


def test_nearest_is_at_the_baseline_region() -> None:
    """Every flow of the nearest policy runs at the region nearest to its node that is open."""
    s = shipped("tiny", set=["capacity.free=true"])
    instance = build_instance(s)
    f = baseline(instance, "nearest").flows
    assert f is not None
    distance = s.network.rtt_node_region_ms[s.metro_node[f.metro]]
    open_at = instance.judged.allowed[f.metro, f.klass].any(axis=2)
    assert (f.region == np.where(open_at, distance, np.inf).argmin(axis=1)).all()


@given(scenarios())
@examples(40)
def test_rules_take_the_cheapest_point(s: Scenario) -> None:
    """Whatever a region's price is in an hour, no open point there costs less than that taken."""
    instance = in_full(build_instance(s))
    assume(not instance.stranded and s.signals.priced)
    for name in ("nearest", "uniform"):
        f = baseline(instance, name).flows
        assert f is not None
        for hour, metro, klass, region, point in zip(
            f.hour, f.metro, f.klass, f.region, f.point, strict=True
        ):
            if region >= 0:
                places = (metro, klass, region)
                usd = [oracle.unit_usd(s, *places, o, hour) for o in range(len(s.points))]
                open_at = instance.judged.allowed[metro, klass, region]
                least = np.where(open_at, usd, np.inf).min()
                assert usd[point] <= least + 1e-9 * abs(usd[point]), name


def test_uniform_is_equal_shares() -> None:
    """Each demand in equal parts over the regions that are open to it."""
    s = shipped("tiny", set=["capacity.free=true"])
    instance = build_instance(s)
    f = baseline(instance, "uniform").flows
    assert f is not None
    count = instance.judged.allowed.any(axis=3).sum(axis=2)
    share = f.requests_per_h / s.demand_per_h[f.metro, f.klass, f.hour]
    assert share == pytest.approx(1 / count[f.metro, f.klass])


def test_one_region_is_the_best_one() -> None:
    """The single region by cost costs no more than any other single region would."""
    s = shipped("tiny", set=["capacity.free=true", "classes.A.residency=null"])
    instance = build_instance(s)
    by_cost = baseline(instance, "best_region_cost").totals
    by_carbon = baseline(instance, "best_region_carbon").totals
    assert by_cost.cost_usd <= by_carbon.cost_usd
    assert by_carbon.carbon_kg <= by_cost.carbon_kg


def test_what_greedy_cannot_place_is_said() -> None:
    """Short of room, greedy leaves demand over and says how much."""
    s = shipped("tiny", set=["capacity.scale=0.1"])
    for name in ("greedy_cost", "greedy_carbon", "nearest_available"):
        found = baseline(build_instance(s), name)
        assert found.status is Status.INFEASIBLE
        assert "of requests find no place" in found.conflict


def test_unserved_at_a_price_is_a_choice() -> None:
    """With a price for it, demand without room goes unserved and the policy stays feasible."""
    s = shipped("tiny", set=["capacity.scale=0.1", "unserved_usd_per_request=1"])
    found = baseline(build_instance(s), "greedy_cost")
    assert found.status is Status.HEURISTIC
    assert found.flows is not None
    assert (found.flows.region == UNSERVED).any()
    assert found.totals.unserved_usd == pytest.approx(found.totals.unserved_requests)


def test_an_unknown_policy() -> None:
    """Policies are known by name."""
    assert len(POLICIES) == 11
    with pytest.raises(KeyError):
        baseline(build_instance(shipped("tiny")), "best")


def test_what_a_policy_goes_by_is_in_its_name() -> None:
    """Those by cost need prices; tables alone answer the objective and may degrade."""
    by_cost = {name for name in POLICIES if name.endswith("_cost")}
    assert {name for name, policy in POLICIES.items() if policy.by_cost} == by_cost
    tables = {name for name in POLICIES if name.startswith(("static_", "hourly_"))}
    assert {name for name, policy in POLICIES.items() if not policy.plain} == tables
    s = shipped("tiny")
    price = s.signals.price_usd_per_mwh
    unpriced = replace(
        s,
        objective=Objective(minimise=Minimise.CARBON),
        signals=replace(s.signals, price_usd_per_mwh=np.full_like(price, np.nan)),
    )
    assert policy_names(s) == list(POLICIES)
    assert policy_names(unpriced) == [name for name in POLICIES if name not in by_cost]
