"""Starts from stored bases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from generate import make

from wattlas.placement.engine import solve_program


@pytest.mark.parametrize("seed", range(4))
def test_a_stored_basis_starts_another_program(seed: int) -> None:
    """Bases of one program start another with other masks and limits; the answer is its own."""
    program = make("plain", seed)
    kept = solve_program(program, keep_bases=True)
    rng = np.random.default_rng(seed)
    allowed = program.allowed & (rng.random(program.allowed.shape) < 0.7)
    other = replace(program, allowed=allowed, capacity=program.capacity * 0.8)
    hot = solve_program(other, start=kept.basis)
    cold = solve_program(other)
    np.testing.assert_array_equal(hot.status, cold.status)
    np.testing.assert_allclose(hot.objective, cold.objective, rtol=1e-10)


def test_a_basis_of_another_size_is_refused() -> None:
    """Indices that the program does not have never reach compiled code, which would not notice."""
    program = make("binding_rows", 2)
    kept = solve_program(program, keep_bases=True).basis
    points = replace(kept, keys=np.where(kept.keys >= 0, kept.keys + 99, kept.keys))
    slack = (kept.basics[..., 0] < 0)[..., None]
    sources = replace(kept, basics=np.where(slack, kept.basics, kept.basics + 99))
    rows = replace(kept, basics=np.where(slack, kept.basics + 99, kept.basics))
    for wrong in (points, sources, rows):
        assert slack.any()
        with pytest.raises(ValueError, match="does not have"):
            solve_program(program, start=wrong)
    with pytest.raises(ValueError, match="sources"):
        solve_program(program, start=replace(kept, keys=kept.keys[:, 1:]))
