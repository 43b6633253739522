"""Representative days of each month, chosen the same way every time.

The days of a month are ordered by how dear and dirty they are (the mean over zones of the
standardised daily price and carbon) and cut into as many groups of neighbours as days are asked
for. Of each group the day is kept whose hourly price and carbon in all zones come nearest to the
group's mean, and it stands for all of its group: each month keeps its number of days.
"""

from __future__ import annotations

import numpy as np


def representative_days(
    start: np.datetime64, signals: np.ndarray, days_per_month: int
) -> tuple[np.ndarray, np.ndarray]:
    """Days to keep (increasing) and how many days each stands for.

    `signals` has shape (series, days, steps per day); `start` is the first midnight, UTC.
    """
    days = start.astype("datetime64[D]") + np.arange(signals.shape[1])
    months = days.astype("datetime64[M]")
    kept: list[int] = []
    weights: list[float] = []
    for month in np.unique(months):
        inside = np.flatnonzero(months == month)
        shapes = _standardised(signals[:, inside, :])
        order = np.argsort(shapes.mean(axis=(0, 2)), kind="stable")
        for group in np.array_split(order, min(days_per_month, len(inside))):
            kept.append(int(inside[_most_typical(shapes, group)]))
            weights.append(float(len(group)))
    chosen = np.argsort(kept)
    return np.array(kept, dtype=np.int64)[chosen], np.array(weights)[chosen]


def _standardised(signals: np.ndarray) -> np.ndarray:
    """Each series with mean 0 and deviation 1 over the month; a flat one is 0."""
    mean = signals.mean(axis=(1, 2), keepdims=True)
    deviation = signals.std(axis=(1, 2), keepdims=True)
    scaled: np.ndarray = (signals - mean) / np.where(deviation > 0, deviation, 1.0)
    return scaled


def _most_typical(shapes: np.ndarray, group: np.ndarray) -> int:
    """The day of the group nearest to its mean day, the earliest of equals."""
    members = np.sort(group)
    inside = shapes[:, members, :]
    distance = ((inside - inside.mean(axis=1, keepdims=True)) ** 2).sum(axis=(0, 2))
    return int(members[int(np.argmin(distance))])
