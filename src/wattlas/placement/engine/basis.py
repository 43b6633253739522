"""The working basis: transforming columns, exchanging them, and rebuilding the inverse.

`inverse[k, i]` is entry (i, k) of the inverse: stored by columns, so that long loops are
contiguous.
"""

from __future__ import annotations

from wattlas.placement.engine.jit import kernel
from wattlas.placement.engine.state import (
    ALPHA,
    BAD,
    BAD_KEY,
    COST,
    DUAL,
    ENERGY,
    F8,
    GPU,
    I4,
    KEY_COST,
    KEY_O,
    KEY_R,
    KEY_X,
    POINT,
    REGION,
    RHS,
    ROWS,
    SOURCE,
    SPARE,
    SPLIT,
    X,
)

_SINGULAR = 1e-8


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
def add_column(
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
def transform(unit: F8, src: I4, vec: F8, inverse: F8, width: int, s: int, o: int, r: int) -> None:
    """alpha = inverse · (column − key column of its source), or of the slack of row r (s = -1)."""
    p = inverse.shape[0]
    if s < 0:
        for i in range(p):
            vec[ALPHA, i] = inverse[r, i]
        return
    k = src[s, KEY_R]
    if o == src[s, KEY_O] and o >= 0:
        g = unit[s, o, GPU]
        for i in range(p):
            vec[ALPHA, i] = g * (inverse[r, i] - inverse[k, i])
        return
    for i in range(p):
        vec[ALPHA, i] = 0.0
    add_column(unit, vec, inverse, width, s, o, r, 1.0)
    add_column(unit, vec, inverse, width, s, src[s, KEY_O], k, -1.0)


@kernel
def eliminate(inverse: F8, vec: F8, leave: int, price: float) -> None:
    """Rank-one update of the inverse; the duals move by price · (new pivot row)."""
    p = inverse.shape[0]
    scale = 1.0 / vec[ALPHA, leave]
    for k in range(p):
        f = inverse[k, leave] * scale
        if f != 0.0:
            for i in range(p):
                inverse[k, i] -= f * vec[ALPHA, i]
            inverse[k, leave] = f
            vec[DUAL, k] += price * f


@kernel
def swap_key(src: I4, amount: F8, bas: I4, vec: F8, inverse: F8, s: int) -> int:
    """Make one basic column of source s its key; the old key takes that basic place."""
    p = bas.shape[0]
    place = 0
    while bas[place, SOURCE] != s:
        place += 1
    for i in range(place + 1, p):
        if bas[i, SOURCE] == s:
            for k in range(p):
                inverse[k, place] += inverse[k, i]
    for k in range(p):
        inverse[k, place] = -inverse[k, place]
    o, r, cost, x = src[s, KEY_O], src[s, KEY_R], amount[s, KEY_COST], amount[s, KEY_X]
    src[s, KEY_O], src[s, KEY_R] = bas[place, POINT], bas[place, REGION]
    amount[s, KEY_COST], amount[s, KEY_X] = vec[COST, place], vec[X, place]
    bas[place, POINT], bas[place, REGION] = o, r
    vec[COST, place], vec[X, place] = cost, x
    return place


@kernel
def set_basic(
    src: I4, bas: I4, vec: F8, i: int, s: int, o: int, r: int, cost: float, x: float
) -> None:
    """Put a column into basic place i, and keep count of what each source has there."""
    if bas[i, SOURCE] >= 0:
        src[bas[i, SOURCE], SPLIT] -= 1
    if s >= 0:
        src[s, SPLIT] += 1
    bas[i, SOURCE], bas[i, POINT], bas[i, REGION] = s, o, r
    vec[COST, i], vec[X, i] = cost, x


@kernel
def refactor(unit: F8, src: I4, bas: I4, vec: F8, inverse: F8, saved: I4, width: int) -> int:
    """Rebuild the inverse from the columns; returns how many were dropped as dependent.

    Slacks stay in their own row; each other column takes the free row where its transformed
    entry is largest. A column without a usable entry is dropped for the slack of its row.
    """
    p = bas.shape[0]
    n = 0
    for i in range(p):
        saved[i, 3] = 1
    for i in range(p):
        if bas[i, SOURCE] >= 0:
            for m in range(3):
                saved[n, m] = bas[i, m]
            vec[RHS, n] = vec[COST, i]
            vec[SPARE, n] = vec[X, i]
            n += 1
        else:
            saved[bas[i, REGION], 3] = 0
    for k in range(p):
        for i in range(p):
            inverse[k, i] = 0.0
        inverse[k, k] = 1.0
        set_basic(src, bas, vec, k, -1, -1, k, 0.0, 0.0)
    dropped = 0
    for m in range(n):
        s, o, r = saved[m, 0], saved[m, 1], saved[m, 2]
        transform(unit, src, vec, inverse, width, s, o, r)
        place, size = -1, _SINGULAR
        for i in range(p):
            if saved[i, 3] == 1 and abs(vec[ALPHA, i]) > size:
                place, size = i, abs(vec[ALPHA, i])
        if place < 0:
            dropped += 1
            continue
        eliminate(inverse, vec, place, 0.0)
        saved[place, 3] = 0
        set_basic(src, bas, vec, place, s, o, r, vec[RHS, m], vec[SPARE, m])
    return dropped


@kernel
def set_values(
    unit: F8, demand: F8, limit: F8, src: I4, amount: F8, bas: I4, vec: F8, inverse: F8, width: int
) -> None:
    """Values of the basic and key columns from the right-hand sides and the inverse."""
    p = bas.shape[0]
    for k in range(p):
        vec[RHS, k] = limit[k]
        vec[X, k] = 0.0
    for s in range(src.shape[0]):
        d = demand[s]
        amount[s, KEY_X] = d
        o = src[s, KEY_O]
        if o >= 0 and d != 0.0:
            vec[RHS, src[s, KEY_R]] -= unit[s, o, GPU] * d
            for j in range(unit.shape[2] - ROWS):
                vec[RHS, width + j] -= unit[s, o, ROWS + j] * d
    for k in range(p):
        f = vec[RHS, k]
        if f != 0.0:
            for i in range(p):
                vec[X, i] += f * inverse[k, i]
    for i in range(p):
        if bas[i, SOURCE] >= 0:
            amount[bas[i, SOURCE], KEY_X] -= vec[X, i]


@kernel
def set_costs(fixed: F8, unit: F8, tariff: F8, src: I4, amount: F8, bas: I4, vec: F8) -> None:
    """Costs of the key and basic columns in this hour."""
    for s in range(src.shape[0]):
        amount[s, KEY_COST] = cost_of(fixed, unit, tariff, s, src[s, KEY_O], src[s, KEY_R])
    for i in range(bas.shape[0]):
        s = bas[i, SOURCE]
        vec[COST, i] = 0.0
        if s >= 0:
            vec[COST, i] = cost_of(fixed, unit, tariff, s, bas[i, POINT], bas[i, REGION])


@kernel
def set_duals(src: I4, amount: F8, bas: I4, vec: F8, inverse: F8, penalty: float) -> None:
    """Duals of the working rows; infeasible columns count `penalty` less than they cost."""
    p = bas.shape[0]
    for i in range(p):
        s = bas[i, SOURCE]
        c = vec[COST, i] - penalty * bas[i, BAD]
        if s >= 0:
            c -= amount[s, KEY_COST] - penalty * src[s, BAD_KEY]
        vec[SPARE, i] = c
    for k in range(p):
        total = 0.0
        for i in range(p):
            total += inverse[k, i] * vec[SPARE, i]
        vec[DUAL, k] = total
