"""`plan`: a scenario in, a placement out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wattlas.errors import UsageError
from wattlas.model.checks import checked_array
from wattlas.model.objective import Minimise, Objective, Solver
from wattlas.model.plan import Plan, SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.model.workload import ALLOWANCE
from wattlas.placement.constraints.registry import links, ties_demands
from wattlas.placement.explain import conflict
from wattlas.placement.hour import highs
from wattlas.placement.hour.merge_sources import merged, shared_out
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.limit import Limit, at_every_step
from wattlas.placement.problem.queue import Queue
from wattlas.placement.problem.tactics import Tactics
from wattlas.placement.problem.unit_values import Measure, carbon_to_minimise, cost
from wattlas.placement.solution.concat import concat, plan_of
from wattlas.placement.window.blocks import blocks, over_blocks
from wattlas.placement.window.carried import Carried
from wattlas.placement.window.limits import limits_of, reports, short_words, solve_limits
from wattlas.placement.window.linked_hours import solve_linked_hours
from wattlas.placement.window.waiting import refuse_waiting, solve_waiting


def plan(
    scenario: Scenario,
    *,
    objective: Objective | str | None = None,
    budget_ms: np.ndarray | None = None,
    time_limit_s: float | None = None,
    keep_flows: bool = True,
    tactics: Tactics | None = None,
    progress: Callable[[float], None] | None = None,
    every_step: bool = False,
) -> Plan:
    """Place all demand at least cost or least carbon.

    `objective` replaces the scenario's own, and may be a word, `cost` or `carbon`; `budget_ms`
    (metros, classes) replaces the classes' latency budgets; `time_limit_s` bounds programs that are
    coupled in time (status `limit`, without flows where the time was over before any placement was
    found). Where classes may wait, flows are by the step in which they run, and `plan.waited` says
    when that was. Without `keep_flows` they are added up block by block and dropped. `tactics` say
    who solves what, where that is not left to the scenario. `progress` is called with the share of
    the steps that are done. With `every_step` a cap on a share over a window is kept from the
    beginning of the window to the end of every step in it, not at its own end alone.

    Returns a Plan whose status says first how it ended; an infeasible one carries the smallest
    conflict found, in words. Raises InputError for an objective or budgets that make no sense,
    SolverError where the solver ends without an answer. Formulas: the placement program of
    Luo & Yang 2026.
    """
    began = time.perf_counter()
    if objective is not None:
        scenario = replace(scenario, objective=Objective.of(objective))
    _check_solver(scenario)
    refuse_waiting(scenario)
    whole = build_instance(scenario, _checked_budgets(scenario, budget_ms)).by(tactics or Tactics())
    if whole.stranded:
        return _infeasible(whole, conflict.stranded_words(whole), began)

    def solved(part: Instance, steps: np.ndarray) -> _Block:
        return _block(part, steps, time_limit_s, keep_flows, every_step)

    stretches = blocks(scenario)
    outcomes = list(_told(over_blocks(whole, stretches, solved), stretches, progress))
    clash = np.concatenate([block.clash for block in outcomes])
    if len(clash):
        return _infeasible(whole, conflict.hour_words(whole, clash), began)
    short = next((block.short for block in outcomes if block.short), "")
    if short:
        return _infeasible(whole, short, began)
    made = concat(scenario, [block.plan for block in outcomes if block.plan])
    return replace(made, info=replace(made.info, seconds=time.perf_counter() - began))


@dataclass(frozen=True)
class _Block:
    """A stretch that nothing couples to its neighbours: its plan, or why there is none.

    `clash` are steps of the whole without a placement, `short` says which limits cannot be met.
    """

    plan: Plan | None
    clash: np.ndarray
    short: str = ""


def _told(
    made: Iterator[_Block], stretches: list[np.ndarray], progress: Callable[[float], None] | None
) -> Iterator[_Block]:
    """The blocks as they come, each told of when it is there."""
    done, whole = 0, max(sum(map(len, stretches)), 1)
    for block, steps in zip(made, stretches, strict=True):
        done += len(steps)
        if progress:
            progress(done / whole)
        yield block


def _block(
    part: Instance,
    steps: np.ndarray,
    time_limit_s: float | None,
    keep_flows: bool,
    every_step: bool,
) -> _Block:
    solution, limits = solve_instance(part, time_limit_s=time_limit_s, every_step=every_step)
    if len(solution.infeasible):
        return _Block(None, steps[solution.infeasible])
    if solution.conflict:
        return _Block(None, steps[:0], solution.conflict)
    if solution.limit_least:
        return _Block(None, steps[:0], short_words(part, limits, solution.limit_least))
    if solution.status is Status.FAILED or _out_of_time(part, solution):
        return _Block(Plan(Status.LIMIT, part.scenario, solution.info), steps[:0])
    told = reports(part, limits, solution)
    return _Block(plan_of(part, solution, told, flows=keep_flows), steps[:0])


def _out_of_time(part: Instance, solution: Solution) -> bool:
    """Whether the time was over before there was any placement."""
    nothing = not len(solution.flows.hour) and bool((part.demand > 0).any())
    return solution.status is Status.LIMIT and nothing


def solve_instance(
    instance: Instance,
    *,
    time_limit_s: float | None = None,
    memory: dict[str, Any] | None = None,
    carried: Carried | None = None,
    every_step: bool = False,
) -> tuple[Solution, list[Limit]]:
    """Solve the instance under its scenario's objective, apart by hour where that is exact.

    Sources whose nodes offer them the same are solved as one where hours are programs. Returns the
    limits over windows, too, in the order of the solution's prices of them. `memory` is that of
    `solve_hours`, or of windows that follow each other where something is carried. `carried` is
    what steps before the first leave. With `every_step` a limit on a share is kept at the end of
    every step of its window, and not at its own end alone.
    """
    main, tie = objective_measures(instance)
    tie = tie if instance.tactics.tie else None
    waits = instance.scenario.waits and len(Queue.of(instance)) > 0
    limits = limits_of(replace(instance, by_arrival=True) if waits else instance)
    before = None
    if carried is not None:
        limits, before = carried.on(limits), carried.before
    if every_step:
        limits = at_every_step(limits)
    if waits:
        return solve_waiting(instance, main, tie, limits, time_limit_s), limits
    if links(instance.scenario):
        linked = solve_linked_hours(instance, main, tie, limits, time_limit_s, before, memory)
        return linked, limits
    few = _merged(instance, main, tie, limits)
    if few is None:
        return solve_limits(instance, main, tie, limits, memory), limits
    smaller, first, kind = few
    own = [limit.of_sources(first) for limit in limits]
    second = None if tie is None else tie.of_sources(first)
    solution = solve_limits(smaller, main.of_sources(first), second, own, memory)
    return solution.with_flows(shared_out(solution.flows, instance, kind)), limits


def _merged(
    instance: Instance, main: Measure, tie: Measure | None, limits: list[Limit]
) -> tuple[Instance, np.ndarray, np.ndarray] | None:
    """Fewer sources, where a constraint ties demands to each other."""
    if not ties_demands(instance):
        return None
    measures = [main, *([] if tie is None else [tie])]
    distinct = {id(limit.measure): limit.measure for limit in limits}
    return merged(instance, [*measures, *distinct.values()])


def objective_measures(instance: Instance) -> tuple[Measure, Measure | None]:
    """What the scenario makes least, and what breaks ties."""
    if instance.scenario.objective.minimise is Minimise.CARBON:
        return carbon_to_minimise(instance), cost(instance)
    return cost(instance), None


def _checked_budgets(scenario: Scenario, budget_ms: np.ndarray | None) -> np.ndarray | None:
    """The budgets as an array (metros, classes), ms; inf is none."""
    if budget_ms is None:
        return None
    metros = [metro.id for metro in scenario.metros]
    classes = [klass.id for klass in scenario.classes]
    return checked_array("budget_ms", budget_ms, ALLOWANCE, (metros, classes))


def _check_solver(scenario: Scenario) -> None:
    if scenario.solver is Solver.ENGINE and links(scenario):
        raise UsageError(
            "the engine solves hours apart, and this scenario's switching costs couple them; "
            "take `solver: auto`, or remove `frictions`"
        )


def _infeasible(instance: Instance, text: str, began: float) -> Plan:
    return Plan(
        status=Status.INFEASIBLE,
        scenario=instance.scenario,
        info=SolveInfo(solver=highs.version(), seconds=time.perf_counter() - began),
        conflict=text,
    )
