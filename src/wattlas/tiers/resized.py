"""The contract to offer where the fleet may be resized, with the saving a function of adoption.

    profit(δ, φ, o) = S(o, a, φ) − δ·P·a·N            a the adoption that (δ, φ, o) brings

S is what the fleet with the contract costs less than without. Unlike what a degraded request saves
in energy it is not so much per request: the first that are degraded at the peak save most, and what
is saved depends on how many adopt. So each contract is judged with the adoption that it has itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from wattlas.tiers.goal import PROFIT, no_loss_usd
from wattlas.tiers.market import Contract, Market, beside, contract_sums
from wattlas.tiers.offer import Offer, judge
from wattlas.tiers.savings import Savings

Saved = Callable[[int, float, float], float]
"""USD that a fleet saves by the fallback's row, adoption and degradation cap."""
STEPS = 12
"""Caps and discounts that are tried of each fallback, each way."""
CLOSER, NARROWER, AROUND = 7, 0.6, np.linspace(-1.5, 1.5, 7)
"""How often the search looks closer around the best, by what its step then shrinks, and where it
looks. The discount ends within a thousandth of its range."""
FEW = 0.02
"""An adoption at which nearly every degraded request is one at the peak."""


@dataclass(frozen=True)
class Delivered:
    """What a contract does in truth, per request of the tier: grams and USD saved, and the share
    that is degraded."""

    grams: float
    usd: float
    degraded: float


def judged(market: Market, contract: Contract, delivered: Delivered) -> Offer:
    """An offer that delivers so much, over every user."""
    return judge(delivering(market, contract, delivered), contract)


def delivering(market: Market, contract: Contract, delivered: Delivered) -> Market:
    """The market in which a contract delivers so much."""
    figures = (delivered.grams, delivered.usd, delivered.degraded)
    rows = np.array([[0.0, contract.share], *([0.0, figure] for figure in figures)])
    count = len(market.service.points)
    return replace(market, savings=Savings((rows,) * count, np.full(count, contract.share)))


def best_resized(
    market: Market,
    grams: np.ndarray,
    saved_usd: Saved,
    *,
    objective: str = PROFIT,
    fair: bool = True,
) -> Contract | None:
    """The contract of most profit, or of least carbon at no loss of profit; None where none is.

    `grams` (F,) is what a degraded request of each fallback saves in the mean; those that save none
    are no fallback. `fair`: only contracts by which those who adopt them gain in the mean.
    """
    rest = beside(market)
    volume, price = market.volume, market.price_usd

    def value(contract: Contract) -> float:
        """What is made largest; −inf where it is not allowed."""
        flat = Delivered(float(grams[contract.point]) * contract.share, 0.0, contract.share)
        sums = contract_sums(delivering(market, contract, flat), contract, rest)
        if fair and sums.gain_usd < -1e-9 * price:
            return -np.inf
        usd = saved_usd(contract.point, sums.adopted / volume, contract.share)
        profit = sums.profit_gain_usd + usd
        if objective == PROFIT:
            return profit
        return sums.saved_g if profit >= -no_loss_usd(market) else -np.inf

    points = np.flatnonzero((grams > 0) & (market.savings.usable > 0))
    tops = [_around(market, int(point), saved_usd, value) for point in points]
    paying = [contract for contract in tops if contract is not None and value(contract) > 0]
    return max(paying, key=value, default=None)


def _around(
    market: Market, point: int, saved_usd: Saved, value: Callable[[Contract], float]
) -> Contract | None:
    """The best contract of a fallback: on a grid, then closer and closer around its best."""
    usable = float(market.savings.usable[point])
    # The first that adopt save most each: with few of them a larger discount may pay.
    most = max(saved_usd(point, a, usable) / a for a in (FEW, 1.0))
    largest = min(max(most / (market.price_usd * market.volume), 1e-9), 1.0)
    # What is degraded at the peak alone takes a small part of a cap.
    caps, discounts = usable * np.geomspace(1e-3, 1.0, STEPS), np.linspace(0, largest, STEPS)
    ratio, step = float(caps[1] / caps[0]), float(discounts[1] - discounts[0])
    top: Contract | None = None
    for _ in range(1 + CLOSER):
        tried = [Contract(point, float(d), float(c)) for c in caps for d in discounts]
        values = [value(contract) for contract in tried]
        if max(values) == -np.inf:
            break
        top = tried[int(np.argmax(values))]
        caps = np.clip(top.share * ratio**AROUND, 1e-6 * usable, usable)
        discounts = np.clip(top.discount + step * AROUND, 0.0, 1.0)
        ratio, step = ratio**NARROWER, step * NARROWER
    return top
