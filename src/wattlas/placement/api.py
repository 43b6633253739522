"""`plan`: a scenario in, a placement out."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from wattlas.errors import UsageError
from wattlas.model.checks import checked_array
from wattlas.model.objective import Minimise, Objective, Solver
from wattlas.model.plan import LimitReport, Plan, SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.model.workload import ALLOWANCE
from wattlas.placement.constraints.shares import couplings
from wattlas.placement.explain import conflict
from wattlas.placement.hour import highs
from wattlas.placement.hour.solver import Solution, solve_hours
from wattlas.placement.problem.blocks import blocks
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.merge_sources import merged, shared_out
from wattlas.placement.problem.unit_values import Measure, carbon_to_minimise, cost
from wattlas.placement.solution.concat import counted_words, joined
from wattlas.placement.solution.totals import expand, totals
from wattlas.placement.window import limits as limited
from wattlas.placement.window.time_coupled import Outcome, solve_coupled, solve_coupled_limits
from wattlas.units import KG_PER_T


def plan(
    scenario: Scenario,
    *,
    objective: Objective | str | None = None,
    budget_ms: np.ndarray | None = None,
    time_limit_s: float | None = None,
) -> Plan:
    """Place all demand at least cost or least carbon.

    `objective` replaces the scenario's own, and may be a word: `cost` or `carbon`. `budget_ms`
    (metros, classes) replaces the classes' latency budgets; `time_limit_s` bounds programs that
    are coupled in time (status `limit`, without flows where the time was over before any placement
    was found).

    Returns a Plan whose status says first how it ended; an infeasible one carries the smallest
    conflict found, in words. Raises InputError for an objective or budgets that make no sense,
    SolverError where the solver breaks its promise. Formulas: the placement program of Luo & Yang
    2026.
    """
    began = time.perf_counter()
    if objective is not None:
        scenario = replace(scenario, objective=Objective.of(objective))
    _check_solver(scenario)
    instance = build_instance(scenario, _checked_budgets(scenario, budget_ms))
    if instance.stranded:
        return _infeasible(instance, conflict.stranded_words(instance), began)
    stretches = blocks(scenario)
    if len(stretches) > 1:
        return _one_by_one(instance, stretches, began)
    outcome = solve_instance(instance, time_limit_s=time_limit_s)
    if outcome.conflict:
        return _infeasible(instance, outcome.conflict, began)
    if outcome.unfinished:
        return Plan(Status.LIMIT, instance.scenario, _info(outcome.solution, began, ""))
    return finish(instance, outcome.solution, outcome.limits, began=began)


def _one_by_one(instance: Instance, stretches: list[np.ndarray], began: float) -> Plan:
    """The plan of stretches that nothing couples, each from nothing but its own hours."""
    scenario, parts, clash, short = instance.scenario, [], [], ""
    for steps in stretches:
        part = build_instance(scenario.at_hours(steps), judged=instance.judged)
        outcome = solve_instance(part)
        if outcome.conflict:
            clash.append(steps[outcome.solution.infeasible])
            short = short or ("" if len(clash[-1]) else outcome.conflict)
        elif not clash:
            parts.append(finish(part, outcome.solution, outcome.limits))
    if clash:
        hours = np.concatenate(clash)
        text = conflict.hour_words(instance, hours) if len(hours) else short
        return _infeasible(instance, text, began)
    return joined(scenario, parts, time.perf_counter() - began)


def solve_instance(instance: Instance, *, time_limit_s: float | None = None) -> Outcome:
    """Solve the instance under its scenario's objective, apart by hour where that is exact.

    Sources whose nodes offer them the same are solved as one where hours are programs.
    """
    few = _alike(instance)
    if few is None:
        return _solved(instance, instance, time_limit_s)
    smaller, of = few
    found = _solved(smaller, instance, time_limit_s)
    if found.conflict:
        return found
    flows = shared_out(found.solution.flows, instance, of)
    return replace(found, solution=found.solution.with_flows(flows))


def _alike(instance: Instance) -> tuple[Instance, np.ndarray] | None:
    """Fewer sources, where capacity or accuracy ties demands to each other and nothing hours."""
    tied = np.isfinite(instance.capacity).any() or couplings(instance) > 0
    if instance.scenario.frictions.couples or not tied:
        return None
    main, tie = objective_measures(instance)
    return merged(instance, (main,) if tie is None else (main, tie))


def _solved(instance: Instance, whole: Instance, time_limit_s: float | None) -> Outcome:
    """As `solve_instance`; conflicts of hours are looked for among the sources of the `whole`."""
    if limited.given(instance.scenario):
        return _with_limits(instance, whole, time_limit_s)
    main, tie = objective_measures(instance)
    if instance.scenario.frictions.couples:
        return solve_coupled(instance, main, tie, time_limit_s)
    solution = solve_hours(instance, main, tie)
    if len(solution.infeasible):
        return Outcome(solution, conflict=conflict.hour_words(whole, solution.infeasible))
    return Outcome(solution)


def finish(
    instance: Instance,
    solution: Solution,
    limits: tuple[LimitReport, ...] = (),
    *,
    began: float | None = None,
    policy: str = "optimum",
    solver: str = "",
) -> Plan:
    """A Plan from a solution of the merged program."""
    flows = expand(instance, solution)
    summed = totals(instance, solution, flows)
    cheapest = instance.scenario.objective.minimise is Minimise.COST
    return Plan(
        status=solution.status,
        scenario=instance.scenario,
        info=_info(solution, began, solver),
        flows=flows,
        totals=summed,
        objective=summed.cost_usd if cheapest else summed.carbon_kg / KG_PER_T,
        capacity_price_usd_per_gpu_h=solution.capacity_price,
        row_price=solution.row_price,
        abatement_usd_per_t=_abatement(instance.scenario.objective, limits),
        limits=limits,
        policy=policy,
    )


def objective_measures(instance: Instance) -> tuple[Measure, Measure | None]:
    """What the scenario makes least, and what breaks ties."""
    if instance.scenario.objective.minimise is Minimise.CARBON:
        return carbon_to_minimise(instance), cost(instance)
    return cost(instance), None


def _with_limits(instance: Instance, whole: Instance, time_limit_s: float | None) -> Outcome:
    """Limits over windows: by multipliers, or as rows of the coupled program."""
    main, tie = objective_measures(instance)
    asked = limited.limits(instance)
    if instance.scenario.frictions.couples:
        return solve_coupled_limits(instance, main, tie, asked, time_limit_s)
    found = limited.solve(instance, main, tie, asked)
    if len(found.clashing):
        return Outcome(found.solution, conflict=conflict.hour_words(whole, found.clashing))
    if found.short:
        return Outcome(found.solution, conflict=limited.words(instance, asked, found.short))
    solution = replace(found.solution, gap=found.gap)
    return Outcome(solution, limited.reports(instance, asked, solution, found.dual))


def _abatement(objective: Objective, reports: tuple[LimitReport, ...]) -> np.ndarray | None:
    """USD/t: the dual of a carbon cap, or one over the dual (t/USD) of a cost cap."""
    duals = np.array([one.price for one in reports if one.id in ("carbon", "cost")])
    if not len(duals):
        return None
    if objective.minimise is Minimise.COST:
        return duals
    inverse: np.ndarray = np.divide(1.0, duals, out=np.full_like(duals, np.inf), where=duals > 0)
    return inverse


def _checked_budgets(scenario: Scenario, budget_ms: np.ndarray | None) -> np.ndarray | None:
    """The budgets as an array (metros, classes), ms; inf is none."""
    if budget_ms is None:
        return None
    metros = [metro.id for metro in scenario.metros]
    classes = [klass.id for klass in scenario.classes]
    return checked_array("budget_ms", budget_ms, ALLOWANCE, (metros, classes))


def _check_solver(scenario: Scenario) -> None:
    if scenario.solver is Solver.ENGINE and scenario.frictions.couples:
        raise UsageError(
            "the engine solves hours apart, and this scenario's frictions couple them; "
            "take `solver: auto`, or remove the frictions"
        )


def _infeasible(instance: Instance, text: str, began: float) -> Plan:
    return Plan(
        status=Status.INFEASIBLE,
        scenario=instance.scenario,
        info=SolveInfo(solver=highs.version(), seconds=time.perf_counter() - began),
        conflict=text,
    )


def _info(solution: Solution, began: float | None, solver: str) -> SolveInfo:
    seconds = solution.seconds if began is None else time.perf_counter() - began
    return SolveInfo(
        solver=solver or solver_words(solution),
        seconds=seconds,
        build_seconds=solution.build_seconds,
        engine_hours=solution.engine_hours,
        highs_hours=solution.highs_hours,
        programs=solution.programs,
        rows=solution.rows,
        columns=solution.columns,
        nonzeros=solution.nonzeros,
        gap=solution.gap,
    )


def solver_words(solution: Solution) -> str:
    """Who solved it: the engine, HiGHS, both, or neither where every source had its best place."""
    return counted_words(solution.engine_hours, solution.highs_hours, solution.programs)
