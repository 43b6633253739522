"""A window from the last one, or from nothing, to a certified optimum.

Right-hand sides and demand are a little off while it pivots, those of an hour alike in every window
that it is in: at the plain ones nine of ten pivots made no progress. At the end the basis is given
the plain ones. What comes of it is an answer only where it keeps every bound, and where the bound
by its duals equals its objective.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from wattlas.placement.window.simplex.bench import WindowBench
from wattlas.placement.window.simplex.levels import KeptLevels, LevelAnswer, LevelWindow
from wattlas.placement.window.simplex.settle import FIRST, flow_of, held, moved, settle
from wattlas.placement.window.simplex.state import (
    CLOSED,
    MOVES,
    NONE,
    OPTIMAL,
    LevelProgram,
    WindowBasis,
)

_OVER = 1e4
"""Cost of a GPU-h/h above a capacity; the largest open cost is 100."""
_OFF = 1e-6
"""How far right-hand sides are off, in mean demands of a source: with a tenth of it windows took
a third more pivots, with ten times as much the plain values are none more often."""
_KEPT = 1e-9
"""What a bound may be missed by, where the largest demand is 100."""
_GAP = 1e-9
"""The largest relative gap that counts as none."""
_MOST_PER_ROW = 8
"""Pivots, by row, after which a window is given up: 3 are the most from nothing, 1 from the last
window."""


def solve_level_window(window: LevelWindow, kept: KeptLevels | None = None) -> LevelAnswer | None:
    """Solve a window, from one that shares hours and agrees with it, or from nothing; None
    where that was given up."""
    run = _Run(window, kept)
    return run.answer() if run.begin() else None


def warm_up() -> None:
    """Compile or load it, by a window of one hour, one source and one region."""
    single = np.ones((1, 1))
    solve_level_window(
        LevelWindow(np.arange(1), np.zeros(1, np.int64), single, np.ones((1, 1, 1)), 2.0 * single,
                    np.ones((1, 1, 1)), None)
    )  # fmt: skip


class _Run:
    """One window on its way: scaled, a little off, and with a basis to begin with."""

    def __init__(self, window: LevelWindow, kept: KeptLevels | None) -> None:
        self.plain, self.kept = window, kept
        self.units = _units(window) if kept is None else kept.units
        self.benches = {} if kept is None else dict(kept.benches)
        self.skipped, self.count = (0, 0) if kept is None else kept.shared(window)
        self.noise = self._noise()
        self.exact = self._scaled()
        self.off = self._little_off()
        self.bench = self._bench(window.shape[0])
        self.pivots = 0

    def begin(self) -> bool:
        """Lay a basis under the window: hours that were solved keep theirs, each new one is solved
        by itself after the one before. False where that was given up."""
        hours, sources, regions, models = self.plain.shape
        rows, basis = regions * (1 + models), self.bench.basis
        keys, slots, prices = self._from_kept()
        levels = [] if self.kept is None else list(self.kept.noisy_level[self.skipped :])
        for h in range(self.count, hours):
            before = (levels[-1], keys[-1][-sources:]) if levels else None
            hour = self._hour(h, before)
            if hour is None:
                return False
            keys.append(hour.key.copy())
            slots.append(moved(hour.slot, h * sources * regions, h * rows))
            prices.append(hour.price.copy())
            levels.append(self.plain.levels(flow_of(hour, (1, sources, regions)))[0])
        slot = np.concatenate(slots)
        if len(slot) > len(basis.slot):
            return False
        basis.slot[:] = NONE
        basis.slot[: len(slot)] = slot
        basis.key[:], basis.price[:], basis.shift[:] = *map(np.concatenate, (keys, prices)), 0.0
        self._set_weights(basis)
        if self.kept is not None:
            shared = slice(self.skipped * rows, (self.skipped + self.count) * rows)
            basis.shift[: self.count * rows] = self.kept.shift[shared]
            basis.shift[regions:rows] += self._ran_otherwise
        self._settle(np.stack(levels))
        return True

    @cached_property
    def _ran_otherwise(self) -> np.ndarray:
        """How much more runs before the window than was planned, (M·R,)."""
        if self.kept is None:
            return np.zeros(0)
        first = slice(self.plain.shape[2], self.plain.shape[2] * (1 + self.plain.shape[3]))
        came = self.exact.limit[first] - self.kept.level[self.skipped - 1].ravel()
        return np.where(np.abs(came) > 100.0 * _KEPT, came, 0.0)

    def _settle(self, level: np.ndarray) -> None:
        """Bring some hours to their optimum between the levels (H, M, R) of the others, more each
        time: the first where something runs otherwise than planned, the last where they are new."""
        hours, count = self.plain.shape[0], FIRST
        while 3 * count <= 2 * hours:
            if self._ran_otherwise.any():
                self._settle_hours(range(count), level)
            if hours > self.count:
                self._settle_hours(range(hours - count, hours), level)
            count = 2 * count + 1

    def _settle_hours(self, inner: range, level: np.ndarray) -> None:
        """Settle some hours, if that does not take too long."""
        bench = self._bench(len(inner) + (inner.stop < self.plain.shape[0]))
        most = _MOST_PER_ROW * len(bench.basis.slot)
        self.pivots += settle(self.plain, self.off, self.bench.basis, bench, level, inner, most)

    def answer(self) -> LevelAnswer | None:
        """Solve it, and give the last basis the plain right-hand sides."""
        basis, shape = self.bench.basis, self.plain.shape
        if self.bench.solve(self.off, _MOST_PER_ROW * len(basis.slot)) != OPTIMAL:
            return None
        self.pivots += int(self.bench.work.counters[MOVES])
        kept = self._keep(basis, flow_of(basis, shape[:3]))
        self.bench.mend(self.exact)
        self.pivots += int(self.bench.work.counters[MOVES])
        dual = np.clip(basis.dual, 0.0, self.exact.top)
        money, amount, _ = self.units
        objective, flow, level = self._certified(*held(basis, shape[2]), dual)
        return LevelAnswer(
            flow / amount if np.isfinite(objective) else None,
            objective / money / amount,
            dual.reshape(shape[0], -1)[:, : shape[2]] / money,
            self.pivots,
            replace(kept, level=level),
        )

    def _noise(self) -> tuple[np.ndarray, np.ndarray]:
        """What demand and right-hand sides of each hour are off by: that of the hour, whatever the
        window."""
        hours, sources, regions, models = self.plain.shape
        rows, size = regions * (1 + models), self.units[2]
        demand, limit = np.empty((hours, sources)), np.empty((hours, rows))
        if self.kept is not None:
            few = slice(self.skipped, self.skipped + self.count)
            demand[: self.count], limit[: self.count] = (part[few] for part in self.kept.noise)
        for h in range(self.count, hours):
            draw = np.random.default_rng(int(self.plain.offset[h]) % (1 << 32)).random
            demand[h], limit[h] = size * draw(sources), size * (draw(rows) - 0.5)
        return demand, limit

    def _scaled(self) -> LevelProgram:
        """The program in units of its own."""
        w, (money, amount, _) = self.plain, self.units
        hours, _, regions, models = w.shape
        demand = w.demand * amount
        most = 2.0 * demand.sum(axis=1, keepdims=True) + 1.0
        limit, top = np.zeros((hours, 1 + models, regions)), np.empty((hours, 1 + models, regions))
        limit[:, 0] = np.minimum(w.capacity * amount, most)
        top[:, 0], top[:, 1:] = _OVER, w.start_cost * money
        if w.before is None:
            top[0, 1:] = 0.0
        else:
            limit[0, 1:] = w.before * amount
        cost = np.where(np.isfinite(w.cost), w.cost * money, CLOSED)
        model, first = w.model.astype(np.uint32), w.first.astype(np.uint32)
        return LevelProgram(cost, demand.ravel(), limit.ravel(), top.ravel(), model, first)

    def _little_off(self) -> LevelProgram:
        """The scaled program with demand and right-hand sides off by the noise."""
        demand, limit = (part.ravel() for part in self.noise)
        limit = self.exact.limit + limit
        if self.kept is not None:
            at = self.skipped - 1
            off = self.kept.noisy_level[at] - self.kept.level[at]
            limit[self.plain.shape[2] :][: off.size] += off.ravel()
        return self.exact._replace(demand=self.exact.demand + demand, limit=limit)

    def _bench(self, hours: int) -> WindowBench:
        """Room for so many hours."""
        if hours not in self.benches:
            self.benches[hours] = WindowBench(hours, *self.plain.shape[1:])
        return self.benches[hours]

    def _from_kept(self) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
        """Keys, what is basic and slacks' prices in the hours that were solved."""
        if self.kept is None:
            return [], [], []
        _, sources, regions, models = self.plain.shape
        rows, kept = regions * (1 + models), self.kept
        hours = slice(self.skipped * sources, (self.skipped + self.count) * sources)
        ours = slice(self.skipped * rows, (self.skipped + self.count) * rows)
        slot = moved(kept.slot, -self.skipped * sources * regions, -self.skipped * rows)
        inside = (slot >= -self.count * rows) & (slot < self.count * sources * regions)
        hour = np.where(kept.slot >= 0, kept.slot // (sources * regions), (-1 - kept.slot) // rows)
        inside &= (hour >= self.skipped) & (hour < self.skipped + self.count)
        price, top = kept.price[ours], self.exact.top[: self.count * rows]
        highest = (price > 0.0) & (price >= kept.top[ours])
        return [kept.key[hours]], [slot[inside]], [np.where(highest, top, np.minimum(price, top))]

    def _hour(self, h: int, before: tuple[np.ndarray, np.ndarray] | None) -> WindowBasis | None:
        """The optimal basis of an hour by itself, after the levels (M, R) of the hour before it,
        from the keys (S,) there; None: given up."""
        _, _, regions, models = self.plain.shape
        rows, p, bench = regions * (1 + models), self.off, self._bench(1)
        sources = self.plain.shape[1]
        limit = p.limit[h * rows : (h + 1) * rows].copy()
        key = p.cost[h].argmin(axis=1)
        if before is not None:
            level, near = before
            limit[regions:] += level.ravel()
            key = np.where(p.cost[h][np.arange(sources), near] < CLOSED, near, key)
        hour = LevelProgram(
            p.cost[h : h + 1], p.demand[h * sources : (h + 1) * sources], limit,
            p.top[h * rows : (h + 1) * rows], p.model, p.first,
        )  # fmt: skip
        basis = bench.basis
        basis.key[:], basis.slot[:] = key, -1 - np.arange(rows)
        basis.price[:], basis.shift[:], basis.weight[:], basis.row_weight[:] = 0.0, 0.0, 1.0, 1.0
        if bench.solve(hour, _MOST_PER_ROW * (rows + sources)) != OPTIMAL:
            return None
        self.pivots += int(bench.work.counters[MOVES])
        return basis

    def _set_weights(self, basis: WindowBasis) -> None:
        """Hours that were solved keep their reference weights."""
        basis.weight[:], basis.row_weight[:] = 1.0, 1.0
        if self.kept is not None:
            rows = len(basis.row_weight) // self.plain.shape[0]
            last = self.skipped + self.count
            basis.weight[: self.count] = self.kept.weight[self.skipped : last]
            basis.row_weight[: self.count * rows] = self.kept.row_weight[
                self.skipped * rows : last * rows
            ]

    def _certified(
        self, at: np.ndarray, value: np.ndarray, dual: np.ndarray
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """The objective of a point, what the columns `at` hold; cut at its bounds, its flow
        (H, S, R) and what runs then, (H, M, R). nan where it misses a bound by more than rounding,
        or that by the duals."""
        p, (hours, _, regions, models) = self.exact, self.plain.shape
        cost = p.cost.ravel()[at]
        below, shut = float(-value.min(initial=0.0)), cost >= CLOSED
        closed = float(value[shut].max(initial=0.0))
        value = np.where(shut, 0.0, np.maximum(value, 0.0))
        flow = np.zeros(p.cost.shape)
        flow.reshape(-1)[at] = value
        level = self.plain.levels(flow)
        limit = p.limit.reshape(hours, 1 + models, regions)
        over = float((level.sum(axis=1) - limit[:, 0]).max())
        rise = level - limit[:, 1:]
        rise[1:] -= level[:-1]
        spent = cost * value
        top = p.top.reshape(limit.shape)[:, 1:]
        objective = float(spent.sum() + (top * np.maximum(rise, 0.0)).sum())
        price = dual.reshape(limit.shape)
        levels = price[:, :1] + price[:, 1:]
        levels[:-1] -= price[1:, 1:]
        worth = np.empty(p.cost.shape[:2])
        for m, (low, high) in enumerate(pairwise(p.first)):
            np.min(p.cost[:, low:high] + levels[:, m, None], axis=2, out=worth[:, low:high])
        bound = float(worth.ravel() @ p.demand - dual @ p.limit)
        size = float(np.abs(spent).sum()) + abs(objective) + _KEPT
        missed = max(below, closed, over) > _KEPT or not abs(objective - bound) <= _GAP * size
        return float("nan") if missed else objective, flow, level

    def _keep(self, basis: WindowBasis, noisy: np.ndarray) -> KeptLevels:
        """What the next window starts from; what runs is not known yet."""
        row = -1 - basis.slot[basis.slot < 0]
        price = np.clip(basis.dual, 0.0, self.exact.top)
        price[row] = basis.price[row]
        level = self.plain.levels(noisy)
        return KeptLevels(
            self.units, self.plain, self.noise, level, level, basis.key.copy(),
            basis.slot.copy(), price, basis.shift.copy(), self.exact.top, basis.weight.copy(),
            basis.row_weight.copy(), self.benches,
        )  # fmt: skip


def _units(window: LevelWindow) -> tuple[float, float, float]:
    """Money and demand brought to the order of 100; what right-hand sides are off by then."""
    finite = window.cost[np.isfinite(window.cost)]
    money = 100.0 / max(float(np.abs(finite).max(initial=0.0)), 1e-300)
    amount = 100.0 / max(float(window.demand.max(initial=0.0)), 1e-300)
    return money, amount, _OFF * float(window.demand.mean()) * amount
