"""Limits over windows of hours, by their multipliers: Dantzig–Wolfe by hour, to a certified gap.

A limit on an additive measure couples all hours of its window by a single row. At given
multipliers λ ≥ 0 on the limits the hours fall apart again,

    V(λ) = min over placements of  objective + Σ λ · (measure − limit)

and each hour hands in its optimum as a *column*: what it costs and what it uses of every limit.
The master program chooses among the columns of each hour; its duals are the next λ. The master's
value is that of a placement that keeps the limits, so it bounds the optimum from above; every V(λ)
bounds it from below. The search ends where the two meet, or where no hour has a new column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from wattlas.errors import SolverError
from wattlas.placement.constraints.windows import Capped, join_windows, within
from wattlas.placement.hour.engine_hour import Hot
from wattlas.placement.hour.solver import Solution, evaluate, merge_equal, solve_hours
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.lp import Cap
from wattlas.placement.problem.unit_values import Measure
from wattlas.placement.window.master import Columns, Hulls, Master

MOST_ROUNDS = 60
EXACT = 1e-9
"""Relative gap at which the search ends."""
SAMPLED = 1000
"""From so many steps on, a limit that stands alone is tried on a sample of them first."""
STRIDE = 11
"""One step in so many is in the sample: every hour of the day and day of the week is."""
ROUGH = 1e-6
"""Relative gap at which the search over a sample ends."""
NEAR, MOST_NEAR = 1.02, 6
"""The first step away from the sample's multiplier, squared from one to the next; how many."""
GUESSES = (1.0, 30.0)
"""Multipliers to begin with, in what all hours cost over what they use too much."""


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


def solve_several(
    instance: Instance, objective: Measure, caps: Sequence[Cap], tie: Measure | None = None
) -> Capped:
    """Make `objective` least over the caps' steps under all of them; see the module.

    Where an hour has no placement at all, the solution names it and nothing is said of the caps.
    """
    guess, programs = _sampled(instance, objective, caps)
    found = _searched(instance, objective, caps, tie, guess)
    whole = replace(found.solution, programs=found.solution.programs + programs)
    return replace(found, solution=whole)


def _sampled(instance: Instance, objective: Measure, caps: Sequence[Cap]) -> tuple[float, int]:
    """The multiplier of a sample of the steps under its part of the limit, by demand; programs.

    What is far from the last multiplier takes many pivots; a sample takes them for few hours. 0
    where there are several limits or few steps, or where the sample keeps it, or cannot.
    """
    steps = np.unique(caps[0].steps)
    if len(caps) != 1 or len(steps) < SAMPLED:
        return 0.0, 0
    some = steps[::STRIDE]
    asked = (instance.demand * instance.hours).sum(axis=0)
    part = asked[some].sum() / max(float(asked[steps].sum()), 1e-300)
    fewer = replace(caps[0], steps=some, limit=caps[0].limit * part)
    found = _searched(instance, objective, [fewer], exact=ROUGH)
    return (float(found.dual[0]) if found.feasible else 0.0), found.solution.programs


def _searched(
    instance: Instance,
    objective: Measure,
    caps: Sequence[Cap],
    tie: Measure | None = None,
    guess: float = 0.0,
    exact: float = EXACT,
) -> Capped:
    """The search from a multiplier: 0, or where a single limit is likely to be just kept."""
    steps = np.unique(np.concatenate([one.steps for one in caps]))
    search = _Search(instance, objective, tuple(caps), steps)
    first = search.ask(np.full(len(caps), guess), None if guess > 0 else tie)
    if len(search.solutions[0].infeasible):
        none = np.full(len(caps), np.nan)
        return Capped(search.solutions[0], none, none, feasible=False)
    if guess > 0:
        search.ask_beside(guess, first)
    elif all(search.kept(first)):
        return search.result(0.0)
    else:
        search.ask_dearer(first)
    return search.run(exact)


