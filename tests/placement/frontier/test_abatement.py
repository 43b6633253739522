"""Money against carbon: each row is the cheapest from its own price on, and not before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.placement.worlds import world
from tests.shipped import shipped
from wattlas.model.frictions import Frictions
from wattlas.model.objective import Objective
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.frontier.abatement import abatement

GRID = (50.0, 400.0)
OFF = 1e-5
"""Relative distance from a price at which the verdict must turn."""


def priced_usd(s: Scenario, price: float) -> float:
    """What the cheapest plan costs at a carbon price, carbon at its price included."""
    return plan(replace(s, objective=Objective(carbon_price_usd_per_t=price))).totals.cost_usd


def worlds() -> dict[str, Scenario]:
    """Hours apart with and without room, demand that a price sheds, hours that starting ties."""
    tiny = shipped("tiny")
    return {
        "capacity": tiny,
        "free": replace(tiny, reserved_gpu=np.full_like(tiny.reserved_gpu, np.inf)),
        "shed": world(3),
        "starting": replace(tiny, frictions=Frictions(start_usd_per_gpu_h=0.02)),
    }


@pytest.mark.parametrize("name", ["capacity", "free", "shed", "starting"])
def test_a_row_is_the_cheapest_from_its_price_on(name: str) -> None:
    """Just above its price a row costs what the optimum does; just below, more."""
    s = worlds()[name]
    table = abatement(s, GRID)
    kg, usd = np.array(table["carbon_kg"]), np.array(table["cost_usd"])
    price = np.array(table["abatement_usd_per_t"])
    assert len(price) >= (2 if name == "shed" else 3)
    assert price[0] == 0.0
    assert (np.diff(price) > 0).all()
    assert (np.diff(kg) < 0).all()
    assert (np.diff(usd) > 0).all()
    for n in range(1, len(price)):
        above, below = price[n] * (1 + OFF), price[n] * (1 - OFF)
        for at, cheapest in ((above, True), (below, False)):
            own = usd[n] + at * kg[n] / 1e3
            least = priced_usd(s, at)
            assert own >= least * (1 - 1e-9)
            assert (own <= least * (1 + 1e-12) + 1e-10) == cheapest


def test_between_two_rows_that_are_neighbours_it_is_the_slope() -> None:
    """With every vertex told a price is the money of the last step over its carbon."""
    s = shipped("tiny")
    table = abatement(s, np.geomspace(1.0, 1e5, 60))
    kg, usd = np.array(table["carbon_kg"]), np.array(table["cost_usd"])
    slope = np.diff(usd) / -np.diff(kg) * 1e3
    price = np.array(table["abatement_usd_per_t"])[1:]
    assert (price >= slope * (1 - 1e-9)).all()
    assert np.isclose(price, slope, rtol=1e-6).any()
