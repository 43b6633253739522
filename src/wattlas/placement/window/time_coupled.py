"""Hours that frictions couple, with and without limits, and what is left where the time is over."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from wattlas.model.plan import LimitReport, Status
from wattlas.placement.constraints.frictions import friction_usd
from wattlas.placement.constraints.windows import join_windows, within
from wattlas.placement.explain import conflict
from wattlas.placement.hour.solver import Solution, evaluate, solve_hours
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.lp import Cap
from wattlas.placement.problem.unit_values import Measure, carbon, unserved
from wattlas.placement.window import limits as limited
from wattlas.placement.window.coupled_lp import solve_joint
from wattlas.placement.window.limits import Limit
from wattlas.placement.window.rolling_horizon import solve_run

THREADS = 2
"""Unbroken runs of coupled hours that are solved at the same time."""
PROVEN = 1e-9
"""A relative gap that is rounding."""


@dataclass(frozen=True)
class Outcome:
    """A solution of the merged program, what its limits are worth, or why there is none.

    `unfinished` where the time was over before any was found.
    """

    solution: Solution
    limits: tuple[LimitReport, ...] = ()
    conflict: str = ""
    unfinished: bool = False


def solve_coupled(
    instance: Instance, main: Measure, tie: Measure | None, time_limit_s: float | None
) -> Outcome:
    """One program for each unbroken run of steps: nothing is carried across a gap.

    Frictions are money, so the least carbon is found hour by hour; what is then made least is the
    cost, frictions included, at that carbon.
    """
    apart = solve_hours(instance, main)
    if len(apart.infeasible):
        return Outcome(apart, conflict=conflict.hour_words(instance, apart.infeasible))

    def solve(run: np.ndarray) -> Solution:
        if tie is None:
            return solve_run(instance, main, run, time_limit_s=time_limit_s)
        caps = _as_clean(instance, apart, run)
        found = solve_joint(instance, tie, caps, steps=run, time_limit_s=time_limit_s)[0]
        if found.status is Status.OPTIMAL:
            return found
        return replace(solve_hours(instance, main, tie, run), status=Status.LIMIT)

    runs = np.split(np.arange(instance.scenario.hours.count), _breaks(instance))
    with ThreadPoolExecutor(THREADS) as pool:
        return Outcome(join_windows(list(pool.map(solve, runs))))


def solve_coupled_limits(
    instance: Instance,
    main: Measure,
    tie: Measure | None,
    asked: Sequence[Limit],
    time_limit_s: float | None,
) -> Outcome:
    """Limits over windows beside frictions: all hours in one program, each limit a row."""
    apart = solve_hours(instance, main)
    if len(apart.infeasible):
        return Outcome(apart, conflict=conflict.hour_words(instance, apart.infeasible))
    caps = tuple(one.cap for one in asked)
    solution, prices = solve_joint(instance, main, caps, time_limit_s=time_limit_s)
    if solution.status is Status.LIMIT:
        return _out_of_time(instance, main, tie, asked)
    if solution.status is not Status.INFEASIBLE:
        return Outcome(solution, limited.reports(instance, asked, solution, prices))
    short = _least(instance, caps, time_limit_s)
    return Outcome(solution, conflict=limited.words(instance, asked, short))


def _as_clean(instance: Instance, apart: Solution, run: np.ndarray) -> tuple[Cap, ...]:
    """Caps that leave a run the carbon of its hours apart, and no more demand unserved.

    One cap on both would let rounding of what weighs most, unserved demand, pass for carbon.
    """
    found = []
    for name, measure in (("carbon", carbon(instance)), ("unserved", unserved(instance))):
        used = float(evaluate(instance, measure, apart)[run].sum())
        found.append(Cap(name, measure, used + PROVEN * abs(used), run))
    return tuple(found)


def _breaks(instance: Instance) -> np.ndarray:
    """Steps that follow none, the first apart: where one run ends and the next begins."""
    return np.flatnonzero(~instance.scenario.hours.follows)[1:]


def _out_of_time(
    instance: Instance, main: Measure, tie: Measure | None, asked: Sequence[Limit]
) -> Outcome:
    """What the limits allow without frictions: a placement, and a bound that frictions only raise.

    A cap on cost holds frictions, too, and may be broken by them: then nothing was found.
    """
    found = limited.solve(instance, main, tie, asked)
    if found.short:
        return Outcome(found.solution, conflict=limited.words(instance, asked, found.short))
    value = float(evaluate(instance, main, found.solution).sum())
    paid = friction_usd(instance, *found.solution.flows) * instance.scenario.hours.weight
    total = value + float(paid.sum()) * (main.unit == "USD")
    gap = max((total - value + found.gap * abs(value)) / max(abs(total), 1e-300), 0.0)
    status = Status.OPTIMAL if gap <= PROVEN else Status.LIMIT
    solution = replace(found.solution, status=status, gap=gap)
    reports = limited.reports(instance, asked, solution, found.dual)
    kept = all(within(one.used, one.limit) for one in reports if one.unit == "USD")
    return Outcome(solution, reports, unfinished=not kept)


def _least(
    instance: Instance, caps: tuple[Cap, ...], time_limit_s: float | None
) -> dict[int, float]:
    """The caps that cannot be met by themselves and the least of each; of all where each can."""
    least: dict[int, float] = {}
    for n, one in enumerate(caps):
        found = solve_hours(instance, one.measure, None, one.steps)
        used = evaluate(instance, one.measure, found)
        if one.measure.unit == "USD":
            joint, _ = solve_joint(instance, one.measure, time_limit_s=time_limit_s)
            if joint.status is Status.OPTIMAL:
                used = evaluate(instance, one.measure, joint)
                used += friction_usd(instance, *joint.flows) * instance.scenario.hours.weight
        least[n] = float(used[one.steps].sum())
    alone = {n: v for n, v in least.items() if v > caps[n].limit + 1e-9 * abs(caps[n].limit)}
    return alone or least
