"""Pricing: duals, what a level's price makes of each column, and which variable enters.

The reduced cost of a column is its cost and its level's price less those of its source's key. The
best of the sources of a model in an hour is kept until one of its levels' prices moves: from pivot
to pivot most stand still. What is best is told by Devex (Harris, 1973).
"""

from __future__ import annotations

from wattlas.placement.engine.jit import kernel, smaller
from wattlas.placement.window.simplex.solves import btran
from wattlas.placement.window.simplex.state import (
    F8,
    FAR,
    ROW,
    Factors,
    LevelProgram,
    WindowBasis,
    Work,
)

_TOLERANCE = 1e-9
"""A reduced cost that counts; the largest cost is 100."""
_MOVED = 1e-13
"""Prices of levels that differ by less have moved together."""


@kernel
def set_duals(p: LevelProgram, b: WindowBasis, f: Factors, w: Work) -> None:
    """Duals and prices from the basis."""
    hours, sources, regions = p.cost.shape
    for i in range(b.slot.shape[0]):
        column = b.slot[i]
        if column >= 0:
            hs = column // regions
            h = hs // sources
            costs = p.cost[h, hs - h * sources]
            b.dual[i] = costs[b.key[hs]] - costs[column - hs * regions]
        else:
            b.dual[i] = b.price[-1 - column]
    btran(f, w.counters, b.dual)
    for h in range(hours):
        for m in range(p.first.shape[0] - 1):
            level(p, b.dual, h, m, b.level_price[h, m])
    for n in range(w.stale.shape[0]):
        w.stale[n] = True


@kernel
def level(p: LevelProgram, row: F8, h: int, m: int, out: F8) -> float:
    """out[r] = a vector over the rows times the column of region r's level of a model, in an hour;
    how far they differ."""
    regions = p.cost.shape[2]
    rows = regions * p.first.shape[0]
    first = h * rows + (m + 1) * regions
    capacity, rise = row[h * rows :], row[first:]
    for r in range(regions):
        out[r] = capacity[r] + rise[r]
    if h + 1 < p.cost.shape[0]:
        after = row[first + rows :]
        for r in range(regions):
            out[r] -= after[r]
    lowest, below = FAR, FAR
    for r in range(regions):
        lowest, below = smaller(lowest, out[r]), smaller(below, -out[r])
    return -below - lowest


@kernel
def stands_still(p: LevelProgram, row: F8, h: int) -> bool:
    """Whether a vector over the rows is zero wherever a column of an hour has an entry."""
    regions = p.cost.shape[2]
    rows = regions * p.first.shape[0]
    last = h + 1 == p.cost.shape[0]
    return is_zero(row[h * rows : (h + 1) * rows]) and (
        last or is_zero(row[(h + 1) * rows + regions : (h + 2) * rows])
    )


@kernel
def is_zero(row: F8) -> bool:
    """Whether all are zero, looked at together."""
    size = 0.0
    for v in row:
        size += abs(v)
    return size == 0.0


@kernel
def move_duals(p: LevelProgram, b: WindowBasis, w: Work, by: F8) -> None:
    """Duals and prices a step on; marks what has to be priced again."""
    models = p.first.shape[0] - 1
    rows = p.cost.shape[2] * p.first.shape[0]
    for h in range(p.cost.shape[0]):
        if not stands_still(p, by, h):
            w.stale[h * (models + 1) + models] = True
            add(b.dual[h * rows : (h + 1) * rows], by[h * rows :], 1.0)
            for m in range(models):
                if level(p, by, h, m, w.block) > _MOVED:
                    w.stale[h * (models + 1) + m] = True
                add(b.level_price[h, m], w.block, 1.0)


@kernel
def add(out: F8, row: F8, factor: float) -> None:
    """out += factor · row, as far as out goes."""
    for n in range(out.shape[0]):
        out[n] += factor * row[n]


@kernel
def price(p: LevelProgram, b: WindowBasis, w: Work) -> int:
    """Price what is stale; the place of the best of all in `best`, −1 where none saves."""
    models = p.first.shape[0] - 1
    most, place = 0.0, -1
    for n in range(w.best.shape[0]):
        if w.stale[n]:
            w.stale[n] = False
            h, m = n // (models + 1), n % (models + 1)
            if m < models:
                price_sources(p, b, w, h, m)
            else:
                price_slacks(p, b, w, h)
        if w.best[n] > most:
            most, place = w.best[n], n
    return place


