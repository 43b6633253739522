"""What a fleet says of itself, by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from wattlas.model.fleet import FleetCost, Jump, Reach, ReachedFleet
from wattlas.studies.fleets import jumps_table, reach_listing

FLEET = FleetCost(
    gpu=np.array([4.0, 0.0, 10.0]),
    rent_usd=300.0,
    variable_usd=70.0,
    carbon_kg=9.0,
    it_mwh=2.0,
    used_gpu_h=np.array([50.0, 7.0, 90.0]),
    on_demand_gpu_h=np.array([10.0, 7.0, 0.0]),
    unserved_share=0.25,
)


def test_what_is_held_is_used_without_what_is_on_demand() -> None:
    """Over 20 h: 40 of 80 GPU-h, nothing where nothing is held, and 90 of 200."""
    assert FLEET.utilisation(20.0) == pytest.approx([0.5, math.nan, 0.45], nan_ok=True)


def test_a_row_of_a_fleet() -> None:
    """Its sums; of a fleet that leaves an hour short nothing that would flatter it."""
    row = FLEET.row()
    assert (row["gpu"], row["rent_usd"], row["variable_usd"], row["cost_usd"]) == (14, 300, 70, 370)
    assert (row["carbon_kg"], row["it_mwh"], row["unserved_share"]) == (9.0, 2.0, 0.25)
    short = replace(FLEET, variable_usd=math.nan).row()
    assert (short["gpu"], short["rent_usd"]) == (14, 300)
    nothing = ("cost_usd", "variable_usd", "carbon_kg", "it_mwh", "unserved_share")
    assert all(math.isnan(short[name]) for name in nothing)


def costing(gpu: float, usd: float) -> FleetCost:
    """A fleet of so many accelerators in two regions that costs so much."""
    return replace(FLEET, gpu=np.array([0.75 * gpu, 0.25 * gpu]), rent_usd=usd, variable_usd=0.0)


REACH = Reach(
    "added_ms",
    tuple(
        ReachedFleet(x, costing(gpu, usd), 0.0)
        for x, gpu, usd in (
            (0.0, 20.0, 900.0), (10.0, 18.0, 890.0), (20.0, 14.0, 500.0), (30.0, 13.0, 480.0),
            (60.0, 12.0, 350.0), (80.0, 11.0, 350.0),
        )
    ),
    (
        Jump(20.0, costing(18.0, 890.0), costing(14.0, 500.0),
             (("berlin", "A", "oslo"), ("lagos", "A", "oslo"), ("lagos", "D", "austin"))),
        Jump(60.0, costing(13.0, 480.0), costing(12.0, 350.0), ()),
    ),
    True,
)  # fmt: skip


def test_slopes_are_along_the_lower_hull() -> None:
    """Never between two neighbours above it: from 0 to 20, to 60, and flat to 80."""
    assert REACH.hull == (0, 2, 4, 5)
    expected = [(0, 20, 0.3, 20.0), (20, 60, 0.05, 3.75), (60, 80, 0.05, 0.0)]
    for told, by_hand in zip(REACH.slopes(), expected, strict=True):
        assert told == pytest.approx(by_hand)
    assert REACH.table()["on_hull"] == [True, False, True, False, True, True]
    assert REACH.table()["fleet_gpu"] == [20.0, 18.0, 14.0, 13.0, 12.0, 11.0]


def test_reach_is_told_where_it_is_worth_something() -> None:
    """A sentence for each slope that saves, in the unit of the reach; a row for each jump."""
    assert reach_listing(REACH).notes == (
        "0 to 20 ms: each ms is worth 0.3 accelerators and USD 20.",
        "20 to 60 ms: each ms is worth 0.05 accelerators and USD 3.75.",
    )
    scaled = replace(REACH, variant="scale", complete=False)
    *slopes, last = reach_listing(scaled).notes
    assert [note.split(":")[0] for note in slopes] == ["0 to 20 ×", "20 to 60 ×"]
    assert "were not looked for" in last
    assert jumps_table(REACH) == {
        "reach": [20.0, 60.0],
        "saved_gpu": [4.0, 1.0],
        "saved_usd": [390.0, 130.0],
        "pairs": [3, 0],
        "opens": ["berlin (A) → oslo", ""],
    }
