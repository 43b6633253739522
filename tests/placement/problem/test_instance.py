"""Merged sources: what is summed, what stays apart, and who is stranded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from tests import oracle
from tests.examples import examples
from tests.strategies import scenarios
from wattlas.model.scenario import Scenario
from wattlas.model.workload import State
from wattlas.placement.problem.instance import build_instance, unmerged


@given(scenarios(frictions=True))
@examples(40)
def test_a_source_is_the_sum_of_its_members(s: Scenario) -> None:
    """Members share class, node and open places; demand is their sum; sticky ones stay apart."""
    instance = build_instance(s)
    pointer, metro, klass = instance.members
    present = (s.demand_per_h > 0).any(axis=2)
    assert np.array_equal(instance.source_of >= 0, present)
    assert len(metro) == present.sum()
    for q in range(instance.sources):
        of = slice(pointer[q], pointer[q + 1])
        assert set(klass[of]) == {instance.klass[q]}
        assert {s.metro_node[i] for i in metro[of]} == {instance.node[q]}
        for i in metro[of]:
            assert np.array_equal(
                instance.judged.allowed[i, instance.klass[q]], instance.allowed[q]
            )
        summed = s.demand_per_h[metro[of], instance.klass[q]].sum(axis=0)
        assert instance.demand[q] == pytest.approx(summed)
        sticky = s.classes[instance.klass[q]].state is State.STICKY and s.frictions.move_state
        assert not sticky or pointer[q + 1] - pointer[q] == 1


@given(scenarios())
@examples(40)
def test_the_units_of_a_request(s: Scenario) -> None:
    """Energy, accelerator time and accuracy of each source and point are the class's own."""
    instance = build_instance(s)
    for q, k in enumerate(instance.klass):
        for o in range(len(s.points)):
            assert instance.energy_kwh[q, o] == pytest.approx(oracle.it_kwh(s, k, o))
            assert instance.gpu_h[q, o] == pytest.approx(oracle.gpu_h(s, k, o))
            assert instance.accuracy[q, o] == oracle.accuracy(s, k, o)


@given(scenarios(max_hours=3))
@examples(20)
def test_every_metro_and_class_is_a_source_where_nothing_is_merged(s: Scenario) -> None:
    """In that order, with its own node, demand, units and price of going unserved."""
    every = unmerged(s)
    assert np.array_equal(every.source_of.ravel(), np.arange(every.sources))
    for (i, k), q in np.ndenumerate(every.source_of):
        assert (every.klass[q], every.node[q]) == (k, s.metro_node[i])
        assert np.array_equal(every.demand[q], s.demand_per_h[i, k])
        assert np.array_equal(every.energy_kwh[q], s.it_kwh[k])
        assert np.array_equal(every.gpu_h[q], s.gpu_h[k])
        stated = s.classes[k].unserved_usd_per_request
        assert every.unserved_usd[q] == pytest.approx(
            np.nan if stated is None else stated, nan_ok=True
        )


@given(scenarios(max_hours=2))
@examples(40)
def test_the_stranded(s: Scenario) -> None:
    """Stranded is demand without an open place and without a price for going unserved."""
    places, _ = oracle.open_places(s)
    theirs = {
        (i, k)
        for i, k in places
        if (s.demand_per_h[i, k] > 0).any()
        and not places[i, k]
        and s.classes[k].unserved_usd_per_request is None
    }
    assert set(build_instance(s).stranded) == theirs
