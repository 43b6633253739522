"""Several contracts at once: each is made best while the others stand, until none gets better.

Two tiers, standard and one contract, are the default; a further contract is added while it is worth
more than `LEAST_GAIN`. Beware that a logit population takes a second label for something new: with
μ > 0 part of what a further contract brings is that, and the share that it takes from the others
says so (docs/offers.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wattlas.tiers import market
from wattlas.tiers.market import Contract, Market
from wattlas.tiers.offer import Offer, best, judge
from wattlas.tiers.search import GRID, PROFIT, no_loss_usd

LEAST_GAIN = 1e-3
"""A further contract must bring this much more, relative to what there is."""
ROUNDS = 6


@dataclass(frozen=True)
class Ladder:
    """Contracts and what they bring together against none; each offer is judged beside the others.

    `standard` and `left` are the shares of the requests in full service and gone.
    """

    offers: tuple[Offer, ...]
    profit_gain_usd: float
    carbon_saved_kg: float
    adoption: tuple[float, ...]
    standard: float
    left: float

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """The contracts alone."""
        return tuple(one.contract for one in self.offers)


def together(of: Market, contracts: tuple[Contract, ...]) -> Ladder:
    """What some contracts bring together, summed over every user."""
    taken = of.requests @ market.choice(of, contracts)
    margins = np.array([market.margin_usd(of, one) for one in contracts])
    grams = np.array([market.saved(of, one)[0] for one in contracts])
    before = of.requests @ market.choice(of, ())
    chosen = taken[1:-1]
    offers = tuple(
        judge(of, one, tuple(o for k, o in enumerate(contracts) if k != n))
        for n, one in enumerate(contracts)
    )
    return Ladder(
        offers=offers,
        profit_gain_usd=float(chosen @ margins + (taken[0] - before[0]) * of.margin_usd),
        carbon_saved_kg=float(chosen @ grams) / 1e3,
        adoption=tuple((chosen / of.volume).tolist()),
        standard=float(taken[0] / of.volume),
        left=float(taken[-1] / of.volume),
    )


def ladder(
    of: Market,
    most: int = 2,
    objective: str = PROFIT,
    *,
    size: int = GRID,
    fair: bool = True,
) -> Ladder:
    """Up to `most` contracts beside full service.

    Raises ValueError for fewer than one. A ladder without offers says that none is worth having.
    """
    if most < 1:
        raise ValueError(f"a ladder has at least one contract, asked for {most}")
    first = best(of, objective, size=size, fair=fair)
    if first is None:
        return together(of, ())
    found = together(of, (first.contract,))
    while len(found.offers) < most:
        wider = _ascended(of, found, objective, size, fair)
        if _value(wider, objective) <= _value(found, objective) * (1 + LEAST_GAIN):
            break
        found = wider
    return found


def _ascended(of: Market, found: Ladder, objective: str, size: int, fair: bool) -> Ladder:
    """One more contract, then each in turn again while the others stand.

    Begun from what brings most beside the others, and from what is best for those whom they leave
    in full service: the second may take users from the others at first, and be worth it once they
    are made better.
    """
    first = _next(of, found.contracts, objective, size, fair)
    behind = replace(of, requests=of.requests * market.choice(of, found.contracts)[:, 0])
    somebody = behind.volume > 1e-9 * of.volume
    second = best(behind, objective, size=size, fair=fair) if somebody else None
    starts = [first, None if second is None else second.contract]
    tried = [
        _in_turn(of, together(of, (*found.contracts, one)), objective, size, fair)
        for one in starts
        if one is not None
    ]
    allowed = [one for one in tried if _allowed(of, one, objective)]
    return max([found, *allowed], key=lambda one: _value(one, objective))


def _in_turn(of: Market, here: Ladder, objective: str, size: int, fair: bool) -> Ladder:
    """Each contract made best while the others stand, until none gets better."""
    for _ in range(ROUNDS):
        before = here
        for n in range(len(here.offers)):
            others = (*here.contracts[:n], *here.contracts[n + 1 :])
            again = _next(of, others, objective, size, fair)
            if again is None:
                continue
            tried = together(of, (*here.contracts[:n], again, *here.contracts[n + 1 :]))
            better = _value(tried, objective) > _value(here, objective)
            here = tried if better and _allowed(of, tried, objective) else here
        if _value(here, objective) <= _value(before, objective) * (1 + LEAST_GAIN / 10):
            break
    return here


def _next(
    of: Market, others: tuple[Contract, ...], objective: str, size: int, fair: bool
) -> Contract | None:
    spare = together(of, others).profit_gain_usd
    found = best(of, objective, others=others, size=size, fair=fair, spare_usd=spare)
    return None if found is None else found.contract


def _allowed(of: Market, found: Ladder, objective: str) -> bool:
    return objective == PROFIT or found.profit_gain_usd >= -no_loss_usd(of)


def _value(found: Ladder, objective: str) -> float:
    return found.profit_gain_usd if objective == PROFIT else found.carbon_saved_kg
