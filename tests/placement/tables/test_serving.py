"""What a plan makes of a class, against sums over its flows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given

from tests import oracle
from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import objectives, scenarios
from wattlas.errors import InputError
from wattlas.model.objective import Minimise
from wattlas.model.scenario import Scenario
from wattlas.model.users import Accelerators
from wattlas.placement.api import plan
from wattlas.placement.tables.service_costs import accelerator_usd_per_gpu_h, carbon_t, serving

RARE = [HealthCheck.too_slow, HealthCheck.filter_too_much]


@given(scenarios(unserved=False, when_none=False, objectives=objectives()))
@examples(40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_full_service_costs_what_the_plan_does(s: Scenario) -> None:
    """Over all classes, requests times cost are the plan's, accelerators at what they are worth."""
    found = plan(s)
    assume(found.ok and found.totals.requests > 0)
    served = [
        serving(found, k.id) for n, k in enumerate(s.classes) if s.demand_per_h[:, n].sum() > 0
    ]
    usd = sum(float((one.requests * one.full_cost_usd).sum()) for one in served)
    grams = sum(float((one.requests * one.full_carbon_g).sum()) for one in served)
    requests = sum(float(one.requests.sum()) for one in served)
    assert requests == pytest.approx(found.totals.requests)
    f, dual = found.flows, found.capacity_price_usd_per_gpu_h
    assert f is not None
    r, k, o, t = (part[f.served] for part in (f.region, f.klass, f.point, f.hour))
    worth = np.array([oracle.used_usd_per_gpu_h(s, n) for n in range(len(s.regions))])[r]
    if dual is not None and s.objective.minimise is Minimise.COST:
        worth = worth + dual[r, t]
    valued = float((f.requests_per_h[f.served] * s.hours.hours[t] * s.gpu_h[k, o] * worth).sum())
    paid = found.totals.variable_usd - found.totals.on_demand_usd
    assert usd == pytest.approx(paid + valued, rel=1e-9, abs=1e-9)
    assert grams / 1e3 == pytest.approx(found.totals.carbon_kg, rel=1e-9, abs=1e-9)


@given(scenarios(unserved=False, when_none=False, accuracy_minima=False))
@examples(40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
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
    s = shipped("tiny", set=["regions.oslo.reserved_gpu=3"])
    found = plan(s)
    assert found.flows is not None
    k = [c.id for c in s.classes].index("A")
    one = serving(found, "A", accelerators=Accelerators.STATED)
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
    """The capacity price where accelerators are held, the price by the hour where they are not.

    A least-carbon plan's price is no money and left out.
    """
    s = shipped("tiny", set=["regions.oslo.reserved_gpu=3"])
    found = plan(s)
    dual = found.capacity_price_usd_per_gpu_h
    assert dual is not None
    hourly = np.array(
        [r.on_demand_usd_per_gpu_h or r.reserved_usd_per_gpu_year / 8760 for r in s.regions]
    )[:, None]
    paid = np.array([oracle.used_usd_per_gpu_h(s, r) for r in range(len(s.regions))])[:, None]
    for value, expected in (
        (Accelerators.STATED, paid + dual),
        (Accelerators.RESERVED, dual),
        (Accelerators.ON_DEMAND, np.maximum(paid + dual, hourly)),
    ):
        np.testing.assert_allclose(accelerator_usd_per_gpu_h(found, value), expected)
        served = serving(found, "A", accelerators=value)
        assert served.accelerators == value
    clean = plan(s, objective=replace(s.objective, minimise=Minimise.CARBON))
    free = accelerator_usd_per_gpu_h(clean, Accelerators.RESERVED)
    assert (free == 0).all()


def test_carbon_of_each_step_is_the_plans() -> None:
    """The steps add up to the total, and the mean worth of an accelerator lies in its range."""
    found = plan(shipped("tiny"))
    assert carbon_t(found).sum() == pytest.approx(found.totals.carbon_kg / 1e3)
    served = serving(found, "A", every=True)
    assert 0 <= served.gpu_usd_per_h <= accelerator_usd_per_gpu_h(found, Accelerators.STATED).max()
    assert (served.full_kwh >= 0).all()


def test_unknown_and_empty_classes_are_told() -> None:
    """A class that is not there, and one without demand, are errors that name it."""
    s = shipped("tiny")
    found = plan(s)
    with pytest.raises(InputError, match="there is no `Z`"):
        serving(found, "Z")
    idle = replace(s, demand_per_h=s.demand_per_h * np.array([1.0, 0.0])[None, :, None])
    with pytest.raises(InputError, match="has no demand"):
        serving(plan(idle), "D")


def test_a_region_that_lacks_the_model_closes_the_candidate() -> None:
    """A point whose model one of the used regions does not run is no candidate."""
    s = shipped("tiny")
    found = plan(s)
    whole = serving(found, "A")
    name = whole.points[0]
    point = next(o for o in s.points if o.id == name)
    others = frozenset(o.variant for o in s.points) - {point.variant}
    shut = replace(s, regions=tuple(replace(r, variants=others) for r in s.regions))
    again = serving(replace(found, scenario=shut), "A")
    assert name not in again.points
