"""What of a queue runs when, as one program of all steps in HiGHS: exact, for small horizons.

The columns and rows are those of the registry; among placements of equal cost the one in which
requests run earliest is taken.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from wattlas.model.plan import Status
from wattlas.placement.constraints.registry import linkings
from wattlas.placement.hour import highs
from wattlas.placement.hour.highs_hour import grid_to_flows
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit
from wattlas.placement.problem.lp import (
    QUEUED,
    RUN,
    ColumnLayout,
    limit_rows,
    objective,
)
from wattlas.placement.problem.queue import Queue
from wattlas.placement.problem.rows import Rows
from wattlas.placement.problem.unit_values import Measure
from wattlas.placement.window.linked_program import hourly_duals, program_rows, run_program

EQUAL = 1e-8
"""Scaled reduced costs and prices below this are none."""


def solve_queue(
    instance: Instance,
    measure: Measure | Limit,
    limits: Sequence[Limit] = (),
    *,
    time_limit_s: float | None = None,
) -> Solution:
    """Make `measure` least over all steps, with `ran`; infeasible steps are all or none.

    Where `measure` is a limit, what it counts is made least. A limit's price is what one more unit
    of its bound would save, ≥ 0.
    """
    began = time.perf_counter()
    tied = linkings(instance.scenario)
    blocks = {name: n for linking in tied for name, n in linking.blocks(instance).items()}
    every = np.arange(instance.demand.shape[1])
    layout = ColumnLayout(instance, every, blocks)
    rows = program_rows(layout, tied, limits)
    ran = run_program(layout, _cost(layout, measure), rows, began, time_limit_s)
    if not ran.found:
        return ran.without_flows(limits)
    x = _earliest(layout, ran.program, ran.answer) / ran.scale.demand
    queue = Queue.of(instance)
    rates = queue.within(x[layout.column(RUN)].T)
    as_run = queue.running(instance, rates)
    flows = grid_to_flows(as_run, x[layout.column("x")], every)
    duals, price = hourly_duals(layout, ran.dual), ran.limit_price(limits)
    return Solution(flows, duals, info=ran.info, limit_price=price, ran=rates)


def _cost(layout: ColumnLayout, measure: Measure | Limit) -> np.ndarray:
    if not isinstance(measure, Limit):
        return objective(layout, measure)
    cost = np.zeros(layout.columns)
    row = limit_rows(layout, [measure])
    if row is not None:
        cost[row.index] = row.value
    return cost


def _earliest(layout: ColumnLayout, program: highs.Lp, first: highs.LpSolution) -> np.ndarray:
    """The point of the optimal face that leaves the fewest requests for later.

    What has a reduced cost stays where it is, and so do the rows that have a price.
    """
    idle = np.abs(first.reduced) > EQUAL
    lower = np.where(idle, first.x, program.lower)
    upper = np.where(idle, first.x, program.upper)
    rows, at = [], 0
    for block in program.rows:
        held = np.abs(first.dual[at : at + len(block.lower)]) > EQUAL
        activity = _activity(block, first.x)
        rows.append(replace(block, lower=np.where(held, activity, block.lower),
                            upper=np.where(held, activity, block.upper)))  # fmt: skip
        at += len(block.lower)
    late = np.zeros(layout.columns)
    late[layout.column(QUEUED)] = 1.0
    second = highs.solve(highs.Lp(late, lower, upper, rows))
    return first.x if second.status is not Status.OPTIMAL else second.x


def _activity(block: Rows, x: np.ndarray) -> np.ndarray:
    row = np.repeat(np.arange(len(block.lower)), np.diff(block.start))
    return np.bincount(row, block.value * x[block.index], len(block.lower))
