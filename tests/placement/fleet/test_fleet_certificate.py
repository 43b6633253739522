"""A fleet checked from its own prices: what is right passes, what was tampered with does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.golden.solve_worlds import uneven, with_class
from tests.placement.fleet.fleet_oracle import oracle_fleet
from tests.placement.fleet.test_fleet_exact import QUESTIONS, asked
from wattlas.model.contract import ShareCap
from wattlas.model.fleet import Fleet, NeedPrice
from wattlas.model.objective import Window
from wattlas.placement.fleet.certificate import certify_fleet
from wattlas.placement.fleet.fleet import fleet
from wattlas.placement.fleet.size import Sizing
from wattlas.placement.fleet.terms import terms_of


def surviving(question: str = "all") -> Fleet:
    s = asked(0, **QUESTIONS[question])
    names = [[s.regions[r].id for r in regions] for regions in ([0], [1], [2, 3])]
    return fleet(s, survive=names, outage_on_demand_gpu=0.3)


@pytest.mark.parametrize("question", QUESTIONS)
def test_prices_prove_a_fleet(question: str) -> None:
    """The bound from the prices alone is what the fleet costs, and below what GLPK finds."""
    s = asked(1, **QUESTIONS[question])
    proof = certify_fleet(fleet(s))
    assert proof.gap <= 2e-6
    assert proof.worst <= 1e-7
    assert proof.bound <= oracle_fleet(s).cost_usd * (1 + 1e-9)


def test_prices_prove_a_fleet_that_survives() -> None:
    """The needs of outages have prices of their own, and without these nothing is proved."""
    found = surviving()
    proof = certify_fleet(found)
    assert proof.gap <= 2e-6
    assert proof.worst <= 1e-7
    assert any(need.lost for need in found.prices.needs)
    blind = replace(found, prices=replace(found.prices, needs=()))
    assert certify_fleet(blind).gap > 1e-4


def test_a_wrong_price_proves_nothing() -> None:
    """Any price that is changed lowers the bound: weak duality holds for all prices."""
    found = surviving("on demand")
    duals = found.prices.duals["capacity"]
    for factor in (0.5, 1.5, -1.0):
        wrong = {**found.prices.duals, "capacity": factor * duals}
        proof = certify_fleet(replace(found, prices=replace(found.prices, duals=wrong)))
        assert proof.bound <= found.optimal.cost_usd * (1 + 1e-9)
        assert proof.gap > 1e-4


@pytest.mark.parametrize("name", ["mean_accuracy", "degraded_share"])
def test_what_ties_an_hour_beside_accelerators_proves_its_need(name: str) -> None:
    """Without its duals the needs are those of accelerators alone, and prove far less; wrong ones
    prove nothing that is not so."""
    s, rents = with_class(uneven(11, 5), 2, unserved_usd_per_request=None), (17e3, 15.5e3, 11.9e3)
    regions = (
        replace(region, idle_w=71.0, on_demand_gpu=0.0, reserved_usd_per_gpu_year=rent)
        for region, rent in zip(s.regions, rents, strict=True)
    )
    s = replace(s, regions=tuple(regions))
    cap = ShareCap("h", ("code",), ("small",), 0.3, Window.HOUR)
    accurate = with_class(s, 1, mean_accuracy_min=0.63)
    found = fleet(accurate if name == "mean_accuracy" else replace(s, share_caps=(cap,)))
    needs = found.prices.needs
    assert any(name in need.beside for need in needs)

    def bound(*changed: NeedPrice) -> float:
        return certify_fleet(replace(found, prices=replace(found.prices, needs=changed))).bound

    cost = found.optimal.cost_usd
    assert bound(*needs) == pytest.approx(cost, rel=2e-6)
    assert bound(*(replace(need, step=None) for need in needs)) < cost * (1 - 1e-2)
    for factor in (0.5, 2.0, -1.0):
        duals = [{n: factor * dual for n, dual in need.beside.items()} for need in needs]
        made = bound(*(replace(n, beside=d) for n, d in zip(needs, duals, strict=True)))
        assert made < cost * (1 - 1e-4)


def test_a_wrong_fleet_does_not_pass() -> None:
    """Fewer accelerators are short, more cost more, another cost is not what its hours come to."""
    found = surviving("reserved")
    gpu, cost = found.optimal.gpu, found.optimal
    fewer = 0.5 * gpu
    worse = certify_fleet(replace(found, optimal=replace(cost, gpu=fewer)))
    assert max(worse.residuals["served"], worse.residuals["outages"]) > 1e-3
    more = certify_fleet(replace(found, optimal=replace(cost, gpu=1.1 * gpu)))
    assert more.residuals["cost"] > 1e-3
    cheaper = certify_fleet(replace(found, optimal=replace(cost, rent_usd=0.9 * cost.rent_usd)))
    assert cheaper.residuals["cost"] > 1e-3
    assert cheaper.gap < -1e-3


def test_prices_are_of_all_hours_where_a_sample_comes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A search that begins with some hours of each group ends at the same fleet, and its prices
    prove it; no hour is solved for what it needs before its cost is."""
    monkeypatch.setattr("wattlas.placement.fleet.served.SOUNDED", 0)
    s = asked(1)
    terms = terms_of(s)
    sizing = Sizing.of(terms, np.repeat([0, 1], 3))
    start = sizing.roughly(np.clip(terms.own_peaks, terms.lower, terms.upper), lambda _: None)
    found = sizing.exactly([start], (), 1e-6, lambda _: None)
    direct = fleet(s)
    assert found.value == pytest.approx(direct.optimal.cost_usd, rel=2e-6)
    proof = certify_fleet(replace(direct, prices=sizing.prices(found, 0.0)))
    assert abs(proof.gap) <= 2e-6


def test_what_a_sample_leads_to_serves_all_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the hours of each group one is asked for its cost, and none first for what it needs: the
    fleet found serves the others too, also from a start that does not."""
    monkeypatch.setattr("wattlas.placement.fleet.served.SOUNDED", 0)
    terms = terms_of(asked(1))
    sizing = Sizing.of(terms, np.zeros(terms.instance.demand.shape[1], np.int64))
    start = np.clip(terms.own_peaks, terms.lower, terms.upper)
    for part in (1.0, 0.3):
        assert not sizing.needs.broken(sizing.beside(part * start, None, 1e-4)[0])
