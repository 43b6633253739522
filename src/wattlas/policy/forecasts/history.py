"""Hourly series as they became known: what is past, what is published ahead, what helps to tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import numpy as np

from wattlas.errors import Problem
from wattlas.model.checks import part_of, refuse, series
from wattlas.model.issued import Issued

HOURS_PER_DAY = 24
NOON = 12
"""Local hour from which the day-ahead prices of the next day are known."""


class Known(StrEnum):
    """From when on a value is known."""

    MEASURED = "measured"
    """Once its hour is over."""
    DAY_AHEAD = "day_ahead"
    """From noon of the day before, local time."""
    TARIFF = "tariff"
    """Always."""


@dataclass(frozen=True)
class History:
    """Hourly `value` (series, T) from `start_utc` on, nan where there is none.

    `known` (series,) says when a value becomes known, `utc_offset_h` (series, T) is local time less
    UTC. `clue` (series, T) is another signal of the same places, with its own `clue_known`: a
    day-ahead price tells much of the carbon to come.
    """

    ids: tuple[str, ...]
    start_utc: np.datetime64
    value: np.ndarray
    utc_offset_h: np.ndarray
    known: tuple[Known, ...]
    clue: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    clue_known: tuple[Known, ...] = ()
    weather: tuple[Issued, ...] = ()
    """Quantities of the weather of the zones, as they were measured or forecast."""

    def __post_init__(self) -> None:
        refuse(self._problems())

    @cached_property
    def all_measured(self) -> bool:
        """Whether no value is published before its hour."""
        return all(kind is Known.MEASURED for kind in self.known)

    def _problems(self) -> Iterator[Problem]:
        yield from series(self, "history.", "ids", str)
        if self.value.ndim != 2 or len(self.value) != len(self.ids):
            what = f"has the shape {self.value.shape}, wanted ({len(self.ids)}, hours)"
            yield Problem("history.value", what, "Give a row per series.")
            return
        if np.isinf(self.value).any():
            yield Problem("history.value", "is infinite", "Leave out what is unknown (nan).")
        if self.utc_offset_h.shape != self.value.shape:
            what = f"has the shape {self.utc_offset_h.shape}, wanted {self.value.shape}"
            yield Problem("history.utc_offset_h", what, "Give one per value.")
        if len(self.known) != len(self.ids):
            yield Problem("history.known", "is of another length", "Give one per series.")
        if self.clue.size and (
            self.clue.shape != self.value.shape or len(self.clue_known) != len(self.ids)
        ):
            yield Problem("history.clue", "is of another shape", "Give it as the values.")

    def until(self, hours: int) -> History:
        """The first hours alone, as if nothing were known of later ones."""
        return self.between(0, hours)

    def between(self, first: int, last: int) -> History:
        """The hours first..last−1 alone."""
        return part_of(
            self,
            start_utc=self.start_utc + np.timedelta64(first, "h"),
            value=self.value[:, first:last],
            utc_offset_h=self.utc_offset_h[:, first:last],
            clue=self.clue[:, first:last],
        )

    @property
    def hours(self) -> int:
        """T."""
        return int(self.value.shape[1])

    def index(self, utc: np.datetime64) -> int:
        """Which hour holds a moment."""
        return int(np.floor((utc - self.start_utc) / np.timedelta64(1, "h")))

    def local_hour(self, at: np.ndarray) -> np.ndarray:
        """Hours since 1970 by the clocks of each series, (series, n), of hours of any time: (n,)
        for all series, or each one's own (series, n).

        Beyond the last hour the last offset holds.
        """
        start = (self.start_utc - np.datetime64(0, "h")) / np.timedelta64(1, "h")
        hour = np.clip(at, 0, self.hours - 1)
        own = hour.ndim == 2
        offset = (
            np.take_along_axis(self.utc_offset_h, hour, axis=1)
            if own
            else self.utc_offset_h[:, hour]
        )
        return np.asarray(start + at + offset)


def is_published(
    history: History, known: tuple[Known, ...], issued: np.ndarray, ahead_h: int | np.ndarray
) -> np.ndarray:
    """Whether the value `ahead_h` hours after each hour of issue (n,) is known there, (series, n);
    for several horizons (n,) of one hour of issue, too.

    At the hour of issue itself the value is known: a forecast is issued at the end of its hour.
    """
    now = history.local_hour(issued)
    then = history.local_hour(issued + ahead_h)
    last_day = now // HOURS_PER_DAY + (now % HOURS_PER_DAY >= NOON)
    ahead = then // HOURS_PER_DAY <= last_day
    kinds = np.array(known)[:, None]
    day_ahead = (kinds == Known.DAY_AHEAD) & ahead
    return np.asarray(day_ahead | (kinds == Known.TARIFF) | (np.asarray(ahead_h) <= 0))


def published_until(
    history: History, known: tuple[Known, ...], issued: np.ndarray, most_h: int
) -> np.ndarray:
    """How many hours after each hour of issue (n,) are published there, at most `most_h`,
    (series, n): all of them up to that one are."""
    now = history.local_hour(issued)
    days = now // HOURS_PER_DAY + 1 + (now % HOURS_PER_DAY >= NOON)
    # Where clocks are set back or forth in between, the day is an hour longer or shorter.
    until = np.clip(np.ceil(days * HOURS_PER_DAY - now), 0, most_h).astype(np.int64)
    for _ in range(2):
        last = history.local_hour(issued + until) // HOURS_PER_DAY >= days
        until -= last & (until > 0)
    kinds = np.array(known)[:, None]
    until = np.where(kinds == Known.TARIFF, most_h, until)
    return np.asarray(np.where(kinds == Known.MEASURED, 0, until))
