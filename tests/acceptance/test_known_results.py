"""Figures that are known to be stated wrongly: each test says what is true, and fails today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wattlas
from tests.acceptance.small_world import POINT, small_world


def by_policy(study: Any, column: str) -> dict[str, Any]:
    """A column of the table of policies, by policy."""
    table = study.tables["policies"]
    return dict(zip(table["policy"], table[column], strict=True))


def test_an_abatement_cost_is_the_price_from_which_a_row_is_the_cheapest(tmp_path: Path) -> None:
    """Three hours move to the clean region from 30, 70 and 160 USD/t on, and the rows say so."""
    # 1 kWh a request: an hour moves where the more expensive energy is paid for by 500 g less.
    world = small_world(
        tmp_path,
        price={"dirty": [40, 40, 40], "clean": [55, 75, 120]},
        carbon={"dirty": [600, 600, 600], "clean": [100, 100, 100]},
        demand={"A": {"m": [10, 10, 10]}},
        rtt_ms={"m": {"dirty": 10, "clean": 10}},
        classes={"A": {}},
    )
    table = wattlas.study(world, samples=3).tables["abatement"]
    stated = {
        round(kg): usd
        for kg, usd in reversed(
            list(zip(table["carbon_kg"], table["abatement_usd_per_t"], strict=True))
        )
    }
    assert stated == pytest.approx({18: 0.0, 13: 30.0, 8: 70.0, 3: 160.0})


@pytest.fixture
def overfull(tmp_path: Path) -> wattlas.Scenario:
    """The near region is the cheapest and takes 60 of 100 requests; the far one takes the rest."""
    return small_world(
        tmp_path,
        price={"near": [40.0], "far": [50.0]},
        carbon={"near": [300.0], "far": [300.0]},
        demand={"A": {"m": [100.0]}},
        rtt_ms={"m": {"near": 10, "far": 100}},
        classes={"A": {"bytes_per_request": 1000}},
        regions={"near": {"reserved_gpu": 60}},
    )


def test_the_plan_of_the_overfull_world_is_its_baseline(overfull: wattlas.Scenario) -> None:
    """Nearest with room is the least cost there: the plan moves nothing."""
    study = wattlas.study(overfull, samples=3)
    assert study.meta["baseline"]["policy"] == "nearest_available"
    for column in ("region", "requests"):
        assert list(study.tables["flows"][column]) == list(study.tables["baseline_flows"][column])
    assert study.meta["headline"]["saving_usd"] == pytest.approx(0.0, abs=1e-9)


def test_a_plan_that_is_the_baseline_policy_has_moved_nothing(overfull: wattlas.Scenario) -> None:
    """40 % runs away from the baseline region, as much as the baseline policy lets overflow."""
    table = wattlas.study(overfull, samples=3).tables["relocatable"]
    assert list(table["it_mwh"]) == pytest.approx([0.1])
    assert list(table["economic_mwh"]) == pytest.approx([0.04])
    assert list(table["overflow_mwh"]) == pytest.approx([0.04])
    assert list(table["moved_mwh"]) == pytest.approx([0.0], abs=1e-12)


def test_layers_of_the_plan_stand_beside_those_of_the_baseline_policy(
    overfull: wattlas.Scenario,
) -> None:
    """Where the plan is the baseline policy, both have the same share in each layer."""
    table = wattlas.study(overfull, samples=3).tables["layers"]
    share = dict(zip(table["layer"], table["share"], strict=True))
    assert share["local"] == pytest.approx(0.6)
    assert share["energy-oriented"] == pytest.approx(0.4)
    assert list(table["share"]) == pytest.approx(list(table["baseline_share"]))


def test_relocation_tells_what_the_baseline_policy_lets_overflow(
    overfull: wattlas.Scenario,
) -> None:
    """0.04 MWh of the near zone ran in the far one, and would have in the baseline policy."""
    table = wattlas.study(overfull, samples=3).tables["relocation"]
    assert list(table["it_mwh"]) == pytest.approx([0.04])
    assert list(table["baseline_mwh"]) == pytest.approx([0.04])


def test_a_plan_that_is_the_baseline_has_no_moves(overfull: wattlas.Scenario) -> None:
    """There is nothing to break even on where nothing moved."""
    table = wattlas.study(overfull, samples=3).tables["breakeven"]
    assert list(table["class"]) == []


def test_a_move_breaks_even_at_the_point_that_the_plan_runs(tmp_path: Path) -> None:
    """b* of a move is that of the operating point that serves the class: the only one in time."""
    egress_usd_per_gb = 0.1
    world = small_world(
        tmp_path,
        price={"near": [90.0], "far": [30.0]},
        carbon={"near": [300.0], "far": [300.0]},
        demand={"A": {"m": [50.0]}},
        rtt_ms={"m": {"near": 10, "far": 60}},
        classes={"A": {"latency_budget_ms": 200, "bytes_per_request": 1000}},
        points={
            "quick": {**POINT, "request_j": 2 * 3.6e6, "ttft_ms": 50},
            "lean": {**POINT, "request_j": 3.6e6, "ttft_ms": 500},
        },
        network={"egress": {"default_usd_per_gb": 0, "pairs": {"m": {"far": egress_usd_per_gb}}}},
    )
    study = wattlas.study(world, samples=3)
    table = study.tables["breakeven"]
    stated = dict(zip(table["quantity"], table["value"], strict=True))
    saved_usd_per_request = 2 * (90.0 - 30.0) / 1e3
    assert set(study.tables["flows"]["point"]) == {"quick"}
    assert stated["payload_bytes"] == pytest.approx(saved_usd_per_request / egress_usd_per_gb * 1e9)


def test_a_duration_curve_begins_at_the_highest_price_that_energy_met(tmp_path: Path) -> None:
    """No energy ran at 900 USD/MWh: the plan's curve begins at 60, the highest it paid."""
    world = small_world(
        tmp_path,
        price={"cheap": [60.0, 20.0], "expensive": [900.0, 900.0]},
        carbon={"cheap": [300.0, 200.0], "expensive": [100.0, 100.0]},
        demand={"A": {"m": [10.0, 30.0]}},
        rtt_ms={"m": {"cheap": 10, "expensive": 10}},
        classes={"A": {}},
    )
    table = wattlas.study(world, samples=3).tables["duration"]
    curve = [
        (share, value)
        for policy, quantity, share, value in zip(
            table["policy"],
            table["quantity"],
            table["share_of_energy"],
            table["value"],
            strict=True,
        )
        if (policy, quantity) == ("plan", "price")
    ]
    # A quarter of the energy ran at 60, the rest at 20.
    share, value = np.array(curve).T
    assert value[0] == 60.0
    assert value[(share > 0.01) & (share < 0.24)] == pytest.approx(60.0)
    assert value[share > 0.26] == pytest.approx(20.0)


