"""Slopes of utility curves against finite differences, also where a curve is nearly a line."""

from __future__ import annotations

import numpy as np
import pytest

from wattlas.tiers.curve import FLAT, slopes

Q = np.linspace(0.0, 1.0, 11)


@pytest.mark.parametrize("rho", [-15.0, -2.0, -1e-3, 0.0, 0.5, 3.0, 18.0])
def test_slopes_are_differences(rho: float) -> None:
    """∂u/∂q, ∂u/∂ρ and the mixed one are what small steps make of u."""
    h = 1e-5
    at, ahead, back = slopes(Q, rho), slopes(Q, rho + h), slopes(Q, rho - h)
    np.testing.assert_allclose(at.by_curvature, (ahead.u - back.u) / (2 * h), atol=1e-6)
    np.testing.assert_allclose(at.by_both, (ahead.by_score - back.by_score) / (2 * h), atol=1e-5)
    up, down = slopes(Q + h, rho), slopes(Q - h, rho)
    np.testing.assert_allclose(at.by_score, (up.u - down.u) / (2 * h), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_series_meets_the_formula(sign: float) -> None:
    """Just below and just above the ρ at which the series ends both say the same."""
    below, above = slopes(Q, 0.999 * sign * FLAT), slopes(Q, 1.001 * sign * FLAT)
    for name in ("u", "by_score", "by_curvature", "by_both"):
        np.testing.assert_allclose(getattr(below, name), getattr(above, name), atol=1e-7)


def test_slopes_at_the_ends() -> None:
    """Whatever the curvature, u runs from 0 to 1, and bending moves neither end."""
    for rho in (-3.0, 0.0, 4.0):
        ends = slopes(np.array([0.0, 1.0]), rho)
        np.testing.assert_allclose(ends.u, [0.0, 1.0], atol=1e-15)
        np.testing.assert_allclose(ends.by_curvature, [0.0, 0.0], atol=1e-15)
