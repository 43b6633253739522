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
from wattlas.policy.forecasts.neighbours import beside, neighbours, published
from wattlas.policy.forecasts.trees import informed, regressor

MOST_SERIES = 40
"""Of more series than these none has models of its own: they take as long as they are many."""
ROWS = 8760
"""Hours of a series that its models learn from at most: those of a year."""
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
HOURS_BESIDE = 1
"""The model of an hour of the day learns from that many hours before and after it, too."""
SHARED_ROWS = 100
"""Rows of all series together that count beside a series' own: a short past of its own is weak."""
RIDGE = 0.03
"""Penalty of a squared weight, as a share of the rows."""
ROUNDS = 4
LEAST_RESIDUAL = 0.5
"""Usual changes below which a residual counts by its square: the absolute value has a kink."""
MOST_DEVIATION = 10.0
"""Usual changes beyond which nothing more is read off a column: a line goes on for ever, and loses
0.5 % of skill without."""
LEAST_SPREAD = 1e-6


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
class Linear:
    """Of columns with a `mean` and a `spread` (F,): `weights` (series, 24, F + 1) by local hour,
    nan for a series that has none."""

    mean: np.ndarray
    spread: np.ndarray
    weights: np.ndarray

    @staticmethod
    def of(x: np.ndarray, change: np.ndarray, hour: np.ndarray, learns: np.ndarray) -> Linear:
        """From columns (series, n, F) of targets at local `hour` (series, n) and their `change`,
        nan where it teaches nothing, for the series that learn (series,)."""
        use = np.isfinite(change)
        mean, spread = _moments(x[use])
        model = Linear(mean, spread, np.full((len(x), HOURS_PER_DAY, x.shape[-1] + 1), np.nan))
        rows = [model.rows(x[n, use[n]]) for n in range(len(x))]
        changes = [change[n, use[n]].astype(np.float32) for n in range(len(x))]
        for each in range(HOURS_PER_DAY):
            near = [_near(hour[n, use[n]], each) for n in range(len(x))]
            model.weights[learns, each] = _weights(
                [row[at_hour] for row, at_hour in zip(rows, near, strict=True)],
                [part[at_hour] for part, at_hour in zip(changes, near, strict=True)],
            )[learns]
        return model

    def rows(self, x: np.ndarray) -> np.ndarray:
        """Columns (…, F) by their spread about their mean, which is taken where nothing is known,
        and a last one of ones."""
        moves = self.spread > LEAST_SPREAD
        deviation = (x - self.mean) / np.where(moves, self.spread, 1.0)
        deviation = np.where(np.isfinite(deviation) & moves, deviation, 0.0)
        ones = np.ones((*x.shape[:-1], 1))
        return np.concatenate([deviation, ones], axis=-1).astype(np.float32)

    def change(self, x: np.ndarray, hour: np.ndarray) -> np.ndarray:
        """(series, n) from columns (series, n, F) at local hours (series, n)."""
        weights = np.take_along_axis(self.weights, hour[..., None], axis=1)
        return np.asarray((self.rows(x) * weights).sum(axis=-1))


def _near(hour: np.ndarray, centre: int) -> np.ndarray:
    """Which local hours are those beside one of the day, around midnight, too."""
    apart = (hour - centre) % HOURS_PER_DAY
    return np.asarray(np.minimum(apart, HOURS_PER_DAY - apart) <= HOURS_BESIDE)


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of the known values of columns (n, F)."""
    known = np.isfinite(x)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, x, 0.0).sum(axis=0) / count
    return mean, np.sqrt((np.where(known, x - mean, 0.0) ** 2).sum(axis=0) / count)


def _weights(rows: Sequence[np.ndarray], changes: Sequence[np.ndarray]) -> np.ndarray:
    """(series, F + 1): least absolute residuals, by least squares that are weighed anew by the last
    residuals, over a series' own rows and the mean of all as so many more."""
    width = rows[0].shape[1]
    ridge = np.diag(np.append(np.full(width - 1, RIDGE), LEAST_SPREAD))
    importance = [np.ones(len(part), dtype=np.float32) for part in changes]
    weights = np.zeros((len(rows), width))
    for _ in range(ROUNDS):
        square, moment = np.zeros((len(rows), width, width)), np.zeros((len(rows), width))
        for n, (row, part) in enumerate(zip(rows, changes, strict=True)):
            weighed = row * importance[n][:, None]
            square[n], moment[n] = weighed.T @ row, weighed.T @ part
        count = max(sum(len(part) for part in changes), 1)
        shared = SHARED_ROWS / count
        whole = square + shared * square.sum(axis=0)
        whole += np.maximum(whole[:, -1:, -1:], 1.0) * ridge
        weights = np.linalg.solve(whole, (moment + shared * moment.sum(axis=0))[..., None])[..., 0]
        for n, (row, part) in enumerate(zip(rows, changes, strict=True)):
            residual = np.abs(part - row @ weights[n].astype(np.float32))
            importance[n] = (1.0 / np.maximum(residual, LEAST_RESIDUAL)).astype(np.float32)
    return weights


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
        told = beside(published(prepared, of_all), self.near)
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
    farthest = samples[-1]
    near = neighbours(farthest.told, farthest.change, farthest.day, LEAST_ROWS)
    told = [beside(each.told, near) for each in samples]
    xs = [_with(each.x, part) for each, part in zip(samples, told, strict=True)]
    every = len(ahead_h)  # as many rows for the trees of a band as for a linear model
    base = np.concatenate(
        [np.concatenate([each.base, part], axis=-1)[:, ::every]
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
    """Targets of one horizon: columns of the linear model `x` (series, n, F), of the trees `base`
    and of what is `published` (`told`), and by series and target the `change`, the local `hour` and
    the weekday `day`."""

    x: np.ndarray
    base: np.ndarray
    told: np.ndarray
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
        columns(prepared, target - ahead_h, ahead_h, of_all),
        of_all.x[..., :-1],
        published(prepared, of_all),
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
