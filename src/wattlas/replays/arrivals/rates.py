"""Requests drawn from published rates: a table says how many come per second, and how burstily.

Each client is a renewal process: gaps are Gamma with mean 1/rate and coefficient of variation c,
shape 1/c², as ServeGen finds them in production (arXiv 2505.09999). c = 1 is Poisson. The first gap
of a window has begun before it, by a uniform part of itself. Draws are seeded by (seed, window,
client), so that they are the same in any order.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from wattlas.errors import InputError, Problem
from wattlas.replays.arrivals.layouts import SECONDS, TraceLayout

MOST_CV = 100.0


def drawn(rows: pl.DataFrame, layout: TraceLayout, label: str, seed: int) -> Iterator[np.ndarray]:
    """Times of requests, s since the first window, sorted, window by window.

    Raises InputError for rates that are negative or no numbers, and for a table of one window,
    which says no length.
    """
    table = _checked(rows, layout, label)
    begin = table["time"].unique().sort().to_numpy()
    step_s = float(np.diff(begin).min())
    for window, part in enumerate(table.partition_by("time")):
        columns = (part[name].to_numpy() for name in ("rate", "cv", "client"))
        times = [
            _renewal(float(rate), float(cv), step_s, np.random.default_rng([seed, window, client]))
            for rate, cv, client in zip(*columns, strict=True)
            if rate > 0
        ]
        if times:
            joined = np.sort(np.concatenate(times))
            yield joined + float(part["time"][0] - begin[0])


def _renewal(rate: float, cv: float, span_s: float, draw: np.random.Generator) -> np.ndarray:
    """Times in [0, span) with Gamma gaps of mean 1/rate."""
    shape = 1.0 / cv**2
    times: list[np.ndarray] = []
    at = 0.0
    while at < span_s:
        expected = rate * span_s
        count = int(expected + 6 * cv * np.sqrt(expected)) + 8
        gaps = draw.gamma(shape, 1.0 / (rate * shape), count)
        if not times:
            gaps[0] *= draw.random()
        part = at + np.cumsum(gaps)
        at = float(part[-1])
        times.append(part)
    whole = np.concatenate(times)
    return np.asarray(whole[whole < span_s])


def _checked(rows: pl.DataFrame, layout: TraceLayout, label: str) -> pl.DataFrame:
    """Columns time (s), rate (1/s), cv, client (a number), by time."""
    numbers = {
        "time": pl.col(layout.time).cast(pl.Float64, strict=False) * SECONDS[layout.unit],
        "rate": pl.col(layout.rate).cast(pl.Float64, strict=False),
    }
    cv = pl.col(layout.cv).cast(pl.Float64, strict=False) if layout.cv else pl.lit(1.0)
    client = pl.col(layout.client).cast(pl.String).rank("dense") if layout.client else pl.lit(0)
    table = rows.select(
        *(expression.alias(name) for name, expression in numbers.items()),
        cv.fill_null(1.0).fill_nan(1.0).clip(1e-2, MOST_CV).alias("cv"),
        client.cast(pl.Int64).alias("client"),
    )
    wrong = table["time"].is_null() | ~(table["rate"] >= 0).fill_null(False)
    if wrong.any():
        at = int(wrong.arg_max() or 0)
        what = f"is {rows[layout.rate][at]}, wanted requests per second of at least 0"
        raise InputError([Problem(f"row {at + 1:,}, {layout.rate}", what, "Fix the rate.", label)])
    if table["time"].n_unique() < 2:
        what = "holds one window, which says no length"
        raise InputError([Problem(layout.time, what, "Give two windows or more.", label)])
    return table.sort("time", "client")
