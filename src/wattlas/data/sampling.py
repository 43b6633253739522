"""Representative days of each month, chosen the same way every time.

The days of a month are ordered by how expensive and dirty they are (the mean over zones of the
standardised daily price and carbon) and cut into as many groups of neighbours as days are wanted.
Of each group the day is kept whose hourly price and carbon in all zones come nearest to the
group's mean, and it stands for all of its group: each month keeps its number of days. Demand is
the group's mean day, so that the total is that of every hour, weekends in their proportion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sample:
    """The days that are kept, in order, and the days that each stands for."""

    days: np.ndarray
    """Index of each kept day, increasing, int64, shape (n,)."""
    stands_for: np.ndarray
    """Whether kept day n stands for day d; bool, shape (n, days), one True in each column."""

    @property
    def weight(self) -> np.ndarray:
        """Days that each kept day stands for, shape (n,)."""
        weight: np.ndarray = self.stands_for.sum(axis=1).astype(float)
        return weight

    def mean_days(self, values: np.ndarray) -> np.ndarray:
        """Mean of the days behind each kept one: shape (…, days · steps) → (…, n · steps)."""
        days = self.stands_for.shape[1]
        split = values.reshape(*values.shape[:-1], days, -1)
        share = self.stands_for / self.weight[:, None]
        mean = np.einsum("nd,...ds->...ns", share, split, optimize=True)
        steps: np.ndarray = mean.reshape(*values.shape[:-1], -1)
        return steps


def representative_days(start: np.datetime64, signals: np.ndarray, days_per_month: int) -> Sample:
    """The days to keep and what each stands for.

    `signals` has shape (series, days, steps per day); `start` is the first midnight, UTC.
    """
    days = start.astype("datetime64[D]") + np.arange(signals.shape[1]).astype("timedelta64[D]")
    months = days.astype("datetime64[M]")
    groups: dict[int, np.ndarray] = {}
    for month in np.unique(months):
        inside = np.flatnonzero(months == month)
        shapes = _standardised(signals[:, inside, :])
        order = np.argsort(shapes.mean(axis=(0, 2)), kind="stable")
        for group in np.array_split(order, min(days_per_month, len(inside))):
            groups[int(inside[_most_typical(shapes, group)])] = inside[group]
    kept_days = sorted(groups)
    stands_for = np.zeros((len(kept_days), len(days)), dtype=bool)
    for n, day in enumerate(kept_days):
        stands_for[n, groups[day]] = True
    return Sample(np.array(kept_days, dtype=np.int64), stands_for)


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
