"""Kernels that walk over hours: each starts from the basis of the one before, or from its own."""

from __future__ import annotations

# Arguments stand in groups, one group a line: the problem, the basis, the scratch space.
# fmt: off
from wattlas.placement.engine.basis import refactor, set_basic
from wattlas.placement.engine.jit import entry, kernel
from wattlas.placement.engine.pricing import fill_table, least_reduced
from wattlas.placement.engine.simplex import run
from wattlas.placement.engine.state import (
    COST,
    DUAL,
    ENERGY,
    F8,
    I4,
    I8,
    KEY_COST,
    KEY_O,
    KEY_R,
    KEY_X,
    OPEN,
    POINT,
    REGION,
    SINCE,
    SOURCE,
    SPLIT,
    X,
)


@kernel
def reset(src: I4, bas: I4, vec: F8, inverse: F8, count: I8) -> None:
    """The basis of slacks, with every key unset."""
    count[SINCE] = 0
    for s in range(src.shape[0]):
        src[s, KEY_O], src[s, KEY_R], src[s, SPLIT] = -1, -1, 0
    for i in range(bas.shape[0]):
        bas[i, SOURCE], bas[i, POINT], bas[i, REGION] = -1, -1, i
        vec[COST, i], vec[DUAL, i] = 0.0, 0.0
        for k in range(bas.shape[0]):
            inverse[k, i] = 0.0
        inverse[i, i] = 1.0


@kernel
def is_open(fixed: F8, width: int, points: int, s: int, o: int, r: int) -> bool:
    """Whether a column exists."""
    column = points * width if o < 0 else o * width + r
    return bool(fixed[s, column] < OPEN)


@kernel
def load(
    fixed: F8, unit: F8, tariff: F8, src: I4, bas: I4, vec: F8, inverse: F8,
    saved: I4, count: I8, keys: I4, basics: I4, h: int,
) -> None:
    """Take a stored basis; columns that are closed by now are replaced."""
    reset(src, bas, vec, inverse, count)
    width, points, p = tariff.shape[1], unit.shape[1], bas.shape[0]
    for s in range(src.shape[0]):
        src[s, KEY_O], src[s, KEY_R] = keys[h, s, 0], keys[h, s, 1]
    for i in range(p):
        s, o, r = basics[h, i, 0], basics[h, i, 1], basics[h, i, 2]
        saved[i, 3] = 0
        if s < 0:
            bas[i, REGION] = r
        elif is_open(fixed, width, points, s, o, r) and is_open(
            fixed, width, points, s, src[s, KEY_O], src[s, KEY_R]
        ):
            set_basic(src, bas, vec, i, s, o, r, 0.0, 0.0)
        else:
            bas[i, REGION] = -1
    for i in range(p):
        if bas[i, SOURCE] < 0 and bas[i, REGION] >= 0:
            saved[bas[i, REGION], 3] = 1
    k = 0
    for i in range(p):
        if bas[i, REGION] < 0 and bas[i, SOURCE] < 0:
            while saved[k, 3] > 0:
                k += 1
            bas[i, REGION] = k
            k += 1
    refactor(unit, src, bas, vec, inverse, saved, width)


