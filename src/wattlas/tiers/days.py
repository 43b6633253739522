"""Which hours of each day are served how."""

from __future__ import annotations

import numpy as np

from wattlas.tiers.ahead import Ahead
from wattlas.tiers.share import Share

FULL, SPLIT, DEGRADED = "f", "s", "d"
"""Letters of a step: none of its requests degraded, some, all."""


def by_day(
    plan: Share | Ahead, utc: np.ndarray, requests: np.ndarray | None = None
) -> dict[str, list[object]]:
    """Which steps of each UTC day are served how: day, share of its requests degraded, letters.

    f is full, s split, d degraded; `utc` (T,) are the times of the steps, in order, `requests` (T,)
    alike unless given. On a day without requests the share is that of its steps.
    """
    letter = np.where(plan.degraded >= 1.0, DEGRADED, np.where(plan.degraded > 0.0, SPLIT, FULL))
    day, begin = _days(utc)
    return {
        "day": [str(date) for date in day],
        "degraded_share": daily(plan.degraded, utc, requests).tolist(),
        "hours": ["".join(part) for part in np.split(letter, begin[1:])],
    }


def daily(values: np.ndarray, utc: np.ndarray, requests: np.ndarray | None = None) -> np.ndarray:
    """Mean of each UTC day over its requests; over its steps where it has none."""
    weight = np.ones(len(utc)) if requests is None else requests
    _, begin = _days(utc)
    total = np.add.reduceat(weight, begin)
    steps = np.diff(np.append(begin, len(utc)))
    safe_weight = np.where(np.repeat(total, steps) > 0, weight, 1.0)
    mean: np.ndarray = np.add.reduceat(safe_weight * values, begin) / np.add.reduceat(
        safe_weight, begin
    )
    return mean


def _days(utc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the days, position of the first step of each)."""
    return np.unique(utc.astype("datetime64[D]"), return_index=True)
