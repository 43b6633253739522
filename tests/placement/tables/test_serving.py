"""What a plan makes of a class, against sums over its flows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

import wattlas
from tests import oracle
from tests.placement.worlds import flows_of
from tests.strategies import objectives, scenarios
from wattlas.errors import InputError
from wattlas.model.objective import Minimise
from wattlas.model.scenario import Scenario
from wattlas.model.users import Accelerators
from wattlas.placement.api import plan
from wattlas.placement.tables.service_costs import serving

RARE = [HealthCheck.too_slow, HealthCheck.filter_too_much]


@given(scenarios(unserved=False, when_none=False, objectives=objectives()))
@settings(
    max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
def test_full_service_costs_what_the_plan_does(s: Scenario) -> None:
    """Over all classes, requests times cost are the plan's variable cost but for what is bought
    beyond the reserved, which is no request's own; grams are its carbon.
    """
    found = plan(s)
    assume(found.ok and found.totals.requests > 0)
    served = [
        serving(found, k.id, accelerators=Accelerators.ON_DEMAND)
        for n, k in enumerate(s.classes)
        if s.demand_per_h[:, n].sum() > 0
    ]
    usd = sum(float((one.requests * one.full_cost_usd).sum()) for one in served)
    grams = sum(float((one.requests * one.full_carbon_g).sum()) for one in served)
    requests = sum(float(one.requests.sum()) for one in served)
    assert requests == pytest.approx(found.totals.requests)
    rates = {tuple(f[:5]): f.rate for f in flows_of(found)}
    bought = oracle.bought_usd(s, rates, range(s.hours.count))
    assert usd == pytest.approx(found.totals.variable_usd - bought, rel=1e-9, abs=1e-9)
    assert grams / 1e3 == pytest.approx(found.totals.carbon_kg, rel=1e-9, abs=1e-9)


@given(scenarios(unserved=False, when_none=False, accuracy_floors=False))
@settings(
    max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
def test_candidates_lie_below_full_service(s: Scenario) -> None:
    """Each saves money or carbon, is in time, and is not better in both accuracy and latency."""
    found = plan(s)
    assume(found.ok)
    for n, k in enumerate(s.classes):
        if not s.demand_per_h[:, n].sum() > 0:
            continue
        one = serving(found, k.id)
        for f, _ in enumerate(one.points):
            cheaper = one.mean(one.cost_usd[f]) < one.mean(one.full_cost_usd)
            assert cheaper or one.mean(one.carbon_g[f]) < one.mean(one.full_carbon_g)
            assert one.latest_ms[f] <= 2 * k.latency_budget_ms * (1 + 1e-9)
            assert one.latency_ms[f] <= one.latest_ms[f] * (1 + 1e-12)
            better = one.accuracy[f] > one.full_accuracy
            assert not (better and one.latency_ms[f] < one.full_latency_ms)


def test_a_candidate_by_hand() -> None:
    """The cost of a lower point is its energy and accelerators at the plan's places and hours."""
    s = wattlas.example("tiny", set=["regions.oslo.reserved_gpu=3"])
    found = plan(s)
    assert found.flows is not None
    k = [c.id for c in s.classes].index("A")
    one = serving(found, "A", accelerators=Accelerators.BOTH)
    dual = found.capacity_price_usd_per_gpu_h
    assert dual is not None
    assert dual.max() > 0
    name = one.points[0]
    point = next(o for o in s.points if o.id == name)
    kwh, gpu_h = s.classes[k].it_kwh(point), s.classes[k].gpu_h(point)
    usd, total = np.zeros(s.hours.count), np.zeros(s.hours.count)
    f = found.flows
    for n in np.flatnonzero((f.klass == k) & f.served):
        r, t, rate = f.region[n], f.hour[n], f.requests_per_h[n]
        region, node = s.regions[r], s.metro_node[f.metro[n]]
        each = region.pue * kwh * s.price_usd_per_mwh[r, t] / 1e3
        each += gpu_h * (oracle.used_usd_per_gpu_h(s, r) + dual[r, t])
        each += s.classes[k].transfer_gb * s.network.egress_usd_per_gb[node, r]
        usd[t], total[t] = usd[t] + rate * each, total[t] + rate
    np.testing.assert_allclose(one.cost_usd[0], usd / total)


def test_what_an_accelerator_is_worth() -> None:
    """On-demand and capacity price add up; a least-carbon plan's price is no money and left out."""
    s = wattlas.example("tiny", scenario="on-demand", set=["regions.oslo.on_demand_gpu=3"])
    found = plan(s)
    of = {a: serving(found, "A", accelerators=a) for a in Accelerators}
    paid, capacity, both = (
        of[a].mean(of[a].full_cost_usd)
        for a in (Accelerators.ON_DEMAND, Accelerators.CAPACITY, Accelerators.BOTH)
    )
    assert both > paid
    hours = {a: of[a].full_cost_usd for a in Accelerators}
    bare = hours[Accelerators.ON_DEMAND] + hours[Accelerators.CAPACITY] - hours[Accelerators.BOTH]
    # What is left is energy and egress, which none of the three values.
    assert (bare >= 0).all()
    assert capacity < both
    clean = plan(s, objective=replace(s.objective, minimise=Minimise.CARBON))
    plain = serving(clean, "A", accelerators=Accelerators.BOTH)
    rented = serving(clean, "A", accelerators=Accelerators.ON_DEMAND)
    np.testing.assert_allclose(plain.full_cost_usd, rented.full_cost_usd)


def test_unknown_and_empty_classes_are_told() -> None:
    """A class that is not there, and one without demand, are errors that name it."""
    s = wattlas.example("tiny")
    found = plan(s)
    with pytest.raises(InputError, match="there is no `Z`"):
        serving(found, "Z")
    idle = replace(s, demand_per_h=s.demand_per_h * np.array([1.0, 0.0])[None, :, None])
    with pytest.raises(InputError, match="has no demand"):
        serving(plan(idle), "D")


def test_a_region_that_lacks_the_model_closes_the_candidate() -> None:
    """A point whose model one of the used regions does not run is no candidate."""
    s = wattlas.example("tiny")
    found = plan(s)
    whole = serving(found, "A")
    name = whole.points[0]
    point = next(o for o in s.points if o.id == name)
    others = frozenset(o.variant for o in s.points) - {point.variant}
    shut = replace(s, regions=tuple(replace(r, variants=others) for r in s.regions))
    again = serving(replace(found, scenario=shut), "A")
    assert name not in again.points
