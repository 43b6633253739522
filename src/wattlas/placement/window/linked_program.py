"""Hours that something ties together, and limits over them, as one program in HiGHS."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wattlas.model.plan import SolveInfo, Status
from wattlas.placement.constraints.base import Link, Linking
from wattlas.placement.constraints.registry import hourly_rows, links
from wattlas.placement.hour import highs
from wattlas.placement.hour.highs_hour import grid_to_flows
from wattlas.placement.hour.protocol import Solution, no_duals, unsolved
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit
from wattlas.placement.problem.lp import (
    ColumnLayout,
    Costs,
    demand,
    hourly_block,
    limit_rows,
    objective,
)
from wattlas.placement.problem.rows import Rows
from wattlas.placement.problem.unit_values import Measure
from wattlas.placement.window import level_solver
from wattlas.placement.window.warm_window import KEY, LastWindow, start_of


@dataclass(frozen=True)
class Linked:
    """What one program over some hours must keep: limits, and what ran before.

    `before` is by the name of each link; `value_after` (R·M,) what one GPU-h/h held at the end
    saves later. Without `with_links` the hours are tied by the limits alone.
    """

    limits: Sequence[Limit] = ()
    before: Mapping[str, np.ndarray] = field(default_factory=dict)
    value_after: np.ndarray | None = None
    with_links: bool = True
    memory: dict[str, Any] | None = None
    """Where the basis is kept for the next window."""


def solve_linked(
    instance: Instance,
    measure: Measure,
    steps: np.ndarray,
    linked: Linked,
    *,
    time_limit_s: float | None = None,
) -> Solution:
    """Make `measure` and what the links cost least over the steps at once.

    A limit's price is what one more unit of its bound would save, in the objective's unit, ≥ 0.
    Where the time is over there are no flows: what HiGHS has by then keeps none of the rows.
    """
    began = time.perf_counter()
    tied = links(instance.scenario) if linked.with_links else []
    layout = layout_of(instance, steps, tied, linked.before)
    costs = link_costs(layout, tied, {measure.unit, *(x.measure.unit for x in linked.limits)})
    cost = objective(layout, measure, costs)
    if linked.value_after is not None:
        cost[layout.column("u")[-1]] -= linked.value_after
    if linked.memory is not None and not linked.limits and time_limit_s is None:
        solution = level_solver.solve(layout, cost, tied, linked.memory, began)
        if solution is not None:
            return solution
    blocks = program_rows(layout, tied, linked.limits, costs)
    ran = run_program(layout, cost, blocks, began, time_limit_s, linked.memory)
    if not ran.found:
        return ran.without_flows(linked.limits)
    flows = grid_to_flows(instance, ran.x[layout.column("x")], steps)
    duals = hourly_duals(layout, ran.dual)
    price = ran.limit_price(linked.limits)
    return Solution(flows, duals, info=ran.info, limit_price=price)


@dataclass(frozen=True)
class Ran:
    """A program over the hours of a layout that HiGHS has ended: `dual` by the name of each row
    block, in the objective's unit; `program` and `answer` are scaled."""

    layout: ColumnLayout
    scale: ProgramScale
    program: highs.Lp
    answer: highs.LpSolution
    dual: Mapping[str, np.ndarray]
    info: SolveInfo

    @property
    def found(self) -> bool:
        """Whether there is an optimum."""
        return self.answer.status is Status.OPTIMAL and len(self.answer.x) > 0

    @property
    def x(self) -> np.ndarray:
        """The optimum in the units of the columns."""
        return np.asarray(self.answer.x / self.scale.demand)

    def limit_price(self, limits: Sequence[Limit]) -> np.ndarray:
        """What one more unit of the bound of each limit would save, ≥ 0."""
        dual = self.dual.get("limits")
        return np.zeros(len(limits)) if dual is None else np.maximum(-dual, 0.0)

    def without_flows(self, limits: Sequence[Limit]) -> Solution:
        """Why there is no optimum: all steps together have none, or the time was over."""
        infeasible = self.answer.status is Status.INFEASIBLE
        clash = self.layout.hours if infeasible else self.layout.hours[:0]
        empty = unsolved(
            self.layout.instance, infeasible=clash, status=self.answer.status,
            limit_price=np.zeros(len(limits)),
        )  # fmt: skip
        return replace(empty, info=self.info)


