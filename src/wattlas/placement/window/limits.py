"""Limits over windows: their solvers, their prices, and why they cannot be met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.offer import full_service
from wattlas.model.plan import LimitReport
from wattlas.placement.constraints.objective_cap import GivenCap, given_cap
from wattlas.placement.constraints.registry import by_name, linked, window_limits
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.limit import Limit
from wattlas.placement.problem.unit_values import Measure, baseline_first, carbon, cost
from wattlas.placement.window.column_generation import ColumnGeneration
from wattlas.placement.window.knapsack import Knapsack


class WindowSolver(Protocol):
    """A solver of limits over windows."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def takes(self, instance: Instance, limits: Sequence[Limit]) -> bool:
        """Whether it can take these limits beside the rows of the instance."""
        ...

    def solve(
        self, instance: Instance, objective: Measure, tie: Measure | None, limits: Sequence[Limit]
    ) -> Solution | None:
        """The optimum under the limits; None where it has no answer: the next solver is tried."""
        ...


SOLVERS: tuple[WindowSolver, ...] = (Knapsack(), ColumnGeneration())
"""Solvers in order: the first that takes the limits and finds an answer is used."""


def limits_of(instance: Instance) -> list[Limit]:
    """Every limit over a window, those relative to the baseline included."""
    return window_limits(with_baseline(instance))


def with_baseline(instance: Instance) -> Instance:
    """The instance with what the nearest-available baseline uses, where a cap is relative to it.

    Which place is nearest depends on the node, so that sources are not merged. Raises InputError
    where the baseline has no placement and yet there may be one: the baseline waits for nothing and
    degrades nothing.
    """
    cap = given_cap(instance.scenario.objective)
    if cap is None or not cap.relative or instance.baseline_use is not None:
        return instance
    plain = build_instance(instance.scenario, judged=instance.judged).by(instance.tactics)
    plain = in_full(plain)
    measure = {"carbon": carbon, "cost": cost}[cap.on](plain)
    baseline = nearest_available(plain)
    if len(baseline.infeasible) and (instance.scenario.waits or instance.scenario.share_caps):
        raise InputError([_no_baseline(instance, cap, baseline.infeasible)])
    return replace(instance, baseline_use=measure.by_hour(plain, baseline.flows))


def _no_baseline(instance: Instance, cap: GivenCap, steps: np.ndarray) -> Problem:
    """A cap that is relative to nothing. Without waiting and degrading there is no placement
    either, and that is for the plan to say."""
    when = instance.scenario.hours.utc[steps[0]]
    more = f" and {len(steps) - 1} more" if len(steps) > 1 else ""
    what = (
        "is relative to the baseline, and that has no placement: not everyone can be served in "
        f"full and at once at {when}Z{more}"
    )
    figure = {"carbon": "carbon_cap_t", "cost": "cost_cap_usd"}[cap.on]
    fix = f"Give objective.{figure}, or places and accelerators for full service in those hours."
    return Problem(f"objective.{cap.on}_cap_share", what, fix)


def nearest_available(instance: Instance) -> Solution:
    """Everyone at the baseline region, what it cannot take at the nearest with capacity.

    The least demand-weighted round trip from the service nodes that capacity allows; cost breaks
    ties beside the baseline region.
    """
    return solve_hours(instance, baseline_first(instance), cost(instance))


def in_full(instance: Instance) -> Instance:
    """The same demand in full service: nothing degraded."""
    if not instance.scenario.share_caps:
        return instance
    plain = build_instance(full_service(instance.scenario), instance.judged.budget_ms)
    return plain.by(instance.tactics)


def solve_limits(
    instance: Instance,
    main: Measure,
    tie: Measure | None,
    limits: Sequence[Limit],
    memory: dict[str, Any] | None = None,
) -> Solution:
    """Make `main` least under limits over windows; hours apart where there is none.

    Hours that have no placement whatever the limits come before limits that cannot be met.
    `memory` is that of `solve_hours`, for hours apart.
    """
    if not limits:
        return solve_hours(instance, main, tie, memory=memory)
    for solver in instance.tactics.limits or SOLVERS:
        if solver.takes(instance, limits):
            solution = solver.solve(instance, main, tie, limits)
            if solution is not None:
                break
    assert solution is not None
    if solution.ok:
        return solution
    apart = solve_hours(instance, main)
    least = {} if len(apart.infeasible) else solution.limit_least
    return replace(apart, limit_price=np.zeros(len(limits)), limit_least=least)


def short_words(instance: Instance, limits: Sequence[Limit], least: dict[int, float]) -> str:
    """Each limit that cannot be met, with the least attainable, in words."""
    utc = instance.scenario.hours.utc
    lines = []
    for n, value in least.items():
        limit = limits[n]
        when = f"{utc[limit.steps[0]]}Z to {utc[limit.steps[-1]]}Z"
        lines.append(by_name(limit.constraint).short_words(instance, limit, value, when))
    if len(least) > 1 and all(value <= limits[n].bound for n, value in least.items()):
        lines.insert(0, "Each of these limits can be met by itself, but not all together:")
    return "\n".join(line for line in lines if line)


def reports(
    instance: Instance, limits: Sequence[Limit], solution: Solution
) -> tuple[LimitReport, ...]:
    """What each limit allowed, what was used of it, and what one more unit would save.

    What ties hours together is part of what is used of a limit on money, and on carbon where it
    emits.
    """
    utc, came = instance.scenario.hours.utc, solution.came
    used_by_measure: dict[int, np.ndarray] = {}
    out = []
    for limit, price in zip(limits, solution.limit_price, strict=True):
        measure, steps = limit.measure, limit.steps
        if id(measure) not in used_by_measure:
            used = measure.by_hour(instance, solution.flows)
            added = linked(instance, solution.flows, measure.unit)
            used_by_measure[id(measure)] = used + added
        used_here, total = float(used_by_measure[id(measure)][steps].sum()), limit.total
        if limit.by_arrival and came is not None:
            used_here = limit.used(instance, solution.flows, came)
        out.append(
            LimitReport(
                id=limit.id,
                start_utc=utc[steps[0]],
                end_utc=utc[steps[-1]],
                unit=measure.unit,
                limit=limit.bound,
                used=used_here,
                price=float(price),
                share_max=limit.share_max,
                share=limit.share_max + used_here / total if total else 0.0,
                per_percent=float(price) * total / 100.0,
            )
        )
    return tuple(out)
