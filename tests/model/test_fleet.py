"""What a fleet says of itself, by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from wattlas.model.fleet import FleetCost

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
