"""Hours that links tie together, with and without limits, and the answer when the time is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wattlas.model.plan import Status
from wattlas.placement.constraints.registry import linked, links_charge
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.hour.protocol import Solution, join_steps
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit, within
from wattlas.placement.problem.unit_values import Measure, carbon, unserved
from wattlas.placement.window.blocks import at_once
from wattlas.placement.window.column_generation import beyond_reach
from wattlas.placement.window.limits import solve_limits
from wattlas.placement.window.rolling_horizon import PROVEN, RollingHorizon


def solve_linked_hours(
    instance: Instance,
    main: Measure,
    tie: Measure | None,
    limits: Sequence[Limit],
    time_limit_s: float | None = None,
    before: Mapping[str, np.ndarray] | None = None,
    memory: dict[str, Any] | None = None,
) -> Solution:
    """Make `main` and what the links cost least under the limits.

    Without limits each unbroken run of steps is solved by itself: nothing is carried across a gap.
    `before` is what runs before the first step, by the name of each link, where the scenario's own
    start is not meant; ties are then left as they are. `memory` keeps the basis of such a window.
    """
    if before and not limits:
        every = np.arange(instance.scenario.hours.count)
        return RollingHorizon(
            instance, main, every, undivided=True, before=before, memory=memory
        ).solve(time_limit_s)
    apart = solve_hours(instance, main)
    if len(apart.infeasible):
        return apart
    if limits:
        return _with_limits(instance, main, tie, limits, time_limit_s, before)

    def solve(run: np.ndarray) -> Solution:
        if tie is None:
            return RollingHorizon(instance, main, run).solve(time_limit_s)
        return _cheapest_of_cleanest(instance, main, tie, apart, run, time_limit_s)

    runs = np.split(np.arange(instance.scenario.hours.count), _breaks(instance))
    return join_steps(list(at_once(solve, runs)))


def _cheapest_of_cleanest(
    instance: Instance,
    main: Measure,
    tie: Measure,
    apart: Solution,
    run: np.ndarray,
    time_limit_s: float | None,
) -> Solution:
    """The least carbon first, then the least cost at that carbon, links included in both.

    Where no link emits the least carbon is found hour by hour.
    """
    cleanest = apart
    if links_charge(instance.scenario, main.unit):
        cleanest = RollingHorizon(instance, main, run).solve(time_limit_s)
    if not cleanest.ok:
        return replace(solve_hours(instance, main, tie, run), status=Status.LIMIT)
    limits = _as_clean(instance, cleanest, run)
    solution = RollingHorizon(instance, tie, run, limits).solve(time_limit_s)
    if solution.status is Status.OPTIMAL:
        info = replace(solution.info, gap=cleanest.info.gap)
        return replace(solution, limit_price=np.zeros(0), status=cleanest.status, info=info)
    if cleanest is not apart:
        return replace(cleanest, status=Status.LIMIT)
    return replace(solve_hours(instance, main, tie, run), status=Status.LIMIT)


def _as_clean(instance: Instance, cleanest: Solution, run: np.ndarray) -> tuple[Limit, ...]:
    """Limits that leave a run the carbon of a solution, links included, and no more unserved.

    One limit on both would let rounding of what weighs most, unserved demand, pass for carbon.
    """
    limits = []
    for name, measure in (("carbon", carbon(instance)), ("unserved", unserved(instance))):
        by_hour = measure.by_hour(instance, cleanest.flows)
        used = float((by_hour + linked(instance, cleanest.flows, measure.unit))[run].sum())
        limits.append(Limit("", name, measure, used + PROVEN * abs(used), run))
    return tuple(limits)


def _breaks(instance: Instance) -> np.ndarray:
    """Steps that follow none, the first apart: where one run ends and the next begins."""
    return np.flatnonzero(~instance.scenario.hours.follows)[1:]


def _with_limits(
    instance: Instance,
    main: Measure,
    tie: Measure | None,
    limits: Sequence[Limit],
    time_limit_s: float | None,
    before: Mapping[str, np.ndarray] | None,
) -> Solution:
    """All hours in one window, each limit a row."""
    every = np.arange(instance.scenario.hours.count)
    whole = RollingHorizon(instance, main, every, limits, before=before)
    solution = whole.solve(time_limit_s)
    if solution.status is Status.LIMIT:
        return _out_of_time(instance, main, tie, limits)
    if solution.status is not Status.INFEASIBLE:
        return solution
    least = _least(instance, limits, time_limit_s)
    no_hours = np.zeros(0, np.int64)
    return replace(solution, infeasible=no_hours, limit_least=least)


def _out_of_time(
    instance: Instance, main: Measure, tie: Measure | None, limits: Sequence[Limit]
) -> Solution:
    """What the limits allow without links: a placement, and a bound that links only raise.

    A limit holds what links add to it, too, and may be broken by them: then nothing was found.
    """
    solution = solve_limits(instance, main, tie, limits)
    if not solution.ok:
        return solution
    value = float(main.by_hour(instance, solution.flows).sum())
    total = value + float(linked(instance, solution.flows, main.unit).sum())
    gap = (total - value + solution.info.gap * abs(value)) / max(abs(total), 1e-300)
    status = Status.OPTIMAL if gap <= PROVEN else Status.LIMIT
    info = replace(solution.info, gap=max(gap, 0.0))
    for limit in limits:
        if links_charge(instance.scenario, limit.measure.unit):
            added = linked(instance, solution.flows, limit.measure.unit)
            used = (limit.measure.by_hour(instance, solution.flows) + added)[limit.steps].sum()
            if not within(float(used), limit.bound):
                return replace(solution, status=Status.FAILED, info=info)
    return replace(solution, status=status, info=info)


def _least(
    instance: Instance, limits: Sequence[Limit], time_limit_s: float | None
) -> dict[int, float]:
    """The least of each limit that cannot be met by itself; of all where each can."""
    least: dict[int, float] = {}
    every = np.arange(instance.scenario.hours.count)
    for n, limit in enumerate(limits):
        solution = solve_hours(instance, limit.measure, None, limit.steps)
        used = limit.measure.by_hour(instance, solution.flows)
        if links_charge(instance.scenario, limit.measure.unit):
            whole = RollingHorizon(instance, limit.measure, every, undivided=True).solve(
                time_limit_s
            )
            if whole.status is Status.OPTIMAL:
                used = limit.measure.by_hour(instance, whole.flows)
                used = used + linked(instance, whole.flows, limit.measure.unit)
        least[n] = float(used[limit.steps].sum())
    return beyond_reach(limits, least)
