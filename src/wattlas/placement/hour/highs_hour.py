"""One hour's program in HiGHS, hot from hour to hour; any rows, and columns that open later."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from wattlas.model.plan import SolveInfo, Status
from wattlas.placement.hour import highs
from wattlas.placement.hour.protocol import HourProblem, Solution, no_duals
from wattlas.placement.problem.flows import SourceFlows, join
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.lp import ColumnLayout, demand
from wattlas.placement.problem.rows import HourlyRows, Rows, repeated, stacked
from wattlas.placement.problem.unit_values import Measure

EQUAL = 1e-8
"""Scaled reduced costs and prices below this are none: of the most expensive place 1e-10."""
ENTERS = 1e-9
"""A closed column whose scaled reduced cost is below minus this would improve the optimum."""
DRIFT = 1e-11
"""What rows of order 100 may miss by before the hour is solved from a fresh factorisation."""


class Highs:
    """HiGHS, hour by hour."""

    name = "highs"

    def takes(self, problem: HourProblem, steps: np.ndarray) -> bool:
        """Any rows."""
        return True

    def solve(
        self, problem: HourProblem, steps: np.ndarray, memory: dict[str, Any] | None = None
    ) -> Solution:
        """Every step, optimal or infeasible: it leaves none."""
        worker, duals = HourProgram(problem), no_duals(problem.instance)
        parts, infeasible = [], []
        for t in steps:
            flows = worker.solve(int(t), duals)
            if flows is None:
                infeasible.append(int(t))
            else:
                parts.append(flows)
        info = SolveInfo(
            solver="",
            highs_hours=len(steps),
            programs=worker.programs,
            build_seconds=worker.build_seconds,
        )
        flows, none = join(parts), np.array(infeasible, dtype=np.int64)
        value = problem.measure.by_hour(problem.instance, flows)
        return Solution(flows, duals, none, info=info, value=value)


class HourProgram:
    """One hour's program in HiGHS; the next hour changes costs and bounds only.

    After the columns of the instance come those of the surplus of each row that has any, in units
    of the row's largest entry.
    """

    def __init__(self, problem: HourProblem) -> None:
        began = time.perf_counter()
        self.problem, self.instance = problem, problem.instance
        self.columns = self.instance.columns
        self.kept = {name: np.flatnonzero(r.bound()) for name, r in problem.rows.items()}
        self.solver: Any = highs.new_solver(tolerance=1e-10)
        blocks = self._blocks()
        self.size = self._size()
        largest = [block.largest(self.size) for block in blocks]
        blocks = self._with_bought(self._with_surplus(blocks, largest))
        largest = [
            block.largest(self.size) if block.name in self.on_bought else most
            for block, most in zip(blocks, largest, strict=True)
        ]
        factors = [1.0 / np.where(most > 0, most, 1.0) for most in largest]
        blocks = [b.times(f, self.size) for b, f in zip(blocks, factors, strict=True)]
        self.factor = np.concatenate(factors)
        n = len(self.size)
        self.index = np.arange(n, dtype=np.int32)
        self.zero, self.top = np.zeros(n), np.full(n, np.inf)
        highs.load(self.solver, highs.Lp(self.zero, self.zero, self.top, blocks))
        start, self.entry_column, self.entry = stacked(blocks)
        self.row_count = len(start) - 1
        self.entry_row = np.repeat(np.arange(self.row_count), np.diff(start))
        self.programs = 0
        self.build_seconds = time.perf_counter() - began

    def _blocks(self) -> list[Rows]:
        """The rows of the demand, and those of each constraint that bind in any hour."""
        layout = ColumnLayout(self.instance, np.array([0]))
        blocks = [demand(layout)]
        for name, rows in self.problem.rows.items():
            rank = np.full(rows.count, -1)
            rank[self.kept[name]] = np.arange(len(self.kept[name]))
            on = rank[rows.row] >= 0
            free = np.full((1, len(self.kept[name])), np.inf)
            column = layout.column("x")[:, rows.column[on]]
            blocks.append(repeated(name, rank[rows.row[on]], rows.value[on], column, -free, free))
        return blocks

    def _with_surplus(self, blocks: list[Rows], largest: list[np.ndarray]) -> list[Rows]:
        """The blocks with a column for the surplus of each row that has any; their sizes, too."""
        self.elastic: list[tuple[HourlyRows, np.ndarray, slice]] = []
        out = [blocks[0]]
        for block, rows, most in zip(blocks[1:], self.problem.rows.values(), largest[1:],
                                     strict=True):  # fmt: skip
            bounded, first = self.kept[rows.name], len(self.size)
            at = np.flatnonzero(np.isin(bounded, rows.elastic))
            if len(at):
                self.size = np.append(self.size, np.where(most[at] > 0, most[at], 1.0))
                places = slice(first, len(self.size))
                self.elastic.append((rows, bounded[at], places))
                block = _with_columns(block, at, np.arange(first, len(self.size)))
            out.append(block)
        return out

    def _with_bought(self, blocks: list[Rows]) -> list[Rows]:
        """The blocks with what is bought in the rows that count it."""
        self.on_bought = {n for n, rows in self.problem.rows.items() if rows.bought is not None}
        out = [blocks[0]]
        for block, rows in zip(blocks[1:], self.problem.rows.values(), strict=True):
            if rows.bought is not None:
                for _, regions, places in self.elastic:
                    part = rows.bought[np.ix_(self.kept[rows.name], regions)]
                    row, at = np.nonzero(part)
                    column = np.arange(places.start, places.stop)[at]
                    block = _with_columns(block, row, column, part[row, at])
            out.append(block)
        return out

    def _size(self) -> np.ndarray:
        """What a column counts in, relative to the largest source: the root of its demand.

        HiGHS's tolerances are absolute, and demands differ by orders. Counted in requests, little
        demand would be rounding; counted in demands, what it costs would be. The root shares the
        loss between both.
        """
        steps = np.maximum((self.instance.demand > 0).sum(axis=1), 1)
        typical = self.instance.demand.sum(axis=1) / steps
        relative = typical / max(float(typical.max(initial=0.0)), 1e-300)
        root = np.sqrt(np.where(relative > 0, relative, 1.0))
        return np.asarray(root[self.columns.source])

    def solve(self, t: int, duals: dict[str, np.ndarray]) -> SourceFlows | None:
        """Flows of step t, its duals written into `duals`; None where it is infeasible."""
        scale, demand_scale, answer = self._solve(t, self.problem.measure)
        if answer.status is Status.INFEASIBLE:
            return None
        self._write(answer.dual * self.factor / scale, t, duals)
        if self.problem.tie is not None:
            answer = self._among_equals(answer, self._units(self.problem.tie, t))
        x = (answer.x * self.size / demand_scale)[: len(self.columns)]
        return columns_to_flows(self.instance, x, t)

    def solve_open(self, t: int, closed: np.ndarray) -> tuple[SourceFlows | None, np.ndarray]:
        """Flows of step t with some columns held at zero, None where it is infeasible; and which of
        those would improve the optimum if they were open, bool (C,).
        """
        count = len(closed)
        upper = np.where(closed, 0.0, np.inf)
        self.solver.changeColsBounds(count, self.index[:count], self.zero[:count], upper)
        _, demand_scale, answer = self._solve(t, self.problem.measure)
        if answer.status is Status.INFEASIBLE:
            return None, np.zeros(len(closed), dtype=bool)
        # Among equals one that is closed may be better by the tie-breaker.
        least = -ENTERS if self.problem.tie is None else EQUAL
        enters = closed & (answer.reduced < least * self.size)[:count]
        if self.problem.tie is not None:
            answer = self._among_equals(answer, self._units(self.problem.tie, t), closed)
        x = (answer.x * self.size / demand_scale)[:count]
        return columns_to_flows(self.instance, x, t), enters

    def _solve(self, t: int, measure: Measure) -> tuple[float, float, highs.LpSolution]:
        units = self._units(measure, t)
        # What going unserved costs may be thousands of places: tolerances are for the places.
        served = float(np.abs(units[: len(self.columns)][self.columns.served]).max(initial=0.0))
        scale = 100.0 / (served or max(float(np.abs(units).max(initial=0.0)), 1e-300))
        demand_scale = 100.0 / (float(self.instance.demand[:, t].max(initial=0.0)) or 100.0)
        self._bound(t, demand_scale)
        return scale, demand_scale, self._run(units * self.size * scale)

    def _units(self, measure: Measure, t: int) -> np.ndarray:
        """Per request of each column, and per GPU-h of the surplus."""
        columns = self.columns
        units = measure.units(self.instance, t, columns.source, columns.region, columns.point)
        prices = [measure.per_on_demand[rows] for _, rows, _ in self.elastic]
        return np.concatenate([units, *prices])

    def _write(self, dual: np.ndarray, t: int, duals: dict[str, np.ndarray]) -> None:
        """The duals of one hour by constraint; those of the wrong sign are rounding."""
        at = self.instance.sources
        for name, rows in self.problem.rows.items():
            bounded = self.kept[name]
            price = dual[at : at + len(bounded)]
            price = np.where(np.isfinite(rows.lower[bounded, t]), price, np.minimum(price, 0.0))
            price = np.where(np.isfinite(rows.upper[bounded, t]), price, np.maximum(price, 0.0))
            duals[name][bounded, t] = price
            at += len(bounded)

    def _bound(self, t: int, scale: float) -> None:
        """This step's demand and the bounds of every row, scaled."""
        right = self.instance.demand[:, t]
        lower, upper = [right], [right]
        for name, rows in self.problem.rows.items():
            lower.append(rows.lower[self.kept[name], t])
            upper.append(rows.upper[self.kept[name], t])
        factor = scale * self.factor
        self.lower, self.upper = np.concatenate(lower) * factor, np.concatenate(upper) * factor
        index = np.arange(self.row_count, dtype=np.int32)
        self.solver.changeRowsBounds(self.row_count, index, self.lower, self.upper)
        for known, bounded, places in self.elastic:
            assert known.surplus is not None
            self.top[places] = known.surplus[bounded, t] * scale / self.size[places]
            count = places.stop - places.start
            self.solver.changeColsBounds(
                count, self.index[places], self.zero[places], self.top[places]
            )

    def _run(self, cost: np.ndarray) -> highs.LpSolution:
        self.programs += 1
        self.solver.changeColsCost(len(cost), self.index, cost)
        answer = highs.run(self.solver)
        if answer.status is Status.OPTIMAL and self._missed(answer.x) > DRIFT:
            answer = highs.run_from_basis(self.solver)
        if answer.status is not Status.OPTIMAL:
            self.solver.clearSolver()
            answer = highs.run(self.solver)
        return highs.checked(answer)

    def _missed(self, x: np.ndarray) -> float:
        """How far rows are from their bounds; HiGHS's own figures may hide it."""
        at = np.bincount(self.entry_row, self.entry * x[self.entry_column], self.row_count)
        short = np.maximum(self.lower - at, at - self.upper)
        return float(short.max(initial=0.0))

    def _among_equals(
        self, first: highs.LpSolution, tie: np.ndarray, closed: np.ndarray | None = None
    ) -> highs.LpSolution:
        """The best by `tie` on the optimal face: what has a reduced cost stays where it is."""
        idle = np.abs(first.reduced) > EQUAL * self.size
        if closed is not None:
            idle[: len(closed)] |= closed
        self.solver.changeColsBounds(
            len(idle), self.index, np.where(idle, first.x, 0.0), np.where(idle, first.x, self.top)
        )
        at = self.instance.sources
        full = np.abs((first.dual * self.factor)[at:]) > EQUAL
        index = (at + np.flatnonzero(full)).astype(np.int32)
        activity = np.asarray(self.solver.getSolution().row_value)[index]
        if len(index):
            self.solver.changeRowsBounds(len(index), index, activity, activity)
        weight = 100.0 / max(float(np.abs(tie).max(initial=0.0)), 1e-300)
        second = self._run(tie * self.size * weight)
        self.solver.changeColsBounds(len(idle), self.index, self.zero, self.top)
        return first if second.status is Status.INFEASIBLE else second


