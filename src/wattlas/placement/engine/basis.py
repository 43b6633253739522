"""The working basis: transforming columns, exchanging them, and rebuilding the inverse."""

from __future__ import annotations

from wattlas.placement.engine.jit import kernel
from wattlas.placement.engine.state import (
    PIVOTS,
    SINCE_REFACTOR,
    TOUCHED,
    F8,
    Hour,
    Static,
    Work,
)

_SINGULAR = 1e-8


@kernel
def cost_of(st: Static, per_kwh: F8, s: int, o: int, r: int) -> float:
    """The cost of one unit of a column."""
    if o < 0:
        return st.unserved[s]
    return st.fixed[s, o * per_kwh.shape[0] + r] + st.energy[s, o] * per_kwh[r]


@kernel
def row_price(st: Static, dual: F8, s: int, o: int, r: int) -> float:
    """Duals times the entries of a column in the working rows."""
    if o < 0:
        return 0.0
    total = st.gpu[s, o] * dual[r]
    for n in range(st.first[s], st.first[s + 1]):
        total += st.coef[n, o] * dual[st.row[n]]
    return total


@kernel
def add_column(st: Static, out: F8, inverse: F8, s: int, o: int, r: int, sign: float) -> None:
    """out += sign · inverse · (entries of the column)."""
    if o < 0:
        return
    f = sign * st.gpu[s, o]
    for i in range(out.shape[0]):
        out[i] += f * inverse[r, i]
    for n in range(st.first[s], st.first[s + 1]):
        f = sign * st.coef[n, o]
        if f != 0.0:
            k = st.row[n]
            for i in range(out.shape[0]):
                out[i] += f * inverse[k, i]


@kernel
def transform(st: Static, wk: Work, s: int, o: int, r: int) -> None:
    """alpha = inverse · (column − key column of its source), or of the slack of row r (s = -1)."""
    alpha = wk.alpha
    if s < 0:
        alpha[:] = wk.inverse[r]
        return
    alpha[:] = 0.0
    if o == wk.key_o[s] and o >= 0:
        k = wk.key_r[s]
        g = st.gpu[s, o]
        for i in range(alpha.shape[0]):
            alpha[i] = g * (wk.inverse[r, i] - wk.inverse[k, i])
        return
    add_column(st, alpha, wk.inverse, s, o, r, 1.0)
    add_column(st, alpha, wk.inverse, s, wk.key_o[s], wk.key_r[s], -1.0)


@kernel
def eliminate(inverse: F8, alpha: F8, dual: F8, leave: int, price: float) -> None:
    """Rank-one update of the inverse; the duals move by price · (new pivot row)."""
    scale = 1.0 / alpha[leave]
    for k in range(inverse.shape[0]):
        f = inverse[k, leave] * scale
        if f != 0.0:
            for i in range(alpha.shape[0]):
                inverse[k, i] -= f * alpha[i]
            inverse[k, leave] = f
            dual[k] += price * f


@kernel
def swap_key(wk: Work, s: int) -> int:
    """Make one basic column of source s its key; the old key takes that basic place."""
    place = -1
    basic_s = wk.basic_s
    for i in range(basic_s.shape[0]):
        if basic_s[i] == s:
            place = i
            break
    inverse = wk.inverse
    for k in range(inverse.shape[0]):
        total = inverse[k, place]
        for i in range(place + 1, basic_s.shape[0]):
            if basic_s[i] == s:
                total += inverse[k, i]
        inverse[k, place] = -total
    o, r, cost, x = wk.key_o[s], wk.key_r[s], wk.key_cost[s], wk.key_x[s]
    wk.key_o[s], wk.key_r[s] = wk.basic_o[place], wk.basic_r[place]
    wk.key_cost[s], wk.key_x[s] = wk.basic_cost[place], wk.basic_x[place]
    wk.basic_o[place], wk.basic_r[place] = o, r
    wk.basic_cost[place], wk.basic_x[place] = cost, x
    return place


@kernel
def set_basic(wk: Work, i: int, s: int, o: int, r: int, cost: float, x: float) -> None:
    """Put a column into basic place i, and keep count of what each source has there."""
    if wk.basic_s[i] >= 0:
        wk.split[wk.basic_s[i]] -= 1
    if s >= 0:
        wk.split[s] += 1
    wk.basic_s[i], wk.basic_o[i], wk.basic_r[i] = s, o, r
    wk.basic_cost[i], wk.basic_x[i] = cost, x


