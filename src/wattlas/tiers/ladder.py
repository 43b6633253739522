"""Several contracts at once: each is made best while the others stand, until none gets better.

Two tiers, standard and one contract, are the default. A logit population takes a second label for
something new: with μ > 0 a mere copy of a contract brings something. So a further contract differs
from the others, and is added while all together bring more by `LEAST_GAIN` than they would with
a copy of one of them (docs/offers.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wattlas.tiers.goal import PROFIT, no_loss_usd, objective_value
from wattlas.tiers.grid import GRID
from wattlas.tiers.market import (
    Contract,
    Market,
    choice,
    margin_usd,
    saved,
)
from wattlas.tiers.offer import Offer, best, judge
from wattlas.units import G_PER_KG

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
        return tuple(offer.contract for offer in self.offers)


def judged_together(market: Market, contracts: tuple[Contract, ...]) -> Ladder:
    """What some contracts bring together, summed over every user."""
    adopted = market.requests @ choice(market, contracts)
    margins = np.array([margin_usd(market, contract) for contract in contracts])
    grams = np.array([saved(market, contract)[0] for contract in contracts])
    before = market.requests @ choice(market, ())
    chosen = adopted[1:-1]
    offers = tuple(
        judge(market, contract, tuple(other for k, other in enumerate(contracts) if k != n))
        for n, contract in enumerate(contracts)
    )
    return Ladder(
        offers=offers,
        profit_gain_usd=float(chosen @ margins + (adopted[0] - before[0]) * market.margin_usd),
        carbon_saved_kg=float(chosen @ grams) / G_PER_KG,
        adoption=tuple((chosen / market.volume).tolist()),
        standard=float(adopted[0] / market.volume),
        left=float(adopted[-1] / market.volume),
    )


def ladder(
    market: Market,
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
    first = best(market, objective, size=size, fair=fair)
    if first is None:
        return judged_together(market, ())
    current = judged_together(market, (first.contract,))
    while len(current.offers) < most:
        wider = _ascended(market, current, objective, size, fair)
        if objective_value(wider, objective) <= _with_a_copy(market, current, objective) * (
            1 + LEAST_GAIN
        ):
            break
        current = wider
    return current


def _with_a_copy(market: Market, current: Ladder, objective: str) -> float:
    """What the contracts bring, or with one of them offered twice, whichever is more."""
    copied = [
        judged_together(market, (*current.contracts, contract)) for contract in current.contracts
    ]
    return max(objective_value(ladder, objective) for ladder in (current, *copied))


def _ascended(market: Market, current: Ladder, objective: str, size: int, fair: bool) -> Ladder:
    """One more contract, then each in turn again while the others stand.

    Begun from what brings most beside the others, and from what is best for those whom they leave
    in full service: the second may take users from the others at first, and be worth it once they
    are made better.
    """
    first = _next(market, current.contracts, objective, size, fair)
    behind = replace(market, requests=market.requests * choice(market, current.contracts)[:, 0])
    somebody = behind.volume > 1e-9 * market.volume
    second = (
        best(behind, objective, size=size, fair=fair, differing=current.contracts)
        if somebody
        else None
    )
    starts = [first, None if second is None else second.contract]
    tried = [
        _in_turn(
            market, judged_together(market, (*current.contracts, start)), objective, size, fair
        )
        for start in starts
        if start is not None
    ]
    allowed = [wider for wider in tried if _allowed(market, wider, objective)]
    return max([current, *allowed], key=lambda candidate: objective_value(candidate, objective))


def _in_turn(market: Market, ladder: Ladder, objective: str, size: int, fair: bool) -> Ladder:
    """Each contract made best while the others stand, until none gets better."""
    for _ in range(ROUNDS):
        before = ladder
        for n in range(len(ladder.offers)):
            others = (*ladder.contracts[:n], *ladder.contracts[n + 1 :])
            again = _next(market, others, objective, size, fair)
            if again is None:
                continue
            tried = judged_together(
                market, (*ladder.contracts[:n], again, *ladder.contracts[n + 1 :])
            )
            better = objective_value(tried, objective) > objective_value(ladder, objective)
            ladder = tried if better and _allowed(market, tried, objective) else ladder
        if objective_value(ladder, objective) <= objective_value(before, objective) * (
            1 + LEAST_GAIN / 10
        ):
            break
    return ladder


def _next(
    market: Market, others: tuple[Contract, ...], objective: str, size: int, fair: bool
) -> Contract | None:
    spare = judged_together(market, others).profit_gain_usd
    offer = best(market, objective, others=others, size=size, fair=fair, spare_usd=spare)
    return None if offer is None else offer.contract


def _allowed(market: Market, tried: Ladder, objective: str) -> bool:
    return objective == PROFIT or tried.profit_gain_usd >= -no_loss_usd(market)
