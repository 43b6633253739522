"""The soft frontier: demand-weighted mean latency ≤ τ instead of a budget per request.

Relaxable classes may run at any lawful place; the mean latency over their requests is limited.
A request that goes unserved at its price counts in the mean with its way to the service node only;
where carbon is minimised, only what no budget serves goes unserved.
The program is convex in τ, so V is piecewise linear and convex. The vertices are found by bisection
on the slope: between two neighbouring vertices the multiplier that weighs them equal either finds a
vertex below the line or proves the segment. The dual at a vertex is the slope after it: what one
more millisecond saves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.frontier import Frontier
from wattlas.model.scenario import Scenario
from wattlas.placement.explain import conflict
from wattlas.placement.frontier.question import FrontierQuestion, SolverTally, frontier_of
from wattlas.placement.frontier.slope import (
    EXACT,
    Curves,
    Memory,
    slope_after,
    stretches_of,
    warm_or_cold,
)
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.problem.feasibility import service_ms
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.unit_values import Measure
from wattlas.placement.window.blocks import at_once, instance_at

SAMPLES = 24


@dataclass(frozen=True)
class _Vertex:
    """A placement that is optimal at some slope: mean latency, the account, and both by step."""

    mean_ms: float
    row: np.ndarray
    """What is reported, see `FrontierQuestion.reported`."""
    ms: np.ndarray
    """Latency of each step, requests and hours counted, (T,)."""
    least: np.ndarray
    """What is minimised in each step, (T,)."""
    memory: list[Memory]
    """What the solvers keep of each stretch."""

    @property
    def total(self) -> float:
        """What is minimised, over all steps."""
        return float(self.least.sum())


def soft_frontier(
    scenario: Scenario,
    question: FrontierQuestion,
    most: int,
    progress: Callable[[float], None] | None,
    tally: SolverTally,
) -> Frontier:
    """Vertices of V over mean latency, at most `most` of them, with the slope after each.

    Exact where it found every vertex; otherwise `gap` bounds how far, relative to the range of V,
    the chords between the vertices lie above V.
    """
    instance = build_instance(_unbudgeted(scenario))
    if instance.stranded:
        raise InfeasibleError(conflict.stranded_words(instance))
    prober = _VertexProber(instance, question, tally)
    vertices = [prober(np.inf), prober(0.0)]
    queue = [(vertices[0], vertices[1])]
    segments: list[tuple[_Vertex, _Vertex]] = []
    while queue and len(vertices) < most:
        queue.sort(key=lambda pair: _area(*pair))
        left, right = queue.pop()
        middle = _between(left, right, prober)
        if middle is None:
            segments.append((left, right))
            continue
        vertices.append(middle)
        queue += [(left, middle), (middle, right)]
        if progress:
            progress(len(vertices) / most)
    kept = _clean(vertices)
    curve = frontier_of(
        scenario,
        question,
        np.array([v.mean_ms for v in kept]),
        np.stack([v.row for v in kept], axis=1),
        exact=not queue,
        users_x=float("nan"),
        least_x=kept[0].mean_ms,
    )
    dual = np.array([*(_slope_after(*pair, segments, prober) for pair in pairwise(kept)), 0.0])
    return replace(curve, dual_per_ms=dual, gap=_worst_gap(kept) if queue else 0.0)


def latency_measure(instance: Instance) -> tuple[Measure, float]:
    """Latency beyond the metro's own reach, ms per relaxable request, and those requests' sum.

    The reach rtt(i, s) is the same wherever a request runs, so it moves the mean but no decision;
    `mean_latency_ms` adds it. A request that goes unserved counts as one at its slowest place, so
    that nothing gets faster by serving less.
    """
    scenario = instance.scenario
    relaxable = np.array([k.relaxable for k in scenario.classes])[instance.klass]
    trips = np.array([k.round_trips for k in scenario.classes])[instance.klass]
    queue = np.array([r.queue_ms for r in scenario.regions])
    onward = trips[:, None] * scenario.network.rtt_node_region_ms[instance.node] + queue
    service = service_ms(scenario)[instance.klass]
    ms = (onward[:, :, None] + service[:, None, :]) * relaxable[:, None, None]
    total = float((instance.demand[relaxable] * instance.hours).sum())
    slowest = np.where(instance.allowed, ms, 0.0).max(axis=(1, 2), initial=0.0)
    shed = np.where(np.isnan(instance.unserved_usd), np.nan, slowest)
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


class _VertexProber:
    """Finds the vertex of V where its slope is the given one, stretch by stretch."""

    def __init__(self, instance: Instance, question: FrontierQuestion, tally: SolverTally) -> None:
        self.instance, self.question, self.tally = instance, question, tally
        self.requests, self.reach = latency_measure(instance)[1], reach_ms(instance)
        self.stretches = stretches_of(instance.scenario.hours.count)
        self.parts = [instance_at(instance, steps) for steps in self.stretches]

    def __call__(self, slope: float) -> _Vertex:
        """The vertex over all steps."""

        memory: list[Memory] = [{} for _ in self.parts]

        def solved(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            flows, ms, least = self._solved(self.parts[n], slope, memory[n])
            return ms, least, self.question.value_of(self.parts[n], flows)

        ms, least, rows = zip(*at_once(solved, range(len(self.parts))), strict=True)
        waited = np.concatenate(ms)
        mean = self.reach + (float(waited.sum()) / self.requests if self.requests else 0.0)
        return _Vertex(mean, np.sum(rows, axis=0), waited, np.concatenate(least), memory)

    def of_steps(self, slope: float, steps: np.ndarray, near: _Vertex) -> Curves:
        """Latency and what is minimised in some steps at a slope, that of a vertex nearby."""

        def warm(n: int) -> Curves:
            return self._solved(self.parts[n], slope, dict(near.memory[n]))[1:]

        def cold(some: np.ndarray) -> Curves:
            return self._solved(instance_at(self.instance, some), slope)[1:]

        return warm_or_cold(steps, self.stretches, warm, cold)

    def _solved(
        self, part: Instance, slope: float, memory: Memory | None = None
    ) -> tuple[SourceFlows, np.ndarray, np.ndarray]:
        """A stretch where the slope is the given one: flows, latency and what is minimised."""
        main, tie = self.question.measures(part)
        latency, _ = latency_measure(part)
        if slope == np.inf:
            solution = solve_hours(part, latency, main, memory=memory)
        else:
            weighed = main.plus(latency, slope / max(self.requests, 1e-300)) if slope else main
            second = latency if slope == 0 else tie
            solution = solve_hours(part, weighed, second, memory=memory)
        if len(solution.infeasible):
            raise InfeasibleError(conflict.hour_words(part, solution.infeasible))
        self.tally.parts.append(solution.info)
        flows = solution.flows
        return flows, latency.by_hour(part, flows), main.by_hour(part, flows)


def _slope_after(
    vertex: _Vertex,
    following: _Vertex,
    segments: list[tuple[_Vertex, _Vertex]],
    prober: _VertexProber,
) -> float:
    """What one more ms of mean latency saves after a vertex: the slope of a proven segment, else of
    the steepest step.
    """
    width = following.mean_ms - vertex.mean_ms
    if any(left is vertex and right is following for left, right in segments):
        return (vertex.total - following.total) / width

    def solve(slope: float, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return prober.of_steps(slope * prober.requests, steps, vertex)

    ends = (vertex.ms, vertex.least), (following.ms, following.least)
    return slope_after(*ends, solve) * prober.requests


def _between(left: _Vertex, right: _Vertex, probe: Callable[[float], _Vertex]) -> _Vertex | None:
    """A vertex below the chord from left (fast) to right (cheap), or None where there is none."""
    width, drop = right.mean_ms - left.mean_ms, left.total - right.total
    if width <= EXACT * max(abs(right.mean_ms), 1.0) or drop <= EXACT * abs(left.total):
        return None
    slope = drop / width
    vertex = probe(slope)
    below = (left.total + slope * left.mean_ms) - (vertex.total + slope * vertex.mean_ms)
    return vertex if below > EXACT * drop else None


def _worst_gap(vertices: list[_Vertex]) -> float:
    """How far a chord can lie above V at most, relative to the range of V.

    V is convex, so between two vertices it lies above the extensions of the neighbouring chords;
    at the ends these are the vertical and the horizontal.
    """
    x = np.array([v.mean_ms for v in vertices])
    y = np.array([v.total for v in vertices])
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
    return float(right.mean_ms - left.mean_ms) * float(left.total - right.total)


def _clean(vertices: list[_Vertex]) -> list[_Vertex]:
    """By mean latency, without points that are not better than a faster one."""
    kept: list[_Vertex] = []
    for vertex in sorted(vertices, key=lambda v: (v.mean_ms, v.total)):
        if not kept or vertex.total < kept[-1].total - EXACT * abs(kept[-1].total):
            kept.append(vertex)
    return kept


def _unbudgeted(scenario: Scenario) -> Scenario:
    classes = tuple(
        replace(k, latency_budget_ms=float("inf")) if k.relaxable else k for k in scenario.classes
    )
    return replace(scenario, classes=classes)
