"""Several contracts: what they bring together, and that more are never worse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.tiers.markets import PRICE, made, markets, totals
from wattlas.model.service import Service
from wattlas.tiers.goal import CARBON, PROFIT, no_loss_usd
from wattlas.tiers.ladder import Ladder, _allowed, judged_together, ladder
from wattlas.tiers.market import (
    Contract,
    Market,
    adoption_probability,
    beside,
    choice,
    market,
    user_gain_usd,
)
from wattlas.tiers.offer import best, judge
from wattlas.tiers.population import Population
from wattlas.tiers.utility import Taste


@given(markets(), st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 1)), max_size=3))
@examples(40)
def test_contracts_together_are_as_by_hand(of: Market, drawn: list[tuple[float, float]]) -> None:
    """Profit and carbon of several contracts are what loops over users and steps add up to."""
    count = len(of.service.points)
    some = tuple(Contract(n % count, d, s) for n, (d, s) in enumerate(drawn))
    found = judged_together(of, some)
    before, after = totals(of, ()), totals(of, some)
    assert found.profit_gain_usd == pytest.approx(after[0] - before[0], abs=1e-9 * of.volume)
    assert found.carbon_saved_kg == pytest.approx(before[1] - after[1], abs=1e-9 * of.volume)
    assert found.standard + found.left + sum(found.adoption) == pytest.approx(1.0)


@given(markets((0.02, 0.2)), st.floats(0, 0.5), st.floats(0, 1))
@examples(40)
def test_what_is_beside_a_contract_gives_its_chance(
    of: Market, discount: float, share: float
) -> None:
    """The chance of one contract beside two others is its column of all choices."""
    one = Contract(0, discount, share)
    others = (Contract(0, 0.1, 0.3), Contract(len(of.service.points) - 1, 0.2, 0.6))
    alone = adoption_probability(of, user_gain_usd(of, one), beside(of, others))
    np.testing.assert_allclose(alone, choice(of, (one, *others))[:, 1], atol=1e-12)


@pytest.mark.parametrize(("objective", "seed"), [(PROFIT, 0), (CARBON, 1)])
def test_a_further_contract_is_never_worse(objective: str, seed: int) -> None:
    """One, two and three contracts: each is worth at least the fewer, and one is the best."""
    of = made(seed, count=30, scale=0.05)
    found = [ladder(of, most, objective, size=20) for most in (1, 2, 3)]
    value = [one.profit_gain_usd if objective == PROFIT else one.carbon_saved_kg for one in found]
    assert (np.diff(value) >= -1e-12).all()
    single = best(of, objective, size=20)
    if single is None:
        assert not found[0].offers
        return
    assert found[0].contracts == (single.contract,)
    if objective == CARBON:
        assert all(one.profit_gain_usd >= -1e-6 * of.volume * PRICE for one in found)


def test_two_kinds_of_users_get_two_contracts() -> None:
    """One easy user and three picky ones, a deep fallback and a mild one, by hand.

    The deep fallback saves 0.72 and costs the easy 0.1, the picky 1; the mild one saves 0.16 and
    costs 0.01 and 0.1. One contract is best as the deep one for the easy, at 0.1: it earns 0.62.
    Beside a mild one at 0.1, which the easy would rather have by 0.09, the deep one takes 0.19:
    0.72 − 0.19 + 3·(0.16 − 0.1) = 0.71.
    """
    two_fallbacks = Service(
        "chat", 500.0, np.ones(1), 1.0, 100.0, np.array([0.8]), np.array([100.0]),
        ("mild", "deep"), np.array([0.95, 0.5]), np.full(2, 100.0), np.full(2, 100.0),
        np.array([[0.64], [0.08]]), np.array([[80.0], [10.0]]),
    )  # fmt: skip
    worth = np.array([0.2, 2.0])
    taste = Taste(np.zeros(2), np.ones(2), np.zeros(2), np.zeros(2), worth)
    of = market(two_fallbacks, Population(taste, np.array([1.0, 3.0]), 0.0), PRICE)
    one, two = (ladder(of, most, size=60) for most in (1, 2))
    assert one.profit_gain_usd == pytest.approx(0.62 / 4, rel=1e-6)
    assert two.profit_gain_usd == pytest.approx(0.71 / 4, rel=1e-3)
    assert {offer.fallback for offer in two.offers} == {"mild", "deep"}


def test_each_offer_is_judged_beside_the_others() -> None:
    """What an offer of a ladder brings is the whole less the whole without it."""
    of = made(3, count=50, scale=0.05)
    some = (Contract(0, 0.1, 0.4), Contract(2, 0.2, 0.7))
    whole = judged_together(of, some)
    without = judged_together(of, some[:1])
    gained = whole.profit_gain_usd - without.profit_gain_usd
    assert whole.offers[1].profit_gain_usd == pytest.approx(gained, abs=1e-9)
    assert judge(of, some[1], some[:1]).profit_gain_usd == pytest.approx(gained, abs=1e-9)


def test_a_ladder_has_a_rung() -> None:
    """Fewer than one contract is refused."""
    with pytest.raises(ValueError, match="at least one"):
        ladder(made(0), 0)


def test_least_carbon_may_cost_no_more_than_rounding() -> None:
    """Contracts for carbon keep the profit, to a hair; those for profit are judged by it alone."""
    of = made(1)
    hair = no_loss_usd(of)
    assert 0 < hair < 1e-6 * of.volume * PRICE
    for profit, kept in ((hair, True), (0.0, True), (-0.9 * hair, True), (-1.1 * hair, False)):
        tried = Ladder((), profit, 1.0, (), 1.0, 0.0)
        assert _allowed(of, tried, CARBON) is kept
        assert _allowed(of, tried, PROFIT)
