"""A forecaster learns anew from what was over by then, and trusts those that erred the least."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.policy.forecasts.test_forecasts import HOURS, world
from tests.policy.forecasts.test_outlook import long_world, parts
from tests.policy.forecasts.test_vintages import drawn, outlook_of
from wattlas.policy.forecasts import linear, models, outlook, own, renewals
from wattlas.policy.forecasts.bands import Band, Blend
from wattlas.policy.forecasts.features import PreparedHistory, features
from wattlas.policy.forecasts.history import History
from wattlas.policy.forecasts.models import Boosted, boosted
from wattlas.policy.forecasts.own import own_models, teaching
from wattlas.policy.forecasts.renewals import blended, renewed
from wattlas.policy.forecasts.vintages import AsKnown

FIRST, LAST, EVERY, END = 24 * 30, 24 * 60, 24 * 20, 24 * 101
BEGINS = (24 * 80, 24 * 100)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty days instead of three months, and little to learn from."""
    monkeypatch.setattr(renewals, "EVERY_H", EVERY)
    monkeypatch.setattr(own, "LEAST_ROWS", 300)
    monkeypatch.setattr(own, "ROWS", 500)
    monkeypatch.setattr(linear, "ROUNDS", 1)
    monkeypatch.setattr(own, "TREES", 8)
    monkeypatch.setattr(models, "ROWS", 1500)
    monkeypatch.setattr(models, "FEWEST_TREES", 8)


def _far(history: History, end: int) -> Boosted:
    """A day ahead alone, and the middle alone."""
    model = boosted(history, FIRST, LAST, ahead_h=(24,), quantiles=(0.5,))
    return renewed(model, lambda _hour: history, FIRST, LAST, end)


def _plain_blend(members: np.ndarray, change: np.ndarray) -> tuple[list[float], float]:
    """Of one series, (3, n) and (n,), hour by hour."""
    errors, hours = [0.0, 0.0, 0.0], 0
    for each, came in zip(members.T, change, strict=True):
        if np.isfinite(each).all() and np.isfinite(came):
            hours += 1
            errors = [e + abs(told - came) for e, told in zip(errors, each, strict=True)]
    mean = sum(errors) / 3
    share = [(e / mean) ** -8 if hours >= 168 else 1.0 for e in errors]
    above = below = 144.0
    for each, came in zip(members.T, change, strict=True):
        known = np.isfinite(each)
        if known.any() and np.isfinite(came):
            expected = (np.array(share)[known] * each[known]).sum() / np.array(share)[known].sum()
            weight = 1 / max(abs(came - expected), 0.3)
            above += weight * expected * came
            below += weight * expected**2
    return share, above / below


def test_shares_and_stretch_by_plain_loops() -> None:
    """By errors over hours that all knew, from a week of them on; the stretch over all hours."""
    draw = np.random.default_rng(4)
    change = draw.normal(0, 1, (4, 300))
    errors = draw.normal(0, 1, (3, 4, 300)) * np.array([0.5, 0.6, 0.4])[:, None, None]
    members = 0.7 * (change + errors)
    change[1, ::7] = np.nan
    members[1, 2, 20:60] = np.nan
    members[1, 2, :132] = members[1, 3, :133] = np.nan  # 168 hours, and one less
    made = blended(members, change)
    for z in range(4):
        share, stretch = _plain_blend(members[:, z], change[z])
        np.testing.assert_allclose(made.share[:, z], share, rtol=1e-6)
        assert made.stretch[z] == pytest.approx(stretch)
        assert stretch > 1.05
    assert made.share[:, 3].tolist() == [1.0, 1.0, 1.0]
    assert made.share[2, 2] > 1.0 > made.share[1, 2]


def test_a_mix_is_the_mean_of_those_that_say_something() -> None:
    """By their shares, and stretched; nothing where none does."""
    members = np.array([[[1.0, 1.0, np.nan]], [[4.0, np.nan, np.nan]], [[7.0, 3.0, np.nan]]])
    made = Blend(np.array([[1.0], [2.0], [3.0]]), np.array([1.5])).of(members)
    np.testing.assert_allclose(made, [[1.5 * 30 / 6, 1.5 * 10 / 4, np.nan]])
    np.testing.assert_allclose(Blend.equal(1).of(members), [[4.0, 2.0, np.nan]])


