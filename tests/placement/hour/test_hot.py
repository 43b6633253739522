"""Starts from stored bases: any measure may come after any other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given

from tests.examples import examples
from tests.strategies import objectives, scenarios
from wattlas.model.objective import Solver
from wattlas.model.scenario import Scenario
from wattlas.placement.engine import Basis
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.hour.engine_hour import Bases, renumbered
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.unit_values import carbon_to_minimise, cost, it_energy


@given(scenarios(objectives=objectives()))
@examples(40)
def test_another_measure_leaves_other_places_open(s: Scenario) -> None:
    """From the bases of one measure, which dominates other points, each has its own optimum."""
    instance = build_instance(s)
    assume(not instance.stranded)
    memory: dict[str, Any] = {}
    steps = np.arange(s.hours.count)
    for measure in (cost(instance), it_energy(instance), carbon_to_minimise(instance)) * 2:
        warm = solve_hours(instance, measure, None, steps, Solver.ENGINE, memory)
        cold = solve_hours(instance, measure, None, steps, Solver.ENGINE)
        np.testing.assert_array_equal(warm.infeasible, cold.infeasible)
        one, other = measure.by_hour(instance, warm.flows), measure.by_hour(instance, cold.flows)
        plain = replace(measure, per_kwh=np.abs(measure.per_kwh))
        size = np.abs(plain.by_hour(instance, cold.flows)).max(initial=0.0)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * size)


def test_points_keep_their_meaning() -> None:
    """A column goes to the number that its point has now, and to unserved where it has none."""
    keys = np.array([[[0, 7], [2, 8]]], np.int32)
    basics = np.array([[[0, 1, 5], [-1, -1, 3], [1, 0, 6]]], np.int32)
    before = np.array([[4, 5], [3, 4]])
    moved = renumbered(Basis(keys, basics), before[:, [0, 1, 1]], np.array([[5], [3]]))
    assert moved.keys.tolist() == [[[-1, -1], [-1, -1]]]
    assert moved.basics.tolist() == [[[0, 0, 5], [-1, -1, 3], [1, 0, 6]]]
    same = renumbered(Basis(keys, basics), before, before)
    assert same.keys is keys


@pytest.mark.parametrize("many", [True, False])
def test_only_the_same_steps_start_hot(many: bool) -> None:
    """Bases of other steps are not used."""
    basis = Basis.empty(2, 1, 8)
    point_of = np.zeros((1, 1), np.int64)
    kept = Bases(np.array([3, 4]), basis, point_of)
    asked = np.array([3, 4, 5]) if many else np.array([3, 5])
    assert kept.for_steps(asked, point_of) is None
    assert kept.for_steps(np.array([3, 4]), point_of) is basis
