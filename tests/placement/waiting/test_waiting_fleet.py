"""Fleets whose requests may wait: against one program in GLPK, and the level by enumeration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wattlas
from tests import oracle
from tests.examples import examples
from tests.placement.fleet import fleet_oracle
from tests.placement.fleet.test_fleet_exact import BOUNDS, ON_DEMAND
from tests.placement.fleet.test_fleet_exact import asked_alike as asked
from tests.placement.waiting.waiting_oracle import may_run, shares
from wattlas.errors import InfeasibleError
from wattlas.model.plan import Status
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.waiting import without_waiting
from wattlas.placement.fleet import waiting
from wattlas.placement.fleet.certificate import certify_fleet
from wattlas.placement.fleet.cost import ROUNDING, fleet_cost
from wattlas.placement.fleet.fleet import fleet
from wattlas.placement.fleet.levelled import Levelled, densest, earliest_deadline
from wattlas.placement.fleet.patience import patience
from wattlas.placement.fleet.size import Sizing
from wattlas.placement.fleet.waiting import WaitingQuestion
from wattlas.placement.fleet.waiting_cuts import JointHours
from wattlas.placement.problem.arrivals import Arrivals
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.queue import Queue

QUESTIONS: dict[str, dict[str, Any]] = {
    "reserved": {},
    "on demand": ON_DEMAND,
    "bounds": BOUNDS,
    "both": {**ON_DEMAND, **BOUNDS, "reserved_gpu_max": (2.5, 4.0, 1.6, 3.0)},
}


LOST = [[0], [1], [2, 3]]


def patient(s: Scenario, steps: int) -> Scenario:
    """Every second class may wait so many steps."""
    classes = tuple(
        replace(k, may_wait_h=steps * s.hours.step_h * (n % 2)) for n, k in enumerate(s.classes)
    )
    return replace(s, classes=classes)


def oracle_fleet(
    s: Scenario, lost: Sequence[Sequence[int]] = (), outage_on_demand_gpu: float = math.inf
) -> float:
    """min rent + hours, a column for each step of arrival, step of running and place, and in each
    outage one more for each step of running and place that is left."""
    lp, span = oracle.Program(), s.hours.hours
    places, _ = oracle.open_places(s, None)
    used: dict[tuple[int, int], dict[Any, float]] = {}
    scores: dict[tuple[int, int], dict[Any, float]] = {}
    runs: dict[tuple[int, int, int], dict[Any, float]] = {}
    for (i, k), open_to in places.items():
        shed = [oracle.UNSERVED] if s.classes[k].unserved_usd_per_request is not None else []
        for a in range(s.hours.count):
            rate = float(s.demand_per_h[i, k, a])
            terms: dict[Any, float] = {}
            for t in may_run(s, k, a) if rate > 0 else []:
                for r, o in [*open_to, *shed]:
                    column = ("w", i, k, a, t, r, o)
                    lp.cost[column] = span[t] * rate * fleet_oracle.unit_usd(s, i, k, r, o, t)
                    terms[column] = 1.0
                    if r >= 0:
                        runs.setdefault((i, k, t), {})[column] = rate
                        used.setdefault((r, t), {})[column] = oracle.gpu_h(s, k, o) * rate
                        least = s.classes[k].mean_accuracy_min
                        if least is not None and not oracle.degraded(s, k, o):
                            above = (oracle.accuracy(s, k, o) - least) * rate
                            scores.setdefault((k, t), {})[column] = above
            if terms:
                lp.row(("demand", i, k, a), terms, 1.0, 1.0)
    for key, terms in scores.items():
        lp.row(("accuracy", *key), terms, 0.0, math.inf)
    shares(lp, s)
    for r, region in enumerate(s.regions):
        lp.cost["K", r] = fleet_oracle.held_usd(s, r)
        lp.row(("K", r), {("K", r): 1.0}, region.reserved_gpu_min,
               min(region.reserved_gpu_max, region.capacity_max))  # fmt: skip
    for (r, t), terms in used.items():
        region = s.regions[r]
        terms["K", r] = -1.0
        if region.on_demand_gpu > 0:
            bought = ("o", r, t)
            lp.cost[bought] = span[t] * region.on_demand_usd_per_gpu_h
            terms[bought] = -1.0
            if math.isfinite(region.on_demand_gpu):
                lp.row(("most", r, t), {bought: 1.0}, -math.inf, region.on_demand_gpu)
            if math.isfinite(region.capacity_max):
                both = {bought: 1.0, ("K", r): 1.0}
                lp.row(("site", r, t), both, -math.inf, region.capacity_max)
        lp.row(("gpu", r, t), terms, -math.inf, 0.0)
    for q, regions in enumerate(lost):
        _outage(lp, s, places, runs, q, regions, outage_on_demand_gpu)
    status, values, _ = lp.solve()
    assert status == "optimal"
    return math.fsum(lp.cost[c] * v for c, v in values.items())


def _outage(
    lp: oracle.Program,
    s: Scenario,
    places: Any,
    runs: dict[tuple[int, int, int], dict[Any, float]],
    q: int,
    lost: Sequence[int],
    on_demand: float,
) -> None:
    """What must be served and may run elsewhere is served there in the step in which it runs."""
    busy: dict[tuple[int, int], dict[Any, float]] = {}
    for (i, k, t), terms in runs.items():
        left = [(r, o) for r, o in places[i, k] if r not in lost]
        if not left or s.classes[k].unserved_usd_per_request is not None:
            continue
        row = {column: -rate for column, rate in terms.items()}
        for r, o in left:
            row["y", q, i, k, t, r, o] = 1.0
            lp.cost["y", q, i, k, t, r, o] = 0.0
            busy.setdefault((r, t), {})["y", q, i, k, t, r, o] = oracle.gpu_h(s, k, o)
        lp.row(("served", q, i, k, t), row, 0.0, 0.0)
    for (r, t), terms in busy.items():
        region = s.regions[r]
        terms["K", r] = -1.0
        most = min(region.on_demand_gpu, on_demand)
        if most > 0:
            terms["b", q, r, t] = -1.0
            lp.cost["b", q, r, t] = 0.0
            lp.row(("most", q, r, t), {("b", q, r, t): 1.0}, -math.inf, most)
            if math.isfinite(region.capacity_max):
                both = {("b", q, r, t): 1.0, ("K", r): 1.0}
                lp.row(("site", q, r, t), both, -math.inf, region.capacity_max)
        lp.row(("gpu", q, r, t), terms, -math.inf, 0.0)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", QUESTIONS)
def test_accelerators_and_waiting_are_one_program(name: str, seed: int) -> None:
    """Cost and bound are those of GLPK; patience never makes a fleet dearer."""
    s = patient(asked(seed, **QUESTIONS[name]), 2)
    expected = oracle_fleet(s)
    found = fleet(s)
    assert found.status is Status.OPTIMAL
    assert found.optimal.cost_usd == pytest.approx(expected, rel=2e-6)
    assert found.bound_usd <= expected * (1 + 1e-8)
    assert found.bound_usd == pytest.approx(expected, rel=2e-6)
    assert found.unwaited is not None
    assert found.optimal.cost_usd <= found.unwaited.cost_usd * (1 + 1e-6)
    placed = wattlas.plan(found.scenario)
    assert placed.totals.cost_usd == pytest.approx(found.optimal.cost_usd, rel=2e-6)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", QUESTIONS)
def test_cuts_find_what_one_program_finds(name: str, seed: int) -> None:
    """The fleet and the waiting that cuts find together cost what one program in GLPK costs, to the
    gap that is asked, and their bound is below it."""
    s = patient(asked(seed, **QUESTIONS[name]), 2)
    question = WaitingQuestion.of(s)
    terms, instance, queue = question.terms, question.instance, question.queue
    asked_for = build_instance(s)
    work = Arrivals.of(asked_for).waited(question.levelled.ran(asked_for))
    levelled_work = work.as_run(s)
    sized = fleet(without_waiting(levelled_work))
    gpu = sized.optimal.gpu / terms.held
    found = JointHours(terms, instance, queue).least(gpu, question.start, exact=1e-6)
    assert found is not None
    expected = oracle_fleet(s)
    assert queue.excess(found.ran) <= 1e-9
    at_work = replace(terms, instance=queue.running(instance, found.ran))
    cost = fleet_cost(at_work, Sizing.of(at_work).hours, found.gpu * (1 + ROUNDING))
    assert found.bound_usd <= expected * (1 + 1e-8)
    assert cost.cost_usd == pytest.approx(expected, rel=2e-6)
    assert found.bound_usd == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize(("name", "seed"), [("reserved", 0), ("bounds", 1), ("both", 1)])
def test_outages_are_in_the_same_program(name: str, seed: int) -> None:
    """Where any of three sets of regions may be lost, fleet and waiting cost what one program in
    GLPK costs; so does the fleet that survives nothing. Its prices, needs among them, prove it, and
    nothing without these."""
    s = patient(asked(seed, **QUESTIONS[name]), 2)
    names = [[s.regions[r].id for r in regions] for regions in LOST]
    found = fleet(s, survive=names, outage_on_demand_gpu=0.3)
    expected = oracle_fleet(s, LOST, 0.3)
    assert found.status is Status.OPTIMAL
    assert not found.levelled
    assert found.optimal.cost_usd == pytest.approx(expected, rel=1e-6)
    assert found.bound_usd <= expected * (1 + 1e-9)
    assert found.bound_usd == pytest.approx(expected, rel=1e-6)
    assert found.nominal is not None
    assert found.nominal.cost_usd == pytest.approx(oracle_fleet(s), rel=1e-6)
    proof = certify_fleet(found)
    assert abs(proof.gap) <= 1e-6
    assert proof.worst <= 1e-7
    blind = replace(found, prices=replace(found.prices, needs=()))
    assert certify_fleet(blind).gap > 1e-4
    fewer = replace(found.optimal, gpu=0.9 * found.optimal.gpu)
    assert certify_fleet(replace(found, optimal=fewer)).residuals["outages"] > 1e-3


@pytest.mark.parametrize("lost", [(), LOST])
def test_what_is_too_large_is_levelled(
    lost: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is more than one program and more than cuts take is sized for levelled work: its cost is
    above the bound, which its prices prove."""
    monkeypatch.setattr(waiting, "joint", lambda *_: None)
    monkeypatch.setattr(waiting, "too_large", lambda *_: True)
    s = patient(asked(0), 2)
    found = fleet(s, survive=[[s.regions[r].id for r in regions] for regions in lost])
    assert found.bound_usd <= oracle_fleet(s) * (1 + 1e-8)
    assert found.bound_usd <= found.optimal.cost_usd
    assert found.status is Status.LIMIT
    assert found.levelled
    assert found.waits
    proof = certify_fleet(found)
    assert proof.bound == pytest.approx(found.bound_usd, rel=1e-9)
    assert proof.worst <= 1e-7


