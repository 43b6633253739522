"""The optimiser moves iff the break-even says so, where the move is the only choice there is."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.examples import examples
from tests.strategies import Pick
from wattlas.errors import UsageError
from wattlas.model.breakeven import Quantity, Verdict
from wattlas.model.frictions import Frictions, Initial
from wattlas.model.geography import Metro, Region, ServiceNode
from wattlas.model.network import Network
from wattlas.model.objective import Objective
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours, Signals
from wattlas.model.workload import OperatingPoint, State, WorkloadClass
from wattlas.placement.api import plan
from wattlas.placement.breakeven.breakeven import breakeven_between
from wattlas.placement.breakeven.moves import Move, gain_usd, move_between, saving


@st.composite
def two_regions(draw: st.DrawFn, *, constant: bool) -> Scenario:
    """One metro, one class, one operating point, `origin` and `away`; only the move is open."""
    steps, pick = draw(st.integers(1, 6)), Pick(draw)

    def series(*values: float) -> np.ndarray:
        if constant:
            return np.full(steps, pick(*values))
        return pick.grid((steps,), *values)

    region = [
        Region(
            id=name,
            lat_deg=0.0,
            lon_deg=0.0,
            zone=name,
            country="XX",
            jurisdiction="XX",
            pue=pick(1.0, 1.25),
            reserved_gpu=0.0,
            on_demand_gpu=np.inf,
            on_demand_usd_per_gpu_h=pick(2.0, 2.0625),
        )
        for name in ("origin", "away")
    ]
    klass = WorkloadClass(
        id="chat",
        latency_budget_ms=1e4,
        tokens_in=512.0,
        tokens_out=256.0,
        bytes_per_request=pick(0.0, 4096.0, 1e6),
        state=pick(State.STATELESS, State.STICKY),
        session_state_bytes=pick(0.0, 1e5, 1e7),
        requests_per_session_h=pick(1.0, 10.0),
    )
    point = OperatingPoint(
        id="point",
        variant="model",
        accuracy=1.0,
        decode_j_per_token=4.0,
        decode_gpu_s_per_token=2.0**-8,
        weights_bytes=16e9,
    )
    egress = [0.0, pick(0.0, 0.02, 0.09)]
    return Scenario(
        name="only this move",
        metros=(Metro("metro", 0.0, 0.0, "UTC", "XX", "XX", node="node"),),
        nodes=(ServiceNode("node", 0.0, 0.0, region="origin"),),
        regions=tuple(region),
        classes=(klass,),
        points=(point,),
        hours=Hours.range("2023-01-01T00:00:00", steps),
        signals=Signals(
            zones=("origin", "away"),
            price_usd_per_mwh=np.stack([series(50.0, 80.0, 200.0), series(20.0, -10.0, 80.0)]),
            average_g_per_kwh=np.stack([series(400.0, 50.0), series(100.0, 700.0)]),
        ),
        network=Network(
            rtt_metro_node_ms=np.array([[5.0]]),
            rtt_node_region_ms=np.array([[10.0, 80.0]]),
            egress_usd_per_gb=np.array([egress]),
            modelled_metro_node=np.zeros((1, 1), dtype=bool),
            modelled_node_region=np.zeros((1, 2), dtype=bool),
        ),
        demand_per_h=np.full((1, 1, steps), pick(1000.0, 3.0)),
        reserved_gpu=np.full((2, steps), np.inf),
        frictions=Frictions(
            start_usd_per_gpu_h=pick(0.0, 0.002, 0.02, 0.2),
            start_kwh_per_gpu_h=pick(0.0, 0.5),
            carry_weights=pick(False, False, True),
            move_state=pick(False, True),
            initial=Initial.BASELINE,
        ),
        objective=Objective(carbon_price_usd_per_t=pick(0.0, 80.0)),
    )


def moved_share(scenario: Scenario) -> float:
    """Share of the demand that the optimum runs away."""
    found = plan(scenario)
    assert found.status == "optimal"
    return float(found.requests_by_region[1].sum() / found.requests_by_region.sum())


def size(move: Move) -> float:
    part = saving(move)
    parts = (part.energy_usd, part.accelerator_usd, part.egress_usd, part.carbon_usd)
    volume = move.series(move.volume_per_h) * move.hours
    return float(volume @ sum(map(np.abs, parts))) + abs(move.moving_usd)


@given(scenario=two_regions(constant=True))
@examples(250)
def test_the_optimiser_moves_iff_the_break_even_says_so(scenario: Scenario) -> None:
    """With constant series the optimum moves everything where the move pays, else nothing."""
    move = move_between(scenario, "chat", "origin", "away")
    gain = gain_usd(move)
    assume(abs(gain) > 1e-6 * size(move))
    assert moved_share(scenario) == pytest.approx(1.0 if gain > 0 else 0.0, abs=1e-9)
    stay = breakeven_between(scenario, "chat", "origin", "away")[0]
    pays = stay.value is not None and scenario.hours.count > stay.value
    assert pays == (gain > 0)


@given(scenario=two_regions(constant=True), quantity=st.sampled_from(list(Quantity)[2:]))
@examples(100)
def test_each_value_is_where_the_optimiser_changes_its_mind(
    scenario: Scenario, quantity: Quantity
) -> None:
    """Just inside a break-even value the optimum moves, just outside it stays."""
    found = {b.quantity: b for b in breakeven_between(scenario, "chat", "origin", "away")}[quantity]
    assume(found.value is not None)
    value = float(found.value or 0.0)
    for factor in (0.999, 1.001):
        at = value * factor
        assume(abs(at - value) > 1e-9)
        changed = _with(scenario, quantity, at)
        move = move_between(changed, "chat", "origin", "away")
        assume(abs(gain_usd(move)) > 1e-7 * size(move))
        assert moved_share(changed) == pytest.approx(1.0 if found.pays_at(at) else 0.0, abs=1e-9)


@given(scenario=two_regions(constant=False))
@examples(100)
def test_over_real_series_it_moves_iff_some_stay_pays(scenario: Scenario) -> None:
    """With hours that differ, the optimum moves iff a stay from some hour to some other pays."""
    steps = scenario.hours.count
    gains, sizes = [], []
    for first, last in itertools.combinations(range(steps + 1), 2):
        part = scenario.at_hours(range(first, last))
        move = move_between(part, "chat", "origin", "away")
        back = 0.0 if last == steps else _back_usd(scenario, last)
        gains.append(gain_usd(move) - back)
        sizes.append(size(move) + back)
    assume(all(abs(g) > 1e-6 * s for g, s in zip(gains, sizes, strict=True)))
    assert (moved_share(scenario) > 1e-9) == (max(gains) > 0)


@given(scenario=two_regions(constant=True))
@examples(100)
def test_the_way_back_never_helps(scenario: Scenario) -> None:
    """A move that returns gains no more than one that stays, and needs no shorter a stay."""
    out = move_between(scenario, "chat", "origin", "away")
    there_and_back = move_between(scenario, "chat", "origin", "away", returns=True)
    assert gain_usd(there_and_back) <= gain_usd(out)


def test_the_saving_is_what_the_plan_saves() -> None:
    """Where everything moves, the gain is the difference of the two plans' cost."""
    scenario = _example()
    origin_only = replace(scenario, reserved_gpu=np.array([[np.inf] * 4, [0.0] * 4]))
    gain = gain_usd(move_between(scenario, "chat", "origin", "away"))
    assert gain > 0
    assert plan(origin_only).objective - plan(scenario).objective == pytest.approx(gain, rel=1e-9)


