"""What other right-hand sides bring below zero leaves the basis by pivots of the dual simplex.

The basis is optimal, so that duals are in order; the one column that is farthest below zero leaves
for whatever keeps them so (Lemke, 1954). Slacks are free, and may stand on either side.
"""

from __future__ import annotations

from wattlas.placement.engine.jit import entry, kernel
from wattlas.placement.window.simplex.pivots import (
    enter,
    pivot,
    pivot_row,
    set_values,
    swap_key,
)
from wattlas.placement.window.simplex.pricing import level, stands_still
from wattlas.placement.window.simplex.ratio import breakpoints, move
from wattlas.placement.window.simplex.solves import ftran
from wattlas.placement.window.simplex.state import (
    COLUMN,
    CROSSED,
    ETAS,
    MOVES,
    NONE,
    NONZEROS,
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
_FAR = 1e300


@entry
def mend_window(p: LevelProgram, b: WindowBasis, f: Factors, w: Work, room: int) -> None:
    """Values of the optimal basis at hand under other right-hand sides; pivots until no column is
    below zero, or there is no room for etas."""
    count = w.counters
    count[MOVES] = 0
    set_values(p, b, f, w)
    while count[ETAS] < room:
        slot = lowest(p, b, f, w)
        if slot < 0:
            return
        count[CROSSED] = 0
        pivot_row(f, w, slot)
        entered = cheapest(p, b, w)
        if entered == NONE:
            return
        count[MOVES] += 1
        enter(p, b, w, entered)
        if entered < 0:
            turn(p, b, w, -1 - entered)
        ftran(f, count, w.vec[COLUMN])
        breakpoints(p, b, w)
        w.entering[STEP] = b.value[slot] / w.vec[COLUMN][slot]
        move(b, w)
        pivot(p, b, f, w, slot)


@kernel
def lowest(p: LevelProgram, b: WindowBasis, f: Factors, w: Work) -> int:
    """The slot of the column that is farthest below zero, which is no key any more; −1: none is."""
    least, slot, owner = -_BELOW, -1, -1
    for i in range(b.slot.shape[0]):
        if b.slot[i] >= 0 and b.value[i] < least:
            least, slot = b.value[i], i
    for n in range(b.key_value.shape[0]):
        if b.key_value[n] < least:
            least, owner = b.key_value[n], n
    if owner < 0:
        return slot
    w.counters[NONZEROS] = 0
    return swap_key(p, b, f, w, owner)


@kernel
def cheapest(p: LevelProgram, b: WindowBasis, w: Work) -> int:
    """What raises the leaving variable at the least reduced cost for what it raises, by the pivot
    row; NONE where nothing does."""
    row, regions, models = w.vec[ROW], p.cost.shape[2], p.first.shape[0] - 1
    sources, rows = p.cost.shape[1], regions * (models + 1)
    least, largest, entered = _FAR, 0.0, NONE
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
