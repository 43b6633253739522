"""Pricing: which column of a source has the least reduced cost, and what it would gain.

The reduced cost of a column is its cost less the duals of its rows and the value of its source's
demand, which is the same difference for the source's key. A *gain* is a reduced cost with the sign
turned: what the objective falls by per unit of the column.
"""

from __future__ import annotations

import math

from wattlas.placement.engine.basis import cost_of, row_price
from wattlas.placement.engine.jit import kernel, smaller
from wattlas.placement.engine.state import (
    BASICS,
    BIG,
    DUAL,
    ENERGY,
    F8,
    GPU,
    I4,
    NEGATIVE,
    OPEN,
    POINT,
    PRICED,
    REGION,
    ROWS,
    Hour,
    Program,
    Scratch,
    Working,
)

_ROUNDING = 1e-12
"""A gain below this part of the terms that it is the difference of is rounding. Doubles carry 16
digits; sums over a few hundred terms lose up to three of them. Half and twice it change no pivot of
L and M."""


@kernel
def fill_table(unit: F8, tariff: F8, vec: F8, rep: I4, table: F8) -> None:
    """table[n, column] = what a column costs beyond its static cost, less duals · entries.

    It is the same for all sources of a kind n; rep[n] is one of them. The last lanes, of
    unserved demand, stay zero.
    """
    width = tariff.shape[1]
    for n in range(rep.shape[0]):
        s = rep[n]
        for o in range(unit.shape[1]):
            g, e, base = unit[s, o, GPU], unit[s, o, ENERGY], o * width
            shift = 0.0
            for j in range(unit.shape[2] - ROWS):
                shift += unit[s, o, ROWS + j] * vec[DUAL, width + j]
            for r in range(width):
                paid = g * (tariff[1 + o, r] - vec[DUAL, r])
                table[n, base + r] = e * tariff[0, r] + paid - shift


@kernel
def forget_others(w: Scratch) -> None:
    """Costs are others now: every source has to be priced."""
    others = w.others
    for s in range(others.shape[0]):
        others[s] = -BIG


@kernel
def follow_duals(p: Program, tariff: F8, vec: F8, others: F8) -> None:
    """Keep `others` below the reduced costs of all columns but the keys', as duals have moved.

    A dual that falls makes columns dearer, so only regions whose dual has risen are looked at: two
    of 18 from one scan to the next, mostly.
    """
    across, rate, width = p.across, p.rate, tariff.shape[1]
    ties = vec.shape[1] > width
    for r in range(width):
        if vec[DUAL, r] > vec[PRICED, r] and not ties:
            for o in range(rate.shape[0]):
                power, paid, c = tariff[0, r], tariff[1 + o, r] - vec[DUAL, r], o * width + r
                for s in range(across.shape[1]):
                    v = across[c, s] + rate[o, ENERGY, s] * power + rate[o, GPU, s] * paid
                    others[s] = smaller(others[s], v)
    for k in range(vec.shape[1]):
        vec[PRICED, k] = vec[DUAL, k]
    if ties:  # entries of rows of both signs: not followed
        for s in range(others.shape[0]):
            others[s] = -BIG


@kernel
def least_other(p: Program, table: F8, width: int, s: int, o: int, r: int) -> float:
    """The least reduced cost of all columns of a source but its key (o, r)."""
    fixed, n = p.fixed, p.kind[s]
    least, at = BIG, p.unit.shape[1] * width
    if o >= 0:
        least, at = fixed[s, at], o * width + r
    # The key is set aside in the table, so that one contiguous pass looks at all the others.
    kept = table[n, at]
    table[n, at] = BIG
    for c in range(p.points[s] * width):
        least = smaller(least, fixed[s, c] + table[n, c])
    table[n, at] = kept
    return least


@kernel
def price_known(p: Program, b: Working, w: Scratch, width: int, s: int) -> tuple[float, float]:
    """The reduced cost of a source's key, and the least of all its columns, by the table.

    `follow_duals` must have seen the duals. Others are looked at only where one may cost less.
    """
    key, others = b.key, w.others
    o, r = key[s, POINT], key[s, REGION]
    own = b.key_cost[s] - row_price(p.unit, b.vec, width, s, o, r)
    if others[s] >= own:
        return own, own
    others[s] = least_other(p, w.table, width, s, o, r)
    return own, min(own, others[s])


@kernel
def best_column(p: Program, tariff: F8, vec: F8, reduced: F8, s: int) -> tuple[float, int, int]:
    """The least reduced cost of a source by the duals of now, and its column (point, region)."""
    fixed, unit, width = p.fixed, p.unit, tariff.shape[1]
    best, best_o, best_r = fixed[s, unit.shape[1] * width], -1, -1
    for o in range(p.points[s]):
        g, e, base = unit[s, o, GPU], unit[s, o, ENERGY], o * width
        least = BIG
        for r in range(width):
            v = fixed[s, base + r] + e * tariff[0, r] + g * (tariff[1 + o, r] - vec[DUAL, r])
            reduced[r] = v
            least = smaller(least, v)
        shift = 0.0
        for j in range(unit.shape[2] - ROWS):
            shift += unit[s, o, ROWS + j] * vec[DUAL, width + j]
        if least - shift < best:
            best, best_o = least - shift, o
            for r in range(width):
                if reduced[r] <= least:
                    best_r = r
                    break
    return best, best_o, best_r


