"""What a value was lately at the price of an hour is what a plain loop says, from what was over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.policy.forecasts.test_forecasts import HOURS, world
from wattlas.policy.forecasts.features import PreparedHistory, features
from wattlas.policy.forecasts.history import History, Known, is_published
from wattlas.policy.forecasts.priced import priced_change


def _drawn() -> tuple[np.ndarray, np.ndarray]:
    """A value that goes up and down with the price, and hours of either that are missing."""
    draw = np.random.default_rng(2)
    price = draw.gamma(4.0, 12.0, (3, HOURS))
    value = 300.0 + 90.0 * np.sin(price / 15.0) + draw.normal(0.0, 5.0, price.shape)
    value[0, ::11] = price[1, ::7] = np.nan
    price[2, : 24 * 70] = np.nan
    return value, price


def test_the_weighed_mean_by_plain_loops() -> None:
    """Over four weeks, the hour of the day and those beside it, all of them over a day before; from
    twenty hours on, and less the value of the day before."""
    value, price = _drawn()
    hours = [7, 24 * 25, 24 * 60 + 5, 24 * 60 + 9, 24 * 77 + 3, 24 * 90 + 23, HOURS - 1]
    wanted = np.full((3, len(hours)), np.nan)
    for z in range(3):
        for n, hour in enumerate(hours):
            past = [
                (price[z, at], value[z, at])
                for at in range(HOURS)
                if 24 <= hour - at <= 28 * 24 + 1
                and (hour - at) % 24 in (0, 1, 23)
                and np.isfinite(price[z, at] + value[z, at])
            ]
            if len(past) >= 20:
                paid, was = np.array(past).T
                weight = np.exp(-((paid - price[z, hour]) ** 2) / (2 * (0.35 * paid.std()) ** 2))
                mean = (weight @ was + was.mean()) / (weight.sum() + 1.0)
                wanted[z, n] = mean - value[z, hour - 24]
    assert 8 < np.isfinite(wanted).sum() < 16
    made = priced_change(value, price, 0, HOURS)
    np.testing.assert_allclose(made[:, hours], wanted, atol=5e-3)
    part = priced_change(value, price, 24 * 60 + 5, HOURS + 3)
    np.testing.assert_array_equal(part[:, :-3], made[:, 24 * 60 + 5 :])
    assert np.isnan(part[:, -3:]).all()


def test_a_price_that_is_always_the_same_tells_the_mean() -> None:
    """As a tariff does."""
    value, hour = _drawn()[0][1:2], 24 * 60
    made = priced_change(value, np.full_like(value, 40.0), hour, hour + 1)
    near = [value[0, hour - 24 * day + beside] for day in range(1, 29) for beside in (-1, 0, 1)]
    near.remove(value[0, hour - 23])
    assert made[0, 0] == pytest.approx(np.mean(near) - value[0, hour - 24], rel=1e-5)


def _clued() -> History:
    """Carbon that goes with the price by another rule every month."""
    history = world()
    price = 20.0 + np.random.default_rng(3).gamma(4.0, 12.0, history.value.shape)
    month = 1.0 + 0.4 * np.arange(HOURS) // (24 * 30)
    known = (Known.DAY_AHEAD, Known.MEASURED)
    return replace(history, value=month * price**1.5, clue=price, clue_known=known)


@pytest.mark.parametrize("ahead_h", [3, 24, 40])
def test_features_have_it_where_the_price_is_published(ahead_h: int) -> None:
    """In usual changes: of the target, and of the published hours up to half a day before it, in
    the mean and of the last. It says more of what comes than the day before does."""
    history, issued = _clued(), np.arange(24 * 60, 24 * 64)
    known = features(PreparedHistory.of(history), issued, ahead_h)
    made, change = known.x[..., -6:-3], priced_change(history.value, history.clue, 0, HOURS)[0]
    wanted = np.full(made.shape, np.nan)
    for n, hour in enumerate(issued):
        told = np.flatnonzero(is_published(
            history, history.clue_known, np.full(24, hour), np.arange(1, 25))[0])  # fmt: skip
        about = [hour + 1 + a for a in told if -12 < a + 1 - ahead_h <= 12]
        last = [hour + 1 + a for a in told if a + 1 <= ahead_h]
        if ahead_h <= 24:
            at_target = change[hour + ahead_h] if ahead_h - 1 in told else np.nan
            wanted[0, n] = at_target, np.mean(change[about]) if about else np.nan, change[last[-1]]
    usual = PreparedHistory.of(history).day_change.scale(issued)[..., None]
    np.testing.assert_allclose(made * usual, wanted, atol=1e-6)
    told = np.isfinite(made[0, :, 0])
    assert told.sum() == {3: 4 * 24, 24: 4 * 12, 40: 0}[ahead_h]
    if told.any():
        came = (history.value[0, issued + ahead_h] - known.anchor[0])[told]
        error = made[0, told, 0] * usual[0, told, 0] - came
        assert np.abs(error).mean() < 0.5 * np.abs(came).mean()
