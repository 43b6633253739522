"""What is learnt of each series by itself is what plain loops say, from what was known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.policy.forecasts.test_forecasts import HOURS, START, world
from wattlas.policy.forecasts import neighbours, own
from wattlas.policy.forecasts.features import PreparedHistory, features
from wattlas.policy.forecasts.history import History, Known, is_published
from wattlas.policy.forecasts.linear import (
    LEAST_RESIDUAL,
    RIDGE,
    ROUNDS,
    SHARED_ROWS,
    Linear,
    _weights,
)
from wattlas.policy.forecasts.models import boosted
from wattlas.policy.forecasts.own import columns, own_models, teaching


def _columns(history: History, issued: np.ndarray, ahead_h: int) -> np.ndarray:
    prepared = PreparedHistory.of(history)
    return columns(prepared, issued, ahead_h, features(prepared, issued, ahead_h))


def _priced() -> History:
    """A day-ahead price in one place, a measured one in the other, as a clue; clocks half an hour
    off that go forth on the 30th day."""
    offset = np.full((2, HOURS), 5.5)
    offset[:, 24 * 30 + 1 :] += 1.0
    known = (Known.DAY_AHEAD, Known.MEASURED)
    history = replace(world(), utc_offset_h=offset)
    return replace(history, clue=history.value[::-1] ** 2 / 1e3, clue_known=known)


@pytest.mark.parametrize("ahead_h", [1, 6, 24, 30])
def test_columns_by_hand(ahead_h: int) -> None:
    """Two days before the anchor hour by hour, published hours about the target, the weekday."""
    history, issued = _priced(), np.r_[24 * 29 + 3 : 24 * 31 : 5, HOURS - 3]
    prepared = PreparedHistory.of(history)
    shared = features(prepared, issued, ahead_h)
    made = columns(prepared, issued, ahead_h, shared)
    width = shared.x.shape[-1] - 1
    clipped = np.clip(shared.x[..., :-1], -10.0, 10.0).astype(np.float32)
    np.testing.assert_array_equal(made[..., :width], clipped)
    for z in range(2):
        for n, hour in enumerate(issued):
            target = hour + ahead_h
            anchor = target - (24 if ahead_h <= 24 else 48)
            value, clue = history.value[z], history.clue[z]
            usual = [
                np.abs(signal[hour - 671 : hour + 1] - signal[hour - 695 : hour - 23]).mean()
                for signal in (value, clue)
            ]
            wanted = [
                (value[anchor - h] - value[anchor]) / usual[0] for h in range(1, 48) if h != 24
            ]
            for about in range(target - 23, target + 7):
                ahead = np.array([about - hour])
                told = is_published(history, history.clue_known, np.array([hour]), ahead)[z, 0]
                known = bool(told) and about < HOURS
                change = clue[about] - clue[about - 24] if known else np.nan
                wanted.append(change / usual[1])
            shift = np.timedelta64(int(60 * history.utc_offset_h[z, min(target, HOURS - 1)]), "m")
            clock = START + np.timedelta64(int(target), "h") + shift
            weekday = (clock.astype("datetime64[D]").astype(int)) % 7
            wanted += [float(weekday == day) for day in range(7)]
            wanted = np.clip(wanted, -10.0, 10.0)
            np.testing.assert_allclose(made[z, n, width:], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ahead_h", [1, 23, 24, 25, 48, 170])
def test_nothing_is_looked_at_before_it_is_known(ahead_h: int) -> None:
    """Whatever values come after the hour of issue, and whatever of a price is not published by
    then; what is published about the target is looked at."""
    history, issued = _priced(), 24 * 40 + 9
    ahead = np.arange(1, HOURS - issued)
    told = is_published(history, history.clue_known, np.full(len(ahead), issued), ahead)
    clue, value = history.clue.copy(), history.value.copy()
    clue[:, issued + 1 :][~told] = -1e6
    value[:, issued + 1 :] = 1e6
    other = replace(history, value=value, clue=clue)
    ours, theirs = (_columns(each, np.array([issued]), ahead_h) for each in (history, other))
    np.testing.assert_array_equal(ours, theirs)
    seen = replace(history, clue=history.clue + 1e3 * np.sin(np.arange(HOURS)))
    moved = _columns(seen, np.array([issued]), ahead_h)
    about = slice(-own.DAYS_PER_WEEK - len(own.ABOUT_H), -own.DAYS_PER_WEEK)
    known = np.isfinite(ours[0, 0, about])
    assert known.tolist() == [hour <= 0 or bool(told[0, hour - 1])
                              for hour in range(ahead_h - 23, ahead_h + 7)]  # fmt: skip
    assert (moved[0, 0, about] != ours[0, 0, about])[known].all()


def test_weights_by_plain_least_squares() -> None:
    """Each round is the least squares of a series' rows, of all rows at a hundredth part each, and
    of a ridge, all weighed by the last residuals."""
    draw = np.random.default_rng(3)
    rows = [np.c_[draw.normal(size=(n, 3)), np.ones(n)].astype(np.float32) for n in (40, 25)]
    changes = [(row @ [1.0, -2.0, 0.0, 0.5] + draw.laplace(size=len(row))).astype(np.float32)
               for row in rows]  # fmt: skip
    weighs = [np.ones(40), np.ones(25)]
    for _ in range(ROUNDS):
        wanted = []
        share = SHARED_ROWS / 65
        for mine in range(2):
            size = weighs[mine].sum() + share * sum(w.sum() for w in weighs)
            left, right = [], []
            for z in range(2):
                for row, change, weigh in zip(rows[z], changes[z], weighs[z], strict=True):
                    root = np.sqrt(weigh * (share + (z == mine)))
                    left.append(root * row)
                    right.append(root * change)
            for column in range(3):
                left.append(np.sqrt(RIDGE * size) * np.eye(4)[column])
                right.append(0.0)
            wanted.append(np.linalg.lstsq(np.array(left), np.array(right), rcond=None)[0])
        weighs = [
            1 / np.maximum(np.abs(changes[z] - rows[z] @ wanted[z]), LEAST_RESIDUAL)
            for z in range(2)
        ]
    np.testing.assert_allclose(_weights(rows, changes), wanted, atol=1e-4)


def test_a_linear_model_by_hour_of_the_day() -> None:
    """Each hour learns from the one before and after it, around midnight, too; columns count by
    their spread about their mean, which stands in for what is not known."""
    draw = np.random.default_rng(1)
    x = draw.normal(5.0, 2.0, (2, 600, 2))
    x[0, :50, 1] = np.nan
    hour = np.arange(600) % 24 + np.zeros((2, 1), dtype=np.int64)
    change = np.where(hour < 12, x[..., 0], -x[..., 0]) + draw.normal(0, 0.1, hour.shape)
    change[1, 300:] = np.nan
    model = Linear.of(x, change, hour, np.array([True, False]))
    known = np.isfinite(change)
    np.testing.assert_allclose(model.mean, np.nanmean(x[known], axis=0))
    np.testing.assert_allclose(model.spread, np.nanstd(x[known], axis=0))
    assert np.isnan(model.weights[1]).all()
    rows = model.rows(np.array([[np.nan, model.mean[1] - 2 * model.spread[1]]]))
    assert rows[0].tolist() == pytest.approx([0.0, -2.0, 1.0], abs=1e-6)
    for centre in (0, 11, 23):
        near = np.isin(hour, [(centre - 1) % 24, centre, (centre + 1) % 24]) & known
        alone = _weights(
            [model.rows(x[z, near[z]]) for z in range(2)],
            [change[z, near[z]].astype(np.float32) for z in range(2)],
        )
        np.testing.assert_allclose(model.weights[0, centre], alone[0], atol=1e-6)
    told = model.change(x, hour)
    plain = [model.rows(x[0, n]) @ model.weights[0, hour[0, n]] for n in range(600)]
    np.testing.assert_allclose(told[0], plain, rtol=1e-4, atol=1e-5)
    assert np.isnan(told[1]).all()
    still = Linear.of(np.ones((1, 60, 1)), np.ones((1, 60)), hour[:1, :60], np.array([True]))
    np.testing.assert_allclose(still.change(np.full((1, 1, 1), 9.0), hour[:1, :1]), 1.0, atol=1e-3)


def test_the_forecast_is_the_mean_of_what_each_model_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of the trees of all series, a series' linear model and its trees; a series with too short a
    past has the first alone. All quantiles move as the middle does."""
    monkeypatch.setattr(own, "LEAST_ROWS", 300)
    history = world().until(24 * 50)
    history.value[1, : 24 * 32] = np.nan
    model = boosted(history, 24 * 30, 24 * 48, ahead_h=(24,))
    (band,) = model.bands
    assert band.own is not None
    assert [tree is None for tree in band.own.trees] == [False, True]
    prepared, issued = PreparedHistory.of(history), np.arange(24 * 46, 24 * 48)
    shared = replace(model, bands=(replace(band, own=None),)).quantiles(prepared, issued, 24)
    told = model.quantiles(prepared, issued, 24)
    np.testing.assert_array_equal(told[1], shared[1])
    known = features(prepared, issued, 24)
    x = columns(prepared, issued, 24, known)
    linear = band.own.linear[0].change(x, history.local_hour(issued + 24).astype(int) % 24)[0]
    trees = band.own.trees[0]
    assert trees is not None
    grown = trees.predict(known.x[0, :, :-1])
    middle = (shared[0, :, 1] - known.anchor[0]) / known.scale[0]
    wanted = known.anchor[0] + known.scale[0] * (middle + linear + grown) / 3
    np.testing.assert_allclose(told[0, :, 1], wanted, rtol=1e-6)
    spread = shared[0] - shared[0, :, 1:2]
    np.testing.assert_allclose(told[0] - told[0, :, 1:2], spread, atol=1e-9)