@kernel
def record(
    fixed: F8, unit: F8, kind: I4, rep: I4, table: F8, tariff: F8, demand: F8, limit: F8,
    src: I4, amount: F8, bas: I4, vec: F8,
    flow: F8, place: I4, dual: F8, value: F8, total: F8, used: I8, h: int,
) -> None:
    """Write the flows, the objective, the duals and the duality gap of an optimal hour.

    total[h] = objective, gap;  place[h, n] = source, point, region of flow[h, n].
    """
    n = 0
    bound, spent = 0.0, 0.0
    for k in range(bas.shape[0]):
        vec[DUAL, k] = min(vec[DUAL, k], 0.0)
        dual[h, k] = vec[DUAL, k]
        bound += dual[h, k] * limit[k]
    fill_table(unit, tariff, vec, rep, table)
    for s in range(src.shape[0]):
        amount[s, KEY_X] = demand[s]
        value[h, s] = least_reduced(fixed, table, s, kind[s])
        if demand[s] > 0.0:
            bound += value[h, s] * demand[s]
    for i in range(bas.shape[0]):
        s = bas[i, SOURCE]
        if s >= 0:
            x = min(max(vec[X, i], 0.0), amount[s, KEY_X])
            amount[s, KEY_X] -= x
            if x > 0.0:
                place[h, n, 0], place[h, n, 1], place[h, n, 2] = s, bas[i, POINT], bas[i, REGION]
                flow[h, n] = x
                spent += x * vec[COST, i]
                n += 1
    for s in range(src.shape[0]):
        x = amount[s, KEY_X]
        if x > 0.0:
            place[h, n, 0], place[h, n, 1], place[h, n, 2] = s, src[s, KEY_O], src[s, KEY_R]
            flow[h, n] = x
            spent += x * amount[s, KEY_COST]
            n += 1
    used[h] = n
    total[h, 0], total[h, 1] = spent, spent - bound


@kernel
def read_meters(
    unit: F8, rates: F8, static: F8, flow: F8, place: I4, used: I8, meters: F8, h: int
) -> None:
    """meters[h, m] = Σ flow · (energy · rates[h, m, region] + static[m, source, point])."""
    for n in range(used[h]):
        s, o, r = place[h, n, 0], place[h, n, 1], place[h, n, 2]
        if o >= 0:
            for m in range(meters.shape[1]):
                each = unit[s, o, ENERGY] * rates[h, m, r] + static[m, s, o]
                meters[h, m] += each * flow[h, n]


@kernel
def store(src: I4, bas: I4, keys: I4, basics: I4, h: int) -> None:
    """Keep the present basis."""
    for s in range(src.shape[0]):
        keys[h, s, 0], keys[h, s, 1] = src[s, KEY_O], src[s, KEY_R]
    for i in range(bas.shape[0]):
        for m in range(3):
            basics[h, i, m] = bas[i, m]


@entry
def walk(
    fixed: F8, unit: F8, kind: I4, rep: I4, tariff: F8, demand: F8, limits: F8,
    src: I4, amount: F8, bas: I4, vec: F8, inverse: F8,
    touched: I4, rate: F8, step: F8, best: F8, weight: F8, buffer: F8, table: F8, saved: I4,
    count: I8,
    start_keys: I4, start_basics: I4, keep_keys: I4, keep_basics: I4,
    status: I8, total: F8, dual: F8, value: F8, flow: F8, place: I4, used: I8,
    rates: F8, static: F8, meters: F8, most: int,
) -> None:
    """Solve hours in order. `start_*` have no rows (carry on), one (the first hour) or all.

    `keep_*` have one row (the last basis) or one per hour.
    """
    hours, starts, keeps = demand.shape[0], start_keys.shape[0], keep_keys.shape[0]
    for h in range(hours):
        if h < starts:
            load(
                fixed, unit, tariff[h], src, bas, vec, inverse, saved, count,
                start_keys, start_basics, h,
            )
        status[h] = run(
            fixed, unit, kind, rep, tariff[h], demand[h], limits[h],
            src, amount, bas, vec, inverse,
            touched, rate, step, best, weight, buffer, table, saved, count, most,
        )
        if status[h] == 0:
            record(
                fixed, unit, kind, rep, table, tariff[h], demand[h], limits[h],
                src, amount, bas, vec,
                flow, place, dual, value, total, used, h,
            )
            read_meters(unit, rates, static, flow, place, used, meters, h)
        else:
            reset(src, bas, vec, inverse, count)
        if keeps == hours:
            store(src, bas, keep_keys, keep_basics, h)
    if keeps != hours:
        store(src, bas, keep_keys, keep_basics, 0)
