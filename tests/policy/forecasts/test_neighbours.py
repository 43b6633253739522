"""A series looks at what is published beside it, where that told something in the past."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.policy.forecasts.test_forecasts import HOURS, world
from wattlas.model.issued import Issued
from wattlas.policy.forecasts import own
from wattlas.policy.forecasts.features import PreparedHistory, features
from wattlas.policy.forecasts.history import History, Known
from wattlas.policy.forecasts.neighbours import beside, looked_at, neighbours, published
from wattlas.policy.forecasts.own import Own, columns, own_models
from wattlas.policy.forecasts.priced import priced_change


def _beside() -> History:
    """Carbon of two places, of which the price of one goes with the carbon of the other."""
    history = world()
    clue = np.full((2, HOURS), np.nan)
    clue[1] = history.value[0] / 5 + np.random.default_rng(4).normal(0, 2, HOURS)
    return replace(history, clue=clue, clue_known=(Known.DAY_AHEAD, Known.DAY_AHEAD))


@pytest.fixture(scope="module")
def mine() -> Own:
    """Learnt from 20 days, a day ahead."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own, "LEAST_ROWS", 300)
        prepared = PreparedHistory.of(_beside().until(24 * 60))
        made = own_models(prepared, 24 * 40, (24,), 0)
    assert made is not None
    return made


def test_neighbours_by_plain_loops() -> None:
    """The two whose published changes, cut at eight, go the most with a series' own, either way,
    within a weekday; none that is known too seldom, and not the series itself."""
    draw = np.random.default_rng(6)
    size, least = 700, 400
    day = draw.integers(0, 7, (6, size))
    told = draw.normal(0.0, 1.0, (6, size, 2))
    told[1, ::50, 0] *= 90.0
    told[3] += 3.0 * day[0, :, None]
    told[4, :301] = np.nan  # 399 hours are known
    told[5] = np.nan
    change = draw.normal(0.0, 1.0, (6, size)) + 2.0 * day
    change[1] -= 0.4 * told[0, :, 0]
    change[2, ::2] = np.nan  # 350 hours are known
    change[0] += 0.7 * np.clip(told[1, :, 0], -8, 8) - 1.6 * told[2, :, 0] + told[0, :, 0]
    change[0] += 0.7 * told[3, :, 0]  # the third
    told[4, 301:, 0] = change[0, 301:]
    change[3] += told[2, :, 0] + 0.17 * np.clip(told[1, :, 0], -8, 8)  # too weak for few hours
    change[3, :300] = np.nan  # 400 are
    wanted = []
    for n in range(6):
        sizes = {}
        for other in range(6):
            rows = [t for t in range(size) if np.isfinite(change[n, t] + told[other, t, 0])]
            if other == n or len(rows) < least:
                continue
            pairs = [(change[n, t], min(max(told[other, t, 0], -8.0), 8.0)) for t in rows]
            days = [[p for p, t in zip(pairs, rows, strict=True) if day[n, t] == d]
                    for d in range(7)]  # fmt: skip
            left, right = np.concatenate([np.array(d) - np.mean(d, axis=0) for d in days]).T
            sizes[other] = abs(np.corrcoef(left, right)[0, 1]) * len(rows) ** 0.5
        best = sorted((s for s in sizes if sizes[s] > 4.7), key=lambda s: -sizes[s])[:2]
        wanted.append(best + [-1] * (2 - len(best)))
    made = neighbours(told, change, day, least)
    assert made.tolist() == wanted
    assert wanted[0] == [2, 1]
    assert wanted[1] == [0, -1]
    assert wanted[2:] == [[-1, -1], [2, -1], [-1, -1], [-1, -1]]
    assert neighbours(told, change, day, size + 1).shape == (6, 0)
    still = np.zeros((2, size, 2))
    assert neighbours(still, change[:2], day[:2], least).shape == (2, 0)
    columns_beside = beside(told, made)
    for n in range(6):
        for place, other in enumerate(wanted[n]):
            theirs = told[other] if other >= 0 else np.full((size, 2), np.nan)
            np.testing.assert_array_equal(columns_beside[n, :, 2 * place : 2 * place + 2], theirs)


