"""The last window, to start the next one from: the same hours, and one or more behind them.

Windows that roll share most of their hours. The statuses of an hour's columns and rows are those
that it had in the last window. An hour that is new is first solved by itself, after what the last
window leaves running and from the statuses of the hour before it. Where what that window planned is
still the point of its basis, as it is where all came as forecast, the two together are a feasible
basis, and the primal simplex goes on from there: few prices change. Elsewhere the dual simplex
starts from the statuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wattlas.model.plan import Status
from wattlas.placement.hour import highs
from wattlas.placement.hour.highs import AT_LOWER, AT_UPPER, Lp, Statuses
from wattlas.placement.problem.lp import ColumnLayout
from wattlas.placement.problem.rows import Rows

KEY = "window"
"""Where the last window lies in a memory."""
KEPT = 1e-6
"""What a row may miss by, scaled: HiGHS makes good what is left."""


@dataclass(frozen=True)
class LastWindow:
    """A window that was solved: statuses and values by block of columns, and statuses by block of
    rows, each (hours, n)."""

    offset: np.ndarray
    columns: Mapping[str, np.ndarray]
    values: Mapping[str, np.ndarray]
    rows: Mapping[str, np.ndarray]

    @staticmethod
    def of(
        layout: ColumnLayout, blocks: Sequence[Rows], basis: Statuses, x: np.ndarray
    ) -> LastWindow:
        """A program's basis and its optimum, cut into hours; limits are one row of all hours."""
        hours = len(layout.hours)
        columns = {name: basis.columns[layout.column(name)] for name in _names(layout)}
        values = {name: x[layout.column(name)] for name in _names(layout)}
        rows, at = {}, 0
        for block in blocks:
            count = len(block.lower)
            part = basis.rows[at : at + count]
            rows[block.name] = part.reshape((hours, -1) if count % hours == 0 else (1, -1))
            at += count
        return LastWindow(offset_of(layout), columns, values, rows)

    def start(
        self, layout: ColumnLayout, blocks: Sequence[Rows]
    ) -> tuple[Statuses, np.ndarray] | None:
        """The basis to start a window from, and the values of its columns; None where it has other
        columns or rows by the hour. A new hour has those of the hour before it."""
        at = np.searchsorted(self.offset, offset_of(layout), side="right") - 1
        at, hours = np.maximum(at, 0), len(layout.hours)
        column, value = np.zeros(layout.columns, dtype=np.int8), np.zeros(layout.columns)
        for name in _names(layout):
            where = layout.column(name)
            if name not in self.columns or self.columns[name].shape[1] != where.shape[1]:
                return None
            column[where], value[where] = self.columns[name][at], self.values[name][at]
        rows = []
        for block in blocks:
            known = self.rows.get(block.name)
            if known is None:
                return None
            moved = known[at] if len(known) == len(self.offset) else known
            if moved.size != len(block.lower):
                return None
            rows.append(moved.ravel())
        return (Statuses(column, np.concatenate(rows)), value) if hours else None


@dataclass(frozen=True)
class Start:
    """Where a program is started from; `primal` where that is a feasible point."""

    basis: Statuses | None = None
    primal: bool = False


def start_of(
    memory: dict[str, Any] | None, layout: ColumnLayout, program: Lp, demand_scale: float
) -> Start:
    """Where the last window that a memory holds lets a program start; `program` is scaled."""
    last: LastWindow | Callable[[], LastWindow] | None = (memory or {}).get(KEY)
    last = last() if callable(last) else last
    begun = None if last is None else last.start(layout, program.rows)
    if last is None or begun is None:
        return Start()
    basis, value = begun
    value = value * demand_scale
    offset = offset_of(layout)
    by_hour = all(len(block.lower) % len(offset) == 0 for block in program.rows)
    new_hours = int((offset > last.offset[-1]).sum())
    if new_hours > 1 or not by_hour or not _is_of(basis, program, value, len(offset), new_hours):
        return Start(basis)
    return Start(basis, new_hours == 0 or _with_new_hour(layout, program, basis, value))


def _with_new_hour(layout: ColumnLayout, program: Lp, basis: Statuses, value: np.ndarray) -> bool:
    """Put the optimum of the last hour by itself, after the others as they are, into a start."""
    hours = len(layout.hours)
    columns = np.concatenate([layout.column(name)[-1] for name in _names(layout)])
    place = np.full(layout.columns, -1)
    place[columns] = np.arange(len(columns))
    rows, at, where = [], 0, []
    for block in program.rows:
        count = len(block.lower)
        first = count - count // hours
        rows.append(_of_hour(block, first, place, value))
        where.append(np.arange(at + first, at + count))
        at += count
    own_rows = np.concatenate(where)
    own = Lp(program.cost[columns], program.lower[columns], program.upper[columns], rows)
    start = Statuses(basis.columns[columns], basis.rows[own_rows])
    answer = highs.solve(own, start=start, keep_basis=True)
    if answer.status is not Status.OPTIMAL or answer.basis is None:
        return False
    value[columns] = answer.x
    basis.columns[columns] = answer.basis.columns
    basis.rows[own_rows] = answer.basis.rows
    return True


def _of_hour(block: Rows, first: int, place: np.ndarray, value: np.ndarray) -> Rows:
    """The rows from `first` on over some columns; the others are taken as they are."""
    begin = block.start[first]
    index, entry = block.index[begin:], block.value[begin:]
    row = np.repeat(np.arange(len(block.lower) - first), np.diff(block.start[first:]))
    own = place[index] >= 0
    fixed = np.bincount(row[~own], (entry * value[index])[~own], len(block.lower) - first)
    count = np.bincount(row[own], minlength=len(block.lower) - first)
    start = np.concatenate([[0], np.cumsum(count)])
    lower, upper = block.lower[first:] - fixed, block.upper[first:] - fixed
    return Rows(block.name, lower, upper, start, place[index[own]], entry[own])


def _is_of(basis: Statuses, program: Lp, value: np.ndarray, hours: int, new_hours: int) -> bool:
    """Whether a point is that of a basis in the rows of all hours but the new ones: they hold, and
    those that are at a bound in the basis are there. A point that is feasible and no more is a bad
    start: the primal simplex then took twice as long as the dual."""
    at = 0
    for block in program.rows:
        rows = len(block.lower)
        count = rows // hours * (hours - new_hours)
        end = block.start[count]
        row = np.repeat(np.arange(count), np.diff(block.start[: count + 1]))
        total = np.bincount(row, block.value[:end] * value[block.index[:end]], count)
        above, below = total - block.lower[:count], block.upper[:count] - total
        status = basis.rows[at : at + count]
        miss = np.maximum(-np.minimum(above, below), 0.0)
        miss = np.where(status == AT_LOWER, np.abs(above), miss)
        miss = np.where(status == AT_UPPER, np.abs(below), miss)
        if miss.max(initial=0.0) > KEPT:
            return False
        at += rows
    return True


def _names(layout: ColumnLayout) -> list[str]:
    return ["x", "o", *layout.blocks]


def offset_of(layout: ColumnLayout) -> np.ndarray:
    """When each hour of a layout begins, seconds."""
    hours = layout.instance.scenario.hours
    start = (hours.start - np.datetime64(0, "s")) // np.timedelta64(1, "s")
    return np.asarray(int(start) + hours.offset[layout.hours] * round(hours.step_h * 3600))
