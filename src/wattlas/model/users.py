"""Who subscribes, what full service sells for, and what users are thought to feel.

Worth is stated as a multiple of the price of a request, so that one population serves a cheap and
a dear class alike: W = value · P. Section 7 of the model; Siris et al. 2026, in our reading.
"""

from __future__ import annotations

from dataclasses import dataclass

from wattlas.errors import InputError, Problem

TOKENS_PER_MTOK = 1e6


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
        problems = [
            Problem(name, f"runs from {low:g} to {high:g}", "Give a least below a most.")
            for name, low, high in (
                ("accuracy", self.accuracy_min, self.accuracy_max),
                ("latency_ms", self.latency_min_ms, self.latency_max_ms),
            )
            if not low < high
        ]
        if not self.reference_g > 0:
            problems.append(
                Problem("reference_g", f"is {self.reference_g:g}", "Give grams above 0.")
            )
        if problems:
            raise InputError(problems)


@dataclass(frozen=True)
class Segment:
    """Users who are alike: share of the requests, and taste.

    Accuracy and latency complement each other where k_a + k_l is below 1, and stand in for each
    other above.
    """

    id: str
    share: float
    """Share of the requests; the shares of all segments are brought to 1."""
    consciousness: float
    """θ, environmental consciousness, 0..1."""
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


@dataclass(frozen=True)
class Prior:
    """A distribution over types of users, each part by itself.

    θ is Beta with the mean and the concentration given; k_a and k_l are Beta likewise, scaled
    down together where they add up to more than 1; ρ is uniform over its range; W over the price
    is log-normal. docs/users.md names the evidence.
    """

    consciousness_mean: float = 0.15
    consciousness_concentration: float = 4.0
    weight_accuracy_mean: float = 0.5
    weight_latency_mean: float = 0.3
    weight_concentration: float = 8.0
    curvature_low: float = 0.0
    curvature_high: float = 3.0
    value_median: float = 2.0
    value_sigma: float = 0.8


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
    scale: float = 0.05
    """μ over the price: the spread of what users do not say; 0 is the hard rule."""
    scale_usd: float | None = None
    """μ in USD per request, as `fit` finds it; instead of `scale`."""
    ends: Scale | None = None
    """What counts as worst and best; what fitted tastes were fitted on. None: accuracy 0 to 1,
    latency 0 to twice the class's budget, c_ref what full service emits in the mean.
    """
    status_quo: float = 0.0
    """What a contract other than the standard one must offer beyond its worth to be taken up, over
    the price: the pull of the default."""
    may_leave: bool = False
    """Whether users may choose neither."""
    outside: float = 0.0
    """What leaving is worth, over the price."""
    outside_usd: float | None = None
    """What leaving is worth in USD per request, as `fit` finds it; instead of `outside`."""

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
    """What kind of offer is looked for.

    `objective` is `profit`, or `carbon`: least carbon at no loss of profit. `cap_share` ties the
    promise to carbon: no more is promised than keeps the emissions of those under contract at that
    share of full service's; None promises as much as pays. `most` contracts beside full service.
    """

    objective: str = "profit"
    cap_share: float | None = None
    most: int = 1
    classes: tuple[str, ...] | None = None
    """Ids of the classes that get an offer; None means all that have a price."""
    accelerators: str = "rent and capacity price"
    """What an accelerator hour that is freed is worth: `rent`, `capacity price`, or both."""
