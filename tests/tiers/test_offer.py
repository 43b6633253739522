"""Offers against closed forms, brute force and plain loops; what must be monotone is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.tiers.markets import (
    PRICE,
    brute_force,
    dirty_hours,
    made,
    markets,
    one_user,
    people,
    service,
    totals,
)
from wattlas.errors import InputError
from wattlas.model.users import Prior, Users
from wattlas.tiers import market as markets_of
from wattlas.tiers.goal import CARBON, PROFIT, SearchGoal, no_loss_usd, objective_value
from wattlas.tiers.grid import Grid, scan_grid
from wattlas.tiers.market import Contract, Market, beside, market
from wattlas.tiers.offer import Offer, best, by_fallback, judge, pareto
from wattlas.tiers.population import population
from wattlas.tiers.search import _settled

contracts = st.builds(Contract, st.just(0), st.floats(0, 0.6), st.floats(0, 1))


@given(markets(), st.floats(0, 0.6), st.floats(0, 1))
@examples(40)
def test_an_offer_is_judged_as_by_hand(of: Market, discount: float, share: float) -> None:
    """Profit gained and carbon saved are what loops over users and steps add up to."""
    one = Contract(len(of.service.points) - 1, discount, share)
    found = judge(of, one)
    before, after = totals(of, ()), totals(of, (one,))
    assert found.profit_gain_usd == pytest.approx(after[0] - before[0], abs=1e-9 * of.volume)
    assert found.carbon_saved_kg == pytest.approx(before[1] - after[1], abs=1e-9 * of.volume)


@given(markets())
@examples(12)
def test_no_offer_of_a_fine_grid_is_better(of: Market) -> None:
    """Brute force over 60 × 200 shares and discounts per fallback finds nothing better."""
    for (objective, fair), top in brute_force(
        of, np.linspace(0, 1, 60), np.linspace(0, 1, 200)
    ).items():
        assert _value(best(of, objective, size=60, fair=fair), objective) >= top * (1 - 1e-4) - 1e-6


TURNED = (9, 13, 17, 25, 31, 56, 66, 86, 89, 106, 130, 144, 152, 162, 177)
"""Of the first 200 worlds those of which a fallback saves money in the dirtiest hours alone."""
FREE = (17, 20, 29, 54, 58, 60, 64, 66, 79, 83, 100, 123, 128, 187)
"""Those of which carbon's best offer has no discount."""
STEEP = (104, 137, 155, 159)
"""Those in which a search that looks twice, or does not settle what it finds, misses the best."""


@pytest.mark.parametrize("seed", sorted({*TURNED, *FREE, *STEEP, *range(0, 200, 4)}))
def test_no_offer_is_better_where_few_hours_decide(seed: int) -> None:
    """The same over worlds whose fallbacks save money in the dirtiest hours alone, or lose it."""
    of = dirty_hours(seed)
    shares = np.linspace(0, max(float(of.savings.usable.max()), 1e-6), 121)
    discounts = np.unique(
        np.concatenate([[0.0], np.geomspace(1e-4, 1, 50), np.linspace(0, 1, 201)])
    )
    for (objective, fair), top in brute_force(of, shares, discounts).items():
        assert _value(best(of, objective, size=60, fair=fair), objective) >= top * (1 - 1e-4) - 1e-6


def test_the_worlds_have_offers_at_no_discount_and_from_dirty_hours_alone() -> None:
    """What the worlds above are for: offers without a discount, and savings that turn negative."""
    offers = [best(dirty_hours(seed), CARBON, size=60, fair=False) for seed in FREE]
    assert sum(offer is not None and offer.discount < 1e-5 for offer in offers) >= 12
    every = [dirty_hours(seed).savings for seed in TURNED]
    assert all(
        np.any((savings.most_usd() > 0) & (savings.at(np.ones(1))[1][:, 0] < 0))
        for savings in every
    )


def _value(offer: Offer | None, objective: str) -> float:
    return 0.0 if offer is None else objective_value(offer, objective)


