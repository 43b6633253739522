"""What a value was in the last weeks when such a price was paid: a market says what runs by it.

A day-ahead price is published for hours whose carbon is not known yet. Which plants run at a price
changes with fuel and season: a model of years has it in the mean, the last weeks as it is now.
"""

from __future__ import annotations

import numpy as np

from wattlas.policy.forecasts.history import HOURS_PER_DAY

DAYS = 28
HOURS_BESIDE = 1
"""Hours of those days that are looked at: the target's, and so many before and after it."""
REACH_H = HOURS_PER_DAY * DAYS + HOURS_BESIDE
"""Hours before an hour that are looked at."""
LEAST_HOURS = 20
"""With fewer known hours nothing is said."""
BANDWIDTH = 0.35
"""Standard deviations of the prices of these hours by which an hour's price may lie off."""
PRIOR_HOURS = 1.0
"""So many hours at the price of the target have the mean of all: a price that nobody paid lately
says nothing."""
LEAST_SPREAD = 1e-3


def priced_change(value: np.ndarray, price: np.ndarray, first: int, last: int) -> np.ndarray:
    """(series, last − first) of the hours first..last−1: how what a `value` (series, T) was lately
    at the hour's `price` (series, T) differs from the value a day before.

    The former is the mean over the hours of the last weeks about the same time of day, by a
    Gaussian weight of how their price differs from the hour's. All of them are over a day before.
    """
    offsets = [
        HOURS_PER_DAY * day + beside
        for day in range(1, DAYS + 1)
        for beside in range(-HOURS_BESIDE, HOURS_BESIDE + 1)
        if HOURS_PER_DAY * day + beside >= HOURS_PER_DAY
    ]
    span = last - first
    past = np.arange(first - REACH_H, last - HOURS_PER_DAY)
    asked = _hours(price, np.arange(first, last))
    windows = [slice(REACH_H - hours, REACH_H - hours + span) for hours in offsets]
    was = _hours(value, past)
    made = _weighed(was, _hours(price, past), asked, windows) - was[:, windows[0]]
    return np.asarray(made, dtype=float)


def _weighed(
    value: np.ndarray, price: np.ndarray, asked: np.ndarray, windows: list[slice]
) -> np.ndarray:
    """The weighed mean, (series, span): of each window (series, span) of past values and prices,
    one for each hour that is looked at, beside the prices `asked` (series, span)."""
    known = np.isfinite(value) & np.isfinite(price)
    value, price = np.where(known, value, 0.0), np.where(known, price, 0.0)
    here = known.astype(np.float32)
    count, total, paid, spread, near, there = (np.zeros(asked.shape, np.float32) for _ in range(6))
    for at in windows:
        count += here[:, at]
        total += value[:, at]
        paid += price[:, at]
    mean = paid / np.maximum(count, 1.0)
    for at in windows:
        spread += here[:, at] * (price[:, at] - mean) ** 2
    width = BANDWIDTH * np.sqrt(spread / np.maximum(count, 1.0))
    steep = np.float32(1.0) / np.maximum(width, np.float32(LEAST_SPREAD))
    for at in windows:
        weight = here[:, at] * np.exp(np.float32(-0.5) * ((price[:, at] - asked) * steep) ** 2)
        near += weight * value[:, at]
        there += weight
    prior = total / np.maximum(count, 1.0)
    made = (near + PRIOR_HOURS * prior) / (there + PRIOR_HOURS)
    return np.where(count >= LEAST_HOURS, made, np.nan)


def _hours(values: np.ndarray, hour: np.ndarray) -> np.ndarray:
    """Values (series, T) at hours, nan outside, as they are summed."""
    inside = (hour >= 0) & (hour < values.shape[1])
    part = np.where(inside, values[:, np.where(inside, hour, 0)], np.nan)
    return np.asarray(part, dtype=np.float32)
