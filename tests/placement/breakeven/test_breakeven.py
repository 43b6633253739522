"""When a move pays: closed forms, accumulation, reasons, and the signs of everything."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.examples import examples
from tests.strategies import Pick
from wattlas.model.breakeven import BreakEven, Quantity, Side, Verdict
from wattlas.placement.breakeven import breakeven as be
from wattlas.placement.breakeven.moves import Move, PlaceCharges, gain_usd, requests, saving

KV_CACHE_BYTES = 2.7e9
"""Key–value cache of 8k tokens of a 70B model."""


def text_move(egress: float = 0.05, payload: float = 4e3, **more: float) -> Move:
    """A request of 0.3 Wh that saves 60 USD/MWh by leaving origin."""
    return Move(
        origin=PlaceCharges(price_usd_per_mwh=80.0),
        away=PlaceCharges(price_usd_per_mwh=20.0, egress_usd_per_gb=egress),
        volume_per_h=1000.0,
        it_kwh=0.3e-3,
        payload_bytes=payload,
        **more,
    )


@st.composite
def moves(draw: st.DrawFn, *, constant: bool | None = None) -> Move:
    """A random move; its series vary unless `constant`."""
    steps, pick = draw(st.integers(1, 12)), Pick(draw)
    flat = pick(False, True) if constant is None else constant

    def series(low: int, high: int) -> np.ndarray:
        if flat:
            return np.repeat(pick.whole(1, low, high), steps)
        return pick.whole(steps, low, high)

    def place() -> PlaceCharges:
        return PlaceCharges(
            price_usd_per_mwh=series(-50, 300),
            carbon_g_per_kwh=series(0, 900),
            pue=pick(1.0, 1.1, 1.5),
            usd_per_gpu_h=pick(0.0, 2.0, 2.5),
            egress_usd_per_gb=pick(0.0, 0.02, 0.09),
        )

    return Move(
        origin=place(),
        away=place(),
        volume_per_h=series(0, 1000),
        it_kwh=pick(0.0, 1e-4, 3e-4, 2e-3),
        gpu_h=pick(0.0, 1e-4, 1e-3),
        payload_bytes=pick(0.0, 4e3, 1e6),
        one_off_usd=pick(0.0, 0.01, 0.5, 20.0),
        sessions=pick(0.0, 10.0),
        state_bytes=pick(0.0, 1e6, 2e9),
        state_usd_per_gb=pick(0.0, 0.05),
        carbon_price_usd_per_t=pick(0.0, 80.0),
    )


def with_value(move: Move, quantity: Quantity, value: float) -> Move:
    """The same move with one quantity set."""
    if quantity is Quantity.STAY:
        return replace(move, stay_h=value)
    if quantity is Quantity.VOLUME:
        return replace(move, volume_per_h=move.series(move.volume_per_h) * value / total(move))
    if quantity is Quantity.PRICE_GAP:
        gap = be.price_gap(move).now or 0.0
        shifted = replace(
            move.origin, price_usd_per_mwh=move.series(move.origin.price_usd_per_mwh) + value - gap
        )
        return replace(move, origin=shifted)
    field = {
        Quantity.CARBON_PRICE: "carbon_price_usd_per_t",
        Quantity.PAYLOAD: "payload_bytes",
        Quantity.STATE: "state_bytes",
    }[quantity]
    return replace(move, **{field: value})


def total(move: Move) -> float:
    return float(requests(move).sum())


def scale(move: Move) -> float:
    """The size of what is added up in the gain: how large a rounding error may look."""
    part = saving(move)
    parts = [part.energy_usd, part.accelerator_usd, part.egress_usd, part.carbon_usd]
    return float(requests(move) @ sum(map(np.abs, parts))) + move.moving_usd


@pytest.mark.parametrize(("egress", "megabytes"), [(0.02, 0.9), (0.09, 0.2)])
def test_the_payload_of_the_model_page(egress: float, megabytes: float) -> None:
    """0.3 Wh and 60 USD/MWh pay for 0.2 MB at 0.09 USD/GB and for 0.9 MB at 0.02 USD/GB."""
    found = be.payload(text_move(egress))
    assert found.value == pytest.approx(megabytes * 1e6, rel=1e-12)
    assert (found.side, found.verdict) == (Side.BELOW, Verdict.PAYS)


def test_text_passes_and_a_cache_does_not() -> None:
    """Text is far below the break-even payload; carrying a cache per request never pays."""
    assert gain_usd(text_move(0.09)) > 0
    for egress in (0.02, 0.05, 0.09):
        assert gain_usd(text_move(egress, payload=KV_CACHE_BYTES)) < 0
        assert be.payload(text_move(egress, payload=KV_CACHE_BYTES)).verdict is Verdict.LOSES


def test_a_cache_never_pays_for_one_request() -> None:
    """A session of one request cannot earn back the carrying of its key–value cache."""
    one = text_move(sessions=1.0, state_bytes=KV_CACHE_BYTES, state_usd_per_gb=0.02, stay_h=1.0)
    one = replace(one, volume_per_h=1.0, payload_bytes=0.0)
    found = be.state(one)
    assert found.verdict is Verdict.LOSES
    assert found.value == pytest.approx(0.3e-3 * 0.06 / 0.02 * 1e9)
    assert found.value < KV_CACHE_BYTES / 1000


def test_the_stay_in_closed_form() -> None:
    """T* = M / (volume · saving per request), beyond the end of a series that is constant."""
    move = text_move(payload=0.0, one_off_usd=0.36)
    found = be.stay(move)
    assert found.value == pytest.approx(0.36 / (1000 * 0.3e-3 * 0.06))
    assert found.verdict is Verdict.LOSES
    assert be.stay(replace(move, stay_h=21.0)).verdict is Verdict.PAYS


def test_the_stay_over_a_real_series_says_when_it_loses_again() -> None:
    """The first stay that pays is found, the later fall below is told, and so is the best stay."""
    price = np.array([100.0, 100.0, 20.0, -100.0, -100.0, 20.0])
    move = Move(PlaceCharges(price), PlaceCharges(0.0), 1.0, it_kwh=1.0, one_off_usd=0.15)
    found = be.stay(move)
    assert found.value == pytest.approx(1.5)
    assert found.reason == (
        "pays from a stay of 1.5 h; loses again at 4 h; the best stay is 3 h, 0.07 USD"
    )
    assert found.verdict is Verdict.LOSES


def test_a_stay_that_the_series_does_not_reach() -> None:
    """A sum that never reaches M within the series is told with both figures."""
    move = Move(
        PlaceCharges(np.array([10.0, 30.0])), PlaceCharges(0.0), 1.0, it_kwh=1.0, one_off_usd=1.0
    )
    found = be.stay(move)
    assert found.value is None
    assert found.reason == (
        "never within 2 h: at best 0.04 USD are saved of the 1 USD that moving costs"
    )


def test_what_eats_the_saving_is_named() -> None:
    """Egress that exceeds the saving is named, per MWh of IT energy."""
    move = text_move(egress=0.09, payload=210_333.333333)
    found = be.stay(move)
    assert found.verdict is Verdict.NEVER
    assert found.reason == "never: egress exceeds the saving by 3.1 USD/MWh"
    assert be.volume(replace(move, one_off_usd=1.0)).reason == found.reason


def test_more_expensive_electricity_is_named() -> None:
    """Where nothing is saved at all, the part that costs more is named, not a saving."""
    move = Move(PlaceCharges(20.0), PlaceCharges(50.0), 1.0, it_kwh=1.0)
    assert be.stay(move).reason == "never: energy costs more away, by 30 USD/MWh in all"


def test_equal_places_never_pay() -> None:
    """Two places that cost the same never repay a move."""
    move = Move(PlaceCharges(20.0), PlaceCharges(20.0), 1.0, it_kwh=1.0, one_off_usd=1.0)
    assert be.stay(move).reason.startswith("never: a request costs the same at both places")


def test_always_is_told_with_its_reason() -> None:
    """A move that pays without a carbon price pays at any, and says so."""
    move = replace(text_move(), origin=PlaceCharges(80.0, 500.0), away=PlaceCharges(20.0, 100.0))
    found = be.carbon_price(move)
    assert (found.value, found.verdict) == (None, Verdict.ALWAYS)
    assert found.reason == "always: the move pays at any carbon price"


def test_a_dirty_place_stops_paying_above_a_carbon_price() -> None:
    """A cheaper but dirtier place pays below a carbon price only."""
    move = Move(PlaceCharges(80.0, 100.0), PlaceCharges(20.0, 700.0), 1.0, it_kwh=1.0)
    found = be.carbon_price(move)
    assert found.value == pytest.approx(60.0 / 0.6)
    assert (found.side, found.verdict) == (Side.BELOW, Verdict.PAYS)


def test_nothing_carried_and_still_at_a_loss() -> None:
    """Where even an empty payload loses, there is no payload, and the loss is told."""
    move = Move(PlaceCharges(20.0), PlaceCharges(50.0, egress_usd_per_gb=0.05), 10.0, it_kwh=1.0)
    assert be.payload(move).reason == (
        "never: even with nothing to carry the move loses 0.3 USD over the stay"
    )


def test_what_does_not_count_is_said() -> None:
    """A quantity that enters nowhere has no break-even, and the reason says why."""
    move = Move(PlaceCharges(80.0), PlaceCharges(20.0), 10.0, it_kwh=1.0)
    assert "free to carry" in be.state(move).reason
    assert "same egress price" in be.payload(move).reason
    assert "emit the same" in be.carbon_price(move).reason
    assert "no energy" in be.price_gap(replace(move, it_kwh=0.0)).reason


def test_all_six_in_order() -> None:
    """`breakeven` returns every quantity once, in the order of the enum, with its unit."""
    found = be.breakeven(text_move())
    assert [one.quantity for one in found] == list(Quantity)
    assert [one.unit for one in found] == [q.unit for q in Quantity]


@given(move=moves(constant=False), quantity=st.sampled_from(list(Quantity)))
@examples(100)
def test_just_beyond_the_value_the_verdict_flips(move: Move, quantity: Quantity) -> None:
    """On its paying side of the value a move gains, on the other side it loses."""
    found = _find(move, quantity)
    assume(found.value is not None)
    assume(quantity is not Quantity.VOLUME or total(move) > 0)
    if quantity is Quantity.STAY and found.value == 0.0:
        return
    value = float(found.value or 0.0)
    step = 1e-6 * max(abs(value), 1e-3)
    inside = value + step if found.side is Side.ABOVE else value - step
    outside = value - step if found.side is Side.ABOVE else value + step
    if quantity is not Quantity.STAY:
        assert found.pays_at(inside)
        assert not found.pays_at(outside)
    tolerance = 1e-13 * scale(move)
    assert gain_usd(with_value(move, quantity, inside)) > -tolerance
    assert gain_usd(with_value(move, quantity, outside)) < tolerance


@given(move=moves(), quantity=st.sampled_from(list(Quantity)[1:]))
@examples(100)
def test_the_value_is_a_root(move: Move, quantity: Quantity) -> None:
    """At exactly its break-even value a move neither gains nor loses."""
    found = _find(move, quantity)
    assume(found.value is not None)
    assume(quantity is not Quantity.VOLUME or total(move) > 0)
    at = with_value(move, quantity, float(found.value or 0.0))
    assert gain_usd(at) == pytest.approx(0.0, abs=1e-11 * (scale(at) + scale(move)))


@given(move=moves(), quantity=st.sampled_from(list(Quantity)))
@examples(100)
def test_the_verdict_is_the_sign_of_the_gain(move: Move, quantity: Quantity) -> None:
    """Whatever is varied, the verdict at the present value is what the gain says."""
    found = _find(move, quantity)
    gain = gain_usd(move)
    assume(abs(gain) > 1e-11 * scale(move))
    if found.verdict is Verdict.NEVER:
        assert gain < 0
    if found.verdict is Verdict.ALWAYS:
        assert gain > 0
    if found.verdict is Verdict.PAYS:
        assert gain > 0
    if found.verdict is Verdict.LOSES:
        assert gain < 0


@given(move=moves(constant=True))
@examples(100)
def test_the_closed_form_is_what_accumulation_finds(move: Move) -> None:
    """On a constant series T* = M / (saving per hour) is where the running sum crosses M."""
    closed = be.stay(move)
    per_hour = saving(move).total_usd * move.series(move.volume_per_h)
    summed = be._accumulated_stay(move, per_hour, move.moving_usd)
    if closed.value is None:
        assert summed.value is None or float(per_hour[0]) <= 1e-15
    elif closed.value < move.horizon_h * (1 - 1e-9):
        assert summed.value == pytest.approx(closed.value, rel=1e-9, abs=1e-12)


RAISES = ("price", "carbon", "accelerators")


@given(move=moves(), what=st.sampled_from(RAISES), by=st.integers(1, 50))
@examples(100)
def test_a_more_expensive_origin_never_hurts_a_move(move: Move, what: str, by: int) -> None:
    """Gain rises with the origin's price, carbon and accelerators; T* never rises with them."""
    origin = move.origin
    costlier = {
        "price": replace(origin, price_usd_per_mwh=move.series(origin.price_usd_per_mwh) + by),
        "carbon": replace(origin, carbon_g_per_kwh=move.series(origin.carbon_g_per_kwh) + by),
        "accelerators": replace(origin, usd_per_gpu_h=origin.usd_per_gpu_h + by),
    }[what]
    _no_worse(move, replace(move, origin=costlier))


