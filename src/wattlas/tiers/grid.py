"""Every offer of a grid of shares and discounts, judged by sums over binned users."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from wattlas.tiers.binned import Choosers, OfferAxes, user_sums
from wattlas.tiers.market import Beside, Market, beside
from wattlas.units import G_PER_KG

GRID = 200
FINE = 2000
"""Discounts of a fallback that is gone through with finer ones."""
MANY = 5000
"""Users from which on their thresholds are as good as a continuum under the hard rule."""
FINER = 4.0
"""Bins of the refinement are finer by this."""
WIDER = 1.5
"""Discounts looked at where other contracts leave profit to be used up."""


@dataclass(frozen=True)
class Grid:
    """Every offer of a grid: axes `share` (I,), `discount` (J,); the rest (F, I, J).

    `gained_usd` is what those who adopt the contract gain, summed.
    """

    share: np.ndarray
    discount: np.ndarray
    profit_gain_usd: np.ndarray
    carbon_saved_kg: np.ndarray
    adoption: np.ndarray
    gained_usd: np.ndarray

    def of_fallback(self, fallback: int) -> Grid:
        """The grid of one fallback alone."""
        only = {f.name: getattr(self, f.name)[fallback, None] for f in fields(self)[2:]}
        return replace(self, **only)


def scan_grid(
    market: Market, size: int = GRID, *, rest: Beside | None = None, spare_usd: float = 0.0
) -> Grid:
    """The figures of every fallback, share and discount of a `size` × `size` grid.

    Shares run from 0 to the largest that saves carbon, discounts from 0 to the largest that can
    pay. `spare_usd` is profit that the contract may use up.
    """
    rest = beside(market) if rest is None else rest
    share = np.linspace(0.0, max(float(market.savings.usable.max()), 1e-6), size)
    top = largest_discount(market, rest) * (WIDER if spare_usd > 0 else 1.0)
    discount = np.linspace(0.0, min(top, 1.0), size)
    return offer_grid(market, rest, np.arange(len(market.service.points)), share, discount)


def largest_discount(market: Market, rest: Beside) -> float:
    """The largest discount that a contract without loss can have, a share of the price.

    A request under it earns margin + saving − δ·P, and must earn what the user would bring without
    it: at least the least of `rest.margin_usd`. The saving is the largest over all shares, not that
    of degrading everything, which may cost more than it saves.
    """
    saving = float(market.savings.most_usd().max(initial=0.0))
    room = market.margin_usd + saving - float(rest.margin_usd.min())
    return float(np.clip(room / market.price_usd, 1e-3, 1.0))


def offer_grid(
    market: Market,
    rest: Beside,
    fallbacks: np.ndarray,
    share: np.ndarray,
    discount: np.ndarray,
    finer: float = 1.0,
) -> Grid:
    """The figures of some fallbacks (indices) over shares (I,) and discounts (J,)."""
    grams, usd, degraded = (part[fallbacks] for part in market.savings.at(share))
    plain = bool((rest.margin_usd == rest.margin_usd[0]).all() and (rest.saved_g == 0).all())
    weights = np.stack([rest.margin_usd, rest.saved_g])
    users = Choosers(
        felt=market.felt_usd[:, fallbacks],
        concern=market.concern,
        beyond=rest.worth_usd + market.people.status_quo_usd,
        requests=market.requests,
        weights=weights[:0] if plain else weights,
        scale_usd=market.people.scale_usd,
    )
    sums = user_sums(users, OfferAxes(degraded, grams, discount * market.price_usd), finer)
    instead = sums.adopted * rest.margin_usd[0] if plain else sums.weighed[0]
    otherwise_g = 0.0 if plain else sums.weighed[1]
    earned = market.margin_usd + usd[:, :, None] - discount * market.price_usd
    gained = discount * market.price_usd * sums.adopted - sums.lost
    return Grid(
        share,
        discount,
        sums.adopted * earned - instead,
        (sums.adopted * grams[:, :, None] - otherwise_g) / G_PER_KG,
        sums.adopted / market.volume,
        gained + 1e-12 * market.price_usd * market.volume,
    )


def sharp(market: Market, grid: Grid) -> bool:
    """Whether the grid's discounts are fine beside μ, or beside the thresholds of many users."""
    if market.people.scale_usd == 0:
        return len(market.requests) >= MANY
    return step_of(grid.discount) * market.price_usd <= 0.5 * market.people.scale_usd


def sharper(market: Market, rest: Beside, grid: Grid, fallback: int) -> Grid:
    """The grid of a fallback with discounts that are fine beside μ, as far as `FINE` goes."""
    top = float(grid.discount[-1])
    count = int(np.clip(top * market.price_usd / (0.5 * market.people.scale_usd), 2, FINE)) + 1
    fine = np.linspace(0.0, top, count)
    return offer_grid(market, rest, np.array([fallback]), grid.share, fine)


def step_of(axis: np.ndarray) -> float:
    """Distance of two neighbours on an axis."""
    return float(axis[1] - axis[0]) if len(axis) > 1 else 0.0
