"""The seam to the fast engine: an hour's problem in, flows and duals out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wattlas.model.plan import SolveInfo
from wattlas.placement.constraints.base import EngineRows
from wattlas.placement.constraints.registry import by_name
from wattlas.placement.engine import OPTIMAL, Basis, HourlyProgram, HourlySolution
from wattlas.placement.hour.protocol import HourProblem, Solution, join_steps, no_duals
from wattlas.placement.hour.surplus import Surplus
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.rows import HourlyRows
from wattlas.placement.problem.unit_values import Measure

HIGHS_HOUR_S, HIGHS_PLACE_S = 3e-4, 4e-6
"""CPU seconds of HiGHS per hour, and per open place and hour (60 to 6,000 places, hot). The engine
takes a tenth of them, once it is loaded."""
WORTH_S = 0.05
"""Where HiGHS would take longer for a stretch of hours, the engine solves it. Loading the engine
takes 1.0 s of CPU time in each process. A year is 48 stretches: below this bound HiGHS takes at
most 2.4 s for it, and the first plan of a process waits at most 0.95 s longer above. Whether the
engine is loaded already must not count, nor how many stretches there are: the same hours are placed
the same, in one piece or in chunks, whatever was planned before."""
THREADED = 128
"""From so many hours on, two threads share them. The number is fixed, whatever the machine has,
so that the same scenario gives the same placement everywhere."""
TIE = 1e-8
"""Weight of the tie-breaker in a first pass, relative to the measure, in units of their largest
values; the second pass is without it.
"""


def worth_it(instance: Instance, hours: int) -> bool:
    """Whether so many hours of this instance are enough for the engine."""
    return is_worth(int(instance.allowed.sum()), hours)


def is_worth(places: int, hours: int) -> bool:
    """The same of so many open places."""
    return hours * (HIGHS_HOUR_S + HIGHS_PLACE_S * places) >= WORTH_S


@dataclass
class Bases:
    """The bases of the steps that were solved last, to start from when they are solved again.

    `point_of` (S, O') says which points of the instance the bases' points are: another measure may
    leave other places open.
    """

    steps: np.ndarray
    basis: Basis
    point_of: np.ndarray

    def for_steps(self, steps: np.ndarray, point_of: np.ndarray) -> Basis | None:
        """The bases of these steps, where they and the sources are those of the last time."""
        if not np.array_equal(self.steps, steps) or len(self.point_of) != len(point_of):
            return None
        return renumbered(self.basis, self.point_of, point_of)


def renumbered(basis: Basis, before: np.ndarray, after: np.ndarray) -> Basis:
    """The same columns, each source's points numbered as in `after` (S, O') instead of `before`.

    A column whose point is not there any more becomes the one of unserved demand.
    """
    if np.array_equal(before, after):
        return basis
    sources = np.arange(len(before))[:, None]
    at = np.full((len(before), 1 + max(int(before.max()), int(after.max()))), -1, dtype=np.int32)
    at[sources, after] = np.arange(after.shape[1])
    place = at[sources, before]

    def moved(source: np.ndarray, column: np.ndarray) -> np.ndarray:
        served = (source >= 0) & (column[..., 0] >= 0)
        point = np.where(served, place[source, np.where(served, column[..., 0], 0)], -1)
        column_to = np.where((source < 0) | (point >= 0), column[..., 1], -1)
        return np.stack([point, column_to], axis=-1).astype(np.int32)

    owner = basis.basics[..., 0]
    columns = moved(owner, basis.basics[..., 1:])
    keys = moved(np.broadcast_to(sources[:, 0], basis.keys.shape[:2]), basis.keys)
    return Basis(keys, np.concatenate([owner[..., None], columns], axis=-1))


class Engine:
    """The generalised-upper-bound simplex, hot from hour to hour."""

    name = "engine"

    def takes(self, problem: HourProblem, steps: np.ndarray) -> bool:
        """Where every constraint that binds has a form for it."""
        return all(
            _has_form(by_name(name).for_engine(problem.instance, rows), rows, steps)
            for name, rows in problem.binding(steps).items()
        )

    def solve(
        self, problem: HourProblem, steps: np.ndarray, memory: dict[str, Any] | None = None
    ) -> Solution:
        """Solve the steps exactly, hot from hour to hour, or each from its own basis in memory.

        With a tie-breaker the steps are solved twice: with a little of it added, enough to choose
        among equals, and then by the measure alone, each from the basis it has. What is equal
        stays where it is, and both the flows and the duals are those of the measure. What it calls
        infeasible, or does not finish, is left.
        """
        from wattlas.placement.engine import solve_program

        threads = 2 if len(steps) >= THREADED else 1
        whole, places = program(problem)
        narrow, point_of = compact(whole)
        bases: Bases | None = None if memory is None else memory.get(self.name)
        start = None if bases is None else bases.for_steps(steps, point_of)
        if problem.tie is not None:
            tied = compact(with_measure(whole, places.surplus, with_tie(problem)))[0]
            start = solve_program(
                tied, steps, start=start, threads=threads, want_duals=False, keep_bases=True
            ).basis
        answer = solve_program(
            narrow, steps, start=start, threads=threads, keep_bases=memory is not None,
            want_demand_duals=False,
        )  # fmt: skip
        unsolved = answer.status != OPTIMAL
        parts, basis = [_solution(problem, places, answer, steps, point_of)], answer.basis
        if start is not None and unsolved.any():
            # A basis of another program may be so far away that the pivots run out.
            cold = solve_program(narrow, steps[unsolved], keep_bases=True, want_demand_duals=False)
            parts.append(_solution(problem, places, cold, steps[unsolved], point_of))
            if memory is not None:
                basis = basis.with_hours(unsolved, cold.basis)
        if memory is not None:
            memory[self.name] = Bases(steps, basis, point_of)
        return replace(join_steps(parts), left=parts[-1].left)


def _solution(
    problem: HourProblem,
    places: RowPlaces,
    answer: HourlySolution,
    steps: np.ndarray,
    point_of: np.ndarray,
) -> Solution:
    """What the engine found in some steps; those that it did not finish are `left`."""
    optimal = answer.status == OPTIMAL
    unsolved, solved = steps[~optimal], int(optimal.sum())
    value = np.zeros(problem.instance.demand.shape[1])
    value[steps] = np.where(optimal, answer.objective, 0.0) * problem.instance.hours[steps]
    return Solution(
        source_flows(places.surplus.without(answer), steps, point_of),
        places.duals(problem.instance, answer, steps),
        left=unsolved,
        info=SolveInfo(solver="", engine_hours=solved, programs=solved),
        value=value,
    )


def _has_form(part: EngineRows | None, rows: HourlyRows, steps: np.ndarray) -> bool:
    """Whether the engine can take a constraint: its coupling rows are free in no hour or in all."""
    if part is None or part.lower is None:
        return part is not None
    return bool(np.isfinite(part.lower[np.ix_(np.flatnonzero(rows.bound(steps)), steps)]).all())


def source_flows(answer: HourlySolution, steps: np.ndarray, point_of: np.ndarray) -> SourceFlows:
    """What the engine found as flows of the instance."""
    region = answer.region.astype(np.int64)
    source = answer.source.astype(np.int64)
    column = source * point_of.shape[1] + np.where(region >= 0, answer.point, 0)
    hour = np.repeat(steps, np.diff(answer.indptr))
    point = point_of.astype(np.int64).ravel().take(column)
    flows = SourceFlows(hour, source, region, point, answer.value)
    keep = answer.value > 0
    return flows if keep.all() else flows.where(keep)


@dataclass(frozen=True)
class RowPlaces:
    """Where the rows of each constraint stand among the engine's: (name, its rows, first, sign);
    and the sources that buy accelerators.
    """

    coupling: tuple[tuple[str, np.ndarray, int, float], ...]
    capacity: str
    surplus: Surplus

    def duals(
        self, instance: Instance, answer: HourlySolution, steps: np.ndarray
    ) -> dict[str, np.ndarray]:
        """The engine's duals by constraint, (J, T); 0 in the steps that it left."""
        duals = no_duals(instance)
        solved = answer.status == OPTIMAL
        at = steps[solved]
        if self.capacity:
            duals[self.capacity][:, at] = np.minimum(answer.capacity_dual[:, solved], 0.0)
        for name, rows, first, sign in self.coupling:
            dual = np.maximum(answer.row_dual[first : first + len(rows)][:, solved], 0.0)
            duals[name][np.ix_(rows, at)] = sign * dual
        return duals