@given(markets())
@examples(25)
def test_what_is_found_keeps_what_it_must(of: Market) -> None:
    """Carbon's best loses no profit; those who take an offer up gain by it; shares are shares."""
    for objective in (PROFIT, CARBON):
        found = best(of, objective, size=30)
        if found is None:
            continue
        assert 0 <= found.discount <= 1
        assert 0 <= found.degraded <= found.share <= 1
        assert 0 <= found.adoption <= 1
        assert found.gain_usd >= -1e-9
        assert objective == PROFIT or found.profit_gain_usd >= -no_loss_usd(of)


@given(st.floats(0.05, 0.95), st.floats(0.1, 2.0), st.floats(0.0, 0.6))
@examples(40)
def test_one_user_is_offered_what_it_asks(saved: float, worth: float, theta: float) -> None:
    """One user under the hard rule: δ* = φ·I/P at φ = 1 where that is below what is saved.

    I = W·[(1 − θ)·½ − θ·½]: half the quality is lost and half the carbon saved. Zero from θ = ½ on.
    """
    of = one_user(theta, worth=worth, saved=saved)
    asked = max(worth * ((1 - theta) * 0.5 - theta * 0.5), 0.0)
    found = best(of, size=40)
    gains = 0.8 * (1 - saved)
    if asked / PRICE > min(gains, 1.0):
        assert found is None or found.profit_gain_usd <= 1e-9
        return
    assert found is not None
    assert found.fallback == "half" or found.profit_gain_usd == pytest.approx(0.01 * of.volume)
    if asked < gains - 0.02:
        assert found.discount == pytest.approx(asked / PRICE, abs=1e-9)
        assert found.share == pytest.approx(1.0)
        assert found.profit_gain_usd == pytest.approx((gains - asked) * of.volume, rel=1e-6)


def test_the_optimal_discount_of_a_logit_user_solves_its_first_order_condition() -> None:
    """At given share and fallback μ = (1 − Pr)·(gain per adopter), fairness aside."""
    of = one_user(0.1, scale=0.05, worth=0.6, saved=0.3)
    found = best(of, fair=False)
    assert found is not None
    earned = markets_of.margin_usd(of, found.contract) - of.margin_usd
    assert (1 - found.adoption) * earned == pytest.approx(0.05, rel=2e-3)


def test_refinement_is_finer_than_a_ten_thousandth() -> None:
    """Neither discount nor share can be moved by 1e-4 to earn more, all users summed."""
    of = made(3, count=400, scale=0.05, fallbacks=4)
    found = best(of)
    assert found is not None
    for discount, share in ((1e-4, 0), (-1e-4, 0), (0, 1e-4), (0, -1e-4)):
        moved = replace(
            found.contract,
            discount=found.discount + discount,
            share=min(found.share + share, float(of.savings.usable[found.contract.point])),
        )
        rival = judge(of, moved)
        if rival.gain_usd >= 0:
            # Beyond a step the parabola falls by more than bins can hide.
            assert rival.profit_gain_usd <= found.profit_gain_usd * (1 + 1e-6)


def test_binned_sums_are_the_sums() -> None:
    """On the grid, bins are off by less than a tenth of a per cent of the best."""
    of = made(5, count=200, scale=0.05)
    grid = scan_grid(of, 12)
    exact = np.array(
        [
            [
                [judge(of, Contract(f, float(d), float(s))).profit_gain_usd for d in grid.discount]
                for s in grid.share
            ]
            for f in range(3)
        ]
    )
    assert np.abs(exact - grid.profit_gain_usd).max() < 1e-3 * np.abs(exact).max()


@given(markets((0.0, 0.05)))
@examples(15)
def test_a_point_more_is_never_worse(of: Market) -> None:
    """A menu with one more point earns as much, saves as much."""
    fewer = replace(
        of.service,
        points=of.service.points[:-1],
        accuracy=of.service.accuracy[:-1],
        latency_ms=of.service.latency_ms[:-1],
        latest_ms=of.service.latest_ms[:-1],
        cost_usd=of.service.cost_usd[:-1],
        carbon_g=of.service.carbon_g[:-1],
    )
    if not fewer.points:
        return
    less = market(fewer, of.people, PRICE, scale=of.scale)
    for objective in (PROFIT, CARBON):
        wide, narrow = best(of, objective, size=40), best(less, objective, size=40)
        if narrow is None:
            continue
        assert wide is not None
        # The grids differ in their steps, so that each ends within its refinement of the best.
        least = objective_value(narrow, objective) * (1 - 2e-3) - 1e-9 * of.volume
        assert objective_value(wide, objective) >= least


