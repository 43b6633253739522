"""Steps of the search for what runs when: compiled, for all hours and all waiting sources at once.

    min over z in the queue's bounds   max over weights w ≥ 0, Σ_k w[t,k] = 1
        Σ_t Σ_k w[t,k] · (constant[t,k] + slope[t,k]·z[t])

Primal–dual hybrid gradient (Chambolle & Pock 2011): z goes against the prices Σ_k w·slope and back
into the queue's bounds, which is a projection source by source; each hour's weights go along the
values of its cuts and back into the simplex.
"""

from __future__ import annotations

import numpy as np

from wattlas.placement.engine.jit import entry, kernel

FAR = 1e300
"""Above any value."""
FLAT = 1e-12
"""A slope of the running sum in the price below this, relative to that of a step, is none."""


@entry
def descend(
    constant: np.ndarray, slope: np.ndarray, weight: np.ndarray, run: np.ndarray,
    step_run: np.ndarray, step_weight: np.ndarray, low: np.ndarray, high: np.ndarray, rounds: int,
    price: np.ndarray, after: np.ndarray, scratch: np.ndarray, mean_run: np.ndarray,
    mean_weight: np.ndarray,
) -> None:  # fmt: skip
    """`rounds` steps from `run` (N, T) and `weight` (T, K), which are changed in place.

    `constant` (T, K), `slope` (T, K, N); `step_run` (N, T), `step_weight` (T,); `low` and `high`
    (N, T) bound the running sums. The sums over the rounds are added to `mean_run` and
    `mean_weight`. `price` (T, N), `after` (N, T) and `scratch` (6, 2T + 8) are room to work in.
    """
    hours, cuts, sources = slope.shape
    for _ in range(rounds):
        _prices(slope, weight, price)
        for n in range(sources):
            for t in range(hours):
                scratch[0, t] = run[n, t] - step_run[n, t] * price[t, n]
            _project(scratch[0], step_run[n], low[n], high[n], after[n], scratch)
            for t in range(hours):
                price[t, n] = 2.0 * after[n, t] - run[n, t]
                run[n, t] = after[n, t]
                mean_run[n, t] += after[n, t]
        for t in range(hours):
            highest = -FAR
            for k in range(cuts):
                value = constant[t, k]
                for n in range(sources):
                    value += slope[t, k, n] * price[t, n]
                scratch[5, k] = value
                highest = max(highest, value)
            # The same from all cuts changes no weight, and keeps the digits.
            for k in range(cuts):
                scratch[5, k] = weight[t, k] + step_weight[t] * (scratch[5, k] - highest)
            _onto_simplex(scratch[5], cuts, scratch[4])
            for k in range(cuts):
                weight[t, k] = scratch[5, k]
                mean_weight[t, k] += scratch[5, k]


@kernel
def _prices(slope: np.ndarray, weight: np.ndarray, price: np.ndarray) -> None:
    """Σ_k weight · slope of every source and hour."""
    hours, cuts, sources = slope.shape
    for t in range(hours):
        for n in range(sources):
            price[t, n] = 0.0
        for k in range(cuts):
            share = weight[t, k]
            if share != 0.0:
                for n in range(sources):
                    price[t, n] += share * slope[t, k, n]


@kernel
def _onto_simplex(value: np.ndarray, count: int, order: np.ndarray) -> None:
    """The nearest weights ≥ 0 whose sum is 1, in place."""
    for i in range(count):
        x, j = value[i], i
        while j > 0 and order[j - 1] < x:
            order[j] = order[j - 1]
            j -= 1
        order[j] = x
    total, level = 0.0, 0.0
    for i in range(count):
        total += order[i]
        if order[i] * (i + 1) > total - 1.0:
            level = (total - 1.0) / (i + 1)
    for i in range(count):
        value[i] = max(value[i] - level, 0.0)


@kernel
def _project(
    wish: np.ndarray, step: np.ndarray, low: np.ndarray, high: np.ndarray, out: np.ndarray,
    scratch: np.ndarray,
) -> None:  # fmt: skip
    """The z ≥ 0 next to `wish`, squares counted by 1 / `step`, whose running sums are between `low`
    and `high`; all (T,).

    By dynamic programming over the running sum: the sum after each step as a function of its price
    p, which rises, is kept as corners with the change of slope at each. A step adds
    max(0, wish + step·p), and the bounds cut the function off, at prices `first` and `last`.
    Backwards, the price stays where it is until a bound moves it.
    """
    hours = len(low)
    corner, bend, first, last = scratch[1], scratch[2], scratch[3], scratch[4]
    head, tail, base, top = 0, 0, 0.0, 0.0
    for t in range(hours):
        # The new corner, in its order; the sum at the last corner.
        at, j = -wish[t] / step[t], tail
        while j > head and corner[j - 1] > at:
            corner[j], bend[j] = corner[j - 1], bend[j - 1]
            j -= 1
        corner[j], bend[j] = at, step[t]
        tail += 1
        top += step[t] * (corner[tail - 1] - at)
        # Cut off below: the last price at which the sum is `low`.
        value, rise = base, bend[head]
        while head + 1 < tail:
            following = value + rise * (corner[head + 1] - corner[head])
            if following > low[t]:
                break
            value = following
            head += 1
            rise += bend[head]
        at = corner[head]
        if rise > FLAT * step[t] and low[t] > value:
            at += (low[t] - value) / rise
        base = max(value, low[t])
        corner[head], bend[head], first[t] = at, rise, at
        if head == tail - 1:
            top = base
        # Cut off above: the first price at which the sum is `high`.
        if base >= high[t]:
            head, tail, base, top, last[t] = 0, 0, high[t], high[t], at
            continue
        j, rise, value = tail - 1, step[t], top
        while j > head and value >= high[t]:
            rise -= bend[j]
            value -= rise * (corner[j] - corner[j - 1])
            j -= 1
        if j == head:
            value, rise = base, bend[head]
        last[t] = corner[j] + (high[t] - value) / max(rise, FLAT * step[t])
        corner[j + 1], bend[j + 1] = last[t], -rise
        tail, top = j + 2, high[t]
    price = last[hours - 1]
    for back in range(hours):
        t = hours - 1 - back
        price = min(max(price, first[t]), max(last[t], first[t]))
        out[t] = max(wish[t] + step[t] * price, 0.0)