def run_program(
    layout: ColumnLayout,
    cost: np.ndarray,
    blocks: list[Rows],
    began: float,
    time_limit_s: float | None,
    memory: dict[str, Any] | None = None,
) -> Ran:
    """Solve rows over the hours of a layout at least cost; `began` is when they were first built,
    by `time.perf_counter`. From the basis of the last window that a memory holds."""
    built = time.perf_counter() - began
    scale = ProgramScale(layout.instance, cost)
    program = scale.lp(cost, layout.upper, blocks)
    interior = layout.columns > highs.INTERIOR_POINT_COLUMNS
    start = start_of(memory, layout, program, scale.demand)
    ended = highs.solve(
        program, time_limit_s=time_limit_s, interior=interior and memory is None,
        start=start.basis, primal=start.primal, keep_basis=memory is not None,
    )  # fmt: skip
    answer = highs.checked(ended)
    if memory is not None and answer.basis is not None:
        memory[KEY] = LastWindow.of(layout, blocks, answer.basis, answer.x / scale.demand)
    info = SolveInfo(
        solver="",
        seconds=time.perf_counter() - began,
        build_seconds=built,
        highs_hours=len(layout.hours),
        programs=1,
        rows=sum(len(block.lower) for block in blocks),
        columns=layout.columns,
        nonzeros=sum(len(block.index) for block in blocks),
    )
    dual = scale.duals(answer, blocks) if answer.status is Status.OPTIMAL else {}
    return Ran(layout, scale, program, answer, dual, info)


def layout_of(
    instance: Instance, steps: np.ndarray, tied: Sequence[Link], before: Mapping[str, np.ndarray]
) -> ColumnLayout:
    """The columns of the program, those of the links included."""
    blocks = {name: n for link in tied for name, n in link.blocks(instance).items()}
    return ColumnLayout(instance, steps, blocks, before)


def link_costs(
    layout: ColumnLayout, tied: Sequence[Link], units: Iterable[str] = ("USD", "t")
) -> Costs:
    """What the columns of the links cost, in each unit."""
    return {unit: [link.costs(layout, unit) for link in tied] for unit in units}


def program_rows(
    layout: ColumnLayout,
    tied: Sequence[Link | Linking],
    limits: Sequence[Limit] = (),
    costs: Costs | None = None,
) -> list[Rows]:
    """Every row: demand, the constraints of an hour, what ties hours, the limits over windows."""
    blocks = [demand(layout)]
    blocks += [
        block
        for rows in hourly_rows(layout.instance).values()
        if (block := hourly_block(layout, rows)) is not None
    ]
    blocks += [block for link in tied for block in link.rows(layout)]
    capped = limit_rows(layout, limits, costs)
    return blocks if capped is None else [*blocks, capped]


def hourly_duals(layout: ColumnLayout, dual: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Duals per unit of each row's bound, not weighted by the hours, by constraint, (J, T)."""
    instance, steps = layout.instance, layout.hours
    duals = no_duals(instance)
    for name, rows in hourly_rows(instance).items():
        binding = np.flatnonzero(rows.bound(steps))
        if name in dual and len(binding):
            by_hour = dual[name].reshape(len(steps), len(binding)) / instance.hours[steps][:, None]
            duals[name][np.ix_(binding, steps)] = by_hour.T
    return duals


class ProgramScale:
    """Demand and money brought to the order of 100, so that tolerances mean the same everywhere."""

    def __init__(self, instance: Instance, cost: np.ndarray) -> None:
        self.demand = 100.0 / max(float(instance.demand.max(initial=0.0)), 1e-300)
        self.cost = 100.0 / max(float(np.abs(cost).max(initial=0.0)), 1e-300)
        self.row: dict[str, np.ndarray] = {}

    def lp(self, cost: np.ndarray, upper: np.ndarray, blocks: list[Rows]) -> highs.Lp:
        """The scaled program; limits over windows are scaled row by row as well."""
        scaled = [self._block(block) for block in blocks]
        n = len(cost)
        return highs.Lp(cost * self.cost, np.zeros(n), upper * self.demand, scaled)

    def _block(self, block: Rows) -> Rows:
        factor = np.ones(len(block.lower))
        if block.name == "limits":
            largest = block.largest()
            factor = 1.0 / np.where(largest > 0, largest, 1.0)
        self.row[block.name] = factor
        scaled = block.times(factor)
        return replace(scaled, lower=scaled.lower * self.demand, upper=scaled.upper * self.demand)

    def duals(self, answer: highs.LpSolution, blocks: list[Rows]) -> dict[str, np.ndarray]:
        """Duals of every block in the objective's unit; those of the wrong sign are rounding."""
        out, first_row = {}, 0
        for block in blocks:
            raw = (
                answer.dual[first_row : first_row + len(block.lower)]
                * self.row[block.name]
                / self.cost
            )
            raw = np.where(np.isfinite(block.lower), raw, np.minimum(raw, 0.0))
            out[block.name] = np.where(np.isfinite(block.upper), raw, np.maximum(raw, 0.0))
            first_row += len(block.lower)
        return out
