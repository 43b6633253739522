"""Forecasts know only what was known, and are judged by what was not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wattlas.errors import InputError
from wattlas.policy.forecasts.features import PreparedHistory, features
from wattlas.policy.forecasts.history import History, Known, is_published, published_until
from wattlas.policy.forecasts.models import (
    Boosted,
    Climatology,
    Latest,
    Persistence,
    boosted,
    with_published,
)
from wattlas.policy.forecasts.skill import skill

START = np.datetime64("2023-01-02T00")
DAYS = 120
HOURS = 24 * DAYS


def world(known: Known = Known.MEASURED, offset_h: float = 0.0) -> History:
    """Two series with a day and a week in them, and weather that lasts for days."""
    draw = np.random.default_rng(5)
    hour = np.arange(HOURS)
    weather = np.zeros((2, HOURS))
    for t in range(1, HOURS):
        weather[:, t] = 0.97 * weather[:, t - 1] + draw.normal(0, 6, 2)
    day = 60 * np.sin(2 * np.pi * hour / 24) + 30 * ((hour // 24) % 7 >= 5)
    value = 300 + day + weather
    offsets = np.full(value.shape, offset_h)
    return History(("a", "b"), START, value, offsets, (known, known))


@pytest.fixture(scope="module")
def model() -> Boosted:
    """Learnt from the first 80 days, in two bands of horizons."""
    return boosted(world(), 0, 24 * 80, ahead_h=(24, 3, 18))


def test_day_ahead_prices_are_known_from_noon() -> None:
    """Before local noon until midnight, from noon on until the midnight after."""
    history = world(Known.DAY_AHEAD, offset_h=2.0)
    known_until = {}
    for issued in (9, 10):  # 11 and 12 o'clock local time
        ahead = [h for h in range(1, 60) if is_published(history, history.known,
                 np.array([issued]), h)[0, 0]]  # fmt: skip
        known_until[issued] = issued + max(ahead)
    assert known_until == {9: 21, 10: 45}  # 23 o'clock local time is 21 UTC


@pytest.mark.parametrize("ahead_h", [1, 23, 24, 25, 48, 167, 168, 169, 192, 193, 400])
def test_features_look_backwards(ahead_h: int) -> None:
    """Whatever a series does after the hour of issue, and whatever its clue does that is not
    published, features stay the same; however far ahead."""
    history = world()
    history = replace(history, clue=history.value[::-1] / 3, clue_known=history.known)
    issued = np.array([24 * 40 + 5, 24 * 41 + 23])
    at_hand = features(PreparedHistory.of(history), issued, ahead_h)
    for n, hour in enumerate(issued):
        later = np.arange(HOURS) > hour
        other = replace(
            history, value=np.where(later, 1e6, history.value),
            clue=np.where(later, -1e6, history.clue),
        )  # fmt: skip
        made = features(PreparedHistory.of(other), issued, ahead_h)
        for name in ("x", "anchor", "scale"):
            np.testing.assert_array_equal(getattr(made, name)[:, n], getattr(at_hand, name)[:, n])


def test_tariffs_are_always_known_and_measurements_never() -> None:
    """A tariff says all; of a measurement nothing is known ahead."""
    issued = np.arange(100)
    tariff, measured = world(Known.TARIFF), world()
    assert is_published(tariff, tariff.known, issued, 48).all()
    assert not is_published(measured, measured.known, issued, 1).any()


@pytest.mark.parametrize("ahead_h", [1, 24, 30])
def test_nothing_of_the_future_is_looked_at(ahead_h: int, model: Boosted) -> None:
    """Whatever comes after the hour of issue, all forecasts and features stay the same."""
    history, issued = world(), np.array([24 * 90 + 7])
    other = history.value.copy()
    other[:, issued[0] + 1 :] += np.random.default_rng(0).normal(0, 50, (2, HOURS))[
        :, issued[0] + 1 :
    ]
    changed = replace(history, value=other)
    before, after = PreparedHistory.of(history), PreparedHistory.of(changed)
    ours, theirs = features(before, issued, ahead_h), features(after, issued, ahead_h)
    np.testing.assert_array_equal(ours.x, theirs.x)
    for forecaster in (Persistence(), Latest(), Climatology(), model):
        np.testing.assert_array_equal(
            forecaster.quantiles(before, issued, ahead_h),
            forecaster.quantiles(after, issued, ahead_h),
        )


def test_a_clue_counts_only_once_it_is_published() -> None:
    """A day-ahead price of tomorrow is unknown in the morning and known in the afternoon."""
    history = world()
    prices = replace(
        history, clue=history.value * 0.1, clue_known=(Known.DAY_AHEAD, Known.MEASURED)
    )
    x = features(PreparedHistory.of(prices), np.array([24 * 60 + 8, 24 * 60 + 14]), 24).x
    assert np.isfinite(x[..., -8:-6]).all(axis=-1).tolist() == [[False, True], [False, False]]


def _turning(known: Known) -> History:
    """Clocks go forth on the 30th day and back on the 60th, by half an hour off."""
    offset = np.full((2, HOURS), 5.5)
    offset[:, 24 * 30 + 1 : 24 * 60 + 1] += 1.0
    return replace(world(known), utc_offset_h=offset)


@pytest.mark.parametrize("known", list(Known))
def test_what_is_published_ends_where_hours_are_no_longer(known: Known) -> None:
    """The last of the hours that are published one after the other, on days of 23 and 25 hours."""
    history = _turning(known)
    issued = np.r_[24 * 28 : 24 * 33, 24 * 58 : 24 * 63]
    until = published_until(history, history.known, issued, 60)
    for n, hour in enumerate(issued):
        told = is_published(history, history.known, np.array([hour]), np.arange(1, 61))
        assert (until[:, n] == np.cumprod(told, axis=1).sum(axis=1)).all()


@pytest.mark.parametrize("ahead_h", [6, 24, 40])
def test_published_hours_about_the_target_are_looked_at(ahead_h: int) -> None:
    """Their mean change from the day before, and the last one's; of prices and of a clue alike,
    whatever is published later."""
    history = _turning(Known.DAY_AHEAD)
    prices = replace(world(), clue=history.value, clue_known=history.known,
                     utc_offset_h=history.utc_offset_h)  # fmt: skip
    issued = np.r_[24 * 29 : 24 * 31 : 5, 24 * 60 : 24 * 61 : 3, HOURS - 20 : HOURS]
    own = features(PreparedHistory.of(history), issued, ahead_h).x[..., -3:-1]
    clue = features(PreparedHistory.of(prices), issued, ahead_h).x[..., -3:-1]
    np.testing.assert_array_equal(own, clue)
    change = history.value - np.roll(history.value, 24, axis=1)
    wanted = np.full(own.shape, np.nan)
    for n, hour in enumerate(issued):
        told = is_published(history, history.known, np.array([hour]), np.arange(1, 61))
        usual = np.abs(change[:, hour + 1 - 28 * 24 : hour + 1]).mean(axis=1)
        for z in range(2):
            published = [a for a in range(1, 61) if told[z, a - 1] and hour + a < HOURS]
            near = [change[z, hour + a] for a in published if -12 < a - ahead_h <= 12]
            last = [change[z, hour + a] for a in published if a <= ahead_h]
            whole = len(last) == sum(told[z, :ahead_h])  # else the last lies beyond the data
            if near:
                wanted[z, n, 0] = np.mean(near) / usual[z]
            if last and whole:
                wanted[z, n, 1] = last[-1] / usual[z]
    np.testing.assert_allclose(own, wanted, atol=1e-9)


def test_simple_forecasts_by_hand() -> None:
    """The value a day ago, the last value, and quantiles of four weeks."""
    history = world()
    prepared, issued = PreparedHistory.of(history), np.array([24 * 60 + 5])
    target = issued[0] + 30
    np.testing.assert_array_equal(
        Persistence().quantiles(prepared, issued, 30)[:, 0, 1], history.value[:, target - 48]
    )
    np.testing.assert_array_equal(
        Latest().quantiles(prepared, issued, 30)[:, 0, 1], history.value[:, issued[0]]
    )
    past = np.stack([history.value[:, target - 24 * day] for day in range(2, 30)])
    np.testing.assert_allclose(
        Climatology().quantiles(prepared, issued, 30)[:, 0],
        np.quantile(past, (0.1, 0.5, 0.9), axis=0).T,
    )


def test_the_model_beats_persistence_out_of_sample(model: Boosted) -> None:
    """On days that it has not seen; its quantiles hold about what they say."""
    (day,) = skill(model, world(), 24 * 80, HOURS, (24,))
    assert day.median > 0.15
    assert (day.hours == 24 * 40).all()
    assert 0.6 < float(day.covered.mean()) < 0.95


def test_each_band_of_horizons_has_trees_of_its_own() -> None:
    """Up to 3 hours ahead those of the near horizon, up to 24 those of the far ones, which serve
    what lies beyond, too: as if each band had been learnt alone."""
    history = world().until(24 * 60)
    both, near, far = (
        boosted(history, 24 * 40, 24 * 50, ahead_h=ahead_h, quantiles=(0.5,))
        for ahead_h in ((24, 3, 18), (3,), (18, 24))
    )
    assert [max(band.ahead_h) for band in both.bands] == [3, 24]
    prepared, issued = PreparedHistory.of(history), np.arange(24 * 50, 24 * 52)
    for ahead_h, alone in {1: near, 3: near, 4: far, 24: far, 25: far, 90: far}.items():
        np.testing.assert_array_equal(
            both.quantiles(prepared, issued, ahead_h), alone.quantiles(prepared, issued, ahead_h)
        )


@pytest.mark.parametrize("ahead_h", [3, 24, 30])
def test_a_year_later_features_are_the_same(ahead_h: int) -> None:
    """Only hour and weekday are looked at: 52 weeks later the same values mean the same."""
    history, issued = world(), np.arange(24 * 40, 24 * 41)
    later = replace(history, start_utc=START + np.timedelta64(52 * 7 * 24, "h"))
    now, then = (features(PreparedHistory.of(h), issued, ahead_h).x for h in (history, later))
    np.testing.assert_array_equal(now, then)
    moved = replace(history, start_utc=START + np.timedelta64(24, "h"))
    assert (features(PreparedHistory.of(moved), issued, ahead_h).x != now).any()


def test_skill_counts_only_what_was_not_published(model: Boosted) -> None:
    """Of a day-ahead price the 24th hour ahead is unknown in twelve hours of the day."""
    (day,) = skill(model, world(Known.DAY_AHEAD), 24 * 80, HOURS, (24,))
    assert (day.hours == 12 * 40).all()
    (tariff,) = skill(model, world(Known.TARIFF), 24 * 80, HOURS, (24,))
    assert (tariff.hours == 0).all()
    assert np.isnan(tariff.median)


def test_a_series_of_too_few_hours_has_no_skill() -> None:
    """The least number of hours is enough; errors are means over those that count alone."""
    first, last = 24 * 80, 24 * 82
    history = world()
    history.value[1, first + 5] = np.nan
    (enough,) = skill(Persistence(), history, first, last, (24,), least_hours=46)
    assert enough.hours.tolist() == [48, 46]  # the hour itself, and the same a day later
    gone = np.abs(history.value[:, first:last] - history.value[:, first - 24 : last - 24])
    np.testing.assert_allclose(enough.error, np.nanmean(gone, axis=1))
    (few,) = skill(Persistence(), history, first, last, (24,), least_hours=47)
    np.testing.assert_allclose(few.error, [enough.error[0], np.nan])
    assert np.isnan(few.persistence).tolist() == [False, True]
    assert few.median == pytest.approx(float(few.skill[0]))


def test_the_reference_is_the_better_of_two() -> None:
    """The last value is nearer an hour ahead, the day before is nearer half a day ahead."""
    near, far = skill(Latest(), world(), 24 * 80, HOURS, (1, 12))
    np.testing.assert_allclose(near.skill, 0.0, atol=1e-12)
    assert (far.skill < -0.1).all()


def test_what_is_published_is_no_forecast(model: Boosted) -> None:
    """Published values stand as they are, the rest is forecast."""
    history = world(Known.DAY_AHEAD)
    issued = np.array([24 * 90 + 8, 24 * 90 + 14])
    quantiles = model.quantiles(PreparedHistory.of(history), issued, 24)
    told = with_published(history, quantiles, issued, 24)
    np.testing.assert_array_equal(told[:, 0], quantiles[:, 0])
    np.testing.assert_array_equal(told[:, 1, 0], history.value[:, issued[1] + 24])


def test_what_cannot_be_learnt_from_is_refused(model: Boosted) -> None:
    """Too short a past, and other series than those learnt from."""
    with pytest.raises(InputError, match="to learn from"):
        boosted(world(), 0, 24 * 3, ahead_h=(24,))
    other = replace(world(), ids=("b", "a"))
    with pytest.raises(InputError, match="not those"):
        model.quantiles(PreparedHistory.of(other), np.array([2000]), 24)


def test_a_history_that_does_not_fit_names_all_problems() -> None:
    """Shapes, lengths and infinite values at once."""
    history = world()
    with pytest.raises(InputError) as caught:
        replace(
            history,
            value=np.where(history.value > 300, np.inf, history.value),
            utc_offset_h=np.zeros((2, 3)),
            known=(Known.MEASURED,),
        )
    assert {each.where for each in caught.value.problems} == {
        "history.value",
        "history.utc_offset_h",
        "history.known",
    }