@given(
    arrived=st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=7),
    patience=st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
@examples(100)
def test_the_level_is_the_least_that_is_in_time(
    arrived: list[tuple[int, ...]], patience: tuple[int, int]
) -> None:
    """Earliest deadline first gets everything done in time at the level, and not a hundredth below:
    so the densest stretch of hours is no more than is needed, and no less."""
    came = np.array(arrived, float).T
    count = came.shape[1]
    every = np.arange(count)
    due = np.minimum(every + np.array(patience)[:, None], count - 1)
    ends = np.full(count, count - 1)
    level = densest(came[2], came[:2], due, ends).level

    def late(room: np.ndarray) -> bool:
        done = earliest_deadline(came[:2], due, np.maximum(room, 0.0))
        return bool((done.sum(axis=0) > room + 1e-9).any())

    assert not late(level * (1 + 1e-12) - came[2])
    if level > 0:
        assert late(0.99 * level - came[2])


@pytest.mark.parametrize("seed", range(3))
def test_levelled_work_keeps_its_patience(seed: int) -> None:
    """What runs is within the queue's bounds, and nowhere needs more than the level."""
    instance = build_instance(patient(asked(seed), 2))
    queue = Queue.of(instance)
    level = Levelled.of(instance)
    ran = level.ran(instance)
    assert queue.excess(ran) <= 1e-9
    demand = instance.demand.copy()
    demand[queue.source] = ran
    assert float((instance.leanest_gpu_h @ demand).max()) <= level.dense.level * (1 + 1e-6)


