"""Hours that nothing couples, each solved by itself: who solves which is decided here alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wattlas.model.objective import Solver
from wattlas.placement.hour.closed_form import ClosedForm
from wattlas.placement.hour.engine_hour import Engine, worth_it
from wattlas.placement.hour.highs_hour import Highs
from wattlas.placement.hour.protocol import HourProblem, HourSolver, Solution, join_steps, unsolved
from wattlas.placement.hour.prune import pruned
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure, zero

CLOSED_FORM, ENGINE, HIGHS = ClosedForm(), Engine(), Highs()


def solve_hours(
    instance: Instance,
    measure: Measure,
    tie: Measure | None = None,
    steps: np.ndarray | None = None,
    solver: Solver | None = None,
    memory: dict[str, Any] | None = None,
) -> Solution:
    """Make `measure` least in every step apart; among equals make `tie` least.

    `steps` are the indices to solve, all by default. Exact: every step is optimal or listed as
    infeasible. What couples several steps is not looked at. `solver` is the scenario's own by
    default. `memory` carries what the solvers keep over to the next call.
    """
    began = time.perf_counter()
    steps = np.arange(instance.scenario.hours.count) if steps is None else steps
    few = pruned(instance, (measure,) if tie is None else (measure, tie), steps)
    problem = HourProblem(few, measure, tie)
    parts = [unsolved(few)]
    rest = steps
    for candidate in _chain(problem, steps, solver):
        if len(rest) and candidate.takes(problem, rest) and _pays(candidate, problem, rest, solver):
            parts.append(candidate.solve(problem, rest, memory))
            rest = parts[-1].left
    whole = join_steps(parts)
    rows, columns, nonzeros = problem.size()
    info = replace(
        whole.info,
        seconds=time.perf_counter() - began,
        rows=rows,
        columns=columns,
        nonzeros=nonzeros,
    )
    return replace(whole, left=rest, info=info)


def feasible(instance: Instance, steps: np.ndarray) -> bool:
    """Whether all of these steps have a placement."""
    nothing = zero(instance)
    problem = HourProblem(pruned(instance, (nothing,), steps), nothing)
    first = _chain(problem, steps, None)[0]
    if first is not ENGINE or not first.takes(problem, steps):
        return not len(solve_hours(instance, nothing, None, steps).infeasible)
    unsolved = first.solve(problem, steps).left
    return not any(
        len(solve_hours(instance, nothing, None, unsolved[n : n + 1]).infeasible)
        for n in range(len(unsolved))
    )


def _chain(problem: HourProblem, steps: np.ndarray, solver: Solver | None) -> Sequence[HourSolver]:
    """Who is asked, one after the other; the last one judges what is left.

    The closed form is passed over where the engine gets all steps: it finds those that need no
    program by itself.
    """
    if problem.instance.tactics.hour:
        return problem.instance.tactics.hour
    word = problem.instance.scenario.solver if solver is None else solver
    chain: dict[Solver, Sequence[HourSolver]] = {
        Solver.ENGINE: (ENGINE, HIGHS),
        Solver.HIGHS: (CLOSED_FORM, HIGHS),
        Solver.AUTO: (CLOSED_FORM, ENGINE, HIGHS),
    }
    many = worth_it(problem.instance, len(steps)) and problem.binding(steps)
    if word is Solver.AUTO and many and ENGINE.takes(problem, steps):
        return chain[Solver.ENGINE]
    return chain[word]


def _pays(
    candidate: HourSolver, problem: HourProblem, steps: np.ndarray, solver: Solver | None
) -> bool:
    """Whether the engine, which has to be loaded, is worth it where nobody asked for it."""
    if candidate is not ENGINE or problem.instance.tactics.hour:
        return True
    word = problem.instance.scenario.solver if solver is None else solver
    return word is Solver.ENGINE or worth_it(problem.instance, len(steps))
