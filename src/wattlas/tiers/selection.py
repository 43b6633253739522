"""Who takes which tier, and whether that is to their own good: participation and self-selection.

*Rational*: those of a segment who adopt a contract gain by it in the mean, against the standard
that they had. *Compatible*: the tier that most of a segment take is the one that is worth most to
it in the mean. Neither follows from the design; both can fail, where a discount lures users whose
loss it does not cover, or where a few with much to gain outweigh the many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.tiers.market import (
    Contract,
    Market,
    choice,
    user_gain_usd,
)

GROUPS = ("least green third", "middle third", "greenest third")
STANDARD, LEAVE = "standard", "leave"


@dataclass(frozen=True)
class SegmentAdoption:
    """How a group of users takes some contracts.

    `adoption` is the share of its requests under any contract; `prefers` the tier that most take;
    `gain_usd` what those under contract gain in the mean per request; `losing_share` the share of
    them who lose.
    """

    name: str
    requests_share: float
    consciousness: float
    adoption: float
    prefers: str
    gain_usd: float
    rational: bool
    compatible: bool
    losing_share: float


def segments(
    market: Market, contracts: tuple[Contract, ...], names: tuple[str, ...] = ("green",)
) -> list[SegmentAdoption]:
    """Each segment of the population, thirds by consciousness where it has none of its own.

    `names` are those of the contracts, in order.
    """
    labels = (STANDARD, *names, LEAVE)
    chosen = choice(market, contracts)
    gains = np.stack(
        [
            np.zeros(len(market.requests)),
            *(user_gain_usd(market, contract) for contract in contracts),
            -market.standing_usd,
        ],
        axis=1,
    )
    return [
        _segment(market, name, np.flatnonzero(member), chosen, gains, labels)
        for name, member in groups(market)
        if market.requests[member].sum() > 0
    ]


def groups(market: Market) -> list[tuple[str, np.ndarray]]:
    """Name and members of each segment; bool, (U,)."""
    people = market.people
    if people.names:
        return [(name, np.arange(len(people.names)) == n) for n, name in enumerate(people.names)]
    theta = people.taste.consciousness
    order = np.argsort(theta, kind="stable")
    third = np.empty(len(theta), dtype=int)
    third[order] = np.minimum(np.arange(len(theta)) * 3 // max(len(theta), 1), 2)
    return [(name, third == n) for n, name in enumerate(GROUPS)]


def _segment(
    market: Market,
    name: str,
    at: np.ndarray,
    chosen: np.ndarray,
    gains: np.ndarray,
    labels: tuple[str, ...],
) -> SegmentAdoption:
    requests = market.requests[at]
    requests_by_tier = requests[:, None] * chosen[at]
    under, gain = requests_by_tier[:, 1:-1], gains[at, 1:-1]
    total = float(under.sum())
    most_taken = int(np.argmax(requests_by_tier.sum(axis=0)))
    mean_gain = _mean_worth(requests, gains[at])
    earned = float((under * gain).sum())
    return SegmentAdoption(
        name=name,
        requests_share=float(requests.sum()) / market.volume,
        consciousness=float(
            (requests * market.people.taste.consciousness[at]).sum() / requests.sum()
        ),
        adoption=total / float(requests.sum()),
        prefers=labels[most_taken],
        gain_usd=earned / total if total > 0 else 0.0,
        rational=earned >= -1e-12 * market.price_usd * max(total, 1.0),
        compatible=bool(mean_gain[most_taken] >= mean_gain.max() - 1e-12 * market.price_usd),
        losing_share=float(under[gain < 0].sum()) / total if total > 0 else 0.0,
    )


def _mean_worth(requests: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Mean of what each tier is worth against the standard; −inf for leaving where none may."""
    able = np.isfinite(gains).all(axis=0)
    weighed = (requests[:, None] * np.where(able, gains, 0.0)).sum(axis=0) / requests.sum()
    mean_gain: np.ndarray = np.where(able, weighed, -np.inf)
    return mean_gain
