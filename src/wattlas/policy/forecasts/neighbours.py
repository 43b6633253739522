"""Whose published hours tell about a series: prices of a market beside it, known a day ahead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wattlas.policy.forecasts.features import (
    PRICED_COLUMNS,
    WEATHER_COLUMNS,
    Features,
    PreparedHistory,
    priced_columns,
    priced_of,
)
from wattlas.policy.forecasts.history import HOURS_PER_DAY, History, Known
from wattlas.policy.forecasts.priced import REACH_H

NEIGHBOURS = 2
"""Other series whose published hours are looked at; three tell no more than two."""
LEAST_STRENGTH = 4.7
"""Correlation times the root of the hours, 0.05 of those of a year: places of other continents
correlate by 0.01 to 0.04, and by more where hours are few."""
MOST_DEVIATION = 8.0
"""Usual changes beyond which a published one counts no further in a correlation."""


def published(prepared: PreparedHistory, of_all: Features) -> np.ndarray:
    """(series, n, 2): how the published hours about the target change from the day before, in the
    mean and the last one; of the clue, where there is one. They stand before weather and number."""
    end = of_all.x.shape[-1] - 1 - WEATHER_COLUMNS * len(prepared.weather)
    return of_all.x[..., end - 2 : end]


def neighbours(
    told: np.ndarray, change: np.ndarray, day: np.ndarray, least_rows: int
) -> np.ndarray:
    """(series, at most `NEIGHBOURS`): the others whose `published` hours correlate the most with
    the change (series, n) of each, less what the weekday (series, n) explains; −1 for none.

    Without the weekday left out, a tariff of another continent would be the nearest market.
    """
    count = len(change)
    strength = np.zeros((count, count))
    mean_change = np.clip(told[..., 0], -MOST_DEVIATION, MOST_DEVIATION)
    publishes = np.isfinite(mean_change).any(axis=1)
    for n in range(count):
        for other in np.flatnonzero(publishes):
            if other != n:
                both = np.isfinite(change[n]) & np.isfinite(mean_change[other])
                if both.sum() >= least_rows:
                    pair = change[n, both], mean_change[other, both]
                    strength[n, other] = _correlation(*pair, day[n, both]) * np.sqrt(both.sum())
    order = np.argsort(-strength, axis=1, kind="stable")[:, :NEIGHBOURS]
    told_enough = np.take_along_axis(strength, order, axis=1) > LEAST_STRENGTH
    near = np.where(told_enough, order, -1)
    return np.asarray(near[:, (near >= 0).any(axis=0)])


def beside(told: np.ndarray, which: np.ndarray) -> np.ndarray:
    """(series, n, columns): what is `published` of the neighbours of each series, nan without."""
    parts = [told[..., :0]]
    parts += [
        np.where((near >= 0)[:, None, None], told[np.maximum(near, 0)], np.nan) for near in which.T
    ]
    return np.concatenate(parts, axis=-1)


def looked_at(
    prepared: PreparedHistory, issued: np.ndarray, ahead_h: int, of_all: Features, near: np.ndarray
) -> np.ndarray:
    """(series, n, columns): what is `published` of the neighbours `near` (series, neighbours) of
    each, and where that is a clue what it says of the series, by what it was lately at such a one.
    Of prices it would say nothing: the median zone of 2022 lost 0.3 %, the mean of 2023 0.9 %."""
    parts = [beside(published(prepared, of_all), near)]
    if prepared.history.clue.size and len(issued):
        low = max(int(issued.min()) - REACH_H, 0)
        end = int(issued.max()) + HOURS_PER_DAY + 1
        part, usual = prepared.history.between(low, end), prepared.day_change.usual[:, low:end]
        for which in near.T:
            there = _with_clue_of(part, which)
            change = priced_of(there, usual)
            parts.append(np.stack(priced_columns(there, change, issued - low, ahead_h), axis=-1))
    elif prepared.history.clue.size:
        parts += [np.zeros((*of_all.anchor.shape, PRICED_COLUMNS))] * near.shape[1]
    return np.concatenate(parts, axis=-1)


def _with_clue_of(history: History, which: np.ndarray) -> History:
    """The series with the clue of another `which` (series,) instead of theirs, by the clocks there;
    −1 for none."""
    known = [history.clue_known[other] if other >= 0 else Known.MEASURED for other in which]
    return replace(
        history,
        clue=history.clue[which],
        clue_known=tuple(known),
        utc_offset_h=history.utc_offset_h[which],
    )


def _correlation(left: np.ndarray, right: np.ndarray, day: np.ndarray) -> float:
    """Its size, of deviations (n,) from the mean of their weekday."""
    left, right = _deviation(left, day), _deviation(right, day)
    size = np.sqrt((left**2).sum() * (right**2).sum())
    return float(np.abs((left * right).sum()) / size) if size > 0.0 else 0.0


def _deviation(values: np.ndarray, day: np.ndarray) -> np.ndarray:
    mean = np.bincount(day, weights=values) / np.maximum(np.bincount(day), 1)
    return np.asarray(values - mean[day])
