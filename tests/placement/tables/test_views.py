"""The tables behind the pictures say what the plan says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given

from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import scenarios
from wattlas.model.plan import UNSERVED, Plan
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.compare.baselines import baseline
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.tables import views


@pytest.fixture
def tiny() -> tuple[Plan, Plan]:
    """The tiny example's plan and its baseline."""
    s = shipped("tiny")
    return plan(s), baseline(build_instance(s), "nearest_available")


@given(scenarios())
@examples(40)
def test_hourly_sums(s: Scenario) -> None:
    """Power × hours is energy, and load is never above capacity."""
    found = plan(s)
    assume(found.ok)
    table = {k: np.asarray(v) for k, v in views.hourly(found, found).items() if k != "region"}
    span = table["hours_represented"]
    assert (table["it_mw"] * span).sum() == pytest.approx(found.totals.it_mwh, rel=1e-12, abs=1e-15)
    assert (table["facility_mw"] * span).sum() == pytest.approx(
        found.totals.facility_mwh, rel=1e-12, abs=1e-15
    )
    assert table["requests"].sum() == pytest.approx(found.totals.requests, rel=1e-12)
    assert np.array_equal(table["it_mw"], table["baseline_it_mw"])
    limited = np.isfinite(table["capacity_gpu"])
    gpu = table["gpu"][limited]
    assert (gpu <= table["capacity_gpu"][limited] + 1e-8 * gpu.max(initial=0.0)).all()
    money = table["facility_mw"] * span * table["price_usd_per_mwh"]
    size = np.abs(money).sum() + 1e-12
    assert money.sum() == pytest.approx(found.totals.energy_usd, abs=1e-9 * size)


def test_places(tiny: tuple[Plan, Plan]) -> None:
    """Every metro, node and region once, with coordinates."""
    s = tiny[0].scenario
    table = views.places(s)
    assert len(table["id"]) == len(s.metros) + len(s.nodes) + len(s.regions)
    assert table["kind"].count("region") == 3
    assert all(lat is not None for lat in table["lat_deg"])
    assert len({len(column) for column in table.values()}) == 1


def test_candidates(tiny: tuple[Plan, Plan]) -> None:
    """Each metro and class names every region; chosen shares sum to one and are open places."""
    found = tiny[0]
    s = found.scenario
    table = views.candidates(build_instance(s), found)
    rows = list(zip(*(table[n] for n in table), strict=True))
    assert len(rows) == len(s.metros) * len(s.classes) * len(s.regions)
    at = list(table)
    by: dict[tuple[str, str], float] = {}
    for row in rows:
        one = dict(zip(at, row, strict=True))
        by[one["metro"], one["class"]] = (
            by.get((one["metro"], one["class"]), 0) + one["chosen_share"]
        )
        if one["chosen_share"]:
            assert one["reason"] == ""
            assert one["latency_ms"] <= one["budget_ms"]
        if one["latency_ms"] > one["budget_ms"]:
            assert "latency" in one["reason"]
    assert list(by.values()) == pytest.approx([1.0] * len(by))


def test_what_goes_unserved_is_chosen_nowhere() -> None:
    """The shares of a metro and class come to what is served of its demand, each region's apart."""
    prices = [f"classes.{klass}.unserved_usd_per_request=0.0007" for klass in "AD"]
    s = shipped("tiny", set=prices)
    found = plan(replace(s, reserved_gpu=s.reserved_gpu * 0.25))
    assert found.flows is not None
    table = views.candidates(build_instance(found.scenario), found)
    got = dict(zip(zip(table["metro"], table["class"], table["region"], strict=True),
                   table["chosen_share"], strict=True))  # fmt: skip
    wanted, demand = dict.fromkeys(got, 0.0), found.scenario.demand_per_h.sum(axis=2)
    for f in range(len(found.flows.hour)):
        i, k, r = (int(getattr(found.flows, n)[f]) for n in ("metro", "klass", "region"))
        if r != UNSERVED:
            at = s.metros[i].id, s.classes[k].id, s.regions[r].id
            wanted[at] += float(found.flows.requests_per_h[f] / demand[i, k])
    assert got == pytest.approx(wanted)
    assert 0.0 < found.totals.unserved_requests < found.totals.requests


def test_a_full_region_is_said_to_bind(tiny: tuple[Plan, Plan]) -> None:
    """Where capacity has a price the candidates say how often it binds and what it is worth."""
    s = shipped("tiny", set=["regions.oslo.reserved_gpu=3"])
    found = plan(s)
    assert found.capacity_price_usd_per_gpu_h is not None
    assert found.capacity_price_usd_per_gpu_h[0].max() > 0
    table = views.candidates(build_instance(s), found)
    oslo = [b for r, b in zip(table["region"], table["binding"], strict=True) if r == "oslo"]
    assert any("one more GPU-h worth" in b for b in oslo)


def test_merit_order(tiny: tuple[Plan, Plan]) -> None:
    """Regions of an hour by cost, most expensive last; what is used sums to the demand."""
    table = views.merit(tiny[0])
    hours = np.asarray(table["hour"])
    cost = np.asarray(table["cost_usd_per_it_mwh"])
    used, demand = np.asarray(table["used_mw"]), np.asarray(table["demand_mw"])
    for hour in np.unique(hours):
        of = hours == hour
        assert (np.diff(cost[of]) >= 0).all()
        assert list(np.asarray(table["rank"])[of]) == [1, 2, 3]
        assert used[of].sum() == pytest.approx(demand[of][0])


def test_duration_curves(tiny: tuple[Plan, Plan]) -> None:
    """They fall, and their mean is the energy-weighted mean of the signal."""
    best, base = tiny
    table = views.duration(best, base)
    columns = {n: np.asarray(v) for n, v in table.items()}
    for policy, one in (("plan", best), ("baseline", base)):
        of = (columns["policy"] == policy) & (columns["quantity"] == "price")
        curve = columns["value"][of]
        assert (np.diff(curve) <= 0).all()
        mean = one.totals.energy_usd / one.totals.facility_mwh
        assert curve.mean() == pytest.approx(mean, rel=0.02)
