"""Where no placement exists, the smallest conflict is named in words."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given

from tests import oracle
from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import scenarios
from wattlas.model.plan import Status
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.explain.conflict import hour_conflict
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.unit_values import onward_rtt
from wattlas.placement.problem.words import who

RARE = [HealthCheck.too_slow, HealthCheck.filter_too_much]
"""For a test of what few scenarios show: most of those that are drawn are passed over."""


def clashes(instance: Instance, step: int, sources: list[int], regions: list[int]) -> bool:
    """Whether these demands and limits, and no other, have no placement in a step."""
    demand = np.zeros_like(instance.demand)
    demand[sources, step] = instance.demand[sources, step]
    capacity = np.full_like(instance.capacity, np.inf)
    capacity[regions] = instance.capacity[regions]
    alone = replace(instance, demand=demand, capacity=capacity)
    return len(solve_hours(alone, onward_rtt(alone), None, np.array([step])).infeasible) > 0


@given(scenarios(accuracy_minima=False, max_hours=1))
@examples(30, suppress_health_check=RARE)
def test_a_capacity_conflict_is_irreducible(s: Scenario) -> None:
    """What is named clashes, and every demand and limit in it is needed for that."""
    instance = build_instance(s)
    assume(not instance.stranded)
    found = plan(s)
    assume(found.status is Status.INFEASIBLE)
    one = hour_conflict(instance, 0)
    sources, regions = list(one.sources), list(one.rows["capacity"])
    assert clashes(instance, 0, sources, regions)
    for gone in sources:
        assert not clashes(instance, 0, [q for q in sources if q != gone], regions)
    for gone in regions:
        assert not clashes(instance, 0, sources, [r for r in regions if r != gone])
    for r in regions:
        assert s.regions[r].id in found.conflict
    for q in sources:
        assert s.classes[instance.klass[q]].id in found.conflict
    needed = sum(
        float(instance.demand[q, 0])
        * min(oracle.gpu_h(s, int(instance.klass[q]), int(o)) for _, o in np.argwhere(places))
        for q, places in zip(sources, instance.allowed[sources], strict=True)
    )
    offered = sum(oracle.most_gpu(s, r, 0) for r in regions)
    told = re.search(r"at least (\S+) GPU-h/h, .* have (\S+): (\S+) short", found.conflict)
    assert told is not None
    figures = [float(figure.replace(",", "")) for figure in told.groups()]
    assert figures[:2] == pytest.approx([needed, offered], rel=1e-3)
    assert figures[2] == pytest.approx(needed - offered, rel=1e-3, abs=1e-3 * needed)


def changed(klass: str, **fields: float) -> Scenario:
    """The tiny example with another class; the reader of scenarios would refuse such a minimum."""
    s = shipped("tiny")
    classes = (replace(k, **fields) if k.id == klass else k for k in s.classes)  # type: ignore[arg-type]
    return replace(s, classes=tuple(classes))


def test_a_capacity_conflict_in_words() -> None:
    """The hour, the class and its metros, what they need and what the places have."""
    s = shipped("tiny", set=["regions.oslo.reserved_gpu=0.2"])
    found = plan(s)
    assert found.status is Status.INFEASIBLE
    assert found.flows is None
    assert "2023-06-01T" in found.conflict
    assert "class A of berlin" in found.conflict
    assert "(oslo)" in found.conflict
    assert "Raise reserved_gpu" in found.conflict
    assert "unserved_usd_per_request" in found.conflict


def test_what_can_be_bought_counts_in_a_conflict() -> None:
    """What is short is what is needed less all that the places have, on demand too."""
    bought = ["regions.oslo.on_demand_gpu=0.1", "regions.oslo.on_demand_usd_per_gpu_h=5"]
    s = shipped("tiny", set=["regions.oslo.reserved_gpu=0.2", *bought])
    assert build_instance(s).surplus.any()
    told = plan(s).conflict
    numbers = r"need at least ([\d.]+) GPU-h/h.* have ([\d.]+): ([\d.]+) short"
    needed, offered, short = map(float, re.findall(numbers, told)[0])
    assert offered == pytest.approx(0.3)
    assert short == pytest.approx(needed - 0.3, rel=0.01)


def test_many_demands_are_told_by_class() -> None:
    """A long list of sources is grouped: each class once, with the number of its metros."""
    s = shipped("typical-2023", set=["capacity.scale=0.05"])
    found = plan(s.at_hours([0, 1]))
    assert found.status is Status.INFEASIBLE
    instance = build_instance(s.at_hours([0]))
    everybody = who(instance, tuple(range(instance.sources)))
    for text in (found.conflict, everybody):
        for klass in s.classes:
            assert text.count(f"class {klass.id} of") <= 1
        assert len(text) < 1200
    assert everybody.count(" metros (") == len(s.classes)


def test_a_stranded_demand_is_told_in_full() -> None:
    """Metro, class, budget, the nearest lawful place's latency, and what closed each place."""
    s = shipped("tiny", set=["classes.A.latency_budget_ms=50"])
    found = plan(s)
    assert found.status is Status.INFEASIBLE
    line = next(one for one in found.conflict.splitlines() if one.startswith("berlin, class A"))
    latency = 15 + 28 + 90 + 0.08 * 1000
    fast = 15 + 28 + 60 + 0.05 * 1000
    assert f"no place within 50 ms; the nearest lawful place is oslo at {fast:.1f} ms" in line
    assert latency > fast
    assert "latency above the budget: oslo" in line
    assert "residency" in line
    assert "austin" in line
    assert "mumbai" in line


def test_no_place_is_lawful() -> None:
    """Where the law closes every place that is said, not a latency."""
    found = plan(changed("A", accuracy_min=0.99))
    assert "no place is lawful at any latency" in found.conflict
    assert "accuracy below the class's minimum: oslo" in found.conflict


def test_a_mean_that_cannot_be_reached() -> None:
    """A least accuracy above what the open points can do names the class and the minimum."""
    found = plan(changed("D", mean_accuracy_min=0.9))
    assert found.status is Status.INFEASIBLE
    assert "mean accuracy of D cannot reach its minimum" in found.conflict
    assert "mean_accuracy_min" in found.conflict


def test_every_hour_that_clashes_is_counted() -> None:
    """The first hour is told in full, the others by number."""
    s = shipped("tiny", set=["regions.oslo.reserved_gpu=0.0001"])
    found = plan(s)
    assert "(and 23 more hours clash)" in found.conflict