@given(st.integers(0, 5000), st.floats(0.0, 0.5), st.floats(0.05, 0.4))
@examples(40)
def test_a_greener_population_needs_no_larger_discount(
    seed: int, theta: float, more: float
) -> None:
    """Each user's indifference discount falls with θ, and with it what reaches a given adoption."""
    served = service(seed=seed)
    one = Contract(seed % 3, 0.0, 0.5)
    needed = []
    for consciousness in (theta, theta + more):
        crowd = people(seed=seed, theta=consciousness, scale=0.0)
        of = market(served, crowd, PRICE)
        lost = markets_of.lost_usd(of, one)
        order = np.argsort(lost)
        half = np.searchsorted(np.cumsum(of.requests[order]), 0.5 * of.volume)
        needed.append((np.maximum(lost, 0), max(lost[order][half], 0.0)))
    assert (needed[1][0] <= needed[0][0] + 1e-12).all()
    assert needed[1][1] <= needed[0][1] + 1e-12


@given(st.integers(0, 5000), st.integers(0, 2))
@examples(40)
def test_a_larger_share_saves_no_less_carbon(seed: int, fallback: int) -> None:
    """Carbon saved per request rises with the share and is concave; its end is usable."""
    of = made(seed)
    share = np.linspace(0, 1, 41)
    grams = of.savings.at(share)[0][fallback]
    assert (np.diff(grams) >= -1e-9).all()
    inside = share[1:-1] < of.savings.usable[fallback] - 0.05
    assert (np.diff(grams, 2)[inside] <= 1e-9).all()


def test_the_pareto_set_is_one() -> None:
    """Nobody in it is beaten by another, and its ends are near the two single best."""
    of = made(11, count=300, scale=0.05)
    front = pareto(of, scan_grid(of, 80), most=50)
    profit = np.array([one.profit_gain_usd for one in front])
    carbon = np.array([one.carbon_saved_kg for one in front])
    assert len(front) > 5
    assert (np.diff(profit) < 1e-9).all()
    assert (np.diff(carbon) > -1e-9).all()
    most, cleanest = best(of, PROFIT), best(of, CARBON)
    assert most is not None
    assert cleanest is not None
    assert profit[0] == pytest.approx(most.profit_gain_usd, rel=1e-3)
    assert carbon[-1] == pytest.approx(cleanest.carbon_saved_kg, rel=0.03)


def test_each_fallback_has_its_best() -> None:
    """The best of all fallbacks is the best of the best of each."""
    of = made(2, count=100)
    each = [one for one in by_fallback(of, size=60) if one is not None]
    whole = best(of, size=60)
    assert whole is not None
    top = max(each, key=lambda one: one.profit_gain_usd)
    assert top.profit_gain_usd == pytest.approx(whole.profit_gain_usd, rel=1e-4)


def test_those_who_leave_are_not_carbon_saved() -> None:
    """A contract that nobody wants saves nothing, however many leave."""
    of = made(4, outside=5.0, scale=0.05)
    assert markets_of.choice(of, ())[:, -1].min() > 0.9
    found = judge(of, Contract(0, 0.0, 1.0))
    assert found.carbon_saved_kg < 0.01 * of.volume * of.full_carbon_g / 1e3


