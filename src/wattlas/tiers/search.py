"""Going through every offer of a grid, and from its best cells to steps finer than 1e-4.

Where a step of the grid is not small beside μ, a floor is first gone through with finer discounts,
lest thresholds of users between two steps decide. Under the hard rule a user joins at one discount
exactly, and those are what is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

import numpy as np

from wattlas.tiers import binned, market
from wattlas.tiers.market import Beside, Contract, Market

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
"""Discounts of a floor that is gone through with finer ones."""
MANY = 5000
PEAKS = 3
"""Peaks of a floor that are refined."""
HAIR = 1e-9
"""A discount at an edge of what is allowed is found to this."""
NO_LOSS = 1e-9
"""A profit counts as no lower within this of the profit without a contract, relative."""
PROFIT, CARBON = "profit", "carbon"


@dataclass(frozen=True)
class Grid:
    """Every offer of a grid: axes `share` (I,), `discount` (J,); the rest (F, I, J).

    `gained_usd` is what those who take the contract up gain, summed.
    """

    share: np.ndarray
    discount: np.ndarray
    profit_gain_usd: np.ndarray
    carbon_saved_kg: np.ndarray
    adoption: np.ndarray
    gained_usd: np.ndarray

    def of_floor(self, floor: int) -> Grid:
        """The grid of one floor alone."""
        only = {f.name: getattr(self, f.name)[floor, None] for f in fields(self)[2:]}
        return replace(self, **only)


@dataclass(frozen=True)
class Goal:
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
        return np.where(ok, self._plain(grid), -np.inf)

    def along(self, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
        """The best value for each share of a grid of one floor, and its discount; (I,) each.

        Where the edge of what is allowed lies between two discounts it is interpolated: what is
        best often lies there, and along it values differ by less than from one cell to the next.
        """
        value, plain = self.over(grid)[0], self._plain(grid)[0]
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
            found = plain[:, inner] + reach * (plain[:, outer] - plain[:, inner])
            found = np.where(edge, found, -np.inf)
            top = found.argmax(axis=1)
            steps = grid.discount[outer] - grid.discount[inner]
            spot = grid.discount[inner][top] + reach[rows, top] * steps[top]
            better = found[rows, top] > best
            best = np.where(better, found[rows, top], best)
            where = np.where(better, spot, where)
        return best, where

    def _plain(self, grid: Grid) -> np.ndarray:
        return grid.profit_gain_usd if self.objective == PROFIT else grid.carbon_saved_kg

    def _rooms(self, grid: Grid) -> list[np.ndarray]:
        """What must not be negative, each (F, I, J)."""
        rooms = [grid.gained_usd] if self.fair else []
        if self.objective == CARBON:
            rooms.append(grid.profit_gain_usd - self.least_usd)
        return rooms


def no_loss_usd(of: Market) -> float:
    """How far below none a profit gain still counts as no loss."""
    return NO_LOSS * abs(of.margin_usd) * of.volume


def scan(of: Market, size: int = GRID, *, rest: Beside | None = None) -> Grid:
    """The figures of every floor, share and discount of a `size` × `size` grid.

    Shares run from 0 to the largest that saves carbon, discounts from 0 to the largest that the
    savings could pay for and half as much again.
    """
    rest = market.beside(of) if rest is None else rest
    share = np.linspace(0.0, max(float(of.savings.usable.max()), 1e-6), size)
    discount = np.linspace(0.0, dearest(of), size)
    return _grid(of, rest, np.arange(len(of.service.points)), share, discount, 1.0)


def dearest(of: Market) -> float:
    """The largest discount worth looking at, a share of the price."""
    usd = float(of.savings.at(np.array([1.0]))[1].max(initial=0.0))
    room = usd + (max(of.margin_usd, 0.0) if np.isfinite(of.standing_usd).any() else 0.0)
    return float(np.clip(1.5 * room / of.price_usd, 1e-3, 1.0))


def _grid(
    of: Market,
    rest: Beside,
    floors: np.ndarray,
    share: np.ndarray,
    discount: np.ndarray,
    finer: float,
) -> Grid:
    grams, usd = (part[floors] for part in of.savings.at(share))
    used = np.minimum(share[None, :], of.savings.usable[floors, None])
    plain = bool((rest.margin_usd == rest.margin_usd[0]).all() and (rest.saved_g == 0).all())
    beside = np.stack([rest.margin_usd, rest.saved_g])
    found = binned.sums(
        of.felt_usd[:, floors],
        of.concern,
        rest.worth_usd + of.people.status_quo_usd,
        of.requests,
        beside[:0] if plain else beside,
        used,
        grams,
        discount * of.price_usd,
        of.people.scale_usd,
        finer,
    )
    instead = found.adopted * rest.margin_usd[0] if plain else found.weighed[0]
    otherwise_g = 0.0 if plain else found.weighed[1]
    earned = of.margin_usd + usd[:, :, None] - discount * of.price_usd
    kept = discount * of.price_usd * found.adopted - found.lost
    return Grid(
        share,
        discount,
        found.adopted * earned - instead,
        (found.adopted * grams[:, :, None] - otherwise_g) / 1e3,
        found.adopted / of.volume,
        kept + 1e-12 * of.price_usd * of.volume,
    )


def sharp(of: Market, grid: Grid) -> bool:
    """Whether the grid's discounts are fine beside μ, or beside the thresholds of many users."""
    if of.people.scale_usd == 0:
        return len(of.requests) >= MANY
    return step_of(grid.discount) * of.price_usd <= 0.5 * of.people.scale_usd


