"""What a policy is told of the hours ahead was known when it was told."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shipped import shipped
from wattlas.errors import InputError, UsageError
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours, Signals
from wattlas.policy.forecasts.history import Known
from wattlas.policy.forecasts.models import Persistence
from wattlas.policy.forecasts.outlook import FORECASTS, FromPast, Perfect, forecast_outlook
from wattlas.policy.forecasts.past import pasts_of
from wattlas.policy.protocol import Forecast

DAYS, FIRST_DAY = 48, 43
AHEAD_H = 6


@cache
def long_world() -> Scenario:
    """The tiny example over some weeks of drawn hours; the zones are a tariff, a day-ahead market
    and real time in the tests.
    """
    tiny = shipped("tiny")
    draw, count = np.random.default_rng(3), 24 * DAYS
    zones = len(tiny.signals.zones)
    day = np.sin(2 * np.pi * np.arange(count) / 24)
    drift = np.cumsum(draw.normal(0, 2, (2, zones, count)), axis=2)
    price, carbon = 60 + 20 * day + drift[0], 300 + 80 * day + drift[1]
    demand = np.tile(tiny.demand_per_h, (1, 1, DAYS)) * draw.uniform(0.8, 1.2, (1, 1, count))
    return replace(
        tiny,
        hours=Hours.range("2023-06-01", count),
        signals=Signals(tiny.signals.zones, price, np.maximum(carbon, 1.0)),
        demand_per_h=demand,
        reserved_gpu=np.repeat(tiny.reserved_gpu[:, :1], count, axis=1),
    )


def kinds(world: Scenario) -> dict[str, str]:
    """A tariff, a day-ahead market, and measured prices."""
    zones = list(dict.fromkeys(region.zone for region in world.regions))
    return dict(zip(zones, ("tariff", "day_ahead", "measured"), strict=False))


def parts(world: Scenario) -> tuple[Scenario, Scenario]:
    """(what came before, what is decided)."""
    cut = 24 * FIRST_DAY
    return world.at_hours(range(cut)), world.at_hours(range(cut, world.hours.count))


@cache
def learnt(name: str) -> FromPast:
    """Learnt once from the past of the world."""
    past, now = parts(long_world())
    outlook = forecast_outlook(now, name, past=past, look_ahead_h=AHEAD_H, published=kinds(now))
    assert isinstance(outlook, FromPast)
    return outlook


def told(world: Scenario, name: str, step: int, ahead_h: int = AHEAD_H) -> Forecast:
    """The forecast of a step in a world that has the past of the first one."""
    past, now = parts(world)
    pasts = pasts_of(now, past, {z: Known(word) for z, word in kinds(now).items()})
    outlook = FromPast(now, pasts, learnt(name).models, ahead_h, name)
    return outlook.at(step, now.demand_per_h[:, :, :step])


@pytest.mark.parametrize("name", FORECASTS)
@settings(max_examples=4, deadline=None)
@given(step=st.integers(0, 60), seed=st.integers(0, 99), where=st.sampled_from("pcd"))
def test_what_comes_later_changes_no_forecast(name: str, step: int, seed: int, where: str) -> None:
    """Whatever happens from the moment of issue on, published prices aside, it stays the same."""
    world = long_world()
    before = told(world, name, step)
    draw, now = np.random.default_rng(seed), 24 * FIRST_DAY + step
    price, carbon, demand = (
        a.copy()
        for a in (world.signals.price_usd_per_mwh, world.signals.average_g_per_kwh,
                  world.demand_per_h)
    )  # fmt: skip
    if where == "p":
        known = np.ones(price.shape, dtype=bool)
        known[:, now:] = False
        published = told(world, "persistence", step, 48).published
        for r, row in enumerate(world.region_zone):
            known[row, now : now + published.shape[1]] |= published[r]
            known[row] |= kinds(world)[world.regions[r].zone] == "tariff"
        price += np.where(known, 0.0, draw.normal(0, 50, price.shape))
    elif where == "c":
        carbon[:, now:] += draw.uniform(0, 300, carbon[:, now:].shape)
    else:
        demand[:, :, now:] *= draw.uniform(0, 3, demand[:, :, now:].shape)
    changed = replace(
        world, signals=Signals(world.signals.zones, price, carbon), demand_per_h=demand
    )
    after = told(changed, name, step)
    for field in ("price_usd_per_mwh", "carbon_g_per_kwh", "demand_per_h", "published"):
        np.testing.assert_array_equal(getattr(before, field), getattr(after, field))


def test_a_model_learns_from_the_past_alone() -> None:
    """Another future, the same model: its forecasts of one history are equal."""
    world = long_world()
    past, now = parts(world)
    later = replace(now, demand_per_h=3 * now.demand_per_h, signals=Signals(
        now.signals.zones, 2 * now.signals.price_usd_per_mwh, 2 * now.signals.average_g_per_kwh
    ))  # fmt: skip
    other = forecast_outlook(
        later, "boosted", past=past, look_ahead_h=AHEAD_H, published=kinds(now)
    )
    assert isinstance(other, FromPast)
    first, second = (
        FromPast(now, learnt("boosted").pasts, models, AHEAD_H, "boosted").at(
            0, now.demand_per_h[..., :0]
        )
        for models in (learnt("boosted").models, other.models)
    )
    np.testing.assert_array_equal(first.carbon_g_per_kwh, second.carbon_g_per_kwh)
    np.testing.assert_array_equal(first.demand_per_h, second.demand_per_h)


@pytest.mark.parametrize("name", FORECASTS)
def test_a_forecast_has_numbers_for_every_hour_and_published_prices_as_they_are(name: str) -> None:
    """(regions, hours) up to the end; a tariff throughout, day-ahead prices where published."""
    world = long_world()
    _, now = parts(world)
    for step in (0, 13, now.hours.count - 5):
        forecast = told(world, name, step)
        ahead = min(AHEAD_H, now.hours.count - step)
        assert forecast.price_usd_per_mwh.shape == (3, ahead)
        assert forecast.demand_per_h.shape == (*now.shape[:2], ahead)
        assert all(
            np.isfinite(getattr(forecast, n)).all()
            for n in ("price_usd_per_mwh", "carbon_g_per_kwh", "demand_per_h")
        )
        assert (forecast.demand_per_h >= 0).all()
        truth = now.price_usd_per_mwh[:, step : step + ahead]
        np.testing.assert_array_equal(
            forecast.price_usd_per_mwh[forecast.published], truth[forecast.published]
        )
        zones = [kinds(world)[region.zone] for region in now.regions]
        for row, kind in zip(forecast.published, zones, strict=True):
            assert row.all() if kind == "tariff" else not (kind == "measured" and row.any())


def test_persistence_is_the_same_hour_of_the_day_before() -> None:
    """Carbon and demand, also of hours of which the day before is the replay's own."""
    world, step = long_world(), 30
    forecast = told(world, "persistence", step)
    at = 24 * FIRST_DAY + step
    day_before = slice(at - 24, at - 24 + AHEAD_H)
    np.testing.assert_array_equal(
        forecast.carbon_g_per_kwh, world.deciding_g_per_kwh[:, day_before]
    )
    np.testing.assert_array_equal(forecast.demand_per_h, world.demand_per_h[:, :, day_before])


