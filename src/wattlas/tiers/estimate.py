"""The coefficients of a choice experiment, at a given curvature or with the curvature among them.

At a given ρ the model is linear. To find ρ, scipy's bounded search maximises ln L of the best
coefficients at each ρ. There the design is augmented by ∂V/∂ρ: its information is that of all
coefficients and ρ together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wattlas.errors import InputError, Problem, SolverError
from wattlas.model.users import Scale
from wattlas.tiers.choices import (
    ACCURACY,
    BOTH,
    LATENCY,
    SAME,
    Tasks,
    TermValues,
    scores,
    spread_of,
    term_values,
)
from wattlas.tiers.curve import slopes
from wattlas.tiers.logit import NEAR, Logit, likelihood, logit

CURVATURE = "curvature"
CURVATURE_MOST = 20.0
"""Beyond this |ρ| a curve is a step at one end of the scale."""
STARTS = (-CURVATURE_MOST, -3.0, 0.0, 3.0, CURVATURE_MOST)
"""The search for ρ runs between the neighbours of the best of the inner three."""
CLOSE = 1e-6
"""It ends where ρ is known to this; standard errors of ρ are rarely below 0.05."""
EDGE = 1e-3
"""A ρ this near to a bound is taken to lie beyond it."""
FIX = "Give a number (0 is linear), or show more levels of accuracy and latency."


@dataclass(frozen=True)
class Coefficients:
    """Coefficients of the terms of V and, where it was estimated, ρ as the last one; (K,).

    `plain` and `clustered` are covariances (K, K): the inverse of the information, and the
    sandwich over respondents; the latter is None where each answered one task, or there is but one.
    """

    names: tuple[str, ...]
    values: np.ndarray
    plain: np.ndarray
    clustered: np.ndarray | None
    curvature: float
    loglik: float

    @property
    def covariance(self) -> np.ndarray:
        """The covariance to report: clustered where there is one."""
        return self.plain if self.clustered is None else self.clustered


def estimate(
    tasks: Tasks, scale: Scale, curvature: float | None, *, additive: bool = False
) -> Coefficients:
    """Maximise the likelihood of the choices; `curvature` None estimates ρ as well.

    Raises Diverges where choices are separated, InputError where no ρ within bounds is best.
    """
    if curvature is None:
        return _with_curvature(tasks, scale, additive)
    design = term_values(tasks, scale, curvature, additive=additive)
    maximum = logit(design.values, tasks.there)
    return _coefficients(tasks, design.names, maximum.coefficients, maximum, curvature)


def clustered(covariance: np.ndarray, gradient: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """C · Σ_g s_g s_gᵀ · C · G/(G − 1) with s_g the gradient summed over cluster g, (K, K).

    `gradient` (N, K) of each task, `cluster` (N,) its respondent, numbered from 0.
    """
    count = int(cluster.max()) + 1
    summed = np.zeros((count, gradient.shape[1]))
    np.add.at(summed, cluster, gradient)
    sandwich: np.ndarray = covariance @ (summed.T @ summed) @ covariance * count / (count - 1)
    return sandwich


def bend(tasks: Tasks, scale: Scale, curvature: float, by_name: dict[str, float]) -> np.ndarray:
    """∂V/∂ρ of every alternative for given coefficients, (N, J)."""
    score_a, score_l = scores(tasks, scale)
    a, lat = slopes(score_a, curvature), slopes(score_l, curvature)
    joint = by_name.get(BOTH, 0.0)
    turned: np.ndarray = (
        by_name[ACCURACY] * a.by_curvature
        + by_name[LATENCY] * lat.by_curvature
        + joint * (a.by_curvature * lat.u + a.u * lat.by_curvature)
    )
    return turned


def _coefficients(
    tasks: Tasks, names: tuple[str, ...], values: np.ndarray, maximum: Logit, curvature: float
) -> Coefficients:
    several = 1 < tasks.clusters < len(tasks.there)
    robust = clustered(maximum.covariance, maximum.scores, tasks.respondent) if several else None
    return Coefficients(names, values, maximum.covariance, robust, curvature, maximum.loglik)


def _with_curvature(tasks: Tasks, scale: Scale, additive: bool) -> Coefficients:
    start: np.ndarray | None = None

    def best_at(rho: float) -> tuple[TermValues, Logit]:
        nonlocal start
        design = term_values(tasks, scale, float(rho), additive=additive)
        fitted = logit(design.values, tasks.there, start)
        start = fitted.coefficients
        return design, fitted

    rho = _best_curvature(lambda rho: best_at(rho)[1].loglik)
    design, fitted = best_at(rho)
    augmented = _augmented(tasks, scale, design, fitted, rho)
    values = np.append(fitted.coefficients, 0.0)
    joint = likelihood(augmented, tasks.there, values)
    if not joint.distance < NEAR:
        raise SolverError("the search for the curvature found no maximum")
    maximum = Logit(values, np.linalg.inv(joint.information), joint.scores, joint.loglik)
    coefficients = np.append(fitted.coefficients, rho)
    return _coefficients(tasks, (*design.names, CURVATURE), coefficients, maximum, rho)


def _best_curvature(loglik: Callable[[float], float]) -> float:
    """ρ of the highest ln L between the neighbours of the best start."""
    from scipy.optimize import minimize_scalar

    best = max(range(1, len(STARTS) - 1), key=lambda n: loglik(STARTS[n]))
    search = minimize_scalar(
        lambda rho: -loglik(rho),
        bounds=(STARTS[best - 1], STARTS[best + 1]),
        method="bounded",
        options={"xatol": CLOSE},
    )
    rho = float(search.x)
    if CURVATURE_MOST - abs(rho) < EDGE:
        what = f"the choices fit best where ρ is beyond ±{CURVATURE_MOST:g}"
        raise InputError([Problem(CURVATURE, what, FIX)])
    return rho


def _augmented(
    tasks: Tasks, scale: Scale, design: TermValues, fitted: Logit, rho: float
) -> np.ndarray:
    """The terms with ∂V/∂ρ beside them, (N, J, K + 1)."""
    by_name = dict(zip(design.names, fitted.coefficients.tolist(), strict=True))
    turned = bend(tasks, scale, rho, by_name)
    values = np.concatenate([design.values, turned[:, :, None]], axis=2)
    spread = spread_of(TermValues(values, (*design.names, CURVATURE)), tasks.there)
    if spread.told(CURVATURE, design.names)[0] < SAME:
        what = "does not show in the choices: what it bends can be told by straight lines"
        raise InputError([Problem(CURVATURE, what, FIX)])
    return values
