"""A stretch of hours cut out of an instance is the instance of those hours."""

from __future__ import annotations

import threading
from dataclasses import fields, replace
from functools import reduce

import numpy as np
import pytest
from hypothesis import given

from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import scenarios
from wattlas.model.plan import Status, Totals
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.solution.account import add_totals
from wattlas.placement.solution.concat import concat
from wattlas.placement.window.blocks import at_once, instance_at


def same(part: Instance, built: Instance) -> None:
    """Every array alike, and what is not an array."""
    for field in fields(Instance):
        ours, theirs = getattr(part, field.name), getattr(built, field.name)
        if isinstance(ours, np.ndarray):
            assert np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f"), field.name
        elif field.name not in ("scenario", "judged"):
            assert ours == theirs, field.name
    assert part.judged is built.judged


@given(scenarios(max_hours=4))
@examples(40)
@pytest.mark.portable
def test_part_is_what_would_be_built(s: Scenario) -> None:
    """Some steps cut out of an instance are the instance of those steps.

    Where a region has nothing reserved in these steps alone, what it can buy is its capacity there
    and a surplus over none here, at one price.
    """
    whole = build_instance(s)
    for steps in (np.arange(s.hours.count)[::2], np.arange(s.hours.count)[1:]):
        if len(steps):
            part, alone = instance_at(whole, steps), s.at_hours(steps)
            built = build_instance(alone, judged=whole.judged)
            if (alone.buys_surplus == s.buys_surplus).all():
                same(part, built)
            most = (part.capacity + part.surplus, built.capacity + built.surplus)
            np.testing.assert_array_equal(*most)


@given(scenarios(max_hours=4))
@examples(20)
def test_demand_that_is_not_there_in_the_part(s: Scenario) -> None:
    """Sources without demand in the part are built anew, as they would be."""
    demand = s.demand_per_h.copy()
    demand[0, 0, 0] = 0.0
    s = replace(s, demand_per_h=demand)
    whole = build_instance(s)
    part = instance_at(whole, np.array([0]))
    same(part, build_instance(s.at_hours([0]), judged=whole.judged))
    assert part.source_of[0, 0] == -1


def test_work_inside_of_work_takes_no_more_threads() -> None:
    """What is done at once within such work is done by the thread that does the work, in order."""

    def inner(n: int) -> tuple[int, int]:
        return n, threading.get_ident()

    def outer(_: int) -> bool:
        return list(at_once(inner, range(3))) == [(n, threading.get_ident()) for n in range(3)]

    assert all(at_once(outer, range(4)))
    assert threading.get_ident() not in {thread for _, thread in at_once(inner, range(4))}


def test_parts_end_as_the_worst_of_them() -> None:
    """A plan that holds a part of unknown quality is of unknown quality, wherever the part is."""
    s = shipped("tiny").at_hours([0, 1])
    parts = [plan(s.at_hours([0])), plan(s.at_hours([1]))]
    assert concat(s, parts).status is Status.OPTIMAL
    for n in (0, 1):
        told = [replace(p, status=Status.HEURISTIC) if n == m else p for m, p in enumerate(parts)]
        assert concat(s, told).status is Status.HEURISTIC


def test_totals_of_parts_are_those_of_the_whole() -> None:
    """Sums, and means weighted by requests, where parts serve unequally many at unequal trips."""
    s = shipped("tiny")
    demand = s.demand_per_h.copy()
    demand[:, :, :12] *= 0.2
    demand[2:, :, 12:] *= 0.1
    s = replace(s, demand_per_h=demand)
    halves = [plan(s.at_hours(range(n, n + 12))) for n in (0, 12)]
    assert halves[0].totals.rtt_mean_ms != pytest.approx(halves[1].totals.rtt_mean_ms, rel=1e-3)
    together, whole = reduce(add_totals, (half.totals for half in halves)), plan(s).totals
    for field in fields(Totals):
        ours, theirs = getattr(together, field.name), getattr(whole, field.name)
        assert ours == (theirs if theirs is None else pytest.approx(theirs, rel=1e-7)), field.name