def test_unknown_ids_are_usage_errors() -> None:
    """An id that the scenario does not have is named, with those that it has."""
    scenario = _example()
    with pytest.raises(UsageError, match=r"no region `oslo`; there are: origin, away"):
        breakeven_between(scenario, "chat", "origin", "oslo")
    with pytest.raises(UsageError, match=r"no class `video`"):
        breakeven_between(scenario, "video", "origin", "away")
    with pytest.raises(UsageError, match=r"no metro `x`"):
        breakeven_between(scenario, "chat", "origin", "away", metro_id="x")
    with pytest.raises(UsageError, match=r"no operating point `x`"):
        breakeven_between(scenario, "chat", "origin", "away", "x")


def test_regions_without_a_common_model_are_refused() -> None:
    """A move between regions that share no model is a usage error that says so."""
    scenario = _example()
    away = replace(scenario.regions[1], variants=frozenset({"another"}))
    apart = replace(scenario, regions=(scenario.regions[0], away))
    with pytest.raises(UsageError, match="runs in both"):
        breakeven_between(apart, "chat", "origin", "away")


def test_pinned_state_is_charged_whatever_the_frictions() -> None:
    """A pinned session can only leave with its state, so that the move pays for carrying it."""
    scenario = _example()
    klass = replace(scenario.classes[0], state=State.PINNED, session_state_bytes=2.7e9)
    pinned = replace(scenario, classes=(klass,))
    found = {b.quantity: b for b in breakeven_between(pinned, "chat", "origin", "away")}
    assert found[Quantity.STATE].verdict is Verdict.LOSES
    assert float(found[Quantity.STATE].value or 0.0) < 2.7e9


