"""The ratio test: how far the entering variable may go, and what leaves for it.

Columns may not fall below zero. Slacks may pass their kinks: at each the slope of the objective
rises, and the step goes on as long as it falls.
"""

from __future__ import annotations

from wattlas.placement.engine.jit import kernel
from wattlas.placement.window.simplex.state import (
    AT,
    BREAKS,
    COLUMN,
    CROSSED,
    ENTERED,
    FAR,
    NONZEROS,
    OWN,
    PIVOT,
    RATES,
    REACH,
    RISE,
    SLOPE,
    STEP,
    LevelProgram,
    WindowBasis,
    Work,
)

_ENTRY = 1e-10
"""A smaller entry of the entering column is rounding."""
_PIVOT = 1e-9
"""A smaller rate of change is no pivot."""
_TIE = 1e-9
"""Steps that differ by less are ties: of them the largest pivot leaves."""
_FLAT = 1e-12


@kernel
def breakpoints(p: LevelProgram, b: WindowBasis, w: Work) -> None:
    """Where columns and keys come to zero, and slacks to their kinks."""
    count, regions, column = w.counters, p.cost.shape[2], w.vec[COLUMN]
    entered = count[ENTERED]
    count[NONZEROS], count[RATES], count[BREAKS] = 0, 0, 0
    if entered >= 0:
        add_rate(w, entered // regions)
        w.rate[entered // regions] = 1.0
    some = 0
    for i in range(column.shape[0]):
        w.nonzero[some] = i
        some += abs(column[i]) >= _ENTRY
    count[NONZEROS] = some
    for n in range(some):
        i = w.nonzero[n]
        v = column[i]
        if b.slot[i] >= 0:
            owner = b.slot[i] // regions
            if not w.moving[owner]:
                add_rate(w, owner)
            w.rate[owner] -= v
            if v > _PIVOT:
                add_break(w, max(b.value[i], 0.0) / v, -1.0, v, i)
        else:
            row = -1 - b.slot[i]
            if v > _PIVOT and b.price[row] < p.top[row]:
                rise = (p.top[row] - b.price[row]) * v
                add_break(w, max(b.value[i], 0.0) / v, rise, v, i)
            elif v < -_PIVOT and b.price[row] > 0.0:
                add_break(w, min(b.value[i], 0.0) / v, -b.price[row] * v, -v, i)
    for n in range(count[RATES]):
        owner = w.owner[n]
        rate = w.rate[owner]
        if rate > _PIVOT:
            add_break(w, max(b.key_value[owner], 0.0) / rate, -1.0, rate, -1 - owner)
    if entered < 0 and w.entering[REACH] < FAR:
        add_break(w, w.entering[REACH], -1.0, 1.0, OWN)


@kernel
def add_rate(w: Work, owner: int) -> None:
    """One more source whose key moves."""
    w.owner[w.counters[RATES]], w.rate[owner], w.moving[owner] = owner, 0.0, True
    w.counters[RATES] += 1


@kernel
def add_break(w: Work, at: float, rise: float, pivot: float, breaker: int) -> None:
    """One more breakpoint."""
    n = w.counters[BREAKS]
    w.breaks[AT, n], w.breaks[RISE, n], w.breaks[PIVOT, n] = at, rise, pivot
    w.breaker[n], w.used[n] = breaker, False
    w.counters[BREAKS] = n + 1


@kernel
def leaving(w: Work) -> int:
    """Pass kinks while the objective falls; the breakpoint where the step ends, −1 where it does
    not. `passed` are slots, `entering[STEP]` is how far it goes."""
    count, breaks = w.counters, w.breaks
    count[CROSSED] = 0
    slope = w.entering[SLOPE]
    while True:
        nearest, at = -1, FAR
        for n in range(count[BREAKS]):
            if not w.used[n] and breaks[AT, n] < at:
                nearest, at = n, breaks[AT, n]
        if nearest < 0:
            return -1
        w.used[nearest] = True
        rise = breaks[RISE, nearest]
        if rise < 0.0 or slope + rise >= -_FLAT:
            break
        slope += rise
        w.passed[count[CROSSED]] = w.breaker[nearest]
        count[CROSSED] += 1
    w.entering[STEP] = at
    largest, last = breaks[PIVOT, nearest], nearest
    for n in range(count[BREAKS]):
        if not w.used[n] and breaks[AT, n] <= at + _TIE and breaks[PIVOT, n] > largest:
            largest, last = breaks[PIVOT, n], n
    return last


@kernel
def move(b: WindowBasis, w: Work) -> None:
    """Basic variables and keys a step on."""
    step, column = w.entering[STEP], w.vec[COLUMN]
    for n in range(w.counters[NONZEROS]):
        i = w.nonzero[n]
        b.value[i] -= step * column[i]
    for n in range(w.counters[RATES]):
        b.key_value[w.owner[n]] -= step * w.rate[w.owner[n]]
