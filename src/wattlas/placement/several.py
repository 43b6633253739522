"""Several limits over the same hours: Dantzig–Wolfe by hour, to a certified gap.

Given multipliers λ the hours fall apart, and each hands in its optimum as a *column*: what it
costs and what it uses of every limit. The master program chooses among the columns of each hour,

    min  Σ_t Σ_n c[t,n]·w[t,n]    s.t.  Σ_n w[t,n] = 1,   Σ_t Σ_n u[t,n]·w[t,n] ≤ limit,   w ≥ 0

and its duals are the next λ. The master's value is that of a placement that keeps the limits, so
it bounds the optimum from above; every V(λ) bounds it from below. The search ends where the two
meet, or where no hour has a new column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wattlas.errors import SolverError
from wattlas.placement import highs
from wattlas.placement.caps import Capped, join_windows, within
from wattlas.placement.fast import Hot
from wattlas.placement.hourly import Solution, evaluate, merge_equal, solve_hours
from wattlas.placement.instance import Instance
from wattlas.placement.measures import Measure
from wattlas.placement.program import Cap

MOST_ROUNDS = 60
EXACT = 1e-9
"""Relative gap at which the search ends."""
KEPT = 1e-10
"""Shares of a column below this are rounding."""
MISSING = 1e-9
"""Excess over a limit per hour, in hundredths of the most that an hour uses, that is rounding."""


@dataclass
class _Segment:
    """Steps that are in the same limits, and the bases of their last solution."""

    steps: np.ndarray
    caps: tuple[int, ...]
    hot: Hot = field(default_factory=Hot)


def _segments(steps: np.ndarray, inside: np.ndarray) -> list[_Segment]:
    """The steps by the limits that they are in; `inside` is (caps, steps)."""
    patterns, which = np.unique(inside, axis=1, return_inverse=True)
    return [
        _Segment(steps[which.ravel() == n], tuple(np.flatnonzero(pattern).tolist()))
        for n, pattern in enumerate(patterns.T)
    ]


@dataclass
class _Answers:
    """Placements of all hours at the multipliers that were tried, and their columns.

    `cost` and `used` hold one entry per column; `hour` its position, `answer` whose it is.
    """

    solutions: list[Solution] = field(default_factory=list)
    hour: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    answer: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    cost: np.ndarray = field(default_factory=lambda: np.zeros(0))
    used: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))


def solve_several(
    instance: Instance, objective: Measure, caps: Sequence[Cap], tie: Measure | None = None
) -> Capped:
    """Make `objective` least over the caps' steps under all of them; see the module."""
    steps = np.unique(np.concatenate([one.steps for one in caps]))
    search = _Search(instance, objective, tuple(caps), steps)
    first = search.ask(np.zeros(len(caps)), tie)
    if all(within(float(u), one.limit) for u, one in zip(first, caps, strict=True)):
        return search.result(0.0)
    search.ask_within(first)
    return search.run()


