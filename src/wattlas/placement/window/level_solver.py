"""The simplex of our own as a solver of windows: which it takes, and how it is told of them.

It takes windows that roll on, of sources that run one point each, whose hours are tied by
starting capacity alone and have no rows but those of their capacity. What it does not end, or
cannot certify, goes to HiGHS.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from wattlas.model.objective import Solver
from wattlas.model.plan import SolveInfo
from wattlas.placement.constraints.base import Link
from wattlas.placement.constraints.registry import hourly_rows
from wattlas.placement.constraints.start_up import StartUpLink
from wattlas.placement.hour.highs import AT_LOWER, AT_UPPER, BASIC
from wattlas.placement.hour.highs_hour import grid_to_flows
from wattlas.placement.hour.protocol import Solution, no_duals
from wattlas.placement.problem.lp import ColumnLayout
from wattlas.placement.window.simplex import (
    KeptLevels,
    LevelAnswer,
    LevelWindow,
    solve_level_window,
)
from wattlas.placement.window.warm_window import KEY as LAST
from wattlas.placement.window.warm_window import LastWindow, offset_of

KEY = "levels"
"""Where its own basis lies in a memory."""
LEAST_COLUMNS = 5_000
"""Smaller windows take HiGHS a few milliseconds."""
WARM = 24
"""Windows of a memory that HiGHS solves first, a day of hourly decisions: from nothing it takes
half a second longer than HiGHS, and where it was never compiled as long as some hundred windows
save. Whether it was does not matter, so that the same scenario gives the same placement."""
MOST_WAIT = 1 << 12
"""Windows that are left to HiGHS at most after one that it was of no use for."""


@dataclass
class LevelMemory:
    """What is kept for the next window; `wait` windows go to HiGHS first, and twice as many after
    each that it was of no use for."""

    kept: KeptLevels | None = None
    solved: int = 0
    wait: int = 0
    next_wait: int = 1

    def failed(self) -> None:
        """Leave some windows to HiGHS: a forecast that takes back what it said may do so again."""
        self.kept, self.wait = None, self.next_wait
        self.next_wait = min(2 * self.next_wait, MOST_WAIT)


def takes(layout: ColumnLayout, cost: np.ndarray, tied: Sequence[Link]) -> bool:
    """Whether it has a form for all that a window without limits must keep."""
    instance, columns = layout.instance, layout.instance.columns
    rows = hourly_rows(instance)
    point = np.zeros(instance.sources, np.int64)
    point[columns.source] = columns.point
    return (
        len(columns) > 0
        and instance.scenario.solver is not Solver.HIGHS
        and [type(link) for link in tied] == [StartUpLink]
        and {name for name, row in rows.items() if row.bound(layout.hours).any()} <= {"capacity"}
        and not len(layout.buyers)
        and bool(columns.served.all() and (columns.point == point[columns.source]).all())
        and bool((instance.gpu_h[columns.source, columns.point] > 0).all())
        and bool(layout.follows[1:].all() and not cost[layout.column("u")].any())
    )


def solve(
    layout: ColumnLayout,
    cost: np.ndarray,
    tied: Sequence[Link],
    memory: dict[str, Any],
    began: float,
) -> Solution | None:
    """Solve a window that rolls on; None where HiGHS is to."""
    if layout.columns < LEAST_COLUMNS or not takes(layout, cost, tied):
        return None
    held: LevelMemory = memory.setdefault(KEY, LevelMemory())
    if not is_time(held):
        return None
    window = LevelTerms(layout, cost, tied[0])
    kept = held.kept
    if kept is not None and not any(kept.shared(window.levels)):
        kept = None
    agrees = kept is None or kept.agrees(window.levels)
    answer = solve_level_window(window.levels, kept) if agrees else None
    if answer is None:
        held.failed()
        return None
    held.kept = answer.kept
    memory[LAST] = partial(window.as_last, answer)  # made only where HiGHS goes on from it
    return None if answer.flow is None else window.solution(answer.flow, answer, began)


def is_time(held: LevelMemory) -> bool:
    """Whether it is worth trying by now; counts the window."""
    held.solved += 1
    if held.wait > 0:
        held.wait -= 1
        return False
    return held.solved > WARM


class LevelTerms:
    """A window as the simplex takes it, and its answers in the layout's terms."""

    def __init__(self, layout: ColumnLayout, cost: np.ndarray, link: Link) -> None:
        assert isinstance(link, StartUpLink)
        self.layout = layout
        instance, columns, steps = layout.instance, layout.instance.columns, layout.hours
        sources, regions, models = len(instance.demand), len(instance.capacity), self._models
        hours = len(steps)
        self.gpu_h = np.ones(sources)
        self.gpu_h[columns.source] = instance.gpu_h[columns.source, columns.point]
        model = np.zeros(sources, np.int64)
        model[columns.source] = instance.copies[1][columns.point]
        self.order = np.argsort(model, kind="stable")
        self.rank = np.empty(sources, np.int64)
        self.rank[self.order] = np.arange(sources)
        paid = np.full((hours, sources, regions), np.inf)
        paid[:, self.rank[columns.source], columns.region] = (
            cost[layout.column("x")] / self.gpu_h[columns.source]
        )
        before = link.before(layout)
        demand = instance.demand[:, steps] * self.gpu_h[:, None]
        self.levels = LevelWindow(
            offset_of(layout),
            model[self.order],
            np.ascontiguousarray(demand.T[:, self.order]),
            paid,
            np.ascontiguousarray(instance.capacity[:, steps].T),
            self._by_model(cost[layout.column("v")]),
            None if before is None else self._by_model(before[:1])[0],
        )
        assert self.levels.start_cost.shape == (hours, models, regions)

    @property
    def _models(self) -> int:
        return len(self.layout.instance.copies[0])

    def _by_model(self, values: np.ndarray) -> np.ndarray:
        """(H, R·M) as (H, M, R)."""
        return np.ascontiguousarray(
            values.reshape(len(values), -1, self._models).transpose(0, 2, 1)
        )

    def _by_region(self, values: np.ndarray) -> np.ndarray:
        """(H, M, R) as (H, R·M)."""
        return values.transpose(0, 2, 1).reshape(len(values), -1)

    def columns_of(self, flow: np.ndarray) -> np.ndarray:
        """(H, S, R) as values of the columns of `x`, requests/h."""
        columns = self.layout.instance.columns
        x: np.ndarray = flow[:, self.rank[columns.source], columns.region]
        return np.asarray(x / self.gpu_h[columns.source])

    def solution(self, flow: np.ndarray, answer: LevelAnswer, began: float) -> Solution:
        """Flows, and what capacity is worth."""
        layout = self.layout
        instance, steps = layout.instance, layout.hours
        flows = grid_to_flows(instance, self.columns_of(flow), steps)
        duals = no_duals(instance)
        duals["capacity"][:, steps] = -(answer.capacity_price / instance.hours[steps][:, None]).T
        rows = self.levels.demand.size + answer.kept.slot.size
        info = SolveInfo(
            solver="",
            seconds=time.perf_counter() - began,
            engine_hours=len(steps),
            programs=1,
            rows=rows,
            columns=layout.columns,
        )
        return Solution(flows, duals, info=info)

    def as_last(self, answer: LevelAnswer) -> LastWindow:
        """Its basis as HiGHS is told one: levels are basic, and so is a rise that is paid for."""
        layout, kept = self.layout, answer.kept
        hours, sources, regions, models = self.levels.shape
        on = np.zeros((hours * sources, regions), np.int8)
        on[np.arange(len(on)), kept.key] = BASIC
        on.reshape(-1)[kept.slot[kept.slot >= 0]] = BASIC
        columns = layout.instance.columns
        x = on.reshape(hours, sources, regions)[:, self.rank[columns.source], columns.region]
        row = -1 - kept.slot[kept.slot < 0]
        basic, paid = np.zeros((2, len(kept.slot)), bool)
        basic[row] = True
        paid[row] = kept.price[row] > 0.0
        basic, paid = (part.reshape(hours, 1 + models, regions) for part in (basic, paid))
        rise = self._by_region(np.where(basic & paid, BASIC, AT_LOWER)[:, 1:])
        held = self._by_region(kept.level / kept.units[1])
        starting = np.where(basic & ~paid, BASIC, AT_LOWER)[:, 1:]
        statuses: dict[str, np.ndarray] = {
            "x": x, "o": np.zeros((hours, 0)), "u": np.full(held.shape, BASIC), "v": rise,
        }  # fmt: skip
        rows: dict[str, np.ndarray] = {
            "demand": np.full((hours, sources), AT_LOWER),
            "capacity": np.where(basic, BASIC, AT_UPPER)[:, 0],
            "holding": np.full(held.shape, AT_LOWER),
            "starting": self._by_region(starting),
        }
        values = {name: np.zeros(part.shape) for name, part in statuses.items()}
        values["u"] = held
        return LastWindow(offset_of(layout), _small(statuses), values, _small(rows))


def _small(parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Statuses as HiGHS's are kept."""
    return {name: part.astype(np.int8) for name, part in parts.items()}