def refined(of: Market, rest: Beside, grid: Grid, floor: int, goal: Goal) -> Iterator[Contract]:
    """What is found around the best peaks of a floor along its shares."""
    if of.people.scale_usd == 0:
        yield from _hard(of, rest, floor, grid.share, goal)
        return
    steps = (step_of(grid.share), step_of(grid.discount))
    if not sharp(of, grid):
        top = float(grid.discount[-1])
        count = int(np.clip(top * of.price_usd / (0.5 * of.people.scale_usd), 2, FINE)) + 1
        fine = np.linspace(0.0, top, count)
        grid, steps = (
            _grid(of, rest, np.array([floor]), grid.share, fine, 1.0),
            (
                steps[0],
                step_of(fine),
            ),
        )
    value, where = goal.along(grid.of_floor(floor if len(grid.adoption) > 1 else 0))
    for i in _peaks(value):
        start = Contract(floor, float(where[i]), float(grid.share[i]))
        yield _climbed(of, rest, start, steps, goal)


def _climbed(
    of: Market, rest: Beside, found: Contract, steps: tuple[float, float], goal: Goal
) -> Contract:
    """Finer and finer cells around a contract; the last, moved to where it is allowed.

    While the best lies at an end of what is looked at, the next look is as wide.
    """
    for _ in range(LOOKS):
        if max(steps) <= STEP / 2:
            break
        shares = _around(found.share, steps[0], float(of.savings.usable[found.point]))
        discounts = _around(found.discount, RIDGE * steps[1], 1.0, RIDGE * (ZOOM - 1) + 1)
        near = _grid(of, rest, np.array([found.point]), shares, discounts, FINER)
        value, where = goal.along(near)
        i = int(np.argmax(value))
        if not np.isfinite(value[i]):
            break
        last, found = found, Contract(found.point, float(where[i]), float(shares[i]))
        if i not in (0, len(shares) - 1) or found.share == last.share:
            steps = (step_of(shares), step_of(discounts))
    return _settled(of, rest, found, steps[1], goal)


def _settled(of: Market, rest: Beside, contract: Contract, step: float, goal: Goal) -> Contract:
    """The contract at the nearest discount that keeps the goal's conditions over every user.

    Bins may let through what is off by a hair: too small for fairness, or too large for no loss.
    """
    near = 1e-9 * of.price_usd * of.volume
    if goal.fair:

        def fair(one: Contract) -> float:
            sums = market.tally(of, one, rest)
            return sums.adopted * sums.gain_usd

        contract = _moved(contract, step, fair, near)
    if goal.objective == CARBON:

        def earns(one: Contract) -> float:
            return market.tally(of, one, rest).profit_gain_usd - goal.least_usd

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
    one = replace(contract, discount=discount)
    return one, room(one)


def _peaks(value: np.ndarray) -> list[int]:
    """Shares that no neighbour exceeds, the highest few."""
    wide = np.pad(value, 1, constant_values=-np.inf)
    peak = np.isfinite(value) & (value >= wide[:-2]) & (value >= wide[2:])
    at = np.flatnonzero(peak)
    return [int(n) for n in at[np.argsort(-value[at], kind="stable")][:PEAKS]]


def _hard(
    of: Market, rest: Beside, floor: int, shares: np.ndarray, goal: Goal
) -> Iterator[Contract]:
    """Under the hard rule: every share of an axis with the best of all users' thresholds, then
    finer and finer around the best few.
    """
    most = float(of.savings.usable[floor])
    axis = np.unique(np.minimum(shares, most))
    tried = [_joining(of, rest, Contract(floor, 0.0, float(one)), goal) for one in axis]
    order = np.argsort([-value for value, _ in tried], kind="stable")[:PEAKS]
    for n in order:
        (value, top), step = tried[n], step_of(axis)
        while step > STEP / 2 and np.isfinite(value):
            near = _around(top.share, step, most)
            again = [_joining(of, rest, replace(top, share=float(one)), goal) for one in near]
            value, top = max([*again, (value, top)], key=lambda pair: pair[0])
            step = step_of(near)
        yield top


def _joining(of: Market, rest: Beside, contract: Contract, goal: Goal) -> tuple[float, Contract]:
    """(value, contract) at the best discount for a share.

    Between the thresholds of two users a larger discount only costs, so that one of them is best.
    """
    needed = market.lost_usd(of, contract) + of.people.status_quo_usd + rest.worth_usd
    asked = np.clip(needed / of.price_usd, 0.0, None)
    order = np.argsort(asked, kind="stable")
    n, d = of.requests[order], asked[order]
    margin = market.margin_usd(of, replace(contract, discount=0.0))
    joined = np.cumsum(n)
    profit = joined * (margin - d * of.price_usd) - np.cumsum(n * rest.margin_usd[order])
    grams = joined * market.saved(of, contract)[0] - np.cumsum(n * rest.saved_g[order])
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
