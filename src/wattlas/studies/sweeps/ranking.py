"""What matters: how much of a metric each axis of a sweep decides.

On a grid by main effects: the mean of the metric at each value of an axis, over all values of the
others; the swing between the largest and the least of them, and the part of the variance over all
runs that they explain. In a Sobol sample by sensitivity indices, with bootstrap intervals.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from wattlas.studies.sweeps.design import Axis, DesignKind, SweepDesign

if TYPE_CHECKING:
    import polars as pl

RESAMPLES = 400
"""Bootstrap samples: ends of an interval to about a twentieth of its width."""
COVERAGE = 0.95
Row = dict[str, Any]
COLUMNS = (
    "metric", "field", "rank", "low_value", "high_value", "low", "high", "swing",
    "first", "first_low", "first_high", "total", "total_low", "total_high",
)  # fmt: skip


def ranking(design: SweepDesign, runs: pl.DataFrame) -> tuple[list[Row], tuple[str, ...]]:
    """A row per ranked metric and axis, those that matter most first, and what was left out.

    `first` is the part of the variance that the axis explains alone, `total` with all that it does
    together with others (Sobol samples only). `low` and `high` are the least and the largest mean
    over the values of an axis, `low_value` and `high_value` where they are (grids only).
    """
    rows: list[Row] = []
    notes: dict[str, None] = {}
    for metric in design.of_verb.ranked:
        values = runs[metric].to_numpy()
        if not np.isfinite(values).any():
            continue
        weigh = _indices if design.kind is DesignKind.SOBOL else _effects
        made, note = weigh(design, runs, metric)
        if note:
            notes[note] = None
        key = "total" if design.kind is DesignKind.SOBOL else "swing"
        made.sort(key=lambda row: -row[key])
        for rank, row in enumerate(made, 1):
            rows.append(dict.fromkeys(COLUMNS) | {"metric": metric} | row | {"rank": rank})
    return rows, tuple(notes)


# -- grids ------------------------------------------------------------------------------------


def _effects(design: SweepDesign, runs: pl.DataFrame, metric: str) -> tuple[list[Row], str]:
    import polars as pl

    good = runs.filter(pl.col(metric).is_not_null())
    variance = float(good[metric].to_numpy().var())
    rows = []
    for axis in design.axes:
        means = good.group_by(axis.field, maintain_order=True).agg(
            pl.col(metric).mean().alias("mean"), pl.len().alias("count")
        )
        mean, count = means["mean"].to_numpy(), means["count"].to_numpy()
        between = float(np.average((mean - np.average(mean, weights=count)) ** 2, weights=count))
        least, most = int(mean.argmin()), int(mean.argmax())
        where = [_said(axis, value) for value in means[axis.field].to_list()]
        rows.append({
            "field": axis.field, "low_value": where[least], "high_value": where[most],
            "low": float(mean[least]), "high": float(mean[most]),
            "swing": float(mean[most] - mean[least]),
            "first": between / variance if variance > 0 else 0.0,
        })  # fmt: skip
    left = runs.height - good.height
    are = "run without a result is" if left == 1 else "runs without a result are"
    return rows, f"{left:,} {are} left out of the means" if left else ""


def _said(axis: Axis, value: Any) -> str:
    return f"{value:g}" if axis.is_numeric else str(value)


# -- Sobol samples ----------------------------------------------------------------------------


def _indices(design: SweepDesign, runs: pl.DataFrame, metric: str) -> tuple[list[Row], str]:
    """First-order and total indices of every axis, with percentile intervals of a bootstrap."""
    matrix = _matrix(design, runs, metric)
    whole = matrix[:, np.isfinite(matrix).all(axis=0)]
    kept = 1 << (whole.shape[1].bit_length() - 1) if whole.shape[1] else 0
    note = ""
    if kept < design.samples:
        note = (
            f"Of {design.samples:,} points of the sample {kept:,} are used, a power of two at "
            "which every run has a result"
        )
    if kept < 2:
        return [], note
    whole = whole[:, :kept]
    point = sobol_of(whole)
    spread = np.array(list(_resampled(whole)))
    ends = [(1.0 - COVERAGE) / 2.0, (1.0 + COVERAGE) / 2.0]
    low, high = np.quantile(spread, ends, axis=0)
    rows = [
        {
            "field": name,
            "first": float(point[0, n]),
            "first_low": float(low[0, n]),
            "first_high": float(high[0, n]),
            "total": float(point[1, n]),
            "total_low": float(low[1, n]),
            "total_high": float(high[1, n]),
        }
        for n, name in enumerate(design.columns)
    ]
    return rows, note


def _matrix(design: SweepDesign, runs: pl.DataFrame, metric: str) -> np.ndarray:
    """The metric by part (A, B, then one for each axis) and point, (d + 2, N), mean over seeds."""
    values = np.full(design.size, np.nan)
    values[runs["run"].to_numpy()] = runs[metric].fill_null(np.nan).to_numpy()
    shape = (len(design.axes) + 2, design.samples, design.seeds)
    return np.asarray(values.reshape(shape).mean(axis=2))


def sobol_of(matrix: np.ndarray) -> np.ndarray:
    """First-order and total indices, (2, d), of a metric at A, B and the mixed points, (d + 2, N).

    Saltelli et al. 2010 for the first order, Jansen 1999 for the total, as scipy has them.
    """
    from scipy.stats import sobol_indices

    f_a, f_b, f_ab = matrix[:1], matrix[1:2], matrix[2:, None, :]
    indices = sobol_indices(func={"f_A": f_a, "f_B": f_b, "f_AB": f_ab}, n=matrix.shape[1])
    return np.array([indices.first_order, indices.total_order])


def _resampled(matrix: np.ndarray) -> Iterator[np.ndarray]:
    """Indices of bootstrap samples: points drawn again, with everything that belongs to each."""
    rng = np.random.default_rng(0)
    count = matrix.shape[1]
    for _ in range(RESAMPLES):
        yield sobol_of(matrix[:, rng.integers(count, size=count)])