@kernel
def refactor(st: Static, wk: Work) -> int:
    """Rebuild the inverse from the columns; returns how many were dropped as dependent.

    Slacks stay in their own row; each other column takes the free row where its transformed
    entry is largest. A column without a usable entry is dropped for the slack of its row.
    """
    p = wk.basic_s.shape[0]
    inverse = wk.inverse
    n = 0
    for i in range(p):
        if wk.basic_s[i] >= 0:
            wk.saved[0, n], wk.saved[1, n], wk.saved[2, n] = (
                wk.basic_s[i],
                wk.basic_o[i],
                wk.basic_r[i],
            )
            wk.rhs[n] = wk.basic_cost[i]
            wk.spare[n] = wk.basic_x[i]
            n += 1
    for i in range(p):
        wk.weight[i] = 1.0
    for i in range(p):
        if wk.basic_s[i] < 0:
            wk.weight[wk.basic_r[i]] = 0.0
    for k in range(p):
        for i in range(p):
            inverse[k, i] = 0.0
        inverse[k, k] = 1.0
    for i in range(p):
        set_basic(wk, i, -1, -1, i, 0.0, 0.0)
    dropped = 0
    for m in range(n):
        s, o, r = wk.saved[0, m], wk.saved[1, m], wk.saved[2, m]
        transform(st, wk, s, o, r)
        place, size = -1, _SINGULAR
        for i in range(p):
            if wk.weight[i] > 0.0 and abs(wk.alpha[i]) > size:
                place, size = i, abs(wk.alpha[i])
        if place < 0:
            dropped += 1
            continue
        eliminate(inverse, wk.alpha, wk.dual, place, 0.0)
        wk.weight[place] = 0.0
        set_basic(wk, place, s, o, r, wk.rhs[m], wk.spare[m])
    wk.count[SINCE_REFACTOR] = 0
    return dropped


@kernel
def set_values(st: Static, hr: Hour, wk: Work) -> None:
    """Values of the basic and key columns from the right-hand sides and the inverse."""
    p = wk.basic_s.shape[0]
    rhs = wk.rhs
    rhs[:] = hr.limit
    for s in range(wk.key_o.shape[0]):
        d = hr.demand[s]
        wk.key_x[s] = d
        o = wk.key_o[s]
        if o >= 0 and d != 0.0:
            rhs[wk.key_r[s]] -= st.gpu[s, o] * d
            for n in range(st.first[s], st.first[s + 1]):
                rhs[st.row[n]] -= st.coef[n, o] * d
    wk.basic_x[:] = 0.0
    for k in range(p):
        f = rhs[k]
        if f != 0.0:
            for i in range(p):
                wk.basic_x[i] += f * wk.inverse[k, i]
    for i in range(p):
        if wk.basic_s[i] >= 0:
            wk.key_x[wk.basic_s[i]] -= wk.basic_x[i]


@kernel
def set_costs(st: Static, hr: Hour, wk: Work) -> None:
    """Costs of the key and basic columns in this hour."""
    for s in range(wk.key_o.shape[0]):
        wk.key_cost[s] = cost_of(st, hr.per_kwh, s, wk.key_o[s], wk.key_r[s])
    for i in range(wk.basic_s.shape[0]):
        s = wk.basic_s[i]
        wk.basic_cost[i] = 0.0
        if s >= 0:
            wk.basic_cost[i] = cost_of(st, hr.per_kwh, s, wk.basic_o[i], wk.basic_r[i])


@kernel
def set_duals(wk: Work, penalty: float) -> None:
    """Duals of the working rows; infeasible columns count `penalty` less than they cost."""
    p = wk.basic_s.shape[0]
    for i in range(p):
        s = wk.basic_s[i]
        c = wk.basic_cost[i] - penalty * wk.penalty[i]
        if s >= 0:
            c -= wk.key_cost[s] - penalty * wk.bad_key[s]
        wk.rhs[i] = c
    for k in range(p):
        total = 0.0
        for i in range(p):
            total += wk.inverse[k, i] * wk.rhs[i]
        wk.dual[k] = total


@kernel
def exchange(
    st: Static, hr: Hour, wk: Work, s: int, o: int, r: int, leave: int, theta: float, price: float
) -> None:
    """Bring column (s, o, r) in at value theta. `leave` ≥ P means the key of touched[leave − P]."""
    p = wk.basic_s.shape[0]
    for i in range(p):
        wk.basic_x[i] -= theta * wk.alpha[i]
    for n in range(wk.count[TOUCHED]):
        wk.key_x[wk.touched[n]] -= theta * wk.rate[n]
    cost = 0.0
    if s >= 0:
        cost = cost_of(st, hr.per_kwh, s, o, r)
    if leave >= p:
        n = leave - p
        owner = wk.touched[n]
        wk.key_x[owner] = 0.0
        if wk.split[owner] == 0:
            wk.key_o[owner], wk.key_r[owner], wk.key_cost[owner] = o, r, cost
            wk.key_x[owner] = hr.demand[owner]
            wk.count[PIVOTS] += 1
            return
        leave = swap_key(wk, owner)
        wk.alpha[leave] = wk.rate[n]
    eliminate(wk.inverse, wk.alpha, wk.dual, leave, price)
    set_basic(wk, leave, s, o, r, cost, theta)
    wk.count[PIVOTS] += 1
    wk.count[SINCE_REFACTOR] += 1

