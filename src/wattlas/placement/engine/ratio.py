"""How far an entering column may grow, and what leaves for it."""

from __future__ import annotations

# Arguments stand in groups, one group a line: the problem, the basis, the scratch space.
# fmt: off
from wattlas.placement.engine.basis import cost_of, eliminate, set_basic, swap_key
from wattlas.placement.engine.jit import kernel
from wattlas.placement.engine.state import (
    ALPHA,
    BAD,
    BAD_KEY,
    BADS,
    F8,
    I4,
    I8,
    KEY_COST,
    KEY_O,
    KEY_R,
    KEY_X,
    PIVOTS,
    SINCE,
    SLOT,
    SOURCE,
    SPLIT,
    X,
)

_PIVOT = 1e-9
_FAR = 1e300


@kernel
def key_rates(src: I4, bas: I4, vec: F8, touched: I4, rate: F8, s: int) -> int:
    """How fast keys fall as the entering column of source s grows by one; how many can."""
    n = 0
    if s >= 0:
        touched[0], rate[0], src[s, SLOT] = s, 1.0, 0
        n = 1
    for i in range(bas.shape[0]):
        owner = bas[i, SOURCE]
        if owner >= 0:
            place = src[owner, SLOT]
            if place < 0:
                place = n
                src[owner, SLOT], touched[n], rate[n] = n, owner, 0.0
                n += 1
            rate[place] -= vec[ALPHA, i]
    for m in range(n):
        src[touched[m], SLOT] = -1
    return n


@kernel
def feasible_step(
    amount: F8, vec: F8, touched: I4, rate: F8, keys: int, slack: float
) -> tuple[float, int]:
    """Ratio test from a feasible basis: among near ties (by `slack`) the largest pivot leaves."""
    p = vec.shape[1]
    limit = _FAR
    for i in range(p):
        a = vec[ALPHA, i]
        if a > _PIVOT:
            limit = min(limit, (max(vec[X, i], 0.0) + slack) / a)
    for n in range(keys):
        if rate[n] > _PIVOT:
            limit = min(limit, (max(amount[touched[n], KEY_X], 0.0) + slack) / rate[n])
    leave, size, theta = -1, _PIVOT, 0.0
    for i in range(p):
        a = vec[ALPHA, i]
        if a > size and max(vec[X, i], 0.0) <= limit * a:
            leave, size, theta = i, a, max(vec[X, i], 0.0) / a
    for n in range(keys):
        a = rate[n]
        if a > size and max(amount[touched[n], KEY_X], 0.0) <= limit * a:
            leave, size, theta = p + n, a, max(amount[touched[n], KEY_X], 0.0) / a
    return theta, leave


@kernel
def bland_step(
    amount: F8, vec: F8, touched: I4, rate: F8, keys: int
) -> tuple[float, int]:
    """Exact ratio test; among ties the lowest place leaves."""
    p = vec.shape[1]
    leave, theta = -1, _FAR
    for i in range(p):
        a = vec[ALPHA, i]
        if a > _PIVOT and max(vec[X, i], 0.0) < theta * a:
            leave, theta = i, max(vec[X, i], 0.0) / a
    for n in range(keys):
        a = rate[n]
        if a > _PIVOT and max(amount[touched[n], KEY_X], 0.0) < theta * a:
            leave, theta = p + n, max(amount[touched[n], KEY_X], 0.0) / a
    return theta, leave


@kernel
def long_step(
    src: I4, amount: F8, bas: I4, vec: F8, touched: I4, rate: F8, step: F8, keys: int,
    price: float, penalty: float,
) -> tuple[float, int]:
    """Ratio test from an infeasible basis: pass breakpoints while the penalised cost still falls.

    A breakpoint is where a falling column becomes infeasible or a rising one stops being so.
    `price` < 0 is the reduced cost of the entering column; each breakpoint passed raises it.
    """
    p = vec.shape[1]
    for n in range(p + keys):
        if n < p:
            x, a, bad = vec[X, n], vec[ALPHA, n], bas[n, BAD]
        else:
            s = touched[n - p]
            x, a, bad = amount[s, KEY_X], rate[n - p], src[s, BAD_KEY]
        step[0, n] = _FAR
        if a > _PIVOT and bad == 0:
            step[0, n], step[1, n] = max(x, 0.0) / a, penalty * a
        elif a < -_PIVOT and bad != 0:
            step[0, n], step[1, n] = x / a, -penalty * a
    leave, theta, slope = -1, 0.0, price
    while slope < 0.0:
        nearest = -1
        t = _FAR
        for i in range(p + keys):
            if step[0, i] < t:
                nearest, t = i, step[0, i]
        if nearest < 0:
            break
        leave, theta = nearest, t
        slope += step[1, nearest]
        step[0, nearest] = _FAR
    return theta, leave


@kernel
def mark_infeasible(
    src: I4, amount: F8, bas: I4, vec: F8, count: I8, slack: float
) -> bool:
    """Flag negative basic and key columns; True when the set changed. `count[BADS]` = how many."""
    changed = False
    bads = 0
    for i in range(bas.shape[0]):
        flag = 1 if vec[X, i] < -slack else 0
        if flag != bas[i, BAD]:
            bas[i, BAD] = flag
            changed = True
        bads += flag
    for s in range(src.shape[0]):
        flag = 1 if amount[s, KEY_X] < -slack else 0
        if flag != src[s, BAD_KEY]:
            src[s, BAD_KEY] = flag
            changed = True
        bads += flag
    count[BADS] = bads
    return changed


@kernel
def exchange(
    fixed: F8, unit: F8, tariff: F8, demand: F8,
    src: I4, amount: F8, bas: I4, vec: F8, inverse: F8, touched: I4, rate: F8, count: I8,
    keys: int, s: int, o: int, r: int, leave: int, theta: float, price: float,
) -> None:
    """Bring column (s, o, r) in at value theta. `leave` ≥ P means the key of touched[leave − P]."""
    p = vec.shape[1]
    for i in range(p):
        vec[X, i] -= theta * vec[ALPHA, i]
    for n in range(keys):
        amount[touched[n], KEY_X] -= theta * rate[n]
    cost = 0.0
    if s >= 0:
        cost = cost_of(fixed, unit, tariff, s, o, r)
    count[PIVOTS] += 1
    if leave >= p:
        owner = touched[leave - p]
        amount[owner, KEY_X] = 0.0
        if src[owner, SPLIT] == 0:
            src[owner, KEY_O], src[owner, KEY_R] = o, r
            amount[owner, KEY_COST], amount[owner, KEY_X] = cost, demand[owner]
            return
        pivot = rate[leave - p]
        leave = swap_key(src, amount, bas, vec, inverse, owner)
        vec[ALPHA, leave] = pivot
    eliminate(inverse, vec, leave, price)
    set_basic(src, bas, vec, leave, s, o, r, cost, theta)
    count[SINCE] += 1