@kernel
def scan(
    p: Program, h: Hour, b: Working, w: Scratch,
    penalty: float, least_gain: float, least_row_gain: float, again: bool,
) -> float:  # fmt: skip
    """Score every source and row by gain × weight into `score`; returns the highest.

    When `again`, only the sources that had a score the last time. A score of zero means no gain
    worth having: below rounding, below `least_gain` over the whole demand, or for a row below
    `least_row_gain`.
    """
    unit, table, demand = p.unit, w.table, h.demand
    key, key_cost, vec, score, weight = b.key, b.key_cost, b.vec, w.score, w.weight
    sources, width = demand.shape[0], h.tariff.shape[1]
    fill_table(unit, h.tariff, vec, p.rep, table)
    if not again:
        follow_duals(p, h.tariff, vec, w.others)
    top = 0.0
    for s in range(sources):
        if again and score[s] == 0.0:
            continue
        value = 0.0
        d = demand[s]
        if d > 0.0:
            if again:
                o, r = key[s, POINT], key[s, REGION]
                own = key_cost[s] - row_price(unit, vec, width, s, o, r)
                least = least_other(p, table, width, s, o, r)
            else:
                own, least = price_known(p, b, w, width, s)
            gain = own - penalty * key[s, NEGATIVE] - least
            if gain * d > least_gain and gain > _ROUNDING * (abs(key_cost[s]) + abs(own)):
                value = gain * weight[s]
        score[s] = value
        top = max(top, value)
    for k in range(vec.shape[1]):
        value = 0.0
        if vec[DUAL, k] > least_row_gain:  # the slack of a row whose price has the wrong sign
            value = vec[DUAL, k] * weight[sources + k]
        score[sources + k] = value
        top = max(top, value)
    return top


@kernel
def choose_keys(p: Program, tariff: F8, b: Working, w: Scratch, cold: bool) -> None:
    """Give sources without basic columns their cheapest column under the present duals.

    When not `cold`, only those whose key is closed. A key that is as cheap stays.
    """
    fixed, unit, key, vec, width = p.fixed, p.unit, b.key, b.vec, tariff.shape[1]
    others = w.others
    if cold:
        follow_duals(p, tariff, vec, others)
    for s in range(key.shape[0]):
        if key[s, BASICS] == 0 and (cold or b.key_cost[s] >= OPEN):
            cost = b.key_cost[s]
            present = cost - row_price(unit, vec, width, s, key[s, POINT], key[s, REGION])
            if cost < OPEN and others[s] >= present:
                continue
            least, o, r = best_column(p, tariff, vec, w.reduced, s)
            if cost >= OPEN or least < present - _ROUNDING * abs(present):
                key[s, POINT], key[s, REGION], others[s] = o, r, -BIG
                b.key_cost[s] = cost_of(fixed, unit, tariff, s, o, r)


@kernel
def magnitude(demand: F8, key_cost: F8) -> float:
    """Σ demand · |key cost|: what the objective's rounding is measured against."""
    total = 0.0
    for s in range(demand.shape[0]):
        if key_cost[s] < BIG / 10:
            total += demand[s] * abs(key_cost[s])
    return total


@kernel
def largest_cost(p: Program, h: Hour) -> float:
    """The largest |cost| of an open column of a source with demand."""
    fixed, unit, tariff = p.fixed, p.unit, h.tariff
    width, points = tariff.shape[1], unit.shape[1]
    most = 0.0
    for s in range(h.demand.shape[0]):
        if h.demand[s] > 0.0:
            if fixed[s, points * width] < OPEN:
                most = max(most, abs(fixed[s, points * width]))
            for o in range(points):
                for r in range(width):
                    if fixed[s, o * width + r] < OPEN:
                        most = max(most, abs(cost_of(fixed, unit, tariff, s, o, r)))
    return most


@kernel
def set_weights(demand: F8, weight: F8) -> float:
    """Weights of sources and rows in the choice of a pivot; returns the total demand,
    or 1 where there is none.

    The root of the volume stands between the gain per unit and the gain at the full volume:
    measured, it needs half the pivots of the first and a third of the scans of the second.
    """
    total = 0.0
    for s in range(demand.shape[0]):
        total += demand[s]
        weight[s] = math.sqrt(demand[s])
    if total <= 0.0:
        total = 1.0
    for k in range(demand.shape[0], weight.shape[0]):
        weight[k] = math.sqrt(total / max(demand.shape[0], 1))
    return total
