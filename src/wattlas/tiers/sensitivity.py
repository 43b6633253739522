"""What an offer brings where an assumption is wrong: one at a time, the same offer judged again.

What people state exceeds what they do, so that no figure over a population stands alone. The offer
stays as it was designed: an operator who made it finds out later what was true. Three of the cases
are tests, told first: the other way to pay for accelerators, users to whom a tonne is worth little,
and users who choose without noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from wattlas.model.service import Service
from wattlas.model.users import Segment, Users
from wattlas.tiers.goal import PROFIT, no_loss_usd
from wattlas.tiers.market import Contract, Market, market, reference_g
from wattlas.tiers.offer import Offer, judge
from wattlas.tiers.population import population
from wattlas.tiers.verdict import brings_enough
from wattlas.units import G_PER_T

LOW_USD_PER_T = 10.0
"""What a tonne is worth in the test of willingness: the price of a cheap offset."""


@dataclass(frozen=True)
class Assumption:
    """A quantity that is varied: low, base, high. `test` names the end that is a test: `low` or
    `high`; empty where it is none.
    """

    parameter: str
    label: str
    unit: str
    values: tuple[float, float, float]
    test: str = ""
    words: str = ""
    """What the test assumes, in words."""


@dataclass(frozen=True)
class Varied:
    """The offer as judged at the low, the base and the high value.

    `passed` says whether it is still worth offering in the test; None where the assumption is none.
    """

    assumption: Assumption
    offers: tuple[Offer, Offer, Offer]
    passed: bool | None = None

    @property
    def tested(self) -> Offer:
        """The offer where the test's assumption holds."""
        return self.offers[2 if self.assumption.test == "high" else 0]


@dataclass(frozen=True)
class Billing:
    """The service under the other way to pay for accelerators, and what an hour of one is worth in
    the mean under the scenario's and under that, USD/GPU-h.
    """

    service: Service
    words: str
    usd_per_gpu_h: float
    other_usd_per_gpu_h: float


@dataclass(frozen=True)
class _Case:
    """What an offer is judged by."""

    users: Users
    price_usd: float
    service: Service


def sensitivities(
    service: Service,
    users: Users,
    price_usd: float,
    contract: Contract,
    billing: Billing,
    objective: str = PROFIT,
    usable: float | np.ndarray = 1.0,
) -> list[Varied]:
    """Every assumption by itself: the three tests first, then the widest swing first.

    `usable` is what the carbon rule can use, as the contract was designed.
    """

    def at(case: _Case) -> tuple[Market, Offer]:
        grams = reference_g(case.service, users.ends)
        people = population(case.users, case.price_usd, grams)
        sold_to = market(case.service, people, case.price_usd, scale=users.ends, usable=usable)
        return sold_to, judge(sold_to, contract)

    as_assumed = _Case(users, price_usd, service)
    _, base = at(as_assumed)
    varied = []
    for assumption, low, high in _cases(as_assumed, billing):
        sides = [(None, base) if end is None else at(end) for end in (low, high)]
        passed = None
        if assumption.test:
            sold_to, offer = sides[assumption.test == "high"]
            assert sold_to is not None
            passed = passes(sold_to, offer, objective)
        varied.append(Varied(assumption, (sides[0][1], base, sides[1][1]), passed))
    tests = [row for row in varied if row.passed is not None]
    others = [row for row in varied if row.passed is None]
    return [*tests, *sorted(others, key=_swing, reverse=True)]


def passes(market: Market, offer: Offer, objective: str) -> bool:
    """Whether an offer is still worth making: no loss of profit, carbon saved, enough of both."""
    no_loss = offer.profit_gain_usd >= -no_loss_usd(market) and offer.carbon_saved_kg > 0
    return no_loss and brings_enough(market, offer, objective)


def _swing(varied: Varied) -> float:
    gains = [offer.profit_gain_usd for offer in varied.offers]
    return max(gains) - min(gains)


def _cases(
    case: _Case, billing: Billing
) -> Iterator[tuple[Assumption, _Case | None, _Case | None]]:
    """Each assumption with its low and its high; docs/users.md says where the ranges come from."""
    yield from _tests(case, billing)
    users, price, service = case.users, case.price_usd, case.service
    k_a, value = _mean(users, "weight_accuracy"), _mean(users, "value")
    for parameter, label, low, base, high in (
        ("weight_accuracy", "weight of accuracy k_a", 0.6 * k_a, k_a, min(1.4 * k_a, 0.95)),
        ("value", "worth of quality over the price", value / 2, value, 2 * value),
    ):
        ends = [replace(case, users=_with(users, parameter, end)) for end in (low, high)]
        yield Assumption(parameter, label, "", (low, base, high)), ends[0], ends[1]
    pull = users.status_quo
    inertia = Assumption("status_quo", "inertia over the price", "", (0.0, pull, 2 * pull or 0.1))
    ends = [replace(case, users=replace(users, status_quo=inertia.values[n])) for n in (0, 2)]
    yield inertia, ends[0], ends[1]
    million = 1e6 * price
    sold = Assumption("price", "price of full service", "USD per million requests",
                      (million / 2, million, 2 * million))  # fmt: skip
    yield sold, replace(case, price_usd=price / 2), replace(case, price_usd=2 * price)
    cost = float(service.mean(service.full_cost_usd)) * 1e6
    served = Assumption("cost", "cost of serving", "USD per million requests",
                        (0.5 * cost, cost, 1.5 * cost))  # fmt: skip
    ends = [replace(case, service=_at_cost(service, factor)) for factor in (0.5, 1.5)]
    yield served, ends[0], ends[1]