COSTS = ("one_off_usd", "state_bytes", "payload_bytes")


@given(move=moves(), what=st.sampled_from(COSTS), by=st.floats(1e-3, 1e6))
@examples(100)
def test_more_expensive_moving_never_helps_a_move(move: Move, what: str, by: float) -> None:
    """M and what is carried never help: the gain falls, T* rises or vanishes."""
    assume(what != "payload_bytes" or np.all(_egress_gap(move) >= 0))
    _no_worse(replace(move, **{what: getattr(move, what) + by}), move)


@given(move=moves(), factor=st.floats(1.0, 50.0))
@examples(100)
def test_more_volume_shortens_the_stay(move: Move, factor: float) -> None:
    """Where a move pays at all, more requests/h earn M back no later."""
    first = be.stay(move)
    more = be.stay(replace(move, volume_per_h=move.series(move.volume_per_h) * factor))
    if first.value is not None:
        assert more.value is not None
        assert more.value <= first.value * (1 + 1e-9) + 1e-12


@given(
    once=st.floats(0.0, 0.1),
    stay=st.floats(10.0, 1000.0),
    longer=st.floats(1.0, 100.0),
    quantity=st.sampled_from([Quantity.PAYLOAD, Quantity.STATE]),
)
@examples(100)
def test_a_longer_stay_carries_more(
    once: float, stay: float, longer: float, quantity: Quantity
) -> None:
    """A payload or a state that a short stay pays for, a longer one pays for too."""
    carried = text_move(one_off_usd=once, sessions=10.0, state_usd_per_gb=0.05)
    short = _find(replace(carried, stay_h=stay), quantity)
    long = _find(replace(carried, stay_h=stay * longer), quantity)
    assert short.value is not None
    assert long.value is not None
    assert long.value >= short.value * (1 - 1e-9)


