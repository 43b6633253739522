"""The likelihood of a choice experiment written down again, in θ, k_a, k_l, W and μ themselves.

Nothing here is linear, nothing uses `wattlas.tiers`: the maximum is by searches without slopes, and
covariances are of these parameters at once, without a delta method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np
from scipy.optimize import minimize

from wattlas.model.choices import Choices

ORDER = (
    "consciousness", "weight_accuracy", "weight_latency", "usd_per_utility", "scale_usd",
    "curvature", "outside_usd",
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """Parameters by name, and their covariances in the order of `names`."""

    names: tuple[str, ...]
    values: np.ndarray
    loglik: float
    plain: np.ndarray
    clustered: np.ndarray


def bent(q: np.ndarray, rho: float) -> np.ndarray:
    """u(q) as section 7 writes it."""
    return q if abs(rho) < 1e-9 else (1 - np.exp(-rho * q)) / (1 - np.exp(-rho))


def by_task(choices: Choices, scale: Any, p: dict[str, float]) -> np.ndarray:
    """ln Pr of what was chosen in each task, one task after the other, by loops and no arrays."""
    q_a = (choices.accuracy - scale.accuracy_min) / (scale.accuracy_max - scale.accuracy_min)
    q_l = (scale.latency_max_ms - choices.latency_ms) / (
        scale.latency_max_ms - scale.latency_min_ms
    )
    u_a, u_l = bent(q_a, p.get("curvature", 0.0)), bent(q_l, p.get("curvature", 0.0))
    k_a, k_l, theta = p["weight_accuracy"], p["weight_latency"], p["consciousness"]
    felt = k_a * u_a + k_l * u_l + (1 - k_a - k_l) * u_a * u_l
    whole = (1 - theta) * felt + theta * (1 - choices.carbon_g / scale.reference_g)
    v = (p["usd_per_utility"] * whole - choices.price_usd) / p["scale_usd"]
    v = np.where(np.isnan(choices.price_usd), p.get("outside_usd", 0.0) / p["scale_usd"], v)
    keys = list(zip(choices.respondent.tolist(), choices.task.tolist(), strict=True))
    sums: dict[Any, float] = {}
    won: dict[Any, float] = {}
    for key, worth, chosen in zip(keys, v.tolist(), choices.chosen.tolist(), strict=True):
        sums[key] = sums.get(key, 0.0) + exp(worth)
        if chosen:
            won[key] = worth
    return np.array([won[key] - np.log(sums[key]) for key in sums])


def slopes(of: Callable[[np.ndarray], np.ndarray], at: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Central differences of a vector by each parameter, (N, K)."""
    columns = []
    for n, h in enumerate(step):
        ahead, back = at.copy(), at.copy()
        ahead[n] += h
        back[n] -= h
        columns.append((of(ahead) - of(back)) / (2 * h))
    return np.stack(columns, axis=1)


def maximised(
    choices: Choices,
    scale: Any,
    start: dict[str, float],
    *,
    additive: bool = False,
    curvature: float = 0.0,
) -> Answer:
    """The maximum from a start; what the start does not name is absent, a curvature given."""
    names = tuple(n for n in ORDER if n in start and not (additive and n == "weight_latency"))
    unit = np.array([abs(start[n]) or 1.0 for n in names])

    def named(x: np.ndarray) -> dict[str, float]:
        p = {"curvature": curvature, **dict(zip(names, (x * unit).tolist(), strict=True))}
        return {**p, "weight_latency": 1 - p["weight_accuracy"]} if additive else p

    def each(x: np.ndarray) -> np.ndarray:
        return by_task(choices, scale, named(x))

    step = np.full(len(names), 1e-4)
    begin = np.array([start[n] for n in names]) / unit
    found = minimize(lambda x: -each(x).sum(), begin, method="BFGS", options={"gtol": 1e-3})
    found = minimize(
        lambda x: -each(x).sum(), found.x, method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000, "maxfev": 4000},
    )  # fmt: skip
    score = slopes(each, found.x, step)
    hessian = slopes(lambda x: slopes(each, x, step).sum(axis=0), found.x, step)
    bread = np.linalg.inv(-(hessian + hessian.T) / 2)
    owner = dict(zip(zip(choices.respondent.tolist(), choices.task.tolist(), strict=True),
                     choices.respondent.tolist(), strict=True))  # fmt: skip
    people = np.array(list(owner.values()))
    sums = np.array([score[people == one].sum(axis=0) for one in np.unique(people)])
    meat = sums.T @ sums * len(sums) / (len(sums) - 1)
    scale_of = np.outer(unit, unit)
    return Answer(
        names, found.x * unit, -float(found.fun), bread * scale_of, bread @ meat @ bread * scale_of
    )
