"""A window of levels as numbers: what is to be solved, what came of it, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wattlas.placement.window.simplex.bench import WindowBench

_SAME = 1e-9
"""What counts as equal, relative."""


@dataclass(frozen=True)
class LevelWindow:
    """Demand (H, S) in GPU-h/h, of sources in order of their model (S,); cost (H, S, R) per
    GPU-h/h, inf where closed; capacity (H, R), start_cost (H, M, R) per GPU-h/h started, and what
    runs before, (M, R), None: free. `offset` (H,) tells which hour is which in another window.
    """

    offset: np.ndarray
    model: np.ndarray
    demand: np.ndarray
    cost: np.ndarray
    capacity: np.ndarray
    start_cost: np.ndarray
    before: np.ndarray | None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Hours, sources, regions, models."""
        hours, sources, regions = self.cost.shape
        return hours, sources, regions, self.start_cost.shape[1]

    @cached_property
    def first(self) -> np.ndarray:
        """Where the sources of each model begin, (M + 1,)."""
        return np.searchsorted(self.model, np.arange(self.shape[3] + 1))

    @cached_property
    def _member(self) -> np.ndarray:
        """1 where a source runs a model, (M, S)."""
        return np.asarray(np.arange(self.shape[3])[:, None] == self.model, dtype=float)

    def levels(self, flow: np.ndarray) -> np.ndarray:
        """What runs of each model in each region, (H, M, R)."""
        return np.asarray(self._member @ flow)


@dataclass(frozen=True)
class KeptLevels:
    """A window that was solved, its basis in units of the first window of its kind.

    `units` are those of money and of GPU-h/h, and what right-hand sides are off by. `price` (n,) is
    what each row's slack costs while it is basic, its dual where it is not.
    """

    units: tuple[float, float, float]
    window: LevelWindow
    noise: tuple[np.ndarray, np.ndarray]
    level: np.ndarray
    noisy_level: np.ndarray
    key: np.ndarray
    slot: np.ndarray
    price: np.ndarray
    shift: np.ndarray
    top: np.ndarray
    weight: np.ndarray
    row_weight: np.ndarray
    benches: Mapping[int, WindowBench]

    def shared(self, window: LevelWindow) -> tuple[int, int]:
        """How many hours lie before a window, at least one, and how many both have; 0 where that is
        none, they do not follow each other alike, or are of other sources, regions or models."""
        old = self.window
        skipped = int(np.searchsorted(old.offset, window.offset[0]))
        count = min(len(old.offset) - skipped, len(window.offset))
        if skipped < 1 or count < 1 or window.shape[1:] != old.shape[1:]:
            return 0, 0
        alike = old.offset[skipped : skipped + count] == window.offset[:count]
        return (skipped, count) if alike.all() else (0, 0)

    def agrees(self, window: LevelWindow) -> bool:
        """Whether a window with hours of this one says of them what this one said."""
        (skipped, count), old = self.shared(window), self.window
        few = slice(skipped, skipped + count)
        return (
            window.before is not None
            and bool((window.model == old.model).all())
            and _same(window.demand[:count], old.demand[few])
            and _same(window.capacity[:count], old.capacity[few])
        )


@dataclass(frozen=True)
class LevelAnswer:
    """flow (H, S, R) in GPU-h/h, None where the last basis is not one of the plain program; the
    price of capacity (H, R), ≥ 0; how many pivots it took, and what to start the next one from."""

    flow: np.ndarray | None
    objective: float
    capacity_price: np.ndarray
    pivots: int
    kept: KeptLevels


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays are equal but for rounding."""
    return bool(np.allclose(a, b, rtol=_SAME, atol=0.0))