def _tests(
    case: _Case, billing: Billing
) -> Iterator[tuple[Assumption, _Case | None, _Case | None]]:
    """The three tests; a side that is None is as assumed."""
    users, price = case.users, case.price_usd
    other = replace(case, service=billing.service)
    up = billing.other_usd_per_gpu_h >= billing.usd_per_gpu_h
    rates = (billing.usd_per_gpu_h, billing.usd_per_gpu_h, billing.other_usd_per_gpu_h)
    yield (
        Assumption("billing", "worth of a freed accelerator", "USD/GPU-h",
                   rates if up else rates[::-1], "high" if up else "low", billing.words),
        None if up else other,
        other if up else None,
    )  # fmt: skip
    base = usd_per_t(case.service, users, price)
    words = f"a tonne less is worth {LOW_USD_PER_T:g} USD to users"
    yield (
        Assumption("usd_per_t", "worth of a tonne less to users", "USD/t",
                   (LOW_USD_PER_T, base, 4 * base), "low", words),
        replace(case, users=_willing(users, LOW_USD_PER_T)),
        replace(case, users=_willing(users, 4 * base)),
    )  # fmt: skip
    spread = users.spread_usd(price) / price
    yield (
        Assumption("scale", "spread of unseen motives μ over the price", "",
                   (0.0, spread, 3 * spread), "low", "users choose by what they say alone (μ = 0)"),
        replace(case, users=replace(users, scale=0.0, scale_usd=None)),
        replace(case, users=replace(users, scale=3 * spread, scale_usd=None)),
    )  # fmt: skip


def usd_per_t(service: Service, users: Users, price_usd: float) -> float:
    """The median over the population of what a tonne less is worth, W·θ/c_ref, USD/t."""
    grams = reference_g(service, users.ends)
    people = population(users, price_usd, grams)
    usd_per_tonne = people.taste.usd_per_utility * people.taste.consciousness * G_PER_T / grams
    order = np.argsort(usd_per_tonne, kind="stable")
    reach = np.cumsum(people.share[order])
    return float(usd_per_tonne[order][np.searchsorted(reach, 0.5)])


def _willing(users: Users, usd_per_t: float) -> Users:
    """The users with another median, or for segments another value, of a tonne less."""
    if not users.segments:
        prior = replace(users.prior, consciousness_mean=None, usd_per_t_median=usd_per_t)
        return replace(users, prior=prior)
    return replace(
        users,
        segments=tuple(
            replace(segment, consciousness=None, usd_per_t=usd_per_t) for segment in users.segments
        ),
    )


def _mean(users: Users, name: str) -> float:
    """The mean of k_a over the population, or the middle of W over the price."""
    if not users.segments:
        prior = users.prior
        return prior.weight_accuracy_mean if name == "weight_accuracy" else prior.value_median
    total = sum(segment.share for segment in users.segments)
    weighed = sum(segment.share * float(getattr(segment, name)) for segment in users.segments)
    return weighed / total


def _with(users: Users, parameter: str, value: float) -> Users:
    """The users with k_a or W at a value; of segments each in proportion."""
    if not users.segments:
        if parameter == "value":
            return replace(users, prior=replace(users.prior, value_median=value))
        return replace(users, prior=replace(users.prior, weight_accuracy_mean=value))
    before = _mean(users, parameter)
    ratio = value / before if before else 1.0
    return replace(users, segments=tuple(_scaled(s, parameter, ratio) for s in users.segments))


def _scaled(segment: Segment, parameter: str, ratio: float) -> Segment:
    if parameter == "value":
        usd = segment.usd_per_utility
        scaled = None if usd is None else usd * ratio
        return replace(segment, value=segment.value * ratio, usd_per_utility=scaled)
    return replace(segment, weight_accuracy=min(segment.weight_accuracy * ratio, 1.0))


def _at_cost(service: Service, factor: float) -> Service:
    return replace(
        service,
        full_cost_usd=service.full_cost_usd * factor,
        cost_usd=service.cost_usd * factor,
    )
