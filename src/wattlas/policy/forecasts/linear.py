"""A linear model of least absolute residuals for each series and hour of the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wattlas.policy.forecasts.history import HOURS_PER_DAY

HOURS_BESIDE = 1
"""The model of an hour of the day learns from that many hours before and after it, too."""
SHARED_ROWS = 100
"""Rows of all series together that count beside a series' own: a short past of its own is weak."""
RIDGE = 0.03
"""Penalty of a squared weight, as a share of the rows."""
ROUNDS = 4
LEAST_RESIDUAL = 0.5
"""Usual changes below which a residual counts by its square: the absolute value has a kink."""
LEAST_SPREAD = 1e-6


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
