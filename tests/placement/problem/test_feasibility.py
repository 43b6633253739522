"""Who may be served where: every mask against the formulas written once more."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from tests import oracle
from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import scenarios
from wattlas.model.scenario import Scenario
from wattlas.model.workload import State, WhenNone
from wattlas.placement.problem.baseline_region import baseline_region
from wattlas.placement.problem.feasibility import (
    Closed,
    feasibility,
    pinned_region,
    words,
)

NAMES = {
    "point": Closed.POINT,
    "variant": Closed.VARIANT,
    "residency": Closed.RESIDENCY,
    "state": Closed.STATE,
    "accuracy": Closed.ACCURACY,
    "latency": Closed.LATENCY,
}


@given(scenarios(max_hours=1))
@examples(40)
def test_every_mask_is_what_the_formulas_say(s: Scenario) -> None:
    """Latency and the reasons of each place equal those of the plain loops, one by one."""
    judged = feasibility(s)
    for i, k, r, o in itertools.product(*(range(n) for n in s.shape[:4])):
        assert judged.latency_ms[i, k, r, o] == pytest.approx(oracle.latency(s, i, k, r, o))
        why = oracle.reasons(s, i, k, r, o, s.classes[k].latency_budget_ms)
        assert int(judged.closed[i, k, r, o]) == sum(int(NAMES[one]) for one in why)


@given(scenarios(max_hours=1))
@examples(40)
def test_what_is_open(s: Scenario) -> None:
    """Open places and late demands equal those of the plain loops; the baseline region is one of
    them."""
    judged, (places, late) = feasibility(s), oracle.open_places(s)
    base = baseline_region(s, judged)
    for i, k in itertools.product(range(len(s.metros)), range(len(s.classes))):
        found = {(int(r), int(o)) for r, o in zip(*np.nonzero(judged.allowed[i, k]), strict=True)}
        assert found == set(places[i, k])
        assert bool(judged.late[i, k]) == ((i, k) in late)
        theirs = oracle.baseline_place(s, i, k, 0, places[i, k])
        assert base[i, k] == (-1 if theirs is None else theirs[0])


def test_late_demand_gets_one_place() -> None:
    """Only the lawful place of least latency is opened, and the demand is marked late."""
    s = shipped("tiny", set=["classes.A.latency_budget_ms=50", "when_none=nearest"])
    judged = feasibility(s)
    assert judged.late[:, 0].all()
    assert not judged.late[:, 1].any()
    assert (judged.allowed[:, 0].sum(axis=(1, 2)) == 1).all()
    least = np.where(judged.lawful, judged.latency_ms, np.inf).min(axis=(2, 3))
    assert judged.latency_ms[:, 0][judged.allowed[:, 0]] == pytest.approx(least[:, 0])
    assert s.classes[0].when_none is WhenNone.NEAREST


def test_pinned_state_stays_with_its_node() -> None:
    """The node's own region where it names one, else the nearest."""
    s = shipped("tiny", set=["classes.A.state=pinned"])
    assert s.classes[0].state is State.PINNED
    regions = [r.id for r in s.regions]
    keeper = [regions[r] for r in pinned_region(s)]
    assert keeper == [n.region for n in s.nodes]
    nowhere = replace(s, nodes=tuple(replace(n, region="") for n in s.nodes))
    nearest = s.network.rtt_node_region_ms.argmin(axis=1)
    assert pinned_region(nowhere).tolist() == nearest.tolist()
    allowed = feasibility(s).allowed[:, 0].any(axis=2)
    for i, node in enumerate(s.metro_node):
        assert set(np.flatnonzero(allowed[i])) <= {int(pinned_region(s)[node])}


def test_reasons_in_words() -> None:
    """Every flag has words, and an open place none."""
    assert words(0) == ""
    for flag in Closed:
        assert words(int(flag))
    both = words(int(Closed.RESIDENCY | Closed.LATENCY))
    assert "residency" in both
    assert "latency above the budget" in both


def test_a_budget_that_is_met_exactly() -> None:
    """ℓ ≤ L: a place at the budget is open, a millionth above it is not."""
    s = shipped("tiny")
    exact = feasibility(s).latency_ms[0, 0, 0, 0]
    for budget, is_open in ((exact, True), (exact * (1 - 1e-6), False)):
        found = feasibility(s, np.full((len(s.metros), len(s.classes)), budget))
        assert bool(found.closed[0, 0, 0, 0] & Closed.LATENCY) is not is_open
