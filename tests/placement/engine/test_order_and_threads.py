"""The answer does not depend on how the hours are walked."""

from __future__ import annotations

import numpy as np
import pytest
from generate import KINDS, make

from wattlas.placement.engine import (
    HourlyProgram,
    is_compiled,
    solve,
    solve_program,
    verify,
    warm_up,
)
from wattlas.placement.engine.opening import Meter, _Opening, solve_opening

HOURS = 24


@pytest.mark.parametrize("kind", KINDS)
def test_any_order_chunking_and_thread_count_gives_the_same_objective(kind: str) -> None:
    """Forward, backward, shuffled, one by one, on one to five threads: the same to 1e-10."""
    program = make(kind, 77, HOURS)
    whole = solve_program(program)
    size = np.nanmax(np.abs(whole.objective)) if (whole.status == 0).any() else 1.0
    ways = [np.arange(HOURS)[::-1], np.random.default_rng(1).permutation(HOURS)]
    for order in ways:
        other = solve_program(program, order)
        np.testing.assert_array_equal(other.status, whole.status[order])
        np.testing.assert_allclose(
            other.objective, whole.objective[order], rtol=1e-10, atol=1e-12 * size
        )
    for threads in (2, 5):
        other = solve_program(program, threads=threads)
        np.testing.assert_array_equal(other.hours, whole.hours)
        np.testing.assert_allclose(other.objective, whole.objective, rtol=1e-10, atol=1e-12 * size)
    for t in range(0, HOURS, 5):
        alone = solve_program(program, [t])
        np.testing.assert_allclose(
            alone.objective[0], whole.objective[t], rtol=1e-10, atol=1e-12 * size
        )


@pytest.mark.parametrize("kind", KINDS)
def test_any_blocks_of_hours_give_the_same(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours of a placement and sums over budgets, with every hour in one call or a few at a time;
    what is done is told hour by hour."""
    program = make(kind, 77, HOURS)
    sources, regions, points, _, _ = program.sizes
    draw = np.random.default_rng(3)
    opens = draw.integers(0, 5, (sources, regions, points)).astype(float)
    weight, x = draw.uniform(1.0, 2.0, HOURS), np.array([1.0, 2.0, 4.0])
    count = Meter(np.zeros((regions, HOURS)), np.ones(opens.shape), np.ones(sources))
    whole, summed = solve_program(program), solve_opening(program, opens, x, [count], weight)
    monkeypatch.setattr(solve, "_BLOCK", 5)
    monkeypatch.setattr(_Opening, "block", 5)
    few, done = solve_program(program), list[int]()
    parts = solve_opening(program, opens, x, [count], weight, progress=done.append)
    np.testing.assert_array_equal(few.hours, whole.hours)
    np.testing.assert_allclose(few.objective, whole.objective, rtol=1e-10)
    assert done == [5, 5, 5, 5, 4]
    assert parts.left.tolist() == summed.left.tolist()
    np.testing.assert_allclose(parts.total, summed.total, rtol=1e-10)
    served = np.setdiff1d(np.arange(HOURS), summed.left)
    demand = program.demand[:, served].sum(axis=0) @ weight[served]
    np.testing.assert_allclose(summed.total, demand, rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_hours_are_rarely_given_up(kind: str) -> None:
    """No hour of the random programs is left to another solver."""
    assert not any((solve_program(make(kind, seed)).status == 2).any() for seed in range(30, 45))


def test_a_free_world_needs_no_pivots() -> None:
    """Where every region is free, the cheapest column of each source is the answer at once."""
    program = make("plain", 9)
    capacity = np.full_like(program.capacity, np.inf)
    free = HourlyProgram(**{**vars(program), "capacity": capacity})
    answer = solve_program(free)
    assert answer.pivots == 0
    assert (answer.capacity_dual == 0).all()
    assert verify(free, answer).worst <= 1e-12


def test_it_says_whether_it_is_compiled() -> None:
    """After a warm-up the engine is compiled, and a second one has nothing to say."""
    warm_up()
    said: list[str] = []
    assert is_compiled()
    assert warm_up(said.append) is False
    assert said == []


def test_wrong_shapes_are_named() -> None:
    """A program whose arrays do not fit together names the array and both shapes."""
    program = make("plain", 0)
    with pytest.raises(ValueError, match=r"gpu_h has shape .* want"):
        HourlyProgram(**{**vars(program), "gpu_h": np.ones((1, 99))})


def test_negative_demand_is_refused() -> None:
    """Demand below zero is not a program."""
    program = make("plain", 0)
    with pytest.raises(ValueError, match="demand"):
        HourlyProgram(**{**vars(program), "demand": program.demand - 1e9})
