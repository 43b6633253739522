"""Kernels that walk over hours: each starts from the basis of the one before, or from its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wattlas.placement.engine.basis import cost_of, refactor, row_price, set_basic, set_costs
from wattlas.placement.engine.jit import kernel
from wattlas.placement.engine.pricing import choose_keys, least_reduced
from wattlas.placement.engine.simplex import reset, run
from wattlas.placement.engine.state import (
    BIG,
    F8,
    I4,
    I8,
    OPEN,
    OPTIMAL,
    PIVOTS,
    Hour,
    Static,
    Work,
)


class Stored(NamedTuple):
    """Bases of hours, as `program.Basis` holds them."""

    key_o: I4
    key_r: I4
    basic_s: I4
    basic_o: I4
    basic_r: I4


class Answer(NamedTuple):
    """Where the kernel writes: one row per hour; flows in fixed slots of S + P per hour."""

    status: I8
    objective: F8
    gap: F8
    dual: F8
    value: F8
    source: I4
    region: I4
    point: I4
    flow: F8
    used: I8
    meters: F8


@kernel
def is_open(st: Static, width: int, s: int, o: int, r: int) -> bool:
    """Whether a column exists."""
    if o < 0:
        return st.unserved[s] < OPEN
    return st.fixed[s, o * width + r] < OPEN


@kernel
def load(st: Static, hr: Hour, wk: Work, stored: Stored, h: int) -> None:
    """Take a stored basis; columns that are closed by now are replaced."""
    reset(wk)
    width = hr.per_kwh.shape[0]
    for s in range(wk.key_o.shape[0]):
        wk.key_o[s], wk.key_r[s] = stored.key_o[h, s], stored.key_r[h, s]
    for i in range(wk.basic_s.shape[0]):
        s, o, r = stored.basic_s[h, i], stored.basic_o[h, i], stored.basic_r[h, i]
        if s < 0:
            wk.basic_r[i] = r
        elif is_open(st, width, s, o, r) and is_open(st, width, s, wk.key_o[s], wk.key_r[s]):
            set_basic(wk, i, s, o, r, 0.0, 0.0)
        else:
            wk.basic_r[i] = -1
    _mend_slacks(wk)
    refactor(st, wk)
    set_costs(st, hr, wk)
    choose_keys(st, hr, wk)


@kernel
def _mend_slacks(wk: Work) -> None:
    """Give every dropped place the slack of a row that has none."""
    p = wk.basic_s.shape[0]
    for i in range(p):
        wk.weight[i] = 0.0
    for i in range(p):
        if wk.basic_s[i] < 0 and wk.basic_r[i] >= 0:
            wk.weight[wk.basic_r[i]] = 1.0
    k = 0
    for i in range(p):
        if wk.basic_s[i] < 0 and wk.basic_r[i] < 0:
            while wk.weight[k] > 0.0:
                k += 1
            wk.basic_r[i] = k
            wk.weight[k] = 1.0


@kernel
def store(wk: Work, stored: Stored, h: int) -> None:
    """Keep the present basis."""
    for s in range(wk.key_o.shape[0]):
        stored.key_o[h, s], stored.key_r[h, s] = wk.key_o[s], wk.key_r[s]
    for i in range(wk.basic_s.shape[0]):
        stored.basic_s[h, i] = wk.basic_s[i]
        stored.basic_o[h, i], stored.basic_r[h, i] = wk.basic_o[i], wk.basic_r[i]


@kernel
def _emit(
    st: Static, hr: Hour, out: Answer, meter: F8, meter_fixed: F8,
    h: int, s: int, o: int, r: int, x: float,
) -> float:
    """Write one flow; returns its cost."""
    if x <= 0.0:
        return 0.0
    n = out.used[h]
    out.source[h, n], out.point[h, n], out.region[h, n], out.flow[h, n] = s, o, r, x
    out.used[h] = n + 1
    if o >= 0:
        for m in range(out.meters.shape[1]):
            unit = st.energy[s, o] * meter[m, r] + meter_fixed[m, s, o]
            out.meters[h, m] += unit * x
    return x * cost_of(st, hr.per_kwh, s, o, r)


@kernel
def record(
    st: Static, hr: Hour, wk: Work, out: Answer, meter: F8, meter_fixed: F8, h: int
) -> None:
    """Write the flows, the objective, the duals and the duality gap of an optimal hour."""
    out.used[h] = 0
    total, dual_total = 0.0, 0.0
    for k in range(wk.dual.shape[0]):
        out.dual[h, k] = min(wk.dual[k], 0.0)
        dual_total += out.dual[h, k] * hr.limit[k]
    for s in range(wk.key_o.shape[0]):
        wk.key_x[s] = hr.demand[s]
    for i in range(wk.basic_s.shape[0]):
        s = wk.basic_s[i]
        if s >= 0:
            x = min(max(wk.basic_x[i], 0.0), wk.key_x[s])
            wk.key_x[s] -= x
            total += _emit(
                st, hr, out, meter, meter_fixed, h, s, wk.basic_o[i], wk.basic_r[i], x
            )
    for s in range(wk.key_o.shape[0]):
        total += _emit(
            st, hr, out, meter, meter_fixed, h, s, wk.key_o[s], wk.key_r[s], wk.key_x[s]
        )
        v = least_reduced(st, hr.per_kwh, out.dual[h], s)
        out.value[h, s] = v
        if hr.demand[s] > 0.0:
            dual_total += v * hr.demand[s]
    out.objective[h] = total
    out.gap[h] = total - dual_total


@kernel
def walk(
    st: Static, wk: Work, per_kwh: F8, demand: F8, limits: F8, meter: F8, meter_fixed: F8,
    start: Stored, keep: Stored, out: Answer, max_pivots: int,
) -> None:
    """Solve hours in order. `start` has no rows (cold), one (for the first hour) or one each.

    `keep` has one row (the last basis) or one per hour.
    """
    hours = demand.shape[0]
    starts, keeps = start.key_o.shape[0], keep.key_o.shape[0]
    for h in range(hours):
        hr = Hour(per_kwh[h], demand[h], limits[h])
        if h < starts:
            load(st, hr, wk, start, h)
        elif h == 0:
            reset(wk)
        status = run(st, hr, wk, max_pivots)
        out.status[h] = status
        if status == OPTIMAL:
            record(st, hr, wk, out, meter[h], meter_fixed, h)
        else:
            reset(wk)
        if keeps == hours:
            store(wk, keep, h)
    if keeps != hours:
        store(wk, keep, 0)


__all__ = ["BIG", "PIVOTS", "np", "row_price"]
