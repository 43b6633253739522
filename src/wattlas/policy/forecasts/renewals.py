"""A forecaster learns anew while it forecasts: what each series tells by itself, and whom to trust.

What is in force at an hour was learnt from hours that were over by then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from wattlas.policy.forecasts.bands import Band, Blend, Renewal
from wattlas.policy.forecasts.features import PreparedHistory, features
from wattlas.policy.forecasts.history import HOURS_PER_DAY, History
from wattlas.policy.forecasts.models import Boosted
from wattlas.policy.forecasts.own import own_models, teaching

EVERY_H = 61 * HOURS_PER_DAY
"""Between two renewals; the errors of so many hours say whom to trust."""
BEYOND_H = 12
"""Only bands that reach farther are renewed: it takes as long as learning each of them first."""
LEAST_HOURS = 7 * HOURS_PER_DAY
"""With fewer errors all models count alike."""
POWER = 8
"""A model counts by its mean error to the power of −8: one that errs by a tenth more, by half."""
LEAST_RESIDUAL = 0.3
"""Usual changes below which a residual counts by its square, for the stretch."""
TRUST = 144.0
"""The stretch is 1 by that much weight beside what came: about that of ten days."""
_NO_ERROR = 1e-9


def renewed(
    model: Boosted,
    history_at: Callable[[int], History],
    first: int,
    last: int,
    end: int,
    *,
    seed: int = 0,
) -> Boosted:
    """A model that was learnt from the targets in the hours first..last−1, with what it learns anew
    until hour `end`. `history_at` is the history as it was known when an hour began."""
    for begin in range(last + EVERY_H, end, EVERY_H):
        prepared = PreparedHistory.of(history_at(begin).until(begin))
        bands = (
            _renewed(band, prepared, first, seed) if max(band.ahead_h) > BEYOND_H else band
            for band in model.bands
        )
        model = replace(model, bands=tuple(bands))
    return model


def _renewed(band: Band, prepared: PreparedHistory, first: int, seed: int) -> Band:
    """A band with what a history tells up to its end; as it is where that has too few hours."""
    own = own_models(prepared, first, band.ahead_h, seed)
    if own is None:
        return band
    history, ahead_h = prepared.history, max(band.ahead_h)
    target = np.arange(history.hours - EVERY_H, history.hours)
    known = features(prepared, target - ahead_h, ahead_h)
    members = band.members(prepared, target - ahead_h, ahead_h, known)
    blend = blended(members, teaching(history, target, ahead_h, known))
    begin = history.start_utc + np.timedelta64(history.hours, "h")
    return replace(band, renewals=(*band.renewals, Renewal(begin, own, blend)))


def blended(members: np.ndarray, change: np.ndarray) -> Blend:
    """Shares by how the changes (models, series, n) erred beside what came (series, n), over the
    hours for which each says something; then the stretch that the mean would have needed."""
    both = np.isfinite(members).all(axis=0) & np.isfinite(change)
    error = np.where(both, np.abs(members - change), 0.0).sum(axis=-1) + _NO_ERROR
    share = np.where(both.sum(axis=-1) >= LEAST_HOURS, (error / error.mean(axis=0)) ** -POWER, 1.0)
    mean = Blend(share, np.ones(len(change))).of(members)
    use = np.isfinite(mean) & np.isfinite(change)
    mean, came = np.where(use, mean, 0.0), np.where(use, change, 0.0)
    weight = 1.0 / np.maximum(np.abs(came - mean), LEAST_RESIDUAL)
    needed = (weight * mean * came).sum(axis=-1) + TRUST
    return Blend(share, needed / ((weight * mean**2).sum(axis=-1) + TRUST))
