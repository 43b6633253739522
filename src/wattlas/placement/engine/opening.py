"""One hour's optimum at every budget: columns open one after the other.

The hour is solved with what is open at the first budget. A closed column whose reduced cost is not
negative does not change the optimum when it opens, so the next budget that matters is the first at
which a column with a negative one opens. There the hour goes on from its basis. The next hour
begins from this one's basis at the first budget.
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
    OPTIMAL,
    Hour,
    HourlyOutput,
    Program,
    Scratch,
    Working,
)

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
class Opened:
    """total[M, N] of M meters at N budgets; another solver must take the hours in `left`."""

    total: F8
    left: NDArray[np.int64]
    programs: int


class Budgets(NamedTuple):
    """Budgets x[N], increasing; full[S, C] costs of all columns, opens[S, C] from which budget.

    A closed column enters where its reduced cost is below −`enters`.
    """

    x: F8
    full: F8
    opens: F8
    enters: float


class Sums(NamedTuple):
    """M meters as the kernels read them, and their sums.

    rates[T, M, W] per unit of energy, static[M, S, C] per unit, weight[T] of the hours;
    of_program[M] and of_hour[M, N] are scratch; total[M, N] is the result.
    """

    rates: F8
    static: F8
    weight: F8
    of_program: F8
    of_hour: F8
    total: F8


@kernel
def set_open(full: F8, opens: F8, fixed: F8, x: float) -> None:
    """The static costs of what is open at budget x."""
    for s in range(full.shape[0]):
        for c in range(full.shape[1]):
            fixed[s, c] = full[s, c] if opens[s, c] <= x else BIG


@kernel
def next_opening(budgets: Budgets, demand: F8, kind: I4, table: F8, value: F8, x: float) -> float:
    """The first budget above x at which a column opens that would lower the objective."""
    full, opens = budgets.full, budgets.opens
    nearest = BIG
    for s in range(full.shape[0]):
        if demand[s] > 0.0:
            least = value[s] - budgets.enters
            for c in range(full.shape[1]):
                opens_at = opens[s, c]
                if x < opens_at < nearest and full[s, c] + table[kind[s], c] < least:
                    nearest = opens_at
    return nearest


@kernel
def settle(unit: F8, rates: F8, static: F8, width: int, answer: HourlyOutput, out: F8) -> None:
    """out[m] = Σ flow · (energy · rates[m, region] + static[m, source, column])."""
    flow, place = answer.flow, answer.place
    columns = unit.shape[1] * width
    for m in range(out.shape[0]):
        total = 0.0
        for n in range(answer.used[0]):
            s, o, r = place[0, n, 0], place[0, n, 1], place[0, n, 2]
            if o < 0:
                total += flow[0, n] * static[m, s, columns]
            else:
                unit_value = unit[s, o, ENERGY] * rates[m, r] + static[m, s, o * width + r]
                total += flow[0, n] * unit_value
        out[m] = total


@kernel
def along_budgets(
    p: Program, h: Hour, b: Working, w: Scratch, budgets: Budgets,
    keys: I4, basics: I4, answer: HourlyOutput, sums: Sums, t: int, most: int,
) -> int:  # fmt: skip
    """One hour at every budget, into sums.of_hour[M, N]; programs solved, negative where it fails.

    The basis at the first budget is stored: the next hour begins from it.
    """
    x, count, solved, n = budgets.x, budgets.x.shape[0], 0, 0
    while n < count:
        # Phase 1, solve: from the basis of the budget before.
        solved += 1
        if solve_hour(p, h, b, w, most) != OPTIMAL:
            return -solved
        if n == 0:
            store_basis(b, keys, basics)
        # Phase 2, sum up: what the optimum comes to in every meter.
        record(p, h, b, w, answer, 0)
        settle(
            p.unit,
            sums.rates[t],
            sums.static,
            h.tariff.shape[1],
            answer,
            sums.of_program,
        )
        # Phase 3, skip: budgets before the next useful opening have the same optimum.
        later = next_opening(budgets, h.demand, p.kind, w.table, answer.value[0], x[n])
        while n < count and x[n] < later:
            for m in range(sums.of_program.shape[0]):
                sums.of_hour[m, n] = sums.of_program[m] * sums.weight[t]
            n += 1
        if n < count:
            set_open(budgets.full, budgets.opens, p.fixed, x[n])
    return solved


@entry
def walk_open(
    p: Program, tariffs: F8, demands: F8, limits: F8, b: Working, w: Scratch, budgets: Budgets,
    keys: I4, basics: I4, answer: HourlyOutput, sums: Sums,
    status: I8, warm: bool, most: int,
) -> int:  # fmt: skip
    """Add every hour's meters at every budget to sums.total[M, N]; returns programs solved.

    status[t] is 1 where an hour is left to another solver. p.fixed is overwritten.
    """
    programs = 0
    for t in range(demands.shape[0]):
        h = Hour(tariffs[t], demands[t], limits[t])
        set_open(budgets.full, budgets.opens, p.fixed, budgets.x[0])
        if t > 0 or warm:
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
) -> Opened:
    """Σ over hours of weight[T] · meter at every budget x, increasing.

    `program.allowed` holds every column that ever opens, opens[S, R, O] the budget from which it
    is open. `progress` is called with the number of hours just done.
    """
    scaled = scale(program)
    selected = np.arange(program.demand.shape[1]) if hours is None else np.asarray(hours)
    selected = selected.astype(np.int64)
    chunks = np.array_split(selected, max(1, min(threads, len(selected))))

    def solve_part(chunk: Hours) -> Opened:
        return _Opening(scaled, opens, x, meters, weight).solve(chunk, progress)

    with ThreadPoolExecutor(len(chunks)) as pool:
        parts = list(pool.map(solve_part, chunks))
    return Opened(
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
        self.opens = np.full(scaled.fixed.shape, np.finfo(np.float64).max)
        finite = np.where(scaled.program.allowed, opens, np.finfo(np.float64).max)
        by_point = self.opens[:, : points * width].reshape(sources, points, width)
        by_point[:, :, :regions] = np.clip(finite, -1e300, None).transpose(0, 2, 1)
        self.opens[:, points * width] = -1e300
        self.static = np.zeros((len(meters), *scaled.fixed.shape))
        for m, meter in enumerate(meters):
            cells = self.static[m, :, : points * width].reshape(sources, points, width)
            cells[:, :, :regions] = meter.per_request.transpose(0, 2, 1)
            self.static[m, :, points * width] = np.nan_to_num(meter.per_unserved)
        self.static /= scaled.per_unit[None, :, None]
        self.bench = Bench(scaled)
        self.basis = Basis.empty(1, sources, scaled.rows)
        self.warm = False

    def solve(self, hours: Hours, progress: Callable[[int], None] | None) -> Opened:
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
        return Opened(total, np.concatenate([no_hours, *unsolved]), programs)

    def _block(self, hours: Hours, total: F8) -> tuple[NDArray[np.int64], int]:
        scaled, count = self.scaled, len(hours)
        sources, p = scaled.per_unit.shape[0], scaled.rows
        demand, price = scaled.demand(hours), scaled.price(hours)
        rates = np.zeros((count, len(self.meters), scaled.width))
        for m, meter in enumerate(self.meters):
            rates[:, m, : meter.per_kwh.shape[0]] = meter.per_kwh[:, hours].T
        largest = float(np.abs(scaled.fixed[scaled.fixed < BIG / 10]).max(initial=0.0))
        largest += float(np.abs(scaled.unit[:, :, ENERGY]).max(initial=0.0)) * float(
            np.abs(price).max(initial=0.0)
        )
        status = np.zeros(count, np.int64)
        size = (len(self.meters), len(self.x))
        solve: Any = walk_open
        programs = solve(
            scaled.kernel_program()._replace(fixed=np.empty_like(scaled.fixed)),
            price,
            demand,
            scaled.limits(hours, demand),
            self.bench.working,
            self.bench.scratch,
            Budgets(self.x, scaled.fixed, self.opens, _ENTERS * largest),
            self.basis.keys[0],
            self.basis.basics[0],
            HourlyOutput.room(1, sources, p),
            Sums(
                rates=rates,
                static=self.static,
                weight=np.ascontiguousarray(self.weight[hours]),
                of_program=np.zeros(size[0]),
                of_hour=np.zeros(size),
                total=total,
            ),
            status,
            self.warm,
            MAX_PIVOTS,
        )
        self.warm = True
        return status, int(programs)
