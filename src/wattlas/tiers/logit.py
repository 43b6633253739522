"""The conditional logit of a choice experiment, maximised by scipy's trust region.

    ln L = Σ_n ln [ exp(V_n,chosen) / Σ_j exp(V_nj) ],  V = X·b

ln L is concave. Its gradient and information are in closed form, so each step is Newton's where the
region allows it. The search runs in units of standard errors at b = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wattlas.errors import SolverError
from wattlas.tiers.choices import centred

AT_REST = 1e-10
"""The search may end where b is within 1e-5 standard errors of the maximum: gᵀ·I⁻¹·g below this.
Much nearer, what a step gains is lost in the rounding of ln L."""
NEAR = 1e-6
"""It must end within 1e-3 standard errors."""
STEPS = 100
"""A maximum takes 5 to 10 steps; coefficients that diverge take 20 to 90 until they are AT_REST."""
GONE = 1e-3
"""Coefficients diverge along a direction that keeps less than this of the information that one
task gives at b = 0. A maximum keeps about as much as the chances of the choices against it."""


@dataclass(frozen=True)
class Likelihood:
    """ln L at some coefficients, each task's part of its gradient (N, K), and the information
    Σ_n Σ_j p_nj (x_nj − x̄_n)(x_nj − x̄_n)ᵀ with x̄_n = Σ_j p_nj x_nj, (K, K).
    """

    loglik: float
    scores: np.ndarray
    information: np.ndarray

    @property
    def gradient(self) -> np.ndarray:
        """The gradient of ln L, (K,)."""
        summed: np.ndarray = self.scores.sum(axis=0)
        return summed

    @property
    def distance(self) -> float:
        """gᵀ·I⁻¹·g: how far the maximum is, in squared standard errors."""
        share, axes = np.linalg.eigh(self.information)
        return float(((axes.T @ self.gradient) ** 2 / np.maximum(share, 1e-300)).sum())


@dataclass(frozen=True)
class Logit:
    """A maximum of the likelihood: coefficients (K,), their covariance (K, K) from the inverse
    of the information, and each task's part of the gradient, `scores` (N, K).
    """

    coefficients: np.ndarray
    covariance: np.ndarray
    scores: np.ndarray
    loglik: float


class Diverges(Exception):
    """The likelihood has no maximum: along `direction` (K,) it rises for ever.

    The direction is one of coefficients, each times the spread of its term.
    """

    def __init__(self, direction: np.ndarray) -> None:
        self.direction = direction
        super().__init__("the likelihood has no maximum")


def logit(
    values: np.ndarray, there: np.ndarray, start: np.ndarray | None = None, *, steps: int = STEPS
) -> Logit:
    """The maximum over b for terms (N, J, K), the chosen alternative first, `there` (N, J).

    Raises Diverges where choices are separated, SolverError where the search takes more `steps`.
    """
    nothing = np.zeros(values.shape[2])
    root = np.linalg.cholesky(likelihood(values, there, nothing).information)
    # b = to_b·z, and the information on z is the identity at z = 0.
    to_b = np.linalg.inv(root).T
    design = values @ to_b
    z = _searched(design, there, nothing if start is None else root.T @ start, steps)
    maximum = likelihood(design, there, z)
    share, axes = np.linalg.eigh(maximum.information)
    gone = axes[:, share * len(there) < GONE]
    if gone.size:
        spread = np.sqrt((centred(values, there) ** 2).sum(axis=(0, 1)) / there.sum())
        raise Diverges(spread * (to_b @ (gone @ (gone.T @ z))))
    if not maximum.distance < NEAR:
        raise SolverError(f"the search for the likeliest coefficients took over {steps} steps")
    return Logit(
        to_b @ z,
        to_b @ ((axes / share) @ axes.T) @ to_b.T,
        maximum.scores @ root.T,
        maximum.loglik,
    )


def likelihood(values: np.ndarray, there: np.ndarray, coefficients: np.ndarray) -> Likelihood:
    """ln L and its derivatives at coefficients (K,) for terms (N, J, K), `there` (N, J)."""
    utility = np.where(there, values @ coefficients, -np.inf)
    utility -= utility.max(axis=1, keepdims=True)
    odds = np.exp(utility)
    total = odds.sum(axis=1, keepdims=True)
    chance = odds / total
    mean = np.einsum("nj,njk->nk", chance, values)
    less = np.sqrt(chance)[:, :, None] * (values - mean[:, None])
    flat = less.reshape(-1, less.shape[2])
    return Likelihood(
        loglik=float(utility[:, 0].sum() - np.log(total).sum()),
        scores=values[:, 0] - mean,
        information=flat.T @ flat,
    )


def null_loglik(there: np.ndarray) -> float:
    """ln L where every alternative of a task is as likely as the others."""
    return -float(np.log(there.sum(axis=1)).sum())


def _searched(design: np.ndarray, there: np.ndarray, start: np.ndarray, steps: int) -> np.ndarray:
    """Coefficients at which the search came to rest, or ran out of steps; (K,)."""
    from scipy.optimize import minimize

    last: dict[bytes, Likelihood] = {}

    def at(z: np.ndarray) -> Likelihood:
        # The optimiser asks for value, gradient and information one after the other.
        key = z.tobytes()
        if key not in last:
            last.clear()
            last[key] = likelihood(design, there, z)
        return last[key]

    def stop_at_rest(intermediate_result: Any) -> None:
        if at(intermediate_result.x).distance < AT_REST:
            raise StopIteration

    # A task changes V by about one spread of a term: √N in units of standard errors.
    region = np.sqrt(len(there))
    solution = minimize(
        lambda z: -at(z).loglik,
        start,
        jac=lambda z: -at(z).gradient,
        hess=lambda z: at(z).information,
        method="trust-exact",
        callback=stop_at_rest,
        options={
            "gtol": 0.0,
            "maxiter": steps,
            "initial_trust_radius": region,
            "max_trust_radius": 1e3 * region,
        },
    )
    reached: np.ndarray = solution.x
    return reached
