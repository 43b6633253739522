"""A window by the primal simplex, from whatever basis it is given.

Generalised upper bounds take the sources out of the basis (Dantzig and Van Slyke, 1967), kinked
slacks make every basis with columns above zero feasible, and what leaves it is found by a ratio
test that passes kinks. `docs/engine.md` tells why.
"""

from __future__ import annotations

from wattlas.placement.engine.jit import kernel
from wattlas.placement.window.simplex.factors import add_eta, entries, factorise
from wattlas.placement.window.simplex.pricing import move_along, move_duals, price, set_duals
from wattlas.placement.window.simplex.ratio import breakpoints, leaving, move
from wattlas.placement.window.simplex.solves import btran_few, ftran
from wattlas.placement.window.simplex.state import (
    COLUMN,
    CROSSED,
    ENTERED,
    ETAS,
    FAR,
    GAVE_UP,
    MOVES,
    NONZEROS,
    OPTIMAL,
    OWN,
    PRICE,
    RATES,
    REACH,
    ROW,
    SIDE,
    SIGN,
    SLOPE,
    STEP,
    TARGET,
    Factors,
    LevelProgram,
    WindowBasis,
    Work,
)

REFACTOR_EVERY = 100
"""Etas between factorisations: one takes 0.4 ms, as much as a dozen pivots. With 60 a window took
a tenth longer, with 150 as long, with 220 a fifteenth longer."""
_HEAVY = 1e11
"""A reference weight that is no longer one: they only grow, and from window to window without end.
Where they were infinite, nothing entered any more."""
_PRESENT = 1e-10
_OFF = 1e-7
"""A slack further from its kink than that is on its own side of it, whatever its price said."""


@kernel
def solve_window(p: LevelProgram, b: WindowBasis, f: Factors, w: Work, most: int) -> int:
    """Solve from the basis at hand, whose slots may be in any order. Returns how it ended."""
    count = w.counters
    count[MOVES] = 0
    first, fresh = True, False
    while True:
        if (first or count[ETAS] >= REFACTOR_EVERY) and not factorise(p, b, f, w):
            return GAVE_UP
        if first:
            for i in range(b.shift.shape[0]):
                b.shift[i] = b.shift[i] if w.tight[i] else 0.0
        set_values(p, b, f, w)
        if first:
            set_sides(p, b)
            first = False
        set_duals(p, b, f, w)
        fresh = True
        while count[ETAS] < REFACTOR_EVERY:
            place = price(p, b, w)
            if place < 0:
                if fresh:
                    return OPTIMAL
                break
            fresh = False
            if count[MOVES] >= most:
                return GAVE_UP
            count[MOVES] += 1
            enter(p, b, w, w.best_id[place])
            w.stale[place] = True
            ftran(f, count, w.vec[COLUMN])
            breakpoints(p, b, w)
            last = leaving(w)
            if last < 0:
                return GAVE_UP
            move(b, w)
            pivot(p, b, f, w, w.breaker[last])


