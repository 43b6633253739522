"""Demand from population and a local-time profile.

    d[i,k,t] = population_i · requests per person and day_i · share_k · weight_k[local hour] · day

with the 24 weights of a class normalised to 1 over the day, and day = the class's weekend factor
on a local Saturday or Sunday, else 1. Local time follows the metro's own clock, daylight saving
included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from wattlas.data.schema_models import HOURS_PER_DAY, LocalProfile, PopulationDemand

WAKING = (3, 2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 8, 9, 9, 9, 9, 9, 9, 10, 10, 9, 7, 5)
OFFICE = (1, 1, 1, 1, 1, 1, 2, 4, 8, 10, 10, 9, 7, 9, 10, 10, 9, 7, 4, 3, 3, 2, 2, 1)
HOUR_PROFILES: Mapping[str, Sequence[float]] = {"waking": WAKING, "office": OFFICE}
"""Profiles that need no definition: assumptions, as no public trace says when its clients ask."""
HOUR_S = 3600
DAY_S = HOURS_PER_DAY * HOUR_S
QUARTER_S = 900
EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday; Monday is 0."""
SATURDAY = 5


Clock = tuple[np.ndarray, np.ndarray]
"""Local hour as a fraction (0 ≤ h < 24) and weekday (Monday 0), each (T,)."""


def local_clock(utc: np.ndarray, timezone: str) -> Clock:
    """The local clock of UTC times (T,)."""
    seconds = utc.astype("datetime64[s]").astype(np.int64)
    local = seconds + _offsets_s(seconds, timezone)
    weekday = (local // DAY_S + EPOCH_WEEKDAY) % 7
    return (local % DAY_S) / HOUR_S, weekday


def _offsets_s(seconds: np.ndarray, timezone: str) -> np.ndarray:
    """UTC offset at each time: one look-up a day, and per quarter of an hour on days of change."""
    zone = ZoneInfo(timezone)
    day, where = np.unique(seconds // DAY_S, return_inverse=True)
    at_midnight = np.array([_offset_s(zone, int(d) * DAY_S) for d in day])
    at_end = np.array([_offset_s(zone, (int(d) + 1) * DAY_S) for d in day])
    offsets: np.ndarray = at_midnight[where]
    for n in np.flatnonzero((at_midnight != at_end)[where]):
        quarter = int(seconds[n]) // QUARTER_S * QUARTER_S
        offsets[n] = _offset_s(zone, quarter)
    return offsets


@lru_cache(maxsize=65536)
def _offset_s(zone: ZoneInfo, seconds: int) -> int:
    at = datetime.fromtimestamp(seconds, UTC)
    return round((at.astimezone(zone).replace(tzinfo=UTC) - at).total_seconds())


def hour_weights(profile: LocalProfile, named: Mapping[str, Sequence[float]]) -> np.ndarray:
    """The 24 weights of a profile, normalised to a sum of 1; flat where it names none."""
    if profile.hour_weights is None:
        return np.full(HOURS_PER_DAY, 1.0 / HOURS_PER_DAY)
    weights = np.array({**HOUR_PROFILES, **named}[profile.hour_weights], dtype=float)
    normalised: np.ndarray = weights / weights.sum()
    return normalised


def local_shape(
    clock: Clock, step_h: float, profile: LocalProfile, named: Mapping[str, Sequence[float]]
) -> np.ndarray:
    """Share of a working day's requests per hour, by a local clock; shape (T,)."""
    hour, weekday = clock
    hours, hour_of = np.unique(hour, return_inverse=True)
    by_clock = step_share(hours, hour_weights(profile, named), step_h)[hour_of]
    shape: np.ndarray = by_clock * np.where(weekday >= SATURDAY, profile.weekend_factor, 1.0)
    return shape


def step_share(hour: np.ndarray, weights: np.ndarray, step_h: float) -> np.ndarray:
    """Mean hourly share of the day over a step that begins at a local hour, shape (T,).

    A step that straddles two local hours takes of each its part, so that zones off the full hour
    (India, Nepal) keep their day's total.
    """
    cumulative = np.concatenate([[0.0], np.cumsum(weights)])

    def until(clock: np.ndarray) -> np.ndarray:
        days, hour_of_day = np.divmod(clock, HOURS_PER_DAY)
        inside = np.interp(hour_of_day, np.arange(HOURS_PER_DAY + 1), cumulative)
        return np.asarray(days * cumulative[-1] + inside)

    return np.asarray((until(hour + step_h) - until(hour)) / step_h)


def population_demand(
    utc: np.ndarray,
    step_h: float,
    demand: PopulationDemand,
    populations: Sequence[float],
    requests_per_person_day: Sequence[float],
    timezones: Sequence[str],
    classes: Sequence[str],
) -> np.ndarray:
    """Requests per hour, shape (metros, classes, T); a class that is not described has none."""
    demand_per_h = np.zeros((len(populations), len(classes), len(utc)))
    shapes: dict[str, dict[int, np.ndarray]] = {}
    for i, timezone in enumerate(timezones):
        if timezone not in shapes:
            clock = local_clock(utc, timezone)
            shapes[timezone] = {
                k: of_class.share * local_shape(clock, step_h, of_class, demand.hour_profiles)
                for k, name in enumerate(classes)
                if (of_class := demand.classes.get(name)) is not None
            }
        for k, shape in shapes[timezone].items():
            demand_per_h[i, k] = populations[i] * requests_per_person_day[i] * shape
    return demand_per_h
