"""Billing windows on a clock: the window that a moment belongs to, in UTC or in a contract's zone.

A window is named by its local beginning (`2026-11`, `2026-11-29`), one of an hour by its beginning
in UTC, which is there once even where the clock is set back. It covers [begins, ends) in seconds
since 1970.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from wattlas.errors import Problem
from wattlas.model.checks import refuse
from wattlas.model.objective import Window
from wattlas.units import S_PER_H


@dataclass(frozen=True)
class WindowSpan:
    """A window: its name, and the seconds since 1970 that it covers, `ends_s` not included."""

    label: str
    begins_s: float
    ends_s: float


@dataclass(frozen=True)
class WindowCalendar:
    """Windows of one kind in one time zone, such as `Europe/Berlin`."""

    window: Window = Window.MONTH
    zone: str = "UTC"

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):
            what = f"`{self.zone}` is no time zone that is known here"
            refuse([Problem("zone", what, "Give a name such as UTC or Europe/Berlin.")])

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def at(self, utc_s: float) -> WindowSpan:
        """The window of a moment."""
        if self.window is Window.ALL:
            return WindowSpan("all", -math.inf, math.inf)
        local = datetime.fromtimestamp(utc_s, self._zone)
        if self.window is Window.HOUR:
            return self._hour(utc_s, local)
        day = local.date()
        if self.window is Window.DAY:
            return WindowSpan(
                day.isoformat(), self._starts(day), self._starts(day + timedelta(days=1))
            )
        first = day.replace(day=1)
        following = (first + timedelta(days=32)).replace(day=1)
        return WindowSpan(f"{first:%Y-%m}", self._starts(first), self._starts(following))

    def _hour(self, utc_s: float, local: datetime) -> WindowSpan:
        offset = local.utcoffset() or timedelta()
        shift_s = offset.total_seconds() % S_PER_H
        begins = math.floor((utc_s + shift_s) / S_PER_H) * S_PER_H - shift_s
        label = datetime.fromtimestamp(begins, UTC).strftime("%Y-%m-%dT%H:%MZ")
        return WindowSpan(label, begins, begins + S_PER_H)

    def _starts(self, day: date) -> float:
        """Midnight of a day there; the first moment after it where the clock skips midnight."""
        return datetime.combine(day, time(), self._zone).timestamp()
