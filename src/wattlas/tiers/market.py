"""A class of requests as a market: who subscribes, what full service is worth, what fallbacks save.

Section 8 of the model, in our reading of Siris et al. 2026. Everything is per request of the class
unless its name says otherwise. Users lie along the first axis, fallbacks along the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.service import Service
from wattlas.model.users import Scale
from wattlas.tiers.binned import THREADS, logistic
from wattlas.tiers.population import Population
from wattlas.tiers.savings import Savings, savings
from wattlas.tiers.utility import PerceivedPoints, Taste, default_scale, quality, utility
from wattlas.units import G_PER_T

PIECE = 2048
"""Users whose tastes are looked at in one go."""
EVEN = 1e-12
"""Under the hard rule, what is this near in value is even, relative to the price."""


@dataclass(frozen=True)
class Contract:
    """A contract beside full service, as a user meets it."""

    point: int
    """Row of the fallback among the service's candidate points."""
    discount: float
    """δ, share of the price, 0..1."""
    share: float
    """φ, most requests that may be degraded, 0..1."""


@dataclass(frozen=True)
class Market:
    """Everything that an offer is judged by.

    `felt_usd` (U, F) is W·(1 − θ)·ΔQ, what a degraded request costs a user; `concern` (U,) is
    W·θ/c_ref, what a gram less is worth to it; `standing_usd` (U,) is v_standard − v_leave, inf
    where nobody may leave; `requests` (U,) over the window.
    """

    service: Service
    people: Population
    price_usd: float
    scale: Scale
    savings: Savings
    felt_usd: np.ndarray
    concern: np.ndarray
    standing_usd: np.ndarray
    requests: np.ndarray
    full_cost_usd: float
    full_carbon_g: float

    @property
    def margin_usd(self) -> float:
        """What a request in full service earns: P − c_full."""
        return self.price_usd - self.full_cost_usd

    @property
    def usd_per_t(self) -> float:
        """What the users would pay in the mean for a tonne less: W·θ/c_ref."""
        return float(self.requests @ self.concern) / self.volume * G_PER_T

    @property
    def volume(self) -> float:
        """Requests over the window."""
        return float(self.requests.sum())


@dataclass(frozen=True)
class Beside:
    """What a user has besides one contract: everything but that contract, (U,) each.

    `worth_usd` is μ·log Σ exp(v/μ) over the others, less v_standard; `margin_usd` and `saved_g`
    what a request of the user earns and saves in the mean over the others.
    """

    worth_usd: np.ndarray
    margin_usd: np.ndarray
    saved_g: np.ndarray


def reference_g(service: Service, scale: Scale | None = None) -> float:
    """c_ref, grams per request: of the scale, else what full service emits in the mean."""
    if scale is not None:
        return scale.reference_g
    full_g = float(service.mean(service.full_carbon_g))
    return full_g if full_g > 0 else 1.0


def market(
    service: Service,
    people: Population,
    price_usd: float,
    *,
    scale: Scale | None = None,
    usable: float | np.ndarray = 1.0,
) -> Market:
    """The market of a class. `usable` is the largest share that the carbon rule can use.

    Raises InputError with everything that is wrong: an empty menu, a price that is none, a fallback
    that is better than full service in accuracy and in latency.
    """
    problems = list(_problems(service, price_usd, usable))
    if problems:
        raise InputError(problems)
    full_g = float(service.mean(service.full_carbon_g))
    if scale is None:
        scale = default_scale(service.latency_budget_ms, reference_g(service))
    points = PerceivedPoints(
        np.append(service.full_accuracy, service.accuracy),
        np.append(service.full_latency_ms, service.latency_ms),
        np.append(full_g, service.mean(service.carbon_g)),
    )
    taste = people.taste
    money = taste.usd_per_utility
    standing = np.full(len(money), np.inf)
    if people.outside_usd is not None:
        full = PerceivedPoints(points.accuracy[:1], points.latency_ms[:1], points.carbon_g[:1])
        standing = money * utility(full, taste, scale)[:, 0] - price_usd - people.outside_usd
    return Market(
        service=service,
        people=people,
        price_usd=price_usd,
        scale=scale,
        savings=savings(service, usable),
        felt_usd=_felt_usd(points, taste, scale),
        concern=money * taste.consciousness / scale.reference_g,
        standing_usd=standing,
        requests=people.share * float(service.requests.sum()),
        full_cost_usd=float(service.mean(service.full_cost_usd)),
        full_carbon_g=full_g,
    )


def _felt_usd(points: PerceivedPoints, taste: Taste, scale: Scale) -> np.ndarray:
    """W·(1 − θ)·(Q_full − Q) of each user at each point but the first, which is full; (U, F)."""
    count = len(taste.consciousness)
    felt = np.empty((count, len(points.accuracy) - 1), order="F")

    def work(begin: int) -> None:
        users = np.arange(begin, min(begin + PIECE, count))
        part = taste.take(users)
        q = quality(points, part, scale)
        weight = part.usd_per_utility * (1.0 - part.consciousness)
        felt[users] = weight[:, None] * (q[:, :1] - q[:, 1:])

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(0, count, PIECE)))
    return felt


def lost_usd(market: Market, contract: Contract) -> np.ndarray:
    """What a contract costs each user per request, φ·W·(1 − θ)·ΔQ − W·θ·(grams saved)/c_ref, (U,).

    Negative for users to whom the carbon is worth more than the quality.
    """
    grams, _, degraded = market.savings.of(contract.point, contract.share)
    lost: np.ndarray = degraded * market.felt_usd[:, contract.point] - grams * market.concern
    return lost


