"""What a forecast looks at: the same hour of days before, the last hours, calendar, clue, weather.

All values are told relative to the same hour of the last day that is known and in units of how
much that hour usually changes from day to day, so that one model serves every series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.policy.forecasts.history import (
    HOURS_PER_DAY,
    NOON,
    History,
    Known,
    is_published,
    published_until,
)
from wattlas.policy.forecasts.lookup import Lookup
from wattlas.policy.forecasts.priced import priced_change

DAYS_BACK = (1, 2, 3, 4, 5, 6, 7, 14)
"""Days before the anchor whose same hour is looked at."""
HOURS_BACK = (0, 1, 2, 3, 6, 12, 18)
"""Hours before the issue whose difference from the day before is looked at."""
MEANS_H = (6, 24, 72, 168, 672)
WEEKS = 4
SCALE_DAYS = 28
LEAST_SCALE = 1e-3
WEEKDAY_OF_1970 = 3
"""1 January 1970 was a Thursday; Monday is 0."""


@dataclass(frozen=True)
class Features:
    """`x` (series, n, F), the `anchor` (series, n) that they are relative to, and its `scale`."""

    x: np.ndarray
    anchor: np.ndarray
    scale: np.ndarray


WEATHER_COLUMNS = 4
"""Of each quantity of the weather."""
PRICED_COLUMNS = 3
"""Of what was lately at a published clue."""


@dataclass(frozen=True)
class Weather:
    """One quantity of the weather: `past` (series, T), what was known of each hour at its end, and
    its running means over a day and a week."""

    lookup: Lookup
    past: np.ndarray
    day: np.ndarray
    week: np.ndarray

    @staticmethod
    def of(history: History, lookup: Lookup) -> Weather:
        """What a history has of it, made once."""
        past = lookup.at(history, np.arange(history.hours), 0)
        return Weather(lookup, past, _mean(past, HOURS_PER_DAY), _mean(past, 7 * HOURS_PER_DAY))

    def columns(
        self, history: History, issued: np.ndarray, ahead_h: int, back: int
    ) -> list[np.ndarray]:
        """How warm or windy it is, how that changed since a day and a week ago, and how it will be
        beside the day that the forecast is relative to, where somebody forecast that."""
        expected = self.lookup.at(history, issued, ahead_h)
        day = at(self.day, issued)
        return [
            day,
            at(self.past, issued) - at(self.past, issued - HOURS_PER_DAY),
            day - at(self.week, issued),
            expected - at(self.past, issued + ahead_h - back),
        ]


@dataclass(frozen=True)
class DayChange:
    """Change of a signal since the day before: the `usual` size (series, T), the `change` of each
    hour, and running sums (series, T + 1) of it and of how often it is known."""

    usual: np.ndarray
    change: np.ndarray
    total: np.ndarray
    count: np.ndarray

    @staticmethod
    def of(value: np.ndarray) -> DayChange:
        """Of a signal (series, T); the sums serve means over any hours."""
        change = value - _back(value, HOURS_PER_DAY)
        return DayChange.told(_mean(np.abs(change), SCALE_DAYS * HOURS_PER_DAY), change)

    @staticmethod
    def told(usual: np.ndarray, change: np.ndarray) -> DayChange:
        """Of changes beside their usual size."""
        known = np.isfinite(change)
        sums = _sums(np.where(known, change, 0.0)), _sums(known.astype(float))
        return DayChange(usual, change, *sums)

    def scale(self, issued: np.ndarray) -> np.ndarray:
        """The unit of changes at hours of issue, (series, n)."""
        return np.asarray(np.maximum(at(self.usual, issued), LEAST_SCALE))

    def published(
        self,
        history: History,
        known: tuple[Known, ...],
        issued: np.ndarray,
        ahead_h: int,
        most_h: int | None = None,
    ) -> list[np.ndarray]:
        """How the published hours within half a day of the target change from the day before, in
        the mean, and how the last one up to the target does; nan where none is published. Of hours
        at most `most_h` ahead.

        Before noon tomorrow's prices are not known, but those of tonight tell how windy it gets.
        """
        last_h = ahead_h + NOON if most_h is None else min(ahead_h + NOON, most_h)
        until = issued + published_until(history, known, issued, last_h)
        target, hours = issued + ahead_h, self.change.shape[1]
        begin = np.clip(np.maximum(target - NOON, issued) + 1, 0, hours)
        begin = np.broadcast_to(begin, until.shape)
        end = np.clip(until + 1, begin, hours)
        total, count = (
            np.take_along_axis(sums, end, axis=1) - np.take_along_axis(sums, begin, axis=1)
            for sums in (self.total, self.count)
        )
        last = np.minimum(until, target)
        inside = (last > issued) & (last < hours)
        change = np.take_along_axis(self.change, np.where(inside, last, 0), axis=1)
        scale = self.scale(issued)
        return [
            np.where(count > 0, total / np.maximum(count, 1.0), np.nan) / scale,
            np.where(inside, change, np.nan) / scale,
        ]


@dataclass(frozen=True)
class PreparedHistory:
    """A history with the running means that features need."""

    history: History
    means: tuple[np.ndarray, ...]
    day_change: DayChange
    clue_change: DayChange
    weather: tuple[Weather, ...]
    priced_change: DayChange
    """From the day before to what was lately where the clue was the same; empty without one."""

    @staticmethod
    def of(history: History) -> PreparedHistory:
        """Running means of the past at every hour; each looks backwards alone."""
        value, day_change = history.value, DayChange.of(history.value)
        return PreparedHistory(
            history,
            tuple(_mean(value, hours) for hours in MEANS_H),
            day_change,
            DayChange.of(history.clue),
            tuple(Weather.of(history, Lookup(issued)) for issued in history.weather),
            priced_of(history, day_change.usual),
        )


def features(prepared: PreparedHistory, issued: np.ndarray, ahead_h: int) -> Features:
    """Features of the value `ahead_h` hours after each hour of issue (n,)."""
    history = prepared.history
    value, target = history.value, issued + ahead_h
    back = -(-ahead_h // HOURS_PER_DAY) * HOURS_PER_DAY
    anchor = at(value, target - back)
    scale = prepared.day_change.scale(issued)
    same = [at(value, target - back - HOURS_PER_DAY * days) for days in DAYS_BACK]
    first = -(-ahead_h // (7 * HOURS_PER_DAY))  # a later week is not over at the hour of issue
    past_weeks = range(first, max(first + 1, WEEKS + 2))
    weeks = [at(value, target - HOURS_PER_DAY * 7 * w) for w in past_weeks]
    levels = [at(mean, issued) for mean in prepared.means]
    relative = [
        *same,
        mean_of_known([anchor, *same[:6]]),
        mean_of_known(weeks),
        at(value, issued),
        *levels,
    ]
    change = [
        at(value, issued - hours) - at(value, issued - hours - HOURS_PER_DAY)
        for hours in HOURS_BACK
    ]
    columns = [(each - anchor) / scale for each in relative]
    columns += [each / scale for each in change]
    columns += [levels[3] / scale, *_calendar(history, target), np.full_like(anchor, ahead_h)]
    columns += prepared.day_change.published(history, history.known, issued, ahead_h)
    columns += _clue(prepared, issued, target, back, ahead_h)
    # Weather and the number of the series stand last, where those look that do without or for it.
    for each in prepared.weather:
        columns += each.columns(history, issued, ahead_h, back)
    columns.append(np.broadcast_to(np.arange(len(anchor), dtype=float)[:, None], anchor.shape))
    return Features(np.stack(columns, axis=-1), anchor, scale)


def at(values: np.ndarray, hour: np.ndarray) -> np.ndarray:
    """Values (series, T) at hours (n,), nan outside, (series, n)."""
    inside = (hour >= 0) & (hour < values.shape[1])
    return np.asarray(np.where(inside, values[:, np.where(inside, hour, 0)], np.nan))


def _clue(
    prepared: PreparedHistory, issued: np.ndarray, target: np.ndarray, back: int, ahead_h: int
) -> list[np.ndarray]:
    """How the clue at the target differs from the anchor's and from its own level, if published,
    and how the published hours about it change; what both say of the value, by what was lately at
    such a clue."""
    history = prepared.history
    if not history.clue.size:
        return []
    known = is_published(history, history.clue_known, issued, ahead_h)
    scale = prepared.clue_change.scale(issued)
    clue, last_week = history.clue, [at(history.clue, issued - 24 * d) for d in range(7)]
    ahead = at(clue, target)
    changes = (ahead - at(clue, target - back), ahead - mean_of_known(last_week))
    about = prepared.clue_change.published(history, history.clue_known, issued, ahead_h)
    return [
        *(np.where(known, change / scale, np.nan) for change in changes),
        *priced_columns(history, prepared.priced_change, issued, ahead_h),
        *about,
    ]


def priced_of(history: History, usual: np.ndarray) -> DayChange:
    """By the clue, beside the `usual` change; nan of series whose clue is not published ahead."""
    change = np.full(history.clue.shape, np.nan)
    rows = [kind is not Known.MEASURED for kind in history.clue_known]
    if any(rows):
        change[rows] = priced_change(history.value[rows], history.clue[rows], 0, history.hours)
    return DayChange.told(usual, change)


def priced_columns(
    history: History, change: DayChange, issued: np.ndarray, ahead_h: int
) -> list[np.ndarray]:
    """By what was lately at such a clue: of the target, and of the published hours up to it, where
    they are published. The day before is over for the next day alone."""
    known = is_published(history, history.clue_known, issued, ahead_h)
    if ahead_h > HOURS_PER_DAY:
        return [np.full(known.shape, np.nan)] * PRICED_COLUMNS
    of_target = at(change.change, issued + ahead_h) / change.scale(issued)
    about = change.published(history, history.clue_known, issued, ahead_h, HOURS_PER_DAY)
    return [np.where(known, of_target, np.nan), *about]


def _calendar(history: History, target: np.ndarray) -> list[np.ndarray]:
    """The local hour and weekday. Not the season: of a few years it tells the days apart, and what
    is learnt of one does not come again."""
    local = history.local_hour(target)
    return [local % HOURS_PER_DAY, (local // HOURS_PER_DAY + WEEKDAY_OF_1970) % 7]


def _back(values: np.ndarray, hours: int) -> np.ndarray:
    return at(values, np.arange(values.shape[1]) - hours)


def mean_of_known(values: list[np.ndarray]) -> np.ndarray:
    """The mean of those that are known, nan where none is."""
    stacked = np.stack(values)
    known = np.isfinite(stacked)
    total = np.where(known, stacked, 0.0).sum(axis=0)
    return np.asarray(np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan))


def _mean(values: np.ndarray, hours: int) -> np.ndarray:
    """Mean of the known values of the last hours, nan where fewer than half are known."""
    known = np.isfinite(values)
    total = _run(np.where(known, values, 0.0), hours)
    count = _run(known.astype(float), hours)
    return np.asarray(np.where(count > hours / 2, total / np.maximum(count, 1.0), np.nan))


def _sums(values: np.ndarray) -> np.ndarray:
    """Running sums (series, T + 1), from 0 on."""
    return np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)


def _run(values: np.ndarray, hours: int) -> np.ndarray:
    sums = _sums(values)
    begin = np.maximum(np.arange(1, sums.shape[1]) - hours, 0)
    return np.asarray(sums[:, 1:] - sums[:, begin])
