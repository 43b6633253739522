"""The master program over columns: which placement each hour takes so that the limits are kept.

    min  Σ_t Σ_n c[t,n]·w[t,n]    s.t.  Σ_n w[t,n] = 1,   Σ_t Σ_n u[t,n]·w[t,n] ≤ limit,   w ≥ 0

With several limits HiGHS solves it. With one it is a fractional knapsack: on the lower hull of
an hour's columns each step down in use has a price that rises from step to step. The cheapest
steps of all hours are taken until the limit is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wattlas.placement.hour import highs
from wattlas.placement.problem.limit import within

KEPT = 1e-10
"""Shares of a column below this are rounding."""
MISSING = 1e-9
"""Excess over a limit per hour, in hundredths of the most that an hour uses, that is rounding."""
SAME = 1e-13
"""Columns of an hour that differ by less, relative to the largest, are one."""


@dataclass
class HourColumns:
    """What hours cost and use at the multipliers that were tried, one entry per column.

    `hour` is the position of its hour, `answer` the number of the placement that it is from;
    `used` is (columns, limits).
    """

    hour: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    answer: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    cost: np.ndarray = field(default_factory=lambda: np.zeros(0))
    used: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    def take(self, cost: np.ndarray, used: np.ndarray, answer: int) -> None:
        """Add those of a placement's hours, cost (T,) and used (T, limits), that are new."""
        new = self._new(cost, used)
        self.hour = np.concatenate([self.hour, new])
        self.answer = np.concatenate([self.answer, np.full(len(new), answer)])
        self.cost = np.concatenate([self.cost, cost[new]])
        self.used = np.concatenate([self.used, used[new]])

    def _new(self, cost: np.ndarray, used: np.ndarray) -> np.ndarray:
        is_known = np.zeros(len(cost), dtype=bool)
        if len(self.hour):
            scale = np.abs(self.used).max(axis=0, initial=0.0) + 1e-300
            near = np.abs(self.cost - cost[self.hour]) <= SAME * np.abs(self.cost) + 1e-300
            near &= (np.abs(self.used - used[self.hour]) <= SAME * scale).all(axis=1)
            is_known[self.hour[near]] = True
        return np.flatnonzero(~is_known)


class Hulls:
    """The master program of one limit: lower hulls by hour, filled by the price of their steps.

    `kept` says whether the columns can keep the limit, `shares` (columns,) what each hour takes of
    each, `value` what that costs.
    """

    def __init__(self, hours: int, limit: np.ndarray, _columns: HourColumns) -> None:
        self.hours, self.limit = hours, float(limit[0])
        self.kept = False
        self.value = np.inf
        self.shares = np.zeros(0)

    def solve(self, columns: HourColumns) -> np.ndarray:
        """The multiplier ≥ 0: the price of the last step taken; any where the limit is not kept."""
        use, cost = columns.used[:, 0], columns.cost
        hull = _hull(columns.hour, use, cost)
        hour = columns.hour[hull]
        step = np.flatnonzero(hour[1:] == hour[:-1])
        low, high = hull[step], hull[step + 1]
        size = use[high] - use[low]
        price = (cost[low] - cost[high]) / size
        least, most = np.append(True, hour[1:] != hour[:-1]), np.append(hour[1:] != hour[:-1], True)
        self.kept = within(float(use[hull[least]].sum()), self.limit)
        if not self.kept:
            return np.ones(1)
        on_hull = hull[most]
        need = float(use[on_hull].sum()) - self.limit
        order = np.argsort(price, kind="stable")
        down = np.cumsum(size[order])
        last = int(np.searchsorted(down, need))
        steps_taken = order[:last]
        # An hour's later steps lie lower.
        on_hull[columns.hour[low[steps_taken]]] = low[steps_taken]
        self.shares = np.zeros(len(use))
        self.shares[on_hull] = 1.0
        multiplier = 0.0
        if need > 0 and last < len(order):
            part = order[last]
            share = min((need - (down[last - 1] if last else 0.0)) / size[part], 1.0)
            self.shares[high[part]], self.shares[low[part]] = 1.0 - share, share
            multiplier = float(price[part])
        elif need > 0:
            multiplier = float(price.max(initial=0.0))
        self.value = float(cost @ self.shares)
        return np.array([multiplier])


