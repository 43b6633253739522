"""Going through every offer of a grid, and from its best cells to steps finer than 1e-4.

Where a step of the grid is not small beside μ, a fallback is first gone through with finer
discounts, lest thresholds of users between two steps decide. Under the hard rule a user joins at
one discount exactly, and those are what is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Protocol, TypeVar

import numpy as np

from wattlas.tiers.binned import Choosers, OfferAxes, user_sums
from wattlas.tiers.market import (
    Beside,
    Contract,
    Market,
    beside,
    contract_sums,
    lost_usd,
    margin_usd,
    saved,
)
from wattlas.units import G_PER_KG

GRID = 200
STEP = 1e-4
"""Steps of discount and share at the end of the refinement."""
ZOOM = 15
LOOKS = 60
"""Most looks around a peak."""
RIDGE = 3
"""What is allowed may be a narrow ridge across shares and discounts: so many discounts beyond."""
FINER = 4.0
"""Bins of the refinement are finer by this."""
FINE = 2000
"""Discounts of a fallback that is gone through with finer ones."""
MANY = 5000
PEAKS = 3
"""Peaks of a fallback that are refined."""
HAIR = 1e-9
"""A discount at an edge of what is allowed is found to this."""
NO_LOSS = 1e-9
"""A profit counts as no lower within this of the profit without a contract, relative."""
PROFIT, CARBON = "profit", "carbon"
Figure = TypeVar("Figure", float, np.ndarray, covariant=True)


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


class Judged(Protocol[Figure]):
    """An offer, a ladder, or a grid of offers, with what it brings."""

    @property
    def profit_gain_usd(self) -> Figure:
        """Against no contract."""

    @property
    def carbon_saved_kg(self) -> Figure:
        """Against no contract."""


def objective_value(judged: Judged[Figure], objective: str) -> Figure:
    """What is made largest."""
    return judged.profit_gain_usd if objective == PROFIT else judged.carbon_saved_kg


@dataclass(frozen=True)
class SearchGoal:
    """What is made largest, over what is allowed."""

    objective: str
    fair: bool
    least_usd: float
    """Least profit gain of an offer that is made for carbon's sake."""

    def over(self, grid: Grid) -> np.ndarray:
        """The value of each offer of a grid, −inf where it is not allowed; (F, I, J)."""
        ok = np.ones(grid.adoption.shape, dtype=bool)
        for room in self._rooms(grid):
            ok &= room >= 0
        return np.where(ok, objective_value(grid, self.objective), -np.inf)

    def along(self, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
        """The best value for each share of a grid of one fallback, and its discount; (I,) each.

        Where the edge of what is allowed lies between two discounts it is interpolated: what is
        best often lies there, and along it values differ by less than from one cell to the next.
        """
        value, plain = self.over(grid)[0], objective_value(grid, self.objective)[0]
        rooms = [room[0] for room in self._rooms(grid)]
        rows = np.arange(len(value))
        at = value.argmax(axis=1)
        best, where = value[rows, at], grid.discount[at]
        ok = np.isfinite(value)
        for side in (1, -1):
            inner, outer = (slice(None, -1), slice(1, None))[::side]
            edge = ok[:, inner] & ~ok[:, outer]
            reach = np.ones(edge.shape)
            for room in rooms:
                drop = room[:, inner] - room[:, outer]
                out = edge & (room[:, outer] < 0)
                np.divide(room[:, inner], drop, out=drop, where=out)
                reach = np.where(out, np.minimum(reach, drop), reach)
            at_edge = plain[:, inner] + reach * (plain[:, outer] - plain[:, inner])
            at_edge = np.where(edge, at_edge, -np.inf)
            top = at_edge.argmax(axis=1)
            steps = grid.discount[outer] - grid.discount[inner]
            spot = grid.discount[inner][top] + reach[rows, top] * steps[top]
            better = at_edge[rows, top] > best
            best = np.where(better, at_edge[rows, top], best)
            where = np.where(better, spot, where)
        return best, where

    def _rooms(self, grid: Grid) -> list[np.ndarray]:
        """What must not be negative, each (F, I, J)."""
        rooms = [grid.gained_usd] if self.fair else []
        if self.objective == CARBON:
            rooms.append(grid.profit_gain_usd - self.least_usd)
        return rooms


def no_loss_usd(market: Market) -> float:
    """How far below none a profit gain still counts as no loss."""
    return NO_LOSS * abs(market.margin_usd) * market.volume


def scan_grid(market: Market, size: int = GRID, *, rest: Beside | None = None) -> Grid:
    """The figures of every fallback, share and discount of a `size` × `size` grid.

    Shares run from 0 to the largest that saves carbon, discounts from 0 to the largest that the
    savings could pay for and half as much again.
    """
    rest = beside(market) if rest is None else rest
    share = np.linspace(0.0, max(float(market.savings.usable.max()), 1e-6), size)
    discount = np.linspace(0.0, largest_discount(market), size)
    return _grid(market, rest, np.arange(len(market.service.points)), share, discount, 1.0)


def largest_discount(market: Market) -> float:
    """The largest discount worth looking at, a share of the price."""
    usd = float(market.savings.at(np.array([1.0]))[1].max(initial=0.0))
    room = usd + (max(market.margin_usd, 0.0) if np.isfinite(market.standing_usd).any() else 0.0)
    return float(np.clip(1.5 * room / market.price_usd, 1e-3, 1.0))


def _grid(
    market: Market,
    rest: Beside,
    fallbacks: np.ndarray,
    share: np.ndarray,
    discount: np.ndarray,
    finer: float,
) -> Grid:
    grams, usd = (part[fallbacks] for part in market.savings.at(share))
    used = np.minimum(share[None, :], market.savings.usable[fallbacks, None])
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
    sums = user_sums(users, OfferAxes(used, grams, discount * market.price_usd), finer)
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


def refined(
    market: Market, rest: Beside, grid: Grid, fallback: int, goal: SearchGoal
) -> Iterator[Contract]:
    """What is found around the best peaks of a fallback along its shares."""
    if market.people.scale_usd == 0:
        yield from _hard(market, rest, fallback, grid.share, goal)
        return
    steps = (step_of(grid.share), step_of(grid.discount))
    if not sharp(market, grid):
        top = float(grid.discount[-1])
        count = int(np.clip(top * market.price_usd / (0.5 * market.people.scale_usd), 2, FINE)) + 1
        fine = np.linspace(0.0, top, count)
        grid, steps = (
            _grid(market, rest, np.array([fallback]), grid.share, fine, 1.0),
            (
                steps[0],
                step_of(fine),
            ),
        )
    value, where = goal.along(grid.of_fallback(fallback if len(grid.adoption) > 1 else 0))
    for i in _peaks(value):
        start = Contract(fallback, float(where[i]), float(grid.share[i]))
        yield _climbed(market, rest, start, steps, goal)


def _climbed(
    market: Market, rest: Beside, contract: Contract, steps: tuple[float, float], goal: SearchGoal
) -> Contract:
    """Finer and finer cells around a contract; the last, moved to where it is allowed.

    While the best lies at an end of what is looked at, the next look is as wide.
    """
    for _ in range(LOOKS):
        if max(steps) <= STEP / 2:
            break
        shares = _around(contract.share, steps[0], float(market.savings.usable[contract.point]))
        discounts = _around(contract.discount, RIDGE * steps[1], 1.0, RIDGE * (ZOOM - 1) + 1)
        near = _grid(market, rest, np.array([contract.point]), shares, discounts, FINER)
        value, where = goal.along(near)
        i = int(np.argmax(value))
        if not np.isfinite(value[i]):
            break
        before, contract = contract, Contract(contract.point, float(where[i]), float(shares[i]))
        if i not in (0, len(shares) - 1) or contract.share == before.share:
            steps = (step_of(shares), step_of(discounts))
    return _settled(market, rest, contract, steps[1], goal)


def _settled(
    market: Market, rest: Beside, contract: Contract, step: float, goal: SearchGoal
) -> Contract:
    """The contract at the nearest discount that keeps the goal's conditions over every user.

    Bins may let through what is off by a hair: too small for fairness, or too large for no loss.
    """
    near = 1e-9 * market.price_usd * market.volume
    if goal.fair:

        def fair(moved: Contract) -> float:
            sums = contract_sums(market, moved, rest)
            return sums.adopted * sums.gain_usd

        contract = _moved(contract, step, fair, near)
    if goal.objective == CARBON:

        def earns(moved: Contract) -> float:
            return contract_sums(market, moved, rest).profit_gain_usd - goal.least_usd

        contract = _moved(contract, -step, earns, near)
    return contract


def _moved(
    contract: Contract, step: float, room: Callable[[Contract], float], near: float
) -> Contract:
    """The first discount in the direction of a step that has room, at most `near`.

    By doubling, then by false position. The contract itself where it has, or where none has.
    """
    bad, good = (contract, room(contract)), (contract, room(contract))
    while good[1] < 0:
        if good[0].discount in (0.0, 1.0) and good[0] is not contract:
            return contract
        bad, onward = good, float(np.clip(good[0].discount + step, 0.0, 1.0))
        good, step = _at(good[0], onward, room), 2 * step
    for _ in range(LOOKS):
        if good[1] <= near or abs(good[0].discount - bad[0].discount) <= HAIR:
            break
        # Aim a little inside of where the line through both has no room left.
        aim = (good[1] - near / 2) / (good[1] - bad[1])
        onward = good[0].discount + min(max(aim, 0.02), 0.98) * (bad[0].discount - good[0].discount)
        tried = _at(good[0], onward, room)
        good, bad = (tried, bad) if tried[1] >= 0 else (good, tried)
    return good[0]


def _at(
    contract: Contract, discount: float, room: Callable[[Contract], float]
) -> tuple[Contract, float]:
    moved = replace(contract, discount=discount)
    return moved, room(moved)


def _peaks(value: np.ndarray) -> list[int]:
    """Shares that no neighbour exceeds, the highest few."""
    wide = np.pad(value, 1, constant_values=-np.inf)
    peak = np.isfinite(value) & (value >= wide[:-2]) & (value >= wide[2:])
    at = np.flatnonzero(peak)
    return [int(n) for n in at[np.argsort(-value[at], kind="stable")][:PEAKS]]


def _hard(
    market: Market, rest: Beside, fallback: int, shares: np.ndarray, goal: SearchGoal
) -> Iterator[Contract]:
    """Under the hard rule: every share of an axis with the best of all users' thresholds, then
    finer and finer around the best few.
    """
    most = float(market.savings.usable[fallback])
    axis = np.unique(np.minimum(shares, most))
    tried = [_joining(market, rest, Contract(fallback, 0.0, float(share)), goal) for share in axis]
    order = np.argsort([-value for value, _ in tried], kind="stable")[:PEAKS]
    for n in order:
        (value, top), step = tried[n], step_of(axis)
        while step > STEP / 2 and np.isfinite(value):
            near = _around(top.share, step, most)
            again = [
                _joining(market, rest, replace(top, share=float(share)), goal) for share in near
            ]
            value, top = max([*again, (value, top)], key=lambda pair: pair[0])
            step = step_of(near)
        yield top


def _joining(
    market: Market, rest: Beside, contract: Contract, goal: SearchGoal
) -> tuple[float, Contract]:
    """(value, contract) at the best discount for a share.

    Between the thresholds of two users a larger discount only costs, so that one of them is best.
    """
    needed = lost_usd(market, contract) + market.people.status_quo_usd + rest.worth_usd
    threshold = np.clip(needed / market.price_usd, 0.0, None)
    order = np.argsort(threshold, kind="stable")
    n, d = market.requests[order], threshold[order]
    margin = margin_usd(market, replace(contract, discount=0.0))
    joined = np.cumsum(n)
    profit = joined * (margin - d * market.price_usd) - np.cumsum(n * rest.margin_usd[order])
    grams = joined * saved(market, contract)[0] - np.cumsum(n * rest.saved_g[order])
    # Users at one threshold join together: only the last of them counts.
    ok = (d <= 1.0) & np.append(d[1:] > d[:-1], True)
    if goal.objective == CARBON:
        ok &= profit >= goal.least_usd
    value = np.where(ok, profit if goal.objective == PROFIT else grams, -np.inf)
    at = int(np.argmax(value))
    return float(value[at]), replace(contract, discount=float(d[at]))


def step_of(axis: np.ndarray) -> float:
    """Distance of two neighbours on an axis."""
    return float(axis[1] - axis[0]) if len(axis) > 1 else 0.0


def _around(middle: float, step: float, most: float, count: int = ZOOM) -> np.ndarray:
    return np.linspace(max(middle - step, 0.0), max(min(middle + step, most), 1e-12), count)
