"""Who the users are: segments, or draws from a distribution over types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.tiers.utility import Taste

SEED = 2026


@dataclass(frozen=True)
class Population:
    """N kinds of users: their taste, and how many requests a window each kind makes, (N,).

    `scale_usd` is μ, the spread of what users do not say, USD per request; 0 is the hard rule.
    `names` label segments, and are empty for draws.
    """

    taste: Taste
    requests: np.ndarray
    scale_usd: float
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise InputError(problems)

    @property
    def share(self) -> np.ndarray:
        """Share of the requests that each kind makes, (N,)."""
        whole: np.ndarray = self.requests / self.requests.sum()
        return whole


@dataclass(frozen=True)
class Prior:
    """A distribution over types, each part by itself.

    θ is Beta with the mean and the concentration given; k_a and k_l are Beta likewise, scaled
    down together where they add up to more than 1; ρ is uniform over its range; W is log-normal.
    """

    consciousness_mean: float = 0.15
    consciousness_concentration: float = 4.0
    weight_accuracy_mean: float = 0.5
    weight_latency_mean: float = 0.3
    weight_concentration: float = 8.0
    curvature_low: float = 0.0
    curvature_high: float = 3.0
    usd_per_utility_median: float = 0.01
    usd_per_utility_sigma: float = 0.8
    scale_share: float = 0.05
    """μ as a share of the median W."""


DEFAULT = Prior()
"""A prior of our own, wide on purpose: replace it by what your users choose."""


def sample(count: int, prior: Prior = DEFAULT, seed: int = SEED) -> Population:
    """So many draws from a prior, the same for the same seed; each makes one request."""
    draw = np.random.default_rng(seed)
    theta = _beta(draw, prior.consciousness_mean, prior.consciousness_concentration, count)
    k_a = _beta(draw, prior.weight_accuracy_mean, prior.weight_concentration, count)
    k_l = _beta(draw, prior.weight_latency_mean, prior.weight_concentration, count)
    over = np.maximum(k_a + k_l, 1.0)
    rho = draw.uniform(prior.curvature_low, prior.curvature_high, count)
    noise = draw.normal(0.0, prior.usd_per_utility_sigma, count)
    taste = Taste(theta, k_a / over, k_l / over, rho, prior.usd_per_utility_median * np.exp(noise))
    scale = prior.scale_share * prior.usd_per_utility_median
    return Population(taste, np.ones(count), scale)


def _beta(draw: np.random.Generator, mean: float, concentration: float, count: int) -> np.ndarray:
    return draw.beta(mean * concentration, (1.0 - mean) * concentration, count)


def _problems(people: Population) -> Iterator[Problem]:
    taste, count = people.taste, len(people.requests)
    columns = {
        "consciousness": taste.consciousness,
        "weight_accuracy": taste.weight_accuracy,
        "weight_latency": taste.weight_latency,
        "curvature": taste.curvature,
        "usd_per_utility": taste.usd_per_utility,
    }
    for name, values in columns.items():
        if len(values) != count:
            what = f"has {len(values)} kinds where requests has {count}"
            yield Problem(name, what, "Give one value per kind.")
        elif not np.isfinite(values).all():
            yield Problem(name, "has values that are no numbers", "Mend them.")
    for name in ("consciousness", "weight_accuracy", "weight_latency"):
        if ((columns[name] < 0) | (columns[name] > 1)).any():
            yield Problem(name, "has values outside 0..1", "Give shares.")
    if (taste.usd_per_utility < 0).any():
        yield Problem("usd_per_utility", "has negative values", "Give USD per unit of utility.")
    if count == 0 or not (people.requests >= 0).all() or people.requests.sum() <= 0:
        yield Problem("requests", "nobody belongs to this population", "Give requests above 0.")
    if not people.scale_usd >= 0:
        yield Problem("scale_usd", f"is {people.scale_usd:g}", "Give μ of at least 0 USD.")
