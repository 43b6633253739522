"""The slope after a vertex, on curves whose slopes are known."""

from __future__ import annotations

import numpy as np
import pytest

from wattlas.placement.frontier.slope import PILOT, slope_after, warm_or_cold


class Units:
    """Convex falling curves, one per unit: edges of slopes (U, E), steepest first, of widths."""

    def __init__(self, units: int, seed: int, edges: int = 6) -> None:
        rng = np.random.default_rng(seed)
        self.slopes = np.sort(rng.exponential(10.0, (units, edges)), axis=1)[:, ::-1]
        self.widths = rng.uniform(0.1, 2.0, (units, edges))
        self.solved = 0

    def __call__(self, slope: float, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each unit goes along the edges that are steeper than the slope."""
        self.solved += len(units)
        taken = np.where(self.slopes[units] > slope, self.widths[units], 0.0)
        return 1.0 + taken.sum(axis=1), 500.0 - (taken * self.slopes[units]).sum(axis=1)

    def after(self, slope: float) -> float:
        """The steepest edge that is not taken at a slope."""
        return float(self.slopes[self.slopes <= slope].max(initial=0.0))


@pytest.mark.parametrize("units", [1, PILOT, PILOT + 1, 40 * PILOT])
@pytest.mark.parametrize("seed", range(5))
def test_steepest_edge_after_a_vertex(units: int, seed: int) -> None:
    """The slope after a vertex is the steepest of all units, computed one by one."""
    made, every = Units(units, seed), np.arange(units)
    high, low = 12.0, 3.0
    vertex, following = made(high, every), made(low, every)
    assert slope_after(vertex, following, made) == pytest.approx(made.after(high), rel=1e-9)


def test_nothing_moves() -> None:
    """Where nothing can move any more, the slope is zero."""
    made, every = Units(200, 0), np.arange(200)
    last = made(0.0, every)
    assert slope_after(last, last, made) == 0.0


def test_most_units_are_solved_once() -> None:
    """It takes each unit once, and at most a fifth of them again."""
    units = 100 * PILOT
    made, every = Units(units, 1), np.arange(units)
    vertex, following = made(12.0, every), made(3.0, every)
    made.solved = 0
    slope_after(vertex, following, made)
    assert made.solved < 1.2 * units


@pytest.mark.parametrize("wanted", [[0], [5], [3, 4, 5, 6, 7], [0, 1, 2, 9], list(range(12))])
def test_units_come_back_in_their_order(wanted: list[int]) -> None:
    """Of a stretch that is solved as a whole only what is asked for."""
    stretches = [np.arange(0, 3), np.arange(3, 9), np.arange(9, 12)]
    value = np.arange(12.0) ** 2
    whole: list[int] = []

    def warm(n: int) -> tuple[np.ndarray, np.ndarray]:
        whole.append(n)
        return value[stretches[n]], -value[stretches[n]]

    def cold(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return value[units], -value[units]

    units = np.array(wanted, dtype=np.int64)
    x, y = warm_or_cold(units, stretches, warm, cold)
    assert np.array_equal(x, value[units])
    assert np.array_equal(y, -value[units])
    assert (1 in whole) == (len({*wanted} & {*range(3, 9)}) >= 2)
