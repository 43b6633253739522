"""The curve of a score, u(q) = (1 − e^{−ρq})/(1 − e^{−ρ}), and its slopes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.tiers.utility import curved

FLAT = 1e-5
"""Below this |ρ| slopes are told by their series, whose next term is ρ²/360 at most."""


@dataclass(frozen=True)
class Slopes:
    """u and its derivatives ∂u/∂q, ∂u/∂ρ and ∂²u/∂q∂ρ, each as the scores."""

    u: np.ndarray
    by_score: np.ndarray
    by_curvature: np.ndarray
    by_both: np.ndarray


def slopes(score: np.ndarray, curvature: float) -> Slopes:
    """The curve at some scores 0..1, of any shape, for a curvature ρ.

    With D = 1 − e^{−ρ}:  ∂u/∂q = ρe^{−ρq}/D,  ∂u/∂ρ = (q·e^{−ρq} − u·e^{−ρ})/D.
    """
    q, rho = np.asarray(score, dtype=float), curvature
    u = curved(q.ravel(), np.array([rho]))[0].reshape(q.shape)
    if abs(rho) < FLAT:
        return Slopes(
            u,
            1.0 + rho * (0.5 - q),
            q * (1.0 - q) * (0.5 + rho * (1.0 - 2.0 * q) / 6.0),
            0.5 - q + rho * (1.0 - 6.0 * q + 6.0 * q * q) / 6.0,
        )
    whole, falling, last = -np.expm1(-rho), np.exp(-rho * q), np.exp(-rho)
    by_score = rho * falling / whole
    return Slopes(
        u,
        by_score,
        (q * falling - u * last) / whole,
        ((1.0 - rho * q) * falling - by_score * last) / whole,
    )
