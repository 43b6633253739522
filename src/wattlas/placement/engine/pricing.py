"""Pricing: which column of a source would lower the objective, and by how much per unit."""

from __future__ import annotations

# Arguments stand in groups, one group a line: the problem, the basis, the scratch space.
# fmt: off
import math

from wattlas.placement.engine.basis import cost_of, row_price
from wattlas.placement.engine.jit import kernel, smaller
from wattlas.placement.engine.state import (
    BAD_KEY,
    BIG,
    DUAL,
    ENERGY,
    F8,
    GPU,
    I4,
    KEY_COST,
    KEY_O,
    KEY_R,
    OPEN,
    ROWS,
    SPLIT,
)


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
def least_reduced(fixed: F8, table: F8, s: int, n: int) -> float:
    """The least reduced cost of source s, of kind n (one contiguous pass)."""
    least = BIG
    for c in range(fixed.shape[1]):
        least = smaller(least, fixed[s, c] + table[n, c])
    return least


@kernel
def best_column(
    fixed: F8, unit: F8, tariff: F8, vec: F8, buffer: F8, s: int
) -> tuple[float, int, int]:
    """The least reduced cost of source s with the column (point, region) that has it."""
    width = tariff.shape[1]
    best, best_o, best_r = fixed[s, unit.shape[1] * width], -1, -1
    for o in range(unit.shape[1]):
        g, e, base = unit[s, o, GPU], unit[s, o, ENERGY], o * width
        least = BIG
        for r in range(width):
            v = fixed[s, base + r] + e * tariff[0, r] + g * (tariff[1 + o, r] - vec[DUAL, r])
            buffer[r] = v
            least = smaller(least, v)
        shift = 0.0
        for j in range(unit.shape[2] - ROWS):
            shift += unit[s, o, ROWS + j] * vec[DUAL, width + j]
        if least - shift < best:
            best, best_o = least - shift, o
            for r in range(width):
                if buffer[r] <= least:
                    best_r = r
                    break
    return best, best_o, best_r


@kernel
def scan(
    fixed: F8, unit: F8, kind: I4, rep: I4, table: F8, tariff: F8, demand: F8,
    src: I4, amount: F8, vec: F8, best: F8, weight: F8,
    penalty: float, floor: float, row_floor: float, again: bool,
) -> float:
    """Score every source and row by gain × weight into `best`; returns the highest score.

    When `again`, only the sources that had a score the last time.

    A score of zero means no gain worth having: below rounding, or below `floor` in all.
    """
    sources, rows, width = src.shape[0], vec.shape[1], tariff.shape[1]
    fill_table(unit, tariff, vec, rep, table)
    top = 0.0
    for s in range(sources):
        if again and best[s] == 0.0:
            continue
        score = 0.0
        d = demand[s]
        if d > 0.0:
            paid = row_price(unit, vec, width, s, src[s, KEY_O], src[s, KEY_R])
            cost = amount[s, KEY_COST] - penalty * src[s, BAD_KEY]
            gain = cost - paid - least_reduced(fixed, table, s, kind[s])
            if gain * d > floor and gain > 1e-12 * (abs(cost) + abs(paid)):
                score = gain * weight[s]
        best[s] = score
        if score > top:
            top = score
    for k in range(rows):
        score = 0.0
        if vec[DUAL, k] > row_floor:
            score = vec[DUAL, k] * weight[sources + k]
        best[sources + k] = score
        if score > top:
            top = score
    return top


@kernel
def choose_keys(
    fixed: F8, unit: F8, tariff: F8, src: I4, amount: F8, vec: F8, buffer: F8, cold: bool
) -> None:
    """Give sources without basic columns their cheapest column under the present duals.

    When not `cold`, only those whose key is closed. A key that is as cheap stays.
    """
    width = tariff.shape[1]
    for s in range(src.shape[0]):
        if src[s, SPLIT] == 0 and (cold or amount[s, KEY_COST] >= OPEN):
            least, o, r = best_column(fixed, unit, tariff, vec, buffer, s)
            cost = amount[s, KEY_COST]
            now = cost - row_price(unit, vec, width, s, src[s, KEY_O], src[s, KEY_R])
            if cost >= OPEN or least < now - 1e-12 * abs(now):
                src[s, KEY_O], src[s, KEY_R] = o, r
                amount[s, KEY_COST] = cost_of(fixed, unit, tariff, s, o, r)


@kernel
def magnitude(demand: F8, amount: F8) -> float:
    """Σ demand · |key cost|: what the objective's rounding is measured against."""
    total = 0.0
    for s in range(demand.shape[0]):
        if amount[s, KEY_COST] < BIG / 10:
            total += demand[s] * abs(amount[s, KEY_COST])
    return total


@kernel
def dearest(fixed: F8, unit: F8, tariff: F8, demand: F8) -> float:
    """The largest |cost| of an open column of a source with demand."""
    width, points = tariff.shape[1], unit.shape[1]
    most = 0.0
    for s in range(demand.shape[0]):
        if demand[s] > 0.0:
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
