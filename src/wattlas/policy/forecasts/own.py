"""What is learnt of each series by itself: a linear model by hour of the day, and a few trees.

A model of all series has to serve them alike. One of a single series has fewer rows, and learns
what tells the most there, such as the price of a market beside it. They err in different ways: the
mean of all errs less than any.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wattlas.policy.forecasts.features import (
    WEATHER_COLUMNS,
    DayChange,
    Features,
    PreparedHistory,
    at,
    features,
)
from wattlas.policy.forecasts.history import HOURS_PER_DAY, History, Known, is_published
from wattlas.policy.forecasts.linear import Linear
from wattlas.policy.forecasts.neighbours import looked_at, neighbours, published
from wattlas.policy.forecasts.trees import informed, regressor

MOST_SERIES = 40
"""Of more series than these none has models of its own: they take as long as they are many."""
ROWS = 2 * 8760
"""Hours of a series that its models learn from at most: those of two years."""
LEAST_ROWS = 1500
"""A series with fewer known hours has no models of its own."""
TREES, LEAVES, LEAST_LEAF_ROWS, RATE, COLUMNS = 60, 15, 50, 0.1, 0.3
"""A tenth of the leaves of the model of all series: it has a tenth of the rows."""
MOST_CHANGE = 8.0
"""A change of more than so many usual ones teaches nothing about the next."""
PROFILE_H = tuple(hours for hours in range(1, 48) if hours % HOURS_PER_DAY)
"""Hours before the anchor that are looked at; those a whole day before are features already."""
ABOUT_H = range(-23, 7)
"""Hours about the target that are looked at where they are published."""
DAYS_PER_WEEK = 7
MOST_DEVIATION = 10.0
"""Usual changes beyond which nothing more is read off a column: a line goes on for ever, and loses
0.5 % of skill without."""


def columns(
    prepared: PreparedHistory, issued: np.ndarray, ahead_h: int, of_all: Features
) -> np.ndarray:
    """(series, n, F) for the linear models: the features `of_all` series but weather and number,
    the two days before the anchor hour by hour, the published hours about the target, and the
    weekday."""
    history, target = prepared.history, issued + ahead_h
    back = -(-ahead_h // HOURS_PER_DAY) * HOURS_PER_DAY
    before = [
        (at(history.value, target - back - hours) - of_all.anchor) / of_all.scale
        for hours in PROFILE_H
    ]
    about: list[np.ndarray] = []
    for change, known in (
        (prepared.day_change, history.known),
        (prepared.clue_change, history.clue_known),
    ):
        if any(kind is not Known.MEASURED for kind in known):
            about += _about(history, change, known, issued, ahead_h)
    day = _local_day(history, target)
    days = [(day == each).astype(float) for each in range(DAYS_PER_WEEK)]
    added = np.stack([*before, *about, *days], axis=-1)
    shared = of_all.x[..., : -1 - WEATHER_COLUMNS * len(prepared.weather)]
    x = np.concatenate([shared, added], axis=-1)
    return np.asarray(np.clip(x, -MOST_DEVIATION, MOST_DEVIATION), dtype=np.float32)


def _about(
    history: History, change: DayChange, known: tuple[Known, ...], issued: np.ndarray, ahead_h: int
) -> list[np.ndarray]:
    """How each hour about the target changes from the day before, nan where it is not published."""
    scale = change.scale(issued)
    return [
        np.where(
            is_published(history, known, issued, ahead_h + hours),
            at(change.change, issued + ahead_h + hours) / scale,
            np.nan,
        )
        for hours in ABOUT_H
    ]


@dataclass(frozen=True)
class Own:
    """Models of single series for one band of horizons: a `linear` one for each of its horizons
    `ahead_h`, and `trees` by series, None where it has none."""

    ahead_h: tuple[int, ...]
    linear: tuple[Linear, ...]
    trees: tuple[Any | None, ...]
    known: np.ndarray
    """Columns (series, F) that a series has learnt from."""
    near: np.ndarray
    """Its `neighbours`, whose columns stand last."""

    def changes(
        self, prepared: PreparedHistory, issued: np.ndarray, ahead_h: int, of_all: Features
    ) -> np.ndarray:
        """(2, series, n) as either model expects it, nan where a series has none, or something is
        known that it has not learnt from. The next horizon's linear model serves those between."""
        told = looked_at(prepared, issued, ahead_h, of_all, self.near)
        x = _with(columns(prepared, issued, ahead_h, of_all), told)
        if x.shape[-1] != self.known.shape[1]:  # another kind of signal is published
            return np.full((2, *x.shape[:2]), np.nan)
        hour = _local_hour(prepared.history, issued + ahead_h)
        linear = self.linear[min(bisect_left(self.ahead_h, ahead_h), len(self.linear) - 1)]
        grown, base = np.full(x.shape[:2], np.nan), np.concatenate([of_all.x[..., :-1], told], -1)
        for n, model in enumerate(self.trees):
            if model is not None and len(issued):
                grown[n] = model.predict(base[n])
        # A clue that was not published while these learnt says nothing to them, and much to others.
        news = (np.isfinite(x) & ~self.known[:, None]).any(axis=-1)
        return np.where(news, np.nan, np.stack([linear.change(x, hour), grown]))


