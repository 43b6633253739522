"""The section `users` of `scenario.yaml`: who might subscribe, and what full service sells for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from wattlas.data.schema_types import NonNegative, Positive, Section, Share, Text
from wattlas.model.users import CAP_SHARE, Prior, Scale, Segment, Terms, Users
from wattlas.model.workload import OperatingPoint


class SegmentEntry(Section):
    """Users who are alike."""

    share: NonNegative
    """Share of the requests; the shares of all segments are brought to 1."""
    consciousness: Share | None = None
    """Environmental consciousness θ: the weight of carbon in a user's utility; by `usd_per_t`
    unless given."""
    usd_per_t: NonNegative = Segment.usd_per_t
    """What a tonne of CO2e less is worth to these users, USD."""
    weight_accuracy: Share
    """k_a: what accuracy alone is worth of the quality of experience."""
    weight_latency: Share
    """k_l: what latency alone is worth of the quality of experience."""
    curvature: float = 0.0
    """ρ: how fast more of the same loses worth; 0 is a straight line."""
    value: NonNegative = 2.0
    """What a unit of utility is worth, over the price of a request."""
    usd_per_utility: NonNegative | None = None
    """The same in USD per request, as `wattlas tiers fit` finds it; instead of `value`."""


class PriorSection(Section):
    """A distribution over users, each part by itself."""

    usd_per_t_median: NonNegative = Prior.usd_per_t_median
    """Median of what a tonne of CO2e less is worth to users, USD; log-normal."""
    usd_per_t_sigma: NonNegative = Prior.usd_per_t_sigma
    """Spread of its logarithm."""
    consciousness_mean: float | None = Field(default=Prior.consciousness_mean, gt=0, lt=1)
    """Mean of θ, Beta distributed; instead of USD per tonne."""
    consciousness_concentration: Positive = Prior.consciousness_concentration
    """How close θ lies to its mean; 2 and less is nearly all or nothing."""
    weight_accuracy_mean: float = Field(default=Prior.weight_accuracy_mean, gt=0, lt=1)
    """Mean of k_a, Beta distributed."""
    weight_latency_mean: float = Field(default=Prior.weight_latency_mean, gt=0, lt=1)
    """Mean of k_l, Beta distributed."""
    weight_concentration: Positive = Prior.weight_concentration
    """How close k_a and k_l lie to their means."""
    curvature_low: float = Prior.curvature_low
    """Least ρ; uniform between the two."""
    curvature_high: float = Prior.curvature_high
    """Greatest ρ."""
    value_median: Positive = Prior.value_median
    """Median of what a unit of utility is worth over the price; log-normal."""
    value_sigma: NonNegative = Prior.value_sigma
    """Spread of its logarithm."""


class EndsSection(Section):
    """What counts as worst and best; fitted tastes hold on the ends they were fitted on."""

    accuracy_min: Share
    """Accuracy that is worth nothing."""
    accuracy_max: Share
    """Accuracy that could not be better."""
    latency_min_ms: NonNegative
    """Latency that could not be better, ms."""
    latency_max_ms: Positive
    """Latency that is worth nothing, ms."""
    reference_g: Positive
    """Grams per request at which the environmental part of utility is zero."""

    @model_validator(mode="after")
    def _in_order(self) -> EndsSection:
        for name, low, high in (
            ("accuracy", self.accuracy_min, self.accuracy_max),
            ("latency", self.latency_min_ms, self.latency_max_ms),
        ):
            if not low < high:
                raise ValueError(f"{name} runs from {low:g} to {high:g}; give a least below a most")
        return self


class UsersSection(Section):
    """Who might subscribe to a tier. `study` designs tiers where a price is given."""

    prior: PriorSection = PriorSection()
    """The population, where there are no segments: draws from this."""
    segments: dict[str, SegmentEntry] = Field(default_factory=dict)
    """The population, segment by segment: `id: {field: value}`."""
    count: int = Field(default=Users.count, ge=1, le=10_000_000)
    """Draws from the prior."""
    seed: int = Field(default=Users.seed, ge=0)
    """Of the draws."""
    usd_per_mtok_in: NonNegative = 0.0
    """Price of a million prompt tokens in full service."""
    usd_per_mtok_out: NonNegative = 0.0
    """Price of a million answer tokens in full service."""
    scale: NonNegative = Users.scale
    """Spread μ of the unobserved part of utility, over the price; 0: users choose the best."""
    scale_usd: NonNegative | None = None
    """The same in USD per request; instead of `scale`."""
    ends: EndsSection | None = None
    """What counts as worst and best; accuracy 0 to 1 and twice the budget unless given."""
    status_quo: NonNegative = Users.status_quo
    """Inertia: what a contract must offer beyond its worth to be adopted, over the price."""
    may_leave: bool = False
    """Whether users may choose neither full service nor a tier."""
    outside: float = 0.0
    """What leaving is worth, over the price of a request."""
    outside_usd: float | None = None
    """The same in USD per request; instead of `outside`."""

    @model_validator(mode="after")
    def _somebody(self) -> UsersSection:
        if self.segments and not sum(segment.share for segment in self.segments.values()) > 0:
            raise ValueError("nobody belongs to this population: give a segment a share above 0")
        return self

    def as_model(self) -> Users:
        """The section as the model has it."""
        fields = self.model_dump(exclude={"prior", "segments", "ends"})
        segments = tuple(
            Segment(id=name, **segment.model_dump()) for name, segment in self.segments.items()
        )
        ends = None if self.ends is None else Scale(**self.ends.model_dump())
        return Users(Prior(**self.prior.model_dump()), segments, ends=ends, **fields)


class OfferSection(Section):
    """What kind of tier a study looks for."""

    objective: Literal["profit", "carbon"] = "profit"
    """Most profit, or least carbon at no loss of profit."""
    cap_share: Share | Literal["free"] = CAP_SHARE
    """Degrade no more than brings those under contract to this share of full service's carbon;
    `free`: as much as pays."""
    most: int = Field(default=1, ge=1, le=5)
    """Most contracts beside full service."""
    classes: list[Text] | None = None
    """Classes that get an offer; all that have a price unless given."""
    accelerators: Literal["as stated", "reserved", "on demand"] = "as stated"
    """What an accelerator hour that is freed is worth."""
    points: list[Text] = Field(default_factory=list)
    """Profiles that a degraded request may use beside the scenario's operating points."""
    profiles: Text | None = None
    """The table of profiles that they stand in, a file or a pack; the own pack by default."""

    def as_model(self, menu: tuple[OperatingPoint, ...] = ()) -> Terms:
        """The section as the model has it; `menu` are the profiles that `points` names."""
        fields = self.model_dump(exclude={"classes", "points", "profiles", "cap_share"})
        fields["cap_share"] = None if self.cap_share == "free" else self.cap_share
        classes = None if self.classes is None else tuple(self.classes)
        return Terms(classes=classes, menu=menu, **fields)
