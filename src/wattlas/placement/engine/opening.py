"""One hour's optimum at every budget: columns open one after the other.

The hour is solved with what is open at the first budget. A closed column whose reduced cost is not
negative does not change the optimum when it opens, so the next budget that matters is the first at
which a column with a negative one opens. There the hour goes on from its basis. The next hour
begins from this one's basis at the first budget.
"""

from __future__ import annotations

# Arguments stand in groups, one group a line: the problem, the basis, the scratch space.
# fmt: off
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattlas.placement.engine.hours import load, record, reset, store
from wattlas.placement.engine.jit import entry, kernel
from wattlas.placement.engine.program import Basis, HourlyProgram
from wattlas.placement.engine.scaled import Scaled, scale
from wattlas.placement.engine.simplex import run
from wattlas.placement.engine.solve import Bench, Hours
from wattlas.placement.engine.state import BIG, ENERGY, F8, I4, I8

_MAX_PIVOTS = 50_000
_ENTERS = 1e-11
"""A closed column enters where its reduced cost is below minus this, of the largest cost."""


@dataclass(frozen=True)
class Account:
    """What is added up: per_kwh[R, T] per IT kWh, per_request[S, R, O], per_unserved[S]."""

    per_kwh: F8
    per_request: F8
    per_unserved: F8


@dataclass(frozen=True)
class Opened:
    """total[M, N] of M accounts at N budgets; `left` are hours that another solver must take."""

    total: F8
    left: NDArray[np.int64]
    programs: int
    cpu_s: float


@kernel
def set_open(full: F8, opens: F8, fixed: F8, x: float) -> None:
    """The static costs of what is open at budget x."""
    for s in range(full.shape[0]):
        for c in range(full.shape[1]):
            fixed[s, c] = full[s, c] if opens[s, c] <= x else BIG


@kernel
def next_opening(
    full: F8, opens: F8, demand: F8, kind: I4, table: F8, value: F8, x: float, enters: float
) -> float:
    """The first budget above x at which a column opens that would lower the objective."""
    found = BIG
    for s in range(full.shape[0]):
        if demand[s] > 0.0:
            least = value[s] - enters
            for c in range(full.shape[1]):
                at = opens[s, c]
                if x < at < found and full[s, c] + table[kind[s], c] < least:
                    found = at
    return found


@kernel
def settle(
    unit: F8, rates: F8, static: F8, width: int, flow: F8, place: I4, used: int, out: F8
) -> None:
    """out[m] = Σ flow · (energy · rates[m, region] + static[m, source, column])."""
    columns = unit.shape[1] * width
    for m in range(out.shape[0]):
        total = 0.0
        for n in range(used):
            s, o, r = place[n, 0], place[n, 1], place[n, 2]
            if o < 0:
                total += flow[n] * static[m, s, columns]
            else:
                each = unit[s, o, ENERGY] * rates[m, r] + static[m, s, o * width + r]
                total += flow[n] * each
        out[m] = total


@entry
def walk_open(
    full: F8, opens: F8, x: F8, fixed: F8, unit: F8, kind: I4, rep: I4,
    tariff: F8, demand: F8, limits: F8,
    src: I4, amount: F8, bas: I4, vec: F8, inverse: F8,
    touched: I4, rate: F8, step: F8, best: F8, weight: F8, buffer: F8, table: F8, saved: I4,
    count: I8,
    keys: I4, basics: I4, dual: F8, value: F8, total: F8, flow: F8, place: I4, used: I8,
    rates: F8, static: F8, hours: F8, each: F8, scratch: F8, out: F8,
    status: I8, solved: I8, enters: float, warm: bool, most: int,
) -> None:
    """Add every hour's accounts at every budget to out[M, N]; status[h] 1 where it is left."""
    width = tariff.shape[2]
    for h in range(demand.shape[0]):
        set_open(full, opens, fixed, x[0])
        if h > 0 or warm:
            load(
                fixed, unit, tariff[h], src, bas, vec, inverse, saved, count, keys, basics, 0,
            )
        n = 0
        while n < x.shape[0]:
            ended = run(
                fixed, unit, kind, rep, tariff[h], demand[h], limits[h],
                src, amount, bas, vec, inverse,
                touched, rate, step, best, weight, buffer, table, saved, count, most,
            )
            solved[0] += 1
            if ended != 0:
                status[h] = 1
                break
            if n == 0:
                store(src, bas, keys, basics, 0)
            record(
                fixed, unit, kind, rep, table, tariff[h], demand[h], limits[h],
                src, amount, bas, vec, flow, place, dual, value, total, used, 0,
            )
            settle(unit, rates[h], static, width, flow[0], place[0], used[0], each)
            later = next_opening(full, opens, demand[h], kind, table, value[0], x[n], enters)
            while n < x.shape[0] and x[n] < later:
                for m in range(out.shape[0]):
                    scratch[m, n] = each[m] * hours[h]
                n += 1
            if n < x.shape[0]:
                set_open(full, opens, fixed, x[n])
        if status[h] == 0:
            for m in range(out.shape[0]):
                for i in range(x.shape[0]):
                    out[m, i] += scratch[m, i]
        else:
            reset(src, bas, vec, inverse, count)
            store(src, bas, keys, basics, 0)


