"""Sensitivities: every assumption by itself, and in the direction that it must have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.tiers.markets import PRICE, service
from wattlas.model.service import Service
from wattlas.model.users import Prior, Segment, Users
from wattlas.tiers.market import market
from wattlas.tiers.offer import best
from wattlas.tiers.population import population
from wattlas.tiers.sensitivity import SIZE, Varied, profit_gain_usd, sensitivities

USERS = Users(count=800, status_quo=0.05)
SERVED = service(seed=1, full_cost=0.7)


@pytest.fixture(scope="module")
def found() -> list[Varied]:
    """Every assumption about the users above, varied."""
    return sensitivities(SERVED, USERS, PRICE)


def test_each_assumption_is_varied_around_the_base(found: list[Varied]) -> None:
    """Low, base and high in order; the base is one and the same; the widest swing comes first."""
    assert {one.assumption.parameter for one in found} == {
        "consciousness", "weight_accuracy", "value", "scale", "status_quo", "price", "cost",
    }  # fmt: skip
    for one in found:
        low, base, high = one.assumption.values
        assert low < base < high
    assert len({profit_gain_usd(one.offers[1]) for one in found}) == 1
    swings = [
        max(map(profit_gain_usd, one.offers)) - min(map(profit_gain_usd, one.offers))
        for one in found
    ]
    assert swings == sorted(swings, reverse=True)
    assert swings[0] > 0


def test_directions(found: list[Varied]) -> None:
    """Greener users and dearer serving make a tier worth more; dearer quality worth less."""
    gains = {
        one.assumption.parameter: [profit_gain_usd(offer) for offer in one.offers] for one in found
    }
    assert gains["consciousness"] == sorted(gains["consciousness"])
    assert gains["cost"] == sorted(gains["cost"])
    assert gains["value"] == sorted(gains["value"], reverse=True)
    assert gains["status_quo"] == sorted(gains["status_quo"], reverse=True)


def dearer(factor: float) -> Service:
    """The same service, of which every request costs so many times as much."""
    return replace(
        SERVED, full_cost_usd=factor * SERVED.full_cost_usd, cost_usd=factor * SERVED.cost_usd
    )


def users_at(prior: Prior) -> Users:
    """The same users, drawn from another prior."""
    return replace(USERS, prior=prior)


# What each assumption is at its low and at its high: users, price, service.
ENDS = {
    "consciousness": [
        (users_at(Prior(consciousness_mean=theta)), PRICE, SERVED) for theta in (0.0015, 0.225)
    ],
    "weight_accuracy": [
        (users_at(Prior(weight_accuracy_mean=k_a)), PRICE, SERVED) for k_a in (0.3, 0.7)
    ],
    "value": [(users_at(Prior(value_median=worth)), PRICE, SERVED) for worth in (1.0, 4.0)],
    "scale": [(replace(USERS, scale=mu), PRICE, SERVED) for mu in (0.02, 0.15)],
    "status_quo": [(replace(USERS, status_quo=pull), PRICE, SERVED) for pull in (0.0, 0.1)],
    "price": [(USERS, 0.5 * PRICE, SERVED), (USERS, 2.0 * PRICE, SERVED)],
    "cost": [(USERS, PRICE, dearer(0.5)), (USERS, PRICE, dearer(1.5))],
}


def test_each_end_is_the_offer_designed_anew(found: list[Varied]) -> None:
    """At its low and its high an assumption brings what a design under it alone brings."""
    assert {one.assumption.parameter for one in found} == set(ENDS)
    for one in found:
        for offer, (users, price, served) in zip(
            (one.offers[0], one.offers[2]), ENDS[one.assumption.parameter], strict=True
        ):
            anew = best(market(served, population(users, price), price), size=SIZE)
            assert profit_gain_usd(offer) == pytest.approx(profit_gain_usd(anew)), (
                one.assumption.parameter
            )


def test_segments_are_varied_in_proportion() -> None:
    """A population of segments has the mean θ of its segments as the base."""
    users = Users(
        segments=(Segment("a", 1.0, 0.2, 0.5, 0.3), Segment("b", 3.0, 0.6, 0.4, 0.3)), scale=0.05
    )
    served = service(seed=2)
    varied = {one.assumption.parameter: one for one in sensitivities(served, users, PRICE)}
    low, base, _ = varied["consciousness"].assumption.values
    assert base == pytest.approx(0.5)
    assert low == pytest.approx(0.5 / 100)
    anew = replace(users, segments=tuple(replace(s, value=2 * s.value) for s in users.segments))
    twice = best(market(served, population(anew, PRICE), PRICE), size=SIZE)
    assert profit_gain_usd(varied["value"].offers[2]) == pytest.approx(profit_gain_usd(twice))


def test_a_worth_in_usd_is_varied_too_and_the_promise_stays_bound() -> None:
    """Segments that state W in USD have it doubled; `usable` bounds every variation's promise."""
    segment = Segment("a", 1.0, 0.1, 0.5, 0.3, usd_per_utility=1.5)
    users, served = Users(segments=(segment,), scale=0.05), service(seed=2)
    bound = 0.25
    varied = {
        one.assumption.parameter: one for one in sensitivities(served, users, PRICE, usable=bound)
    }
    dear = replace(users, segments=(replace(segment, usd_per_utility=3.0),))
    anew = best(market(served, population(dear, PRICE), PRICE, usable=bound), size=SIZE)
    assert profit_gain_usd(varied["value"].offers[2]) == pytest.approx(profit_gain_usd(anew))
    assert profit_gain_usd(varied["value"].offers[1]) != pytest.approx(profit_gain_usd(anew))
    offers = [offer for one in varied.values() for offer in one.offers if offer is not None]
    assert offers
    assert all(offer.degraded <= bound * (1 + 1e-9) for offer in offers)
