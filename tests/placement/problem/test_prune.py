"""Dominated places are taken out without losing an optimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given

from tests.examples import examples
from tests.golden.solve_worlds import uneven
from tests.oracle import oracle_plan
from tests.placement.hour.test_hourly import measure_of, size
from tests.shipped import shipped
from tests.strategies import objectives, scenarios
from wattlas.model.contract import ShareCap
from wattlas.model.frictions import Frictions, Initial
from wattlas.model.objective import Window
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.hour.highs_hour import Highs
from wattlas.placement.hour.protocol import HourProblem
from wattlas.placement.hour.prune import pruned
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.unit_values import carbon, cost, zero


@given(scenarios(objectives=objectives(), max_regions=3))
@examples(100)
def test_pruning_changes_nothing(s: Scenario) -> None:
    """With and without dominated places: the same hours, the same optimum."""
    instance = build_instance(s)
    assume(not instance.stranded)
    m = measure_of(instance)
    found, steps = solve_hours(instance, m), np.arange(s.hours.count)
    whole = Highs().solve(HourProblem(instance, m), steps)
    assert np.array_equal(found.infeasible, whole.infeasible)
    one, other = (float(m.by_hour(instance, f.flows).sum()) for f in (found, whole))
    assert one == pytest.approx(other, abs=1e-8 * size(instance, whole))


@given(scenarios())
@examples(40)
def test_what_is_taken_out_is_dominated(s: Scenario) -> None:
    """Every region stays open to whom it was open, and what goes has a better one beside it."""
    instance = build_instance(s)
    steps = np.arange(s.hours.count)
    m = cost(instance)
    left = pruned(instance, (m, carbon(instance)), steps)
    assert (left.allowed <= instance.allowed).all()
    assert np.array_equal(left.allowed.any(axis=2), instance.allowed.any(axis=2))
    units = (
        instance.energy_kwh[:, None, :, None] * m.per_kwh[None, :, None, :]
        + m.per_request[..., None]
    )[..., steps]
    for q, r, o in zip(*np.nonzero(instance.allowed & ~left.allowed), strict=True):
        kept = np.flatnonzero(left.allowed[q, r])
        assert any(
            instance.gpu_h[q, b] <= instance.gpu_h[q, o]
            and (units[q, r, b] <= units[q, r, o] + 1e-15).all()
            for b in kept
        )


def test_a_thirstier_point_may_keep_capacity_running() -> None:
    """Where starting costs, a point that is worse by every measure holds what the next hour needs.

    One hour runs on 1 GPU-h/h at the thrifty point or on 2 at the thirsty one, the next needs 2 at
    the thrifty one: running the thirsty one first costs 1 USD more and saves a start at 5 USD.
    """
    s = shipped("tiny")
    thrifty = replace(
        s.points[0], variant="one", prefill_gpu_s_per_token=0.0, decode_gpu_s_per_token=3600.0
    )
    thirsty = replace(thrifty, id="thirsty", decode_gpu_s_per_token=7200.0)
    klass = replace(s.classes[0], tokens_out=1.0, latency_budget_ms=1e6, residency="", points=None)
    region = replace(
        s.regions[0],
        reserved_gpu=0.0,
        on_demand_gpu=np.inf,
        on_demand_usd_per_gpu_h=1.0,
        variants=None,
    )
    network = s.network
    demand = np.zeros((len(s.metros), 1, 2))
    demand[0, 0] = 1.0, 2.0
    two = replace(
        s.at_hours(np.arange(2)),
        nodes=tuple(replace(n, region="") for n in s.nodes),
        regions=(region,),
        points=(thrifty, thirsty),
        classes=(klass,),
        demand_per_h=demand,
        reserved_gpu=np.zeros((1, 2)),
        network=replace(
            network,
            rtt_node_region_ms=network.rtt_node_region_ms[:, :1],
            egress_usd_per_gb=0.0 * network.egress_usd_per_gb[:, :1],
            modelled_node_region=network.modelled_node_region[:, :1],
        ),
        frictions=Frictions(start_usd_per_gpu_h=5.0, initial=Initial.FREE),
    )
    found = plan(two)
    assert found.totals.on_demand_usd == pytest.approx(2.0 + 2.0)
    assert found.totals.friction_usd == pytest.approx(0.0)
    assert found.objective == pytest.approx(oracle_plan(two).objective)


def test_points_that_caps_count_apart_are_not_alike() -> None:
    """A point that one cap counts and another point that only another cap counts both stay."""
    caps = (
        ShareCap("tiny-last", ("code", "batch"), ("small",), 0.4, Window.HOUR),
        ShareCap("large-first", ("code",), ("batched", "small"), 0.9, Window.HOUR),
    )
    for window in (Window.HOUR, Window.DAY):
        some = tuple(replace(cap, window=window) for cap in caps)
        s = replace(uneven(tight=1.3), share_caps=some)
        assert plan(s).objective == pytest.approx(oracle_plan(s).objective, rel=1e-7)
        instance = build_instance(s)
        left = pruned(instance, (zero(instance),), np.arange(s.hours.count))
        gone = np.argwhere(instance.allowed & ~left.allowed)
        assert len(gone)
        for q, r, o in gone:
            k, gpu_h = instance.klass[q], instance.gpu_h[q]
            assert any(
                counted(s, k, b) <= counted(s, k, o) and gpu_h[b] <= gpu_h[o]
                for b in np.flatnonzero(left.allowed[q, r])
            )


def counted(s: Scenario, klass: int, point: int) -> set[str]:
    """The caps that count a request of a class at a point as degraded."""
    k, o = s.classes[klass].id, s.points[point].id
    return {cap.id for cap in s.share_caps if k in cap.classes and o in cap.points}