def _hull(hour: np.ndarray, use: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Columns on the falling part of each hour's lower hull, by hour, from the least use on."""
    order = np.lexsort((cost, use, hour))
    while True:
        h, u, c = hour[order], use[order], cost[order]
        same_hour = h[1:] == h[:-1]
        drop = np.zeros(len(order), dtype=bool)
        drop[1:] = same_hour & (c[1:] >= c[:-1])
        run, fall = np.diff(u), -np.diff(c)
        drop[1:-1] |= same_hour[1:] & same_hour[:-1] & (fall[:-1] * run[1:] <= fall[1:] * run[:-1])
        if not drop.any():
            return order
        order = order[~drop]


class Master:
    """The master program of several limits in HiGHS, hot from round to round.

    One row per hour, then one per limit; one column per limit for the excess over it. The first
    phase makes the excess least; once there is none, the second makes the cost least.
    """

    def __init__(self, hours: int, limit: np.ndarray, columns: HourColumns) -> None:
        self.hours, self.limit = hours, limit
        self.cost_scale = 100.0 / max(float(np.abs(columns.cost).max(initial=0.0)), 1e-300)
        spread = np.abs(columns.used).max(axis=0, initial=0.0)
        self.use_scale = 100.0 / np.where(spread > 0, spread, 1.0)
        self.solver: Any = highs.new_solver()
        m = len(limit)
        self.excess = np.arange(m, dtype=np.int32)
        self.solver.addVars(m, np.zeros(m), np.full(m, np.inf))
        self.solver.changeColsCost(m, self.excess, np.ones(m))
        self._rows()
        self.kept = False
        self.value = np.inf
        self.added = 0
        self.shares = np.zeros(0)

    def _rows(self) -> None:
        n, m = self.hours, len(self.limit)
        no_index = np.zeros(0, np.int32)
        start = np.zeros(n, np.int32)
        self.solver.addRows(n, np.ones(n), np.ones(n), 0, start, no_index, np.zeros(0))
        self.solver.addRows(
            m, np.full(m, -np.inf), self.limit * self.use_scale, m,
            self.excess, self.excess, np.full(m, -1.0),
        )  # fmt: skip

    def solve(self, columns: HourColumns) -> np.ndarray:
        """Multipliers ≥ 0: of the cost where the limits are kept, else of the excess over them."""
        self._add(columns)
        answer = highs.run_safely(self.solver)
        m = len(self.limit)
        if not self.kept and float(answer.x[:m].max(initial=0.0)) <= MISSING * self.hours:
            self._keep(columns, answer.x[:m])
            answer = highs.run_safely(self.solver)
        dual: np.ndarray = np.maximum(-answer.dual[self.hours :], 0.0) * self.use_scale
        if not self.kept:
            return dual
        dual = dual / self.cost_scale
        share = np.where(answer.x[m:] > KEPT, answer.x[m:], 0.0)
        self.shares = share / np.bincount(columns.hour, share, self.hours)[columns.hour]
        self.value = float(columns.cost @ self.shares)
        return dual

    def _keep(self, columns: HourColumns, excess: np.ndarray) -> None:
        """From now on the excess stays at what rounding left, and the cost is made least."""
        self.kept = True
        n, m = len(columns.hour), len(self.limit)
        self.solver.changeColsBounds(m, self.excess, np.zeros(m), excess)
        self.solver.changeColsCost(m, self.excess, np.zeros(m))
        every = np.arange(m, m + n, dtype=np.int32)
        self.solver.changeColsCost(n, every, columns.cost * self.cost_scale)

    def _add(self, columns: HourColumns) -> None:
        """Columns that the program does not have yet."""
        new = slice(self.added, len(columns.hour))
        hour, cost, used = columns.hour[new], columns.cost[new], columns.used[new]
        n, m = len(hour), len(self.limit)
        if not n:
            return
        index = np.empty((n, m + 1), np.int32)
        index[:, 0], index[:, 1:] = hour, self.hours + np.arange(m)
        value = np.empty((n, m + 1))
        value[:, 0], value[:, 1:] = 1.0, used * self.use_scale
        start = np.arange(n, dtype=np.int32) * (m + 1)
        self.solver.addCols(
            n, cost * self.cost_scale * self.kept, np.zeros(n), np.full(n, np.inf), index.size,
            start, index.ravel(), value.ravel(),
        )  # fmt: skip
        self.added = len(columns.hour)
