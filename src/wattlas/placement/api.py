"""`plan`: a scenario in, a placement out."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import UsageError
from wattlas.model.objective import Minimise, Objective, Solver
from wattlas.model.plan import Plan, SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.placement import conflict, highs
from wattlas.placement.caps import Capped, join_windows, solve_capped, windows
from wattlas.placement.frictions import friction_usd
from wattlas.placement.hourly import Solution, evaluate, solve_hours
from wattlas.placement.instance import Instance, build_instance
from wattlas.placement.joint import solve_joint
from wattlas.placement.measures import (
    Measure,
    carbon,
    carbon_to_minimise,
    cost,
    onward_rtt,
)
from wattlas.placement.program import Cap
from wattlas.placement.totals import expand, totals
from wattlas.units import KG_PER_T

THREADS = 2
"""Unbroken runs of coupled hours that are solved at the same time."""


def plan(
    scenario: Scenario,
    *,
    objective: Objective | None = None,
    budget_ms: np.ndarray | None = None,
    time_limit_s: float | None = None,
) -> Plan:
    """Place all demand at least cost or least carbon.

    `objective` replaces the scenario's own; `budget_ms` (metros, classes) replaces the classes'
    latency budgets; `time_limit_s` bounds programs that are coupled in time (status `limit`).

    Returns a Plan whose status says first how it ended; an infeasible one carries the smallest
    conflict found, in words. Raises UsageError for an objective with two caps, SolverError where
    the solver breaks its promise. Formulas: the placement program of Luo & Yang 2026.
    """
    began = time.perf_counter()
    if objective is not None:
        scenario = replace(scenario, objective=objective)
    _check_objective(scenario.objective)
    _check_solver(scenario)
    instance = build_instance(scenario, budget_ms)
    if instance.stranded:
        return _infeasible(instance, conflict.stranded_words(instance), began)
    outcome = solve_instance(instance, time_limit_s=time_limit_s)
    if outcome.conflict:
        return _infeasible(instance, outcome.conflict, began)
    return finish(instance, outcome.solution, outcome.abatement, began=began)


@dataclass(frozen=True)
class Outcome:
    """A solution of the merged program, the duals of its caps, or why there is none."""

    solution: Solution
    abatement: np.ndarray | None = None
    conflict: str = ""


def solve_instance(instance: Instance, *, time_limit_s: float | None = None) -> Outcome:
    """Solve the instance under its scenario's objective, apart by hour where that is exact."""
    objective = instance.scenario.objective
    main, tie = _measures(instance, objective)
    if _cap_given(objective):
        return _with_caps(instance, main, time_limit_s)
    if instance.scenario.frictions.couples:
        return _coupled(instance, main, tie, time_limit_s)
    solution = solve_hours(instance, main, tie)
    if len(solution.infeasible):
        return Outcome(solution, conflict=conflict.hour_words(instance, solution.infeasible))
    return Outcome(solution)


def finish(
    instance: Instance,
    solution: Solution,
    abatement: np.ndarray | None = None,
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
        abatement_usd_per_t=abatement,
        policy=policy,
    )


def nearest_available(instance: Instance) -> Solution:
    """Least demand-weighted round trip from the service nodes, capacity kept; cost breaks ties."""
    return solve_hours(instance, onward_rtt(instance), cost(instance))


def _measures(instance: Instance, objective: Objective) -> tuple[Measure, Measure | None]:
    if objective.minimise is Minimise.CARBON:
        return carbon_to_minimise(instance), cost(instance)
    return cost(instance), None


def _coupled(
    instance: Instance, main: Measure, tie: Measure | None, time_limit_s: float | None
) -> Outcome:
    """One program for each unbroken run of steps: nothing is carried across a gap.

    Frictions are money, so the least carbon is found hour by hour; what is then made least is the
    cost, frictions included, at that carbon.
    """
    apart = solve_hours(instance, main) if tie is not None else None
    if apart is not None and len(apart.infeasible):
        return Outcome(apart, conflict=conflict.hour_words(instance, apart.infeasible))

    def solve(run: np.ndarray) -> Solution:
        caps: tuple[Cap, ...] = ()
        if apart is not None:
            least = float(evaluate(instance, main, apart)[run].sum())
            caps = (Cap("carbon", main, least + 1e-9 * abs(least), run),)
        target = main if tie is None else tie
        return solve_joint(instance, target, caps, steps=run, time_limit_s=time_limit_s)[0]

    runs = np.split(np.arange(instance.scenario.hours.count), _breaks(instance))
    with ThreadPoolExecutor(THREADS) as pool:
        solved = list(pool.map(solve, runs))
    if any(one.status is Status.INFEASIBLE for one in solved):
        return Outcome(solved[0], conflict=_joint_conflict(instance, main))
    return Outcome(join_windows(solved))


def _breaks(instance: Instance) -> np.ndarray:
    """Steps that follow none, the first apart: where one run ends and the next begins."""
    return np.flatnonzero(~instance.scenario.hours.follows)[1:]


def _joint_conflict(instance: Instance, main: Measure) -> str:
    """Frictions cannot make a program infeasible, so some hour clashes by itself."""
    apart = solve_hours(instance, main)
    if len(apart.infeasible):
        return conflict.hour_words(instance, apart.infeasible)
    return "The solver found the coupled program infeasible although every hour is feasible."