def test_the_cheapest_common_point_is_taken() -> None:
    """Without a point named, the move is judged at the cheapest one at origin."""
    scenario = _example()
    expensive = replace(scenario.points[0], id="expensive", decode_j_per_token=400.0)
    both = replace(scenario, points=(expensive, scenario.points[0]))
    assert move_between(both, "chat", "origin", "away").it_kwh == pytest.approx(256 * 4 / 3.6e6)
    named = move_between(both, "chat", "origin", "away", "expensive")
    assert named.it_kwh == pytest.approx(256 * 400 / 3.6e6)


def _example() -> Scenario:
    """Four hours in which everything should move."""
    klass = WorkloadClass(
        "chat", 1e4, 512.0, 256.0, bytes_per_request=4096.0, session_state_bytes=1e5
    )
    point = OperatingPoint(
        "point", "model", 1.0, decode_j_per_token=4.0, decode_gpu_s_per_token=2.0**-8
    )
    return Scenario(
        name="only this move",
        metros=(Metro("metro", 0.0, 0.0, "UTC", "XX", "XX", node="node"),),
        nodes=(ServiceNode("node", 0.0, 0.0, region="origin"),),
        regions=tuple(
            Region(name, 0.0, 0.0, zone=name, country="XX", jurisdiction="XX")
            for name in ("origin", "away")
        ),
        classes=(klass,),
        points=(point,),
        hours=Hours.range("2023-01-01T00:00:00", 4),
        signals=Signals(
            zones=("origin", "away"),
            price_usd_per_mwh=np.array([[80.0, 90.0, 70.0, 85.0], [20.0, 10.0, 5.0, 20.0]]),
            average_g_per_kwh=np.full((2, 4), 300.0),
        ),
        network=Network(
            rtt_metro_node_ms=np.array([[5.0]]),
            rtt_node_region_ms=np.array([[10.0, 80.0]]),
            egress_usd_per_gb=np.array([[0.0, 0.05]]),
            modelled_metro_node=np.zeros((1, 1), dtype=bool),
            modelled_node_region=np.zeros((1, 2), dtype=bool),
        ),
        demand_per_h=np.full((1, 1, 4), 1000.0),
        reserved_gpu=np.full((2, 4), np.inf),
        frictions=Frictions(start_usd_per_gpu_h=0.01),
    )


def _with(scenario: Scenario, quantity: Quantity, value: float) -> Scenario:
    """The scenario with one quantity set."""
    klass = scenario.classes[0]
    if quantity is Quantity.PRICE_GAP:
        price = scenario.signals.price_usd_per_mwh.copy()
        price[0] = price[1] + value
        return replace(scenario, signals=replace(scenario.signals, price_usd_per_mwh=price))
    if quantity is Quantity.CARBON_PRICE:
        goal = replace(scenario.objective, carbon_price_usd_per_t=value)
        return replace(scenario, objective=goal)
    field = {Quantity.PAYLOAD: "bytes_per_request", Quantity.STATE: "session_state_bytes"}
    return replace(scenario, classes=(replace(klass, **{field[quantity]: value}),))


def _back_usd(scenario: Scenario, t: int) -> float:
    """What it costs to come origin in step t."""
    return move_between(scenario.at_hours([t]), "chat", "away", "origin").moving_usd
