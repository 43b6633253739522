"""A linear program by its columns: most of them are never looked at by the solver.

The program is solved over a few columns. Its duals price all the others; those with a negative
reduced cost enter, and the solver goes on from its basis. When none is left the optimum over the
few is the optimum over all.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wattlas.errors import SolverError
from wattlas.model.plan import Status
from wattlas.placement import highs

ENTERS = 1e-9
"""A column enters where its reduced cost is below minus this, the largest cost being 100."""
MOST_ROUNDS = 100


@dataclass(frozen=True)
class ByColumn:
    """A matrix in compressed columns: `start` (columns + 1), `row`, `value`."""

    start: np.ndarray
    row: np.ndarray
    value: np.ndarray

    @staticmethod
    def of(lp: highs.Lp) -> ByColumn:
        """The rows of a program, column by column."""
        start, index, value = highs.stack(lp.rows)
        row = np.repeat(np.arange(len(start) - 1), np.diff(start))
        order = np.argsort(index, kind="stable")
        count = np.bincount(index, minlength=len(lp.cost))
        return ByColumn(np.concatenate([[0], np.cumsum(count)]), row[order], value[order])

    def take(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(start of each, row, value) of some columns."""
        length = self.start[columns + 1] - self.start[columns]
        begin = np.concatenate([[0], np.cumsum(length)])
        at = np.repeat(self.start[columns] - begin[:-1], length) + np.arange(begin[-1])
        return begin[:-1], self.row[at], self.value[at]

    def times(self, dual: np.ndarray) -> np.ndarray:
        """Σ_rows dual · entry of every column."""
        column = np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))
        total: np.ndarray = np.bincount(
            column, dual[self.row] * self.value, minlength=len(self.start) - 1
        )
        return total


def solve_by_columns(
    lp: highs.Lp, first: np.ndarray, *, time_limit_s: float | None = None
) -> highs.Answer:
    """Solve a program that is feasible over its `first` columns (bool). Exact.

    Columns are at least zero and have no upper bound. Infeasible where it is over the first.
    Raises SolverError where the search does not end.
    """
    matrix = ByColumn.of(lp)
    solver = highs.new_solver(time_limit_s=time_limit_s)
    _rows(solver, lp)
    inside = first.copy()
    order = [np.flatnonzero(first)]
    _add(solver, lp, matrix, order[0])
    began = time.perf_counter()
    for _ in range(MOST_ROUNDS):
        answer = highs.checked(highs.run(solver))
        if answer.status is not Status.OPTIMAL:
            return _spread(answer, lp, matrix, order)
        reduced = lp.cost - matrix.times(answer.dual)
        entering = np.flatnonzero((reduced < -ENTERS) & ~inside)
        if not len(entering):
            full = _spread(answer, lp, matrix, order)
            return replace(full, seconds=time.perf_counter() - began)
        inside[entering] = True
        order.append(entering)
        _add(solver, lp, matrix, entering)
    raise SolverError("columns go on entering; please report the scenario")


def _rows(solver: Any, lp: highs.Lp) -> None:
    lower = np.concatenate([block.lower for block in lp.rows])
    upper = np.concatenate([block.upper for block in lp.rows])
    none, start = np.zeros(0, np.int32), np.zeros(len(lower), np.int32)
    solver.addRows(len(lower), lower, upper, 0, start, none, np.zeros(0))


def _add(solver: Any, lp: highs.Lp, matrix: ByColumn, columns: np.ndarray) -> None:
    start, row, value = matrix.take(columns)
    n = len(columns)
    solver.addCols(
        n, lp.cost[columns], np.zeros(n), np.full(n, np.inf), len(row),
        start.astype(np.int32), row.astype(np.int32), value,
    )  # fmt: skip


def _spread(
    answer: highs.Answer, lp: highs.Lp, matrix: ByColumn, order: list[np.ndarray]
) -> highs.Answer:
    """The answer over all columns: what was never looked at is zero."""
    if not len(answer.x):
        return answer
    x = np.zeros(len(lp.cost))
    x[np.concatenate(order)] = answer.x
    return replace(answer, x=x, reduced=lp.cost - matrix.times(answer.dual))
