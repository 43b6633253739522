"""Sensitivities: the same offer where one assumption is wrong, and the three tests it passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.tiers.markets import PRICE, service, totals
from wattlas.model.service import Service
from wattlas.model.users import Prior, Segment, Users
from wattlas.tiers.goal import CARBON, PROFIT
from wattlas.tiers.market import Market, market, reference_g
from wattlas.tiers.offer import Offer, best
from wattlas.tiers.population import population
from wattlas.tiers.sensitivity import (
    Billing,
    Varied,
    _swing,
    passes,
    sensitivities,
    usd_per_t,
)

USERS = Users(count=60, status_quo=0.05, scale=0.05)
SERVED = service(seed=1, full_cost=0.7)
FREE = replace(SERVED, full_cost_usd=0.5 * SERVED.full_cost_usd, cost_usd=0.5 * SERVED.cost_usd)
BILLING = Billing(FREE, "accelerators are paid for already", 2.0, 0.0)


def sold(served: Service, users: Users, price: float, usable: float = 1.0) -> Market:
    """The market of some users."""
    people = population(users, price, reference_g(served))
    return market(served, people, price, usable=usable)


@pytest.fixture(scope="module")
def offer() -> Offer:
    """The offer that is judged."""
    made = best(sold(SERVED, USERS, PRICE), size=60)
    assert made is not None
    return made


@pytest.fixture(scope="module")
def varied(offer: Offer) -> list[Varied]:
    """Every assumption about the users above, varied."""
    return sensitivities(SERVED, USERS, PRICE, offer.contract, BILLING)


def test_the_tests_come_first_and_the_base_is_the_offer(varied: list[Varied], offer: Offer) -> None:
    """Billing, willingness and noise; then the widest swing; one base, that of the card."""
    names = [each.assumption.parameter for each in varied]
    assert names[:3] == ["billing", "usd_per_t", "scale"]
    assert sorted(names[3:]) == ["cost", "price", "status_quo", "value", "weight_accuracy"]
    assert [each.passed is not None for each in varied] == [True] * 3 + [False] * 5
    for each in varied:
        low, base, high = each.assumption.values
        assert low <= base <= high
        assert low < high
        assert each.offers[1].profit_gain_usd == pytest.approx(offer.profit_gain_usd)
        assert each.offers[1].carbon_saved_kg == pytest.approx(offer.carbon_saved_kg)
    gains = [[o.profit_gain_usd for o in each.offers] for each in varied[3:]]
    swings = [max(gain) - min(gain) for gain in gains]
    assert swings == sorted(swings, reverse=True)


def at(factor: float) -> Service:
    """The same service, of which every request costs so many times as much."""
    return replace(
        SERVED, full_cost_usd=factor * SERVED.full_cost_usd, cost_usd=factor * SERVED.cost_usd
    )


def drawn(**prior: float) -> Users:
    """The same users, drawn from another prior."""
    return replace(USERS, prior=Prior(**prior))


# What each assumption is at its low and at its high: users, price, service.
ENDS = {
    "billing": [(USERS, PRICE, FREE), (USERS, PRICE, SERVED)],
    "usd_per_t": [(drawn(usd_per_t_median=10.0), PRICE, SERVED), None],
    "scale": [(replace(USERS, scale=mu), PRICE, SERVED) for mu in (0.0, 0.15)],
    "weight_accuracy": [(drawn(weight_accuracy_mean=k_a), PRICE, SERVED) for k_a in (0.3, 0.7)],
    "value": [(drawn(value_median=worth), PRICE, SERVED) for worth in (1.0, 4.0)],
    "status_quo": [(replace(USERS, status_quo=pull), PRICE, SERVED) for pull in (0.0, 0.1)],
    "price": [(USERS, 0.5 * PRICE, SERVED), (USERS, 2.0 * PRICE, SERVED)],
    "cost": [(USERS, PRICE, at(0.5)), (USERS, PRICE, at(1.5))],
}


def test_each_end_is_the_same_offer_by_hand(varied: list[Varied], offer: Offer) -> None:
    """Profit and carbon at each end are what loops over users and steps add up to."""
    for each in varied:
        for end, judged in zip(ENDS[each.assumption.parameter], each.offers[::2], strict=True):
            if end is None or end[1] != PRICE:  # the loops know one price
                continue
            of = sold(end[2], end[0], end[1])
            before, after = totals(of, ()), totals(of, (offer.contract,))
            assert judged.profit_gain_usd == pytest.approx(after[0] - before[0], abs=1e-8)
            assert judged.carbon_saved_kg == pytest.approx(before[1] - after[1], abs=1e-8)


def test_directions(varied: list[Varied]) -> None:
    """Greener users and more expensive serving make the offer worth more; inertia less."""
    gains = {each.assumption.parameter: [o.profit_gain_usd for o in each.offers] for each in varied}
    assert gains["usd_per_t"] == sorted(gains["usd_per_t"])
    assert gains["cost"] == sorted(gains["cost"])
    assert gains["billing"] == sorted(gains["billing"])


@pytest.mark.parametrize(("paid", "other"), [(2.0, 0.0), (0.5, 3.0)])
def test_billing_otherwise_is_on_its_own_side(offer: Offer, paid: float, other: float) -> None:
    """Lower or higher than what is assumed: rates rise, and the other one judges that end."""
    billing = Billing(FREE, "billed otherwise", paid, other)
    row = sensitivities(SERVED, USERS, PRICE, offer.contract, billing)[0]
    assert row.assumption.values == tuple(sorted((paid, paid, other)))
    of = sold(FREE, USERS, PRICE)
    before, after = totals(of, ()), totals(of, (offer.contract,))
    at = 2 if other > paid else 0
    assert row.tested is row.offers[at]
    assert row.tested.profit_gain_usd == pytest.approx(after[0] - before[0], abs=1e-8)
    assert row.offers[2 - at].profit_gain_usd == row.offers[1].profit_gain_usd


def test_assumptions_are_ranked_by_all_that_they_move(varied: list[Varied], offer: Offer) -> None:
    """Also where both ends are alike and the middle is not; tests come first."""
    gains = [[o.profit_gain_usd for o in row.offers] for row in varied if row.passed is None]
    swings = [max(three) - min(three) for three in gains]
    assert swings == sorted(swings, reverse=True)
    peak = [replace(offer, profit_gain_usd=usd) for usd in (5.0, -3.0, 4.0)]
    assert _swing(replace(varied[0], offers=(peak[0], peak[1], peak[2]))) == 8.0


def test_a_test_is_passed_where_the_offer_is_still_worth_making(offer: Offer) -> None:
    """No loss of profit, carbon saved, and a thousandth of what was asked for."""
    of = sold(SERVED, USERS, PRICE)
    profit = of.margin_usd * of.volume
    assert passes(of, offer, PROFIT)
    assert passes(of, replace(offer, profit_gain_usd=1.1e-3 * profit), PROFIT)
    assert not passes(of, replace(offer, profit_gain_usd=0.9e-3 * profit), PROFIT)
    assert not passes(of, replace(offer, profit_gain_usd=-1.0), CARBON)
    assert not passes(of, replace(offer, carbon_saved_kg=0.0), PROFIT)
    # Accelerators that cost nothing more: nothing pays for the discount.
    free = replace(SERVED, cost_usd=np.broadcast_to(SERVED.full_cost_usd, SERVED.cost_usd.shape))
    billing = Billing(free, "paid", 2.0, 0.0)
    failed = sensitivities(SERVED, USERS, PRICE, offer.contract, billing)[0]
    assert failed.passed is False
    assert failed.tested.profit_gain_usd < 0


def test_segments_are_varied_in_proportion_and_in_usd() -> None:
    """A worth in USD doubles, too; a tonne is worth 10 USD to each in the test."""
    segments = (
        Segment("a", 1.0, 0.2, 0.95, 0.05, usd_per_utility=1.5),
        Segment("b", 3.0, None, 0.4, 0.3, usd_per_t=80.0),
    )
    users, bound = Users(segments=segments, scale=0.05), 0.25
    of = sold(SERVED, users, PRICE, bound)
    offer = best(of, size=60)
    assert offer is not None
    rows = sensitivities(SERVED, users, PRICE, offer.contract, BILLING, usable=bound)
    varied = {each.assumption.parameter: each for each in rows}
    twice = tuple(
        replace(s, value=2 * s.value, usd_per_utility=s.usd_per_utility and 2 * s.usd_per_utility)
        for s in segments
    )
    poor = tuple(replace(s, consciousness=None, usd_per_t=10.0) for s in segments)
    least, mean, most = varied["weight_accuracy"].assumption.values
    assert mean == pytest.approx((0.95 + 3 * 0.4) / 4)
    fussy = tuple(
        replace(s, weight_accuracy=min(s.weight_accuracy * most / mean, 1.0)) for s in segments
    )
    assert fussy[0].weight_accuracy == 1.0
    easy = tuple(replace(s, weight_accuracy=s.weight_accuracy * least / mean) for s in segments)
    for name, side, changed in (
        ("value", 2, twice), ("usd_per_t", 0, poor), ("weight_accuracy", 2, fussy),
        ("weight_accuracy", 0, easy),
    ):  # fmt: skip
        other = sold(SERVED, replace(users, segments=changed), PRICE, bound)
        before, after = totals(other, ()), totals(other, (offer.contract,))
        judged = varied[name].offers[side]
        assert judged.profit_gain_usd == pytest.approx(after[0] - before[0], abs=1e-8)
    assert all(o.degraded <= bound * (1 + 1e-9) for each in rows for o in each.offers)


def test_what_a_tonne_is_worth_is_the_median() -> None:
    """The prior's median comes back, and the value of the larger segment."""
    assert usd_per_t(SERVED, Users(count=40_000), PRICE) == pytest.approx(50.0, rel=0.03)
    segments = (Segment("a", 1.0, None, 0.5, 0.3, usd_per_t=5), Segment("b", 3.0, None, 0.4, 0.3))
    assert usd_per_t(SERVED, Users(segments=segments), PRICE) == pytest.approx(50.0)
