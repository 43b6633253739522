"""From a solution to a plan, and plans of neighbouring stretches of time as one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

import numpy as np

from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import Flows, LimitReport, Plan, SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.model.waiting import Waited
from wattlas.placement.hour import highs
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.problem.instance import Instance
from wattlas.placement.solution.account import add_totals, totals
from wattlas.placement.solution.expanded import expand
from wattlas.units import KG_PER_T


def plan_of(
    instance: Instance,
    solution: Solution,
    limits: tuple[LimitReport, ...] = (),
    *,
    flows: bool = True,
    policy: str = "optimum",
    solver: str = "",
) -> Plan:
    """A Plan from a solution of the merged program, its flows kept or only added up."""
    waited = None
    if solution.ran is not None:
        stated = instance
        waited = _waited(stated, solution)
        assert solution.arrivals is not None
        instance = solution.arrivals.as_run(solution.ran, waited)
    summed = totals(instance, solution.flows)
    cheapest = instance.scenario.objective.minimise is Minimise.COST
    named = solver or solver_words(solution.info)
    placed = None
    if flows:
        placed, source_flow = expand(instance, solution.flows)
        waited = None if waited is None else _with_rows(waited, placed, solution, source_flow)
    return Plan(
        status=solution.status,
        scenario=instance.scenario if waited is None else stated.scenario,
        info=replace(solution.info, solver=named),
        flows=placed,
        totals=summed,
        objective=summed.variable_usd if cheapest else summed.carbon_kg / KG_PER_T,
        duals=solution.duals,
        abatement_usd_per_t=_abatement(instance.scenario.objective, limits),
        limits=limits,
        policy=policy,
        waited=waited,
    )


def _waited(stated: Instance, solution: Solution) -> Waited:
    """When the requests of the classes that may wait ran, and what waiting is compared with."""
    scenario, arrivals = stated.scenario, solution.arrivals
    assert arrivals is not None
    assert solution.ran is not None
    endless = ~np.isfinite(scenario.most_gpu)
    unlimited = bool((endless & (scenario.price_usd_per_mwh < 0)).any())
    without = None if solution.without is None else totals(stated, solution.without)
    return replace(arrivals.waited(solution.ran), without=without, unlimited=unlimited)


def _with_rows(
    waited: Waited, placed: Flows, solution: Solution, source_flow: np.ndarray
) -> Waited:
    """With the part of its class that each flow of a plan is of; `source_flow` is the merged flow
    that it comes from."""
    if solution.part is None:
        return waited
    first = np.searchsorted(waited.klass, placed.klass)
    waits = np.isin(placed.klass, waited.klass)
    return replace(waited, row=np.where(waits, first + solution.part[source_flow], -1))


def _abatement(objective: Objective, reports: tuple[LimitReport, ...]) -> np.ndarray | None:
    """USD/t: the dual of a carbon cap, or one over the dual (t/USD) of a cost cap."""
    duals = np.array([report.price for report in reports if report.id in ("carbon", "cost")])
    if not len(duals):
        return None
    if objective.minimise is Minimise.COST:
        return duals
    inverse: np.ndarray = np.divide(1.0, duals, out=np.full_like(duals, np.inf), where=duals > 0)
    return inverse


def concat(scenario: Scenario, parts: list[Plan]) -> Plan:
    """The plans of neighbouring stretches of a scenario as one; flows where all of them have."""
    if len(parts) == 1:
        return replace(parts[0], scenario=scenario)
    duals = [dual for part in parts if (dual := part.abatement_usd_per_t) is not None]
    info = SolveInfo.together([part.info for part in parts])
    return replace(
        parts[0],
        status=max((part.status for part in parts), key=list(Status).index),
        scenario=scenario,
        info=replace(info, solver=solver_words(info)),
        flows=_flows(parts),
        totals=reduce(add_totals, (part.totals for part in parts)),
        objective=sum(part.objective for part in parts),
        duals=_duals(parts),
        abatement_usd_per_t=np.concatenate(duals) if duals else None,
        limits=by_limit(report for part in parts for report in part.limits),
    )


def _duals(parts: list[Plan]) -> dict[str, np.ndarray]:
    """Duals one after the other, of the constraints that all parts have rows of."""
    names = [name for name in parts[0].duals if all(name in part.duals for part in parts)]
    return {name: np.concatenate([part.duals[name] for part in parts], axis=1) for name in names}


def _flows(parts: list[Plan]) -> Flows | None:
    """Flows one after the other, with the hours of the whole."""
    flows = [part.flows for part in parts if part.flows is not None]
    if len(flows) < len(parts):
        return None
    begin = np.cumsum([0, *(part.scenario.hours.count for part in parts)])[:-1].tolist()
    hour = np.concatenate([part.hour + n for part, n in zip(flows, begin, strict=True)])
    names = ("metro", "klass", "region", "point", "requests_per_h")
    columns = {name: np.concatenate([getattr(part, name) for part in flows]) for name in names}
    return Flows(hour=hour.astype(np.int32, copy=False), **columns)


def by_limit(reports: Iterable[LimitReport]) -> tuple[LimitReport, ...]:
    """Reports with those of one limit together, limits in the order in which they come first."""
    grouped: dict[str, list[LimitReport]] = {}
    for report in reports:
        grouped.setdefault(report.id, []).append(report)
    return tuple(report for group in grouped.values() for report in group)


def solver_words(info: SolveInfo) -> str:
    """Who solved it: the engine, HiGHS, both, or neither where every source had its best place."""
    if not info.engine_hours:
        return highs.version() if info.programs else "closed form per hour"
    if not info.highs_hours:
        return "wattlas engine"
    return f"wattlas engine, {info.highs_hours} hours by {highs.version()}"
