"""What coefficients say: taste in the terms of section 7, and what users would pay.

With S = b_a + b_l + b_al and T = S + b_c:  θ = b_c/T, k_a = b_a/S, k_l = b_l/S, W = T/b_p,
μ = 1/b_p, v_0 = b_0/b_p. Standard errors by the delta method, √(gᵀ·C·g) with g the gradient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wattlas.model.users import Scale
from wattlas.tiers.choices import ACCURACY, BOTH, CARBON, LATENCY, OUTSIDE, PRICE, Tasks
from wattlas.tiers.curve import slopes
from wattlas.tiers.estimate import CURVATURE, Coefficients
from wattlas.tiers.utility import PerceivedPoints, accuracy_score, latency_score

NORMAL_975 = 1.959963984540054
STEP_ACCURACY = 0.01
STEP_MS = 100.0
USD = "USD/request"
SHARE = "0..1"
"""The unit of what is a part of a whole."""
QUALITY, WHOLE = "quality", "quality and carbon"


@dataclass(frozen=True)
class Estimate:
    """A figure of a segment with its standard error; the interval is ±1.96 of it."""

    segment: str
    parameter: str
    value: float
    standard_error: float
    unit: str

    @property
    def z(self) -> float:
        """The value over its standard error."""
        return self.value / self.standard_error if self.standard_error else float("nan")

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.value - NORMAL_975 * self.standard_error

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + NORMAL_975 * self.standard_error


@dataclass(frozen=True)
class WithGradient:
    """A value and its gradient by the coefficients, (K,)."""

    value: float
    gradient: np.ndarray

    def __add__(self, other: WithGradient) -> WithGradient:
        return WithGradient(self.value + other.value, self.gradient + other.gradient)

    def __mul__(self, other: WithGradient) -> WithGradient:
        slope = self.value * other.gradient + other.value * self.gradient
        return WithGradient(self.value * other.value, slope)

    def __truediv__(self, other: WithGradient) -> WithGradient:
        value = self.value / other.value
        return WithGradient(value, (self.gradient - value * other.gradient) / other.value)

    def times(self, factor: float) -> WithGradient:
        """The quantity in another unit."""
        return WithGradient(factor * self.value, factor * self.gradient)


def divisors(coefficients: Coefficients) -> dict[str, tuple[WithGradient, str]]:
    """b_p, S and T: what figures are divided by, each above 0 where they mean something."""
    b_a, b_l, b_al, b_c, b_p = (
        _coefficient(coefficients, n) for n in (ACCURACY, LATENCY, BOTH, CARBON, PRICE)
    )
    quality = b_a + b_l + b_al
    return {PRICE: (b_p, "per USD"), QUALITY: (quality, "1"), WHOLE: (quality + b_c, "1")}


def taste(coefficients: Coefficients) -> dict[str, tuple[WithGradient, str]]:
    """θ, k_a, k_l, ρ where it was estimated, W, μ and v_0 where there is one, with their units."""
    b_a, b_l, b_c = (_coefficient(coefficients, n) for n in (ACCURACY, LATENCY, CARBON))
    (b_p, _), (quality, _), (whole, _) = divisors(coefficients).values()
    unity = WithGradient(1.0, np.zeros(len(coefficients.values)))
    quantities = {
        "consciousness": (b_c / whole, SHARE),
        "weight_accuracy": (b_a / quality, SHARE),
        "weight_latency": (b_l / quality, SHARE),
    }
    if CURVATURE in coefficients.names:
        quantities["curvature"] = (_coefficient(coefficients, CURVATURE), "1")
    quantities["usd_per_utility"] = (whole / b_p, USD)
    quantities["scale_usd"] = (unity / b_p, USD)
    if OUTSIDE in coefficients.names:
        quantities["outside_usd"] = (_coefficient(coefficients, OUTSIDE) / b_p, USD)
    return quantities


def willingness(
    coefficients: Coefficients, tasks: Tasks, scale: Scale
) -> dict[str, tuple[WithGradient, str]]:
    """What is paid for 0.01 of accuracy, 100 ms less and a gram less, USD per request.

    The slope of V at the mean accuracy and latency of what was offered, over that of money:

        (b_a + b_al·u_l)·u_a′/(a_max − a_min)/b_p,  likewise latency,  b_c/c_ref/b_p
    """
    b_a, b_l, b_al, b_c, b_p = (
        _coefficient(coefficients, n) for n in (ACCURACY, LATENCY, BOTH, CARBON, PRICE)
    )
    (u_a, slope_a), (u_l, slope_l) = _at_mean(coefficients, tasks, scale)
    accuracy = (b_a + b_al * u_l) * slope_a / b_p
    latency = (b_l + b_al * u_a) * slope_l / b_p
    per_accuracy = STEP_ACCURACY / (scale.accuracy_max - scale.accuracy_min)
    per_ms = STEP_MS / (scale.latency_max_ms - scale.latency_min_ms)
    return {
        f"{STEP_ACCURACY:g} more accuracy": (accuracy.times(per_accuracy), USD),
        f"{STEP_MS:g} ms less latency": (latency.times(per_ms), USD),
        "1 g less carbon": ((b_c / b_p).times(1.0 / scale.reference_g), USD),
    }


def estimates(
    segment: str, quantities: dict[str, tuple[WithGradient, str]], covariance: np.ndarray
) -> Iterator[Estimate]:
    """Quantities with their standard errors for a covariance of the coefficients, (K, K)."""
    for name, (quantity, unit) in quantities.items():
        variance = float(quantity.gradient @ covariance @ quantity.gradient)
        yield Estimate(segment, name, quantity.value, max(variance, 0.0) ** 0.5, unit)


def _coefficient(coefficients: Coefficients, name: str) -> WithGradient:
    """A coefficient as a quantity; 0 for one that there is not."""
    gradient = np.zeros(len(coefficients.values))
    if name not in coefficients.names:
        return WithGradient(0.0, gradient)
    at = coefficients.names.index(name)
    gradient[at] = 1.0
    return WithGradient(float(coefficients.values[at]), gradient)


def _at_mean(
    coefficients: Coefficients, tasks: Tasks, scale: Scale
) -> tuple[tuple[WithGradient, WithGradient], tuple[WithGradient, WithGradient]]:
    """u and ∂u/∂q of accuracy and of latency at the mean of what was offered."""
    means = [np.array([v[tasks.offered].mean()]) for v in (tasks.accuracy, tasks.latency_ms)]
    points = PerceivedPoints(means[0], means[1], np.zeros(1))
    bent = _coefficient(coefficients, CURVATURE).gradient

    def felt(score: np.ndarray) -> tuple[WithGradient, WithGradient]:
        at = slopes(score, coefficients.curvature)
        u = WithGradient(at.u.item(), at.by_curvature.item() * bent)
        return u, WithGradient(at.by_score.item(), at.by_both.item() * bent)

    return felt(accuracy_score(points, scale)), felt(latency_score(points, scale))
