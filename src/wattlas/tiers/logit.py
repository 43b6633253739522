"""The conditional logit of a choice experiment, maximised by xlogit.

    ln L = Σ_n ln [ exp(V_n,chosen) / Σ_j exp(V_nj) ],  V = X·b

Terms go to the library over their spread within tasks, and come back in their own units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wattlas.errors import SolverError
from wattlas.tiers.choices import centred

AT_REST = 1e-10
"""The search may end where b is within 1e-5 standard errors of the maximum: gᵀ·I⁻¹·g below this."""
NEAR = 1e-6
"""It must end within 1e-3 standard errors."""
SEARCHES = 10
GONE = 1e-3
"""Coefficients diverge along a direction that keeps less than this of the information that one
task gives at b = 0. A maximum keeps about as much as the chances of the choices against it."""


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
    values: np.ndarray,
    there: np.ndarray,
    start: np.ndarray | None = None,
    *,
    covariance: bool = True,
) -> Logit:
    """The maximum over b for terms (N, J, K), the chosen alternative first, `there` (N, J).

    Without `covariance` that is not computed, and means nothing. Raises Diverges where choices are
    separated, SolverError where the search fails.
    """
    spread = np.sqrt((centred(values, there) ** 2).sum(axis=(0, 1)) / there.sum())
    scaled = values / spread
    model = _at_rest(scaled, there, None if start is None else start * spread)
    if covariance:
        model = _with_covariance(scaled, there, model.coeff_)
    inverse = (model.covariance + model.covariance.T) / 2
    return Logit(
        model.coeff_ / spread,
        inverse / np.outer(spread, spread),
        model.grad_n * spread,
        float(model.loglikelihood),
    )


def _at_rest(values: np.ndarray, there: np.ndarray, start: np.ndarray | None) -> Any:
    """The library's model at the maximum: it stops early, and goes on where it stopped."""
    whole = information(values, there, np.zeros(values.shape[2]))
    for _ in range(SEARCHES):
        model = _searched(values, there, start)
        start = np.asarray(model.coeff_, dtype=float)
        left, gradient = information(values, there, start), model.grad_n.sum(axis=0)
        _check_divergence(whole, left, start, len(there))
        rest = gradient @ np.linalg.solve(left, gradient)
        if rest < AT_REST:
            return model
    if rest < NEAR:
        return model
    raise SolverError(f"xlogit found no maximum: {model.estimation_message}")


def _with_covariance(values: np.ndarray, there: np.ndarray, start: np.ndarray) -> Any:
    try:
        model = _searched(values, there, start, covariance=True)
    except np.linalg.LinAlgError:
        raise SolverError("xlogit found no covariance at the maximum") from None
    if not (np.diag(model.covariance) > 0).all():
        raise SolverError("xlogit found a covariance that is none")
    return model


def null_loglik(there: np.ndarray) -> float:
    """ln L where every alternative of a task is as likely as the others."""
    return -float(np.log(there.sum(axis=1)).sum())


def information(values: np.ndarray, there: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Σ_n Σ_j p_nj (x_nj − x̄_n)(x_nj − x̄_n)ᵀ with x̄_n = Σ_j p_nj x_nj, (K, K)."""
    worth = np.where(there, values @ coefficients, -np.inf)
    odds = np.exp(worth - worth.max(axis=1, keepdims=True))
    chance = odds / odds.sum(axis=1, keepdims=True)
    mean = np.einsum("nj,njk->nk", chance, values)
    less = np.sqrt(chance)[:, :, None] * (values - mean[:, None])
    flat = less.reshape(-1, less.shape[2])
    summed: np.ndarray = flat.T @ flat
    return summed


def _check_divergence(whole: np.ndarray, left: np.ndarray, found: np.ndarray, tasks: int) -> None:
    """Raise Diverges where some direction has lost all the information that it had at b = 0."""
    root = np.linalg.cholesky(whole)
    inverse = np.linalg.inv(root)
    share, axes = np.linalg.eigh(inverse @ left @ inverse.T)
    gone = axes[:, share * tasks < GONE]
    if gone.size:
        raise Diverges(inverse.T @ (gone @ (gone.T @ (root.T @ found))))


def _searched(
    values: np.ndarray, there: np.ndarray, start: np.ndarray | None, *, covariance: bool = False
) -> Any:
    from xlogit import MultinomialLogit

    tasks, width, count = values.shape
    model = MultinomialLogit()
    chosen = np.zeros((tasks, width))
    chosen[:, 0] = 1.0
    # On the way to no maximum odds overflow; the library steps back.
    with np.errstate(all="ignore"):
        model.fit(
            X=values.reshape(-1, count),
            y=chosen.ravel(),
            varnames=[str(n) for n in range(count)],
            alts=np.tile(np.arange(width), tasks),
            ids=np.repeat(np.arange(tasks), width),
            avail=None if there.all() else there.astype(float).ravel(),
            init_coeff=start,
            skip_std_errs=not covariance,
            verbose=0,
        )
    return model
