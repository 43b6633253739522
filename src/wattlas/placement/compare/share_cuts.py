"""Rows of a program of shares: Σ coefficient · y ≤ bound, added as they are found broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wattlas.placement.problem.rows import Rows


@dataclass(frozen=True)
class Cut:
    """Σ coefficient · y ≤ bound of one row: `index` are positions in y, `name` tells the row."""

    name: str
    row: int
    step: int
    """Step of an hourly row; −1 for a limit over a window, −2 for what is bought."""
    side: int
    """1 for an upper bound, −1 for a lower one."""
    index: np.ndarray
    value: np.ndarray
    bound: float
    over: bytes = b""
    """The steps whose purchases it counts, where it is the slope of what is bought."""

    @property
    def key(self) -> tuple[str, int, int, int, bytes]:
        """What no other cut shares."""
        return self.name, self.row, self.step, self.side, self.over

    @property
    def size(self) -> float:
        """The largest figure of the row."""
        return max(float(np.abs(self.value).max(initial=0.0)), abs(self.bound)) or 1.0


def grid(cell: np.ndarray, weight: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Weights added up in the cells of a matrix."""
    return np.bincount(cell, weight, rows * columns).reshape(rows, columns)


def block(cuts: Sequence[Cut], slack: int | None = None) -> Rows:
    """Cuts as rows whose largest figure is 1; each less the column `slack`, where there is one."""
    scale = np.array([1.0 / cut.size for cut in cuts])
    index = [cut.index if slack is None else np.append(cut.index, slack) for cut in cuts]
    value = [
        cut.value * each if slack is None else np.append(cut.value * each, -1.0)
        for cut, each in zip(cuts, scale, strict=True)
    ]
    return Rows(
        "cuts",
        lower=np.full(len(cuts), -np.inf),
        upper=np.array([cut.bound for cut in cuts]) * scale,
        start=np.concatenate([[0], np.cumsum([len(each) for each in index])]),
        index=np.concatenate(index),
        value=np.concatenate(value),
    )
