"""Forecasts: what was, what usually is, and what a model of all series learnt from the past."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.policy.forecasts.bands import Band
from wattlas.policy.forecasts.features import (
    DayChange,
    PreparedHistory,
    at,
    features,
)
from wattlas.policy.forecasts.history import HOURS_PER_DAY, History, is_published
from wattlas.policy.forecasts.own import own_models, teaching
from wattlas.policy.forecasts.trees import informed, regressor

QUANTILES = (0.1, 0.5, 0.9)
MEDIAN = 1
CLIMATOLOGY_DAYS = 28
AHEAD_H = (1, 3, 6, 12, 18, 24, 36, 48)
"""Horizons that the model learns from; those in between are read off the same trees."""
BAND_ENDS_H = (3, 12, 24)
"""Horizons up to each of these, and those beyond, have trees of their own: one model of all of them
loses 10 % of skill 1 hour ahead, and 1 % 24 hours ahead."""
ROWS = 120_000
"""Rows that it learns from at most, over the horizons of a band: half as many lose 0.5 % of
skill."""
FEWEST_TREES, MOST_TREES, ROWS_PER_TREE = 40, 300, 300
"""A short past gets few trees: with 300 of them 80 days made an interval that should hold 80 % of
what comes hold 45 %."""
LEAVES, LEAST_ROWS, RATE = 31, 100, 0.06
MOST_CATEGORIES = 255


class Forecaster(Protocol):
    """Quantiles of what comes, from what is known when they are issued."""

    @property
    def name(self) -> str:
        """What results call it."""
        ...

    def quantiles(self, prepared: PreparedHistory, issued: np.ndarray, ahead_h: int) -> np.ndarray:
        """(series, n, 3): `QUANTILES` of the value `ahead_h` hours after each hour of issue (n,).

        nan where nothing is known to say it from.
        """
        ...


@dataclass(frozen=True)
class Persistence:
    """The same hour of the last day that is known."""

    name: str = "persistence"

    def quantiles(self, prepared: PreparedHistory, issued: np.ndarray, ahead_h: int) -> np.ndarray:
        """One value, without a spread."""
        back = -(-ahead_h // HOURS_PER_DAY) * HOURS_PER_DAY
        return _certain(at(prepared.history.value, issued + ahead_h - back))


@dataclass(frozen=True)
class Latest:
    """The value of the hour of issue."""

    name: str = "latest"

    def quantiles(self, prepared: PreparedHistory, issued: np.ndarray, ahead_h: int) -> np.ndarray:
        """One value, without a spread."""
        return _certain(at(prepared.history.value, issued))


@dataclass(frozen=True)
class Climatology:
    """What the same hour was in the last four weeks."""

    name: str = "climatology"

    def quantiles(self, prepared: PreparedHistory, issued: np.ndarray, ahead_h: int) -> np.ndarray:
        """Quantiles over days."""
        first = -(-ahead_h // HOURS_PER_DAY)
        days = range(first, first + CLIMATOLOGY_DAYS)
        value = prepared.history.value
        past = np.stack([at(value, issued + ahead_h - HOURS_PER_DAY * day) for day in days])
        return _quantiles_of(past)


@dataclass(frozen=True)
class Boosted:
    """Gradient-boosted models for all series, and models of each by itself, band by band of
    horizons, see `boosted`."""

    bands: tuple[Band, ...]
    """From near to far; the last serves all horizons beyond, too."""
    ids: tuple[str, ...]
    name: str = "boosted"

    def quantiles(self, prepared: PreparedHistory, issued: np.ndarray, ahead_h: int) -> np.ndarray:
        """Quantiles in their order, as far from the middle as the trees of all series have them."""
        if prepared.history.ids != self.ids:
            fix = "Learn from a history of the same series, in the same order."
            raise InputError([Problem("history.ids", "are not those that were learnt from", fix)])
        known = features(prepared, issued, ahead_h)
        band = next((band for band in self.bands if ahead_h <= max(band.ahead_h)), self.bands[-1])
        change = band.quantiles(prepared, issued, ahead_h, known)
        return np.asarray(known.anchor[..., None] + known.scale[..., None] * change)


def boosted(
    history: History,
    first: int,
    last: int,
    *,
    ahead_h: Sequence[int] = AHEAD_H,
    seed: int = 0,
    quantiles: Sequence[float] = QUANTILES,
) -> Boosted:
    """Learn from the targets in the hours first..last−1 of a history.

    The change from the anchor in units of the usual change, by `sklearn`'s histogram gradient
    boosting with the pinball loss, for each band of the horizons `ahead_h`; `quantiles` in
    increasing order, those that a result has. Beside it what each series learns by itself, see
    `wattlas.policy.forecasts.own`: the middle is the mean. Raises InputError where there is too
    little to learn from.
    """
    prepared = PreparedHistory.of(history.until(last))
    bands = [
        Band(
            tuple(band),
            _trees(prepared, first, band, seed, quantiles),
            own_models(prepared, first, band, seed),
        )
        for band in _bands(ahead_h)
    ]
    return Boosted(tuple(bands), history.ids)


def _bands(ahead_h: Sequence[int]) -> list[list[int]]:
    """Horizons that are learnt together, from near to far."""
    by_band: dict[int, list[int]] = {}
    for ahead in sorted(ahead_h):
        by_band.setdefault(bisect_left(BAND_ENDS_H, ahead), []).append(ahead)
    return list(by_band.values())


def _trees(
    prepared: PreparedHistory,
    first: int,
    ahead_h: Sequence[int],
    seed: int,
    quantiles: Sequence[float],
) -> tuple[Any, ...]:
    """A model per quantile of the horizons of one band."""
    x, change = _rows(prepared, first, ahead_h, seed)
    if len(change) < LEAST_ROWS:
        what = f"has {len(change)} rows to learn from, wanted at least {LEAST_ROWS}"
        raise InputError([Problem("history", what, "Give a longer past.")])
    # The number of a series is a category, of which the library takes so many: beyond, a number.
    few = len(prepared.history.ids) <= MOST_CATEGORIES
    series_column = x.shape[1] - 1 if few else None
    settings = {
        "max_iter": min(max(len(change) // ROWS_PER_TREE, FEWEST_TREES), MOST_TREES),
        "learning_rate": RATE, "max_leaf_nodes": LEAVES, "min_samples_leaf": LEAST_ROWS,
        "categorical_features": None if series_column is None else [series_column],
    }  # fmt: skip
    x = informed(x)
    return tuple(regressor(quantile, seed, **settings).fit(x, change) for quantile in quantiles)


def _rows(
    prepared: PreparedHistory, first: int, ahead_h: Sequence[int], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Features and changes of a sample of targets, the same number for every horizon."""
    history, draw = prepared.history, np.random.default_rng(seed)
    every = ROWS // (len(ahead_h) * max(len(history.ids), 1)) + 1
    xs, changes = [], []
    for ahead in ahead_h:
        target = np.arange(max(first, ahead), history.hours)
        target = np.sort(draw.choice(target, min(every, len(target)), replace=False))
        known = features(prepared, target - ahead, ahead)
        change = teaching(history, target, ahead, known)
        use = np.isfinite(change)
        xs.append(known.x[use])
        changes.append(change[use])
    return np.concatenate(xs), np.concatenate(changes)


