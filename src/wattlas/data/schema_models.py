"""The document `scenario.yaml`, and the sections that state choices rather than facts."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from wattlas.data.entry_models import ClassEntry, VariantEntry
from wattlas.data.schema_facts import (
    CapacitySection,
    Metros,
    NetworkSection,
    Nodes,
    Points,
    Regions,
    Selection,
    SignalsSection,
    TokenProfiles,
)
from wattlas.data.schema_types import Names, NonNegative, Section, Share, Text, table_or
from wattlas.data.schema_users import OfferSection, UsersSection

WhenNoneChoice = Literal["error", "nearest"]
HOURS_PER_DAY = 24


class SampleSection(Section):
    """A sample of days instead of every hour."""

    days_per_month: int = Field(ge=1, le=28)
    """Representative days of each month; weights keep the month's number of days."""


class TimeSection(Section):
    """Which hours are studied."""

    start: Text | None = None
    """First hour, UTC, e.g. 2023-01-01T00:00:00Z; the first of the data unless given."""
    hours: int | None = Field(default=None, ge=1, le=1_000_000)
    """How many hours, whatever the step; all that the data has from `start` unless given."""
    step_h: float | None = Field(default=None, ge=1 / 60, le=HOURS_PER_DAY)
    """Length of a step, h; the longest of the price table's series unless given."""
    sample: SampleSection | None = None
    """Study representative days only; every hour unless given."""


class Classes(Selection):
    """Workload classes: `id: {field: value}`."""

    ENTRY: ClassVar[type[Section]] = ClassEntry
    __pydantic_extra__: dict[str, ClassEntry] = Field(init=False)
    all: ClassEntry | None = None
    """Fields that every class gets, unless its own entry says otherwise."""


class LocalProfile(Section):
    """When in the local day and week the demand of a class comes."""

    hour_weights: str | None = None
    """Name of an hour profile, `waking` and `office` among them; all hours alike unless given."""
    weekend_factor: NonNegative = 1.0
    """Demand of a local Saturday or Sunday / that of a working day."""


class DemandOfClass(LocalProfile):
    """How much of the demand is of a class, and when in the local day it comes."""

    share: Share
    """Share of a person's requests."""


class PopulationDemand(Section):
    """Demand from population and a local-time profile."""

    requests_per_person_day: NonNegative
    """Requests of one person on a working day, all classes together."""
    by_country: dict[str, NonNegative] = Field(default_factory=dict)
    """Country → requests per person and working day, where it differs."""
    by_metro: dict[str, NonNegative] = Field(default_factory=dict)
    """Metro → requests per person and working day, where it differs."""
    classes: dict[str, DemandOfClass]
    """Class → share and local profile. The shares add up to 1."""
    hour_profiles: dict[str, list[NonNegative]] = Field(default_factory=dict)
    """Name → 24 weights, one per local hour from midnight. They are normalised."""


TotalsByPlace = dict[str, dict[str, NonNegative]]
"""Metro, country or `*` → class → number."""


class TotalsDemand(Section):
    """Demand as a company knows it: totals per day or month, by metro or country, and class."""

    model_config = ConfigDict(json_schema_extra=table_or("table"))

    table: Text | None = None
    """CSV or Parquet with metro or country, class, and one of the four totals; [period]."""
    requests_per_day: TotalsByPlace = Field(default_factory=dict)
    """Metro, country or `*` (everywhere) → class → requests on the mean day of a month."""
    requests_per_month: TotalsByPlace = Field(default_factory=dict)
    """Metro, country or `*` → class → requests of a month."""
    tokens_per_day: TotalsByPlace = Field(default_factory=dict)
    """Metro, country or `*` → class → prompt and answer tokens on the mean day of a month."""
    tokens_per_month: TotalsByPlace = Field(default_factory=dict)
    """Metro, country or `*` → class → prompt and answer tokens of a month."""
    countries: dict[str, list[Text]] = Field(default_factory=dict)
    """Country → metros that its demand comes from; those in it unless given."""
    hour_weights: str | None = None
    """Name of an hour profile for the classes that name none; all hours alike unless given."""
    weekend_factor: NonNegative | None = None
    """Demand of a local Saturday or Sunday / that of a working day; 1 unless given."""
    classes: dict[str, LocalProfile] = Field(default_factory=dict)
    """Class → local profile, where it differs."""
    hour_profiles: dict[str, list[NonNegative]] = Field(default_factory=dict)
    """Name → 24 weights, one per local hour from midnight. They are normalised."""


class DemandSection(Section):
    """How many requests of each class come from each metro in each hour."""

    model_config = ConfigDict(json_schema_extra=table_or("table"))

    table: Text | None = None
    """CSV or Parquet with time_utc, metro, class, requests_per_h."""
    population: PopulationDemand | None = None
    """Population × local-time profile, for the classes that the table lacks."""
    totals: TotalsDemand | None = None
    """Requests or tokens per day or month, for the classes that the others lack."""
    scale: NonNegative = 1.0
    """Every demand is multiplied by this."""


class BaselineSection(Section):
    """Where demand runs today, before anything is moved: a region that must be able to serve it."""

    metros: dict[str, Text] = Field(default_factory=dict)
    """Metro → its baseline region, for every class; the nearest feasible one unless given."""
    classes: dict[str, dict[str, Text]] = Field(default_factory=dict)
    """Class → metro → baseline region, where it differs."""


