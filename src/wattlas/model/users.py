"""Who subscribes, what full service sells for, and what users are thought to feel.

Worth is stated as a multiple of the price of a request, so that one population serves a cheap and
an expensive class alike: W = value · P. Section 7 of the model; Siris et al. 2026, in our reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from wattlas.errors import Problem
from wattlas.model.checks import (
    FINITE,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    Bounds,
    flags,
    known_words,
    numbers,
    once,
    parts,
    refuse,
    series,
    texts,
)
from wattlas.model.workload import OperatingPoint

TOKENS_PER_MTOK = 1e6
WILLING_USD_PER_T = 50.0
"""What users would pay for a tonne less where nobody said: docs/users.md names the studies."""
CAP_SHARE = 0.8
"""Carbon of those under contract over that of full service, where nobody said."""
INSIDE = Bounds(0.0, 1.0, open=True, fix="Give a mean above 0 and below 1.")
DRAWS = Bounds(1, 10_000_000, whole=True, fix="Draw from 1 to 10 million users.")
SEED = Bounds(low=0, whole=True, fix="Give a whole number of at least 0.")
CONTRACTS = Bounds(low=1, whole=True, fix="Ask for at least one contract.")
OPTIONAL = replace(FINITE, optional=True)
OPTIONAL_WORTH = replace(NOT_NEGATIVE, optional=True)


class Goal(StrEnum):
    """What an offer of tiers is designed for."""

    PROFIT = "profit"
    """Most profit."""
    CARBON = "carbon"
    """Least carbon at no loss of profit."""


class Accelerators(StrEnum):
    """What an accelerator hour that is freed is valued at."""

    STATED = "as stated"
    """What the scenario pays: the capacity price where accelerators are reserved, the on-demand
    price, and the capacity price beyond it, where they are not."""
    RESERVED = "reserved"
    """As if all were paid for already: the capacity price, nothing where capacity is left."""
    ON_DEMAND = "on demand"
    """As if all were paid by the hour: the on-demand price, or the hourly part of the yearly one
    where none is stated."""


@dataclass(frozen=True)
class Scale:
    """What counts as worst and best: accuracy 0..1, latency in ms, grams per request."""

    accuracy_min: float
    accuracy_max: float
    latency_min_ms: float
    latency_max_ms: float
    reference_g: float
    """c_ref: emissions at which the environmental part of utility is zero."""

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        yield from numbers(self, "", POSITIVE, "reference_g")
        ends = (("accuracy_min", "accuracy_max"), ("latency_min_ms", "latency_max_ms"))
        for name, (low, high) in zip(("accuracy", "latency_ms"), ends, strict=True):
            wrong = list(numbers(self, "", FINITE, low, high))
            yield from wrong
            if not wrong and not getattr(self, low) < getattr(self, high):
                what = f"runs from {getattr(self, low):g} to {getattr(self, high):g}"
                yield Problem(name, what, "Give a least below a most.")


@dataclass(frozen=True)
class Segment:
    """Users who are alike: share of the requests, and taste.

    Accuracy and latency complement each other where k_a + k_l is below 1, and stand in for each
    other above.
    """

    id: str
    share: float
    """Share of the requests; the shares of all segments are brought to 1."""
    consciousness: float | None
    """θ, environmental consciousness, 0..1; None: as `usd_per_t` has it."""
    weight_accuracy: float
    """k_a, 0..1."""
    weight_latency: float
    """k_l, 0..1."""
    curvature: float = 0.0
    """ρ of u(q); 0 is linear."""
    value: float = 2.0
    """W over the price of a request: what a unit of utility is worth."""
    usd_per_utility: float | None = None
    """W in USD; instead of `value`."""
    usd_per_t: float = WILLING_USD_PER_T
    """What a tonne less is worth to these users, where `consciousness` is None."""

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        at = f"users.segments.{self.id}."
        yield from texts(self, at, "id")
        yield from numbers(self, at, NOT_NEGATIVE, "share", "value", "usd_per_t")
        yield from numbers(self, at, SHARE, "weight_accuracy", "weight_latency")
        yield from numbers(self, at, replace(SHARE, optional=True), "consciousness")
        yield from numbers(self, at, FINITE, "curvature")
        yield from numbers(self, at, OPTIONAL_WORTH, "usd_per_utility")


@dataclass(frozen=True)
class Prior:
    """A distribution over types of users, each part by itself.

    What a tonne less is worth is log-normal, and θ follows from it: W·θ/c_ref. Where a mean of θ is
    given, θ is Beta with that mean and the concentration instead. k_a and k_l are Beta likewise,
    scaled down together where they add up to more than 1; ρ is uniform over its range; W over the
    price is log-normal. docs/users.md names the evidence.
    """

    usd_per_t_median: float = WILLING_USD_PER_T
    usd_per_t_sigma: float = 1.0
    consciousness_mean: float | None = None
    consciousness_concentration: float = 4.0
    weight_accuracy_mean: float = 0.5
    weight_latency_mean: float = 0.3
    weight_concentration: float = 8.0
    curvature_low: float = 0.0
    curvature_high: float = 3.0
    value_median: float = 2.0
    value_sigma: float = 0.8

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        at = "users.prior."
        yield from numbers(self, at, INSIDE, "weight_accuracy_mean", "weight_latency_mean")
        yield from numbers(self, at, replace(INSIDE, optional=True), "consciousness_mean")
        spreads = ("consciousness_concentration", "weight_concentration", "value_median")
        yield from numbers(self, at, POSITIVE, *spreads)
        yield from numbers(
            self, at, NOT_NEGATIVE, "value_sigma", "usd_per_t_median", "usd_per_t_sigma"
        )
        wrong = list(numbers(self, at, FINITE, "curvature_low", "curvature_high"))
        yield from wrong
        if not wrong and self.curvature_low > self.curvature_high:
            what = f"runs from {self.curvature_low:g} to {self.curvature_high:g}"
            yield Problem(f"{at}curvature", what, "Give a least that is not above the most.")


@dataclass(frozen=True)
class Users:
    """A population, the prices it pays, and how it chooses.

    Segments, where there are any, take the place of the prior. A price per request of a class
    takes the place of the prices per token.
    """

    prior: Prior = Prior()
    segments: tuple[Segment, ...] = ()
    count: int = 20_000
    """Draws from the prior."""
    seed: int = 2026
    usd_per_mtok_in: float = 0.0
    """Price of a million prompt tokens in full service."""
    usd_per_mtok_out: float = 0.0
    """Price of a million answer tokens in full service."""
    scale: float = 0.02
    """μ over the price: the spread of what users do not say; 0 is the hard rule."""
    scale_usd: float | None = None
    """μ in USD per request, as `fit` finds it; instead of `scale`."""
    ends: Scale | None = None
    """What counts as worst and best; what fitted tastes were fitted on. None: accuracy 0 to 1,
    latency 0 to twice the class's budget, c_ref what full service emits in the mean.
    """
    status_quo: float = 0.08
    """Inertia: what a contract other than the standard one must offer beyond its worth to be
    adopted, over the price. With μ as it is by default, a contract that is worth nothing to a user
    is taken by 2 % of such users."""
    may_leave: bool = False
    """Whether users may choose neither."""
    outside: float = 0.0
    """What leaving is worth, over the price."""
    outside_usd: float | None = None
    """What leaving is worth in USD per request, as `fit` finds it; instead of `outside`."""

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        at = "users."
        yield from parts(self, at, prior=Prior)
        if self.ends is not None:
            yield from parts(self, at, ends=Scale)
        yield from numbers(self, at, DRAWS, "count")
        yield from numbers(self, at, SEED, "seed")
        prices = ("usd_per_mtok_in", "usd_per_mtok_out", "scale", "status_quo")
        yield from numbers(self, at, NOT_NEGATIVE, *prices)
        yield from numbers(self, at, OPTIONAL_WORTH, "scale_usd")
        yield from numbers(self, at, FINITE, "outside")
        yield from numbers(self, at, OPTIONAL, "outside_usd")
        yield from flags(self, at, "may_leave")
        wrong = list(series(self, at, "segments", Segment))
        yield from wrong
        if self.segments and not wrong:
            yield from once(f"{at}segments.", (segment.id for segment in self.segments))
            if not sum(segment.share for segment in self.segments) > 0:
                what = "nobody belongs to this population"
                yield Problem(f"{at}segments", what, "Give a segment a share above 0.")

    def price_usd(self, tokens_in: float, tokens_out: float) -> float:
        """P of a request in full service by its tokens, USD."""
        paid = tokens_in * self.usd_per_mtok_in + tokens_out * self.usd_per_mtok_out
        return paid / TOKENS_PER_MTOK

    def spread_usd(self, price_usd: float) -> float:
        """μ of a class of that price per request, USD per request."""
        return self.scale * price_usd if self.scale_usd is None else self.scale_usd

    def leaving_usd(self, price_usd: float) -> float:
        """What leaving a class of that price per request is worth, USD per request."""
        return self.outside * price_usd if self.outside_usd is None else self.outside_usd


@dataclass(frozen=True)
class Terms:
    """What kind of offer is looked for: the section `offer` of a scenario.

    `cap_share` ties the degradation cap to carbon: it is no larger than brings the emissions of
    those under contract to that share of full service's; None: as large as pays. `most` contracts
    beside full service.
    """

    objective: Goal = Goal.PROFIT
    cap_share: float | None = CAP_SHARE
    most: int = 1
    classes: tuple[str, ...] | None = None
    """Ids of the classes that get an offer; None means all that have a price."""
    accelerators: Accelerators = Accelerators.STATED
    """What an accelerator hour that is freed is worth."""
    menu: tuple[OperatingPoint, ...] = ()
    """Operating points that a degraded request may use beside the scenario's own; full service and
    a placement without tiers do not."""

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        at = "offer."
        yield from known_words(self, at, objective=Goal, accelerators=Accelerators)
        yield from numbers(self, at, replace(SHARE, optional=True), "cap_share")
        yield from numbers(self, at, CONTRACTS, "most")
        yield from series(self, at, "classes", str, optional=True)
        yield from series(self, at, "menu", OperatingPoint)
