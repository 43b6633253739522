"""One hour's optimum at every budget: columns open one after the other.

The hour is solved with what is open at the first budget. A closed column whose reduced cost is not
negative does not change the optimum when it opens, so the next budget that matters is the first at
which a column with a negative one opens. There the hour goes on from its basis. The next hour
begins from this one's basis at the first budget. Closed columns stand in the order in which they
open, so that only what opens is written and the search ends at the first that would enter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattlas.placement.engine.hours import load_basis, record, reset, store_basis
from wattlas.placement.engine.jit import entry, kernel
from wattlas.placement.engine.pricing import fill_table, forget_prices
from wattlas.placement.engine.program import Basis, HourlyProgram
from wattlas.placement.engine.scaled import Scaled, scale
from wattlas.placement.engine.simplex import solve_hour
from wattlas.placement.engine.solve import MAX_PIVOTS, Bench, Hours
from wattlas.placement.engine.state import (
    BIG,
    ENERGY,
    F8,
    I4,
    I8,
    OPEN,
    OPTIMAL,
    Hour,
    HourlyOutput,
    Program,
    Scratch,
    Working,
)
from wattlas.placement.engine.threads import at_most

_ENTERS = 1e-11
"""A closed column enters where its reduced cost is below minus this part of the largest cost:
rounding against gains that are missed. Half and twice it solve the same 5,132 programs of a
frontier of S."""


@dataclass(frozen=True)
class Meter:
    """What is summed over flows: per_kwh[R, T] of IT, per_request[S, R, O], per_unserved[S]."""

    per_kwh: F8
    per_request: F8
    per_unserved: F8


@dataclass(frozen=True)
class OpenedTotals:
    """total[M, N] of M meters at N budgets; another solver must take the hours in `left`."""

    total: F8
    left: NDArray[np.int64]
    programs: int


class Budgets(NamedTuple):
    """Budgets x[N], increasing, and the columns that open after the first of them.

    full[S, C] are the costs of all columns. Column `at[m]` of source `source[m]` opens at budget
    n for begin[n] ≤ m < begin[n + 1]; those that are open at the first one are in no list. A
    closed column enters where its reduced cost is below −`enters`.
    """

    x: F8
    full: F8
    source: I4
    at: I4
    begin: I8
    enters: float


class MeterSums(NamedTuple):
    """M meters as the kernels read them, and their sums.

    rates[T, W, M] per unit of energy, static[S, C, M] per unit, weight[T] of the hours;
    of_program[M] and of_hour[M, N] are scratch; total[M, N] is the result.
    """

    rates: F8
    static: F8
    weight: F8
    of_program: F8
    of_hour: F8
    total: F8


@kernel
def open_up(budgets: Budgets, p: Program, w: Scratch, low: int, high: int) -> None:
    """Open what opens after budget `low`, up to budget `high`, at the duals of the table."""
    for m in range(budgets.begin[low + 1], budgets.begin[high + 1]):
        s, c = budgets.source[m], budgets.at[m]
        cost = budgets.full[s, c]
        p.fixed[s, c] = cost
        p.across[c, s] = cost
        r = c % w.by_region.shape[0]
        w.by_region[r, s] = min(w.by_region[r, s], cost + w.table[p.kind[s], c])


@kernel
def close_again(budgets: Budgets, p: Program, last: int) -> None:
    """Close what opened after the first budget, up to budget `last`."""
    for m in range(budgets.begin[1], budgets.begin[last + 1]):
        p.fixed[budgets.source[m], budgets.at[m]] = BIG
        p.across[budgets.at[m], budgets.source[m]] = BIG


@kernel
def next_opening(budgets: Budgets, demand: F8, kind: I4, table: F8, value: F8, now: int) -> int:
    """The first budget after `now` at which a column opens that would lower the objective; their
    number where there is none."""
    full, source, at, begin = budgets.full, budgets.source, budgets.at, budgets.begin
    later = last = int(begin.shape[0]) - 1
    for m in range(begin[now + 1], begin[last]):
        s, c = source[m], at[m]
        if demand[s] > 0.0 and full[s, c] + table[kind[s], c] < value[s] - budgets.enters:
            later = now + 1
            while begin[later + 1] <= m:
                later += 1
            break
    return later


@kernel
def settle(unit: F8, rates: F8, static: F8, width: int, answer: HourlyOutput, out: F8) -> None:
    """out[m] = Σ flow · (energy · rates[region, m] + static[source, column, m])."""
    flow, place = answer.flow, answer.place
    columns = unit.shape[1] * width
    for m in range(out.shape[0]):
        out[m] = 0.0
    for n in range(answer.used[0]):
        s, o, r, x = place[0, n, 0], place[0, n, 1], place[0, n, 2], flow[0, n]
        if o < 0:
            for m in range(out.shape[0]):
                out[m] += x * static[s, columns, m]
        else:
            energy = x * unit[s, o, ENERGY]
            for m in range(out.shape[0]):
                out[m] += energy * rates[r, m] + x * static[s, o * width + r, m]


@kernel
def along_budgets(
    p: Program, h: Hour, b: Working, w: Scratch, budgets: Budgets,
    keys: I4, basics: I4, answer: HourlyOutput, sums: MeterSums, t: int, most: int,
) -> int:  # fmt: skip
    """One hour at every budget, into sums.of_hour[M, N]; programs solved, negative where it fails.

    The basis at the first budget is stored: the next hour begins from it, and from what is open
    there.
    """
    count, solved, n = budgets.x.shape[0], 0, 0
    forget_prices(b.vec)
    while n < count:
        # Phase 1, solve: from the basis of the budget before.
        solved += 1
        if solve_hour(p, h, b, w, most) != OPTIMAL:
            close_again(budgets, p, n)
            return -solved
        if n == 0:
            store_basis(b, keys, basics)
        # Phase 2, sum up: what the optimum comes to in every meter.
        record(p, h, b, w, answer, 0)
        fill_table(p.unit, h.tariff, b.vec, p.rep, w.table)
        settle(
            p.unit,
            sums.rates[t],
            sums.static,
            h.tariff.shape[1],
            answer,
            sums.of_program,
        )
        # Phase 3, skip: budgets before the next useful opening have the same optimum.
        later = next_opening(budgets, h.demand, p.kind, w.table, answer.value[0], n)
        for at in range(n, later):
            for m in range(sums.of_program.shape[0]):
                sums.of_hour[m, at] = sums.of_program[m] * sums.weight[t]
        if later < count:
            open_up(budgets, p, w, n, later)
        else:
            close_again(budgets, p, n)
        n = later
    return solved


@entry
def walk_open(
    p: Program, tariffs: F8, demands: F8, limits: F8, b: Working, w: Scratch, budgets: Budgets,
    keys: I4, basics: I4, answer: HourlyOutput, sums: MeterSums,
    status: I8, most: int,
) -> int:  # fmt: skip
    """Add every hour's meters at every budget to sums.total[M, N]; returns programs solved.

    status[t] is 1 where an hour is left to another solver. p.fixed holds what is open at the first
    budget, before and after.
    """
    programs = 0
    for t in range(demands.shape[0]):
        h = Hour(tariffs[t], demands[t], limits[t])
        load_basis(p, tariffs.shape[2], b, w, keys, basics)
        solved = along_budgets(p, h, b, w, budgets, keys, basics, answer, sums, t, most)
        programs += abs(solved)
        if solved > 0:
            for m in range(sums.total.shape[0]):
                for n in range(sums.total.shape[1]):
                    sums.total[m, n] += sums.of_hour[m, n]
        else:
            status[t] = 1
            reset(b, w)
            store_basis(b, keys, basics)
    return programs


def solve_opening(
    program: HourlyProgram,
    opens: F8,
    x: F8,
    meters: Sequence[Meter],
    weight: F8,
    hours: Sequence[int] | Hours | None = None,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> OpenedTotals:
    """Σ over hours of weight[T] · meter at every budget x, increasing.

    `program.allowed` holds every column that ever opens, opens[S, R, O] the budget from which it
    is open. `progress` is called with the number of hours just done.
    """
    scaled = scale(program)
    selected = np.arange(program.demand.shape[1]) if hours is None else np.asarray(hours)
    selected = selected.astype(np.int64)
    chunks = np.array_split(selected, max(1, min(threads, len(selected))))

    def solve_part(chunk: Hours) -> OpenedTotals:
        return _Opening(scaled, opens, x, meters, weight).solve(chunk, progress)

    with ThreadPoolExecutor(at_most(len(chunks))) as pool:
        parts = list(pool.map(solve_part, chunks))
    return OpenedTotals(
        total=np.sum([part.total for part in parts], axis=0),
        left=np.concatenate([part.left for part in parts]),
        programs=sum(part.programs for part in parts),
    )


class _Opening:
    """One thread's arrays: columns padded as the engine pads them."""

    block = 64
    """Hours per call of the kernel, as in `solve`; fewer, because progress is shown after each.
    With 32 and 128 a frontier of S takes the same time."""

    def __init__(
        self, scaled: Scaled, opens: F8, x: F8, meters: Sequence[Meter], weight: F8
    ) -> None:
        self.scaled, self.meters, self.weight = scaled, meters, weight
        self.x = np.ascontiguousarray(x, dtype=np.float64)
        sources, regions, points, _, _ = scaled.program.sizes
        width = scaled.width
        self.fixed, self.closed = _by_budget(scaled, opens, self.x)
        self.across = np.ascontiguousarray(self.fixed.T)
        self.static = np.zeros((*scaled.fixed.shape, len(meters)))
        for m, meter in enumerate(meters):
            cells = np.zeros((sources, points, width))
            cells[:, :, :regions] = meter.per_request.transpose(0, 2, 1)
            self.static[:, : points * width, m] = cells.reshape(sources, points * width)
            self.static[:, points * width, m] = np.nan_to_num(meter.per_unserved)
        self.static /= scaled.per_unit[:, None, None]
        self.bench = Bench(scaled)
        self.basis = Basis.empty(1, sources, scaled.rows)

    def solve(self, hours: Hours, progress: Callable[[int], None] | None) -> OpenedTotals:
        """All hours of the thread, block by block, hot all along."""
        total = np.zeros((len(self.meters), len(self.x)))
        unsolved, programs = [], 0
        for low in range(0, len(hours), self.block):
            chunk = hours[low : low + self.block]
            status, solved = self._block(chunk, total)
            unsolved.append(chunk[status != 0])
            programs += solved
            if progress is not None:
                progress(len(chunk))
        no_hours = np.zeros(0, np.int64)
        return OpenedTotals(total, np.concatenate([no_hours, *unsolved]), programs)

    def _block(self, hours: Hours, total: F8) -> tuple[NDArray[np.int64], int]:
        scaled, count = self.scaled, len(hours)
        sources, p = scaled.per_unit.shape[0], scaled.rows
        demand, price = scaled.demand(hours), scaled.price(hours)
        rates = np.zeros((count, scaled.width, len(self.meters)))
        for m, meter in enumerate(self.meters):
            rates[:, : meter.per_kwh.shape[0], m] = meter.per_kwh[:, hours].T
        largest = float(np.abs(scaled.fixed[scaled.fixed < BIG / 10]).max(initial=0.0))
        largest += float(np.abs(scaled.unit[:, :, ENERGY]).max(initial=0.0)) * float(
            np.abs(price).max(initial=0.0)
        )
        status = np.zeros(count, np.int64)
        size = (len(self.meters), len(self.x))
        solve: Any = walk_open
        programs = solve(
            scaled.kernel_program()._replace(fixed=self.fixed, across=self.across),
            price,
            demand,
            scaled.limits(hours, demand),
            self.bench.working,
            self.bench.scratch,
            Budgets(self.x, scaled.fixed, *self.closed, _ENTERS * largest),
            self.basis.keys[0],
            self.basis.basics[0],
            HourlyOutput.room(1, sources, p),
            MeterSums(
                rates=rates,
                static=self.static,
                weight=np.ascontiguousarray(self.weight[hours]),
                of_program=np.zeros(size[0]),
                of_hour=np.zeros(size),
                total=total,
            ),
            status,
            MAX_PIVOTS,
        )
        return status, int(programs)


def _by_budget(scaled: Scaled, opens: F8, x: F8) -> tuple[F8, tuple[I4, I4, I8]]:
    """The costs of what is open at the first budget; then source, column and begin of `Budgets`."""
    sources, regions, points, _, _ = scaled.program.sizes
    width = scaled.width
    first = np.zeros(scaled.fixed.shape, np.int64)  # unserved demand is open from the start
    by_point = first[:, : points * width].reshape(sources, points, width)
    level = np.searchsorted(x, opens, side="left")  # the first budget ≥ opens
    by_point[:, :, :regions] = np.where(scaled.program.allowed, level, len(x)).transpose(0, 2, 1)
    fixed: F8 = np.where(first == 0, scaled.fixed, BIG)
    source, at = np.nonzero((first > 0) & (first < len(x)) & (scaled.fixed < OPEN))
    order = np.argsort(first[source, at], kind="stable")
    begin = np.searchsorted(first[source, at][order], np.arange(len(x) + 1), side="left")
    listed: tuple[I4, I4, I8] = (
        source[order].astype(np.int32),
        at[order].astype(np.int32),
        begin.astype(np.int64),
    )
    return fixed, listed