def prepared_for(model: Forecaster, history: History) -> PreparedHistory:
    """The history as a forecaster reads it: running means for those that look at any."""
    if isinstance(model, Boosted):
        return PreparedHistory.of(history)
    nothing = DayChange.of(np.zeros((0, 0)))
    return PreparedHistory(history, (), nothing, nothing, (), nothing)


def with_published(
    history: History, quantiles: np.ndarray, issued: np.ndarray, ahead_h: int
) -> np.ndarray:
    """The forecast, with the value itself where it is published when the forecast is issued."""
    if ahead_h > 0 and history.all_measured:
        return quantiles
    known = is_published(history, history.known, issued, ahead_h)
    value = at(history.value, issued + ahead_h)
    known &= np.isfinite(value)
    return np.asarray(np.where(known[..., None], value[..., None], quantiles))


def last_known(value: np.ndarray, issued: np.ndarray) -> np.ndarray:
    """The last value that is known at each hour of issue, (series, n); 0 where there is none."""
    hours = np.arange(value.shape[1])
    last = np.maximum.accumulate(np.where(np.isfinite(value), hours, -1), axis=1)
    at = last[:, np.clip(issued, 0, None)] if value.shape[1] else np.full((len(value), 1), -1)
    last_value = (
        np.take_along_axis(value, np.maximum(at, 0), axis=1) if value.shape[1] else 0.0 * at
    )
    return np.asarray(np.where(at >= 0, last_value, 0.0))


def _certain(value: np.ndarray) -> np.ndarray:
    return np.repeat(value[..., None], len(QUANTILES), axis=-1)


def _quantiles_of(past: np.ndarray) -> np.ndarray:
    """Quantiles over the first axis of what is known, nan where nothing is."""
    known = np.isfinite(past).sum(axis=0)
    ordered = np.sort(past, axis=0)  # nan sorts to the end
    levels = []
    for quantile in QUANTILES:
        place = quantile * np.maximum(known - 1, 0)
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(known - 1, 0))
        below = np.take_along_axis(ordered, low[None], axis=0)[0]
        above = np.take_along_axis(ordered, high[None], axis=0)[0]
        levels.append(np.where(known > 0, below + (place - low) * (above - below), np.nan))
    return np.stack(levels, axis=-1)
