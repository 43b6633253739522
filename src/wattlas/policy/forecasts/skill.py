"""How good a forecast is, out of sample, series by series and horizon by horizon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.policy.forecasts.features import PreparedHistory, at
from wattlas.policy.forecasts.history import History, is_published
from wattlas.policy.forecasts.models import MEDIAN, Forecaster, Latest, Persistence
from wattlas.policy.forecasts.vintages import AsKnown

LEAST_HOURS = 100
"""With fewer hours to judge by, a series has no skill."""


@dataclass(frozen=True)
class Skill:
    """Of one horizon, per series: mean absolute `error` and that of `persistence`, in the signal's
    unit; `skill` = 1 − error / persistence; the share of values within the outer quantiles,
    `covered`; the `hours` that were judged. nan where they are too few.
    """

    ahead_h: int
    error: np.ndarray
    persistence: np.ndarray
    covered: np.ndarray
    hours: np.ndarray

    @property
    def skill(self) -> np.ndarray:
        """1 − error / error of persistence, (series,)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(1.0 - self.error / self.persistence)

    @property
    def median(self) -> float:
        """The skill of the median series."""
        return float(np.nanmedian(self.skill)) if np.isfinite(self.skill).any() else float("nan")


def skill(
    forecaster: Forecaster,
    history: History,
    first: int,
    last: int,
    ahead_h: Sequence[int],
    *,
    least_hours: int = LEAST_HOURS,
) -> list[Skill]:
    """Judge the targets in the hours first..last−1; only what was not published when issued counts.

    Persistence is the better of the same hour a day ago and the hour of issue, over all hours of a
    series: a weak reference would flatter. A series with fewer than `least_hours` has no skill.
    """
    prepared = PreparedHistory.of(history)
    references: list[Forecaster] = [Persistence(), Latest()]
    if isinstance(forecaster, AsKnown):  # they know no more than what they are compared with
        references = [replace(forecaster, model=plain) for plain in references]
    table = []
    for ahead in ahead_h:
        target = np.arange(max(first, ahead), last)
        issued, truth = target - ahead, at(history.value, target)
        quantiles = forecaster.quantiles(prepared, issued, ahead)
        middle = quantiles[..., quantiles.shape[-1] // 2]
        simple = [
            np.abs(plain.quantiles(prepared, issued, ahead)[..., MEDIAN] - truth)
            for plain in references
        ]
        judged = ~is_published(history, history.known, issued, ahead)
        judged &= np.isfinite(middle) & np.isfinite(sum(simple))
        inside = (truth >= quantiles[..., 0]) & (truth <= quantiles[..., -1])
        simplest = np.minimum(*(_mean(errors, judged, least_hours) for errors in simple))
        table.append(
            Skill(
                ahead,
                _mean(np.abs(middle - truth), judged, least_hours),
                simplest,
                _mean(inside.astype(float), judged, least_hours),
                judged.sum(axis=1),
            )
        )
    return table


def _mean(values: np.ndarray, where: np.ndarray, least_hours: int) -> np.ndarray:
    """Row means of some values, nan where they are too few."""
    count = where.sum(axis=1)
    total = np.where(where, values, 0.0).sum(axis=1)
    return np.asarray(np.where(count >= max(least_hours, 1), total / np.maximum(count, 1), np.nan))