@kernel
def set_values(p: LevelProgram, b: WindowBasis, f: Factors, w: Work) -> None:
    """Values of all basic variables, from right-hand sides and demand."""
    hours, sources, regions = p.cost.shape
    rows, x = regions * p.first.shape[0], b.value
    for i in range(x.shape[0]):
        x[i] = p.limit[i] - (b.shift[i] if w.tight[i] else 0.0)
    for hs in range(hours * sources):
        h, key = hs // sources, b.key[hs]
        at = h * rows + regions + p.model[hs - h * sources] * regions + key
        x[h * rows + key] -= p.demand[hs]
        x[at] -= p.demand[hs]
        if h + 1 < hours:
            x[at + rows] += p.demand[hs]
        b.key_value[hs] = p.demand[hs]
    ftran(f, w.counters, x)
    for n in range(b.place.shape[0]):
        b.place[n] = -1
    for i in range(x.shape[0]):
        if b.slot[i] >= 0:
            b.key_value[b.slot[i] // regions] -= x[i]
            b.place[b.slot[i]] = i


@kernel
def set_sides(p: LevelProgram, b: WindowBasis) -> None:
    """What basic slacks cost where they are."""
    for i in range(b.value.shape[0]):
        if b.slot[i] < 0 and abs(b.value[i]) > _OFF:
            b.price[-1 - b.slot[i]] = 0.0 if b.value[i] > 0.0 else p.top[-1 - b.slot[i]]


@kernel
def enter(p: LevelProgram, b: WindowBasis, w: Work, entered: int) -> None:
    """The entering variable's column, by row, and which way it goes at what slope."""
    column, e, regions = w.vec[COLUMN], w.entering, p.cost.shape[2]
    w.counters[ENTERED] = entered
    for i in range(column.shape[0]):
        column[i] = 0.0
    e[SIGN], e[SIDE], e[REACH] = 1.0, 0.0, FAR
    if entered >= 0:
        hs = entered // regions
        h, r, key = hs // p.cost.shape[1], entered % regions, b.key[hs]
        s = hs - h * p.cost.shape[1]
        for n in range(entries(p, key, entered, w)):
            column[w.entry_row[n]] += w.entry[n]
        levels = b.level_price[h, p.model[s]]
        e[SLOPE] = p.cost[h, s, r] + levels[r] - p.cost[h, s, key] - levels[key]
        e[TARGET] = -e[SLOPE]
        return
    i = -1 - entered
    if b.shift[i] > 0.0 or (b.shift[i] == 0.0 and b.dual[i] < 0.0):
        e[TARGET] = -b.dual[i]
        if b.dual[i] > 0.0:
            e[SIGN], e[REACH] = -1.0, b.shift[i]
    else:
        e[TARGET], e[SIDE], e[SIGN] = p.top[i] - b.dual[i], p.top[i], -1.0
        if b.dual[i] < p.top[i]:
            e[SIGN], e[REACH] = 1.0, -b.shift[i]
    e[SLOPE] = -abs(e[TARGET])
    column[i] = e[SIGN]


@kernel
def pivot(p: LevelProgram, b: WindowBasis, f: Factors, w: Work, leaves: int) -> None:
    """Take what enters into the basis for what leaves, and bring duals and weights up to date."""
    by, column, e, regions = w.vec[PRICE], w.vec[COLUMN], w.entering, p.cost.shape[2]
    entered = w.counters[ENTERED]
    for i in range(by.shape[0]):
        by[i] = 0.0
    paid = cross(p, b, w)
    slot, alone = leaves, leaves == OWN
    if leaves < 0:
        owner = -1 - leaves
        slot = swap_key(p, b, f, w, owner)
        if slot < 0:
            alone = True
            b.key[owner], b.key_value[owner] = entered - owner * regions, e[STEP]
    for n in range(w.counters[RATES]):
        w.moving[w.owner[n]] = False
    if alone:
        if leaves == OWN:
            b.shift[-1 - entered] = 0.0
        if w.counters[CROSSED] > 0:
            btran_few(f, w.counters, by, w.passed, w.counters[CROSSED])
            move_duals(p, b, w, by)
        return
    change = (e[TARGET] - e[SIGN] * paid) / (e[SIGN] * column[slot])
    pivot_row(f, w, slot)
    if w.counters[CROSSED] > 0:
        btran_few(f, w.counters, by, w.passed, w.counters[CROSSED])
        move_duals(p, b, w, by)
    exchange(p, b, f, w, slot, change)


@kernel
def cross(p: LevelProgram, b: WindowBasis, w: Work) -> float:
    """Give slacks that passed their kink the price of their other side; what the entering column's
    dual is paid by that."""
    by, column, paid = w.vec[PRICE], w.vec[COLUMN], 0.0
    for n in range(w.counters[CROSSED]):
        i = w.passed[n]
        row = -1 - b.slot[i]
        other = p.top[row] if column[i] > 0.0 else 0.0
        by[i] = other - b.price[row]
        paid += column[i] * by[i]
        b.price[row] = other
    return paid


@kernel
def swap_key(p: LevelProgram, b: WindowBasis, f: Factors, w: Work, owner: int) -> int:
    """Make the largest basic column of a source its key; the slot where the old key then is, −1
    where the source has no basic column but its key."""
    regions, slot, column, eta = p.cost.shape[2], -1, w.vec[COLUMN], f.eta
    t = w.counters[ETAS]
    end = eta.start[t]
    for c in range(owner * regions, (owner + 1) * regions):
        i = b.place[c]
        if i >= 0:
            eta.at[end] = i
            end += 1
            if slot < 0 or b.value[i] > b.value[slot]:
                slot = i
    if slot < 0:
        return -1
    f.eta_kind[t], f.eta_slot[t], eta.start[t + 1] = 1, slot, end
    w.counters[ETAS] = t + 1
    old = owner * regions + b.key[owner]
    b.key[owner] = b.slot[slot] - owner * regions
    b.place[b.slot[slot]], b.place[old], b.slot[slot] = -1, slot, old
    b.key_value[owner], b.value[slot] = b.value[slot], b.key_value[owner]
    if abs(column[slot]) < _PRESENT:
        w.nonzero[w.counters[NONZEROS]] = slot
        w.counters[NONZEROS] += 1
    column[slot] = w.rate[owner]
    return slot


@kernel
def pivot_row(f: Factors, w: Work, slot: int) -> None:
    """ROW becomes the pivot row."""
    row = w.vec[ROW]
    for i in range(row.shape[0]):
        row[i] = 0.0
    row[slot], w.entry_row[0] = 1.0, slot
    btran_few(f, w.counters, row, w.entry_row, 1)


@kernel
def exchange(
    p: LevelProgram, b: WindowBasis, f: Factors, w: Work, slot: int, change: float
) -> None:
    """What enters stands in a slot from now on; its eta, duals and weights."""
    column, e = w.vec[COLUMN], w.entering
    entered, left = w.counters[ENTERED], b.slot[slot]
    own = weight_of(p, b, entered) / (column[slot] * column[slot])
    if own > _HEAVY:
        own = 1.0
        even_weights(b, w)
    move_along(p, b, w, change, own)
    put_weight(p, b, w, left, max(own, 1.0))
    add_eta(f, w, slot, e[SIGN])
    b.slot[slot], b.value[slot] = entered, e[SIGN] * e[STEP]
    if entered >= 0:
        b.place[entered] = slot
        return
    row = -1 - entered
    b.value[slot] += b.shift[row]
    b.price[row], b.shift[row], w.tight[row] = e[SIDE], 0.0, False


@kernel
def even_weights(b: WindowBasis, w: Work) -> None:
    """All reference weights one again."""
    b.weight[:] = 1.0
    b.row_weight[:] = 1.0
    for n in range(w.stale.shape[0]):
        w.stale[n] = True


@kernel
def weight_of(p: LevelProgram, b: WindowBasis, entered: int) -> float:
    """The reference weight of a variable."""
    sources, regions = p.cost.shape[1], p.cost.shape[2]
    if entered >= 0:
        hs = entered // regions
        return float(b.weight[hs // sources, hs % sources, entered % regions])
    return float(b.row_weight[-1 - entered])


@kernel
def put_weight(p: LevelProgram, b: WindowBasis, w: Work, left: int, weight: float) -> None:
    """Give what left the basis its weight, and have it priced."""
    sources, regions, groups = p.cost.shape[1], p.cost.shape[2], p.first.shape[0]
    if left < 0:
        b.row_weight[-1 - left], w.tight[-1 - left] = weight, True
        w.stale[(-1 - left) // (regions * groups) * groups + groups - 1] = True
        return
    hs = left // regions
    b.weight[hs // sources, hs % sources, left % regions] = weight
    b.place[left] = -1
    w.stale[hs // sources * groups + p.model[hs % sources]] = True