class _Search:
    """The columns so far, the master program over them, and the best bound."""

    def __init__(
        self, instance: Instance, objective: Measure, caps: tuple[Cap, ...], steps: np.ndarray
    ) -> None:
        self.instance, self.objective, self.caps, self.steps = instance, objective, caps, steps
        self.limit = np.array([one.limit for one in caps])
        self.inside = np.array([np.isin(steps, one.steps) for one in caps])
        self.answers = _Answers(used=np.zeros((0, len(caps))))
        self.segments = _segments(steps, self.inside)
        self.bound = -np.inf
        self.best: tuple[np.ndarray, Solution] | None = None
        self.master: _Master | None = None
        self.programs = 0

    def ask(self, multiplier: np.ndarray, tie: Measure | None = None) -> np.ndarray:
        """Solve all hours at these multipliers; returns what they use of each limit.

        A tie-breaker may move the value by rounding, so that it then bounds nothing.
        """
        parts = [
            solve_hours(self.instance, self._weighted(multiplier, one), tie, one.steps, hot=one.hot)
            for one in self.segments
        ]
        joined = join_windows(parts)
        cost, used = self._take(joined)
        total: np.ndarray = used.sum(axis=0)
        value = float(cost.sum() + multiplier @ (total - self.limit))
        if tie is None and value > self.bound:
            self.bound, self.best = value, (multiplier, joined)
        return total

    def ask_within(self, first: np.ndarray) -> None:
        """Solve for the least use of all limits, each by how far it is from what was used first.

        What keeps promises is often to degrade nothing at all, so that this keeps them at once.
        """
        apart = np.abs(first - self.limit)
        self._ask_uses(1.0 / np.maximum(apart, 1e-9 * np.abs(first).max(initial=1e-300)))

    def ask_least(self, j: int) -> None:
        """Solve for the least of one measure; cost breaks ties."""
        self._take(solve_hours(self.instance, self.caps[j].measure, self.objective, self.steps))

    def _weighted(self, multiplier: np.ndarray, segment: _Segment) -> Measure:
        """objective + Σ λ·measure over the limits that these steps are in."""
        measure = self.objective
        for j in segment.caps:
            if multiplier[j] > 0:
                measure = measure.plus(self.caps[j].measure, float(multiplier[j]))
        return measure

    def _take(self, found: Solution) -> tuple[np.ndarray, np.ndarray]:
        """Keep a placement and those of its hours that are new columns."""
        if len(found.infeasible):
            raise SolverError("an hour has no placement although it had one without the caps")
        self.programs += found.programs
        cost = evaluate(self.instance, self.objective, found)[self.steps]
        used = np.stack(
            [evaluate(self.instance, one.measure, found)[self.steps] for one in self.caps], axis=1
        )
        used *= self.inside.T
        new = self._new(cost, used)
        known = self.answers
        known.solutions.append(found)
        known.hour = np.concatenate([known.hour, new])
        known.answer = np.concatenate([known.answer, np.full(len(new), len(known.solutions) - 1)])
        known.cost = np.concatenate([known.cost, cost[new]])
        known.used = np.concatenate([known.used, used[new]])
        return cost, used

    def _new(self, cost: np.ndarray, used: np.ndarray) -> np.ndarray:
        """Hours whose column is not there yet."""
        known = self.answers
        same = np.zeros(len(cost), dtype=bool)
        if len(known.hour):
            scale = np.abs(known.used).max(axis=0, initial=0.0) + 1e-300
            near = np.abs(known.cost - cost[known.hour]) <= 1e-13 * np.abs(known.cost) + 1e-300
            near &= (np.abs(known.used - used[known.hour]) <= 1e-13 * scale).all(axis=1)
            same[known.hour[near]] = True
        return np.flatnonzero(~same)

    def run(self) -> Capped:
        """Master and hours by turns: until the limits are kept, then until the gap is shut."""
        self.master = _Master(len(self.steps), self.limit, self.answers)
        multiplier = np.zeros(len(self.caps))
        for _ in range(MOST_ROUNDS):
            multiplier = self.master.solve(self.answers)
            if self.master.kept and self._gap() <= EXACT:
                break
            before = len(self.answers.hour)
            if self.master.kept:
                self.ask(multiplier)
            else:
                self._ask_uses(multiplier)
            if len(self.answers.hour) == before:
                break
        if not self.master.kept:
            return self._infeasible()
        return self.result(max(self._gap(), 0.0), self.master.shares)

    def _gap(self) -> float:
        assert self.master is not None
        return (self.master.value - self.bound) / max(abs(self.master.value), 1e-300)

    def _ask_uses(self, multiplier: np.ndarray) -> None:
        """The least weighted use of the limits, whatever it costs."""
        nothing = self.objective.times(0.0, self.objective.unit)
        parts = []
        for one in self.segments:
            measure = nothing
            for j in one.caps:
                measure = measure.plus(self.caps[j].measure, float(multiplier[j]))
            parts.append(
                solve_hours(self.instance, measure, self.objective, one.steps, hot=one.hot)
            )
        self._take(join_windows(parts))

    def result(self, gap: float, shares: np.ndarray | None = None) -> Capped:
        """The mix of placements by the shares of their columns, all of the first by default.

        Its prices are those of the best bound.
        """
        known = self.answers
        weight = np.zeros((len(known.solutions), self.instance.scenario.hours.count))
        if shares is None:
            weight[0, self.steps] = 1.0
        else:
            np.add.at(weight, (known.answer, self.steps[known.hour]), shares)
        parts = [
            (*one.flows[:4], one.value * weight[n][one.hour])
            for n, one in enumerate(known.solutions)
        ]
        flat = [np.concatenate(column) for column in zip(*parts, strict=True)]
        keep = flat[4] > 0
        hour, source, region, point, value = merge_equal(*(column[keep] for column in flat))
        multiplier, priced = self.best or (np.zeros(len(self.caps)), known.solutions[0])
        mixed = replace(
            priced, hour=hour, source=source, region=region, point=point, value=value,
            programs=self.programs, seconds=sum(one.seconds for one in known.solutions),
        )  # fmt: skip
        none = np.full(len(self.caps), np.nan)
        return Capped(mixed, multiplier, none, feasible=True, gap=gap)

    def _infeasible(self) -> Capped:
        """The least that each measure reaches by itself."""
        for j in range(len(self.caps)):
            self.ask_least(j)
        least = np.full(len(self.caps), np.inf)
        for one in self.answers.solutions:
            for j, cap in enumerate(self.caps):
                used = evaluate(self.instance, cap.measure, one)[cap.steps].sum()
                least[j] = min(least[j], float(used))
        none = np.full(len(self.caps), np.nan)
        return Capped(self.answers.solutions[0], none, least, feasible=False)