def test_who_has_models_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A series of enough rows at every horizon, where series are not too many; no more are drawn
    than of two years. What is published teaches nothing."""
    history = world(Known.DAY_AHEAD).until(24 * 60)
    prepared, target = PreparedHistory.of(history), np.arange(24 * 40, 24 * 60)
    change = teaching(history, target, 24, features(prepared, target - 24, 24))
    assert np.isfinite(change).sum(axis=1).tolist() == [12 * 20] * 2
    monkeypatch.setattr(own, "LEAST_ROWS", 12 * 20)
    assert own_models(prepared, 24 * 40, (24,), 0) is not None
    monkeypatch.setattr(own, "LEAST_ROWS", 12 * 20 + 1)
    assert own_models(prepared, 24 * 40, (24,), 0) is None
    seen: list[np.ndarray] = []
    monkeypatch.setattr(own, "ROWS", 100)
    monkeypatch.setattr(own, "LEAST_ROWS", 10)
    plain = own.columns

    def columns_of(*asked_for: object) -> np.ndarray:
        made = plain(*asked_for)  # type: ignore[arg-type]
        seen.append(made)
        return made

    monkeypatch.setattr(own, "columns", columns_of)
    assert own_models(prepared, 24 * 40, (18, 24), 0) is not None
    assert [made.shape[1] for made in seen] == [100, 100]
    monkeypatch.setattr(own, "MOST_SERIES", 2)
    assert own_models(prepared, 24 * 40, (24,), 0) is not None
    monkeypatch.setattr(own, "MOST_SERIES", 1)
    assert own_models(prepared, 24 * 40, (24,), 0) is None


def test_the_next_horizon_serves_those_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the last one those beyond. Where a clue is known that a series has not learnt from, its
    models say nothing; elsewhere they do."""
    monkeypatch.setattr(own, "LEAST_ROWS", 100)
    clue = np.random.default_rng(2).normal(50.0, 9.0, (2, HOURS))
    clue[0, : 24 * 60] = np.nan
    history = replace(world(), clue=clue, clue_known=(Known.TARIFF, Known.TARIFF))
    past, issued = PreparedHistory.of(history.until(24 * 60)), np.arange(24 * 50, 24 * 60)
    mine = own_models(past, 24 * 40, (18, 24), 0)
    assert mine is not None
    hour = np.zeros((2, len(issued)), dtype=np.int64)
    for ahead_h, place in {13: 0, 18: 0, 19: 1, 24: 1, 40: 1}.items():
        known = features(past, issued, ahead_h)
        beside = neighbours.looked_at(past, issued, ahead_h, known, mine.near).astype(np.float32)
        x = np.concatenate([columns(past, issued, ahead_h, known), beside], axis=-1)
        hour[:] = history.local_hour(issued + ahead_h) % 24
        linear, _ = mine.changes(past, issued, ahead_h, known)
        np.testing.assert_allclose(linear, mine.linear[place].change(x, hour))
    later, issued = PreparedHistory.of(history), np.array([24 * 58, 24 * 85])
    told = mine.changes(later, issued, 24, features(later, issued, 24))
    assert np.isfinite(told).tolist() == [[[True, False], [True, True]]] * 2
    published = PreparedHistory.of(replace(history, known=(Known.TARIFF, Known.TARIFF)))
    assert np.isnan(mine.changes(published, issued, 24, features(published, issued, 24))).all()
