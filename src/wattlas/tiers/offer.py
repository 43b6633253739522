"""Which contract to offer beside full service: discount, share and floor.

    profit(δ, φ, o) = Σ_u n·[ Pr(standard)·(P − c_full)
                            + Pr(contract)·((1 − δ)·P − (1 − φ)·c_full − φ·c_floor) ]

is made largest, or carbon smallest at no loss of profit against no contract at all, or the set of
offers is traced that are best in one for what they are in the other. Every (floor, share, discount)
of a grid is looked at; the best are refined around their cell until the steps are finer than 1e-4,
and the figures stated are sums over every user, without bins.

Siris et al. 2026 in our reading; docs/offers.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from wattlas.tiers import market
from wattlas.tiers.market import Beside, Contract, Market
from wattlas.tiers.search import CARBON, GRID, PROFIT, Goal, Grid, no_loss_usd, refined, scan, sharp

FLOORS_REFINED = 4


@dataclass(frozen=True)
class Offer:
    """A contract and what it brings over the window against no contract, summed over all users.

    `gain_usd` is what those who take it up gain in the mean, per request.
    """

    floor: str
    discount: float
    share: float
    adoption: float
    """Share of the requests under the contract."""
    degraded: float
    """Share of the contract's requests that is degraded in truth, at most `share`."""
    profit_gain_usd: float
    carbon_saved_kg: float
    gain_usd: float
    contract: Contract


def judge(
    of: Market,
    contract: Contract,
    others: tuple[Contract, ...] = (),
    *,
    rest: Beside | None = None,
) -> Offer:
    """An offer's figures as sums over every user, against the same without this contract."""
    rest = market.beside(of, others) if rest is None else rest
    sums = market.tally(of, contract, rest)
    return Offer(
        floor=of.service.points[contract.point],
        discount=contract.discount,
        share=contract.share,
        adoption=sums.adopted / of.volume,
        degraded=of.savings.used(contract.point, contract.share),
        profit_gain_usd=sums.profit_gain_usd,
        carbon_saved_kg=sums.saved_g / 1e3,
        gain_usd=sums.gain_usd,
        contract=contract,
    )


def best(
    of: Market,
    objective: str = PROFIT,
    *,
    others: tuple[Contract, ...] = (),
    size: int = GRID,
    fair: bool = True,
    grid: Grid | None = None,
    spare_usd: float = 0.0,
) -> Offer | None:
    """The contract of most profit, or of least carbon at no loss of profit; None where none is.

    `fair`: only offers by which those who take them up gain in the mean. `grid`, where it was
    computed before, is not computed again. `spare_usd` is what the others bring, which a contract
    for the sake of carbon may use up.
    """
    rest = market.beside(of, others)
    grid = scan(of, size, rest=rest) if grid is None else grid
    goal = Goal(objective, fair, -spare_usd - no_loss_usd(of))
    value = goal.over(grid)
    tops = value.reshape(len(value), -1).max(axis=1)
    floors = np.argsort(-tops, kind="stable")
    if sharp(of, grid):
        floors = floors[np.isfinite(tops[floors])][:FLOORS_REFINED]
    contracts = (one for f in floors for one in refined(of, rest, grid, int(f), goal))
    return _best_of(of, goal, (judge(of, one, rest=rest) for one in contracts))


def by_floor(
    of: Market,
    objective: str = PROFIT,
    *,
    size: int = GRID,
    fair: bool = True,
    grid: Grid | None = None,
) -> list[Offer | None]:
    """The best offer of each candidate floor, in the order of the service's points."""
    rest = market.beside(of)
    grid = scan(of, size, rest=rest) if grid is None else grid
    goal = Goal(objective, fair, -no_loss_usd(of))
    return [
        _best_of(of, goal, (judge(of, c, rest=rest) for c in refined(of, rest, grid, f, goal)))
        if np.isfinite(row).any() or not sharp(of, grid)
        else None
        for f, row in enumerate(goal.over(grid))
    ]


def value_of(offer: Offer, objective: str) -> float:
    """What is made largest."""
    return offer.profit_gain_usd if objective == PROFIT else offer.carbon_saved_kg


def _best_of(of: Market, goal: Goal, offers: Iterable[Offer]) -> Offer | None:
    """The best of some offers that were judged over every user; None where none is allowed."""
    least = goal.least_usd if goal.objective == CARBON else -np.inf
    kept = [
        one
        for one in offers
        if value_of(one, goal.objective) > 0
        and one.profit_gain_usd >= least
        and (not goal.fair or one.gain_usd >= -1e-9 * of.price_usd)
    ]
    return max(kept, key=lambda one: value_of(one, goal.objective), default=None)


def pareto(of: Market, grid: Grid, *, fair: bool = True, most: int = 200) -> list[Offer]:
    """Offers of the grid that no other beats in profit and in carbon at once, most profit first.

    Those that lose money against no contract are left out; `most` thins the list evenly.
    """
    good = (grid.profit_gain_usd > 0) & (grid.carbon_saved_kg > 0)
    if fair:
        good &= grid.gained_usd >= 0
    f, i, j = np.nonzero(good)
    profit, carbon = grid.profit_gain_usd[f, i, j], grid.carbon_saved_kg[f, i, j]
    order = np.lexsort((-carbon, -profit))
    ahead = np.maximum.accumulate(np.append(-np.inf, carbon[order][:-1]))
    front = order[carbon[order] > ahead]
    if len(front) > most:
        front = front[np.linspace(0, len(front) - 1, most).round().astype(int)]
    rest = market.beside(of)
    offers = (
        Contract(int(f[n]), float(grid.discount[j[n]]), float(grid.share[i[n]])) for n in front
    )
    return [judge(of, one, rest=rest) for one in offers]
