"""Forecasts: what was, what usually is, and what a model of all series learnt from the past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from wattlas.errors import InputError, Problem, UsageError
from wattlas.policy.forecasts.features import DayChange, PreparedHistory, at, features
from wattlas.policy.forecasts.history import HOURS_PER_DAY, History, Known, is_published

QUANTILES = (0.1, 0.5, 0.9)
MEDIAN = 1
CLIMATOLOGY_DAYS = 28
AHEAD_H = (1, 3, 6, 12, 24, 36, 48)
"""Horizons that the model learns from; those in between are read off the same trees."""
ROWS = 240_000
"""Rows that it learns from at most, over all horizons: half as many lose 0.3 % of skill, twice as
many win 0.1 %."""
FEWEST_TREES, MOST_TREES, ROWS_PER_TREE = 40, 300, 300
"""A short past gets few trees: with 300 of them 80 days made an interval that should hold 80 % of
what comes hold 45 %."""
LEAVES, LEAST_ROWS, RATE = 31, 100, 0.06
MOST_CATEGORIES = 255
MOST_CHANGE = 8.0
"""A change of more than so many usual ones teaches nothing about the next."""


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
    """One gradient-boosted model per quantile for all series (scikit-learn), see `boosted`."""

    trees: tuple[Any, ...]
    ids: tuple[str, ...]
    name: str = "boosted"

    def quantiles(self, prepared: PreparedHistory, issued: np.ndarray, ahead_h: int) -> np.ndarray:
        """Quantiles in their order; the anchor where the features say nothing."""
        if prepared.history.ids != self.ids:
            fix = "Learn from a history of the same series, in the same order."
            raise InputError([Problem("history.ids", "are not those that were learnt from", fix)])
        known = features(prepared, issued, ahead_h)
        rows = known.x.reshape(-1, known.x.shape[-1])
        change = np.stack([model.predict(rows) for model in self.trees], axis=-1)
        change = np.sort(change, axis=-1).reshape(*known.anchor.shape, len(self.trees))
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
    boosting with the pinball loss; `quantiles` in increasing order, those that a result has.
    Raises InputError where there is too little to learn from.
    """
    x, change = _rows(history.until(last), first, ahead_h, seed)
    if len(change) < LEAST_ROWS:
        what = f"has {len(change)} rows to learn from, wanted at least {LEAST_ROWS}"
        raise InputError([Problem("history", what, "Give a longer past.")])
    # The library cannot learn from a column that knows nothing, such as a clue never published.
    x[:, ~np.isfinite(x).any(axis=0)] = 0.0
    # The number of a series is a category, of which the library takes so many: beyond, a number.
    series_column = x.shape[1] - 1 if len(history.ids) <= MOST_CATEGORIES else None
    trees = []
    for quantile in quantiles:
        model = _regressor(quantile, len(change), series_column, seed)
        trees.append(model.fit(x, change))
    return Boosted(tuple(trees), history.ids)


def _regressor(quantile: float, rows: int, series_column: int | None, seed: int) -> Any:
    try:
        from sklearn.ensemble import HistGradientBoostingRegressor
    except ImportError:
        fix = "pip install 'wattlas[forecast]', or take persistence or climatology"
        raise UsageError(f"this forecast needs scikit-learn, which is not here: {fix}") from None
    return HistGradientBoostingRegressor(
        loss="quantile",
        quantile=quantile,
        max_iter=min(max(rows // ROWS_PER_TREE, FEWEST_TREES), MOST_TREES),
        learning_rate=RATE,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=LEAST_ROWS,
        categorical_features=None if series_column is None else [series_column],
        early_stopping=False,
        random_state=seed,
    )


def _rows(
    history: History, first: int, ahead_h: Sequence[int], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Features and changes of a sample of targets, the same number for every horizon."""
    prepared, draw = PreparedHistory.of(history), np.random.default_rng(seed)
    every = ROWS // (len(ahead_h) * max(len(history.ids), 1)) + 1
    xs, changes = [], []
    for ahead in ahead_h:
        target = np.arange(max(first, ahead), history.hours)
        target = np.sort(draw.choice(target, min(every, len(target)), replace=False))
        known = features(prepared, target - ahead, ahead)
        change = (at(history.value, target) - known.anchor) / known.scale
        # What is published needs no forecast, and must not teach that forecasts are easy.
        use = np.isfinite(change) & ~is_published(history, history.known, target - ahead, ahead)
        xs.append(known.x[use])
        changes.append(np.clip(change[use], -MOST_CHANGE, MOST_CHANGE))
    return np.concatenate(xs), np.concatenate(changes)


def prepared_for(model: Forecaster, history: History) -> PreparedHistory:
    """The history as a forecaster reads it: running means for those that look at any."""
    if isinstance(model, Boosted):
        return PreparedHistory.of(history)
    nothing = DayChange.of(np.zeros((0, 0)))
    return PreparedHistory(history, (), nothing, nothing)


def with_published(
    history: History, quantiles: np.ndarray, issued: np.ndarray, ahead_h: int
) -> np.ndarray:
    """The forecast, with the value itself where it is published when the forecast is issued."""
    if ahead_h > 0 and all(kind is Known.MEASURED for kind in history.known):
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