def test_what_is_in_force_was_learnt_until_then() -> None:
    """The far band is renewed on the 80th and 100th day from the hours before, as if learnt alone,
    and in force for forecasts that are issued as these days begin; the near one never is."""
    history = world()
    first = boosted(history, FIRST, LAST, ahead_h=(3, 24))
    model = renewed(first, lambda _hour: history, FIRST, LAST, END)
    near, far = model.bands
    assert (near.renewals, len(far.renewals)) == ((), 2)
    prepared = PreparedHistory.of(history)
    issued = np.array([LAST, *(begin + n for begin in BEGINS for n in (-2, -1, 0))])
    terms = [0, 0, 1, 1, 1, 2, 2]
    known = features(prepared, issued, 24)
    trees = first.bands[1].trees[1].predict(known.x.reshape(-1, known.x.shape[-1])).reshape(2, -1)
    told, plain = (each.quantiles(prepared, issued, 24) for each in (model, first))
    before: Band = first.bands[1]
    for term, begin in enumerate((LAST, *BEGINS)):
        share, stretch = np.ones((3, 2)), np.ones(2)
        mine = first.bands[1].own
        if term:
            past = PreparedHistory.of(history.until(begin))
            mine = own_models(past, FIRST, (24,), 0)
            target = np.arange(begin - EVERY, begin)
            seen = features(past, target - 24, 24)
            blend = blended(before.members(past, target - 24, 24, seen),
                        teaching(past.history, target, 24, seen))  # fmt: skip
            share, stretch = blend.share, blend.stretch
            before = replace(before, renewals=far.renewals[:term])
        assert mine is not None
        changes = mine.changes(prepared, issued, 24, known)
        wanted = (share[0, :, None] * trees + (share[1:, :, None] * changes).sum(axis=0)) * (
            stretch[:, None] / share.sum(axis=0)[:, None]
        )
        wanted = known.anchor + known.scale * wanted
        for n in np.flatnonzero(np.array(terms) == term):
            np.testing.assert_allclose(told[:, n, 1], wanted[:, n], rtol=1e-6)
    spread = plain - plain[..., 1:2]
    np.testing.assert_allclose(told - told[..., 1:2], spread, atol=1e-9)
    near_ones = [each.quantiles(prepared, issued, 3) for each in (model, first)]
    np.testing.assert_array_equal(near_ones[0], near_ones[1])
    later = PreparedHistory.of(history.between(24 * 10, HOURS))  # an hour is known by its clock
    moved = model.quantiles(later, issued[-3:] - 240, 24)
    np.testing.assert_allclose(moved, told[:, -3:])


@pytest.mark.parametrize("issued", [BEGINS[0] - 2, BEGINS[0] - 1, BEGINS[0] + 50])
def test_what_comes_later_changes_nothing(issued: int) -> None:
    """Learnt anew in a world that is another from the hour after the issue on: the same forecast;
    and another where the hour before a renewal was another."""
    history = world()
    prepared, at = PreparedHistory.of(history), np.array([issued])
    told = _far(history, BEGINS[0] + 1).quantiles(prepared, at, 24)
    same = []
    for since in (issued + 1, BEGINS[0] - 1):
        value = history.value.copy()
        value[:, since:] += np.random.default_rng(8).normal(0, 90, value[:, since:].shape)
        other = replace(history, value=value)
        seen = PreparedHistory.of(other) if since > issued else prepared
        made = _far(other, BEGINS[0] + 1).quantiles(seen, at, 24)
        same.append(bool((made == told).all()))
    assert same == [True, issued < BEGINS[0] - 1]


def test_a_renewal_needs_a_past_and_hours_that_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """None in the last hour's own; none where no series has enough hours; and each is learnt from
    what was known as it began."""
    history = world()
    assert [len(_far(history, end).bands[0].renewals) for end in (24 * 80, 24 * 80 + 1)] == [0, 1]
    asked_of: list[int] = []

    def history_at(hour: int) -> History:
        asked_of.append(hour)
        return history.until(hour)

    model = boosted(history, FIRST, LAST, ahead_h=(24,), quantiles=(0.5,))
    made = renewed(model, history_at, FIRST, LAST, END)
    assert asked_of == [*BEGINS]
    begins = [history.start_utc + np.timedelta64(begin, "h") for begin in BEGINS]
    assert [each.begin_utc for each in made.bands[0].renewals] == begins
    monkeypatch.setattr(own, "ROWS", 2000)
    monkeypatch.setattr(own, "LEAST_ROWS", 24 * 60)
    model = boosted(history, FIRST, LAST, ahead_h=(24,), quantiles=(0.5,))
    (band,) = renewed(model, history_at, FIRST, LAST, END).bands
    assert band.own is None
    assert [each.begin_utc for each in band.renewals] == begins[1:]
    assert band.renewals[0].blend.share.tolist() == [[1.0, 1.0]] * 3  # whom to trust nobody knows


def test_signals_are_renewed_as_they_were_known_and_demand_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two days into a scenario, from vintages of then; of demand the replay sees other requests
    than the scenario's."""
    monkeypatch.setattr(renewals, "EVERY_H", 48)
    monkeypatch.setattr(renewals, "BEYOND_H", 3)
    asked_of: list[int] = []

    def known_at(_lookup: object, history: History, issued: int) -> History:
        asked_of.append(issued)
        return history

    monkeypatch.setattr(outlook, "known_at", known_at)
    zone = parts(long_world())[1].regions[0].zone
    told = outlook_of("boosted", drawn(long_world(), zone), signals=("carbon", "demand"))
    first = told.pasts.span.first
    assert asked_of == [first - 1, first + 47, first + 95]
    carbon, demand = told.models["carbon"], told.models["demand"]
    assert isinstance(carbon, AsKnown)
    assert isinstance(carbon.model, Boosted)
    assert isinstance(demand, Boosted)
    counts = [[len(band.renewals) for band in each.bands] for each in (carbon.model, demand)]
    assert counts == [[0, 2], [0, 0]]