# fmt: on
def solve_opening(
    program: HourlyProgram,
    opens: F8,
    x: F8,
    accounts: Sequence[Account],
    weight: F8,
    hours: Sequence[int] | Hours | None = None,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Opened:
    """Σ over hours of weight[T] · account at every budget x, increasing.

    `program.allowed` holds every column that ever opens, opens[S, R, O] the budget from which it
    is open. `progress` is called with the number of hours just done.
    """
    scaled = scale(program)
    wanted = np.arange(program.demand.shape[1]) if hours is None else np.asarray(hours)
    wanted = wanted.astype(np.int64)
    chunks = np.array_split(wanted, max(1, min(threads, len(wanted))))

    def one(chunk: Hours) -> Opened:
        return _Opening(scaled, opens, x, accounts, weight).solve(chunk, progress)

    with ThreadPoolExecutor(len(chunks)) as pool:
        parts = list(pool.map(one, chunks))
    return Opened(
        total=np.sum([part.total for part in parts], axis=0),
        left=np.concatenate([part.left for part in parts]),
        programs=sum(part.programs for part in parts),
        cpu_s=sum(part.cpu_s for part in parts),
    )


class _Opening:
    """One thread's arrays: columns padded as the engine pads them."""

    block = 64

    def __init__(
        self, scaled: Scaled, opens: F8, x: F8, accounts: Sequence[Account], weight: F8
    ) -> None:
        self.scaled, self.accounts, self.weight = scaled, accounts, weight
        self.x = np.ascontiguousarray(x, dtype=np.float64)
        sources, regions, points, _, _ = scaled.program.sizes
        width = scaled.width
        self.opens = np.full(scaled.fixed.shape, np.finfo(np.float64).max)
        finite = np.where(scaled.program.allowed, opens, np.finfo(np.float64).max)
        by_point = self.opens[:, : points * width].reshape(sources, points, width)
        by_point[:, :, :regions] = np.clip(finite, -1e300, None).transpose(0, 2, 1)
        self.opens[:, points * width] = -1e300
        self.static = np.zeros((len(accounts), *scaled.fixed.shape))
        for m, one in enumerate(accounts):
            cells = self.static[m, :, : points * width].reshape(sources, points, width)
            cells[:, :, :regions] = one.per_request.transpose(0, 2, 1)
            self.static[m, :, points * width] = np.nan_to_num(one.per_unserved)
        self.static /= scaled.per_unit[None, :, None]
        self.bench = Bench(scaled)
        self.basis = Basis.empty(1, sources, scaled.rows)
        self.warm = False

    def solve(self, hours: Hours, progress: Callable[[int], None] | None) -> Opened:
        """All hours of the thread, block by block, hot all along."""
        began = time.thread_time()
        total = np.zeros((len(self.accounts), len(self.x)))
        left, programs = [], 0
        for low in range(0, len(hours), self.block):
            chunk = hours[low : low + self.block]
            status, solved = self._block(chunk, total)
            left.append(chunk[status != 0])
            programs += solved
            if progress is not None:
                progress(len(chunk))
        none = np.zeros(0, np.int64)
        return Opened(total, np.concatenate([none, *left]), programs, time.thread_time() - began)

    def _block(self, hours: Hours, total: F8) -> tuple[NDArray[np.int64], int]:
        scaled, count = self.scaled, len(hours)
        sources, p = scaled.per_unit.shape[0], scaled.rows
        demand, price = scaled.demand(hours), scaled.price(hours)
        rates = np.zeros((count, len(self.accounts), scaled.width))
        for m, one in enumerate(self.accounts):
            rates[:, m, : one.per_kwh.shape[0]] = one.per_kwh[:, hours].T
        largest = float(np.abs(scaled.fixed[scaled.fixed < BIG / 10]).max(initial=0.0))
        largest += float(np.abs(scaled.unit[:, :, ENERGY]).max(initial=0.0)) * float(
            np.abs(price).max(initial=0.0)
        )
        status, solved = np.zeros(count, np.int64), np.zeros(1, np.int64)
        room: Any = walk_open
        # fmt: off
        room(
            scaled.fixed, self.opens, self.x, np.empty_like(scaled.fixed),
            scaled.unit, scaled.kind, scaled.rep,
            price, demand, scaled.limits(hours, demand), *self.bench.state(),
            self.basis.keys, self.basis.basics,
            np.zeros((1, p)), np.zeros((1, sources)), np.zeros((1, 2)),
            np.zeros((1, sources + p)), np.zeros((1, sources + p, 3), np.int32),
            np.zeros(1, np.int64),
            rates, self.static, np.ascontiguousarray(self.weight[hours]),
            np.zeros(len(self.accounts)), np.zeros((len(self.accounts), len(self.x))), total,
            status, solved, _ENTERS * largest, self.warm, _MAX_PIVOTS,
        )
        # fmt: on
        self.warm = True
        return status, int(solved[0])
