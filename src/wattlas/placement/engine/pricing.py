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

ROUNDING = 1e-12
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
def forget_prices(vec: F8) -> None:
    """Costs are others now: every region has to be priced."""
    for k in range(vec.shape[1]):
        vec[PRICED, k] = BIG


@kernel
def price_sources(p: Program, tariff: F8, vec: F8, w: Scratch, slack: float) -> None:
    """least[s]: the least reduced cost of all columns of a source at the duals of now, but for
    moves within `slack` (relative).

    Where rows tie regions, one of their duals moves nearly always, and with it the price of every
    column: then all are looked at.
    """
    if vec.shape[1] > tariff.shape[1]:
        fill_table(p.unit, tariff, vec, p.rep, w.table)
        least_by_table(p, w.table, tariff.shape[1], w.least)
    else:
        price_regions(p, tariff, vec, w, slack)
        least_of_regions(p, w)


@kernel
def least_by_table(p: Program, table: F8, width: int, least: F8) -> None:
    """least[s], by the table of its kind."""
    for s in range(least.shape[0]):
        least[s] = least_of_source(p, table, width, s)


@kernel
def least_of_source(p: Program, table: F8, width: int, s: int) -> float:
    """The least reduced cost of all columns of one source, by the table of its kind."""
    fixed, n = p.fixed, p.kind[s]
    least: float = fixed[s, p.unit.shape[1] * width]
    for c in range(p.points[s] * width):
        least = smaller(least, fixed[s, c] + table[n, c])
    return least


@kernel
def price_regions(p: Program, tariff: F8, vec: F8, w: Scratch, slack: float) -> None:
    """Bring `by_region` to the duals of now: regions whose dual has moved are priced anew. `slack`
    (relative) is no move."""
    across, rate, by_region, width = p.across, p.rate, w.by_region, tariff.shape[1]
    for r in range(width):
        if abs(vec[DUAL, r] - vec[PRICED, r]) > slack * abs(vec[PRICED, r]):
            vec[PRICED, r] = vec[DUAL, r]
            for s in range(across.shape[1]):
                by_region[r, s] = BIG
            for o in range(rate.shape[0]):
                price_column(across[o * width + r], rate[o], tariff, vec, o, r, by_region[r])


@kernel
def price_column(across: F8, rate: F8, tariff: F8, vec: F8, o: int, r: int, least: F8) -> None:
    """least[s] = min(least[s], reduced cost of column (o, r)), for all sources."""
    power, paid = tariff[0, r], tariff[1 + o, r] - vec[DUAL, r]
    for s in range(least.shape[0]):
        v = across[s] + rate[ENERGY, s] * power + rate[GPU, s] * paid
        least[s] = smaller(least[s], v)


@kernel
def least_of_regions(p: Program, w: Scratch) -> None:
    """least[s], by `by_region`."""
    by_region, least = w.by_region, w.least
    unserved = p.across[p.unit.shape[1] * by_region.shape[0]]
    for s in range(least.shape[0]):
        least[s] = unserved[s]
    for r in range(0, by_region.shape[0], 4):
        for s in range(least.shape[0]):
            one = smaller(by_region[r, s], by_region[r + 1, s])
            other = smaller(by_region[r + 2, s], by_region[r + 3, s])
            least[s] = smaller(least[s], smaller(one, other))


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
def choose_keys(p: Program, tariff: F8, b: Working, w: Scratch, cold: bool) -> None:
    """Give sources without basic columns their cheapest column under the present duals.

    When not `cold`, only those whose key is closed. A key that is as cheap stays.
    """
    fixed, unit, key, vec, width = p.fixed, p.unit, b.key, b.vec, tariff.shape[1]
    for s in range(key.shape[0]):
        if key[s, BASICS] == 0 and (cold or b.key_cost[s] >= OPEN):
            cost = b.key_cost[s]
            present = cost - row_price(unit, vec, width, s, key[s, POINT], key[s, REGION])
            least, o, r = best_column(p, tariff, vec, w.reduced, s)
            if cost >= OPEN or least < present - ROUNDING * abs(present):
                key[s, POINT], key[s, REGION] = o, r
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