def _cap_given(objective: Objective) -> bool:
    caps = (
        objective.carbon_cap_t,
        objective.carbon_cap_share,
        objective.cost_cap_usd,
        objective.cost_cap_share,
    )
    return any(cap is not None for cap in caps)


def _with_caps(instance: Instance, main: Measure, time_limit_s: float | None) -> Outcome:
    """One cap per window, by multipliers or as rows of the coupled program."""
    objective = instance.scenario.objective
    parts = windows(instance, objective.window)
    limited, name = _limited(instance, objective)
    apart = solve_hours(instance, main)
    if len(apart.infeasible):
        return Outcome(apart, conflict=conflict.hour_words(instance, apart.infeasible))
    limits = _limits(instance, objective, limited, parts)
    if instance.scenario.frictions.couples:
        return _coupled_caps(instance, main, limited, limits, parts, time_limit_s)
    solved = [
        solve_capped(instance, main, limited, limit, steps)
        for limit, steps in zip(limits, parts, strict=True)
    ]
    for one, limit, steps in zip(solved, limits, parts, strict=True):
        if not one.feasible:
            text = _cap_conflict(instance, name, limited, limit, one.attainable, steps)
            return Outcome(one.solution, conflict=text)
    joined = join_windows([replace(one.solution, gap=one.gap) for one in solved])
    return Outcome(joined, _abatement(objective, solved))


def _coupled_caps(
    instance: Instance,
    main: Measure,
    limited: Measure,
    limits: np.ndarray,
    parts: list[np.ndarray],
    time_limit_s: float | None,
) -> Outcome:
    caps = tuple(
        Cap(limited.unit, limited, float(limit), steps)
        for limit, steps in zip(limits, parts, strict=True)
    )
    solution, prices = solve_joint(instance, main, caps, time_limit_s=time_limit_s)
    if solution.status is not Status.INFEASIBLE:
        duals = [Capped(solution, float(price), float("nan"), True) for price in prices]
        return Outcome(solution, _abatement(instance.scenario.objective, duals))
    least, _ = solve_joint(instance, limited, time_limit_s=time_limit_s)
    used = evaluate(instance, limited, least)
    if limited.unit == "USD":
        used = used + friction_usd(instance, *least.flows) * instance.scenario.hours.weight
    short = next(
        (q for q, steps in enumerate(parts) if used[steps].sum() > limits[q]), len(parts) - 1
    )
    attainable = float(used[parts[short]].sum())
    name = "carbon" if limited.unit == "t" else "cost"
    text = _cap_conflict(instance, name, limited, float(limits[short]), attainable, parts[short])
    return Outcome(solution, conflict=text)


def _limited(instance: Instance, objective: Objective) -> tuple[Measure, str]:
    if objective.carbon_cap_t is not None or objective.carbon_cap_share is not None:
        return carbon(instance), "carbon"
    return cost(instance), "cost"


def _limits(
    instance: Instance, objective: Objective, limited: Measure, parts: list[np.ndarray]
) -> np.ndarray:
    """The limit of each window; relative ones are shares of what the nearest-available baseline
    reaches, its frictions aside.
    """
    absolute = (
        objective.carbon_cap_t if objective.carbon_cap_t is not None else objective.cost_cap_usd
    )
    if absolute is not None:
        return np.full(len(parts), absolute)
    share = (
        objective.carbon_cap_share
        if objective.carbon_cap_share is not None
        else objective.cost_cap_share
    )
    assert share is not None
    used = evaluate(instance, limited, nearest_available(instance))
    return np.array([share * used[steps].sum() for steps in parts])


def _abatement(objective: Objective, solved: list[Capped]) -> np.ndarray:
    """USD/t: the dual of a carbon cap, or one over the dual (t/USD) of a cost cap."""
    duals = np.array([one.dual for one in solved])
    if objective.minimise is Minimise.COST:
        return duals
    inverse: np.ndarray = np.divide(1.0, duals, out=np.full_like(duals, np.inf), where=duals > 0)
    return inverse


def _cap_conflict(
    instance: Instance,
    name: str,
    limited: Measure,
    limit: float,
    attainable: float,
    steps: np.ndarray,
) -> str:
    utc = instance.scenario.hours.utc
    when = f"{utc[steps[0]]}Z to {utc[steps[-1]]}Z"
    return conflict.cap_words(name, limit, attainable, limited.unit, when)


def _check_objective(objective: Objective) -> None:
    given = [
        name
        for name in ("carbon_cap_t", "carbon_cap_share", "cost_cap_usd", "cost_cap_share")
        if getattr(objective, name) is not None
    ]
    if len(given) > 1:
        raise UsageError(f"an objective has at most one cap, got {' and '.join(given)}")
    capped = "carbon" if given and given[0].startswith("carbon") else "cost"
    if given and capped == objective.minimise.value:
        raise UsageError(f"{given[0]} limits what is made least anyway; minimise the other one")


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
    if not solution.engine_hours:
        return highs.version() if solution.programs else "closed form per hour"
    if not solution.highs_hours:
        return "wattlas engine"
    return f"wattlas engine, {solution.highs_hours} hours by {highs.version()}"
