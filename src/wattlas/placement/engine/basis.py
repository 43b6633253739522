"""The working basis: transforming columns, exchanging them, and rebuilding the inverse."""

from __future__ import annotations

from wattlas.placement.engine.jit import kernel
from wattlas.placement.engine.state import (
    ALPHA,
    BASICS,
    COST,
    DUAL,
    ENERGY,
    F8,
    FREE,
    GPU,
    NEGATIVE,
    POINT,
    REGION,
    RHS,
    ROWS,
    SINCE,
    SOURCE,
    SPARE,
    VALUE,
    Hour,
    Program,
    Scratch,
    Working,
)

_SINGULAR = 1e-8
"""A column whose largest entry in the free rows is below this depends on the others. Entries are of
order 1: a larger bound would drop good columns, a smaller one divide by rounding. Half and twice it
change no pivot of L and M."""


@kernel
def cost_of(fixed: F8, unit: F8, tariff: F8, s: int, o: int, r: int) -> float:
    """The cost of one unit of a column."""
    width = tariff.shape[1]
    cost: float = fixed[s, unit.shape[1] * width]
    if o >= 0:
        cost = fixed[s, o * width + r] + unit[s, o, ENERGY] * tariff[0, r]
        cost += unit[s, o, GPU] * tariff[1 + o, r]
    return cost


@kernel
def row_price(unit: F8, vec: F8, width: int, s: int, o: int, r: int) -> float:
    """Duals times the entries of a column in the working rows."""
    if o < 0:
        return 0.0
    total: float = unit[s, o, GPU] * vec[DUAL, r]
    for j in range(unit.shape[2] - ROWS):
        total += unit[s, o, ROWS + j] * vec[DUAL, width + j]
    return total


@kernel
def _add_column(
    unit: F8, vec: F8, inverse: F8, width: int, s: int, o: int, r: int, sign: float
) -> None:
    """alpha += sign · inverse · (entries of the column)."""
    if o < 0:
        return
    p = inverse.shape[0]
    f = sign * unit[s, o, GPU]
    for i in range(p):
        vec[ALPHA, i] += f * inverse[r, i]
    for j in range(unit.shape[2] - ROWS):
        f = sign * unit[s, o, ROWS + j]
        if f != 0.0:
            for i in range(p):
                vec[ALPHA, i] += f * inverse[width + j, i]


@kernel
def transform(unit: F8, b: Working, width: int, s: int, o: int, r: int) -> None:
    """alpha = inverse · (column − key column of its source), or of the slack of row r (s = -1)."""
    vec, inverse = b.vec, b.inverse
    p = inverse.shape[0]
    if s < 0:
        for i in range(p):
            vec[ALPHA, i] = inverse[r, i]
        return
    key_o, key_r = b.key[s, POINT], b.key[s, REGION]
    if o == key_o and o >= 0:  # all entries but that of capacity cancel
        g = unit[s, o, GPU]
        for i in range(p):
            vec[ALPHA, i] = g * (inverse[r, i] - inverse[key_r, i])
        return
    for i in range(p):
        vec[ALPHA, i] = 0.0
    _add_column(unit, vec, inverse, width, s, o, r, 1.0)
    _add_column(unit, vec, inverse, width, s, key_o, key_r, -1.0)


@kernel
def eliminate(inverse: F8, vec: F8, leave: int, reduced_cost: float) -> None:
    """Rank-one update of the inverse; the duals move by reduced_cost · (new pivot row)."""
    p = inverse.shape[0]
    scale = 1.0 / vec[ALPHA, leave]
    for k in range(p):
        f = inverse[k, leave] * scale
        if f != 0.0:
            for i in range(p):
                inverse[k, i] -= f * vec[ALPHA, i]
            inverse[k, leave] = f
            vec[DUAL, k] += reduced_cost * f


@kernel
def swap_key(b: Working, s: int) -> int:
    """Make one basic column of source s its key; the old key takes that basic place.

    The basis stays the same, but each column of the source is now taken relative to another key,
    which changes one row of the inverse.
    """
    key, basic, vec, inverse = b.key, b.basic, b.vec, b.inverse
    p = basic.shape[0]
    place = 0
    while basic[place, SOURCE] != s:
        place += 1
    for i in range(place + 1, p):
        if basic[i, SOURCE] == s:
            for k in range(p):
                inverse[k, place] += inverse[k, i]
    for k in range(p):
        inverse[k, place] = -inverse[k, place]
    o, r, cost, value = key[s, POINT], key[s, REGION], b.key_cost[s], b.key_value[s]
    key[s, POINT], key[s, REGION] = basic[place, POINT], basic[place, REGION]
    b.key_cost[s], b.key_value[s] = vec[COST, place], vec[VALUE, place]
    basic[place, POINT], basic[place, REGION] = o, r
    vec[COST, place], vec[VALUE, place] = cost, value
    return place


