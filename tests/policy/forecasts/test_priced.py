"""What a value was lately at the price of an hour is what a plain loop says, from what was over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.policy.forecasts.test_forecasts import HOURS, world
from wattlas.policy.forecasts.features import PreparedHistory, features
from wattlas.policy.forecasts.history import History, Known
from wattlas.policy.forecasts.priced import expected_at


def _drawn() -> tuple[np.ndarray, np.ndarray]:
    """A value that goes up and down with the price, and hours of either that are missing."""
    draw = np.random.default_rng(2)
    price = draw.gamma(4.0, 12.0, (3, HOURS))
    value = 300.0 + 90.0 * np.sin(price / 15.0) + draw.normal(0.0, 5.0, price.shape)
    value[0, ::11] = price[1, ::7] = np.nan
    price[2, : 24 * 70] = np.nan
    return value, price


@pytest.mark.parametrize("back_h", [24, 48])
def test_the_weighed_mean_by_plain_loops(back_h: int) -> None:
    """Over four weeks, the hour of the target and those beside it, of which the last lies whole
    days before the target; from twenty hours on, and where the price is told."""
    value, price = _drawn()
    target = np.array([7, 24 * 25, 24 * 60 + 5, 24 * 60 + 9, 24 * 77 + 3, 24 * 90 + 23, HOURS + 2])
    told = np.ones((3, len(target)), dtype=bool)
    told[1, 3] = False
    wanted = np.full(told.shape, np.nan)
    for z in range(3):
        for n, hour in enumerate(target):
            past = [
                (price[z, at], value[z, at])
                for at in range(HOURS)
                if back_h <= hour - at <= back_h + 27 * 24 + 1
                and (hour - at) % 24 in (0, 1, 23)
                and np.isfinite(price[z, at] + value[z, at])
            ]
            if len(past) < 20 or not told[z, n] or hour >= HOURS:
                continue
            paid, was = np.array(past).T
            weight = np.exp(-((paid - price[z, hour]) ** 2) / (2 * (0.35 * paid.std()) ** 2))
            wanted[z, n] = (weight @ was + was.mean()) / (weight.sum() + 1.0)
    assert 8 < np.isfinite(wanted).sum() < 14
    made = expected_at(value, price, told, target, back_h)
    np.testing.assert_allclose(made, wanted, rtol=2e-5)
    assert np.isnan(expected_at(value, price, ~np.isfinite(wanted), target, back_h)).all()
    nothing = np.zeros(0, dtype=np.int64)
    assert expected_at(value, price, told[:, :0], nothing, back_h).shape == (3, 0)


def test_a_price_that_is_always_the_same_tells_the_mean() -> None:
    """As a tariff does."""
    value, target = _drawn()[0][1:2], np.array([24 * 60])
    told = np.ones((1, 1), dtype=bool)
    made = expected_at(value, np.full_like(value, 40.0), told, target, 24)
    near = [value[0, 24 * 60 - 24 * day + beside] for day in range(1, 29) for beside in (-1, 0, 1)]
    near.remove(value[0, 24 * 59 + 1])
    assert made[0, 0] == pytest.approx(np.mean(near), rel=1e-6)


def _clued() -> History:
    """Carbon that goes with the price by another rule every month."""
    history = world()
    price = 20.0 + np.random.default_rng(3).gamma(4.0, 12.0, history.value.shape)
    month = 1.0 + 0.4 * np.arange(HOURS) // (24 * 30)
    known = (Known.DAY_AHEAD, Known.MEASURED)
    return replace(history, value=month * price**1.5, clue=price, clue_known=known)


@pytest.mark.parametrize("ahead_h", [3, 24, 40])
def test_features_have_it_beside_the_anchor(ahead_h: int) -> None:
    """In usual changes, where the clue is published: not in the morning, a day ahead, nor where it
    is measured. It says more of what comes than the anchor does."""
    history, issued = _clued(), np.arange(24 * 60, 24 * 100)
    known = features(PreparedHistory.of(history), issued, ahead_h)
    made = known.x[..., -4]
    told = (issued % 24 >= 12) | ((issued % 24) + ahead_h < 24)
    told &= (issued % 24) + ahead_h < 48
    np.testing.assert_array_equal(np.isfinite(made), np.stack([told, np.zeros_like(told)]))
    if not told.any():
        return
    value = made[0, told] * known.scale[0, told] + known.anchor[0, told]
    came = history.value[0, (issued + ahead_h)[told]]
    errors = [np.abs(each - came).mean() for each in (value, known.anchor[0, told])]
    assert errors[0] < 0.5 * errors[1]
