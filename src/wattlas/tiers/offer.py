"""Which contract to offer beside full service: discount, share and fallback.

    profit(δ, φ, o) = Σ_u n·[ Pr(standard)·(P − c_full)
                            + Pr(contract)·((1 − δ)·P − (1 − φ)·c_full − φ·c_fallback) ]

is made largest, or carbon smallest at no loss of profit against no contract at all, or the set of
offers is traced that are best in one for what they are in the other. Every (fallback, share,
discount) of a grid is looked at; the best are refined around their cell until the steps are finer
than 1e-4, and the figures stated are sums over every user, without bins.

Siris et al. 2026 in our reading; docs/offers.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from wattlas.tiers.goal import CARBON, PROFIT, SearchGoal, apart, no_loss_usd, objective_value
from wattlas.tiers.grid import GRID, Grid, scan_grid, sharp
from wattlas.tiers.market import Beside, Contract, Market, beside, contract_sums
from wattlas.tiers.search import refined
from wattlas.units import G_PER_KG

FALLBACKS_REFINED = 4


@dataclass(frozen=True)
class Offer:
    """A contract and what it brings over the window against no contract, summed over all users.

    `gain_usd` is what those who adopt it gain in the mean, per request.
    """

    fallback: str
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
    market: Market,
    contract: Contract,
    others: tuple[Contract, ...] = (),
    *,
    rest: Beside | None = None,
) -> Offer:
    """An offer's figures as sums over every user, against the same without this contract."""
    rest = beside(market, others) if rest is None else rest
    totals = contract_sums(market, contract, rest)
    return Offer(
        fallback=market.service.points[contract.point],
        discount=contract.discount,
        share=contract.share,
        adoption=totals.adopted / market.volume,
        degraded=market.savings.used(contract.point, contract.share),
        profit_gain_usd=totals.profit_gain_usd,
        carbon_saved_kg=totals.saved_g / G_PER_KG,
        gain_usd=totals.gain_usd,
        contract=contract,
    )


def best(
    market: Market,
    objective: str = PROFIT,
    *,
    others: tuple[Contract, ...] = (),
    size: int = GRID,
    fair: bool = True,
    grid: Grid | None = None,
    spare_usd: float = 0.0,
    differing: tuple[Contract, ...] = (),
) -> Offer | None:
    """The contract of most profit, or of least carbon at no loss of profit; None where none is.

    `fair`: only offers by which those who adopt them gain in the mean. `grid`, where it was
    computed before, is not computed again. `spare_usd` is what the others bring, which a contract
    for the sake of carbon may use up. It is another contract than each of `others` and `differing`.
    """
    rest = beside(market, others)
    grid = scan_grid(market, size, rest=rest, spare_usd=spare_usd) if grid is None else grid
    goal = SearchGoal(objective, fair, -spare_usd - no_loss_usd(market), (*others, *differing))
    tops = _tops(grid, goal)
    fallbacks = np.argsort(-tops, kind="stable")
    if sharp(market, grid):
        fallbacks = fallbacks[np.isfinite(tops[fallbacks])][:FALLBACKS_REFINED]
    contracts = (c for f in fallbacks for c in refined(market, rest, grid, int(f), goal))
    return _best_of(market, goal, (judge(market, c, rest=rest) for c in contracts))


def by_fallback(
    market: Market,
    objective: str = PROFIT,
    *,
    size: int = GRID,
    fair: bool = True,
    grid: Grid | None = None,
) -> list[Offer | None]:
    """The best offer of each candidate fallback, in the order of the service's points."""
    rest = beside(market)
    grid = scan_grid(market, size, rest=rest) if grid is None else grid
    goal = SearchGoal(objective, fair, -no_loss_usd(market))
    return [
        _best_of(
            market,
            goal,
            (judge(market, c, rest=rest) for c in refined(market, rest, grid, f, goal)),
        )
        if np.isfinite(top) or not sharp(market, grid)
        else None
        for f, top in enumerate(_tops(grid, goal))
    ]


def _tops(grid: Grid, goal: SearchGoal) -> np.ndarray:
    """The best value of each fallback on a grid, −inf where nothing is allowed; (F,)."""
    count = len(grid.adoption)
    return np.array([goal.along(grid.of_fallback(f), f)[0].max() for f in range(count)])


def _best_of(market: Market, goal: SearchGoal, offers: Iterable[Offer]) -> Offer | None:
    """The best of some offers that were judged over every user; None where none is allowed."""
    least = goal.least_usd if goal.objective == CARBON else -np.inf
    allowed = [
        offer
        for offer in offers
        if objective_value(offer, goal.objective) > 0
        and offer.profit_gain_usd >= least - 1e-12 * market.price_usd * market.volume
        and (not goal.fair or offer.gain_usd >= -1e-9 * market.price_usd)
        and apart(offer.contract, goal.others)
    ]
    return max(allowed, key=lambda offer: objective_value(offer, goal.objective), default=None)


def pareto(market: Market, grid: Grid, *, fair: bool = True, most: int = 200) -> list[Offer]:
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
    rest = beside(market)
    contracts = (
        Contract(int(f[n]), float(grid.discount[j[n]]), float(grid.share[i[n]])) for n in front
    )
    return [judge(market, contract, rest=rest) for contract in contracts]
