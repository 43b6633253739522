"""Pricing: which column of a source would lower the objective, and by how much per unit."""

from __future__ import annotations

from wattlas.placement.engine.basis import cost_of, row_price
from wattlas.placement.engine.jit import kernel
from wattlas.placement.engine.state import BIG, F8, Hour, Static, Work


@kernel
def least_reduced(st: Static, per_kwh: F8, dual: F8, s: int) -> float:
    """min over the columns of source s of cost − duals · entries (one contiguous pass)."""
    width = per_kwh.shape[0]
    best = st.unserved[s]
    for o in range(st.energy.shape[1]):
        g, e, base = st.gpu[s, o], st.energy[s, o], o * width
        least = BIG
        for r in range(width):
            v = st.fixed[s, base + r] + e * per_kwh[r] - g * dual[r]
            least = min(least, v)
        for n in range(st.first[s], st.first[s + 1]):
            least -= st.coef[n, o] * dual[st.row[n]]
        best = min(best, least)
    return best


@kernel
def best_column(st: Static, hr: Hour, wk: Work, dual: F8, s: int) -> tuple[float, int, int]:
    """The least reduced cost of source s with the column (point, region) that has it."""
    per_kwh, buffer = hr.per_kwh, wk.buffer
    width = per_kwh.shape[0]
    best, best_o, best_r = st.unserved[s], -1, -1
    for o in range(st.energy.shape[1]):
        g, e, base = st.gpu[s, o], st.energy[s, o], o * width
        shift = 0.0
        for n in range(st.first[s], st.first[s + 1]):
            shift += st.coef[n, o] * dual[st.row[n]]
        least = BIG
        for r in range(width):
            v = st.fixed[s, base + r] + e * per_kwh[r] - g * dual[r]
            buffer[r] = v
            least = min(least, v)
        if least - shift < best:
            best, best_o = least - shift, o
            for r in range(width):
                if buffer[r] <= least:
                    best_r = r
                    break
    return best, best_o, best_r


@kernel
def key_value(st: Static, wk: Work, penalty: float, s: int) -> float:
    """The dual of source s: what its key column costs beyond the rows it uses."""
    paid = row_price(st, wk.dual, s, wk.key_o[s], wk.key_r[s])
    return wk.key_cost[s] - penalty * wk.bad_key[s] - paid


@kernel
def noise(st: Static, wk: Work, penalty: float, s: int) -> float:
    """Differences of reduced costs below this are rounding."""
    paid = row_price(st, wk.dual, s, wk.key_o[s], wk.key_r[s])
    return 1e-12 * (abs(wk.key_cost[s]) + abs(paid) + penalty * wk.bad_key[s])


@kernel
def scan(
    st: Static, hr: Hour, wk: Work, penalty: float, floor: float, row_floor: float
) -> float:
    """Score every source and row by gain × volume into `best`; returns the highest score.

    A score of zero means no gain worth having: below rounding, or below `floor` in all.
    """
    sources, rows = wk.key_o.shape[0], wk.basic_s.shape[0]
    top = 0.0
    for s in range(sources):
        score = 0.0
        d = hr.demand[s]
        if d > 0.0:
            value = key_value(st, wk, penalty, s)
            gain = value - least_reduced(st, hr.per_kwh, wk.dual, s)
            if gain > noise(st, wk, penalty, s) and gain * d > floor:
                score = gain
        wk.best[s] = score
        top = max(top, score)
    for k in range(rows):
        score = 0.0
        if wk.dual[k] > row_floor:
            score = wk.dual[k]
        wk.best[sources + k] = score
        top = max(top, score)
    return top


@kernel
def choose_keys(st: Static, hr: Hour, wk: Work) -> int:
    """Give every source without basic columns its cheapest column under the present duals."""
    moved = 0
    for s in range(wk.key_o.shape[0]):
        if wk.split[s] == 0:
            _, o, r = best_column(st, hr, wk, wk.dual, s)
            if o != wk.key_o[s] or r != wk.key_r[s]:
                wk.key_o[s], wk.key_r[s] = o, r
                wk.key_cost[s] = cost_of(st, hr.per_kwh, s, o, r)
                moved += 1
    return moved


@kernel
def magnitude(hr: Hour, wk: Work) -> float:
    """Σ demand · |key cost|: what the objective's rounding is measured against."""
    total = 0.0
    for s in range(wk.key_o.shape[0]):
        if wk.key_cost[s] < BIG / 10:
            total += hr.demand[s] * abs(wk.key_cost[s])
    return total
