"""The reference itself, against enumeration and by hand: who checks the checker."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given

from tests import oracle
from tests.strategies import scenarios
from wattlas.model.scenario import Scenario


def same_gpu(scenario: Scenario, room: list[int]) -> Scenario:
    """The scenario with unit demands of one GPU-h each, and room for whole ones per region, one of
    which may be bought where any can be.
    """
    points = tuple(
        replace(p, prefill_gpu_s_per_token=0.0, decode_gpu_s_per_token=3600.0, request_gpu_s=0.0)
        for p in scenario.points
    )
    classes = tuple(replace(k, tokens_out=1.0, mean_accuracy_min=None) for k in scenario.classes)
    count = scenario.hours.count
    regions = tuple(replace(r, on_demand_gpu=float(r.on_demand_gpu > 0)) for r in scenario.regions)
    return replace(
        scenario,
        regions=regions,
        points=points,
        classes=classes,
        demand_per_h=np.minimum(scenario.demand_per_h, 1.0),
        reserved_gpu=np.tile(np.array(room, dtype=float)[:, None], (1, count)),
    )


@given(
    drawn=scenarios(
        max_metros=3, max_classes=2, max_regions=3, max_points=2, max_hours=2, spread=False
    )
)
def test_the_reference_against_every_assignment(drawn: Scenario) -> None:
    """Unit demands that all need one GPU: the program equals the best of all assignments."""
    scenario = same_gpu(drawn, [1, 2, 1][: len(drawn.regions)])
    assume(scenario.demand_per_h.any())
    found = oracle.oracle_plan(scenario)
    least = oracle.brute_force(scenario)
    if math.isinf(least):
        assert found.status == "infeasible"
    else:
        assert found.objective == pytest.approx(least, rel=1e-9, abs=1e-12)


@given(drawn=scenarios(max_hours=2, frictions=True))
def test_what_the_reference_says_it_holds(drawn: Scenario) -> None:
    """Its flows serve all demand, keep capacity, and use open places only."""
    found = oracle.oracle_plan(drawn)
    assume(found.status == "optimal")
    places, _ = oracle.open_places(drawn)
    served = np.zeros_like(drawn.demand_per_h)
    load = np.zeros_like(drawn.reserved_gpu)
    for (i, k, r, o, t), rate in found.flows.items():
        served[i, k, t] += rate
        if r >= 0:
            assert (r, o) in places[i, k]
            load[r, t] += rate * oracle.gpu_h(drawn, k, o)
    assert served == pytest.approx(drawn.demand_per_h, rel=1e-8)
    assert (load <= drawn.most_gpu * (1 + 1e-8) + 1e-12).all()


@given(drawn=scenarios(max_hours=1, free_capacity=True, accuracy_minima=False))
def test_free_capacity_is_each_at_its_cheapest(drawn: Scenario) -> None:
    """With nothing shared, the optimum is every demand at its own cheapest open place."""
    found = oracle.oracle_plan(drawn)
    assume(found.status == "optimal")
    places, _ = oracle.open_places(drawn)
    expected = 0.0
    for i, k in places:
        rate = float(drawn.demand_per_h[i, k, 0])
        if rate:
            shed = drawn.classes[k].unserved_usd_per_request
            units = [oracle.unit_usd(drawn, i, k, r, o, 0) for r, o in places[i, k]]
            expected += rate * min([*units, *([] if shed is None else [shed])])
    total = expected * float(drawn.hours.hours[0])
    assert found.objective == pytest.approx(total, rel=1e-9, abs=1e-12)
