"""Sensitivities: every assumption by itself, and in the direction that it must have."""

from __future__ import annotations

import pytest

from tests.tiers.markets import PRICE, service
from wattlas.model.users import Segment, Users
from wattlas.tiers.sensitivity import profit_gain_usd, sensitivities

USERS = Users(count=800, status_quo=0.05)


def test_each_assumption_is_varied_around_the_base() -> None:
    """Low, base and high in order; the base is one and the same; the widest swing comes first."""
    found = sensitivities(service(seed=1, full_cost=0.7), USERS, PRICE)
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


def test_directions() -> None:
    """Greener users and dearer serving make a tier worth more; dearer quality worth less."""
    found = {
        one.assumption.parameter: [profit_gain_usd(offer) for offer in one.offers]
        for one in sensitivities(service(seed=1, full_cost=0.7), USERS, PRICE)
    }
    assert found["consciousness"] == sorted(found["consciousness"])
    assert found["cost"] == sorted(found["cost"])
    assert found["value"] == sorted(found["value"], reverse=True)
    assert found["status_quo"] == sorted(found["status_quo"], reverse=True)


def test_segments_are_varied_in_proportion() -> None:
    """A population of segments has the mean θ of its segments as the base."""
    users = Users(
        segments=(Segment("a", 1.0, 0.2, 0.5, 0.3), Segment("b", 3.0, 0.6, 0.4, 0.3)), scale=0.05
    )
    found = {
        one.assumption.parameter: one.assumption.values
        for one in sensitivities(service(seed=2), users, PRICE)
    }
    assert found["consciousness"][1] == pytest.approx(0.5)
    assert found["consciousness"][0] == pytest.approx(0.5 / 100)
