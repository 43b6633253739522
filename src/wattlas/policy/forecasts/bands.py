"""What is learnt of a band of horizons, and which of it is in force at each hour of issue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wattlas.policy.forecasts.features import Features, PreparedHistory
from wattlas.policy.forecasts.history import History
from wattlas.policy.forecasts.own import Own

MODELS = 3
"""The trees of all series, and of each its linear model and its trees."""


@dataclass(frozen=True)
class Blend:
    """How what the models of a band expect becomes one: each one's `share` (models, series) of
    the mean of those that say something, and the `stretch` (series,) of that."""

    share: np.ndarray
    stretch: np.ndarray

    @staticmethod
    def equal(series: int) -> Blend:
        """The mean, as it is."""
        return Blend(np.ones((MODELS, series)), np.ones(series))

    def of(self, members: np.ndarray) -> np.ndarray:
        """(series, n) of changes (models, series, n); nan where no model knows one."""
        known = np.isfinite(members)
        share = np.where(known, self.share[..., None], 0.0)
        total = (share * np.where(known, members, 0.0)).sum(axis=0)
        count = share.sum(axis=0)
        mean = np.where(count > 0.0, total / np.where(count > 0.0, count, 1.0), np.nan)
        return np.asarray(self.stretch[:, None] * mean)


@dataclass(frozen=True)
class Renewal:
    """What was learnt anew of hours before `begin_utc`, in force for forecasts from then on."""

    begin_utc: np.datetime64
    own: Own
    blend: Blend


@dataclass(frozen=True)
class Band:
    """What was learnt of the horizons `ahead_h`: of all series a model per quantile
    (scikit-learn), and of each its `own`, where it has a past to learn from; then what was learnt
    anew, from early to late."""

    ahead_h: tuple[int, ...]
    trees: tuple[Any, ...]
    own: Own | None = None
    renewals: tuple[Renewal, ...] = ()

    def quantiles(
        self, prepared: PreparedHistory, issued: np.ndarray, ahead_h: int, known: Features
    ) -> np.ndarray:
        """(series, n, quantiles) of the change, as far from the middle as the trees of all series
        have them."""
        rows = known.x.reshape(-1, known.x.shape[-1])
        change = np.stack([model.predict(rows) for model in self.trees], axis=-1)
        change = np.sort(change, axis=-1).reshape(*known.anchor.shape, len(self.trees))
        middle = change[..., change.shape[-1] // 2]
        now = self._in_force(prepared.history, issued)
        for term in np.unique(now):
            at = np.flatnonzero(now == term)
            own, blend = self._term(int(term), len(middle))
            if own is not None:
                part = Features(known.x[:, at], known.anchor[:, at], known.scale[:, at])
                members = [middle[None, :, at], own.changes(prepared, issued[at], ahead_h, part)]
                moved = blend.of(np.concatenate(members)) - middle[:, at]
                change[:, at] += moved[..., None]
        return np.asarray(change)

    def members(
        self, prepared: PreparedHistory, issued: np.ndarray, ahead_h: int, known: Features
    ) -> np.ndarray:
        """(models, series, n): the change as each model in force last expects it."""
        rows = known.x.reshape(-1, known.x.shape[-1])
        trees = self.trees[len(self.trees) // 2].predict(rows).reshape(1, *known.anchor.shape)
        own, _ = self._term(len(self.renewals), len(known.anchor))
        silent = np.full((MODELS - 1, *known.anchor.shape), np.nan)
        told = silent if own is None else own.changes(prepared, issued, ahead_h, known)
        return np.concatenate([trees, told])

    def _term(self, term: int, series: int) -> tuple[Own | None, Blend]:
        """0 is what was learnt first, then the renewals in order."""
        if term == 0:
            return self.own, Blend.equal(series)
        return self.renewals[term - 1].own, self.renewals[term - 1].blend

    def _in_force(self, history: History, issued: np.ndarray) -> np.ndarray:
        """The last term that had begun as each hour of issue (n,) ended."""
        begins = [int((each.begin_utc - history.start_utc) / np.timedelta64(1, "h"))
                  for each in self.renewals]  # fmt: skip
        return np.searchsorted(np.array(begins, dtype=np.int64), issued + 1, side="right")
