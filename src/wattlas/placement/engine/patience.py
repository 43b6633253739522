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
    `mean_weight`. `price` and `after` (N, T) and `scratch` (6, 2T + 8) are room to work in.
    """
    hours, cuts, sources = slope.shape
    for _ in range(rounds):
        _prices(slope, weight, price)
        for n in range(sources):
            for t in range(hours):
                scratch[0, t] = run[n, t] - step_run[n, t] * price[n, t]
            _project(scratch[0], step_run[n], low[n], high[n], after[n], scratch)
        for t in range(hours):
            for k in range(cuts):
                value = constant[t, k]
                for n in range(sources):
                    value += slope[t, k, n] * (2.0 * after[n, t] - run[n, t])
                scratch[5, k] = weight[t, k] + step_weight[t] * value
            _onto_simplex(scratch[5], cuts, scratch[4])
            for k in range(cuts):
                weight[t, k] = scratch[5, k]
                mean_weight[t, k] += scratch[5, k]
        for n in range(sources):
            for t in range(hours):
                run[n, t] = after[n, t]
                mean_run[n, t] += after[n, t]


@kernel
def _prices(slope: np.ndarray, weight: np.ndarray, price: np.ndarray) -> None:
    """Σ_k weight · slope of every source and hour."""
    hours, cuts, sources = slope.shape
    for t in range(hours):
        for n in range(sources):
            price[n, t] = 0.0
        for k in range(cuts):
            share = weight[t, k]
            if share != 0.0:
                for n in range(sources):
                    price[n, t] += share * slope[t, k, n]


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
    p, which rises, is kept as corners with the change of slope at each. A step adds max(0, wish + step·p)
    and the bounds cut the function off, at prices `first` and `last`. Backwards, the price stays
    where it is until a bound moves it.
    """
    hours = len(low)
    corner, bend, first, last = scratch[1], scratch[2], scratch[3], scratch[4]
    count, base = 0, 0.0
    for t in range(hours):
        # The new corner, in its order.
        at, j = -wish[t] / step[t], count
        while j > 0 and corner[j - 1] > at:
            corner[j], bend[j] = corner[j - 1], bend[j - 1]
            j -= 1
        corner[j], bend[j] = at, step[t]
        count += 1
        # Cut off below: the last price at which the sum is `low`.
        value, rise, k = base, bend[0], 0
        while k + 1 < count:
            following = value + rise * (corner[k + 1] - corner[k])
            if following > low[t]:
                break
            value = following
            k += 1
            rise += bend[k]
        at = corner[k]
        if rise > FLAT * step[t] and low[t] > value:
            at += (low[t] - value) / rise
            value = low[t]
        corner[0], bend[0], base = at, rise, max(value, low[t])
        for j in range(k + 1, count):
            corner[j - k], bend[j - k] = corner[j], bend[j]
        count -= k
        first[t] = at
        # Cut off above: the first price at which the sum is `high`.
        if base >= high[t]:
            last[t], count, base = at, 0, high[t]
            continue
        value, rise, k = base, bend[0], 0
        while k + 1 < count:
            following = value + rise * (corner[k + 1] - corner[k])
            if following >= high[t]:
                break
            value = following
            k += 1
            rise += bend[k]
        at = corner[k] + (high[t] - value) / max(rise, FLAT * step[t])
        last[t] = at
        corner[k + 1], bend[k + 1] = at, -rise
        count = k + 2
    price = last[hours - 1]
    for back in range(hours):
        t = hours - 1 - back
        price = min(max(price, first[t]), max(last[t], first[t]))
        out[t] = max(wish[t] + step[t] * price, 0.0)
