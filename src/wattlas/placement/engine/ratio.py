"""How far an entering column may grow, and what leaves for it."""

from __future__ import annotations

from wattlas.placement.engine.jit import kernel
from wattlas.placement.engine.state import BAD, TOUCHED, Hour, Work

_PIVOT = 1e-9
_FAR = 1e300


@kernel
def key_rates(wk: Work, s: int) -> None:
    """How fast the keys fall as the entering column of source s grows by one."""
    n = 0
    if s >= 0:
        wk.touched[0], wk.rate[0], wk.slot[s] = s, 1.0, 0
        n = 1
    for i in range(wk.basic_s.shape[0]):
        owner = wk.basic_s[i]
        if owner >= 0:
            place = wk.slot[owner]
            if place < 0:
                place = n
                wk.slot[owner], wk.touched[n], wk.rate[n] = n, owner, 0.0
                n += 1
            wk.rate[place] -= wk.alpha[i]
    for m in range(n):
        wk.slot[wk.touched[m]] = -1
    wk.count[TOUCHED] = n


@kernel
def feasible_step(wk: Work, slack: float) -> tuple[float, int]:
    """Ratio test from a feasible basis: among near ties (by `slack`) the largest pivot leaves."""
    p = wk.basic_s.shape[0]
    limit = _FAR
    for i in range(p):
        if wk.alpha[i] > _PIVOT:
            limit = min(limit, (max(wk.basic_x[i], 0.0) + slack) / wk.alpha[i])
    for n in range(wk.count[TOUCHED]):
        if wk.rate[n] > _PIVOT:
            limit = min(limit, (max(wk.key_x[wk.touched[n]], 0.0) + slack) / wk.rate[n])
    leave, size, theta = -1, 0.0, 0.0
    for i in range(p):
        if wk.alpha[i] > max(_PIVOT, size):
            t = max(wk.basic_x[i], 0.0) / wk.alpha[i]
            if t <= limit:
                leave, size, theta = i, wk.alpha[i], t
    for n in range(wk.count[TOUCHED]):
        if wk.rate[n] > max(_PIVOT, size):
            t = max(wk.key_x[wk.touched[n]], 0.0) / wk.rate[n]
            if t <= limit:
                leave, size, theta = p + n, wk.rate[n], t
    return theta, leave


@kernel
def bland_step(wk: Work) -> tuple[float, int]:
    """Exact ratio test; among ties the lowest place leaves."""
    p = wk.basic_s.shape[0]
    leave, theta = -1, _FAR
    for i in range(p):
        if wk.alpha[i] > _PIVOT:
            t = max(wk.basic_x[i], 0.0) / wk.alpha[i]
            if t < theta:
                leave, theta = i, t
    for n in range(wk.count[TOUCHED]):
        if wk.rate[n] > _PIVOT:
            t = max(wk.key_x[wk.touched[n]], 0.0) / wk.rate[n]
            if t < theta:
                leave, theta = p + n, t
    return theta, leave


@kernel
def _breakpoint(wk: Work, place: int, x: float, rate: float, bad: int, penalty: float) -> None:
    """Where a falling column becomes infeasible, or a rising one stops being so."""
    wk.step[place] = _FAR
    if rate > _PIVOT and bad == 0:
        wk.step[place], wk.weight[place] = max(x, 0.0) / rate, penalty * rate
    elif rate < -_PIVOT and bad != 0:
        wk.step[place], wk.weight[place] = x / rate, -penalty * rate


@kernel
def long_step(wk: Work, price: float, penalty: float) -> tuple[float, int]:
    """Ratio test from an infeasible basis: pass breakpoints while the penalised cost still falls.

    `price` < 0 is the reduced cost of the entering column; each breakpoint passed raises it.
    """
    p = wk.basic_s.shape[0]
    n = wk.count[TOUCHED]
    for i in range(p):
        _breakpoint(wk, i, wk.basic_x[i], wk.alpha[i], int(wk.penalty[i]), penalty)
    for m in range(n):
        s = wk.touched[m]
        _breakpoint(wk, p + m, wk.key_x[s], wk.rate[m], wk.bad_key[s], penalty)
    leave, theta, slope = -1, 0.0, price
    while slope < 0.0:
        nearest = -1
        t = _FAR
        for i in range(p + n):
            if wk.step[i] < t:
                nearest, t = i, wk.step[i]
        if nearest < 0:
            break
        leave, theta = nearest, t
        slope += wk.weight[nearest]
        wk.step[nearest] = _FAR
    return theta, leave


@kernel
def mark_infeasible(hr: Hour, wk: Work, slack: float) -> bool:
    """Flag negative basic and key columns; True when the set changed. `count[BAD]` = how many."""
    changed = False
    bad = 0
    for i in range(wk.basic_s.shape[0]):
        flag = 1.0 if wk.basic_x[i] < -slack else 0.0
        if flag != wk.penalty[i]:
            wk.penalty[i] = flag
            changed = True
        bad += int(flag)
    for s in range(wk.key_o.shape[0]):
        mark = 1 if wk.key_x[s] < -slack else 0
        if mark != wk.bad_key[s]:
            wk.bad_key[s] = mark
            changed = True
        bad += mark
    wk.count[BAD] = bad
    return changed
