"""The ratio test: how far an entering column may grow, and which variable leaves for it.

What leaves is told as a basic place i < P, or as P + n for the key of `touched[n]`.
"""

from __future__ import annotations

from wattlas.placement.engine.jit import kernel, smaller
from wattlas.placement.engine.state import (
    ALPHA,
    F8,
    I4,
    NEGATIVE,
    NEGATIVES,
    SLOT,
    SOURCE,
    VALUE,
    Scratch,
    Working,
)

_PIVOT = 1e-9
"""A smaller rate of change is rounding, as entries are of order 1. A larger bound would let
variables slip below zero unseen, a smaller one would pivot on noise. Half and twice it change no
pivot of L and M."""
_FAR = 1e300


@kernel
def key_rates(b: Working, w: Scratch, s: int) -> int:
    """How fast keys fall as the entering column of source s grows by one; how many can."""
    key, basic, vec, touched, rate = b.key, b.basic, b.vec, w.touched, w.rate
    n = 0
    if s >= 0:
        touched[0], rate[0], key[s, SLOT] = s, 1.0, 0
        n = 1
    for i in range(basic.shape[0]):
        owner = basic[i, SOURCE]
        if owner >= 0:
            place = key[owner, SLOT]
            if place < 0:
                place = n
                key[owner, SLOT], touched[n], rate[n] = n, owner, 0.0
                n += 1
            rate[place] -= vec[ALPHA, i]
    for m in range(n):
        key[touched[m], SLOT] = -1
    return n


@kernel
def feasible_step(
    vec: F8, key_value: F8, touched: I4, rate: F8, keys: int, slack: float
) -> tuple[float, int]:
    """Harris's test, from a feasible basis: of near ties (by `slack`) the largest pivot leaves."""
    p = vec.shape[1]
    limit = _FAR
    for i in range(p):
        a = vec[ALPHA, i]
        if a > _PIVOT:
            limit = min(limit, (max(vec[VALUE, i], 0.0) + slack) / a)
    for n in range(keys):
        if rate[n] > _PIVOT:
            limit = min(limit, (max(key_value[touched[n]], 0.0) + slack) / rate[n])
    leave, size, theta = -1, _PIVOT, 0.0
    for i in range(p):
        a = vec[ALPHA, i]
        if a > size and max(vec[VALUE, i], 0.0) <= limit * a:
            leave, size, theta = i, a, max(vec[VALUE, i], 0.0) / a
    for n in range(keys):
        a = rate[n]
        if a > size and max(key_value[touched[n]], 0.0) <= limit * a:
            leave, size, theta = p + n, a, max(key_value[touched[n]], 0.0) / a
    return theta, leave


@kernel
def bland_step(
    vec: F8, key_value: F8, touched: I4, rate: F8, keys: int
) -> tuple[float, int]:  # fmt: skip
    """Bland's test: exact; among ties the lowest place leaves."""
    p = vec.shape[1]
    leave, theta = -1, _FAR
    for i in range(p):
        a = vec[ALPHA, i]
        if a > _PIVOT and max(vec[VALUE, i], 0.0) < theta * a:
            leave, theta = i, max(vec[VALUE, i], 0.0) / a
    for n in range(keys):
        a = rate[n]
        if a > _PIVOT and max(key_value[touched[n]], 0.0) < theta * a:
            leave, theta = p + n, max(key_value[touched[n]], 0.0) / a
    return theta, leave


@kernel
def long_step(
    b: Working, w: Scratch, keys: int, reduced_cost: float, penalty: float
) -> tuple[float, int]:
    """Long-step test from an infeasible basis: pass breakpoints while the penalised cost falls.

    A breakpoint is where a falling variable becomes negative or a rising one stops being so. The
    slope, at first the entering column's reduced cost, rises at each that is passed.
    """
    vec, touched, rate, breakpoints = b.vec, w.touched, w.rate, w.breakpoints
    p = vec.shape[1]
    for n in range(p + keys):
        if n < p:
            x, a, negative = vec[VALUE, n], vec[ALPHA, n], b.basic[n, NEGATIVE]
        else:
            s = touched[n - p]
            x, a, negative = b.key_value[s], rate[n - p], b.key[s, NEGATIVE]
        breakpoints[0, n] = _FAR
        if a > _PIVOT and negative == 0:
            breakpoints[0, n], breakpoints[1, n] = max(x, 0.0) / a, penalty * a
        elif a < -_PIVOT and negative != 0:
            breakpoints[0, n], breakpoints[1, n] = x / a, -penalty * a
    leave, theta, slope = -1, 0.0, reduced_cost
    while slope < 0.0:
        nearest = -1
        t = _FAR
        for i in range(p + keys):
            if breakpoints[0, i] < t:
                nearest, t = i, breakpoints[0, i]
        if nearest < 0:
            break
        leave, theta = nearest, t
        slope += breakpoints[1, nearest]
        breakpoints[0, nearest] = _FAR
    return theta, leave


@kernel
def mark_negative(b: Working, w: Scratch, slack: float) -> bool:
    """Mark basic and key columns below −slack, and count them; True when the marks changed."""
    key, basic, vec, key_value = b.key, b.basic, b.vec, b.key_value
    least = 0.0
    for i in range(basic.shape[0]):
        least = smaller(least, vec[VALUE, i])
    for s in range(key.shape[0]):
        least = smaller(least, key_value[s])
    if least >= -slack and w.counters[NEGATIVES] == 0:
        return False  # nothing is negative, and nothing is marked
    changed = False
    negatives = 0
    for i in range(basic.shape[0]):
        mark = 1 if vec[VALUE, i] < -slack else 0
        if mark != basic[i, NEGATIVE]:
            basic[i, NEGATIVE] = mark
            changed = True
        negatives += mark
    for s in range(key.shape[0]):
        mark = 1 if key_value[s] < -slack else 0
        if mark != key[s, NEGATIVE]:
            key[s, NEGATIVE] = mark
            changed = True
        negatives += mark
    w.counters[NEGATIVES] = negatives
    return changed


@kernel
def move(b: Working, w: Scratch, keys: int, theta: float) -> None:
    """Move the basic and key variables by what the entering column's value theta takes."""
    for i in range(b.vec.shape[1]):
        b.vec[VALUE, i] -= theta * b.vec[ALPHA, i]
    for n in range(keys):
        b.key_value[w.touched[n]] -= theta * w.rate[n]
