"""How an offer's worth hangs on what nobody knows: one assumption at a time, from low to high.

What people state exceeds what they do, so that no figure over a population stands alone. Each
assumption is varied by itself and the offer designed anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from wattlas.model.service import Service
from wattlas.model.users import Prior, Segment, Users
from wattlas.tiers.goal import PROFIT
from wattlas.tiers.market import market
from wattlas.tiers.offer import Offer, best
from wattlas.tiers.population import population

COUNT = 4000
"""Draws of each variation, fewer than of the design itself."""
SIZE = 60
REVEALED = 100.0
"""θ at its low is this much smaller: what people pay per tonne in fact is nearly nothing beside
what a share of their utility comes to (docs/users.md)."""


@dataclass(frozen=True)
class Assumption:
    """A quantity that is varied: its values, and users, price and service at each."""

    parameter: str
    label: str
    unit: str
    values: tuple[float, float, float]
    """Low, base, high."""


@dataclass(frozen=True)
class Varied:
    """The best offer at the low, the base and the high value; None where none is worth making."""

    assumption: Assumption
    offers: tuple[Offer | None, Offer | None, Offer | None]


def sensitivities(
    service: Service,
    users: Users,
    price_usd: float,
    objective: str = PROFIT,
    usable: float | np.ndarray = 1.0,
) -> list[Varied]:
    """Every assumption by itself, the widest swing first."""
    fewer = replace(users, count=min(users.count, COUNT))

    def designed(u: Users, p: float, s: Service) -> Offer | None:
        return best(
            market(s, population(u, p), p, scale=users.ends, usable=usable), objective, size=SIZE
        )

    base = designed(fewer, price_usd, service)
    varied = []
    for assumption, cases in _cases(fewer, price_usd, service):
        low, high = (designed(*case) for case in cases)
        varied.append(Varied(assumption, (low, base, high)))
    return sorted(varied, key=_swing, reverse=True)


def profit_gain_usd(offer: Offer | None) -> float:
    """Profit gain of an offer, none where there is none."""
    return 0.0 if offer is None else offer.profit_gain_usd


def _swing(varied: Varied) -> float:
    low, base, high = (profit_gain_usd(offer) for offer in varied.offers)
    return max(low, base, high) - min(low, base, high)


Case = tuple[Users, float, Service]


def _cases(
    users: Users, price: float, service: Service
) -> Iterator[tuple[Assumption, tuple[Case, Case]]]:
    """Low and high of each assumption; docs/users.md says where the ranges come from."""
    for parameter, label, unit, low, base, high in _of_users(users):
        made = Assumption(parameter, label, unit, (low, base, high))
        yield (
            made,
            (
                (_with(users, parameter, low), price, service),
                (_with(users, parameter, high), price, service),
            ),
        )
    made = Assumption("price", "price of full service", "USD per million requests",
                      (5e5 * price, 1e6 * price, 2e6 * price))  # fmt: skip
    yield made, ((users, price / 2, service), (users, 2 * price, service))
    base = float(service.mean(service.full_cost_usd)) * 1e6
    made = Assumption("cost", "cost of serving", "USD per million requests",
                      (0.5 * base, base, 1.5 * base))  # fmt: skip
    cheaper, more_expensive = _at_cost(service, 0.5), _at_cost(service, 1.5)
    yield made, ((users, price, cheaper), (users, price, more_expensive))


def _of_users(users: Users) -> Iterator[tuple[str, str, str, float, float, float]]:
    theta, k_a, value = _means(users)
    yield ("consciousness", "environmental consciousness θ", "", theta / REVEALED, theta,
           min(1.5 * theta, 0.9))  # fmt: skip
    yield "weight_accuracy", "weight of accuracy k_a", "", 0.6 * k_a, k_a, min(1.4 * k_a, 0.95)
    yield "value", "worth of quality over the price", "", value / 2, value, 2 * value
    yield "scale", "spread of unseen motives μ over the price", "", (
        0.4 * users.scale), users.scale, 3 * users.scale  # fmt: skip
    yield "status_quo", "pull of the default over the price", "", 0.0, users.status_quo, (
        2 * users.status_quo or 0.1)  # fmt: skip


def _means(users: Users) -> tuple[float, float, float]:
    """Means of θ and k_a, and the middle of W over the price."""
    if not users.segments:
        prior = users.prior
        return prior.consciousness_mean, prior.weight_accuracy_mean, prior.value_median
    total = sum(segment.share for segment in users.segments)
    means = [
        sum(segment.share * getattr(segment, name) for segment in users.segments) / total
        for name in ("consciousness", "weight_accuracy", "value")
    ]
    return means[0], means[1], means[2]


def _with(users: Users, parameter: str, value: float) -> Users:
    """The users with one quantity at a value; of segments each in proportion."""
    if parameter == "scale":
        return replace(users, scale=value)
    if parameter == "status_quo":
        return replace(users, status_quo=value)
    if not users.segments:
        names = {"consciousness": "consciousness_mean", "weight_accuracy": "weight_accuracy_mean",
                 "value": "value_median"}  # fmt: skip
        return replace(users, prior=_prior(users.prior, names[parameter], value))
    before = _means(users)[("consciousness", "weight_accuracy", "value").index(parameter)]
    ratio = value / before if before else 1.0
    return replace(users, segments=tuple(_scaled(s, parameter, ratio) for s in users.segments))


def _prior(prior: Prior, name: str, value: float) -> Prior:
    return replace(prior, **{name: value})


def _scaled(segment: Segment, parameter: str, ratio: float) -> Segment:
    if parameter == "value":
        usd = segment.usd_per_utility
        scaled = None if usd is None else usd * ratio
        return replace(segment, value=segment.value * ratio, usd_per_utility=scaled)
    return replace(segment, **{parameter: min(getattr(segment, parameter) * ratio, 1.0)})


def _at_cost(service: Service, factor: float) -> Service:
    return replace(
        service,
        full_cost_usd=service.full_cost_usd * factor,
        cost_usd=service.cost_usd * factor,
    )
