"""The soft frontier: demand-weighted mean latency ≤ τ instead of a budget per request.

Relaxable classes may run at any lawful place; the mean latency over their requests is limited.
A request that goes unserved at its price counts in the mean with its way to the service node only.
The program is convex in τ, so V is piecewise linear and convex, and its slope is the dual of the
latency row. The vertices are found by bisection on the slope: between two neighbouring vertices
the multiplier that weighs them equal either finds a vertex below the line or proves the segment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.frontier import Frontier, Variant
from wattlas.model.plan import SolveInfo
from wattlas.model.scenario import Scenario
from wattlas.placement.explain import conflict
from wattlas.placement.frontier.question import Question, Tally
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.problem.feasibility import service_ms
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.unit_values import Measure
from wattlas.placement.window.blocks import at_once, instance_at, weeks

SAMPLES = 24
EXACT = 1e-9


@dataclass(frozen=True)
class _Vertex:
    mean_ms: float
    row: np.ndarray
    """The account: objective, variable USD, kg, MWh."""


def soft_frontier(
    scenario: Scenario,
    question: Question,
    most: int,
    progress: Callable[[float], None] | None,
    tally: Tally,
) -> Frontier:
    """Vertices of V over mean latency, at most `most` of them, with the slope at each.

    Exact where it found every vertex; otherwise `gap` bounds how far, relative to the range of V,
    the chords between the vertices lie above V.
    """
    instance = build_instance(_unbudgeted(scenario))
    if instance.stranded:
        raise InfeasibleError(conflict.stranded_words(instance))
    probe = _probe(instance, question, tally)
    found = [probe(np.inf), probe(0.0)]
    queue = [(found[0], found[1])]
    while queue and len(found) < most:
        queue.sort(key=lambda pair: _area(*pair))
        left, right = queue.pop()
        middle = _between(left, right, probe)
        if middle is None:
            continue
        found.append(middle)
        queue += [(left, middle), (middle, right)]
        if progress:
            progress(len(found) / most)
    vertices = _clean(found)
    return _assemble(
        scenario, question, vertices, exact=not queue, gap=_worst_gap(vertices) if queue else 0.0
    )


def latency_measure(instance: Instance) -> tuple[Measure, float]:
    """Latency beyond the metro's own reach, ms per relaxable request, and those requests' sum.

    The reach rtt(i, s) is the same wherever a request runs, so it moves the mean but no decision;
    `mean_latency_ms` adds it.
    """
    scenario = instance.scenario
    relaxable = np.array([k.relaxable for k in scenario.classes])[instance.klass]
    trips = np.array([k.round_trips for k in scenario.classes])[instance.klass]
    queue = np.array([r.queue_ms for r in scenario.regions])
    onward = trips[:, None] * scenario.network.rtt_node_region_ms[instance.node] + queue
    service = service_ms(scenario)[instance.klass]
    ms = (onward[:, :, None] + service[:, None, :]) * relaxable[:, None, None]
    total = float((instance.demand[relaxable] * instance.hours).sum())
    shed = np.where(np.isnan(instance.unserved_usd), np.nan, 0.0)
    nothing = np.zeros_like(scenario.price_usd_per_mwh)
    return Measure("ms", nothing, ms, shed, np.zeros(len(nothing))), total


def reach_ms(instance: Instance) -> float:
    """Demand-weighted mean of rtt(i, s) over relaxable demand, ms."""
    scenario = instance.scenario
    node = scenario.metro_node
    own = scenario.network.rtt_metro_node_ms[np.arange(len(node)), node]
    relaxable = np.array([k.relaxable for k in scenario.classes])
    demand = (scenario.demand_per_h * instance.hours).sum(axis=2) * relaxable
    total = float(demand.sum())
    return float((demand * own[:, None]).sum()) / total if total else 0.0


def _probe(instance: Instance, question: Question, tally: Tally) -> Callable[[float], _Vertex]:
    """The vertex of V where its slope is the given one, found week by week."""
    requests, reach = latency_measure(instance)[1], reach_ms(instance)
    parts = [instance_at(instance, steps) for steps in weeks(instance.scenario.hours)]

    def solved(part: Instance, slope: float) -> tuple[float, np.ndarray, SolveInfo]:
        main, tie = question.measures(part)
        latency, _ = latency_measure(part)
        if slope == np.inf:
            solution = solve_hours(part, latency, main)
        else:
            weighed = main.plus(latency, slope / max(requests, 1e-300)) if slope else main
            solution = solve_hours(part, weighed, latency if slope == 0 else tie)
        if len(solution.infeasible):
            raise InfeasibleError(conflict.hour_words(part, solution.infeasible))
        waited = float(latency.by_hour(part, solution.flows).sum())
        return waited, question.value_of(part, solution.flows), solution.info

    def at(slope: float) -> _Vertex:
        waited, row = 0.0, np.zeros(4)
        for ms, value, info in at_once(lambda part: solved(part, slope), parts):
            waited, row = waited + ms, row + value
            tally.parts.append(info)
        return _Vertex(reach + (waited / requests if requests else 0.0), row)

    return at


def _between(left: _Vertex, right: _Vertex, probe: Callable[[float], _Vertex]) -> _Vertex | None:
    """A vertex below the chord from left (fast) to right (cheap), or None where there is none."""
    width, drop = right.mean_ms - left.mean_ms, left.row[0] - right.row[0]
    if width <= EXACT * max(abs(right.mean_ms), 1.0) or drop <= EXACT * abs(left.row[0]):
        return None
    slope = drop / width
    found = probe(slope)
    below = (left.row[0] + slope * left.mean_ms) - (found.row[0] + slope * found.mean_ms)
    return found if below > EXACT * drop else None


def _worst_gap(vertices: list[_Vertex]) -> float:
    """How far a chord can lie above V at most, relative to the range of V.

    V is convex, so between two vertices it lies above the extensions of the neighbouring chords;
    at the ends these are the vertical and the horizontal.
    """
    x = np.array([v.mean_ms for v in vertices])
    y = np.array([v.row[0] for v in vertices])
    if len(x) < 2 or y[0] <= y[-1]:
        return 0.0
    slope = np.concatenate([[-np.inf], np.diff(y) / np.diff(x), [0.0]])
    worst = 0.0
    for n in range(len(x) - 1):
        before, chord, after = slope[n], slope[n + 1], slope[n + 2]
        rise = y[n + 1] - y[n] - after * (x[n + 1] - x[n])
        across = 0.0 if np.isinf(before) else rise / (before - after)
        floor = y[n + 1] - after * (x[n + 1] - x[n] - across)
        worst = max(worst, y[n] + chord * across - floor)
    return float(worst / (y[0] - y[-1]))


def _area(left: _Vertex, right: _Vertex) -> float:
    return float(right.mean_ms - left.mean_ms) * float(left.row[0] - right.row[0])


def _clean(found: list[_Vertex]) -> list[_Vertex]:
    """By mean latency, without points that are not better than a faster one."""
    kept: list[_Vertex] = []
    for one in sorted(found, key=lambda v: (v.mean_ms, v.row[0])):
        if not kept or one.row[0] < kept[-1].row[0] - EXACT * abs(kept[-1].row[0]):
            kept.append(one)
    return kept


def _assemble(
    scenario: Scenario, question: Question, vertices: list[_Vertex], *, exact: bool, gap: float
) -> Frontier:
    reserved = np.full(len(vertices), scenario.reserved_usd.sum())
    x = np.array([v.mean_ms for v in vertices])
    table = np.stack([v.row for v in vertices], axis=1)
    slope = np.zeros(len(x))
    slope[1:] = -np.diff(table[0]) / np.diff(x)
    if len(x) > 1:
        slope[0] = slope[1]
    return Frontier(
        variant=Variant.SOFT,
        klass="",
        objective=question.objective,
        carbon_price_usd_per_t=question.carbon_price_usd_per_t,
        x=x,
        value=table[0],
        cost_usd=table[1] + reserved,
        reserved_usd=reserved,
        carbon_kg=table[2],
        it_mwh=table[3],
        dual_per_ms=slope,
        exact=exact,
        users_x=float("nan"),
        least_x=float(x[0]),
        gap=gap,
    )


def _unbudgeted(scenario: Scenario) -> Scenario:
    classes = tuple(
        replace(k, latency_budget_ms=float("inf")) if k.relaxable else k for k in scenario.classes
    )
    return replace(scenario, classes=classes)
