"""The coefficients of a choice experiment, at a given curvature or with the curvature among them.

At a given ρ the model is linear. To find ρ, the design is augmented by ∂V/∂ρ, whose coefficient is
the step of ρ; where the step is nothing, the augmented design's covariance is that of all
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
    Terms,
    scores,
    spread_of,
    terms,
)
from wattlas.tiers.curve import slopes
from wattlas.tiers.logit import Logit, logit

CURVATURE = "curvature"
CURVATURE_MOST = 20.0
"""Beyond this |ρ| a curve is a step at one end of the scale."""
STARTS = (-3.0, 3.0)
"""Curvatures from which the search begins where one of them fits better than a line."""
STEPS = 100
CLOSE = 5e-9
"""The search for ρ ends where a step would raise ln L by less: 1e-4 of a standard error."""
HALVINGS = 40
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
    made = terms(tasks, scale, curvature, additive=additive)
    found = logit(made.values, tasks.there)
    return _coefficients(tasks, made.names, found.coefficients, found, curvature)


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
    both = by_name.get(BOTH, 0.0)
    turned: np.ndarray = (
        by_name[ACCURACY] * a.by_curvature
        + by_name[LATENCY] * lat.by_curvature
        + both * (a.by_curvature * lat.u + a.u * lat.by_curvature)
    )
    return turned


def _coefficients(
    tasks: Tasks, names: tuple[str, ...], values: np.ndarray, found: Logit, curvature: float
) -> Coefficients:
    several = 1 < tasks.clusters < len(tasks.there)
    robust = clustered(found.covariance, found.scores, tasks.respondent) if several else None
    return Coefficients(names, values, found.covariance, robust, curvature, found.loglik)


def _with_curvature(tasks: Tasks, scale: Scale, additive: bool) -> Coefficients:
    def at(rho: float, start: np.ndarray | None = None) -> Point:
        made = terms(tasks, scale, rho, additive=additive)
        found = logit(made.values, tasks.there, start, covariance=False)
        return Point(rho, made, found)

    line = at(0.0)
    bent = (at(rho, line.found.coefficients) for rho in STARTS)
    here = max((line, *bent), key=lambda one: one.found.loglik)
    for _ in range(STEPS):
        design = _augmented(tasks, scale, here)
        start = np.append(here.found.coefficients, 0.0)
        ahead = logit(design, tasks.there, start, covariance=False)
        if ahead.loglik - here.found.loglik < CLOSE:
            whole = logit(design, tasks.there, start)
            values = np.append(here.found.coefficients, here.rho)
            names = (*here.made.names, CURVATURE)
            return _coefficients(tasks, names, values, whole, here.rho)
        here = _moved(at, here, float(ahead.coefficients[-1]))
    raise SolverError("the search for the curvature did not come to an end")


@dataclass(frozen=True)
class Point:
    """A curvature on the way, and the best coefficients at it."""

    rho: float
    made: Terms
    found: Logit


def _augmented(tasks: Tasks, scale: Scale, here: Point) -> np.ndarray:
    """The terms with ∂V/∂ρ beside them, (N, J, K + 1)."""
    by_name = dict(zip(here.made.names, here.found.coefficients.tolist(), strict=True))
    turned = bend(tasks, scale, here.rho, by_name)
    values = np.concatenate([here.made.values, turned[:, :, None]], axis=2)
    spread = spread_of(Terms(values, (*here.made.names, CURVATURE)), tasks.there)
    if spread.told(CURVATURE, here.made.names)[0] < SAME:
        what = "does not show in the choices: what it bends can be told by straight lines"
        raise InputError([Problem(CURVATURE, what, FIX)])
    return values


def _moved(at: Callable[[float, np.ndarray], Point], here: Point, step: float) -> Point:
    """The first point along the step, halved as often as need be, at which ln L is higher."""
    if abs(here.rho) == CURVATURE_MOST and step * here.rho > 0:
        what = f"the choices fit best where ρ is beyond ±{CURVATURE_MOST:g}"
        raise InputError([Problem(CURVATURE, what, FIX)])
    for _ in range(HALVINGS):
        to = min(max(here.rho + step, -CURVATURE_MOST), CURVATURE_MOST)
        there = at(to, here.found.coefficients)
        if there.found.loglik > here.found.loglik:
            return there
        step /= 2
    raise SolverError("the search for the curvature found no better value, nor its end")
