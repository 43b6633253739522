"""Who the users are: segments, or draws from a distribution over types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.users import Users
from wattlas.tiers.utility import Taste
from wattlas.units import G_PER_T


@dataclass(frozen=True)
class Population:
    """N kinds of users: their taste, and how many requests a window each kind makes, (N,).

    `scale_usd` is μ, the spread of what users do not say, USD per request; 0 is the hard rule.
    `status_quo_usd` is what another contract must offer beyond its worth to be adopted, USD per
    request. `names` label segments, and are empty for draws.
    """

    taste: Taste
    requests: np.ndarray
    scale_usd: float
    status_quo_usd: float = 0.0
    outside_usd: float | None = None
    """What leaving is worth, USD per request; None where nobody may leave."""
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


def population(users: Users, price_usd: float, reference_g: float = 0.0) -> Population:
    """The users of a class of that price per request: its segments, else draws from the prior.

    `reference_g` is c_ref, what full service emits per request: what a tonne less is worth to users
    (USD/t) is a θ by it. Draws are the same for the same seed and make one request each.
    """
    scale = users.spread_usd(price_usd)
    if users.segments:
        return _of_segments(users, price_usd, scale, reference_g)
    draw, prior, count = np.random.default_rng(users.seed), users.prior, users.count
    k_a = _beta(draw, prior.weight_accuracy_mean, prior.weight_concentration, count)
    k_l = _beta(draw, prior.weight_latency_mean, prior.weight_concentration, count)
    over = np.maximum(k_a + k_l, 1.0)
    rho = draw.uniform(prior.curvature_low, prior.curvature_high, count)
    usd_per_utility = prior.value_median * np.exp(draw.normal(0.0, prior.value_sigma, count))
    if prior.consciousness_mean is None:
        usd_per_t = prior.usd_per_t_median * np.exp(draw.normal(0, prior.usd_per_t_sigma, count))
        theta = consciousness_of(usd_per_t, price_usd * usd_per_utility, reference_g)
    else:
        theta = _beta(draw, prior.consciousness_mean, prior.consciousness_concentration, count)
    taste = Taste(theta, k_a / over, k_l / over, rho, price_usd * usd_per_utility)
    return Population(
        taste,
        np.ones(count),
        scale,
        users.status_quo * price_usd,
        _outside(users, price_usd),
    )


def consciousness_of(
    usd_per_t: np.ndarray, usd_per_utility: np.ndarray, reference_g: float
) -> np.ndarray:
    """θ at which a tonne less is worth so many USD: W·θ/c_ref = usd_per_t, at most 1; (N,)."""
    wanted = usd_per_t * reference_g / G_PER_T
    theta: np.ndarray = np.divide(
        wanted, usd_per_utility, out=np.zeros(len(wanted)), where=usd_per_utility > 0
    )
    limited: np.ndarray = np.minimum(theta, 1.0)
    return limited


def _of_segments(users: Users, price_usd: float, scale: float, reference_g: float) -> Population:
    def column(name: str) -> np.ndarray:
        return np.array([getattr(segment, name) for segment in users.segments], dtype=float)

    usd_per_utility = np.array(
        [
            segment.value * price_usd
            if segment.usd_per_utility is None
            else segment.usd_per_utility
            for segment in users.segments
        ]
    )
    stated = np.array([s.consciousness is not None for s in users.segments])
    theta = consciousness_of(column("usd_per_t"), usd_per_utility, reference_g)
    return Population(
        Taste(
            np.where(stated, np.nan_to_num(column("consciousness")), theta),
            column("weight_accuracy"),
            column("weight_latency"),
            column("curvature"),
            usd_per_utility,
        ),
        column("share"),
        scale,
        users.status_quo * price_usd,
        _outside(users, price_usd),
        tuple(segment.id for segment in users.segments),
    )


def _outside(users: Users, price_usd: float) -> float | None:
    return users.leaving_usd(price_usd) if users.may_leave else None


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
            yield Problem(name, "has values that are no numbers", "Fix them.")
    for name in ("consciousness", "weight_accuracy", "weight_latency"):
        if ((columns[name] < 0) | (columns[name] > 1)).any():
            yield Problem(name, "has values outside 0..1", "Give shares.")
    if (taste.usd_per_utility < 0).any():
        yield Problem("usd_per_utility", "has negative values", "Give USD per unit of utility.")
    if count == 0 or not (people.requests >= 0).all() or people.requests.sum() <= 0:
        yield Problem("requests", "nobody belongs to this population", "Give requests above 0.")
    if not people.status_quo_usd >= 0:
        what = f"is {people.status_quo_usd:g}"
        yield Problem("status_quo_usd", what, "Give USD per request of at least 0.")
    if not people.scale_usd >= 0:
        yield Problem("scale_usd", f"is {people.scale_usd:g}", "Give μ of at least 0 USD.")
