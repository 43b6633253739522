"""Kernels that walk over hours: each starts from the basis of the one before, or from its own."""

from __future__ import annotations

from wattlas.placement.engine.basis import refactorise, set_basic
from wattlas.placement.engine.jit import entry, kernel
from wattlas.placement.engine.pricing import forget_prices, price_sources
from wattlas.placement.engine.simplex import solve_hour
from wattlas.placement.engine.state import (
    BASICS,
    COST,
    DUAL,
    F8,
    FREE,
    I4,
    OPEN,
    OPTIMAL,
    POINT,
    REGION,
    SINCE,
    SOURCE,
    VALUE,
    Hour,
    HourlyOutput,
    Program,
    Scratch,
    Working,
)


@kernel
def reset(b: Working, w: Scratch) -> None:
    """The basis of slacks, with every key unset."""
    key, basic, vec, inverse = b.key, b.basic, b.vec, b.inverse
    w.counters[SINCE] = 0
    for s in range(key.shape[0]):
        key[s, POINT], key[s, REGION], key[s, BASICS] = -1, -1, 0
    for i in range(basic.shape[0]):
        basic[i, SOURCE], basic[i, POINT], basic[i, REGION] = -1, -1, i
        vec[COST, i], vec[DUAL, i] = 0.0, 0.0
        for k in range(basic.shape[0]):
            inverse[k, i] = 0.0
        inverse[i, i] = 1.0


@kernel
def is_open(p: Program, width: int, s: int, o: int, r: int) -> bool:
    """Whether a column exists."""
    column = p.unit.shape[1] * width if o < 0 else o * width + r
    return bool(p.fixed[s, column] < OPEN)


@kernel
def load_basis(p: Program, width: int, b: Working, w: Scratch, keys: I4, basics: I4) -> None:
    """Take a stored basis; columns that are closed by now give way to slacks of idle rows."""
    reset(b, w)
    key, basic, saved = b.key, b.basic, w.saved
    rows = basic.shape[0]
    # Phase 1, take over what is open; the rows of closed columns wait.
    for s in range(key.shape[0]):
        key[s, POINT], key[s, REGION] = keys[s, 0], keys[s, 1]
    for i in range(rows):
        s, o, r = basics[i, SOURCE], basics[i, POINT], basics[i, REGION]
        saved[i, FREE] = 1
        if s < 0:
            basic[i, REGION] = r
        elif is_open(p, width, s, o, r) and is_open(p, width, s, key[s, POINT], key[s, REGION]):
            set_basic(b, i, s, o, r, 0.0, 0.0)
        else:
            basic[i, REGION] = -1
    for i in range(rows):
        if basic[i, SOURCE] < 0 and basic[i, REGION] >= 0:
            saved[basic[i, REGION], FREE] = 0
    # Phase 2, give each waiting place the slack of a row that no other slack holds.
    k = 0
    for i in range(rows):
        if basic[i, REGION] < 0 and basic[i, SOURCE] < 0:
            while saved[k, FREE] == 0:
                k += 1
            basic[i, REGION] = k
            k += 1
    refactorise(p.unit, b, w, width)


@kernel
def store_basis(b: Working, keys: I4, basics: I4) -> None:
    """Keep the present basis."""
    for s in range(keys.shape[0]):
        keys[s, 0], keys[s, 1] = b.key[s, POINT], b.key[s, REGION]
    for i in range(basics.shape[0]):
        for m in range(3):
            basics[i, m] = b.basic[i, m]


@kernel
def record(p: Program, h: Hour, b: Working, w: Scratch, answer: HourlyOutput, at: int) -> None:
    """Write the flows, the objective, the duals and the duality gap of an optimal hour.

    The gap is that of what is written: its flows, and its duals with their signs put right.
    """
    bound = record_duals(p, h, b, w, answer, at)
    key, basic, vec = b.key, b.basic, b.vec
    flow, place = answer.flow[at], answer.place[at]
    n, spent = 0, 0.0
    for s in range(key.shape[0]):
        b.key_value[s] = h.demand[s]
    for i in range(basic.shape[0]):
        s = basic[i, SOURCE]
        if s >= 0:
            x = min(max(vec[VALUE, i], 0.0), b.key_value[s])
            b.key_value[s] -= x
            if x > 0.0:
                place[n, 0], place[n, 1], place[n, 2] = s, basic[i, POINT], basic[i, REGION]
                flow[n] = x
                spent += x * vec[COST, i]
                n += 1
    for s in range(key.shape[0]):
        x = b.key_value[s]
        if x > 0.0:
            place[n, 0], place[n, 1], place[n, 2] = s, key[s, POINT], key[s, REGION]
            flow[n] = x
            spent += x * b.key_cost[s]
            n += 1
    answer.used[at] = n
    answer.total[at, 0], answer.total[at, 1] = spent, spent - bound


@kernel
def record_duals(
    p: Program, h: Hour, b: Working, w: Scratch, answer: HourlyOutput, at: int
) -> float:
    """Write the duals of rows and demand; returns the dual objective, a bound on the optimum."""
    vec, limit, demand = b.vec, h.limit, h.demand
    bound = 0.0
    for k in range(limit.shape[0]):
        vec[DUAL, k] = min(vec[DUAL, k], 0.0)
        answer.dual[at, k] = vec[DUAL, k]
        bound += vec[DUAL, k] * limit[k]
    price_sources(p, h.tariff, vec, w, 0.0)
    for s in range(demand.shape[0]):
        answer.value[at, s] = w.least[s]
        if demand[s] > 0.0:
            bound += answer.value[at, s] * demand[s]
    return bound


@entry
def walk(
    p: Program, tariffs: F8, demands: F8, limits: F8, b: Working, w: Scratch,
    start_keys: I4, start_basics: I4, keep_keys: I4, keep_basics: I4,
    answer: HourlyOutput, most: int,
) -> None:  # fmt: skip
    """Solve hours in order. `start_*` have no rows (carry on), one (the first hour) or all.

    `keep_*` have one row (the last basis) or one per hour.
    """
    hours, starts, keeps = demands.shape[0], start_keys.shape[0], keep_keys.shape[0]
    for t in range(hours):
        h = Hour(tariffs[t], demands[t], limits[t])
        if t < starts:
            load_basis(p, tariffs.shape[2], b, w, start_keys[t], start_basics[t])
        forget_prices(b.vec)
        answer.status[t] = solve_hour(p, h, b, w, most)
        if answer.status[t] == OPTIMAL:
            record(p, h, b, w, answer, t)
        else:
            reset(b, w)
        if keeps == hours:
            store_basis(b, keep_keys[t], keep_basics[t])
    if keeps != hours:
        store_basis(b, keep_keys[0], keep_basics[0])
