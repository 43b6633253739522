"""Limits over windows of hours: which hours meet, and placements under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.model.objective import Window
from wattlas.model.plan import Status
from wattlas.placement.hour.solver import Solution, join
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.lp import Cap

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


def join_windows(parts: list[Solution]) -> Solution:
    """Solutions over different steps as one."""
    return replace(
        parts[0].with_flows(join([part.flows for part in parts])),
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
