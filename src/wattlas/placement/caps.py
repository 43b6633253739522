"""Limits over windows of hours, by their multipliers.

A limit on an additive measure couples all hours of its window by a single row. At a given
multiplier λ ≥ 0 on it the hours fall apart again,

    V(λ) = min over placements of  objective + λ · (measure − limit)

V is concave and piecewise linear in λ. Two placements, one above the limit and one not, span a
line each; where the lines cross is the next λ to try, and when no placement lies below the
crossing both are optimal there. Their mix that meets the limit is optimal for the capped program,
and λ is the cap's dual. The search ends after finitely many steps, because each one finds a new
vertex. Several limits that share hours go to `several`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.model.objective import Window
from wattlas.model.plan import Status
from wattlas.placement.fast import Hot
from wattlas.placement.hourly import Solution, blend, evaluate, join, solve_hours
from wattlas.placement.instance import Instance
from wattlas.placement.measures import Measure
from wattlas.placement.program import Cap

MOST_STEPS = 200
EXACT = 1e-12


@dataclass(frozen=True)
class Capped:
    """A placement under caps: `dual` (caps,) in objective units per unit of the measure, ≥ 0.

    `attainable` (caps,) is the least that each measure can reach by itself, where the caps cannot
    be met; nan where that was not asked. `gap` is the certified relative distance to the optimum.
    """

    solution: Solution
    dual: np.ndarray
    attainable: np.ndarray
    feasible: bool
    gap: float = 0.0


@dataclass(frozen=True)
class _Vertex:
    solution: Solution
    value: float
    used: float


def windows(instance: Instance, window: Window) -> list[np.ndarray]:
    """Steps of each window, in order."""
    utc = instance.scenario.hours.utc
    if window is Window.ALL:
        return [np.arange(len(utc))]
    if window is Window.HOUR:
        return list(np.arange(len(utc))[:, None])
    unit = "datetime64[M]" if window is Window.MONTH else "datetime64[D]"
    label = utc.astype(unit)
    return [np.flatnonzero(label == one) for one in np.unique(label)]


def together(caps: Sequence[Cap]) -> list[list[int]]:
    """Indices of caps that share steps, directly or through others, in groups."""
    groups: list[tuple[set[int], list[int]]] = []
    for n, one in enumerate(caps):
        steps, members = set(one.steps.tolist()), [n]
        apart = []
        for group in groups:
            if steps.isdisjoint(group[0]):
                apart.append(group)
            else:
                steps |= group[0]
                members = group[1] + members
        groups = [*apart, (steps, members)]
    return [sorted(members) for _, members in sorted(groups, key=lambda g: min(g[0], default=0))]


def solve_one(
    instance: Instance, objective: Measure, cap: Cap, tie: Measure | None = None
) -> Capped:
    """Make `objective` least over the cap's steps under the one cap. Exact."""
    probe = _probe(instance, objective, cap)
    high = probe(objective, tie)
    none = np.full(1, np.nan)
    if within(high.used, cap.limit):
        return Capped(high.solution, np.zeros(1), none, feasible=True)
    low = probe(cap.measure, objective)
    if not within(low.used, cap.limit):
        return Capped(low.solution, none, np.array([low.used]), feasible=False)
    return _search(objective, cap, probe, high, low)


def _probe(
    instance: Instance, objective: Measure, cap: Cap
) -> Callable[[Measure, Measure | None], _Vertex]:
    hot = Hot()

    def at(measure: Measure, tie: Measure | None) -> _Vertex:
        found = solve_hours(instance, measure, tie, cap.steps, hot=hot)
        value = float(evaluate(instance, objective, found).sum())
        return _Vertex(found, value, float(evaluate(instance, cap.measure, found).sum()))

    return at


def _search(
    objective: Measure,
    cap: Cap,
    probe: Callable[[Measure, Measure | None], _Vertex],
    high: _Vertex,
    low: _Vertex,
) -> Capped:
    """Close in on the multiplier between a vertex above the limit and one within it."""
    dual, gap = 0.0, 0.0
    programs = high.solution.programs + low.solution.programs
    for _ in range(MOST_STEPS):
        drop = high.used - low.used
        dual = max((low.value - high.value) / drop, 0.0)
        line = high.value + dual * (high.used - cap.limit)
        found = probe(objective.plus(cap.measure, dual), None)
        programs += found.solution.programs
        bound = found.value + dual * (found.used - cap.limit)
        gap = (line - bound) / max(abs(line), 1e-300)
        if gap <= EXACT or found.used in (high.used, low.used):
            break
        high, low = (high, found) if within(found.used, cap.limit) else (found, low)
    share = (cap.limit - low.used) / (high.used - low.used)
    mixed = blend(high.solution, low.solution, min(max(share, 0.0), 1.0))
    last = found.solution
    mixed = replace(
        mixed, programs=programs, capacity_price=last.capacity_price, row_price=last.row_price
    )
    return Capped(mixed, np.array([dual]), np.full(1, np.nan), feasible=True, gap=max(gap, 0.0))


def join_windows(parts: list[Solution]) -> Solution:
    """Solutions over different steps as one."""
    flows = join([part.flows for part in parts])
    hour, source, region, point, value = flows
    return replace(
        parts[0],
        hour=hour,
        source=source,
        region=region,
        point=point,
        value=value,
        capacity_price=np.sum([part.capacity_price for part in parts], axis=0),
        infeasible=np.concatenate([part.infeasible for part in parts]),
        row_price=_sum_prices([part.row_price for part in parts]),
        engine_hours=sum(part.engine_hours for part in parts),
        highs_hours=sum(part.highs_hours for part in parts),
        programs=sum(part.programs for part in parts),
        seconds=sum(part.seconds for part in parts),
        build_seconds=sum(part.build_seconds for part in parts),
        rows=max(part.rows for part in parts),
        columns=max(part.columns for part in parts),
        nonzeros=max(part.nonzeros for part in parts),
        gap=max(part.gap for part in parts),
        status=max((part.status for part in parts), key=list(Status).index),
    )


def _sum_prices(parts: list[np.ndarray | None]) -> np.ndarray | None:
    """Prices of solutions over different steps, each zero elsewhere."""
    known = [part for part in parts if part is not None]
    return np.sum(known, axis=0) if known else None


def within(used: float, limit: float) -> bool:
    """Whether a limit is kept, rounding aside."""
    return used <= limit + EXACT * max(abs(limit), abs(used))
