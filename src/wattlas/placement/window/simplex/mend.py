"""An optimal basis under other right-hand sides, by pivots of the dual simplex.

Duals are in order, and stay so (Lemke, 1954): what is farthest off leaves the basis, a column that
is below zero or a slack on the side of another price than its own. A slack whose dual would come to
the price of the side where it stands takes that price instead, and stays.
"""

from __future__ import annotations

from wattlas.placement.engine.jit import kernel
from wattlas.placement.window.simplex.factors import factorise
from wattlas.placement.window.simplex.pivots import (
    REFACTOR_EVERY,
    enter,
    pivot,
    pivot_row,
    set_values,
    swap_key,
)
from wattlas.placement.window.simplex.pricing import level, move_duals, set_duals, stands_still
from wattlas.placement.window.simplex.ratio import breakpoints, move
from wattlas.placement.window.simplex.solves import btran_few, ftran
from wattlas.placement.window.simplex.state import (
    COLUMN,
    CROSSED,
    ETAS,
    FAR,
    MOVES,
    NONE,
    NONZEROS,
    PRICE,
    ROW,
    SIDE,
    SIGN,
    STEP,
    TARGET,
    Factors,
    LevelProgram,
    WindowBasis,
    Work,
)

_BELOW = 1e-9
"""How far below zero counts; the largest demand is 100."""
_PIVOT = 1e-7
_TIE = 1e-12


@kernel
def mend_window(p: LevelProgram, b: WindowBasis, f: Factors, w: Work, most: int) -> None:
    """Values of the optimal basis at hand under other right-hand sides; at most so many pivots
    until every column and slack is on its side again."""
    count = w.counters
    count[MOVES] = 0
    set_values(p, b, f, w)
    while count[MOVES] < most:
        if count[ETAS] >= REFACTOR_EVERY:
            if not factorise(p, b, f, w):
                return
            set_values(p, b, f, w)
            set_duals(p, b, f, w)
        slot = farthest(p, b, f, w)
        if slot < 0:
            return
        up = b.value[slot] < 0.0
        pivot_row(f, w, slot)
        if not up:
            for i in range(b.slot.shape[0]):
                w.vec[ROW][i] = -w.vec[ROW][i]
        entered = cheapest(p, b, w)
        count[MOVES] += 1
        row = -1 - b.slot[slot]
        if row >= 0:
            other = p.top[row] if up else 0.0
            if w.entering[STEP] >= abs(other - b.price[row]):
                turn_over(p, b, f, w, slot, other)
                continue
        if entered == NONE:
            return
        count[CROSSED] = 0
        enter(p, b, w, entered)
        if entered < 0:
            turn(p, b, w, -1 - entered)
        ftran(f, count, w.vec[COLUMN])
        breakpoints(p, b, w)
        w.entering[STEP] = b.value[slot] / w.vec[COLUMN][slot]
        move(b, w)
        pivot(p, b, f, w, slot)


@kernel
def farthest(p: LevelProgram, b: WindowBasis, f: Factors, w: Work) -> int:
    """The slot of the column, no key any more, that is farthest below zero, or of the slack that
    is farthest on the side of another price than its own; −1: none is."""
    most, slot, owner = _BELOW, -1, -1
    for i in range(b.slot.shape[0]):
        row = -1 - b.slot[i]
        if row < 0:
            off = -b.value[i]
        elif b.value[i] < 0.0:
            off = -b.value[i] if b.price[row] < p.top[row] else 0.0
        else:
            off = b.value[i] if b.price[row] > 0.0 else 0.0
        if off > most:
            most, slot = off, i
    for n in range(b.key_value.shape[0]):
        if -b.key_value[n] > most:
            most, owner = -b.key_value[n], n
    if owner < 0:
        return slot
    w.counters[NONZEROS] = 0
    return swap_key(p, b, f, w, owner)


@kernel
def turn_over(
    p: LevelProgram, b: WindowBasis, f: Factors, w: Work, slot: int, other: float
) -> None:
    """A basic slack costs what its other side costs, before anything would enter for it."""
    by, row = w.vec[PRICE], -1 - b.slot[slot]
    for i in range(by.shape[0]):
        by[i] = 0.0
    by[slot], b.price[row] = other - b.price[row], other
    w.entry_row[0] = slot
    btran_few(f, w.counters, by, w.entry_row, 1)
    move_duals(p, b, w, by)


@kernel
def cheapest(p: LevelProgram, b: WindowBasis, w: Work) -> int:
    """What raises the leaving variable at the least reduced cost for what it raises, by the pivot
    row, and that cost in `entering[STEP]`; NONE where nothing does."""
    row, regions, models = w.vec[ROW], p.cost.shape[2], p.first.shape[0] - 1
    sources, rows = p.cost.shape[1], regions * (models + 1)
    least, largest, entered = FAR, 0.0, NONE
    for h in range(p.cost.shape[0]):
        if stands_still(p, row, h):
            continue
        for m in range(models):
            level(p, row, h, m, w.block)
            levels = b.level_price[h, m]
            for s in range(p.first[m], p.first[m + 1]):
                costs, key, first = (
                    p.cost[h, s],
                    b.key[h * sources + s],
                    (h * sources + s) * regions,
                )
                for r in range(regions):
                    rise = w.block[key] - w.block[r]
                    if rise > _PIVOT and b.place[first + r] < 0:
                        gap = costs[r] + levels[r] - costs[key] - levels[key]
                        ratio = max(gap, 0.0) / rise
                        if ratio < least - _TIE or (ratio <= least + _TIE and rise > largest):
                            least, largest, entered = min(ratio, least), rise, first + r
        for i in range(h * rows, (h + 1) * rows):
            rise = abs(row[i])
            if w.tight[i] and rise > _PIVOT:
                gap = b.dual[i] if row[i] < 0.0 else p.top[i] - b.dual[i]
                ratio = max(gap, 0.0) / rise if b.shift[i] == 0.0 else 0.0
                if ratio < least - _TIE or (ratio <= least + _TIE and rise > largest):
                    least, largest, entered = min(ratio, least), rise, -1 - i
    w.entering[STEP] = least
    return entered


@kernel
def turn(p: LevelProgram, b: WindowBasis, w: Work, i: int) -> None:
    """An entering slack goes the way that raises what leaves, to the price of that side."""
    e, up = w.entering, w.vec[ROW][i] < 0.0
    e[SIGN] = 1.0 if up else -1.0
    side = b.shift[i] if b.shift[i] != 0.0 else e[SIGN]
    e[SIDE] = 0.0 if side > 0.0 else p.top[i]
    e[TARGET] = e[SIDE] - b.dual[i]
    w.vec[COLUMN][i] = e[SIGN]
