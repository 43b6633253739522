"""Pricing: which column of a source would lower the objective, and by how much per unit."""

from __future__ import annotations

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
def least_reduced(fixed: F8, unit: F8, per_kwh: F8, vec: F8, s: int) -> float:
    """min over the columns of source s of cost − duals · entries (one contiguous pass)."""
    width = per_kwh.shape[0]
    best = fixed[s, unit.shape[1] * width]
    for o in range(unit.shape[1]):
        g, e, base = unit[s, o, GPU], unit[s, o, ENERGY], o * width
        least = BIG
        for r in range(width):
            least = smaller(least, fixed[s, base + r] + e * per_kwh[r] - g * vec[DUAL, r])
        for j in range(unit.shape[2] - ROWS):
            least -= unit[s, o, ROWS + j] * vec[DUAL, width + j]
        if least < best:
            best = least
    return best


@kernel
def best_column(
    fixed: F8, unit: F8, per_kwh: F8, vec: F8, buffer: F8, s: int
) -> tuple[float, int, int]:
    """The least reduced cost of source s with the column (point, region) that has it."""
    width = per_kwh.shape[0]
    best, best_o, best_r = fixed[s, unit.shape[1] * width], -1, -1
    for o in range(unit.shape[1]):
        g, e, base = unit[s, o, GPU], unit[s, o, ENERGY], o * width
        least = BIG
        for r in range(width):
            v = fixed[s, base + r] + e * per_kwh[r] - g * vec[DUAL, r]
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
    fixed: F8, unit: F8, per_kwh: F8, demand: F8, src: I4, amount: F8, vec: F8, best: F8,
    penalty: float, floor: float, row_floor: float,
) -> float:
    """Score every source and row by its gain per unit into `best`; returns the highest score.

    A score of zero means no gain worth having: below rounding, or below `floor` in all.
    """
    sources, rows, width = src.shape[0], vec.shape[1], per_kwh.shape[0]
    top = 0.0
    for s in range(sources):
        score = 0.0
        d = demand[s]
        if d > 0.0:
            paid = row_price(unit, vec, width, s, src[s, KEY_O], src[s, KEY_R])
            cost = amount[s, KEY_COST] - penalty * src[s, BAD_KEY]
            gain = cost - paid - least_reduced(fixed, unit, per_kwh, vec, s)
            if gain * d > floor and gain > 1e-12 * (abs(cost) + abs(paid)):
                score = gain
        best[s] = score
        if score > top:
            top = score
    for k in range(rows):
        score = vec[DUAL, k]
        if score <= row_floor:
            score = 0.0
        best[sources + k] = score
        if score > top:
            top = score
    return top


@kernel
def choose_keys(
    fixed: F8, unit: F8, per_kwh: F8, src: I4, amount: F8, vec: F8, buffer: F8, cold: bool
) -> None:
    """Give sources without basic columns their cheapest column under the present duals.

    When not `cold`, only those whose key is closed.
    """
    for s in range(src.shape[0]):
        if src[s, SPLIT] == 0 and (cold or amount[s, KEY_COST] >= OPEN):
            _, o, r = best_column(fixed, unit, per_kwh, vec, buffer, s)
            src[s, KEY_O], src[s, KEY_R] = o, r
            amount[s, KEY_COST] = cost_of(fixed, unit, per_kwh, s, o, r)


@kernel
def magnitude(demand: F8, amount: F8) -> float:
    """Σ demand · |key cost|: what the objective's rounding is measured against."""
    total = 0.0
    for s in range(demand.shape[0]):
        if amount[s, KEY_COST] < BIG / 10:
            total += demand[s] * abs(amount[s, KEY_COST])
    return total
