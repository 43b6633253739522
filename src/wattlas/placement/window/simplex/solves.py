"""Solves with the factors of a working basis and the etas since."""

from __future__ import annotations

from wattlas.placement.engine.jit import kernel
from wattlas.placement.window.simplex.state import ETAS, F8, FREE, I8, LOWER, PIVOTS, U4, Factors


@kernel
def ftran(f: Factors, count: I8, x: F8) -> None:
    """x = B⁻¹x, from rows to slots."""
    lower, upper = f.lower, f.upper
    for k in range(count[PIVOTS]):
        v = x[f.pivot_row[k]]
        if v != 0.0:
            for e in range(lower.start[k], lower.start[k + 1]):
                x[lower.at[e]] -= lower.value[e] * v
    for k in range(count[PIVOTS] - 1, -1, -1):
        v = x[f.pivot_row[k]]
        if v != 0.0:
            v /= f.diagonal[k]
            x[f.pivot_row[k]] = v
            for e in range(upper.start[k], upper.start[k + 1]):
                x[upper.at[e]] -= upper.value[e] * v
    eta = f.eta
    for t in range(count[ETAS]):
        i, begin, end = f.eta_slot[t], eta.start[t], eta.start[t + 1]
        if f.eta_kind[t] == 1:
            v = 0.0
            for e in range(begin, end):
                v += x[eta.at[e]]
            x[i] = -v
        elif x[i] != 0.0:
            v = x[i] / eta.value[begin]
            x[i] = v
            for e in range(begin + 1, end):
                x[eta.at[e]] -= eta.value[e] * v


@kernel
def btran(f: Factors, count: I8, y: F8) -> None:
    """y = B⁻ᵀy, from slots to rows."""
    eta = f.eta
    for t in range(count[ETAS] - 1, -1, -1):
        i, begin, end = f.eta_slot[t], eta.start[t], eta.start[t + 1]
        v = y[i]
        if f.eta_kind[t] == 0:
            for e in range(begin + 1, end):
                v -= eta.value[e] * y[eta.at[e]]
            y[i] = v / eta.value[begin]
        elif v != 0.0:
            for e in range(begin, end):
                y[eta.at[e]] -= v
            y[i] = -v
    btran_factors(f, count, y)


@kernel
def btran_few(f: Factors, count: I8, y: F8, slot: U4, few: int) -> None:
    """y = B⁻ᵀy, of a vector with entries in the first `few` of some slots: what each eta takes from
    its slot is summed up as entries come to be, a row of all etas at a time, and no eta is gone
    through."""
    eta, rows, sums, etas = f.eta, f.eta_row, f.eta_sum, count[ETAS]
    for t in range(etas):
        sums[t] = 0.0
    for n in range(few):
        add_row(sums, rows[slot[n]], y[slot[n]], etas)
    for t in range(etas - 1, -1, -1):
        i, v = f.eta_slot[t], y[f.eta_slot[t]]
        if f.eta_kind[t] == 0:
            if v != 0.0 or sums[t] != 0.0:
                y[i] = (v - sums[t]) / eta.value[eta.start[t]]
                add_row(sums, rows[i], y[i] - v, t)
        elif v != 0.0:
            for e in range(eta.start[t], eta.start[t + 1]):
                y[eta.at[e]] -= v
                add_row(sums, rows[eta.at[e]], -v, t)
            y[i] = -v
            add_row(sums, rows[i], -v, t)
    btran_factors(f, count, y)


@kernel
def add_row(sums: F8, row: F8, factor: float, count: int) -> None:
    """sums += factor · row, of the first `count`."""
    for t in range(count):
        sums[t] += factor * row[t]


@kernel
def btran_factors(f: Factors, count: I8, y: F8) -> None:
    """y = (LU)⁻ᵀy."""
    lower, upper = f.lower_row, f.upper_row
    for q in range(count[FREE]):
        i = f.free_row[q]
        if y[i] != 0.0:
            for e in range(upper.start[i], upper.start[i + 1]):
                y[upper.at[e]] -= upper.value[e] * y[i]
    for k in range(count[PIVOTS]):
        i = f.pivot_row[k]
        if y[i] != 0.0:
            v = y[i] / f.diagonal[k]
            y[i] = v
            for e in range(upper.start[i], upper.start[i + 1]):
                y[upper.at[e]] -= upper.value[e] * v
    for q in range(count[LOWER]):
        i = f.lower_order[q]
        if y[i] != 0.0:
            for e in range(lower.start[i], lower.start[i + 1]):
                y[lower.at[e]] -= lower.value[e] * y[i]
