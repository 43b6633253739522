"""From the best cells of a grid of offers to steps finer than 1e-4, and onto what is allowed.

Where a step of the grid is not small beside μ, a fallback is first gone through with finer
discounts, lest thresholds of users between two steps decide. Under the hard rule a user joins at
one discount exactly, and those are what is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from wattlas.tiers.goal import APART, CARBON, PROFIT, SearchGoal, apart
from wattlas.tiers.grid import FINER, Grid, offer_grid, sharp, sharper, step_of
from wattlas.tiers.market import Beside, Contract, Market, lost_usd, margin_usd, saved

STEP = 1e-4
"""Steps of discount and share at the end of the refinement."""
ZOOM = 15
LOOKS = 60
"""Most looks around a peak."""
RIDGE = 3
"""What is allowed may be a narrow ridge across shares and discounts: so many discounts beyond."""
PEAKS = 3
"""Peaks of a fallback that are refined."""
HAIR = 1e-9
"""A discount at an edge of what is allowed is found to this."""
EDGE = 1e-7
"""A share at an edge of what is allowed is found to this."""


def refined(
    market: Market, rest: Beside, grid: Grid, fallback: int, goal: SearchGoal
) -> Iterator[Contract]:
    """What is found around the best peaks of a fallback along its shares."""
    if market.people.scale_usd == 0:
        yield from _hard(market, rest, fallback, grid.share, goal)
        return
    on_fallback = sharper(market, rest, grid, fallback)
    if sharp(market, grid):
        on_fallback = grid.of_fallback(fallback)
    value, where = goal.along(on_fallback, fallback)
    for i in _peaks(value):
        start = Contract(fallback, float(where[i]), float(grid.share[i]))
        steps = (step_of(grid.share), step_of(on_fallback.discount))
        yield _climbed(market, rest, start, steps, goal)


def _climbed(
    market: Market, rest: Beside, contract: Contract, steps: tuple[float, float], goal: SearchGoal
) -> Contract:
    """Finer and finer cells around a contract; the last, moved to where it is allowed.

    While the best lies at an end of what is looked at, the next look is as wide.
    """
    most = float(market.savings.usable[contract.point])
    for _ in range(LOOKS):
        if max(steps) <= STEP / 2:
            break
        shares = _around(contract.share, steps[0], most)
        discounts = _around(contract.discount, RIDGE * steps[1], 1.0, RIDGE * (ZOOM - 1) + 1)
        near = offer_grid(market, rest, np.array([contract.point]), shares, discounts, FINER)
        value, where = goal.along(near, contract.point)
        i = int(np.argmax(value))
        if not np.isfinite(value[i]):
            break
        before, contract = contract, Contract(contract.point, float(where[i]), float(shares[i]))
        still = contract.share == before.share and abs(contract.discount - before.discount) <= HAIR
        if still or not (
            _at_end(contract.share, shares, 0.0, most)
            or _at_end(contract.discount, discounts, 0.0, 1.0)
        ):
            steps = (step_of(shares), max(step_of(discounts), _slope(value, where, i)))
    return _settled(market, rest, contract, steps, goal)


def _at_end(value: float, axis: np.ndarray, least: float, most: float) -> bool:
    """Whether a value lies at an end of what was looked at, and more could be looked at there."""
    near = 0.5 * step_of(axis)
    low, high = float(axis[0]), float(axis[-1])
    return (value < low + near and low > least) or (value > high - near and high < most)


def _slope(value: np.ndarray, where: np.ndarray, i: int) -> float:
    """How far the best discount moves from share `i` to the next that is allowed on either side."""
    beside = [n for n in (i - 1, i + 1) if 0 <= n < len(value) and np.isfinite(value[n])]
    return max((abs(float(where[n] - where[i])) for n in beside), default=0.0)


def _settled(
    market: Market, rest: Beside, contract: Contract, steps: tuple[float, float], goal: SearchGoal
) -> Contract:
    """The nearest contract that keeps the goal's conditions over every user.

    Bins may let through what is off by a hair. A discount alone may not do: at an edge of what is
    allowed no discount may keep both conditions, and below no discount there is none. Then the
    share moves, too. The contract itself where nothing is found.
    """

    def at(share: float) -> Contract | None:
        return _if_allowed(market, rest, replace(contract, share=share), steps[1], goal)

    most, step = float(market.savings.usable[contract.point]), max(steps[0], HAIR)
    for end in (contract.share, 0.0, most):
        shortened = _toward(at, contract.share, end, step)
        if shortened is not None:
            return shortened
    return contract


def _toward(
    at: Callable[[float], Contract | None], share: float, end: float, step: float
) -> Contract | None:
    """The nearest share toward an end at which a contract is kept: by doubling, then halving."""
    bad, good = share, at(share)
    while good is None and bad != end:
        onward = bad + float(np.clip(end - bad, -step, step))
        good, step = at(onward), 2 * step
        if good is None:
            bad = onward
    while good is not None and abs(good.share - bad) > EDGE:
        middle = (good.share + bad) / 2
        nearer = at(middle)
        bad, good = (middle, good) if nearer is None else (bad, nearer)
    return good


def _if_allowed(
    market: Market, rest: Beside, contract: Contract, step: float, goal: SearchGoal
) -> Contract | None:
    """The contract at the nearest discount that keeps the goal's conditions; None where none does.

    A larger discount is fairer, a smaller one earns more.
    """
    near = 1e-9 * market.price_usd * market.volume

    def room(side: int) -> Callable[[Contract], float]:
        return lambda moved: goal.rooms_usd(market, rest, moved)[side]

    for side, way in enumerate((step, -step)):
        if min(goal.rooms_usd(market, rest, contract)) >= 0:
            return contract
        contract = _moved(contract, way, room(side), near)
    allowed = min(goal.rooms_usd(market, rest, contract)) >= -1e-3 * near
    return contract if allowed else None


def _moved(
    contract: Contract, step: float, room: Callable[[Contract], float], near: float
) -> Contract:
    """The first discount in the direction of a step that has room, at most `near`.

    By doubling, then by false position. The contract itself where it has, the last where none has.
    """
    bad, good = (contract, room(contract)), (contract, room(contract))
    while good[1] < 0:
        bad, onward = good, float(np.clip(good[0].discount + step, 0.0, 1.0))
        if onward == bad[0].discount:
            return bad[0]
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
    for other in goal.others:
        if not apart(replace(contract, discount=other.discount), (other,)):
            ok &= np.abs(d - other.discount) >= APART
    value = np.where(ok, profit if goal.objective == PROFIT else grams, -np.inf)
    at = int(np.argmax(value))
    return float(value[at]), replace(contract, discount=float(d[at]))


def _around(middle: float, step: float, most: float, count: int = ZOOM) -> np.ndarray:
    return np.linspace(max(middle - step, 0.0), max(min(middle + step, most), 1e-12), count)
