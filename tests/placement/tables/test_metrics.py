"""What a placement is worth: definitions, sums, and what a line would have had to carry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given

from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import scenarios
from wattlas.model.geography import great_circle_km
from wattlas.model.objective import Minimise
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.compare.baselines import baseline
from wattlas.placement.compare.counterfactual import limits, present, without
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.tables import metrics


@given(scenarios())
@examples(40)
def test_shares_add_up(s: Scenario) -> None:
    """Layers sum to each class's energy, economic ≤ technical where nothing is late."""
    found = plan(s)
    assume(found.ok)
    instance = build_instance(s)
    base = baseline(instance, "nearest_available")
    moved = metrics.relocatable(instance, found, base, metrics.changed(found, base))
    layers = metrics.layers(instance, found, base)
    total = np.asarray(moved["it_mwh"])
    grid = np.asarray(layers["it_mwh"]).reshape(len(s.classes), 5)
    assert grid.sum(axis=1) == pytest.approx(total)
    assert total.sum() == pytest.approx(found.totals.it_mwh)
    assert (np.asarray(moved["economic_mwh"]) <= np.asarray(moved["technical_mwh"]) + 1e-12).all()
    assert (np.asarray(moved["technical_mwh"]) <= total + 1e-12).all()
    local = np.asarray([n == "local" for n in layers["layer"]]).reshape(len(s.classes), 5)
    away = grid[~local].sum()
    assert np.asarray(moved["economic_mwh"]).sum() <= away + 1e-12
    share = np.asarray(layers["share"]).reshape(len(s.classes), 5).sum(axis=1)
    assert np.where(total > 0, share, 1.0) == pytest.approx(1.0)


def test_nobody_at_the_baseline_region_has_moved() -> None:
    """The nearest policy relocates nothing: all is local and the matrix is empty."""
    s = shipped("tiny", set=["capacity.free=true"])
    instance = build_instance(s)
    base = baseline(instance, "nearest")
    same = metrics.changed(base, base)
    assert sum(metrics.relocatable(instance, base, base, same)["economic_mwh"]) == 0
    assert len(metrics.relocation(instance, base, base)["it_mwh"]) == 0
    layers = metrics.layers(instance, base, base)
    local = [
        mwh
        for name, mwh in zip(layers["layer"], layers["it_mwh"], strict=True)
        if name == "local"
    ]  # fmt: skip
    assert sum(local) == pytest.approx(base.totals.it_mwh)
    # A region that is none is no site, wherever it runs.
    flows = base.flows
    assert flows is not None
    assert set(flows.region) == {0, 1, 2}
    assert not metrics._at_site(s, flows, np.full(len(flows.region), -1)).any()


def test_the_relocation_matrix() -> None:
    """Its sum is the economic energy; a line loses 3 % per 1,000 km and carries the peak."""
    s = shipped("tiny", set=["capacity.free=true"])
    instance = build_instance(s)
    found = plan(s)
    base = baseline(instance, "nearest")
    table = metrics.relocation(instance, found, base)
    moved = metrics.relocatable(instance, found, base, metrics.changed(found, base))
    economic = sum(moved["economic_mwh"])
    # With free capacity the baseline policy runs everything at the baseline region.
    assert sum(moved["overflow_mwh"]) == 0
    assert list(moved["moved_mwh"]) == pytest.approx(list(moved["economic_mwh"]))
    assert sum(table["it_mwh"]) == pytest.approx(economic)
    at = {r.zone: r for r in s.regions}
    for n, (origin, target) in enumerate(zip(table["from_zone"], table["to_zone"], strict=True)):
        assert origin != target
        a, b = at[origin], at[target]
        km = great_circle_km([a.lat_deg], [a.lon_deg], [b.lat_deg], [b.lon_deg])[0, 0]
        assert table["distance_km"][n] == pytest.approx(km)
        loss = 0.03 * km / 1000
        assert table["line_loss_share"][n] == pytest.approx(loss)
        assert table["line_loss_mwh"][n] == pytest.approx(table["it_mwh"][n] * loss / (1 - loss))
        assert table["line_mw"][n] >= table["mean_mw"][n] / (1 - loss) * (1 - 1e-12)


@given(scenarios())
@examples(30)
def test_the_least_carbon_needs_no_tie(s: Scenario) -> None:
    """Without cost to choose among equals: as much carbon, as many requests unserved."""
    goal = replace(s.plain_objective, minimise=Minimise.CARBON)
    chosen, any_of_them = plan(s, objective=goal), metrics.least(s, goal)
    assert chosen.status is any_of_them.status
    assume(chosen.ok)
    assert any_of_them.totals.carbon_kg == pytest.approx(chosen.totals.carbon_kg, rel=1e-7)
    lost, demanded = chosen.totals.unserved_requests, s.demand_per_h.sum()
    assert any_of_them.totals.unserved_requests == pytest.approx(lost, abs=1e-7 * demanded)


def test_realised_benefit() -> None:
    """The saving without a limit is never smaller, and the ratio is as it is over without."""
    s = shipped("tiny")
    table = metrics.benefit(s)
    names = list(table["removed"])
    assert names[0] == "none"
    assert names[-1] == "all"
    assert set(names[1:-1]) == set(present(s))
    usd, ratio = np.asarray(table["saving_usd"]), np.asarray(table["realised_ratio_usd"])
    kg = np.asarray(table["saving_kg"])
    assert ratio[0] == 1.0
    assert ratio == pytest.approx(usd[0] / usd)
    masks = [n for n, name in enumerate(names) if name not in ("egress", "all")]
    assert (usd[masks] >= usd[0] - 1e-9).all()
    assert (kg[masks] >= kg[0] - 1e-9).all()
    base = baseline(build_instance(s), "nearest_available").totals
    assert usd[0] == pytest.approx(base.cost_usd - plan(s).totals.cost_usd)


def test_each_limit_is_removed_alone() -> None:
    """Without one limit the others are as they were; without all, none is left."""
    s = shipped("typical-2023").at_hours([0])
    for limit in limits():
        rest = set(present(without(s, limit)))
        assert limit not in rest
        assert rest == set(present(s)) - {limit}
    assert present(without(s, "all")) == ()
    with pytest.raises(KeyError):
        without(s, "physics")


def test_serving_at_least_price_may_save_no_carbon() -> None:
    """Cheap and dirty, expensive and clean: a third off the bill, and not a gram less."""
    free = ["capacity.free=true", "network.egress.scale=0", "points.drop=[small,large-batched]"]
    wide = ["classes.A.residency=null", "residency.eu-stays={}", "classes.A.latency_budget_ms=600"]
    s = shipped("tiny", set=[*free, *wide])
    signals = replace(
        s.signals,
        price_usd_per_mwh=np.where(np.eye(3)[:, [s.signals.zones.index("IN")]] > 0, 200.0, 60.0)
        * np.ones((1, s.hours.count)),
        marginal_g_per_kwh=np.full((3, s.hours.count), 500.0),
    )
    pue = tuple(replace(r, pue=1.2) for r in s.regions)
    s = replace(s, signals=signals, regions=pue)
    instance = build_instance(s)
    best, base = plan(s).totals, baseline(instance, "nearest").totals
    assert best.energy_usd < 0.67 * base.energy_usd
    assert best.carbon_kg == pytest.approx(base.carbon_kg, rel=1e-9)
