"""Utility and populations against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from wattlas.errors import InputError
from wattlas.model.users import Prior, Scale, Segment, Terms, Users
from wattlas.tiers.population import Population, consciousness_of, population
from wattlas.tiers.utility import (
    PerceivedPoints,
    Taste,
    curved,
    quality,
    utility,
)

SCALE = Scale(0.5, 0.9, 100.0, 1100.0, 0.2)
POINTS = PerceivedPoints(
    np.array([0.9, 0.7, 0.5]), np.array([600.0, 350.0, 100.0]), np.array([0.2, 0.1, 0.05])
)


def one(theta: float = 0.0, k_a: float = 0.5, k_l: float = 0.5, rho: float = 0.0) -> Taste:
    return Taste(*(np.array([v]) for v in (theta, k_a, k_l, rho, 0.01)))


def test_quality_by_hand() -> None:
    """Accuracy scores 1, ½, 0 and latency ½, ¾, 1: additive, and with an interaction."""
    np.testing.assert_allclose(quality(POINTS, one(), SCALE)[0], [0.75, 0.625, 0.5])
    both = quality(POINTS, one(k_a=0.4, k_l=0.2), SCALE)[0]
    want = [0.4 + 0.1 + 0.4 * 0.5, 0.2 + 0.15 + 0.4 * 0.375, 0.2]
    np.testing.assert_allclose(both, want)


def test_utility_by_hand() -> None:
    """A third of the utility is environmental: 1 − c/c_ref is 0, ½, ¾."""
    felt = utility(POINTS, one(theta=1 / 3), SCALE)[0]
    np.testing.assert_allclose(felt, [0.5, 0.625 * 2 / 3 + 0.5 / 3, 0.5 * 2 / 3 + 0.75 / 3])


def test_curvature_is_continuous_at_zero() -> None:
    """u(q) tends to q as ρ tends to 0, and is concave above."""
    q = np.linspace(0, 1, 11)
    np.testing.assert_allclose(curved(q, np.array([1e-7]))[0], q, atol=1e-7)
    np.testing.assert_allclose(curved(q, np.array([0.0]))[0], q)
    bent = curved(q, np.array([3.0]))[0]
    assert bent[0] == 0.0
    assert bent[-1] == pytest.approx(1.0)
    assert (np.diff(bent, 2) < 0).all()


def test_draws_are_the_prior_and_repeat() -> None:
    """Means and medians of many draws are the prior's, and the seed gives the same ones."""
    users = Users(count=40_000)
    taste = population(users, 0.01, 0.5).taste
    usd_per_t = taste.usd_per_utility * taste.consciousness / 0.5 * 1e6
    assert np.median(usd_per_t) == pytest.approx(50.0, rel=0.03)
    assert np.log(usd_per_t).std() == pytest.approx(1.0, rel=0.02)
    assert (population(users, 0.01).taste.consciousness == 0).all()
    assert np.median(taste.usd_per_utility) == pytest.approx(0.02, rel=0.02)
    assert (taste.weight_accuracy + taste.weight_latency <= 1 + 1e-12).all()
    again = population(users, 0.01).taste
    np.testing.assert_array_equal(taste.curvature, again.curvature)
    greener = population(Users(Prior(consciousness_mean=0.5), count=40_000), 0.01)
    assert greener.taste.consciousness.mean() > 0.45


def test_segments_take_the_place_of_the_prior() -> None:
    """Worth is a multiple of the price, or USD where it is given so; shares are requests."""
    users = Users(
        segments=(
            Segment("green", 0.25, 0.5, 0.4, 0.3, value=3.0),
            Segment("grey", 0.75, 0.0, 0.6, 0.4, usd_per_utility=0.004),
        ),
        scale=0.1,
        status_quo=0.2,
    )
    people = population(users, 0.001)
    assert people.names == ("green", "grey")
    np.testing.assert_allclose(people.share, [0.25, 0.75])
    np.testing.assert_allclose(people.taste.usd_per_utility, [0.003, 0.004])
    assert people.scale_usd == pytest.approx(1e-4)
    assert people.status_quo_usd == pytest.approx(2e-4)


def test_money_takes_the_place_of_multiples_of_the_price() -> None:
    """μ and the worth of leaving in USD hold at any price; else they follow it."""
    fitted = Users(count=10, scale=0.1, scale_usd=0.002, outside=0.5, outside_usd=-0.001)
    for price in (0.001, 1.0):
        assert population(fitted, price).scale_usd == fitted.spread_usd(price) == 0.002
        assert fitted.leaving_usd(price) == -0.001
    guessed = Users(count=10, scale=0.1, outside=0.5)
    assert population(guessed, 0.01).scale_usd == guessed.spread_usd(0.01) == 0.1 * 0.01
    assert guessed.leaving_usd(0.01) == 0.5 * 0.01
    assert population(Users(count=10, scale_usd=0.0), 0.01).scale_usd == 0.0


def test_bad_populations_and_scales_are_told_at_once() -> None:
    """Nobody, shares outside 0..1 and negative money in one error."""
    with pytest.raises(InputError) as caught:
        Population(
            Taste(*(np.array([v]) for v in (1.2, -0.1, 0.5, 0.0, -1.0))), np.array([0.0]), -0.1
        )
    assert [p.where for p in caught.value.problems] == [
        "consciousness", "weight_accuracy", "usd_per_utility", "requests", "scale_usd",
    ]  # fmt: skip
    with pytest.raises(InputError) as caught:
        Scale(0.9, 0.5, 100.0, 100.0, 0.0)
    assert len(caught.value.problems) == 3


def test_a_contract_that_is_worth_nothing_is_hardly_taken() -> None:
    """With the defaults, of users to whom it is worth nothing 2 % take it."""
    users = Users()
    assert 1 / (1 + np.exp(users.status_quo / users.scale)) < 0.02
    assert Terms().cap_share == 0.8


def test_a_tonne_is_worth_no_more_than_all_of_utility() -> None:
    """θ is by what a tonne is worth, at most 1, and 0 for users to whom nothing is worth money."""
    theta = consciousness_of(np.array([50.0, 1e9, 50.0]), np.array([0.001, 0.001, 0.0]), 0.2)
    np.testing.assert_allclose(theta, [50 * 0.2 / 1e6 / 0.001, 1.0, 0.0])


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_shares_may_be_nothing_or_all(value: float) -> None:
    """The ends of every range belong to it, and nobody need pay for quality, nor pull."""
    taste = Taste(*(np.array([v]) for v in (value, value, value, 0.0, 0.0)))
    people = Population(taste, np.array([1.0, 0.0])[:1], 0.0, 0.0)
    assert people.taste is taste
    for n, name in enumerate(("consciousness", "weight_accuracy", "weight_latency")):
        for beyond in (-1e-9, 1 + 1e-9):
            columns = [np.array([v]) for v in (value, value, value, 0.0, 0.0)]
            columns[n] = np.array([beyond])
            with pytest.raises(InputError) as caught:
                Population(Taste(*columns), np.ones(1), 0.0, 0.0)
            assert [problem.where for problem in caught.value.problems] == [name]
