"""What a move costs and saves, and where it breaks even, computed once more in plain loops."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import wattlas
from tests import oracle
from tests.placement.worlds import world
from wattlas.model.breakeven import BreakEven, Quantity, Verdict
from wattlas.model.frictions import Frictions
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.placement.breakeven.breakeven import breakeven, stay
from wattlas.placement.breakeven.moves import (
    Move,
    PlaceCharges,
    gain_usd,
    move_between,
    requests,
    saving,
)

CODE, LARGE, SMALL = 1, 0, 2
FRICTIONS = Frictions(0.5, {"region-1": 0.1}, 0.25, carry_weights=True, move_state=True)


def even(seed: int) -> Scenario:
    """A world whose steps weigh the same, under frictions; in one nobody asks for anything."""
    s = world(seed, Hours.range("2023-03-01T00:00:00", 9, step_h=0.5), frictions=FRICTIONS)
    demand = s.demand_per_h.copy()
    demand[:, CODE, 4] = 0.0
    return replace(s, demand_per_h=demand)


def asked(s: Scenario, metros: list[int], t: int) -> float:
    """Requests/h of class `code` of some metros."""
    return sum(float(s.demand_per_h[i, CODE, t]) for i in metros)


def egress(s: Scenario, metros: list[int], r: int, t: int) -> float:
    """Egress price to a region, weighted by what each metro asks for in the step, if any does."""
    paid = [
        float(s.demand_per_h[i, CODE, t] * s.network.egress_usd_per_gb[oracle.node_of(s, i), r])
        for i in metros
    ]
    if not asked(s, metros, t):
        prices = [float(s.network.egress_usd_per_gb[oracle.node_of(s, i), r]) for i in metros]
        return sum(prices) / len(prices)
    return sum(paid) / asked(s, metros, t)


@pytest.mark.parametrize("metros", [[0, 1, 2, 3], [0], [1]])
@pytest.mark.parametrize("returns", [False, True])
def test_a_move_of_a_scenario(metros: list[int], returns: bool) -> None:
    """Every part of the move of a class: prices, volume, starts there and back, and state."""
    s, (origin, away) = even(7), (1, 2)
    metro = None if len(metros) > 1 else f"metro-{metros[0]}"
    move = move_between(
        s, "code", "region-1", "region-2", "large", metro, returns=returns, stay_h=3.0
    )
    steps = range(s.hours.count)
    most = max(asked(s, metros, t) for t in steps)
    for side, r in ((move.origin, origin), (move.away, away)):
        assert side.pue == s.regions[r].pue
        assert side.usd_per_gpu_h == oracle.used_usd_per_gpu_h(s, r)
        assert list(move.series(side.price_usd_per_mwh)) == [oracle.price(s, r, t) for t in steps]
        grams = [oracle.intensity(s, r, t) for t in steps]
        assert list(move.series(side.carbon_g_per_kwh)) == grams
        paid = [egress(s, metros, r, t) for t in steps]
        assert move.series(side.egress_usd_per_gb) == pytest.approx(paid)
    assert move.series(move.volume_per_h) == pytest.approx([asked(s, metros, t) for t in steps])
    assert list(move.hours) == [0.5] * len(steps)
    assert move.it_kwh == pytest.approx(oracle.it_kwh(s, CODE, LARGE))
    assert move.gpu_h == pytest.approx(oracle.gpu_h(s, CODE, LARGE))
    assert move.payload_bytes == s.classes[CODE].bytes_per_request
    assert move.carbon_price_usd_per_t == s.objective.carbon_price_usd_per_t
    assert move.stay_h == 3.0
    start = oracle.start_usd(s, away, "big", 0)
    mean_price = sum(oracle.price(s, origin, t) for t in steps) / len(steps)
    back = 0.1 + 0.25 * 1.5 * mean_price / 1e3 + 140.0 * (0.02 + 0.01 + 0.04) / 3
    assert start > 140.0 * 0.04
    assert move.one_off_usd == pytest.approx(most * move.gpu_h * (start + back * returns))
    mean_grams = sum(oracle.intensity(s, origin, t) for t in steps) / len(steps)
    warm_t = oracle.start_t(s, away, 0) + returns * 0.25 * 1.5 * mean_grams / 1e6
    assert move.one_off_t == pytest.approx(most * move.gpu_h * warm_t)
    assert move.one_off_t > 0
    grams = sum(oracle.intensity(s, origin, t) for t in steps) / len(steps)
    warm_t = oracle.start_t(s, away, 0) + returns * 0.25 * 1.5 * grams / 1e6
    assert move.one_off_t == pytest.approx(most * move.gpu_h * warm_t)
    assert move.sessions == pytest.approx(most / s.classes[CODE].requests_per_session_h)
    assert move.state_bytes == s.classes[CODE].session_state_bytes
    ways = [egress(s, metros, away, t) + egress(s, metros, origin, t) * returns for t in steps]
    assert move.state_usd_per_gb == pytest.approx(sum(ways) / len(steps))


@pytest.mark.parametrize("stay_h", [None, 2.2, 0.25])
def test_the_gain_of_a_move(stay_h: float | None) -> None:
    """What the requests of the stay cost at origin, less what they cost away, less the one-off."""
    for seed in (1, 4):
        s = world(seed, frictions=FRICTIONS)
        move = move_between(s, "code", "region-1", "region-0", "small", stay_h=stay_h)
        left = math.inf if stay_h is None else stay_h
        gain, count = 0.0, []
        for t in range(s.hours.count):
            inside = min(max(left, 0.0), float(s.hours.weight[t]) * s.hours.step_h)
            left -= inside
            count.append(sum(inside * float(s.demand_per_h[i, CODE, t]) for i in range(4)))
            for i in range(4):
                here, there = (oracle.unit_usd(s, i, CODE, r, SMALL, t) for r in (1, 0))
                gain += inside * float(s.demand_per_h[i, CODE, t]) * (here - there)
        state = move.sessions * move.state_bytes / 1e9 * move.state_usd_per_gb
        assert state > 0
        assert move.one_off_usd > 0
        assert requests(move) == pytest.approx(count)
        warm_up = s.objective.carbon_price_usd_per_t * move.one_off_t
        assert warm_up > 0
        assert gain_usd(move) == pytest.approx(gain - move.one_off_usd - state - warm_up)


def test_the_cheapest_point_is_cheapest_with_its_accelerators() -> None:
    """A point that takes more accelerator time is expensive only where that is paid by the hour."""
    s = even(2)
    slow = replace(s.points[SMALL], id="slow", decode_j_per_token=1.0, decode_gpu_s_per_token=0.5)
    hourly = tuple(replace(r, on_demand_gpu=np.inf) for r in s.regions)
    s = replace(s, points=(*s.points, slow), regions=hourly, reserved_gpu=0.0 * s.reserved_gpu)
    free = tuple(replace(r, on_demand_usd_per_gpu_h=0.0) for r in s.regions)
    for world_, wanted in ((s, "small"), (replace(s, regions=free), "slow")):
        named = move_between(world_, "code", "region-1", "region-0", wanted)
        taken = move_between(world_, "code", "region-1", "region-0")
        assert (taken.it_kwh, taken.gpu_h) == (named.it_kwh, named.gpu_h)


@pytest.mark.parametrize("seed", [1, 4])
def test_a_value_is_where_the_gain_is_nothing(seed: int) -> None:
    """With the quantity at the value and all else as it is, the move gains nothing."""
    s = world(seed, frictions=replace(FRICTIONS, start_usd_per_gpu_h=0.01, carry_weights=False))
    move = move_between(s, "code", "region-3", "region-0", "small")
    found = {one.quantity: one for one in wattlas.breakeven(s, "code", "region-3", "region-0",
                                                            "small")}  # fmt: skip
    assert list(found) == list(Quantity)
    assert found == {one.quantity: one for one in breakeven(move)}
    fields = {
        Quantity.CARBON_PRICE: "carbon_price_usd_per_t",
        Quantity.PAYLOAD: "payload_bytes",
        Quantity.STATE: "state_bytes",
    }
    count, gain = float(requests(move).sum()), gain_usd(move)
    values = [one.value for one in found.values() if one.value is not None]
    assert len(values) >= 4
    for quantity, one in found.items():
        if one.value is None:
            continue
        if quantity in fields:
            at = replace(move, **{fields[quantity]: one.value})
            assert one.now == getattr(move, fields[quantity])
        elif quantity is Quantity.STAY:
            at = replace(move, stay_h=one.value)
            assert one.now == move.horizon_h
        elif quantity is Quantity.VOLUME:
            volume = move.series(move.volume_per_h) * one.value / count
            at = replace(move, volume_per_h=volume)
            assert one.now == pytest.approx(count)
        else:
            gap = float(requests(move) @ (s.price_usd_per_mwh[3] - s.price_usd_per_mwh[0])) / count
            assert one.now == pytest.approx(gap)
            costlier = s.price_usd_per_mwh[3] + one.value - gap
            at = replace(move, origin=replace(move.origin, price_usd_per_mwh=costlier))
        assert gain_usd(at) == pytest.approx(0.0, abs=1e-9 * (abs(gain) + move.moving_usd))
        assert one.pays_at(one.now or 0.0) == (gain > 0) or quantity is Quantity.STAY


def test_the_stay_counts_the_hours_of_each_step() -> None:
    """The first stay that pays ends inside a step, as many hours in as its saving needs."""
    price = np.array([-10.0, 30.0, 50.0, -80.0])
    hours = np.array([2.0, 0.5, 6.0, 3.0])
    move = Move(
        PlaceCharges(price), PlaceCharges(0.0), np.array([1.0, 2.0, 3.0, 1.0]), 1.0,
        one_off_usd=0.31, step_hours=hours,
    )  # fmt: skip
    # USD saved: −0.01·2, then 0.06·0.5, then 0.15 an hour: 0.31 − 0.01 is owed after 2.5 h.
    found = stay(move)
    assert found.value == pytest.approx(2.5 + 0.30 / 0.15)
    assert found.reason == "pays from a stay of 4.5 h; the best stay is 8.5 h, 0.6 USD"


def test_a_stay_that_only_earns_its_moving_back_never_pays() -> None:
    """A move that gains exactly nothing at its best does not pay."""
    move = Move(
        PlaceCharges(np.array([250.0, -250.0])), PlaceCharges(0.0), 1.0, 1.0, one_off_usd=0.25
    )
    assert stay(move).verdict is Verdict.NEVER
    assert stay(replace(move, one_off_usd=0.125)).value == pytest.approx(0.5)


def _why(move: Move) -> BreakEven:
    return {one.quantity: one for one in breakeven(move)}[Quantity.VOLUME]


def test_what_eats_the_saving_is_weighed_by_requests() -> None:
    """Which part is named, and by how much, is a mean over requests, not over steps."""
    origin = PlaceCharges(np.array([100.0, 100.0]), egress_usd_per_gb=0.0)
    away = PlaceCharges(np.array([90.0, 130.0]), egress_usd_per_gb=np.array([0.9, 0.01]))
    move = Move(origin, away, np.array([1.0, 9.0]), 1e-3, payload_bytes=1e5, one_off_usd=1.0)
    # 1e-3 kWh/request: energy (10 − 9·30)/10 = −26 USD/MWh, egress −(90 + 9·1)/10 = −9.9 USD/MWh.
    found = _why(move)
    assert found.verdict is Verdict.NEVER
    assert found.reason == "never: energy costs more away, by 35.9 USD/MWh in all"
    turned = replace(move, volume_per_h=np.array([9.0, 1.0]))
    # energy (9·10 − 30)/10 = 6, egress −(9·90 + 1)/10 = −81.1
    assert _why(turned).reason == "never: egress exceeds the saving by 75.1 USD/MWh"
    longer = replace(turned, volume_per_h=9.0, step_hours=np.array([1.0, 9.0]))
    assert _why(longer).reason == "never: energy costs more away, by 35.9 USD/MWh in all"


def test_each_part_of_the_saving_can_be_what_eats_it() -> None:
    """Accelerators, energy, carbon: the largest loss is named, with all of them added up."""
    expensive = {
        "accelerators": PlaceCharges(50.0, 300.0, usd_per_gpu_h=9.0),
        "energy": PlaceCharges(300.0, 300.0, usd_per_gpu_h=2.0),
        "carbon": PlaceCharges(50.0, 900.0, usd_per_gpu_h=2.0),
    }
    for part, away in expensive.items():
        origin = PlaceCharges(50.0, 300.0, usd_per_gpu_h=2.0)
        move = Move(origin, away, 10.0, 1e-3, 1e-4, one_off_usd=1.0, carbon_price_usd_per_t=500.0)
        verb = "cost" if part == "accelerators" else "costs"
        per_mwh = -float(saving(move).total_usd[0]) * 1e6
        assert _why(move).reason == (
            f"never: {part} {verb} more away, by {per_mwh:.3g} USD/MWh in all"
        )


def expanded(s: Scenario) -> Scenario:
    """The same time with each step written out as often as it weighs."""
    again = np.repeat(np.arange(s.hours.count), s.hours.weight.astype(int))
    signals = s.signals.take(again)
    return replace(
        s,
        hours=Hours.range("2023-03-01T00:00:00", len(again), step_h=s.hours.step_h),
        signals=signals,
        demand_per_h=s.demand_per_h[:, :, again],
        reserved_gpu=s.reserved_gpu[:, again],
    )


def weighed(seed: int) -> Scenario:
    """A world whose steps stand for one to five."""
    every = Hours.range("2023-03-01T00:00:00", 6, step_h=0.5)
    steps = every.take(np.arange(6), np.array([1.0, 5.0, 1.0, 2.0, 1.0, 3.0]))
    return world(seed, steps, frictions=FRICTIONS)


def test_a_sampled_step_counts_as_the_steps_it_stands_for() -> None:
    """Volume, saving and starting are those of the series written out."""
    s = weighed(3)
    some, every = (
        move_between(one, "code", "region-1", "region-0", "small") for one in (s, expanded(s))
    )
    assert some.horizon_h == pytest.approx(every.horizon_h)
    assert some.one_off_usd == pytest.approx(every.one_off_usd)
    assert requests(some) @ saving(some).total_usd == pytest.approx(
        requests(every) @ saving(every).total_usd
    )


def test_mean_prices_of_a_move_count_the_hours_of_each_step() -> None:
    """The way back and the state cost what they do over the series written out."""
    s = weighed(3)
    some, every = (
        move_between(one, "code", "region-1", "region-0", "small", returns=True)
        for one in (s, expanded(s))
    )
    assert some.state_usd_per_gb == pytest.approx(every.state_usd_per_gb)
    assert some.one_off_usd == pytest.approx(every.one_off_usd)