def test_demand_is_never_expected_below_nothing() -> None:
    """Whatever a model says; signals may be negative."""

    class Falling(Persistence):
        def quantiles(self, prepared, issued, ahead_h):  # type: ignore[no-untyped-def]
            made = super().quantiles(prepared, issued, ahead_h)
            return np.where(np.arange(made.shape[0])[:, None, None] % 2, made, made - 1e9)

    known = learnt("persistence")
    models = dict.fromkeys(known.models, Falling())
    step = 30
    came = known.scenario.demand_per_h[:, :, :step]
    usual, forecast = (
        FromPast(known.scenario, known.pasts, each, AHEAD_H, "falling").at(step, came)
        for each in (known.models, models)
    )
    rows = usual.demand_per_h.reshape(-1, AHEAD_H).copy()
    rows[::2] = 0.0
    np.testing.assert_array_equal(forecast.demand_per_h.reshape(-1, AHEAD_H), rows)
    assert (forecast.carbon_g_per_kwh < 0).any()


def test_a_past_is_found_by_its_ids_and_what_it_lacks_is_unknown() -> None:
    """Metros, classes and zones in another order are the same; those that are not there have no
    past, which is not a past of nothing."""
    past, now = parts(long_world())
    turned = replace(
        past,
        metros=past.metros[::-1], classes=past.classes[::-1],
        demand_per_h=past.demand_per_h[::-1, ::-1],
        network=replace(past.network, rtt_metro_node_ms=past.network.rtt_metro_node_ms[::-1],
                        modelled_metro_node=past.network.modelled_metro_node[::-1]),
        signals=Signals(past.signals.zones[::-1], past.signals.price_usd_per_mwh[::-1],
                        past.signals.average_g_per_kwh[::-1]),
    )  # fmt: skip
    whole, same = pasts_of(now, past), pasts_of(now, turned)
    assert whole.price is not None
    assert same.price is not None
    for one, other in ((whole.demand, same.demand), (whole.carbon, same.carbon),
                       (whole.price, same.price)):  # fmt: skip
        np.testing.assert_array_equal(one.value, other.value)
        assert one.ids == other.ids
    first, classes = whole.span.first, len(now.classes)
    away = replace(past.metros[1], id="elsewhere")
    less = pasts_of(now, replace(past, metros=(past.metros[0], away, *past.metros[2:]))).demand
    rows = np.zeros(len(less.value), bool)
    rows[classes : 2 * classes] = True
    assert np.isnan(less.value[rows, :first]).all()
    np.testing.assert_array_equal(less.value[~rows], whole.demand.value[~rows])
    np.testing.assert_array_equal(less.value[:, first:], whole.demand.value[:, first:])


