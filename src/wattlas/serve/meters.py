"""Energy that a server measures itself, where an answer says it.

A meter is named for the servers of a region: one that is known, or a header or a field with its
unit. What it says is IT energy after one factor, for a meter of accelerators alone sees neither the
hosts nor what stands idle. A reading that is missing or cannot be leaves the profile in its place,
and the row says so.

    known        in an answer             in a stream                 unit   covers
    neuralwatt   `energy.energy_joules`   the comment `: energy {…}`  J      accelerators
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import orjson
from pydantic import Field

from wattlas.data.schema_types import Section
from wattlas.model.suggest import did_you_mean
from wattlas.units import J_PER_KWH

Unit = Literal["J", "mJ", "Wh", "kWh"]
J_PER_UNIT: Mapping[str, float] = {"J": 1.0, "mJ": 1e-3, "Wh": 3600.0, "kWh": J_PER_KWH}
IT_PER_ACCELERATOR = 1.6
"""IT energy over that of the accelerators: of a median text prompt 58 % were accelerators, 25 %
hosts and 10 % what stood idle (Elsworth et al. 2025), (58 + 25 + 10) / 58."""
MOST_RATIO = 100.0
"""A reading that differs from the profile by a larger factor is of another unit, or of more than
this answer."""
MOST_J = 1e9
"""More than any answer takes: 278 kWh."""
PROFILE, ABSENT, ODD = "profile", "no-reading", "odd-reading"
"""How a row's energy was found: tokens by the profile; the same because the meter said nothing, or
what cannot be. Any other word is the name of the meter."""


class KnownMeter(NamedTuple):
    """Where servers of a kind say their energy: a field, and the word of a comment in streams."""

    field: str
    comment: str
    unit: Unit


KNOWN: Mapping[str, KnownMeter] = {"neuralwatt": KnownMeter("energy.energy_joules", "energy", "J")}


class MeterSection(Section):
    """What the servers of a region say of the energy of an answer."""

    kind: str | None = None
    """A meter that is known: neuralwatt. Or give `header` or `field`, and `unit`."""
    header: str | None = None
    """Name of a header of the answer."""
    field: str | None = None
    """A field of the answer, and of events of a stream: names with dots between, `usage.energy_j`.
    """
    unit: Unit | None = None
    covers: Literal["accelerators", "server"] = "accelerators"
    """What is metered."""
    it_per_metered: float | None = Field(default=None, ge=1, le=10)
    """IT energy over what is metered: 1.6 for accelerators, 1 for the server, unless given."""


def as_section(value: Any) -> Any:
    """A bare word is the name of a known meter."""
    return {"kind": value} if isinstance(value, str) else value


def section_problems(section: MeterSection) -> Iterator[tuple[str, str, str]]:
    """(key, what, fix) of what the form alone does not show."""
    given = [key for key in ("kind", "header", "field") if getattr(section, key) is not None]
    if len(given) != 1:
        yield "", "needs one of `kind`, `header` and `field`", "Say where the energy stands."
        return
    if section.kind is not None and section.kind not in KNOWN:
        fix = did_you_mean(section.kind, list(KNOWN)) or "Give `header` or `field` with its `unit`."
        yield "kind", f"`{section.kind}` is no meter that is known", fix
    if (section.unit is None) != (section.kind is not None):
        what = "is given by its kind" if section.kind is not None else "is missing"
        yield (
            "unit",
            what,
            f"Write one of {', '.join(J_PER_UNIT)} beside `header` or `field` alone.",
        )
    for key in ("header", "field"):
        name = getattr(section, key)
        if name is not None and not (
            name.isascii() and name.isprintable() and all(name.split("."))
        ):
            yield key, f"`{name}` is no name", "Write it as the server does."


@dataclass(frozen=True)
class EnergyMeter:
    """Reads what a server says. `j_per_unit` makes it IT energy, J."""

    name: str
    header: bytes
    path: tuple[str, ...]
    comment: bytes
    j_per_unit: float

    @property
    def key(self) -> bytes:
        """What stands in the text of an event that holds a reading; empty for headers."""
        return f'"{self.path[-1]}"'.encode() if self.path else b""

    def of_body(self, said: Any) -> Any:
        """What stands in the field; None where it is not there."""
        for name in self.path:
            said = said.get(name) if isinstance(said, dict) else None
        return said if self.path else None

    def of_comments(self, event: bytes) -> Any:
        """What stands in a comment of an event; None where there is none."""
        if not self.comment or self.comment not in event:
            return None
        for line in event.splitlines():
            if line.startswith(self.comment):
                try:
                    said = orjson.loads(line[len(self.comment) :])
                except orjson.JSONDecodeError:
                    return line
                return said.get(self.path[-1]) if isinstance(said, dict) else said
        return None

    def joules(self, reading: Any) -> float | None:
        """IT energy, J; None for what is no amount of energy."""
        if isinstance(reading, bytes):
            try:
                reading = float(reading)
            except ValueError:
                return None
        if isinstance(reading, bool) or not isinstance(reading, int | float):
            return None
        amount = reading * self.j_per_unit
        return amount if 0 < amount <= MOST_J else None


REPORTED = EnergyMeter("reported", b"", (), b"", 1.0)
"""What `/settle` is told of a request's IT energy."""


def meter_of(section: MeterSection) -> EnergyMeter:
    """The meter of a section that was checked."""
    usual = IT_PER_ACCELERATOR if section.covers == "accelerators" else 1.0
    factor = usual if section.it_per_metered is None else section.it_per_metered
    known = KNOWN.get(section.kind or "")
    field, unit = (known.field, known.unit) if known else (section.field or "", section.unit or "J")
    comment = f": {known.comment} ".encode() if known else b""
    return EnergyMeter(
        section.kind or section.header or field,
        (section.header or "").lower().encode(),
        tuple(field.split(".")) if field else (),
        comment,
        J_PER_UNIT[unit] * factor,
    )


def is_odd(metered_j: float, profile_j: float) -> bool:
    """Whether a reading cannot be that of an answer to which the profile gives so much; without a
    profile (nan, or nothing) everything can."""
    return profile_j > 0 and not (profile_j / MOST_RATIO <= metered_j <= profile_j * MOST_RATIO)
