"""Limits over windows of hours, by their multipliers: Dantzig–Wolfe by hour, to a certified gap.

A limit on an additive measure couples all hours of its window by a single row. At given
multipliers λ ≥ 0 on the limits the hours fall apart again,

    V(λ) = min over placements of  objective + Σ λ · (measure − limit)

and the optimum of each hour is a *column*: what it costs and what it uses of every limit.
The master program chooses among the columns of each hour; its duals are the next λ. The master's
value is that of a placement that keeps the limits, so it bounds the optimum from above; every V(λ)
bounds it from below. The search ends where the two meet, or where no hour has a new column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from wattlas.errors import SolverError
from wattlas.model.plan import SolveInfo
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.hour.protocol import Solution, join_steps
from wattlas.placement.problem.flows import SourceFlows, merge_equal
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit, together, within
from wattlas.placement.problem.unit_values import Measure
from wattlas.placement.window.master import HourColumns, Hulls, Master

# Tuning. Measured on M with one operating point, 1,488 hours, under a carbon cap of 80 %: 6,632
# hourly programs in 2.3 s of CPU time, beside other work. The optimum is the same in every case.

MOST_ROUNDS = 60
"""Rounds of master and hours. The search above ends after about five passes over the hours."""
EXACT = 1e-9
"""Relative gap at which the search ends. Not tuned: it is what a plan certifies."""
ROUGH = 1e-6
"""Relative gap at which the search over a sample ends: rounds over the sample against rounds over
all hours. Flat: 1e-7 takes 5,280 programs in 2.5 s, 1e-5 takes 6,496 in 2.3 s."""
NEAR, MOST_NEAR = 1.02, 6
"""The first step away from the sample's multiplier, squared from one to the next; how many. A small
step may fall short of the optimum, a large one leaves a wide interval. Flat: 1.01 and 1.04 take
8,120 programs in 2.4 s."""
GUESSES = (1.0, 30.0)
"""First multipliers without a sample, in what all hours cost over what they use too much: a low one
may not keep the limit, a high one is far from the optimum. Half of both takes the same time
(2.8 s), twice takes 4.3 s."""


@dataclass(frozen=True)
class ColumnGeneration:
    """The window solver of any limits on what is added up over the flows.

    From `sampled` steps on, a limit that stands alone is tried on one step in `stride` first: every
    hour of the day and day of the week is among them. Without a sample the search took 10,416
    programs in 3.1 s instead of 6,632 in 2.3 s; a stride of 5 took 2.3 s, one of 23 took 1.8 s.
    """

    sampled: int = 1000
    stride: int = 11
    name: ClassVar[str] = "column generation"

    def takes(self, instance: Instance, limits: Sequence[Limit]) -> bool:
        """Any limits."""
        return True

    def solve(
        self,
        instance: Instance,
        objective: Measure,
        tie: Measure | None,
        limits: Sequence[Limit],
    ) -> Solution:
        """Make `objective` least under all limits, group by group of those that share hours.

        Where an hour has no placement at all, the solution names it and says nothing of the limits.
        """
        price = np.zeros(len(limits))
        parts: list[Solution] = []
        free = np.ones(instance.scenario.hours.count, dtype=bool)
        for group in together(limits):
            group_limits = [limits[n] for n in group]
            solution = self._group(instance, objective, tie, group_limits)
            if solution.limit_least:
                least = {group[n]: value for n, value in solution.limit_least.items()}
                return replace(solution, limit_price=price, limit_least=least)
            if not len(solution.infeasible):
                price[group] = solution.limit_price
            parts.append(solution)
            for limit in group_limits:
                free[limit.steps] = False
        if free.any():
            parts.append(solve_hours(instance, objective, tie, np.flatnonzero(free)))
        return replace(join_steps(parts), limit_price=price)

    def _group(
        self, instance: Instance, objective: Measure, tie: Measure | None, limits: Sequence[Limit]
    ) -> Solution:
        """Limits that share hours, over those hours."""
        guess, programs = self._sample(instance, objective, limits)
        solution = _searched(instance, objective, limits, tie, guess)
        info = replace(solution.info, programs=solution.info.programs + programs)
        return replace(solution, info=info)

    def _sample(
        self, instance: Instance, objective: Measure, limits: Sequence[Limit]
    ) -> tuple[float, int]:
        """The multiplier of a sample of the steps under its part of the limit, by demand; programs.

        A multiplier far from the last one takes many pivots; a sample takes them for few hours.
        0 where there are several limits or few steps, and where the sample keeps its part of the
        limit without a multiplier or cannot keep it.
        """
        steps = np.unique(limits[0].steps)
        if len(limits) != 1 or len(steps) < self.sampled:
            return 0.0, 0
        sample_steps = steps[:: self.stride]
        demanded = (instance.demand * instance.hours).sum(axis=0)
        demand_share = demanded[sample_steps].sum() / max(float(demanded[steps].sum()), 1e-300)
        fewer = replace(limits[0], steps=sample_steps, bound=limits[0].bound * demand_share)
        solution = _searched(instance, objective, [fewer], exact=ROUGH)
        return (float(solution.limit_price[0]) if solution.ok else 0.0), solution.info.programs


def _searched(
    instance: Instance,
    objective: Measure,
    limits: Sequence[Limit],
    tie: Measure | None = None,
    guess: float = 0.0,
    exact: float = EXACT,
) -> Solution:
    """The search from a multiplier: 0, or where a single limit is likely to be just kept."""
    search = _Search(instance, objective, tuple(limits))
    first = search.ask(np.full(len(limits), guess), None if guess > 0 else tie)
    if len(search.solutions[0].infeasible):
        return search.solutions[0]
    if guess > 0:
        search.ask_beside(guess, first)
    elif all(search.kept(first)):
        return search.result(0.0)
    else:
        search.ask_higher(first)
    return search.run(exact)


@dataclass
class _Part:
    """Steps that are in the same limits, and what the solvers keep of their last solution."""

    steps: np.ndarray
    limits: tuple[int, ...]
    memory: dict[str, Any] = field(default_factory=dict)


def _parts(steps: np.ndarray, inside: np.ndarray) -> list[_Part]:
    """The steps by the limits that they are in; `inside` is (limits, steps)."""
    patterns, pattern_of = np.unique(inside, axis=1, return_inverse=True)
    return [
        _Part(steps[pattern_of.ravel() == n], tuple(np.flatnonzero(pattern).tolist()))
        for n, pattern in enumerate(patterns.T)
    ]


class _Search:
    """The columns so far, the master program over them, and the best bound."""

    def __init__(self, instance: Instance, objective: Measure, limits: tuple[Limit, ...]) -> None:
        self.instance, self.objective, self.limits = instance, objective, limits
        self.steps = np.unique(np.concatenate([limit.steps for limit in limits]))
        self.bounds = np.array([limit.bound for limit in limits])
        self.inside = np.array([np.isin(self.steps, limit.steps) for limit in limits])
        self.columns = HourColumns(used=np.zeros((0, len(limits))))
        self.solutions: list[Solution] = []
        self.parts = _parts(self.steps, self.inside)
        self.bound = -np.inf
        self.best: tuple[np.ndarray, Solution] | None = None
        self.master: Master | Hulls | None = None

    def ask(self, multiplier: np.ndarray, tie: Measure | None = None) -> np.ndarray:
        """Solve all hours at these multipliers; returns what they use of each limit.

        A tie-breaker may move the value by rounding, so that it then bounds nothing.
        """
        solution = self._solve(self.objective, multiplier, tie)
        cost, used = self._take(solution)
        total: np.ndarray = used.sum(axis=0)
        value = float(cost.sum() + multiplier @ (total - self.bounds))
        if tie is None and value > self.bound:
            self.bound, self.best = value, (multiplier, solution)
        return total

    def _solve(self, base: Measure, multiplier: np.ndarray, tie: Measure | None) -> Solution:
        """base + Σ λ·measure over the limits that each part of the steps is in, made least."""
        solved = []
        for part in self.parts:
            measure = base
            for j in part.limits:
                if multiplier[j] > 0:
                    measure = measure.plus(self.limits[j].measure, float(multiplier[j]))
            solved.append(solve_hours(self.instance, measure, tie, part.steps, memory=part.memory))
        return join_steps(solved)

    def kept(self, used: np.ndarray) -> list[bool]:
        """Which limits such a use keeps."""
        return [within(float(u), limit.bound) for u, limit in zip(used, self.limits, strict=True)]

    def ask_higher(self, first: np.ndarray) -> None:
        """Solve at multipliers that are likely too high, given what was used without any.

        Where they are not, solve for the least use of all limits, each by how far it was from
        what was used. What keeps share caps is often to degrade nothing at all: that keeps them.
        """
        apart = np.abs(first - self.bounds)
        apart = np.maximum(apart, 1e-9 * np.abs(first).max(initial=1e-300))
        price = float(np.abs(self.columns.cost).sum()) / apart
        for factor in GUESSES if price.any() else ():
            used = self.ask(np.where(self.kept(first), 0.0, factor * price))
            if all(self.kept(used)):
                return
        self._ask_uses(1.0 / apart)

    def ask_beside(self, guess: float, first: np.ndarray) -> None:
        """Solve beside a multiplier of one limit, given its use, until the limit lies between."""
        kept_first = all(self.kept(first))
        factor = 1 / NEAR if kept_first else NEAR
        for _ in range(MOST_NEAR):
            guess *= factor
            if all(self.kept(self.ask(np.full(1, guess)))) != kept_first:
                return
            factor *= factor

    def _take(self, solution: Solution) -> tuple[np.ndarray, np.ndarray]:
        """Keep a placement and those of its hours that are new columns."""
        if len(solution.infeasible) and self.solutions:
            raise SolverError("an hour has no placement although it had one without the limits")
        cost = self.objective.by_hour(self.instance, solution.flows)[self.steps]
        used = np.stack(
            [
                limit.measure.by_hour(self.instance, solution.flows)[self.steps]
                for limit in self.limits
            ],
            axis=1,
        )
        used *= self.inside.T
        self.columns.take(cost, used, len(self.solutions))
        self.solutions.append(solution)
        return cost, used

    def run(self, exact: float) -> Solution:
        """Master and hours by turns: until the limits are kept, then until the gap is shut."""
        kind = Hulls if len(self.limits) == 1 else Master
        self.master = kind(len(self.steps), self.bounds, self.columns)
        for _ in range(MOST_ROUNDS):
            multiplier = self.master.solve(self.columns)
            if self.master.kept and self._gap() <= exact:
                break
            before = len(self.columns.hour)
            if self.master.kept:
                self.ask(multiplier)
            else:
                self._ask_uses(multiplier)
            if len(self.columns.hour) == before:
                break
        if not self.master.kept:
            return self._out_of_reach()
        return self.result(max(self._gap(), 0.0), self.master.shares)

    def _gap(self) -> float:
        assert self.master is not None
        return (self.master.value - self.bound) / max(abs(self.master.value), 1e-300)

    def _ask_uses(self, multiplier: np.ndarray) -> None:
        """The least weighted use of the limits, whatever it costs."""
        nothing = self.objective.times(0.0, self.objective.unit)
        self._take(self._solve(nothing, multiplier, self.objective))

    def result(self, gap: float, shares: np.ndarray | None = None) -> Solution:
        """The mix of placements by the shares of their columns, all of the first by default.

        Its prices are those of the best bound.
        """
        columns = self.columns
        weight = np.zeros((len(self.solutions), self.instance.scenario.hours.count))
        if shares is None:
            weight[0, self.steps] = 1.0
        else:
            np.add.at(weight, (columns.answer, self.steps[columns.hour]), shares)
        parts = []
        for n, solution in enumerate(self.solutions):
            value = solution.flows.value * weight[n][solution.flows.hour]
            on = np.flatnonzero(value)
            parts.append(solution.flows.where(on).with_value(value[on]))
        flows = SourceFlows(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        multiplier, priced = self.best or (np.zeros(len(self.limits)), self.solutions[0])
        effort = SolveInfo.together([solution.info for solution in self.solutions])
        info = replace(priced.info, programs=effort.programs, seconds=effort.seconds, gap=gap)
        return replace(priced.with_flows(merge_equal(flows)), info=info, limit_price=multiplier)

    def _out_of_reach(self) -> Solution:
        """The limits that cannot be met by themselves, or all where each can and they clash."""
        for limit in self.limits:
            self._take(solve_hours(self.instance, limit.measure, self.objective, self.steps))
        least = {
            j: min(
                float(limit.measure.by_hour(self.instance, solution.flows)[limit.steps].sum())
                for solution in self.solutions
            )
            for j, limit in enumerate(self.limits)
        }
        return replace(self.solutions[0], limit_least=beyond_reach(self.limits, least))


def beyond_reach(limits: Sequence[Limit], least: dict[int, float]) -> dict[int, float]:
    """Of the least that each limit's measure reaches by itself, those above their bound; all where
    none is: then they clash together.
    """
    alone = {
        n: value
        for n, value in least.items()
        if value > limits[n].bound + 1e-9 * max(abs(limits[n].bound), abs(value))
    }
    return alone or least