def test_bounds_that_serve_by_waiting_alone() -> None:
    """Bounds too low to serve everything at once and high enough in time: the fleet is that of the
    bounds that waiting needs, and nothing is said of one that does not wait. Lower ones are an
    error that says so."""
    s = patient(asked(0), 2)
    peak = np.zeros_like(s.demand_per_h)
    peak[:, 1, 0] = s.demand_per_h[:, 1].sum(axis=1)
    s = replace(s, demand_per_h=peak)
    least = fleet(s)

    def bound(part: float) -> Scenario:
        most = part * least.optimal.gpu + 1e-6
        regions = zip(s.regions, most.tolist(), strict=True)
        return replace(s, regions=tuple(replace(r, reserved_gpu_max=m) for r, m in regions))

    found = fleet(bound(1.0))
    assert least.unwaited is not None
    assert found.unwaited is None
    assert found.optimal.cost_usd == pytest.approx(least.optimal.cost_usd, rel=1e-5)
    assert found.waits
    with pytest.raises(InfeasibleError, match="even where requests wait as long as they may"):
        fleet(bound(0.9))


def test_patience_is_told_from_the_shortest_wait_on() -> None:
    """Each wait once, the shortest first, whatever the order that is asked in; what is known of the
    scenario as it is is not searched for again."""
    s = patient(asked(0), 1)
    known = fleet(s)
    most = max(k.may_wait_h for k in s.classes)
    told = patience(s, "", [most, 0.0, most], known=known)
    assert [each.wait_h for each in told] == [0.0, most]
    assert told[1].fleet is known
    assert told[1].fleet.optimal.cost_usd < told[0].fleet.optimal.cost_usd
