"""A limit over a window of hours, by its multiplier.

A cap on one additive measure couples all hours of its window by a single row. Its dual is one
number λ: at a given λ the hours fall apart again,

    V(λ) = min over placements of  objective + λ · (measure − limit)

V is concave and piecewise linear in λ. Two placements, one above the limit and one not, span a
line each; where the lines cross is the next λ to try, and when no placement lies below the
crossing both are optimal there. Their mix that meets the limit is optimal for the capped program,
and λ is the cap's dual. The search ends after finitely many steps, because each one finds a new
vertex.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from wattlas.model.objective import Window
from wattlas.placement.hourly import Solution, blend, evaluate, join, solve_hours
from wattlas.placement.instance import Instance
from wattlas.placement.measures import Measure

MOST_STEPS = 200
EXACT = 1e-12


@dataclass(frozen=True)
class Capped:
    """A placement under a cap: `dual` in objective units per unit of the measure, ≥ 0.

    `attainable` is the least that the measure can reach; the limit is infeasible below it.
    `gap` is the certified relative distance to the optimum.
    """

    solution: Solution
    dual: float
    attainable: float
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
    unit = "datetime64[M]" if window is Window.MONTH else "datetime64[D]"
    label = utc.astype(unit)
    return [np.flatnonzero(label == one) for one in np.unique(label)]


def solve_capped(
    instance: Instance, objective: Measure, limited: Measure, limit: float, steps: np.ndarray
) -> Capped:
    """Make `objective` least over `steps` subject to Σ hours · `limited` ≤ `limit`. Exact."""
    probe = _probe(instance, objective, limited, steps)
    high = probe(objective, limited)
    if _within(high.used, limit):
        return Capped(high.solution, 0.0, float("nan"), feasible=True)
    low = probe(limited, objective)
    if not _within(low.used, limit):
        return Capped(low.solution, float("nan"), low.used, feasible=False)
    return _search(instance, objective, limited, limit, probe, high, low)


def _probe(
    instance: Instance, objective: Measure, limited: Measure, steps: np.ndarray
) -> Callable[[Measure, Measure | None], _Vertex]:
    def at(measure: Measure, tie: Measure | None) -> _Vertex:
        found = solve_hours(instance, measure, tie, steps)
        value = float(evaluate(instance, objective, found).sum())
        return _Vertex(found, value, float(evaluate(instance, limited, found).sum()))

    return at


def _search(
    instance: Instance,
    objective: Measure,
    limited: Measure,
    limit: float,
    probe: Callable[[Measure, Measure | None], _Vertex],
    high: _Vertex,
    low: _Vertex,
) -> Capped:
    """Close in on the multiplier between a vertex above the limit and one within it."""
    dual, gap = 0.0, 0.0
    for _ in range(MOST_STEPS):
        drop = high.used - low.used
        dual = max((low.value - high.value) / drop, 0.0)
        line = high.value + dual * (high.used - limit)
        found = probe(objective.plus(limited, dual), None)
        bound = found.value + dual * (found.used - limit)
        gap = (line - bound) / max(abs(line), 1e-300)
        if gap <= EXACT or found.used in (high.used, low.used):
            break
        high, low = (high, found) if _within(found.used, limit) else (found, low)
    share = (limit - low.used) / (high.used - low.used)
    mixed = blend(high.solution, low.solution, min(max(share, 0.0), 1.0))
    return Capped(mixed, dual, low.used, feasible=True, gap=max(gap, 0.0))


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
        engine_hours=sum(part.engine_hours for part in parts),
        highs_hours=sum(part.highs_hours for part in parts),
        programs=sum(part.programs for part in parts),
        seconds=sum(part.seconds for part in parts),
        build_seconds=sum(part.build_seconds for part in parts),
        gap=max(part.gap for part in parts),
    )


def _within(used: float, limit: float) -> bool:
    return used <= limit + EXACT * max(abs(limit), abs(used))
