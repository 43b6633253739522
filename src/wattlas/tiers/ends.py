"""Taste outside of 0..1: refused where the choices say so, else held at the end and fitted anew.

θ, k_a and k_l are parts of a whole. One that comes out beyond an end by more than its standard
error explains is a taste for the worse, and no population has it. One that cannot be told from the
end is put there by a restriction on the coefficients, and all others are maximised again:

    θ = 0: b_c = 0    k_a = 0: b_a = 0    k_a = 1: b_l + b_al = 0    k_l = 0, 1: likewise
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from wattlas.errors import Problem
from wattlas.model.users import Scale
from wattlas.tiers.choices import ACCURACY, BOTH, CARBON, LATENCY, Tasks, term_values
from wattlas.tiers.estimate import Coefficients
from wattlas.tiers.logit import logit
from wattlas.tiers.worth import NORMAL_975, SHARE, Estimate, estimates, taste

THETA, K_A, K_L = "consciousness", "weight_accuracy", "weight_latency"
SYMBOL = {THETA: "θ", K_A: "k_a", K_L: "k_l"}
ROUNDING = 1e-9
RESTRICTED = {
    (THETA, 0): (CARBON,),
    (K_A, 0): (ACCURACY,),
    (K_A, 1): (LATENCY, BOTH),
    (K_L, 0): (LATENCY,),
    (K_L, 1): (ACCURACY, BOTH),
}
"""The coefficients whose sum is 0 at an end. θ = 1 is not among them: quality has some worth."""
QUALITY_TERMS = (ACCURACY, LATENCY, BOTH)
_QUALITY_FIX = (
    "Look for exchanged columns or a wrong sign (accuracy is better higher, latency_ms lower)."
)
_CARBON_FIX = "Look for a wrong sign of carbon_g, or for a quality that is not in the table."
PREFERRED = {
    (THETA, 0): ("carbon_g", "dirtier alternatives are preferred", _CARBON_FIX),
    (K_A, 0): ("accuracy", "where latency is worst, less accuracy is preferred", _QUALITY_FIX),
    (K_A, 1): ("latency_ms", "where accuracy is best, more latency is preferred", _QUALITY_FIX),
    (K_L, 0): ("latency_ms", "where accuracy is worst, more latency is preferred", _QUALITY_FIX),
    (K_L, 1): ("accuracy", "where latency is best, less accuracy is preferred", _QUALITY_FIX),
}
"""Parameter and end → the column, what lies beyond that end, and what to look for."""

End = tuple[str, int]


def beyond(figures: Sequence[Estimate]) -> Iterator[tuple[End, Estimate]]:
    """The parts of a whole that lie outside of 0..1, with the end that they are beyond."""
    for figure in figures:
        if figure.unit == SHARE and not -ROUNDING <= figure.value <= 1.0 + ROUNDING:
            yield (figure.parameter, int(figure.value > 0.5)), figure


def wrong_signs(figures: Sequence[Estimate], *, additive: bool = False) -> Iterator[Problem]:
    """Tastes for the worse: beyond an end by more than 1.96 standard errors.

    Where weights are `additive` k_a < 0 and k_l > 1 are one thing, and are told once.
    """
    for end, figure in beyond(figures):
        name, at = end
        if abs(figure.value - at) <= NORMAL_975 * figure.standard_error or (additive and at == 1):
            continue
        column, preferred, fix = PREFERRED[end]
        preferred = preferred.split(", ")[-1] if additive else preferred
        side = "above 1" if at else "below 0"
        what = (
            f"{name} ({SYMBOL[name]}) comes out at {figure.value:.3g} ± "
            f"{figure.standard_error:.2g}, {side}: {preferred}"
        )
        yield Problem(column, what, fix)


def held(
    tasks: Tasks, scale: Scale, coefficients: Coefficients, *, additive: bool = False
) -> Coefficients | None:
    """The likeliest coefficients with θ, k_a and k_l in 0..1; None where they are there already.

    ρ stays as it is. What a first restriction drives out of 0..1 is held as well.
    """
    ends: list[End] = []
    current = coefficients
    for _ in RESTRICTED:
        figures = tuple(estimates("", taste(current), current.covariance))
        outside = [end for end, _ in beyond(figures)]
        if not outside:
            break
        ends += outside
        current = _restricted(tasks, scale, coefficients.curvature, ends, additive)
    return current if ends else None


def _restricted(
    tasks: Tasks, scale: Scale, curvature: float, ends: Sequence[End], additive: bool
) -> Coefficients:
    design = term_values(tasks, scale, curvature, additive=additive)
    free = _free(design.names, ends)
    maximum = logit(design.values @ free, tasks.there)
    covariance = free @ maximum.covariance @ free.T
    values = free @ maximum.coefficients
    return Coefficients(design.names, values, covariance, None, curvature, maximum.loglik)


def _free(names: Sequence[str], ends: Sequence[End]) -> np.ndarray:
    """Directions (K, F) of coefficients along which every restriction holds."""
    quality = [names.index(name) for name in QUALITY_TERMS if name in names]
    rows = [[float(names[k] in RESTRICTED[end]) for k in quality] for end in ends]
    _, size, axes = np.linalg.svd(np.array(rows))
    axes = axes[int((size > ROUNDING).sum()) :].T
    dropped = {*quality, *([names.index(CARBON)] if (THETA, 0) in ends else [])}
    others = [k for k in range(len(names)) if k not in dropped]
    free = np.zeros((len(names), axes.shape[1] + len(others)))
    free[quality, : axes.shape[1]] = axes
    free[others, range(axes.shape[1], free.shape[1])] = 1.0
    return free
