"""Means over seeds, and how far they may be off: Student's t at 95 %."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CONFIDENCE = 0.95


def mean_and_half(values: Sequence[float]) -> tuple[float, float]:
    """(mean, half the width of its confidence interval); nan where there is one value alone.

    t(n − 1) · s/√n, s the standard deviation of n independent replays.
    """
    from scipy.stats import t

    sample = np.asarray(values, dtype=float)
    count = len(sample)
    if count < 2:
        return float(sample.mean()), float("nan")
    spread = sample.std(ddof=1) / np.sqrt(count)
    return float(sample.mean()), float(t.ppf(0.5 + CONFIDENCE / 2, count - 1) * spread)