def own_models(
    prepared: PreparedHistory, first: int, ahead_h: Sequence[int], seed: int
) -> Own | None:
    """Learn from the targets from hour `first` on, for the horizons of a band in order; None where
    there are too many series, or none with enough of a past."""
    history = prepared.history
    if len(history.ids) > MOST_SERIES:
        return None
    samples = [_sample(prepared, first, ahead, seed) for ahead in ahead_h]
    known = [np.isfinite(each.change) for each in samples]
    learns = np.min([each.sum(axis=1) for each in known], axis=0) >= LEAST_ROWS
    if not learns.any():
        return None
    farthest = samples[-1]  # what is published for it is for the nearer ones, too
    published_there = published(prepared, farthest.of_all)
    near = neighbours(published_there, farthest.change, farthest.day, LEAST_ROWS)
    told = [looked_at(prepared, each.target - each.ahead_h, each.ahead_h, each.of_all, near)
            for each in samples]  # fmt: skip
    xs = [_with(each.x, part) for each, part in zip(samples, told, strict=True)]
    every = len(ahead_h)  # as many rows for the trees of a band as for a linear model
    base = np.concatenate(
        [np.concatenate([each.of_all.x[..., :-1], part], axis=-1)[:, ::every]
         for each, part in zip(samples, told, strict=True)], axis=1,
    )  # fmt: skip
    change = np.concatenate([each.change[:, ::every] for each in samples], axis=1)
    return Own(
        tuple(ahead_h),
        tuple(Linear.of(x, each.change, each.hour, learns)
              for x, each in zip(xs, samples, strict=True)),
        tuple(_grown(*pair, seed) if learns[n] else None
              for n, pair in enumerate(zip(base, change, strict=True))),
        np.any([(np.isfinite(x) & use[..., None]).any(axis=1)
                for x, use in zip(xs, known, strict=True)], axis=0),
        near,
    )  # fmt: skip


@dataclass(frozen=True)
class _Sample:
    """The hours `target` (n,) of one horizon: columns of the linear model `x` (series, n, F) and
    those `of_all`, and by series and target the `change`, the local `hour` and the weekday `day`.
    """

    ahead_h: int
    target: np.ndarray
    of_all: Features
    x: np.ndarray
    change: np.ndarray
    hour: np.ndarray
    day: np.ndarray


def _sample(prepared: PreparedHistory, first: int, ahead_h: int, seed: int) -> _Sample:
    """Targets from hour `first` on, at most `ROWS` of them."""
    history = prepared.history
    target = np.arange(max(first, ahead_h), history.hours)
    draw = np.random.default_rng(seed)
    target = np.sort(draw.choice(target, min(ROWS, len(target)), replace=False))
    of_all = features(prepared, target - ahead_h, ahead_h)
    return _Sample(
        ahead_h,
        target,
        of_all,
        columns(prepared, target - ahead_h, ahead_h, of_all),
        teaching(history, target, ahead_h, of_all),
        _local_hour(history, target),
        _local_day(history, target),
    )


def teaching(history: History, target: np.ndarray, ahead_h: int, of_all: Features) -> np.ndarray:
    """The change of each target (n,) from its anchor in usual ones, (series, n), nan where it is
    unknown, or published: that needs no forecast, and must not teach that forecasts are easy."""
    change = (at(history.value, target) - of_all.anchor) / of_all.scale
    published = is_published(history, history.known, target - ahead_h, ahead_h)
    return np.where(published, np.nan, np.clip(change, -MOST_CHANGE, MOST_CHANGE))


def _grown(x: np.ndarray, change: np.ndarray, seed: int) -> Any:
    """The trees of a series."""
    use = np.isfinite(change)
    settings = {
        "max_iter": TREES, "learning_rate": RATE, "max_leaf_nodes": LEAVES,
        "min_samples_leaf": LEAST_LEAF_ROWS, "max_features": COLUMNS,
    }  # fmt: skip
    return regressor(0.5, seed, **settings).fit(informed(x[use]), change[use])


def _local_hour(history: History, hour: np.ndarray) -> np.ndarray:
    """Hour of the day by local clocks, (series, n)."""
    return np.asarray(history.local_hour(hour) % HOURS_PER_DAY).astype(np.int64)


def _local_day(history: History, hour: np.ndarray) -> np.ndarray:
    """Day of the week by local clocks, (series, n); 0 is a Thursday."""
    day = history.local_hour(hour) // HOURS_PER_DAY % DAYS_PER_WEEK
    return np.asarray(day).astype(np.int64)


def _with(x: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Columns of the linear models and those of the neighbours, cut alike."""
    cut = np.clip(told, -MOST_DEVIATION, MOST_DEVIATION).astype(np.float32)
    return np.concatenate([x, cut], axis=-1)
