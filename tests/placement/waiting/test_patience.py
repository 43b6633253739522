"""The compiled steps of the search: projections, by what makes a point the nearest one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.strategies import one_of
from wattlas.placement.engine.patience import descend
from wattlas.placement.problem.queue import Queue

COUNT = 7


def queue_of(arrived: list[int], patience: int) -> Queue:
    """One source whose requests may wait so many steps, to the end at most."""
    every = np.arange(len(arrived))
    due = np.minimum(every + patience, len(arrived) - 1)
    return Queue(np.array([0]), np.array([arrived], float), due[None])


@given(
    arrived=st.lists(st.integers(0, 5), min_size=1, max_size=COUNT),
    patience=st.integers(0, 4),
    wish=st.lists(st.floats(-6.0, 9.0), min_size=COUNT, max_size=COUNT),
    step=st.lists(one_of(1.0, 0.25, 3.0), min_size=COUNT, max_size=COUNT),
)
@examples(100)
def test_a_projection_is_the_nearest_point(
    arrived: list[int], patience: int, wish: list[float], step: list[float]
) -> None:
    """It is within the queue's bounds, and no point within is better along the slope there: for a
    linear price the best is each request in its cheapest step."""
    queue, count = queue_of(arrived, patience), len(arrived)
    at, weight = np.array(wish[:count]), np.array(step[:count])[None]
    run, after = at[None].copy(), np.zeros((1, count))
    flat = np.zeros((count, 1, 1))
    descend(
        np.zeros((count, 1)), flat, np.ones((count, 1)), run, weight, np.zeros(count), queue.low,
        queue.high, 1, np.zeros((count, 1)), after, np.zeros((6, 2 * count + 8)),
        np.zeros((1, count)), np.zeros((count, 1)),
    )  # fmt: skip
    done = np.cumsum(after, axis=1)
    assert (after >= 0).all()
    assert (done >= queue.low - 1e-9).all()
    assert (done <= queue.high + 1e-9).all()
    slope = (after - at) / weight
    best = float((queue.least(slope) * queue.arrived).sum())
    assert float((slope * after).sum()) <= best + 1e-7


@given(value=st.lists(st.floats(-3.0, 3.0), min_size=1, max_size=6))
@examples(100)
def test_weights_are_the_nearest_of_a_simplex(value: list[float]) -> None:
    """They sum to one, and what has weight is equally far from its wish, the rest no nearer."""
    cuts = len(value)
    weight = np.full((1, cuts), 1.0 / cuts)
    queue = queue_of([1], 0)
    descend(
        np.array([value]), np.zeros((1, cuts, 1)), weight, np.ones((1, 1)), np.ones((1, 1)),
        np.ones(1), queue.low, queue.high, 1, np.zeros((1, 1)), np.zeros((1, 1)),
        np.zeros((6, 10)), np.zeros((1, 1)), np.zeros((1, cuts)),
    )  # fmt: skip
    wish = 1.0 / cuts + np.array(value) - max(value)
    assert abs(weight.sum() - 1.0) <= 1e-12
    moved = weight[0] - wish
    level = moved[weight[0] > 0]
    np.testing.assert_allclose(level, level[0], atol=1e-12)
    assert (moved[weight[0] == 0] >= level[0] - 1e-12).all()
