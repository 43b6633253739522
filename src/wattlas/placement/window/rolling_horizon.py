"""Hours that frictions couple: whole where that is quick, in rolling windows beyond.

A window is solved exactly, its first hours are kept, and the next window starts from what they
leave running. What the hours after a window are worth to it is said by the multipliers of starting
capacity: one more GPU-h held at its end saves ρ there. The same multipliers give a bound on the
whole run, so that the plan states how far from the optimum it can be at most.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from wattlas.model.objective import Solver
from wattlas.model.plan import UNSERVED, Status
from wattlas.placement.constraints.frictions import friction_usd, sticky
from wattlas.placement.engine import OPTIMAL
from wattlas.placement.hour import highs
from wattlas.placement.hour.highs_hour import Flat, columns_to_flows
from wattlas.placement.hour.solver import Solution, evaluate, join, solve_hours
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.lp import Layout, objective, rows
from wattlas.placement.problem.merge_sources import added_up, shared_out
from wattlas.placement.problem.prune import pruned
from wattlas.placement.problem.unit_values import Measure
from wattlas.placement.window.coupled_lp import Scale, dual_of
from wattlas.placement.window.startup_bound import Bound, Coupled, ascend, held_before

WHOLE = 200_000
"""Programs of up to so many columns are solved whole."""
COMMIT, LOOK = 12, 6
"""Hours of a window that are kept, and hours that it looks ahead."""


def solve_run(
    instance: Instance, measure: Measure, steps: np.ndarray, *, time_limit_s: float | None = None
) -> Solution:
    """Make cost and frictions least over an unbroken run of steps that has a placement apart.

    Optimal where the run is small enough to be one program. Else status `limit` with the certified
    relative gap, also where the time ran out: what is left is then placed hour by hour at the
    multipliers of the bound.
    """
    began = time.perf_counter()
    starts = instance.scenario.frictions.starts
    few = pruned(instance, (measure,), steps, within_variant=starts)
    of = None
    before = held_before(instance, steps) if starts else None
    if not sticky(instance).any():
        few, of_few, of = added_up(few, measure)
    else:
        of_few = measure
    run = _Run(few, of_few, steps, before)
    run.solve(None if time_limit_s is None else began + time_limit_s)
    flows = join(run.parts)
    solution = Solution(
        *(flows if of is None else shared_out(flows, instance, of)),
        capacity_price=run.price,
        infeasible=np.zeros(0, np.int64),
        status=run.status,
        programs=run.programs,
        rows=run.size[0],
        columns=run.size[1],
        nonzeros=run.size[2],
        highs_hours=len(steps),
        seconds=time.perf_counter() - began,
    )
    bound = run.bound
    if run.status is Status.OPTIMAL or bound is None:
        return solution
    return _certified(instance, measure, bound, solution)


def _certified(instance: Instance, measure: Measure, bound: Bound, solution: Solution) -> Solution:
    """The solution with its gap; optimal where the gap is rounding."""
    paid = friction_usd(instance, *solution.flows) * instance.scenario.hours.weight
    total = float((evaluate(instance, measure, solution) + paid).sum())
    gap = max((total - bound.value) / max(abs(total), 1e-300), 0.0)
    status = Status.OPTIMAL if gap <= 1e-9 else Status.LIMIT
    return replace(solution, gap=gap, status=status)


class _Run:
    """An unbroken run: its windows one after the other, and what they left behind so far."""

    def __init__(
        self,
        instance: Instance,
        measure: Measure,
        steps: np.ndarray,
        before: np.ndarray | None,
    ) -> None:
        self.instance, self.measure, self.steps = instance, measure, steps
        self.before = before
        self.parts: list[Flat] = []
        self.price = np.zeros_like(instance.capacity)
        self.held = None if before is None else before.ravel()
        self.requests: np.ndarray | None = None
        self.programs, self.size = 0, (0, 0, 0)
        self.status = Status.OPTIMAL
        self.whole = int(instance.allowed.sum()) * len(steps) <= WHOLE
        self.coupled: Coupled | None = None
        self.bound: Bound | None = None
        if not self.whole:
            self.coupled = Coupled(instance, measure, steps, before)
            self.bound = ascend(self.coupled)

    def solve(self, deadline: float | None) -> None:
        """Window by window until the end or the deadline."""
        commit = len(self.steps) if self.whole else COMMIT
        if not self.whole:
            self.status = Status.LIMIT
        for low in range(0, len(self.steps), commit):
            left = None if deadline is None else deadline - time.perf_counter()
            window = np.arange(low, min(low + commit + LOOK, len(self.steps)))
            late = left is not None and left <= 0
            if late or not self._window(window, min(commit, len(window)), left):
                self._give_up(low)
                return

    def _give_up(self, low: int) -> None:
        """The rest hour by hour, at the bound's multipliers: each hour is feasible by itself."""
        self.status = Status.LIMIT
        if self.coupled is None:
            self.coupled = Coupled(self.instance, self.measure, self.steps, self.before)
        if self.bound is None:
            self.bound = self.coupled.bound(np.zeros_like(self.coupled.most))[0]
        self.parts += _apart(self.coupled, self.measure, self.bound, low)

    def _window(self, window: np.ndarray, keep: int, time_limit_s: float | None) -> bool:
        """Solve a window and keep its first hours; False where the time ran out first."""
        instance, steps = self.instance, self.steps[window]
        layout = Layout(
            instance, steps, coupled=True, held_before=self.held, requests_before=self.requests
        )
        cost = objective(layout, self.measure)
        after = int(window[-1]) + 1
        if layout.held and after < len(self.steps) and self.bound is not None:
            cost[layout.column("u")[-1]] -= self.bound.rho[:, :, after].ravel()
        blocks = rows(layout)
        scale = Scale(instance, cost)
        interior = layout.columns > highs.INTERIOR_POINT_COLUMNS
        program = scale.lp(cost, blocks)
        answer = highs.checked(highs.solve(program, time_limit_s=time_limit_s, interior=interior))
        if answer.status is not Status.OPTIMAL:
            return False
        self._keep(layout, answer.x / scale.demand, keep)
        if any(block.name == "capacity" for block in blocks):
            limited = np.flatnonzero(np.isfinite(instance.capacity[:, steps]).any(axis=1))
            price = dual_of(answer, blocks, "capacity", scale).reshape(len(steps), -1)[:keep]
            kept = steps[:keep]
            self.price[np.ix_(limited, kept)] = price.T / instance.hours[kept]
        self.programs += 1
        count = (sum(len(b.lower) for b in blocks), layout.columns)
        self.size = max(self.size, (*count, sum(len(b.index) for b in blocks)))
        return True

    def _keep(self, layout: Layout, x: np.ndarray, keep: int) -> None:
        """Flows of the first hours, and what runs at their end."""
        instance = self.instance
        both = np.concatenate([layout.column("x"), layout.column("n")], axis=1)
        for h, t in enumerate(layout.hours[:keep]):
            found = columns_to_flows(layout, x[both[h]], instance.demand[:, t])
            self.parts.append((np.full(len(found[0]), t, dtype=np.int64), *found))
        source, region, point, value = self.parts[-1][1:]
        on = region != UNSERVED
        if layout.held:
            names, variant = instance.variants
            held = np.zeros((len(instance.capacity), len(names)))
            used = instance.gpu_h[source[on], point[on]] * value[on]
            np.add.at(held, (region[on], variant[point[on]]), used)
            self.held = held.ravel()
        moved = sticky(instance)
        if moved.any():
            requests = np.zeros((instance.sources, len(instance.capacity)))
            np.add.at(requests, (source[on], region[on]), value[on])
            self.requests = requests[moved].ravel()


def _apart(coupled: Coupled, measure: Measure, bound: Bound, low: int) -> list[Flat]:
    """The bound's own placement of the hours from `low` on: each feasible by itself.

    Hours that the engine gave up are placed by HiGHS, at no multipliers.
    """
    found, steps = bound.hours, coupled.steps
    hour = np.repeat(np.arange(len(found.hours)), np.diff(found.indptr))
    on = (hour >= low) & (found.value > 0)
    region = found.region[on].astype(np.int64)
    point = np.where(region >= 0, found.point[on], 0).astype(np.int64)
    source = found.source[on].astype(np.int64)
    parts: list[Flat] = [(steps[hour[on]], source, region, point, found.value[on])]
    left = low + np.flatnonzero(found.status[low:] != OPTIMAL)
    if len(left):
        parts.append(solve_hours(coupled.instance, measure, None, steps[left], Solver.HIGHS).flows)
    return parts