def test_a_stay_is_served_in_part_in_its_last_step() -> None:
    """2.5 hours of a series count its first two steps in full and half of the third."""
    move = replace(text_move(), volume_per_h=np.array([1.0, 2.0, 4.0, 8.0]), stay_h=2.5)
    assert requests(move).tolist() == [1.0, 2.0, 2.0, 0.0]


def test_sampled_steps_count_as_the_hours_they_stand_for() -> None:
    """A step that stands for ten hours earns ten hours' saving."""
    move = text_move(payload=0.0, one_off_usd=0.36)
    sampled = replace(move, step_hours=np.array([10.0, 10.0, 10.0]))
    assert be.stay(sampled).value == pytest.approx(20.0)
    assert be.stay(sampled).verdict is Verdict.PAYS


def _find(move: Move, quantity: Quantity) -> BreakEven:
    return {found.quantity: found for found in be.breakeven(move)}[quantity]


def _egress_gap(move: Move) -> np.ndarray:
    gap: np.ndarray = move.series(move.away.egress_usd_per_gb) - move.series(
        move.origin.egress_usd_per_gb
    )
    return gap


def _no_worse(move: Move, better: Move) -> None:
    slack = 1e-12 * (scale(move) + scale(better))
    assert gain_usd(better) >= gain_usd(move) - slack
    before, after = be.stay(move), be.stay(better)
    if before.value is not None:
        assert after.value is not None
        assert after.value <= before.value * (1 + 1e-9) + 1e-9


def test_the_page_prints_what_it_says(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The example in docs/breakeven.md prints the lines below it."""
    page = (root / "docs" / "breakeven.md").read_text(encoding="utf-8")
    code, _, rest = page.partition("from wattlas.placement.breakeven.breakeven")[2].partition(
        "prints\n"
    )
    exec(textwrap.dedent("    from wattlas.placement.breakeven.breakeven" + code), {})
    printed = textwrap.dedent(rest.partition("\n`breakeven_between")[0]).strip()
    assert capsys.readouterr().out.strip() == printed