class _Search:
    """The columns so far, the master program over them, and the best bound."""

    def __init__(
        self, instance: Instance, objective: Measure, caps: tuple[Cap, ...], steps: np.ndarray
    ) -> None:
        self.instance, self.objective, self.caps, self.steps = instance, objective, caps, steps
        self.limit = np.array([one.limit for one in caps])
        self.inside = np.array([np.isin(steps, one.steps) for one in caps])
        self.columns = Columns(used=np.zeros((0, len(caps))))
        self.solutions: list[Solution] = []
        self.segments = _segments(steps, self.inside)
        self.bound = -np.inf
        self.best: tuple[np.ndarray, Solution] | None = None
        self.master: Master | Hulls | None = None
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

    def kept(self, used: np.ndarray) -> list[bool]:
        """Which limits such a use keeps."""
        return [within(float(u), one.limit) for u, one in zip(used, self.caps, strict=True)]

    def ask_dearer(self, first: np.ndarray) -> None:
        """Solve at multipliers that are likely too high, given what was used without any.

        Where they are not, solve for the least use of all limits, each by how far it was from
        what was used. What keeps promises is often to degrade nothing at all: that keeps them.
        """
        apart = np.abs(first - self.limit)
        apart = np.maximum(apart, 1e-9 * np.abs(first).max(initial=1e-300))
        price = float(np.abs(self.columns.cost).sum()) / apart
        for factor in GUESSES if price.any() else ():
            used = self.ask(np.where(self.kept(first), 0.0, factor * price))
            if all(self.kept(used)):
                return
        self._ask_uses(1.0 / apart)

    def ask_beside(self, guess: float, first: np.ndarray) -> None:
        """Solve beside a multiplier of one limit, given its use, until the limit lies between."""
        kept = all(self.kept(first))
        factor = 1 / NEAR if kept else NEAR
        for _ in range(MOST_NEAR):
            guess *= factor
            if all(self.kept(self.ask(np.full(1, guess)))) != kept:
                return
            factor *= factor

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
        if len(found.infeasible) and self.solutions:
            raise SolverError("an hour has no placement although it had one without the caps")
        self.programs += found.programs
        cost = evaluate(self.instance, self.objective, found)[self.steps]
        used = np.stack(
            [evaluate(self.instance, one.measure, found)[self.steps] for one in self.caps], axis=1
        )
        used *= self.inside.T
        self.columns.take(cost, used, len(self.solutions))
        self.solutions.append(found)
        return cost, used

    def run(self, exact: float) -> Capped:
        """Master and hours by turns: until the limits are kept, then until the gap is shut."""
        of = Hulls if len(self.caps) == 1 else Master
        self.master = of(len(self.steps), self.limit, self.columns)
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
        known = self.columns
        weight = np.zeros((len(self.solutions), self.instance.scenario.hours.count))
        if shares is None:
            weight[0, self.steps] = 1.0
        else:
            np.add.at(weight, (known.answer, self.steps[known.hour]), shares)
        parts = []
        for n, one in enumerate(self.solutions):
            value = one.value * weight[n][one.hour]
            on = np.flatnonzero(value)
            parts.append((*(column[on] for column in one.flows[:4]), value[on]))
        flows = merge_equal(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        multiplier, priced = self.best or (np.zeros(len(self.caps)), self.solutions[0])
        mixed = replace(
            priced.with_flows(flows),
            programs=self.programs,
            seconds=sum(one.seconds for one in self.solutions),
        )
        none = np.full(len(self.caps), np.nan)
        return Capped(mixed, multiplier, none, feasible=True, gap=gap)

    def _infeasible(self) -> Capped:
        """The least that each measure reaches by itself."""
        for j in range(len(self.caps)):
            self.ask_least(j)
        least = np.full(len(self.caps), np.inf)
        for one in self.solutions:
            for j, cap in enumerate(self.caps):
                used = evaluate(self.instance, cap.measure, one)[cap.steps].sum()
                least[j] = min(least[j], float(used))
        none = np.full(len(self.caps), np.nan)
        return Capped(self.solutions[0], none, least, feasible=False)
