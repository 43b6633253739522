"""Room for a window of some size: allocated once, the kernels allocate nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from wattlas.placement.window.simplex.state import (
    Factors,
    LevelProgram,
    Order,
    Sparse,
    WindowBasis,
    Work,
)

_ETAS = 154
"""As many as there can be between factorisations: those of columns that depend on others, and two
for the last pivot."""
_MOST_TO_MEND = 200
"""Pivots after which a basis is not mended: one or none is usual."""
_ENTRIES = 24
"""Entries of L and of U that there is room for, by row: 2 and 3 in the world of the benchmark."""


class WindowBench:
    """The arrays of a window of `hours` hours, and its basis."""

    def __init__(self, hours: int, sources: int, regions: int, models: int) -> None:
        rows = hours * regions * (1 + models)
        self.shape = (hours, sources, regions, models)
        self.basis = _basis(rows, *self.shape)
        self.factors = _factors(rows, regions)
        self.work = _work(rows, *self.shape)

    def solve(self, window: LevelProgram, most: int) -> int:
        """Solve from the basis at hand; how it ended."""
        return self._run(window, most, False)

    def mend(self, window: LevelProgram) -> None:
        """Bring the optimal basis at hand to the right-hand sides of another window."""
        self._run(window, _MOST_TO_MEND, True)

    def _run(self, window: LevelProgram, most: int, mends: bool) -> int:
        from wattlas.placement.window.simplex.both import run_window

        ended: int = run_window(window, self.basis, self.factors, self.work, most, mends)
        return ended


def _basis(rows: int, hours: int, sources: int, regions: int, models: int) -> WindowBasis:
    n = hours * sources
    return WindowBasis(
        key=np.zeros(n, np.uint32),
        key_value=np.zeros(n),
        slot=-1 - np.arange(rows),
        value=np.zeros(rows),
        place=np.full(n * regions, -1, np.int32),
        price=np.zeros(rows),
        shift=np.zeros(rows),
        dual=np.zeros(rows),
        level_price=np.zeros((hours, models, regions)),
        weight=np.ones((hours, sources, regions)),
        row_weight=np.ones(rows),
    )


def _sparse(vectors: int, room: int) -> Sparse:
    return Sparse(np.zeros(vectors + 1, np.uint32), np.empty(room, np.uint32), np.empty(room))


def _factors(rows: int, regions: int) -> Factors:
    room = (_ENTRIES + 1) * rows
    return Factors(
        pivot_row=np.zeros(rows, np.uint32),
        diagonal=np.zeros(rows),
        lower=_sparse(rows, room),
        upper=_sparse(rows, room),
        lower_row=_sparse(rows, room),
        upper_row=_sparse(rows, room),
        free_row=np.zeros(rows, np.uint32),
        lower_order=np.zeros(rows, np.uint32),
        eta_kind=np.zeros(_ETAS, np.int64),
        eta_slot=np.zeros(_ETAS, np.uint32),
        eta=_sparse(_ETAS, _ETAS * (rows + regions)),
        eta_row=np.zeros((rows, _ETAS)),
        eta_sum=np.zeros(_ETAS),
    )


def _order(rows: int) -> Order:
    def ints(count: int = rows + 1, kind: type = np.uint32) -> Any:
        return np.zeros(count, kind)

    return Order(
        column=ints(),
        matrix=_sparse(rows, 6 * rows),
        row_start=ints(),
        row_column=ints(6 * rows),
        left_in_row=ints(),
        left_in_column=ints(),
        order=ints(),
        pivot=ints(kind=np.int64),
        stack=ints(7 * rows + 1),
        done_row=np.zeros(rows, np.bool_),
        done_column=np.zeros(rows, np.bool_),
        position=ints(kind=np.int64),
        mark=ints(kind=np.int64),
        reach=ints(),
        pointer=ints(),
    )


def _work(rows: int, hours: int, sources: int, regions: int, models: int) -> Work:
    groups = hours * (models + 1)
    breaks = rows + hours * sources + 1
    return Work(
        counters=np.zeros(12, np.int64),
        entering=np.zeros(6),
        vec=np.zeros((4, rows)),
        best=np.zeros(groups),
        best_id=np.zeros(groups, np.int64),
        stale=np.ones(groups, np.bool_),
        tight=np.zeros(rows, np.bool_),
        entry_row=np.zeros(6, np.uint32),
        entry=np.zeros(6),
        block=np.zeros(regions),
        nonzero=np.zeros(rows + 1, np.uint32),
        owner=np.zeros(hours * sources, np.uint32),
        rate=np.zeros(hours * sources),
        moving=np.zeros(hours * sources, np.bool_),
        breaks=np.zeros((3, breaks)),
        breaker=np.zeros(breaks, np.int64),
        used=np.zeros(breaks, np.bool_),
        passed=np.zeros(rows, np.uint32),
        order=_order(rows),
    )
