"""The soft frontier: convex, its slope the dual, and equal to a program with a latency row."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given

from tests.examples import examples
from tests.oracle import oracle_plan
from tests.shipped import shipped
from tests.strategies import scenarios
from wattlas.errors import InfeasibleError
from wattlas.model.frontier import Frontier
from wattlas.model.scenario import Scenario
from wattlas.placement.frontier.frontier import frontier

REL = 1e-8
MOST = 400


def traced(s: Scenario, samples: int = MOST) -> Frontier | None:
    """All vertices, or None where no placement exists."""
    try:
        return frontier(s, "soft", samples=samples)
    except InfeasibleError:
        return None


def size(one: Frontier) -> float:
    """What errors are relative to."""
    return max(float(np.abs(one.value).max()), 1e-12)


@given(scenarios(max_hours=2, unserved=False))
@examples(40)
def test_convex_and_the_dual_is_its_slope(s: Scenario) -> None:
    """V falls at an ever smaller rate, and `dual_per_ms` is that rate to the right of a vertex."""
    one = traced(s)
    assume(one is not None)
    assert one is not None
    assert one.exact
    assert one.gap == 0.0
    assert (np.diff(one.x) > 0).all()
    assert (np.diff(one.value) <= 0).all()
    slope = -np.diff(one.value) / np.diff(one.x)
    assert one.dual_per_ms[:-1] == pytest.approx(slope)
    assert one.dual_per_ms[-1] == 0.0
    assert (np.diff(slope) <= REL * size(one) / np.diff(one.x).min(initial=1.0)).all()


@given(scenarios(max_hours=2, max_metros=3, unserved=False, spread=False))
@examples(30)
def test_it_is_the_program_with_a_latency_row(s: Scenario) -> None:
    """At its vertices and between them V is what the independent program finds, dual included."""
    one = traced(s)
    assume(one is not None and any(k.relaxable for k in s.classes))
    assert one is not None
    assume(any((s.demand_per_h[:, k] > 0).any() for k, c in enumerate(s.classes) if c.relaxable))
    # At the fast end the row is met by a hair or not at all: it is eased, which has a worth.
    eased = 1e-9
    for n in range(min(len(one.x), 3)):
        asked = float(one.x[n])
        found = oracle_plan(s, mean_latency_ms=asked * (1 + eased), with_frictions=False)
        assert found.status == "optimal"
        value = float(one.value[n] - one.dual_per_ms[n] * asked * eased)
        assert math.isclose(found.objective, value, rel_tol=1e-7, abs_tol=1e-7 * size(one))
        if n:
            middle = float(one.x[n - 1] + one.x[n]) / 2
            between = oracle_plan(s, mean_latency_ms=middle, with_frictions=False)
            chord = float(one.value[n - 1] + one.value[n]) / 2
            assert math.isclose(between.objective, chord, rel_tol=1e-7, abs_tol=1e-7 * size(one))


def test_a_cut_short_frontier_bounds_its_error() -> None:
    """With few vertices the gap bounds how far the chords lie above the whole frontier."""
    s = shipped("tiny")
    whole, some = frontier(s, "soft", samples=MOST), frontier(s, "soft", samples=4)
    assert whole.exact
    assert not some.exact
    assert some.gap > 0
    assert set(some.x) <= set(whole.x)
    chord = np.interp(whole.x, some.x, some.value)
    worst = float((chord - whole.value).max() / (whole.value[0] - whole.value[-1]))
    assert 0 < worst <= some.gap * (1 + 1e-9)


@pytest.mark.parametrize("count", [4, 5, 7])
def test_a_sample_looks_where_most_may_be_won(count: int) -> None:
    """Each next vertex lies between the two neighbours whose chord leaves the largest area, where
    the whole frontier is farthest below that chord."""
    s = shipped("tiny")
    whole, some = frontier(s, "soft", samples=MOST), frontier(s, "soft", samples=count)
    x, value = whole.x, whole.value
    kept, pairs = [0, len(x) - 1], [(0, len(x) - 1)]
    while len(kept) < count:
        pairs.sort(key=lambda pair: (x[pair[1]] - x[pair[0]]) * (value[pair[0]] - value[pair[1]]))
        left, right = pairs.pop()
        slope = (value[left] - value[right]) / (x[right] - x[left])
        middle = int((value + slope * x).argmin())
        if middle not in (left, right):
            kept.append(middle)
            pairs += [(left, middle), (middle, right)]
    assert some.x == pytest.approx(x[sorted(kept)])


@pytest.mark.parametrize("objective", ["cost", "carbon"])
def test_the_dual_of_a_cut_short_frontier_is_the_slope_of_the_whole(objective: str) -> None:
    """Between two vertices of a sample others are left out: the dual is the slope to the next."""
    s = shipped("tiny")
    whole = frontier(s, "soft", objective=objective, samples=MOST)
    some = frontier(s, "soft", objective=objective, samples=5)
    assert len(some.x) < len(whole.x)
    after = np.append(-np.diff(whole.value) / np.diff(whole.x), 0.0)
    at = [int(np.abs(whole.x - x).argmin()) for x in some.x]
    assert some.x == pytest.approx(whole.x[at])
    assert some.dual_per_ms == pytest.approx(after[at], rel=1e-6)
    chord = -np.diff(some.value) / np.diff(some.x)
    assert (some.dual_per_ms[:-1] > chord * (1 + 1e-6)).any()


def test_nothing_goes_unserved_to_be_fast() -> None:
    """With room for all, demand that may go unserved is served at every mean latency."""
    priced = {"set": ["unserved_usd_per_request=0.01"]}
    s = shipped("tiny", **priced)
    s = replace(s, reserved_gpu=np.full_like(s.reserved_gpu, np.inf))
    for objective in ("carbon", "cost"):
        curve = frontier(s, "soft", objective=objective, samples=6)
        assert not curve.unserved_share.any()
        assert (np.diff(curve.value) < 0).all()


def test_the_ends() -> None:
    """Its fast end is the least mean latency; its cheap end costs what no budgets cost."""
    s = shipped("tiny")
    one = frontier(s, "soft", samples=MOST)
    wide = frontier(s, "scale")
    assert one.value[-1] == pytest.approx(wide.value[-1], rel=1e-9)
    assert oracle_plan(s, mean_latency_ms=float(one.x[0]) * (1 - 1e-6)).status == "infeasible"


def test_demand_without_a_lawful_place() -> None:
    """What no place may serve at any latency is an error that names it, as everywhere."""
    s = shipped("tiny", set=["residency.eu-stays.IN=[EU]", "regions.drop=[oslo]",
                                     "nodes.frankfurt.region=austin"])  # fmt: skip
    with pytest.raises(InfeasibleError, match="delhi, class A"):
        frontier(s, "soft")