@kernel
def price_sources(p: LevelProgram, b: WindowBasis, w: Work, h: int, m: int) -> None:
    """The best column of the sources of a model in an hour."""
    sources, regions = p.cost.shape[1], p.cost.shape[2]
    levels, best, column = b.level_price[h, m], 0.0, 0
    for s in range(p.first[m], p.first[m + 1]):
        costs, key = p.cost[h, s], b.key[h * sources + s]
        bar = costs[key] + levels[key] - _TOLERANCE
        least = bar
        for r in range(regions):
            least = smaller(least, costs[r] + levels[r])
        if least < bar:
            weight = b.weight[h, s]
            for r in range(regions):
                gain = bar - costs[r] - levels[r]
                if gain > 0.0 and gain * gain > best * weight[r]:
                    best, column = gain * gain / weight[r], (h * sources + s) * regions + r
    n = h * p.first.shape[0] + m
    w.best[n], w.best_id[n] = best, column


@kernel
def price_slacks(p: LevelProgram, b: WindowBasis, w: Work, h: int) -> None:
    """The best slack of an hour that is not basic: at its kink one whose dual is below zero or
    above what it costs below; elsewhere any whose dual is not what it costs there."""
    rows = p.cost.shape[2] * p.first.shape[0]
    dual, top, shift = b.dual[h * rows :], p.top[h * rows :], b.shift[h * rows :]
    tight, weight = w.tight[h * rows :], b.row_weight[h * rows :]
    least, best, row = 0.0, 0.0, 0
    for i in range(rows):
        least = smaller(least, room(dual[i], top[i], shift[i]) if tight[i] else 0.0)
    if least < -_TOLERANCE:  # most often none is
        for i in range(rows):
            gain = -room(dual[i], top[i], shift[i]) - _TOLERANCE
            if tight[i] and gain > 0.0 and gain * gain > best * weight[i]:
                best, row = gain * gain / weight[i], h * rows + i
    n = h * p.first.shape[0] + p.first.shape[0] - 1
    w.best[n], w.best_id[n] = best, -1 - row


@kernel
def room(dual: float, top: float, shift: float) -> float:
    """How far a dual may move, less than zero where it is not what it may be: what a slack costs on
    its side, and at its kink anything from 0 to `top`."""
    low = top if shift < 0.0 else 0.0
    high = 0.0 if shift > 0.0 else top
    return float(smaller(dual - low, high - dual))


@kernel
def move_along(p: LevelProgram, b: WindowBasis, w: Work, change: float, factor: float) -> None:
    """Duals and prices by `change` of the pivot row, and reference weights by that row; `factor` is
    the entering weight over the square of the pivot."""
    row, models = w.vec[ROW], p.first.shape[0] - 1
    sources, rows = p.cost.shape[1], p.cost.shape[2] * p.first.shape[0]
    for h in range(p.cost.shape[0]):
        if stands_still(p, row, h):
            continue
        w.stale[h * (models + 1) + models] = True
        own, key = row[h * rows : (h + 1) * rows], b.key[h * sources :]
        add(b.dual[h * rows : (h + 1) * rows], own, change)
        weigh(b.row_weight[h * rows : (h + 1) * rows], own, 0.0, factor)
        for m in range(models):
            apart = level(p, row, h, m, w.block)
            add(b.level_price[h, m], w.block, change)
            if apart > _MOVED:
                w.stale[h * (models + 1) + m] = True
                for s in range(p.first[m], p.first[m + 1]):
                    weigh(b.weight[h, s], w.block, w.block[key[s]], factor)


@kernel
def weigh(weight: F8, row: F8, own: float, factor: float) -> None:
    """weight = max(weight, (row − own)² · factor): of columns, what the pivot row has of a level
    less what it has of the key's."""
    for n in range(weight.shape[0]):
        entry = row[n] - own
        weight[n] = -smaller(-weight[n], -entry * entry * factor)
