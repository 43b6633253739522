"""The sections of `scenario.yaml` that state facts: places, operating points, signals, network.

Each section of things with ids may name a `table`, choose among its rows with `only` and `drop`,
set a field of `all` of them, and patch or add single ones by id. The fields are the columns of the
table. A pack gives what the document does not.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from wattlas.data.entry_models import (
    MetroEntry,
    NodeEntry,
    PointEntry,
    RegionEntry,
    TokenProfileEntry,
)
from wattlas.data.schema_types import NonNegative, Positive, Section, Text, table_or

DistanceModel = Literal["fitted", "paper"]


class Selection(Section):
    """What every section of things with ids can say beside the things themselves."""

    model_config = ConfigDict(extra="allow", json_schema_extra=table_or("table"))
    ENTRY: ClassVar[type[Section]]

    table: Text | None = None
    """CSV or Parquet file with one row each; replaces the pack's table."""
    only: list[Text] | None = None
    """Keep these ids and no others."""
    drop: list[Text] | None = None
    """Leave these ids out."""


class Metros(Selection):
    """Client metros: `id: {field: value}` patches one or adds one."""

    ENTRY: ClassVar[type[Section]] = MetroEntry
    __pydantic_extra__: dict[str, MetroEntry] = Field(init=False)
    all: MetroEntry | None = None
    """Fields that every metro gets, unless its own entry says otherwise."""


class Nodes(Selection):
    """Service nodes: `id: {field: value}` patches one or adds one."""

    ENTRY: ClassVar[type[Section]] = NodeEntry
    __pydantic_extra__: dict[str, NodeEntry] = Field(init=False)
    at: Literal["metros", "regions"] | None = None
    """Instead of a table: one node at each metro (no round trip to it), or at each region."""
    all: NodeEntry | None = None
    """Fields that every node gets, unless its own entry says otherwise."""


class Regions(Selection):
    """Compute regions: `id: {field: value}` patches one or adds one."""

    ENTRY: ClassVar[type[Section]] = RegionEntry
    __pydantic_extra__: dict[str, RegionEntry] = Field(init=False)
    all: RegionEntry | None = None
    """Fields that every region gets, unless its own entry says otherwise."""


class Points(Selection):
    """Operating points: `id: {field: value}` patches one or adds one."""

    ENTRY: ClassVar[type[Section]] = PointEntry
    __pydantic_extra__: dict[str, PointEntry] = Field(init=False)
    accuracy_table: Text | None = None
    """Table of class, point, accuracy: scores by class."""
    all: PointEntry | None = None
    """Fields that every point gets, unless its own entry says otherwise."""


class TokenProfiles(Selection):
    """Token profiles: `id: {tokens_in: …, tokens_out: …}` patches one or adds one."""

    ENTRY: ClassVar[type[Section]] = TokenProfileEntry
    __pydantic_extra__: dict[str, TokenProfileEntry] = Field(init=False)


class Signal(Section):
    """An hourly signal per grid zone."""

    model_config = ConfigDict(json_schema_extra=table_or("table"))

    table: Text | None = None
    """CSV or Parquet with time_utc, zone and the value; replaces the pack's table."""
    missing: Literal["pack"] | None = None
    """Zones that the table lacks keep the pack's hours; without it they are an error."""
    constant: dict[str, float] | None = None
    """Zone → one value for every hour; replaces what a table says of that zone."""
    scale: NonNegative = 1.0
    """Every value is multiplied by this."""
    source: str = ""
    """Who publishes it."""
    licence: str = ""
    """Under which terms."""
    note: str = ""
    """What a reader must know of it, e.g. wholesale or retail."""


class PriceSignal(Signal):
    """Electricity price at the meter; column price_usd_per_mwh."""

    add_usd_per_mwh: float = 0.0
    """Added to every price after `scale`: grid fees, taxes, a supplier's margin."""
    unknown: bool = False
    """Nobody knows what electricity costs: carbon is made least, and no cost is stated."""


class CarbonSignal(Signal):
    """Carbon intensity; columns average_g_per_kwh and, where there is one, marginal_g_per_kwh."""


class SignalsSection(Section):
    """What electricity costs and emits, by zone and hour."""

    price: PriceSignal = PriceSignal()
    """Electricity price, USD/MWh; may be negative."""
    carbon: CarbonSignal = CarbonSignal()
    """Average and marginal carbon intensity, gCO2e/kWh."""
    intensity_kind: Literal["life-cycle", "direct"] | None = None
    """What the average covers; the pack says so unless given."""
    decide_by: Literal["marginal", "average"] | None = None
    """The intensity that decisions use: marginal where the data has it, unless `average`."""


class RttLeg(Section):
    """Round-trip times of one leg: a matrix, or a named distance model."""

    model_config = ConfigDict(json_schema_extra=table_or("model"))

    table: Text | None = None
    """CSV or Parquet with the two ids, rtt_ms and, optionally, method; replaces the pack's."""
    model: DistanceModel | None = None
    """Estimate every pair from distance: fitted (16.6 ms + 1.515 ms/100 km) or paper."""
    missing: DistanceModel | None = None
    """Estimate the pairs that the table lacks; without it a missing pair is an error."""
    pairs: dict[str, dict[str, NonNegative]] | None = None
    """First id → second id → round trip, ms: corrects or adds single pairs."""
    add_ms: NonNegative = 0.0
    """Added to every round trip of this leg, e.g. the last mile to the client."""


class Egress(Section):
    """What it costs to move a GB between a service node and a region."""

    model_config = ConfigDict(json_schema_extra=table_or("table"))

    table: Text | None = None
    """CSV or Parquet with node, region, egress_usd_per_gb; replaces the pack's."""
    default_usd_per_gb: NonNegative | None = None
    """Price of the pairs that the table lacks."""
    pairs: dict[str, dict[str, NonNegative]] | None = None
    """Node → region → USD/GB: corrects or adds single pairs."""
    scale: NonNegative = 1.0
    """Every price is multiplied by this."""


class NetworkSection(Section):
    """Round trips and egress."""

    metro_node: RttLeg = RttLeg()
    """From each metro to its service node."""
    node_region: RttLeg = RttLeg()
    """From each service node to each region."""
    egress: Egress = Egress()
    """Price of traffic between service nodes and regions."""


class CapacitySection(Section):
    """Accelerators by hour, over what the regions say of themselves."""

    model_config = ConfigDict(json_schema_extra=table_or("table"))

    table: Text | None = None
    """CSV or Parquet with time_utc, region, reserved_gpu; regions it lacks keep their number."""
    scale: Positive = 1.0
    """Every number of accelerators, reserved and on demand, is multiplied by this."""
    free: bool = False
    """Leave every limit on accelerators out; what is paid by the hour is still paid."""