def test_what_is_published_is_the_clue_or_the_signal_itself() -> None:
    """Also where weather stands behind it."""
    clued, issued = _beside(), np.arange(24 * 40, 24 * 42)
    never = np.zeros(1, dtype=np.int64)
    weather = Issued(("a",), never, never, never, np.ones(1))
    priced = world(Known.DAY_AHEAD)
    for history in (clued, priced, replace(clued, weather=(weather,))):
        prepared = PreparedHistory.of(history)
        change, known = prepared.clue_change, history.clue_known
        if history is priced:
            change, known = prepared.day_change, history.known
        told = published(prepared, features(prepared, issued, 24))
        wanted = np.stack(change.published(history, known, issued, 24), axis=-1)
        np.testing.assert_array_equal(told, wanted)
        near = np.array([[1], [-1]])
        seen = looked_at(prepared, issued, 24, features(prepared, issued, 24), near)
        np.testing.assert_array_equal(seen[..., :2], beside(told, near))
        assert seen.shape[-1] == (2 if history is priced else 5)
        none = looked_at(prepared, issued[:0], 24, features(prepared, issued[:0], 24), near)
        assert none.shape == (2, 0, seen.shape[-1])
        assert set(np.isfinite(told[1]).ravel()) == {True, False}


def test_the_farthest_horizon_of_a_band_says_who_is_beside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is published about a target two days ahead: the band has no neighbours."""
    monkeypatch.setattr(own, "LEAST_ROWS", 200)
    prepared = PreparedHistory.of(_beside().until(24 * 60))
    shapes = []
    for ahead_h in ((36,), (36, 48)):
        made = own_models(prepared, 24 * 40, ahead_h, 0)
        assert made is not None
        shapes.append(made.near.shape)
    assert shapes == [(2, 1), (2, 0)]


def test_models_look_at_their_neighbours(mine: Own) -> None:
    """At what is published there, and at what they were lately at that price, cut at ten usual
    changes for the linear one: what comes or is published later changes nothing, what is published
    does."""
    assert mine.near.tolist() == [[1], [-1]]
    history, issued = _beside(), np.array([24 * 80 + 9, 24 * 80 + 15])
    history.clue[1, 24 * 80 + 24 :] *= 30.0
    prepared = PreparedHistory.of(history)
    known = features(prepared, issued, 24)
    told = mine.changes(prepared, issued, 24, known)
    assert np.isfinite(told).all()
    priced = priced_change(history.value[:1], history.clue[1:], 0, HOURS)[0]
    tonight = [priced[24 * 80 + 22 : 24 * 81].mean(), priced[24 * 81 - 1]]
    evening = priced[24 * 81 + 4 : 24 * 81 + 16].mean(), priced[24 * 81 + 15]
    priced = np.array([[np.nan, *tonight], [priced[24 * 81 + 15], *evening]])
    priced /= known.scale[0, :, None]
    theirs = np.c_[published(prepared, known)[1], priced]
    assert np.nanmax(np.abs(theirs)) > 10.0
    x = columns(prepared, issued, 24, known)
    nothing = np.full((2, 5), np.nan)
    x = np.concatenate([x, np.clip(np.stack([theirs, nothing]), -10.0, 10.0)], axis=-1)
    hour = (issued + 24 + np.zeros((2, 1), dtype=np.int64)) % 24
    np.testing.assert_allclose(told[0], mine.linear[0].change(x, hour), rtol=1e-5)
    for n, seen in enumerate((theirs, nothing)):
        trees = mine.trees[n]
        assert trees is not None
        grown = trees.predict(np.concatenate([known.x[n, :, :-1], seen], axis=-1))
        np.testing.assert_allclose(told[1, n], grown)
    later, sooner = history.clue.copy(), history.clue.copy()
    later[:, 24 * 82 :] = 9e3  # tomorrow ends there
    sooner[1, 24 * 80 + 22] += 300.0
    value = history.value.copy()
    value[:, issued[-1] + 1 :] += 500.0
    for clue, same in ((later, True), (sooner, False)):
        other = PreparedHistory.of(replace(history, value=value, clue=clue))
        moved = mine.changes(other, issued, 24, features(other, issued, 24))
        assert np.array_equal(moved[:, 0], told[:, 0]) == same
