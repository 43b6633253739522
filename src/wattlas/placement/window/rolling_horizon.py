"""Hours that links tie together: in one window where that is quick, in rolling ones beyond.

A window is solved exactly, its first hours are kept, and the next window starts from what they
leave running. The value of a window to the hours after it is given by the multipliers of starting
capacity: one more GPU-h held at its end saves ρ there. The same multipliers give a bound on the
whole run, so that the plan states how far from the optimum it can be at most. A single window is
the whole program, and the only one that can keep limits.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wattlas.model.objective import Solver
from wattlas.model.plan import SolveInfo, Status
from wattlas.placement.constraints.registry import linked, links
from wattlas.placement.engine import OPTIMAL
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.hour.merge_sources import alike_as_one, shared_out
from wattlas.placement.hour.protocol import Solution, join_steps, unsolved
from wattlas.placement.hour.prune import pruned
from wattlas.placement.problem.flows import SourceFlows, join
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit
from wattlas.placement.problem.unit_values import Measure
from wattlas.placement.window.linked_program import Linked, solve_linked
from wattlas.placement.window.startup_bound import Bound, Coupled, ascend, held_before

PROVEN = 1e-9
"""A relative gap that is rounding."""


@dataclass(frozen=True)
class Horizon:
    """How windows are cut: a program of up to `largest` columns is one window. Of a larger one each
    window keeps `commit` hours and looks `ahead` that many hours further.

    12 and 6 hours: a week of 40 regions was 0.009 to 0.023 % above the optimum; 3 hours and 3 took
    two thirds of the time and were 0.062 % above it.
    """

    largest: int = 200_000
    commit: int = 12
    ahead: int = 6


class RollingHorizon:
    """An unbroken run of steps that has a placement apart: its windows one after the other."""

    def __init__(
        self,
        instance: Instance,
        measure: Measure,
        steps: np.ndarray,
        limits: Sequence[Limit] = (),
        *,
        undivided: bool = False,
        horizon: Horizon | None = None,
        before: Mapping[str, np.ndarray] | None = None,
        memory: dict[str, Any] | None = None,
    ) -> None:
        """`undivided` makes it one window whatever its size; limits do, too. `before` is what runs
        before the first step, by the name of each link, where the scenario's start is not meant.
        `memory` keeps the basis of the last window for the next.
        """
        self.unmerged, self.unmerged_measure = instance, measure
        self.steps, self.limits, self.memory = steps, limits, memory
        self.horizon = horizon or instance.tactics.horizon or Horizon()
        measures = (measure, *(limit.measure for limit in limits))
        few = pruned(instance, measures, steps)
        self.tied = links(instance.scenario)
        self.kind: np.ndarray | None = None
        self.before: dict[str, np.ndarray] = {}
        mergeable = not limits and not any("y" in link.blocks(few) for link in self.tied)
        if mergeable:
            # Where demand begins is known of the sources as they are, not of those put together.
            for link in self.tied:
                if link.name in (before or {}):
                    continue
                first = link.before_first(instance, steps)
                self.before |= {} if first is None else {link.name: first}
            few, measure, self.kind = alike_as_one(few, measure)
        self.before |= before or {}
        self.instance, self.measure = few, measure
        size = len(few.columns) * len(steps)
        self.one_window = undivided or bool(limits) or size <= self.horizon.largest
        self.parts: list[Solution] = []
        self.bound: Bound | None = None

    def solve(self, time_limit_s: float | None = None) -> Solution:
        """Optimal where the run is one window. Else status `limit` with the certified relative gap,
        also where the time ran out: what is left is then placed hour by hour at the multipliers of
        the bound. With limits there are no flows then.
        """
        began = time.perf_counter()
        deadline = None if time_limit_s is None else began + time_limit_s
        status = self._windows(deadline)
        if not self.parts:
            return unsolved(
                self.unmerged, status=status, limit_price=np.zeros(len(self.limits)),
                infeasible=self.steps if status is Status.INFEASIBLE else self.steps[:0],
            )  # fmt: skip
        joined = join_steps(self.parts)
        flows = joined.flows
        if self.kind is not None:
            flows = shared_out(flows, self.unmerged, self.kind)
        seconds = time.perf_counter() - began
        by_highs = 0 if joined.info.engine_hours else len(self.steps)
        info = replace(joined.info, seconds=seconds, highs_hours=by_highs)
        solution = replace(joined, flows=flows, info=info, status=status)
        if self.limits:
            return replace(solution, limit_price=self.parts[0].limit_price)
        certify = status is not Status.OPTIMAL and self.bound is not None
        return self._certified(solution) if certify else solution

    def _windows(self, deadline: float | None) -> Status:
        """Window by window until the end or the deadline; how it ended."""
        if self.one_window:
            commit, ahead = len(self.steps), 0
        else:
            commit, ahead = self.horizon.commit, self.horizon.ahead
            self.bound = ascend(self._coupled())
        for low in range(0, len(self.steps), commit):
            seconds_left = None if deadline is None else deadline - time.perf_counter()
            window = np.arange(low, min(low + commit + ahead, len(self.steps)))
            late = seconds_left is not None and seconds_left <= 0
            ended = Status.LIMIT if late else self._window(window, commit, seconds_left)
            if ended is Status.INFEASIBLE:
                return ended
            if ended is not Status.OPTIMAL:
                if not self.limits:
                    self._give_up(low)
                return Status.LIMIT
        return Status.OPTIMAL if self.one_window else Status.LIMIT

    def _window(self, window: np.ndarray, commit: int, time_limit_s: float | None) -> Status:
        """Solve a window and keep its first hours; how it ended."""
        after = int(window[-1]) + 1
        value_after = None
        if self.bound is not None and after < len(self.steps) and self._starts:
            value_after = self.bound.rho[:, :, after].ravel()
        steps = self.steps[window]
        linked = Linked(self.limits, self.before, value_after, memory=self.memory)
        solution = solve_linked(
            self.instance, self.measure, steps, linked, time_limit_s=time_limit_s
        )
        if solution.status is not Status.OPTIMAL:
            return solution.status
        kept_steps = steps[:commit]
        on = solution.flows.hour <= kept_steps[-1]
        last = solution.flows.where(solution.flows.hour == kept_steps[-1])
        self.before = {link.name: link.left_behind(self.instance, last) for link in self.tied}
        self.parts.append(replace(solution, flows=solution.flows.where(on),
                                  duals=_only(solution.duals, kept_steps)))  # fmt: skip
        return Status.OPTIMAL

    @property
    def _starts(self) -> bool:
        """Whether what is held at the end of a window is worth something to the next."""
        return any("u" in link.blocks(self.instance) for link in self.tied)

    def _coupled(self) -> Coupled:
        before = held_before(self.unmerged, self.steps) if self._starts else None
        return Coupled(self.instance, self.measure, self.steps, before)

    def _give_up(self, low: int) -> None:
        """The rest hour by hour, at the bound's multipliers: each hour is feasible by itself."""
        coupled = self._coupled()
        if self.bound is None:
            self.bound = coupled.bound(np.zeros_like(coupled.most))[0]
        self.parts.append(_apart(coupled, self.measure, self.bound, low))

    def _certified(self, solution: Solution) -> Solution:
        """The solution with its gap; optimal where the gap is rounding."""
        assert self.bound is not None
        paid = linked(self.unmerged, solution.flows, self.unmerged_measure.unit)
        total = float((self.unmerged_measure.by_hour(self.unmerged, solution.flows) + paid).sum())
        gap = max((total - self.bound.value) / max(abs(total), 1e-300), 0.0)
        status = Status.OPTIMAL if gap <= PROVEN else Status.LIMIT
        return replace(solution, info=replace(solution.info, gap=gap), status=status)