def _with_columns(
    block: Rows, row: np.ndarray, column: np.ndarray, value: np.ndarray | float = -1.0
) -> Rows:
    """A block with further entries in some rows, of −1 unless given."""
    end = block.start[row + 1]
    length = np.diff(block.start) + np.bincount(row, minlength=len(block.lower))
    start = np.concatenate([[0], np.cumsum(length)])
    index = np.insert(block.index, end, column)
    return replace(block, start=start, index=index, value=np.insert(block.value, end, value))


def columns_to_flows(instance: Instance, x: np.ndarray, t: int) -> SourceFlows:
    """One hour's columns that carry something, as flows."""
    return grid_to_flows(instance, x[None], np.array([t]))


def grid_to_flows(instance: Instance, x: np.ndarray, steps: np.ndarray) -> SourceFlows:
    """Columns (hours, C) of some steps that carry something, as flows.

    Rounding dust is dropped, and each source's flows are scaled to its demand exactly, which the
    solver meets within its tolerance only.
    """
    columns, demanded = instance.columns, instance.demand[:, steps].T
    hour, column = np.nonzero(x > 1e-11 * demanded[:, columns.source])
    source, value = columns.source[column], x[hour, column]
    cell = hour * demanded.shape[1] + source
    total = np.bincount(cell, value, demanded.size)
    value = value * (demanded.ravel()[cell] / total[cell])
    flows = SourceFlows(steps[hour], source, columns.region[column], columns.point[column], value)
    return flows.where(value > 0)
