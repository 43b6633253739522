"""Dominated places are taken out without losing an optimum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings

from tests.placement.test_hourly import measure_of, size
from tests.strategies import objectives, scenarios
from wattlas.model.scenario import Scenario
from wattlas.placement import hourly
from wattlas.placement.hourly import evaluate, solve_hours
from wattlas.placement.instance import build_instance
from wattlas.placement.measures import carbon, cost
from wattlas.placement.prune import pruned


@given(scenarios(objectives=objectives(), max_regions=3))
@settings(max_examples=50)
def test_pruning_changes_nothing(s: Scenario) -> None:
    """With and without dominated places: the same hours, the same optimum."""
    instance = build_instance(s)
    assume(not instance.stranded)
    m = measure_of(instance)
    found = solve_hours(instance, m)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hourly, "pruned", lambda instance, *_: instance)
        whole = solve_hours(instance, m)
    assert np.array_equal(found.infeasible, whole.infeasible)
    one, other = (float(evaluate(instance, m, f).sum()) for f in (found, whole))
    assert one == pytest.approx(other, abs=1e-8 * size(instance, whole))


@given(scenarios())
@settings(max_examples=40)
def test_what_is_taken_out_is_dominated(s: Scenario) -> None:
    """Every region stays open to whom it was open, and what goes has a better one beside it."""
    instance = build_instance(s)
    steps = np.arange(s.hours.count)
    m = cost(instance)
    left = pruned(instance, (m, carbon(instance)), steps)
    assert (left.allowed <= instance.allowed).all()
    assert np.array_equal(left.allowed.any(axis=2), instance.allowed.any(axis=2))
    units = m.units(instance, steps)
    for q, r, o in zip(*np.nonzero(instance.allowed & ~left.allowed), strict=True):
        kept = np.flatnonzero(left.allowed[q, r])
        assert any(
            instance.gpu_h[q, b] <= instance.gpu_h[q, o]
            and (units[q, r, b] <= units[q, r, o] + 1e-15).all()
            for b in kept
        )