def program(problem: HourProblem) -> tuple[HourlyProgram, RowPlaces]:
    """The hours' programs as the engine takes them, and where each constraint's rows stand."""
    instance, measure = problem.instance, problem.measure
    coupling, coef, lower, bought, at = [], [], [], [], 0
    capacity, room = "", np.full(instance.capacity.shape, np.inf)
    for name, rows in problem.rows.items():
        part: EngineRows | None = by_name(name).for_engine(instance, rows)
        if part is None:
            continue
        if part.capacity is not None:
            capacity, room = name, part.capacity
        elif part.coef is not None and part.lower is not None:
            bound = np.flatnonzero(rows.bound())
            coupling.append((name, bound, at, part.sign))
            coef.append(part.coef[bound])
            # Hours in which a row is free are not given to the engine; no infinity may enter it.
            lower.append(np.where(np.isfinite(part.lower[bound]), part.lower[bound], 0.0))
            none = np.zeros((rows.count, len(room)))
            bought.append(part.sign * (none if part.bought is None else part.bought)[bound])
            at += len(bound)
    shape, hours = instance.energy_kwh.shape, instance.demand.shape[1]
    tidy = np.ascontiguousarray
    built = HourlyProgram(
        demand=tidy(instance.demand, dtype=np.float64),
        energy_kwh=tidy(instance.energy_kwh, dtype=np.float64),
        gpu_h=tidy(instance.gpu_h, dtype=np.float64),
        allowed=tidy(instance.allowed),
        per_kwh=tidy(measure.per_kwh, dtype=np.float64),
        per_request=tidy(measure.per_request, dtype=np.float64),
        capacity=tidy(room, dtype=np.float64),
        unserved=_unserved(measure),
        row_coef=np.concatenate(coef) if coef else np.zeros((0, *shape)),
        row_lower=np.concatenate(lower) if lower else np.zeros((0, hours)),
    )
    surplus = Surplus.of(problem)
    of_bought = np.concatenate(bought) if bought else np.zeros((0, len(room)))
    return surplus.added(built, measure, of_bought), RowPlaces(tuple(coupling), capacity, surplus)


