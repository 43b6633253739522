"""Limits over windows: which hang together, and what is within one."""

from __future__ import annotations

import numpy as np
import pytest

from tests.placement.worlds import world
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.limit import EXACT, Limit, together, within
from wattlas.placement.problem.unit_values import carbon


def test_limits_hang_together_through_others() -> None:
    """Groups are the connected parts of a graph whose edges are common steps; in any order."""
    measure, draw = carbon(build_instance(world(0))), np.random.default_rng(0)
    chains = 0
    for _ in range(200):
        count = int(draw.integers(1, 7))
        steps = [np.unique(draw.integers(0, 12, int(draw.integers(1, 4)))) for _ in range(count)]
        limits = [Limit("cap", str(n), measure, 1.0, own) for n, own in enumerate(steps)]
        joined = np.array([[len(np.intersect1d(a, b)) > 0 for b in steps] for a in steps])
        reach = np.linalg.matrix_power(joined.astype(int), count) > 0
        wanted = {tuple(np.flatnonzero(row).tolist()) for row in reach}
        groups = together(limits)
        assert {tuple(sorted(group)) for group in groups} == wanted
        assert sorted(n for group in groups for n in group) == list(range(count))
        chains += bool((reach & ~joined).any())
    assert chains > 50


@pytest.mark.parametrize("limit", [-3.0, 0.0, 1e6])
def test_a_limit_from_both_sides(limit: float) -> None:
    """Rounding is within, twice as much is not."""
    size = EXACT * abs(limit)
    assert within(limit, limit)
    assert within(limit + 0.9 * size, limit)
    assert not within(limit + 2.1 * size + 1e-300, limit)
    assert within(limit - 1.0, limit)
