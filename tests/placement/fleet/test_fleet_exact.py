"""Fleets against one program of everything, in GLPK."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import wattlas
from tests import oracle
from tests.placement.fleet.fleet_oracle import oracle_fleet
from tests.placement.worlds import world
from wattlas.model.objective import Solver
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.model.workload import State
from wattlas.placement.fleet.fleet import fleet
from wattlas.placement.fleet.outage import lost_of
from wattlas.placement.fleet.terms import terms_of

HOURS = Hours(
    np.datetime64("2023-06-01T00:00:00", "s"),
    np.array([0, 1, 2, 3, 4, 5]),
    np.array([1.0, 3.0, 30.5, 2.0, 12.0, 1.0]),
    step_h=0.5,
)
RENTS = (8000.0, 9000.0, 4000.0, 6000.0)

ALIKE = Hours(HOURS.start, HOURS.offset, np.full(6, 3.0), HOURS.step_h)
"""The same where requests may wait: not from an hour to one that stands for more or fewer."""


def asked(seed: int, hours: Hours = HOURS, **fields: tuple[float, ...]) -> Scenario:
    """A world in which each region has a rent, and nothing on demand unless given.

    Of six hours each HiGHS solves those of seed 2, as `auto` has it; the engine all others, in half
    the time.
    """
    s = world(seed, hours=hours)
    fields = {"reserved_usd_per_gpu_year": RENTS, "on_demand_gpu": (0.0,) * 4, **fields}
    regions = tuple(
        replace(region, **{name: values[r] for name, values in fields.items()})
        for r, region in enumerate(s.regions)
    )
    return replace(s, regions=regions, solver=Solver.AUTO if seed == 2 else Solver.ENGINE)


def asked_alike(seed: int, hours: Hours = ALIKE, **fields: tuple[float, ...]) -> Scenario:
    """The same over hours of one weight."""
    return asked(seed, hours, **fields)


ON_DEMAND = {
    "on_demand_gpu": (1.0, 0.0, math.inf, 0.6),
    "on_demand_usd_per_gpu_h": (1.1, 0.0, 0.9, 2.0),
}
BOUNDS = {
    "reserved_gpu_min": (0.4, 0.0, 0.2, 0.0),
    "reserved_gpu_max": (2.5, 4.0, math.inf, 3.0),
    "capacity_max": (math.inf, 3.5, 2.8, 4.0),
}
HELD = {
    "utilisation_max": (0.8, 0.9, 0.7, 1.0),
    "idle_w": (20.0,) * 4,
    "embodied_kg_per_gpu_year": (150.0, 90.0, 200.0, 10.0),
}
QUESTIONS = {
    "reserved": {},
    "on demand": ON_DEMAND,
    "bounds": BOUNDS,
    "held": HELD,
    "all": {**ON_DEMAND, **BOUNDS, **HELD},
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_fleet_is_the_optimum_of_one_program(name: str, seed: int) -> None:
    """Cost, and the bound below it, are those of all hours and accelerators in one program."""
    s = asked(seed, **QUESTIONS[name])
    expected = oracle_fleet(s)
    assert expected.status == "optimal"
    found = fleet(s)
    assert found.optimal.cost_usd == pytest.approx(expected.cost_usd, rel=2e-6)
    assert found.bound_usd <= expected.cost_usd * (1 + 1e-9)
    assert found.bound_usd == pytest.approx(expected.cost_usd, rel=2e-6)
    whole, more = found.whole.gpu, found.whole.gpu - found.optimal.gpu
    np.testing.assert_allclose(whole, whole.round(), atol=1e-9)
    assert ((more > -1e-5) & (more < 1.0)).all()
    for name, value in expected.told.items():
        told, rel = getattr(found.optimal, name), 2e-5
        if name == "used_gpu_h":  # Two regions run alike: it is open which of them does.
            value, told = ([each[0], each[1] + each[3], each[2]] for each in (value, told))
            rel = 1e-3
        assert told == pytest.approx(value, rel=rel, abs=1e-6), name


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["reserved", "on demand", "all"])
def test_a_fleet_that_survives_is_the_optimum_of_one_program(name: str, seed: int) -> None:
    """Likewise where any of three sets of regions may be lost, with little on demand meanwhile."""
    s = asked(seed, **QUESTIONS[name])
    lost = [[0], [1], [2, 3]]
    expected = oracle_fleet(s, lost, 0.3)
    names = [[s.regions[r].id for r in regions] for regions in lost]
    found = fleet(s, survive=names, outage_on_demand_gpu=0.3)
    assert found.optimal.cost_usd == pytest.approx(expected.cost_usd, rel=2e-6)
    assert found.optimal.cost_usd >= fleet(s).optimal.cost_usd * (1 - 1e-9)


@pytest.mark.parametrize("copies", [(), ("*",), ("region-1", "region-3")])
@pytest.mark.parametrize("seed", range(2))
def test_copies_of_state_serve_where_its_region_is_lost(copies: tuple[str, ...], seed: int) -> None:
    """Likewise with pinned state; without a copy it is lost, and told as a share of its hours."""
    s = asked(seed, **ON_DEMAND)
    code = replace(s.classes[1], state=State.PINNED, state_copies=copies)
    s = replace(s, classes=(s.classes[0], code, s.classes[2]))
    lost = [[0], [1], [2, 3]]
    names = [[s.regions[r].id for r in regions] for regions in lost]
    expected = oracle_fleet(s, lost, 0.3)
    found = fleet(s, survive=names, outage_on_demand_gpu=0.3)
    assert found.optimal.cost_usd == pytest.approx(expected.cost_usd, rel=2e-6)
    anywhere = replace(s, classes=(s.classes[0], asked(seed).classes[1], s.classes[2]))
    law = [each.uncoverable @ s.hours.hours for each in lost_of(terms_of(anywhere), names, 0.3)]
    told = [outage.uncoverable_gpu_h for outage in found.survives]
    pinned = _at_home(s, code.id, lost)
    np.testing.assert_allclose(np.subtract(told, law), np.zeros(3) if copies else pinned, atol=1e-9)
    assert max(pinned) > 0


def _at_home(s: Scenario, klass: str, lost: list[list[int]]) -> list[float]:
    """GPU-h of a pinned class whose state lives in each lost set, at its leanest points there."""
    k = [c.id for c in s.classes].index(klass)
    hours, gpu_h = s.hours.hours, []
    places, _ = oracle.open_places(s)
    for regions in lost:
        total = 0.0
        for i in range(len(s.metros)):
            if oracle.keeper(s, oracle.node_of(s, i)) in regions:
                least = min(oracle.gpu_h(s, k, o) for _, o in places[i, k])
                total += least * float(s.demand_per_h[i, k] @ hours)
        gpu_h.append(total)
    return gpu_h


def test_what_is_found_is_a_plan() -> None:
    """The fleet as capacity: a plan of it is feasible and costs what the fleet says."""
    s = asked(1, **ON_DEMAND)
    found = fleet(s)
    placed = wattlas.plan(found.scenario)
    assert placed.ok
    assert placed.totals.cost_usd == pytest.approx(found.optimal.cost_usd, rel=1e-6)
    np.testing.assert_allclose(placed.totals.reserved_usd, found.optimal.rent_usd, rtol=1e-6)