def saved(market: Market, contract: Contract) -> tuple[float, float]:
    """(grams, USD) that a request under the contract saves in the mean."""
    grams, usd, _ = market.savings.of(contract.point, contract.share)
    return grams, usd


def user_gain_usd(market: Market, contract: Contract) -> np.ndarray:
    """v_contract − v_standard of each user, the pull of the default not counted; USD, (U,)."""
    gain: np.ndarray = contract.discount * market.price_usd - lost_usd(market, contract)
    return gain


def margin_usd(market: Market, contract: Contract) -> float:
    """What a request under the contract earns: (1 − δ)·P − (1 − φ)·c_full − φ·c_fallback."""
    return market.margin_usd - contract.discount * market.price_usd + saved(market, contract)[1]


def _felt_gains_usd(market: Market, contracts: tuple[Contract, ...]) -> list[np.ndarray]:
    """v_contract − v_standard of each user with the pull of the default counted, (U,) each."""
    return [
        user_gain_usd(market, contract) - market.people.status_quo_usd for contract in contracts
    ]


def choice(market: Market, contracts: tuple[Contract, ...]) -> np.ndarray:
    """Probability that each user takes standard, each contract, or leaves; (U, 2 + K).

    Pr(q) = exp(v_q/μ)/Σ exp(v/μ); at μ = 0 the best, a contract where it equals the standard.
    """
    utilities = [np.zeros(len(market.requests))]
    utilities += _felt_gains_usd(market, contracts)
    utilities.append(-market.standing_usd)
    table = np.stack(utilities, axis=1)
    mu = market.people.scale_usd
    if mu > 0:
        share = np.exp((table - table.max(axis=1, keepdims=True)) / mu)
        whole: np.ndarray = share / share.sum(axis=1, keepdims=True)
        return whole
    table[:, 1:-1] += EVEN * market.price_usd
    order = np.array([*range(1, table.shape[1] - 1), 0, table.shape[1] - 1])
    hard: np.ndarray = np.eye(table.shape[1])[order[np.argmax(table[:, order], axis=1)]]
    return hard


def beside(market: Market, others: tuple[Contract, ...] = ()) -> Beside:
    """What users have besides a further contract: standard, leaving, and other contracts."""
    mu, none = market.people.scale_usd, np.zeros(len(market.requests))
    utilities = np.stack([none, -market.standing_usd, *_felt_gains_usd(market, others)], axis=1)
    margins = np.array(
        [market.margin_usd, 0.0, *(margin_usd(market, contract) for contract in others)]
    )
    grams = np.array([0.0, 0.0, *(saved(market, contract)[0] for contract in others)])
    top = utilities.max(axis=1)
    if mu > 0:
        share = np.exp((utilities - top[:, None]) / mu)
        total = share.sum(axis=1)
        share /= total[:, None]
        return Beside(top + mu * np.log(total), share @ margins, share @ grams)
    best = np.argmax(utilities, axis=1)
    return Beside(top, margins[best], grams[best])


def adoption_probability(market: Market, gain: np.ndarray, rest: Beside) -> np.ndarray:
    """Pr that each user takes a contract of that gain, given what else it has; (U,)."""
    over = gain - market.people.status_quo_usd - rest.worth_usd
    if market.people.scale_usd == 0:
        hard: np.ndarray = (over >= -EVEN * market.price_usd).astype(float)
        return hard
    return logistic(over / market.people.scale_usd)


def _problems(service: Service, price_usd: float, usable: float | np.ndarray) -> Iterator[Problem]:
    if not service.points:
        fix = "Give operating points that a degraded request may use."
        yield Problem("menu", f"is empty for class {service.klass}", fix)
    if not (np.isfinite(price_usd) and price_usd > 0):
        what = f"is {price_usd:g} USD per request, wanted more than 0"
        fix = "Give classes.*.price_usd_per_request, or the prices per token under `users`."
        yield Problem(f"price of class {service.klass}", what, fix)
    if not ((np.asarray(usable) >= 0) & (np.asarray(usable) <= 1)).all():
        yield Problem("usable", f"is {usable}, wanted 0..1", "Give a share.")
    for name, accuracy, late in zip(
        service.points, service.accuracy, service.latency_ms, strict=True
    ):
        if not 0.0 <= accuracy <= 1.0:
            what = f"has the accuracy {accuracy:g}, wanted 0..1"
            yield Problem(f"points.{name}", what, "Give a score between 0 and 1.")
        if accuracy > service.full_accuracy and late < service.full_latency_ms:
            what = "is better than full service in accuracy and in latency"
            yield Problem(
                f"points.{name}", what, "A fallback is worse than full service; leave it out."
            )


@dataclass(frozen=True)
class ContractSums:
    """A contract over every user, against the same without it: requests under it, profit gained
    over the window, grams saved, and what those who adopt it gain in the mean, per request.
    """

    adopted: float
    profit_gain_usd: float
    saved_g: float
    gain_usd: float


def contract_sums(market: Market, contract: Contract, rest: Beside) -> ContractSums:
    """Sums over every user, without bins."""
    gain = user_gain_usd(market, contract)
    requests = market.requests * adoption_probability(market, gain, rest)
    adopted = float(requests.sum())
    return ContractSums(
        adopted,
        float((requests * (margin_usd(market, contract) - rest.margin_usd)).sum()),
        float((requests * (saved(market, contract)[0] - rest.saved_g)).sum()),
        float((requests * gain).sum()) / adopted if adopted > 0 else 0.0,
    )
