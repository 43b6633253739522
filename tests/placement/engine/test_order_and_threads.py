"""The answer does not depend on how the hours are walked."""

from __future__ import annotations

import numpy as np
import pytest
from generate import KINDS, make

from wattlas.placement.engine import HourlyProgram, is_compiled, solve_program, verify, warm_up

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