def test_bad_markets_are_told_at_once() -> None:
    """An empty menu, a price of nothing, shares outside 0..1, a fallback above full service."""
    bare = replace(
        service(fallbacks=1), points=(), accuracy=np.zeros(0), latency_ms=np.zeros(0),
        latest_ms=np.zeros(0), cost_usd=np.zeros((0, 6)), carbon_g=np.zeros((0, 6)),
    )  # fmt: skip
    with pytest.raises(InputError) as caught:
        market(bare, people(), 0.0, usable=1.5)
    assert [p.where for p in caught.value.problems] == ["menu", "price of class chat", "usable"]
    better = replace(
        service(fallbacks=2), accuracy=np.array([0.95, 1.2]), latency_ms=np.array([100.0, 900.0])
    )
    with pytest.raises(InputError) as caught:
        market(better, people(), PRICE)
    assert [p.what for p in caught.value.problems] == [
        "is better than full service in accuracy and in latency",
        "has the accuracy 1.2, wanted 0..1",
    ]
    with pytest.raises(InputError, match="shape"):
        replace(service(), accuracy=np.zeros(2))
    with pytest.raises(InputError, match="holds no requests"):
        replace(service(), requests=np.zeros(6))


def test_a_prior_is_a_market_too() -> None:
    """Draws from the default prior make a market in which a tier pays."""
    users = Users(Prior(), count=2000)
    of = market(service(fallbacks=5, full_cost=0.8), population(users, PRICE), PRICE)
    found = best(of, size=60)
    assert found is not None
    assert found.profit_gain_usd > 0


def test_the_edges_of_what_is_allowed_are_found_between_two_discounts() -> None:
    """The best for a share may lie at either edge of what is allowed, interpolated on its line."""
    discount = np.linspace(0.0, 0.5, 6)
    flat = np.ones((1, 1, 6))

    def grid(profit: np.ndarray, carbon: np.ndarray, gained: np.ndarray) -> Grid:
        return Grid(np.array([0.5]), discount, profit * flat, carbon * flat, flat, gained * flat)

    # Fair from a discount of 0.17 on, while each discount costs: the lower edge is the best.
    value, where = SearchGoal(PROFIT, True, 0.0).along(
        grid(1 - discount, discount, discount - 0.17)
    )
    assert where == pytest.approx([0.17])
    assert value == pytest.approx([0.83])
    # No loss of profit up to a discount of 0.34, while each saves carbon: the upper edge is.
    goal = SearchGoal(CARBON, True, 0.02)
    value, where = goal.along(grid(0.36 - discount, 2 * discount, discount - 0.17))
    assert where == pytest.approx([0.34])
    assert value == pytest.approx([0.68])
    # Where two conditions end between the same two discounts, the nearer one is the edge.
    tight = SearchGoal(CARBON, True, 0.02).along(
        grid(0.36 - discount, 2 * discount, 0.31 - discount)
    )
    assert tight[1] == pytest.approx([0.31])
    assert tight[0] == pytest.approx([0.62])
    tight = SearchGoal(CARBON, True, 0.02).along(
        grid(0.33 - discount, 2 * discount, 0.34 - discount)
    )
    assert tight[1] == pytest.approx([0.31])
    # Between the edges where the best is inside; nothing where nothing is allowed.
    inside = -np.abs(discount - 0.3)
    value, where = goal.along(grid(0.46 - discount, inside, discount - 0.17))
    assert where == pytest.approx([0.3])
    value, _ = goal.along(grid(0.36 - discount, inside, discount - 0.9))
    assert np.isneginf(value).all()


@pytest.mark.parametrize(
    ("room", "share"),
    [
        (lambda contract: 0.2 - contract.share, 0.2),
        (lambda contract: contract.share - 0.3, 0.3),
        (lambda contract: contract.discount - 0.15, 0.25),
        (lambda contract: -1.0, 0.25),
    ],
)
def test_a_contract_settles_at_the_nearest_that_is_allowed(
    room: Callable[[Contract], float], share: float
) -> None:
    """By its discount alone where that will do, else at a smaller or a larger share; where nothing
    is allowed it stays as it is.
    """
    of = made(3)
    goal: Any = SimpleNamespace(rooms_usd=lambda _market, _rest, contract: (room(contract), 1.0))
    point = int(np.argmax(of.savings.usable))
    assert of.savings.usable[point] > 0.3
    settled = _settled(of, beside(of), Contract(point, 0.1, 0.25), (0.05, 0.02), goal)
    assert settled.share == pytest.approx(share, abs=1e-5)
    assert settled.point == point
    assert room(settled) >= -1e-6 or room(settled) == -1.0