@kernel
def set_basic(b: Working, i: int, s: int, o: int, r: int, cost: float, value: float) -> None:
    """Put a column into basic place i, and keep count of what each source has there."""
    if b.basic[i, SOURCE] >= 0:
        b.key[b.basic[i, SOURCE], BASICS] -= 1
    if s >= 0:
        b.key[s, BASICS] += 1
    b.basic[i, SOURCE], b.basic[i, POINT], b.basic[i, REGION] = s, o, r
    b.vec[COST, i], b.vec[VALUE, i] = cost, value


@kernel
def refactorise(unit: F8, b: Working, w: Scratch, width: int) -> None:
    """Rebuild the inverse from the columns.

    Slacks stay in their own row; each other column takes the free row where its transformed
    entry is largest. A column without a usable entry is dropped for the slack of its row.
    """
    vec, saved = b.vec, w.saved
    p = b.basic.shape[0]
    columns = _take_out(b, w)
    for m in range(columns):
        s, o, r = saved[m, SOURCE], saved[m, POINT], saved[m, REGION]
        transform(unit, b, width, s, o, r)
        place, size = -1, _SINGULAR
        for i in range(p):
            if saved[i, FREE] == 1 and abs(vec[ALPHA, i]) > size:
                place, size = i, abs(vec[ALPHA, i])
        if place >= 0:
            eliminate(b.inverse, vec, place, 0.0)
            saved[place, FREE] = 0
            set_basic(b, place, s, o, r, vec[RHS, m], vec[SPARE, m])
    w.counters[SINCE] = 0


@kernel
def _take_out(b: Working, w: Scratch) -> int:
    """Put the columns aside and the slacks of all rows in; returns how many columns there are."""
    basic, vec, inverse, saved = b.basic, b.vec, b.inverse, w.saved
    p = basic.shape[0]
    n = 0
    for i in range(p):
        saved[i, FREE] = 1
    for i in range(p):
        if basic[i, SOURCE] >= 0:
            for m in range(3):
                saved[n, m] = basic[i, m]
            vec[RHS, n] = vec[COST, i]
            vec[SPARE, n] = vec[VALUE, i]
            n += 1
        else:
            saved[basic[i, REGION], FREE] = 0
    for k in range(p):
        for i in range(p):
            inverse[k, i] = 0.0
        inverse[k, k] = 1.0
        set_basic(b, k, -1, -1, k, 0.0, 0.0)
    return n


@kernel
def set_values(unit: F8, h: Hour, b: Working) -> None:
    """Values of the basic and key columns from the right-hand sides and the inverse."""
    vec, inverse, width = b.vec, b.inverse, h.tariff.shape[1]
    p = b.basic.shape[0]
    for k in range(p):
        vec[RHS, k] = h.limit[k]
        vec[VALUE, k] = 0.0
    for s in range(h.demand.shape[0]):
        d = h.demand[s]
        b.key_value[s] = d
        o = b.key[s, POINT]
        if o >= 0 and d != 0.0:
            vec[RHS, b.key[s, REGION]] -= unit[s, o, GPU] * d
            for j in range(unit.shape[2] - ROWS):
                vec[RHS, width + j] -= unit[s, o, ROWS + j] * d
    for k in range(p):
        f = vec[RHS, k]
        if f != 0.0:
            for i in range(p):
                vec[VALUE, i] += f * inverse[k, i]
    for i in range(p):
        if b.basic[i, SOURCE] >= 0:
            b.key_value[b.basic[i, SOURCE]] -= vec[VALUE, i]


@kernel
def set_costs(p: Program, tariff: F8, b: Working) -> None:
    """Costs of the key and basic columns in this hour."""
    fixed, unit, key, basic = p.fixed, p.unit, b.key, b.basic
    for s in range(key.shape[0]):
        b.key_cost[s] = cost_of(fixed, unit, tariff, s, key[s, POINT], key[s, REGION])
    for i in range(basic.shape[0]):
        s = basic[i, SOURCE]
        b.vec[COST, i] = 0.0
        if s >= 0:
            b.vec[COST, i] = cost_of(fixed, unit, tariff, s, basic[i, POINT], basic[i, REGION])


@kernel
def set_duals(b: Working, penalty: float) -> None:
    """Duals of the working rows; negative columns count `penalty` less than they cost."""
    vec, inverse = b.vec, b.inverse
    p = b.basic.shape[0]
    for i in range(p):
        s = b.basic[i, SOURCE]
        c = vec[COST, i] - penalty * b.basic[i, NEGATIVE]
        if s >= 0:
            c -= b.key_cost[s] - penalty * b.key[s, NEGATIVE]
        vec[SPARE, i] = c
    for k in range(p):
        total = 0.0
        for i in range(p):
            total += inverse[k, i] * vec[SPARE, i]
        vec[DUAL, k] = total
