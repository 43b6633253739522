"""Weather in forecasts: read from a file, known when it was issued, and worth something."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.policy.forecasts.test_forecasts import DAYS, HOURS, START, world
from tests.policy.forecasts.test_outlook import long_world, parts
from wattlas.data.forecast_file import read_weather
from wattlas.errors import InputError, UsageError
from wattlas.model.issued import Issued
from wattlas.policy.forecasts.features import PreparedHistory, features
from wattlas.policy.forecasts.history import History
from wattlas.policy.forecasts.holes import dry
from wattlas.policy.forecasts.models import boosted
from wattlas.policy.forecasts.outlook import Files, forecast_outlook
from wattlas.policy.forecasts.skill import skill

HOUR_S = 3600
START_S = int(START.astype("datetime64[s]").astype(np.int64))


def _written(path: Path, header: str, *rows: str) -> Path:
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


def _issued(value: np.ndarray, ahead_h: int = -1) -> Issued:
    """Weather (series, T) of the zones a, b, …, issued so many hours before its hour."""
    count, hours = value.shape
    time_s = START_S + HOUR_S * np.tile(np.arange(hours), count)
    zone = np.repeat(np.arange(count), hours)
    return Issued(tuple("ab"[:count]), time_s - HOUR_S * ahead_h, time_s, zone, value.ravel())


def _with(history: History, *weather: Issued) -> History:
    return replace(history, weather=weather)


def test_what_was_measured_is_known_once_its_hour_is_over(tmp_path: Path) -> None:
    """Without a time of issue, an hour later; each quantity that is there, in its order."""
    file = _written(
        tmp_path / "w.csv", "time_utc,zone,wind_speed_m_per_s,temperature_c",
        "2023-01-02T05:00Z,DE,4.5,-3", "2023-01-02T06:00Z,DE,,1.5",
    )  # fmt: skip
    temperature, wind = read_weather(file)
    assert list(temperature.value) == [-3.0, 1.5]
    assert list(temperature.issued_s - temperature.time_s) == [HOUR_S, HOUR_S]
    assert list(wind.value) == [4.5]
    assert wind.zones == ("DE",)


def test_what_was_forecast_is_known_when_it_was_issued(tmp_path: Path) -> None:
    """With `issued_utc` nothing is added; one hour may be there as often as it was issued."""
    hour = "2023-01-02T09:00Z,DE"
    file = _written(
        tmp_path / "w.csv", "issued_utc,time_utc,zone,solar_w_per_m2",
        f"2023-01-01T00:00Z,{hour},200", f"2023-01-02T00:00Z,{hour},240",
    )  # fmt: skip
    (solar,) = read_weather(file)
    assert list(solar.time_s - solar.issued_s) == [33 * HOUR_S, 9 * HOUR_S]


def test_all_that_is_wrong_with_a_file_is_said_at_once(tmp_path: Path) -> None:
    """Bad cells and doubled rows together; a file without a quantity names those that there are."""
    file = _written(
        tmp_path / "w.csv", "time_utc,zone,humidity_pct,wind_speed_m_per_s",
        "2023-01-02T05:00Z,DE,101,-1", "2023-01-02T05:00Z,DE,50,2",
    )  # fmt: skip
    with pytest.raises(InputError) as caught:
        read_weather(file)
    told = "\n".join(map(str, caught.value.problems))
    assert "humidity_pct" in told
    assert "wind_speed_m_per_s" in told
    assert "twice" in told
    empty = _written(tmp_path / "e.csv", "time_utc,zone,temp", "2023-01-02T05:00Z,DE,3")
    with pytest.raises(InputError, match="temperature_c or wind_speed_m_per_s"):
        read_weather(empty)


@pytest.mark.parametrize("ahead_h", [1, 24, 30])
def test_its_features_by_hand(ahead_h: int) -> None:
    """The mean of a day, the change since a day and a week ago; of a forecast, its difference from
    the hour that the value is relative to.
    """
    draw, history = np.random.default_rng(2), world()
    value = draw.normal(10, 5, (2, HOURS))
    at = 24 * 50 + 7
    day, week = value[:, at - 23 : at + 1].mean(axis=1), value[:, at - 167 : at + 1].mean(axis=1)
    change = value[:, at] - value[:, at - 24]
    anchor = at + ahead_h - 24 * -(-ahead_h // 24)
    expected = value[:, at + ahead_h] - value[:, anchor]
    bare = features(PreparedHistory.of(history), np.array([at]), ahead_h).x.shape[-1]
    for issued, last in (
        (_issued(value), np.full(2, np.nan)),
        (_issued(value, ahead_h + 1), expected),
    ):
        x = features(PreparedHistory.of(_with(history, issued)), np.array([at]), ahead_h).x
        assert x.shape[-1] == bare + 4
        place = next(n for n in range(bare) if np.allclose(x[:, 0, n], day))
        assert np.allclose(x[:, 0, place + 1], change)
        assert np.allclose(x[:, 0, place + 2], day - week)
        assert np.allclose(x[:, 0, place + 3], last, equal_nan=True)


@pytest.mark.parametrize("lead_h", [-1, 30])
def test_no_weather_of_the_future_is_looked_at(lead_h: int) -> None:
    """What is issued after an hour of issue changes no feature of it."""
    draw, history, at = np.random.default_rng(4), world(), 24 * 60
    first = draw.normal(10, 5, (2, HOURS))
    known = _issued(first, lead_h)
    late = known.issued_s > START_S + HOUR_S * (at + 1)
    other = replace(known, value=np.where(late, draw.normal(0, 9, late.size), known.value))
    assert late.any()
    a, b = (
        features(PreparedHistory.of(_with(history, each)), np.array([at]), 24).x
        for each in (known, other)
    )
    assert np.array_equal(a, b, equal_nan=True)


def test_it_makes_forecasts_better_where_it_leads() -> None:
    """Where a day's wind decides the next day, a model that sees it errs by a third less, and so
    does one that is told it as a forecast of the next day.
    """
    draw, history = np.random.default_rng(6), world()
    wind = np.repeat(draw.normal(0, 1, (2, DAYS)), 24, axis=1)
    value = history.value - 60 * np.roll(wind, 24, axis=1)
    leads = replace(history, value=value)
    cut = 24 * 90

    def error(weather: tuple[Issued, ...]) -> float:
        told = _with(leads, *weather)
        model = boosted(told, 0, cut, ahead_h=(24,))
        return float(skill(model, told, cut, HOURS, (24,))[0].error.mean())

    without = error(())
    assert error((_issued(wind),)) < 2 / 3 * without
    assert error((_issued(np.roll(wind, 24, axis=1), 48),)) < 2 / 3 * without


def test_a_clue_that_is_never_published_is_no_obstacle() -> None:
    """Where no price is known ahead, carbon is learnt without it, as if there were none."""
    history = world()
    clue = np.random.default_rng(1).normal(50, 9, history.value.shape)
    with_clue = replace(history, clue=clue, clue_known=history.known)
    cut = 24 * 60
    plain, other = (boosted(each, 0, cut, ahead_h=(24,)) for each in (history, with_clue))
    issued = np.arange(cut, cut + 24)
    assert np.allclose(
        plain.quantiles(PreparedHistory.of(history), issued, 24),
        other.quantiles(PreparedHistory.of(with_clue), issued, 24),
    )


def test_it_is_refused_where_nobody_looks_and_missing_zones_are_told() -> None:
    """Only the learnt forecast takes weather; zones that a file lacks stand in a note."""
    past, now = parts(long_world())
    weather = _issued(np.zeros((1, 24)))
    for name in ("persistence", "climatology", "perfect"):
        with pytest.raises(UsageError, match=f"--weather: `{name}` looks at none"):
            forecast_outlook(now, name, past=past, files=Files(weather=(weather,)))
    assert dry(("a", "c", "d"), (weather,)) == (
        "The weather's file has none of c, d: forecast without",
    )
    assert dry(("a",), (weather,)) == ()
    assert dry(("c",), ()) == ()