def _only(duals: dict[str, np.ndarray], steps: np.ndarray) -> dict[str, np.ndarray]:
    """Duals of some steps, zero elsewhere."""
    out = {}
    for name, dual in duals.items():
        out[name] = np.zeros_like(dual)
        out[name][:, steps] = dual[:, steps]
    return out


def _apart(coupled: Coupled, measure: Measure, bound: Bound, low: int) -> Solution:
    """The bound's own placement of the hours from `low` on: each feasible by itself.

    Hours that the engine gave up are placed by HiGHS, at no multipliers.
    """
    answer, steps = bound.hours, coupled.steps
    if not coupled.keeps_every_row:
        return solve_hours(coupled.instance, measure, None, steps[low:])
    hour = np.repeat(np.arange(len(answer.hours)), np.diff(answer.indptr))
    on = (hour >= low) & (answer.value > 0)
    region = answer.region[on].astype(np.int64)
    flows = SourceFlows(
        steps[hour[on]],
        answer.source[on].astype(np.int64),
        region,
        np.where(region >= 0, answer.point[on], 0).astype(np.int64),
        answer.value[on],
    )
    gave_up = low + np.flatnonzero(answer.status[low:] != OPTIMAL)
    placed = replace(unsolved(coupled.instance), info=SolveInfo(solver=""))
    if len(gave_up):
        placed = solve_hours(coupled.instance, measure, None, steps[gave_up], Solver.HIGHS)
    return placed.with_flows(join([flows, placed.flows]))