class FrictionsSection(Section):
    """What changing the placement costs. Without any cost, the hours are solved apart."""

    start_usd_per_gpu_h: NonNegative = 0.0
    """Per GPU-h/h of capacity started."""
    start_usd_by_region: dict[str, NonNegative] = Field(default_factory=dict)
    """The same for a region where it differs."""
    start_kwh_per_gpu_h: NonNegative = 0.0
    """Warm-up energy per GPU-h/h started, IT kWh."""
    carry_weights: bool = False
    """Charge the model's bytes over the egress price for each accelerator started."""
    move_state: bool = False
    """Charge sticky classes for the session state that moves."""
    initial: Literal["baseline", "cold", "free"] = "baseline"
    """What runs before the first hour: each demand in its baseline region, nothing, or the best."""


class TierEntry(Section):
    """A contract beside full service: a discount, a degradation cap and a fallback."""

    share_max: Share
    """Degradation cap: most requests of a billing window that may be degraded, as a share."""
    adoption: Share
    """Share of each class's demand that is under this contract."""
    accuracy_min: Share = 0.0
    """Fallback: least accuracy of a degraded request."""
    latency_factor: float = Field(default=1.0, ge=1)
    """Fallback: longest latency of a degraded request, times the class's budget."""
    discount: Share = 0.0
    """Share of the price that the subscriber does not pay."""
    classes: list[Text] | None = None
    """Classes that it is offered to; all unless given."""
    points: list[Text] | None = None
    """Operating points that a degraded request may use; all of that accuracy unless given."""
    window: Literal["all", "month", "day", "hour"] = "month"
    """The billing window that the share holds over."""


class ObjectiveSection(Section):
    """What is made least, and what is kept within bounds. At most one cap."""

    minimise: Literal["cost", "carbon"] = "cost"
    """cost in USD, or carbon in tCO2e with cost breaking ties."""
    carbon_price_usd_per_t: NonNegative = 0.0
    """Internal carbon price, part of the cost."""
    carbon_cap_t: NonNegative | None = None
    """Most carbon per window, tCO2e."""
    carbon_cap_share: NonNegative | None = None
    """Most carbon per window, as a share of what the baseline emits."""
    cost_cap_usd: NonNegative | None = None
    """Most variable cost per window, USD: what is reserved comes on top."""
    cost_cap_share: NonNegative | None = None
    """Most variable cost per window, as a share of what the baseline costs."""
    window: Literal["all", "month", "day", "hour"] = "all"
    """The stretch of time that the cap holds over."""

    @property
    def caps_cost(self) -> bool:
        """Whether there is a cap on cost."""
        return self.cost_cap_usd is not None or self.cost_cap_share is not None


class ScenarioDocument(Section):
    """A Wattlas scenario: demand, places, signals and rules."""

    model_config = ConfigDict(title="Wattlas scenario")

    name: Text
    """Short name; results carry it."""
    title: str = ""
    """One line for people."""
    notice: str = ""
    """What every output must say about the data, beside what the pack says."""
    pack: Names | None = None
    """Name of an embedded pack of facts, or the path of a folder that holds one; or a list: each
    table is that of the last pack that has it, price and carbon zone by zone."""
    time: TimeSection = TimeSection()
    """Which hours are studied, in UTC."""
    metros: Metros = Metros()
    """Where requests come from."""
    nodes: Nodes = Nodes()
    """The service nodes that clients reach."""
    regions: Regions = Regions()
    """Where requests can run."""
    capacity: CapacitySection = CapacitySection()
    """Accelerators by hour."""
    signals: SignalsSection = SignalsSection()
    """What electricity costs and emits."""
    network: NetworkSection = NetworkSection()
    """Round trips and egress prices."""
    variants: dict[str, VariantEntry] = Field(default_factory=dict)
    """Model variants: what their operating points share."""
    points: Points = Points()
    """Operating points."""
    token_profiles: TokenProfiles = TokenProfiles()
    """How long prompts and answers are."""
    classes: Classes = Classes()
    """Workload classes."""
    demand: DemandSection = DemandSection()
    """How many requests come when and from where."""
    residency: dict[str, dict[str, list[Text]]] = Field(default_factory=dict)
    """Rule → jurisdiction of the metro (or `*`) → jurisdictions that may serve it (or `*`)."""
    tiers: dict[str, TierEntry] = Field(default_factory=dict)
    """Contracts beside full service: `id: {field: value}`."""
    users: UsersSection | None = None
    """Who might subscribe to a tier, and what full service sells for."""
    offer: OfferSection = OfferSection()
    """The kind of tier that `study` and `tiers design` look for."""
    baseline: BaselineSection = BaselineSection()
    """Where demand runs today; what savings and moves are told against."""
    frictions: FrictionsSection = FrictionsSection()
    """What changing the placement costs."""
    objective: ObjectiveSection = ObjectiveSection()
    """What is made least."""
    solver: Literal["auto", "engine", "highs"] = "auto"
    """Who solves hours that nothing couples: the fast engine, HiGHS, or the quicker one."""
    unserved_usd_per_request: NonNegative | None = None
    """Price of an unserved request for the classes that do not say."""
    when_none: WhenNoneChoice = "error"
    """What happens where no place meets a class's budget, for the classes that do not say."""
    overrides: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Name → what to change: sections, or dotted paths such as `regions.oslo.pue`."""
    scenarios: dict[str, list[str]] = Field(default_factory=dict)
    """Name → overrides, applied in this order by `--scenario NAME`."""
