"""Hours, and what each grid zone's electricity costs and emits in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from wattlas.errors import Problem
from wattlas.model.checks import (
    FINITE,
    POSITIVE,
    Bounds,
    array,
    numbers,
    once,
    part_of,
    refuse,
    series,
    texts,
)

PRICE = replace(FINITE, unknown=True)
STEPS = Bounds(whole=True, fix="Give whole numbers: steps since the start.")


class Intensity(StrEnum):
    """Which carbon intensity a figure was computed with."""

    MARGINAL = "marginal"
    AVERAGE = "average"


@dataclass(frozen=True)
class Provenance:
    """Where data comes from. Every result carries the provenance of what it used."""

    what: str
    """What it is: `price`, `carbon`, `rtt`, …"""
    source: str
    licence: str = ""
    period: str = ""
    note: str = ""


@dataclass(frozen=True)
class Hours:
    """The time steps of a study.

    Steps that follow each other in `offset` are neighbours in time; where a sample leaves a gap,
    nothing is carried across it. `weight` says how many real steps each one stands for.
    """

    start: np.datetime64
    """UTC, at second resolution; the beginning of step 0."""
    offset: np.ndarray
    """Steps since `start`, strictly increasing, int64, shape (T,)."""
    weight: np.ndarray
    """Shape (T,), positive."""
    step_h: float = 1.0

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        at = "hours."
        yield from _start(self, at)
        yield from numbers(self, at, POSITIVE, "step_h")
        offset_problems = list(array(self, at, "offset", (None,), STEPS))
        yield from offset_problems
        yield from array(
            self, at, "weight", (None if offset_problems else len(self.offset),), POSITIVE
        )
        if not offset_problems and (np.diff(self.offset) <= 0).any():
            back = int(np.argmax(np.diff(self.offset) <= 0)) + 1
            what = f"does not increase: {self.offset[back]} follows {self.offset[back - 1]}"
            yield Problem(f"{at}offset", what, "Sort the steps, and give each once.")

    @property
    def count(self) -> int:
        """T, the number of steps."""
        return len(self.offset)

    @property
    def utc(self) -> np.ndarray:
        """Beginning of each step, datetime64[s], UTC, shape (T,)."""
        step_s = round(self.step_h * 3600)
        times: np.ndarray = self.start.astype("datetime64[s]") + (self.offset * step_s).astype(
            "timedelta64[s]"
        )
        return times

    @property
    def follows(self) -> np.ndarray:
        """Whether step t directly follows t−1 in time; bool, shape (T,), the first is False."""
        linked = np.zeros(self.count, dtype=bool)
        linked[1:] = np.diff(self.offset) == 1
        return linked

    @property
    def hours(self) -> np.ndarray:
        """Hours that each step stands for, shape (T,): weight · step."""
        span: np.ndarray = self.weight * self.step_h
        return span

    @staticmethod
    def range(start: str, count: int, step_h: float = 1.0) -> Hours:
        """`count` consecutive steps from `start` (UTC)."""
        return Hours(
            start=np.datetime64(start, "s"),
            offset=np.arange(count, dtype=np.int64),
            weight=np.ones(count),
            step_h=step_h,
        )

    def take(self, index: np.ndarray, weight: np.ndarray | None = None) -> Hours:
        """The steps at `index` (increasing), with new weights where given."""
        return Hours(
            start=self.start,
            offset=self.offset[index],
            weight=self.weight[index] if weight is None else np.asarray(weight, dtype=float),
            step_h=self.step_h,
        )


def _start(hours: Hours, at: str) -> Iterator[Problem]:
    """A start that is no time; text becomes one."""
    value: object = hours.start
    try:
        start = np.datetime64(value, "s")  # type: ignore[call-overload]
    except (TypeError, ValueError):
        start = np.datetime64("NaT", "s")
    if isinstance(value, int) or np.isnat(start):
        what = f"is {value!r}, which is no time"
        yield Problem(f"{at}start", what, "Give UTC as 2023-01-01T00:00.")
    else:
        object.__setattr__(hours, "start", start)


@dataclass(frozen=True)
class Signals:
    """Hourly arrays per grid zone, shape (zones, T).

    `marginal_g_per_kwh` is None where the data has averages only: decisions then use the average
    and every output says so. Prices are nan throughout where nobody states them: carbon can be
    made least without them, and what then costs how much is not stated.
    """

    zones: tuple[str, ...]
    price_usd_per_mwh: np.ndarray
    average_g_per_kwh: np.ndarray
    marginal_g_per_kwh: np.ndarray | None = None
    intensity_kind: str = "life-cycle"
    """What the average covers: `life-cycle` or `direct`."""

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        at = "signals."
        zone_problems = list(series(self, at, "zones", str))
        yield from zone_problems
        zones = () if zone_problems else self.zones
        yield from once(f"{at}zones.", zones)
        yield from texts(self, at, "intensity_kind")
        shape: tuple[int | None, ...] = (None if zone_problems else len(zones), None)
        for name in ("price_usd_per_mwh", "average_g_per_kwh", "marginal_g_per_kwh"):
            if name == "marginal_g_per_kwh" and self.marginal_g_per_kwh is None:
                continue
            bounds = PRICE if name == "price_usd_per_mwh" and not self.priced else FINITE
            wrong = list(array(self, at, name, shape, bounds, axes=(zones or None,)))
            yield from wrong
            if not wrong:
                shape = getattr(self, name).shape

    def zone_index(self, zone: str) -> int:
        """Row of a zone; KeyError names it where it is missing."""
        try:
            return self.zones.index(zone)
        except ValueError:
            raise KeyError(zone) from None

    @property
    def priced(self) -> bool:
        """Whether prices are stated."""
        price = self.price_usd_per_mwh
        numbers_ = isinstance(price, np.ndarray) and price.dtype.kind == "f" and price.size
        return not (numbers_ and bool(np.isnan(price).all()))

    @property
    def deciding(self) -> Intensity:
        """The intensity that decisions use: marginal where there is one."""
        return Intensity.AVERAGE if self.marginal_g_per_kwh is None else Intensity.MARGINAL

    @property
    def deciding_g_per_kwh(self) -> np.ndarray:
        """The array behind `deciding`, shape (zones, T)."""
        return (
            self.average_g_per_kwh if self.marginal_g_per_kwh is None else self.marginal_g_per_kwh
        )

    def take(self, index: np.ndarray) -> Signals:
        """The same zones at the steps of `index`."""
        marginal = self.marginal_g_per_kwh
        return part_of(
            self,
            price_usd_per_mwh=self.price_usd_per_mwh[:, index],
            average_g_per_kwh=self.average_g_per_kwh[:, index],
            marginal_g_per_kwh=None if marginal is None else marginal[:, index],
        )
