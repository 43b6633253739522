"""How a table of somebody else is laid out: all that an import must know, as one plain value.

A recipe is a layout with a name (`recipes`); the options of `wattlas data import` are its fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo

from wattlas.data.reader.stamps import Order
from wattlas.data.schema import hours, places
from wattlas.data.schema.columns import TableSchema
from wattlas.data.schema.hours import PARTS
from wattlas.errors import UsageError
from wattlas.model.suggest import did_you_mean

Stamps = Literal["begin", "end"]
Numbering = Literal["counted", "clock"]
TARGETS: Mapping[str, tuple[TableSchema, str]] = {
    "price": (hours.PRICE, "price_usd_per_mwh"),
    "carbon": (hours.CARBON, "average_g_per_kwh"),
    "marginal": (hours.CARBON, "marginal_g_per_kwh"),
    "demand": (hours.DEMAND, "requests_per_h"),
    "capacity": (hours.CAPACITY, "reserved_gpu"),
    "rtt": (places.RTT_NODE_REGION, "rtt_ms"),
    "rtt-metro-node": (places.RTT_METRO_NODE, "rtt_ms"),
    "egress": (places.EGRESS, "egress_usd_per_gb"),
}
"""What can be imported: the table it goes to and the column that it fills."""
POUND_G = 453.59237
UNITS: Mapping[str, Mapping[str, float]] = {
    "price_usd_per_mwh": {"usd/mwh": 1.0, "usd/kwh": 1e3, "usct/kwh": 10.0},
    "average_g_per_kwh": {
        "g/kwh": 1.0,
        "kg/mwh": 1.0,
        "kg/kwh": 1e3,
        "t/mwh": 1e3,
        "lb/mwh": POUND_G / 1e3,
        "lb/kwh": POUND_G,
    },
    "requests_per_h": {"requests/h": 1.0, "requests/min": 60.0, "requests/s": 3600.0},
    "reserved_gpu": {"gpu": 1.0},
    "rtt_ms": {"ms": 1.0, "s": 1e3, "us": 1e-3},
    "egress_usd_per_gb": {"usd/gb": 1.0, "usct/gb": 0.01, "usd/tb": 1e-3},
}
"""Column → units that it can be given in, and what one of each is in ours."""
PER_STEP = "requests"
"""Requests counted over a step, whatever its length."""
PATTERN = "~"
"""A name that begins with it is a pattern of the plain words of a header."""


@dataclass(frozen=True)
class Layout:
    """How a table is laid out. Names are those of its columns; None is found out, or asked."""

    table: str = "carbon"
    """One of `TARGETS`."""
    sheet: str | None = None
    """Of a spreadsheet of several."""
    separator: str | None = None
    decimal: str | None = None
    """`.` or `,`."""
    comment: str = "#"
    names: tuple[str, ...] = ()
    """Names of the columns of a file that has no header."""
    skip: int = 0
    """Lines above the rows of such a file."""
    time_column: str = hours.TIME
    """Stamps, or dates; several with `+` between make one date."""
    hour_column: str | None = None
    """Hour or period of the day, beside a date: 1 to 24, 1 to 96, 13:00."""
    interval_column: str | None = None
    """Number of the part within the hour, from 1."""
    repeated_column: str | None = None
    """Whether an hour that a clock shows twice is the second one."""
    stamps: Stamps | None = None
    dates: Order | None = None
    hour_numbers: Numbering | None = None
    """Whether hour 3 of a day is its third, or the one that a clock calls 3."""
    time_zone: str | None = None
    """IANA zone of stamps that say none; UTC unless given."""
    zone_varies: bool = False
    """Whether the source offers its files in several clocks, and `time_zone` is the usual one."""
    step_min: int | None = None
    zone_column: str | None = None
    """Column of the first key: zone, metro, region, node; without it each other column is one."""
    zone: str | None = None
    class_column: str | None = None
    """Column of the second key: class, region."""
    klass: str | None = None
    value_column: str | None = None
    wide: str = ""
    """Of a wide table the columns that count; all but the time unless given."""
    unit: str = ""
    factor: float | None = None
    """Multiplies every value, e.g. by a rate of exchange."""
    currency: str = ""
    """Of prices, where it is not USD and no header says so."""
    zone_prefix: str = ""
    """What the names of the first key begin with and ours do not."""
    rename: Mapping[str, str] = field(default_factory=dict)
    """Names of the file → ours."""
    only: tuple[str, ...] = ()
    """Keep these zones and no others; our names."""
    where: Mapping[str, str] = field(default_factory=dict)
    """Column → the cell that rows must have to be read; a pattern's with `|` between several."""
    estimated_column: str | None = None
    given: frozenset[str] = frozenset()
    """Fields that a user gave: one that turns out to be needless is told."""
    source: str = ""
    licence: str = ""
    intensity: str = "life-cycle"

    def __post_init__(self) -> None:
        for problem in self._faults():
            raise UsageError(problem)

    def _faults(self) -> Iterable[str]:
        if self.table not in TARGETS:
            yield f"--as: there is no `{self.table}`; {did_you_mean(self.table, TARGETS)}"
            return
        units = self.units
        if self.unit and self.unit.lower() not in units:
            yield (
                f"--unit: `{self.unit}` is no unit of {self.table}; wanted one of: "
                f"{', '.join(units)}. Another currency takes a rate of exchange with --factor."
            )
        if self.time_zone is not None and not _is_zone(self.time_zone):
            yield f"--time-zone: there is no zone `{self.time_zone}`; use IANA names"
        if self.step_min is not None and self.step_min not in PARTS:
            yield f"--step: {self.step_min} minutes; wanted one of {', '.join(map(str, PARTS))}"
        if self.zone is not None and self.zone_column is not None:
            yield "--zone and --zone-column: give one of the two"
        if self.klass is not None and self.class_column is not None:
            yield "--class and --class-column: give one of the two"
        if len(self.schema.series) < 2 and self.timed and (self.klass or self.class_column):
            yield f"--class and --class-column: {self.table} has no classes"

    @property
    def schema(self) -> TableSchema:
        """The table that the rows go to."""
        return TARGETS[self.table][0]

    @property
    def value(self) -> str:
        """The column that an import fills, unless the file has several of ours."""
        return TARGETS[self.table][1]

    @property
    def timed(self) -> bool:
        """Whether it is a table over time."""
        return bool(self.schema.series)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that say what a row is about: zone; metro and class; node and region."""
        return self.schema.series or self.schema.key

    @property
    def units(self) -> Mapping[str, float]:
        """Units of its values, what one is in ours."""
        units = UNITS[self.value.replace("marginal", "average")]
        return {**units, PER_STEP: 0.0} if self.value == "requests_per_h" else units


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError):  # a name that is no key; ZoneInfoNotFoundError is a KeyError
        return False
    except KeyError:
        return False
    return True


def plain(name: str) -> str:
    """A header as plain small words: `Carbon Intensity gCO₂eq/kWh (LCA)` keeps its words."""
    letters = "".join(c if c.isalnum() else " " for c in name.lower().replace("₂", "2"))
    return " ".join(letters.split())


def find(columns: Iterable[str], name: str) -> list[str]:
    """The columns of that name, or all that its pattern fits."""
    if not name.startswith(PATTERN):
        return [c for c in columns if c == name.strip()]
    return [c for c in columns if re.fullmatch(name[1:], plain(c))]


def shown(name: str) -> str:
    """A name as people read it: of a pattern its words."""
    words = re.sub(r"\.\*|[()?^$\\]", " ", name[1:]) if name.startswith(PATTERN) else name
    return " ".join(words.replace("|", " or ").split())
