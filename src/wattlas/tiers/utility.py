"""What users feel about accuracy, latency and carbon.

Section 7 of the model, after Siris et al. 2026, in our reading. Everything is vectorised: users run
along the first axis, operating points along the second.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from wattlas.model.users import Scale


@dataclass(frozen=True)
class PerceivedPoints:
    """Points as users meet them: accuracy 0..1, latency_ms, carbon_g per request; (O,)."""

    accuracy: np.ndarray
    latency_ms: np.ndarray
    carbon_g: np.ndarray


@dataclass(frozen=True)
class Taste:
    """Types of users, arrays (N,): θ, k_a, k_l 0..1, ρ any, W USD per unit of utility."""

    consciousness: np.ndarray
    weight_accuracy: np.ndarray
    weight_latency: np.ndarray
    curvature: np.ndarray
    usd_per_utility: np.ndarray

    def take(self, index: np.ndarray) -> Taste:
        """Some of the types."""
        return Taste(*(getattr(self, field.name)[index] for field in fields(self)))


LATEST = 2.0
"""What is this many times the budget counts as worst."""


def default_scale(budget_ms: float, reference_g: float) -> Scale:
    """Accuracy from 0 to 1, latency from 0 to twice the budget, c_ref as given.

    Neither end depends on what is on the menu, so that a further point changes no ranking.
    """
    return Scale(0.0, 1.0, 0.0, LATEST * budget_ms, reference_g)


def accuracy_score(points: PerceivedPoints, scale: Scale) -> np.ndarray:
    """q_a = (a − a_min)/(a_max − a_min), clipped to 0..1; (O,)."""
    score: np.ndarray = (points.accuracy - scale.accuracy_min) / (
        scale.accuracy_max - scale.accuracy_min
    )
    clipped: np.ndarray = np.clip(score, 0.0, 1.0)
    return clipped


def latency_score(points: PerceivedPoints, scale: Scale) -> np.ndarray:
    """q_l = (l_max − l)/(l_max − l_min), clipped to 0..1; (O,)."""
    score: np.ndarray = (scale.latency_max_ms - points.latency_ms) / (
        scale.latency_max_ms - scale.latency_min_ms
    )
    clipped: np.ndarray = np.clip(score, 0.0, 1.0)
    return clipped


def curved(score: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """u(q) = (1 − e^{−ρq})/(1 − e^{−ρ}), q itself at ρ = 0; (N, O)."""
    rho = np.asarray(curvature, dtype=float)[:, None]
    flat = np.abs(rho) < 1e-8
    safe = np.where(flat, 1.0, rho)
    bent = np.expm1(-safe * score[None]) / np.expm1(-safe)
    felt: np.ndarray = np.where(flat, score[None], bent)
    return felt


def quality(points: PerceivedPoints, taste: Taste, scale: Scale) -> np.ndarray:
    """Q = k_a·u_a + k_l·u_l + (1 − k_a − k_l)·u_a·u_l, Keeney and Raiffa; (N, O)."""
    u_a = curved(accuracy_score(points, scale), taste.curvature)
    u_l = curved(latency_score(points, scale), taste.curvature)
    k_a, k_l = taste.weight_accuracy[:, None], taste.weight_latency[:, None]
    value: np.ndarray = k_a * u_a + k_l * u_l + (1.0 - k_a - k_l) * u_a * u_l
    return value


def utility(points: PerceivedPoints, taste: Taste, scale: Scale) -> np.ndarray:
    """U = (1 − θ)·Q + θ·(1 − c/c_ref); (N, O)."""
    theta = taste.consciousness[:, None]
    green = 1.0 - points.carbon_g / scale.reference_g
    value: np.ndarray = (1.0 - theta) * quality(points, taste, scale) + theta * green[None]
    return value