@pytest.fixture
def droppable(tmp_path: Path) -> wattlas.Scenario:
    """Demand of three metros may go unserved at 2 USD; budgets of 100 ms admit but one of them."""
    return small_world(
        tmp_path,
        price={"r": [50.0], "s": [80.0]},
        carbon={"r": [400.0], "s": [200.0]},
        demand={"A": {"near": [10.0], "middle": [20.0], "remote": [40.0]}},
        rtt_ms={
            "near": {"r": 10, "s": 30},
            "middle": {"r": 150, "s": 170},
            "remote": {"r": 300, "s": 320},
        },
        classes={"A": {"latency_budget_ms": 200, "unserved_usd_per_request": 2.0}},
    )


def test_a_frontier_of_carbon_never_rises_where_demand_may_go_unserved(
    droppable: wattlas.Scenario,
) -> None:
    """A looser budget is never worse: every placement of the tighter one is still allowed."""
    curve = wattlas.frontier(droppable, "scale", objective="carbon")
    assert len(curve.x) > 1
    assert (np.diff(curve.value) <= 1e-12).all()


def test_greedy_by_carbon_serves_whom_it_can(droppable: wattlas.Scenario) -> None:
    """30 of 70 requests have a region in time, with room: they run in the cleaner one."""
    study = wattlas.study(droppable, samples=3)
    served, unserved = 10.0 + 20.0, 40.0
    energy, carbon = by_policy(study, "it_mwh"), by_policy(study, "carbon_kg")
    assert energy["greedy_carbon"] == pytest.approx(served / 1e3)
    assert carbon["greedy_carbon"] == pytest.approx(served * 0.2)
    cost = by_policy(study, "cost_usd")["greedy_carbon"]
    assert cost == pytest.approx(served * 0.08 + unserved * 2.0)


def test_equal_shares_leave_unserved_what_has_no_region(droppable: wattlas.Scenario) -> None:
    """Demand without a region in time goes unserved at its price, as under every other policy."""
    study = wattlas.study(droppable, samples=3)
    served, unserved = 10.0 + 20.0, 40.0
    assert by_policy(study, "feasible")["uniform"]
    cost = by_policy(study, "cost_usd")["uniform"]
    assert cost == pytest.approx(served * (0.05 + 0.08) / 2 + unserved * 2.0)


def test_the_dual_of_mean_latency_is_what_one_more_millisecond_saves(tmp_path: Path) -> None:
    """Each vertex states the slope after it, here by hand; after the last it is 0."""
    requests, rtt_ms, usd = 100.0, (10.0, 50.0, 130.0), (0.09, 0.05, 0.04)
    world = small_world(
        tmp_path,
        price={name: [1e3 * one] for name, one in zip("abc", usd, strict=True)},
        carbon={name: [300.0] for name in "abc"},
        demand={"A": {"m": [requests]}},
        rtt_ms={"m": dict(zip("abc", rtt_ms, strict=True))},
        classes={"A": {"latency_budget_ms": 500}},
    )
    curve = wattlas.frontier(world, "soft", samples=50)
    x, dual = np.asarray(curve.x), np.asarray(curve.dual_per_ms)
    first = requests * (usd[0] - usd[1]) / (rtt_ms[1] - rtt_ms[0])
    second = requests * (usd[1] - usd[2]) / (rtt_ms[2] - rtt_ms[1])
    true = np.where(x < rtt_ms[1] - 1e-6, first, np.where(x < rtt_ms[2] - 1e-6, second, 0.0))
    assert x[-1] == pytest.approx(rtt_ms[2])
    assert dual == pytest.approx(true)