class _Master:
    """The master program in HiGHS, hot from round to round.

    One row per hour, then one per limit; one column per limit for the excess over it. The first
    phase makes the excess least; once there is none, the second makes the cost least.
    """

    def __init__(self, hours: int, limit: np.ndarray, answers: _Answers) -> None:
        self.hours, self.limit = hours, limit
        self.cost_scale = 100.0 / max(float(np.abs(answers.cost).max(initial=0.0)), 1e-300)
        spread = np.abs(answers.used).max(axis=0, initial=0.0)
        self.use_scale = 100.0 / np.where(spread > 0, spread, 1.0)
        self.solver: Any = highs.new_solver()
        m = len(limit)
        self.excess = np.arange(m, dtype=np.int32)
        self.solver.addVars(m, np.zeros(m), np.full(m, np.inf))
        self.solver.changeColsCost(m, self.excess, np.ones(m))
        self._rows()
        self.kept = False
        self.value = np.inf
        self.known = 0
        self.shares = np.zeros(0)

    def _rows(self) -> None:
        n, m = self.hours, len(self.limit)
        none = np.zeros(0, np.int32)
        start = np.zeros(n, np.int32)
        self.solver.addRows(n, np.ones(n), np.ones(n), 0, start, none, np.zeros(0))
        self.solver.addRows(
            m, np.full(m, -np.inf), self.limit * self.use_scale, m,
            self.excess, self.excess, np.full(m, -1.0),
        )  # fmt: skip

    def solve(self, answers: _Answers) -> np.ndarray:
        """Multipliers ≥ 0: of the cost where the limits are kept, else of the excess over them."""
        self._add(answers)
        answer = highs.run_safely(self.solver)
        m = len(self.limit)
        if not self.kept and float(answer.x[:m].max(initial=0.0)) <= MISSING * self.hours:
            self._keep(answers, answer.x[:m])
            answer = highs.run_safely(self.solver)
        dual: np.ndarray = np.maximum(-answer.dual[self.hours :], 0.0) * self.use_scale
        if not self.kept:
            return dual
        dual = dual / self.cost_scale
        share = np.where(answer.x[m:] > KEPT, answer.x[m:], 0.0)
        self.shares = share / np.bincount(answers.hour, share, self.hours)[answers.hour]
        self.value = float(answers.cost @ self.shares)
        return dual

    def _keep(self, answers: _Answers, excess: np.ndarray) -> None:
        """From now on the excess stays at what rounding left, and the cost is made least."""
        self.kept = True
        n, m = len(answers.hour), len(self.limit)
        self.solver.changeColsBounds(m, self.excess, np.zeros(m), excess)
        self.solver.changeColsCost(m, self.excess, np.zeros(m))
        every = np.arange(m, m + n, dtype=np.int32)
        self.solver.changeColsCost(n, every, answers.cost * self.cost_scale)

    def _add(self, answers: _Answers) -> None:
        """Columns that the program does not have yet."""
        new = slice(self.known, len(answers.hour))
        hour, cost, used = answers.hour[new], answers.cost[new], answers.used[new]
        n, m = len(hour), len(self.limit)
        if not n:
            return
        index = np.empty((n, m + 1), np.int32)
        index[:, 0], index[:, 1:] = hour, self.hours + np.arange(m)
        value = np.empty((n, m + 1))
        value[:, 0], value[:, 1:] = 1.0, used * self.use_scale
        start = np.arange(n, dtype=np.int32) * (m + 1)
        self.solver.addCols(
            n, cost * self.cost_scale * self.kept, np.zeros(n), np.full(n, np.inf), index.size,
            start, index.ravel(), value.ravel(),
        )  # fmt: skip
        self.known = len(answers.hour)
