"""The basis of a window, to start the next one from: the same hours, and one or more behind them.

Windows that roll share most of their hours. The statuses of an hour's columns and rows are those
that it had in the last window; an hour that is new has those of the hour before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wattlas.placement.hour.highs import Statuses
from wattlas.placement.problem.lp import Layout
from wattlas.placement.problem.rows import Rows

KEY = "window"
"""Where the last window lies in a memory."""


@dataclass(frozen=True)
class LastWindow:
    """Statuses of a window that was solved: by block of columns and of rows, each (hours, n)."""

    offset: np.ndarray
    columns: Mapping[str, np.ndarray]
    rows: Mapping[str, np.ndarray]

    @staticmethod
    def of(layout: Layout, blocks: Sequence[Rows], basis: Statuses) -> LastWindow:
        """The basis of a program, cut into hours; limits over all hours are one row of each."""
        hours = len(layout.hours)
        columns = {name: basis.columns[layout.column(name)] for name in _names(layout)}
        rows, at = {}, 0
        for block in blocks:
            count = len(block.lower)
            part = basis.rows[at : at + count]
            rows[block.name] = part.reshape((hours, -1) if count % hours == 0 else (1, -1))
            at += count
        return LastWindow(_offset(layout), columns, rows)

    def start(self, layout: Layout, blocks: Sequence[Rows]) -> Statuses | None:
        """The basis to start a window from; None where it has other columns or rows by the hour."""
        at = np.searchsorted(self.offset, _offset(layout), side="right") - 1
        at, hours = np.maximum(at, 0), len(layout.hours)
        column = np.zeros(layout.columns, dtype=np.int8)
        for name in _names(layout):
            where = layout.column(name)
            if name not in self.columns or self.columns[name].shape[1] != where.shape[1]:
                return None
            column[where] = self.columns[name][at]
        rows = []
        for block in blocks:
            known = self.rows.get(block.name)
            if known is None:
                return None
            moved = known[at] if len(known) == len(self.offset) else known
            if moved.size != len(block.lower):
                return None
            rows.append(moved.ravel())
        return Statuses(column, np.concatenate(rows)) if hours else None


def _names(layout: Layout) -> list[str]:
    return ["x", "o", *layout.blocks]


def _offset(layout: Layout) -> np.ndarray:
    hours = layout.instance.scenario.hours
    start = (hours.start - np.datetime64(0, "s")) // np.timedelta64(1, "s")
    return np.asarray(int(start) + hours.offset[layout.hours] * round(hours.step_h * 3600))


def start_of(memory: dict[str, Any] | None, layout: Layout, blocks: Sequence[Rows]) -> Any:
    """The basis that a memory has for a program, if any."""
    last = None if memory is None else memory.get(KEY)
    return None if last is None else last.start(layout, blocks)