def test_a_perfect_forecast_is_the_rest_of_the_scenario() -> None:
    """It needs no past, and hours of any length will do."""
    world = shipped("tiny")
    forecast = Perfect(world).at(5, world.demand_per_h[:, :, :5])
    np.testing.assert_array_equal(forecast.price_usd_per_mwh, world.price_usd_per_mwh[:, 5:])
    np.testing.assert_array_equal(forecast.carbon_g_per_kwh, world.deciding_g_per_kwh[:, 5:])
    np.testing.assert_array_equal(forecast.demand_per_h, world.demand_per_h[:, :, 5:])
    np.testing.assert_array_equal(forecast.utc, world.hours.utc[5:])
    assert (forecast.issued_utc, forecast.step_h) == (world.hours.utc[5], world.hours.step_h)
    assert forecast.published.all()
    assert isinstance(forecast_outlook(world, "perfect"), Perfect)


def test_too_short_a_past_and_wrong_words_are_refused() -> None:
    """One error that says how many hours there are, how many are needed, and what to do."""
    past, now = parts(long_world())
    with pytest.raises(InputError, match=r"has 0 hours of past .*needs 24"):
        forecast_outlook(now, "persistence")
    with pytest.raises(InputError, match=r"has 120 hours of past .*needs 1008.*--begin"):
        forecast_outlook(now, "boosted", past=past.at_hours(range(24 * 38, 24 * 43)))
    with pytest.raises(InputError, match=r"has 72 hours of past .*needs 168"):
        forecast_outlook(now, "climatology", past=past.at_hours(range(24 * 40, 24 * 43)))
    with pytest.raises(UsageError, match="there is no `wat`"):
        forecast_outlook(now, "wat", past=past)
    zone = now.regions[0].zone
    with pytest.raises(InputError, match="is no grid zone"):
        forecast_outlook(now, "persistence", past=past, published={"nowhere": "tariff"})
    with pytest.raises(InputError, match="Give one of measured, day_ahead, tariff"):
        forecast_outlook(now, "persistence", past=past, published={zone: "soon"})
    quarter = replace(now, hours=replace(now.hours, step_h=0.25))
    with pytest.raises(InputError, match="a forecast is hourly"):
        forecast_outlook(quarter, "persistence", past=past)