def with_measure(whole: HourlyProgram, surplus: Surplus, measure: Measure) -> HourlyProgram:
    """The same program with another objective."""
    tidy = np.ascontiguousarray
    return replace(
        whole,
        per_kwh=tidy(measure.per_kwh, dtype=np.float64),
        per_request=surplus.places(tidy(measure.per_request, dtype=np.float64), 0.0),
        unserved=np.concatenate([_unserved(measure), surplus.price(measure)]),
    )


def _unserved(measure: Measure) -> np.ndarray:
    priced = np.where(np.isnan(measure.per_unserved), np.inf, measure.per_unserved)
    return np.ascontiguousarray(priced)


def compact(whole: HourlyProgram) -> tuple[HourlyProgram, np.ndarray]:
    """The program with as few points as the source with the most open ones has, and which point of
    the whole each of a source's points is, (S, O').

    A class uses few of all points, and what the engine scans is as wide as the points are many.
    """
    active = whole.allowed.any(axis=1)
    width = max(int(active.sum(axis=1).max(initial=0)), 1)
    point_of = np.argsort(~active, axis=1, kind="stable")[:, :width]
    if width == active.shape[1] or whole.per_gpu_h is not None:
        return whole, np.broadcast_to(np.arange(active.shape[1]), active.shape)
    by_place = point_of[:, None, :]
    tidy = np.ascontiguousarray
    narrow = replace(
        whole,
        energy_kwh=np.take_along_axis(whole.energy_kwh, point_of, axis=1),
        gpu_h=np.take_along_axis(whole.gpu_h, point_of, axis=1),
        allowed=tidy(np.take_along_axis(whole.allowed, by_place, axis=2)),
        per_request=tidy(np.take_along_axis(whole.per_request, by_place, axis=2)),
        row_coef=tidy(np.take_along_axis(whole.row_coef, point_of[None], axis=2)),
    )
    return narrow, point_of


def with_tie(problem: HourProblem) -> Measure:
    """The measure and a little of what breaks ties."""
    measure, tie, instance = problem.measure, problem.tie, problem.instance
    if tie is None:
        return measure
    weight = TIE * _largest(instance, measure) / max(_largest(instance, tie), 1e-300)
    return measure.plus(tie, weight)


def _largest(instance: Instance, measure: Measure) -> float:
    """Largest unit value of an open place, roughly: the largest parts added up."""
    fixed = np.where(instance.allowed, np.abs(measure.per_request), 0.0)
    energy = float(instance.energy_kwh.max(initial=0.0))
    return energy * float(np.abs(measure.per_kwh).max(initial=0.0)) + float(fixed.max(initial=0.0))
