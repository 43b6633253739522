"""The form of a schedule's file, and how it is read.

A schedule is one file of JSON, so that the service needs neither the scenario nor a solver:

    epoch     with which a later schedule replaces an earlier one, and who wrote it
    classes   id, and for a class under a contract its base class and the contract
    points    energy per token and per request, and the model variant
    regions   PUE
    usual     metro → class → where full service would have run without Wattlas
    hours     from when and for how long it holds; sets of places with their shares; what degrading
              saves and from which saving on it is done; prices and intensities, and their vintage
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wattlas.errors import InputError, Problem

LARGEST_BYTES = 256 * 1024 * 1024
"""A file that is larger is not read: 60 regions, 200 metros and two days make a tenth of it."""

MOST = 1e6
"""More than any price, intensity or energy per token is, in the units here: with it every amount
of a request is a number of 64 bits."""
NotNegative = Annotated[float, Field(ge=0, le=MOST, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(ge=-MOST, le=MOST, allow_inf_nan=False)]


class _SchedulePart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClassPart(_SchedulePart):
    """A class of requests. One that is under a contract names it, and the class that it is from."""

    id: str
    base: str = ""
    contract: str = ""


class PointPart(_SchedulePart):
    """An operating point: the model variant, and IT energy per token and per request, J."""

    variant: str
    prefill_j_per_token: NotNegative = 0.0
    decode_j_per_token: NotNegative = 0.0
    request_j: NotNegative = 0.0


class RegionPart(_SchedulePart):
    """A region: facility energy over IT energy."""

    pue: Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)]


class PlacePart(_SchedulePart):
    """Where a part of a set goes."""

    region: str
    point: str
    share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0


class SetPart(_SchedulePart):
    """Places of a metro and class, in full service or degraded. `saving_usd` is what degrading one
    request saves; null where it has no fallback."""

    metro: str
    klass: str = Field(alias="class")
    full: tuple[PlacePart, ...]
    degraded: tuple[PlacePart, ...] = ()
    saving_usd: Finite | None = None


class SignalPart(_SchedulePart):
    """What a kWh costs and emits in a region; null is unknown. Prices may be negative."""

    price_usd_per_mwh: Finite | None = None
    average_g_per_kwh: NotNegative | None = None
    marginal_g_per_kwh: Finite | None = None


class HourPart(_SchedulePart):
    """A routing, and the signals while it holds. A threshold of null means never degraded."""

    issued_utc: datetime
    hold_s: Positive
    sets: tuple[SetPart, ...]
    threshold_usd: Mapping[str, Finite | None] = {}
    signals: Mapping[str, SignalPart] = {}
    vintage: str = ""


class SchedulePart(_SchedulePart):
    """The whole file."""

    format: Literal["wattlas-schedule-1"]
    epoch: Annotated[int, Field(ge=0, lt=2**63)]
    writer: str = ""
    source: str = ""
    classes: tuple[ClassPart, ...]
    points: Mapping[str, PointPart]
    regions: Mapping[str, RegionPart]
    usual: Mapping[str, Mapping[str, PlacePart]] = {}
    hours: Annotated[tuple[HourPart, ...], Field(min_length=1)]


def read_part(path: Path) -> SchedulePart:
    """The file as it stands, its form checked. Raises InputError with everything that is wrong."""
    name = str(path)
    try:
        if path.stat().st_size > LARGEST_BYTES:
            fix = "Give fewer hours."
            raise InputError([Problem("(file)", "is larger than 256 MB", fix, name)])
        text = path.read_bytes()
    except OSError as error:
        what = f"cannot be read: {(error.strerror or str(error)).lower()}"
        fix = "Write it with: wattlas export routing"
        raise InputError([Problem("(file)", what, fix, name)]) from None
    return parse_part(text, name)


def parse_part(text: bytes, name: str) -> SchedulePart:
    """The file in a text, its form checked. Raises InputError with everything that is wrong."""
    try:
        return SchedulePart.model_validate_json(text)
    except ValidationError as fault:
        fix = "Write it with: wattlas export routing"
        raise InputError(
            [
                Problem(_dotted(error["loc"]), _lower(str(error["msg"])), fix, name)
                for error in fault.errors(include_url=False, include_input=False)
            ]
        ) from None


def _dotted(path: Sequence[int | str]) -> str:
    return ".".join(map(str, path)) or "(document)"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def issued_s(hour: HourPart) -> float:
    """When an hour begins, s since 1970."""
    issued = hour.issued_utc
    return (issued if issued.tzinfo else issued.replace(tzinfo=UTC)).timestamp()
