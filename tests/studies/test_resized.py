"""What contracts save a fleet that may be resized: two allocations of one contract."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.shipped import shipped
from wattlas.errors import InputError
from wattlas.model.contract import Tier
from wattlas.model.offer import offer
from wattlas.model.scenario import Scenario
from wattlas.model.users import Users
from wattlas.placement.fleet.fleet import fleet
from wattlas.placement.fleet.tiered import tiered_fleet
from wattlas.studies.offers import design_tiers
from wattlas.studies.resized import CARBON, PEAK, Resized, _ResizeQuestion, fleet_without, resize
from wattlas.studies.resized_listings import resized_listing, resized_mapping, resized_words


@pytest.fixture(scope="module")
def tiny() -> Scenario:
    """The tiny example, whose accelerators are reserved, with users."""
    world = shipped("tiny", set=["classes.A.accuracy_min=0.8"])
    return replace(world, users=Users(count=300, usd_per_mtok_in=2.0, usd_per_mtok_out=10.0))


@pytest.fixture(scope="module")
def resized(tiny: Scenario) -> Resized:
    return resize(design_tiers(tiny, size=40, sensitive=False))


def test_no_tier_with_the_fleet_as_it_is_and_one_where_it_may_be_resized(resized: Resized) -> None:
    """Reserved accelerators are paid for: freed ones are worth something only if given back."""
    chat = resized.designs[0]
    assert not chat.design.verdict.worth
    at_peak, dirty = chat.allocations
    assert (at_peak.when, dirty.when) == (PEAK, CARBON)
    assert at_peak.worth
    assert at_peak.offer.contract == dirty.offer.contract
    assert not resized.designs[1].allocations


def test_savings_are_differences_of_fleets(resized: Resized, tiny: Scenario) -> None:
    """Both found again from the scenario with the contract; within their bounds, at most the rent,
    and the peak saves no less than the dirty hours."""
    at_peak, dirty = resized.designs[0].allocations
    contract = at_peak.offer.contract
    service = resized.designs[0].design.service
    late = max(1.0, float(service.latest_ms[contract.point]) / 300.0)
    tier = Tier(
        "again", contract.share, at_peak.adopted, latency_factor=late, classes=("A",),
        points=("small",),
    )  # fmt: skip
    base = fleet(tiny)
    again = tiered_fleet(offer(tiny, [tier]))
    saved = base.optimal.cost_usd - again.optimal.cost_usd
    assert at_peak.saved_usd == pytest.approx(saved, rel=1e-3)
    assert at_peak.saved_low_usd <= saved <= at_peak.saved_high_usd
    assert 0 <= at_peak.saved_usd <= base.optimal.rent_usd
    assert dirty.saved_usd <= at_peak.saved_high_usd
    for allocation in (at_peak, dirty):
        under = allocation.adopted * service.requests.sum()
        assert allocation.degraded <= contract.share * under * (1 + 1e-6)


def test_adoption_and_saving_belong_together(resized: Resized) -> None:
    """The fleet is that of the adoption which the offer brings, and profit is what it saves less
    the discount."""
    for allocation in resized.designs[0].allocations:
        offered = allocation.offer
        assert offered.adoption == pytest.approx(allocation.adopted, rel=5e-3)
        design = resized.designs[0].design
        assert design.market is not None
        adopted = offered.adoption * design.market.volume
        paid = offered.discount * design.price_usd * adopted
        saved = allocation.saved_usd * offered.adoption / allocation.adopted
        assert offered.profit_gain_usd == pytest.approx(saved - paid, rel=1e-6)


def test_the_estimate_is_rent_and_energy_by_hand(resized: Resized, tiny: Scenario) -> None:
    """What the peak frees at the rent of an accelerator, and what degraded requests spare."""
    design, base = resized.designs[0].design, resized.base.optimal
    question = _ResizeQuestion(resized.design, design, resized.base, True, 1e-4)
    peaks, served = question._peaks(), design.service
    gpu_h = {o.id: tiny.classes[0].gpu_h(o) for o in tiny.points}
    full = min(gpu_h[name] for name in served.full_points)
    for n, name in enumerate(served.points):
        spared = sum(
            requests * (whole - low)
            for requests, whole, low in zip(
                served.requests, served.full_cost_usd, served.cost_usd[n], strict=True
            )
        )
        rent = base.rent_usd / sum(base.gpu)
        for adopted, share in ((0.4, 0.3), (0.2, 0.9)):
            fewer = peaks.lowered(full - gpu_h[name], adopted, share)
            expected = rent * fewer + max(spared, 0.0) * adopted * share
            assert question._estimate(peaks)(n, adopted, share) == pytest.approx(expected)


def test_it_is_told_with_its_assumption(resized: Resized) -> None:
    """Sentences, listing and JSON say the same, and that a lease must end first."""
    told = resized_mapping(resized)
    assert "lease ends" in told["assumption"]
    rows = told["allocations"]
    assert [row["degraded_when"] for row in rows] == [PEAK, CARBON]
    assert rows[0]["saved_usd"] == resized.designs[0].allocations[0].saved_usd
    words = " ".join(resized_words(resized))
    assert "offer a tier" in words
    assert "no contract pays" in words
    listing = resized_listing(resized)
    assert listing is not None
    assert any("on demand" in note for note in listing.notes)


def test_what_it_does_not_take(tiny: Scenario) -> None:
    """A sample of days misses the peak; without a rent nothing is saved by holding fewer."""
    weighed = tiny.at_hours(np.arange(0, 24, 2), np.full(12, 2.0))
    with pytest.raises(InputError, match=r"time\.sample"):
        fleet_without(weighed)
    free = tuple(replace(region, reserved_usd_per_gpu_year=0.0) for region in tiny.regions)
    with pytest.raises(InputError, match="reserved_usd_per_gpu_year"):
        fleet_without(replace(tiny, regions=free))
