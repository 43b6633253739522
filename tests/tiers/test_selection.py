"""Participation and self-selection are looked at, and can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.tiers.markets import PRICE, made, people, service
from wattlas.tiers.market import Contract, choice, market, user_gain_usd
from wattlas.tiers.offer import best
from wattlas.tiers.selection import GROUPS, STANDARD, segments


def test_segments_add_up_to_the_market() -> None:
    """Shares add up to one, and adoption weighed by them is that of the offer."""
    of = made(1, count=300)
    found = best(of, size=40)
    assert found is not None
    rows = segments(of, (found.contract,))
    assert [one.name for one in rows] == list(GROUPS)
    assert sum(one.requests_share for one in rows) == pytest.approx(1.0)
    adopted = sum(one.requests_share * one.adoption for one in rows)
    assert adopted == pytest.approx(found.adoption)
    assert rows[0].consciousness < rows[1].consciousness < rows[2].consciousness


def test_a_discount_that_does_not_cover_the_loss_is_irrational() -> None:
    """At no discount, users who care for quality alone lose by what chance makes them take."""
    of = market(service(seed=2), people(50, 2, theta=0.0, scale=0.3), PRICE)
    row = segments(of, (Contract(2, 0.0, 1.0),))[0]
    assert row.adoption > 0
    assert not row.rational
    assert row.losing_share == pytest.approx(1.0)
    assert row.gain_usd < 0
    covered = segments(of, (Contract(2, 1.0, 0.1),))[0]
    assert covered.rational
    assert covered.losing_share == 0.0


def test_the_many_may_take_what_is_worth_less_in_the_mean() -> None:
    """Where a few would gain much and the many a little less than nothing, it is incompatible."""
    crowd = people(10, 3, theta=0.0, scale=0.0)
    money = np.full(10, 0.5)
    money[0] = 50.0
    crowd = replace(crowd, taste=replace(crowd.taste, usd_per_utility=money), requests=np.ones(10))
    of = market(service(seed=3), crowd, PRICE)
    lost = -user_gain_usd(of, Contract(2, 0.0, 1.0))
    offer = Contract(2, float(np.sort(lost)[-2]) / PRICE, 1.0)
    assert choice(of, (offer,))[:, 1].sum() == 9
    whole = segments(of, (offer,))
    assert any(not one.compatible for one in whole)
    assert {one.prefers for one in whole} == {"green"}


def test_named_segments_keep_their_names() -> None:
    """Segments of the population are told by name, and one that takes nothing prefers standard."""
    crowd = replace(people(3, 4, scale=0.0), names=("a", "b", "c"))
    of = market(service(seed=4), crowd, PRICE)
    rows = segments(of, (Contract(0, 0.0, 0.5),))
    assert [one.name for one in rows] == ["a", "b", "c"]
    for row, gain in zip(rows, user_gain_usd(of, Contract(0, 0.0, 0.5)), strict=True):
        assert row.prefers == ("green" if gain >= 0 else STANDARD)
        assert row.rational


def test_the_preferred_tier_is_that_of_most_requests() -> None:
    """Two users of ten requests outweigh three of one: what most requests take is preferred."""
    crowd = people(15, 6, theta=0.0, scale=0.0)
    heavy = np.arange(15) % 5 < 2
    worth = np.where(heavy, 0.01, 50.0) * PRICE
    crowd = replace(
        crowd,
        taste=replace(crowd.taste, usd_per_utility=worth),
        requests=np.where(heavy, 10.0, 1.0),
    )
    of = market(service(seed=6), crowd, PRICE)
    offer = Contract(0, 0.02, 1.0)
    assert (choice(of, (offer,))[:, 1] == heavy).all()
    rows = segments(of, (offer,))
    assert [one.name for one in rows] == list(GROUPS)
    gain = user_gain_usd(of, offer)
    for n, row in enumerate(rows):
        own = slice(5 * n, 5 * n + 5)
        assert row.prefers == "green"
        assert row.adoption == pytest.approx(20 / 23)
        assert row.requests_share == pytest.approx(1 / 3)
        assert row.gain_usd == pytest.approx(gain[own][heavy[own]].mean())
        assert row.rational
        assert row.losing_share == 0.0


def test_a_segment_is_its_requests_and_not_its_heads() -> None:
    """Consciousness and what is worth most are means over requests, heavy users more than light."""
    crowd = people(15, 7, scale=0.0)
    heavy = np.arange(15) % 5 < 2
    # Of each third (they lie in order of θ) the heavy gain by the offer what the light lose.
    theta = np.linspace(0.0, 0.03, 15)
    zero = np.zeros(15)
    taste = replace(
        crowd.taste, consciousness=theta, weight_accuracy=zero + 1, weight_latency=zero,
        curvature=zero, usd_per_utility=np.where(heavy, 0.01, 12.0) * PRICE,
    )  # fmt: skip
    of = market(
        service(seed=6), replace(crowd, taste=taste, requests=np.where(heavy, 10.0, 1.0)), PRICE
    )
    offer = Contract(0, 0.05, 1.0)
    gain, requests = user_gain_usd(of, offer), of.requests
    for n, row in enumerate(segments(of, (offer,))):
        own = slice(5 * n, 5 * n + 5)
        share = requests[own] / requests[own].sum()
        assert row.consciousness == pytest.approx(share @ theta[own])
        assert share @ gain[own] > 0 > gain[own].mean()
        assert row.prefers == "green"
        assert row.compatible
