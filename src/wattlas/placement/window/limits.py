"""Every limit over a window of a scenario: caps on carbon or cost, promises of tiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wattlas.model.objective import Objective, Window
from wattlas.model.offer import full_service
from wattlas.model.plan import LimitReport
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.frictions import friction_usd
from wattlas.placement.constraints.shares import Promise, demanded, excess, promises
from wattlas.placement.constraints.windows import Capped, join_windows, together, windows
from wattlas.placement.explain import conflict
from wattlas.placement.hour.solver import Solution, evaluate, solve_hours
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.lp import Cap
from wattlas.placement.problem.unit_values import Measure, carbon, cost, onward_rtt
from wattlas.placement.window import knapsack
from wattlas.placement.window.column_generation import solve_several

OBJECTIVE_CAPS = ("carbon_cap_t", "carbon_cap_share", "cost_cap_usd", "cost_cap_share")


@dataclass(frozen=True)
class Limit:
    """A cap as the program takes it, and the promise behind it where there is one."""

    cap: Cap
    promise: Promise | None = None


@dataclass(frozen=True)
class Found:
    """A solution under all limits and their duals; `short` maps a limit that cannot be met to the
    least attainable, `clashing` are steps that have no placement whatever the limits.
    """

    solution: Solution
    dual: np.ndarray
    gap: float
    short: dict[int, float]
    clashing: np.ndarray


def given(scenario: Scenario) -> bool:
    """Whether anything is limited over a window."""
    capped = any(getattr(scenario.objective, name) is not None for name in OBJECTIVE_CAPS)
    return capped or any(cap.window is not Window.HOUR for cap in scenario.share_caps)


def limits(instance: Instance) -> list[Limit]:
    """Every limit over a window, in the order of the windows, the objective's first."""
    found = []
    objective = instance.scenario.objective
    if any(getattr(objective, name) is not None for name in OBJECTIVE_CAPS):
        found += _of_objective(instance, objective)
    for promise in promises(instance, hourly=False):
        measure = excess(instance, promise)
        found += [
            Limit(Cap(promise.cap.id, measure, 0.0, steps), promise)
            for steps in windows(instance, promise.cap.window)
        ]
    return found


def nearest_available(instance: Instance) -> Solution:
    """Least demand-weighted round trip from the service nodes, capacity kept; cost breaks ties."""
    return solve_hours(instance, onward_rtt(instance), cost(instance))


def _of_objective(instance: Instance, objective: Objective) -> list[Limit]:
    """The cap on carbon or cost in each window.

    A relative one is a share of what the nearest-available baseline reaches in full service, its
    frictions aside. Which place is nearest depends on the node, so that sources are not merged.
    """
    name = "carbon" if objective.carbon_cap_t is not None else "cost"
    name = "carbon" if objective.carbon_cap_share is not None else name
    of = carbon if name == "carbon" else cost
    parts = windows(instance, objective.window)
    absolute = (
        objective.carbon_cap_t if objective.carbon_cap_t is not None else objective.cost_cap_usd
    )
    if absolute is not None:
        bounds = np.full(len(parts), absolute)
    else:
        share = (
            objective.carbon_cap_share
            if objective.carbon_cap_share is not None
            else objective.cost_cap_share
        )
        assert share is not None
        plain = in_full(build_instance(instance.scenario, judged=instance.judged))
        used = evaluate(plain, of(plain), nearest_available(plain))
        bounds = np.array([share * used[steps].sum() for steps in parts])
    measure = of(instance)
    return [
        Limit(Cap(name, measure, float(bound), steps))
        for bound, steps in zip(bounds, parts, strict=True)
    ]


def in_full(instance: Instance) -> Instance:
    """The same demand in full service: nothing degraded."""
    if not instance.scenario.share_caps:
        return instance
    return build_instance(full_service(instance.scenario), instance.judged.budget_ms)


def solve(instance: Instance, main: Measure, tie: Measure | None, asked: Sequence[Limit]) -> Found:
    """Make `main` least under the limits: in one pass where only promises bind, else by their
    multipliers, together for those that share hours.
    """
    dual = np.zeros(len(asked))
    promised = [(one.promise, one.cap.steps) for one in asked if one.promise is not None]
    if len(promised) == len(asked) and knapsack.applies(instance):
        filled = knapsack.fill(instance, main, promised, tie)
        if filled is not None:
            return Found(filled.solution, filled.dual, 0.0, {}, np.zeros(0, np.int64))
    parts: list[Solution] = []
    free = np.ones(instance.scenario.hours.count, dtype=bool)
    gap = 0.0
    for group in together([one.cap for one in asked]):
        caps = [asked[n].cap for n in group]
        found = solve_several(instance, main, caps, tie)
        if not found.feasible:
            return _not_found(instance, main, _short(group, caps, found), dual)
        dual[group], gap = found.dual, max(gap, found.gap)
        parts.append(found.solution)
        for one in caps:
            free[one.steps] = False
    if free.any():
        parts.append(solve_hours(instance, main, tie, np.flatnonzero(free)))
    whole = join_windows(parts)
    if len(whole.infeasible):
        return _not_found(instance, main, {}, dual)
    return Found(whole, dual, gap, {}, whole.infeasible)


def _not_found(
    instance: Instance, main: Measure, short: dict[int, float], dual: np.ndarray
) -> Found:
    """Hours that have no placement whatever the limits come before limits that cannot be met."""
    apart = solve_hours(instance, main)
    return Found(apart, dual, 0.0, {} if len(apart.infeasible) else short, apart.infeasible)


def _short(group: list[int], caps: list[Cap], found: Capped) -> dict[int, float]:
    """Limits that cannot be met by themselves, or all where each can and they clash together."""
    least = dict(zip(group, found.attainable.tolist(), strict=True))
    alone = {
        n: value
        for (n, value), one in zip(least.items(), caps, strict=True)
        if value > one.limit + 1e-9 * max(abs(one.limit), abs(value))
    }
    return alone or least


def words(instance: Instance, asked: Sequence[Limit], short: dict[int, float]) -> str:
    """Each limit that cannot be met, with the least attainable, in words."""
    utc = instance.scenario.hours.utc
    lines = []
    for n, least in short.items():
        one = asked[n]
        when = f"{utc[one.cap.steps[0]]}Z to {utc[one.cap.steps[-1]]}Z"
        if one.promise is None:
            cap = one.cap
            lines.append(conflict.cap_words(cap.name, cap.limit, least, cap.measure.unit, when))
        else:
            total = float(demanded(instance, one.promise)[one.cap.steps].sum())
            if not total:  # Nobody asks, so nothing clashes with it.
                continue
            most = one.promise.cap.share_max
            lines.append(conflict.share_words(one.cap.name, most, most + least / total, when))
    if len(short) > 1 and all(least <= asked[n].cap.limit for n, least in short.items()):
        lines.insert(0, "Each of these limits can be met by itself, but not all together:")
    return "\n".join(lines)


def reports(
    instance: Instance, asked: Sequence[Limit], solution: Solution, dual: np.ndarray
) -> tuple[LimitReport, ...]:
    """What each limit allowed, what was used of it, and what one more unit would save.

    Frictions are part of what is used of a cap on cost.
    """
    utc = instance.scenario.hours.utc
    known: dict[int, np.ndarray] = {}
    out = []
    for one, price in zip(asked, dual, strict=True):
        measure, steps = one.cap.measure, one.cap.steps
        if id(measure) not in known:
            known[id(measure)] = evaluate(instance, measure, solution)
            if measure.unit == "USD":
                paid = friction_usd(instance, *solution.flows)
                known[id(measure)] += paid * instance.scenario.hours.weight
        used = float(known[id(measure)][steps].sum())
        report = LimitReport(
            id=one.cap.name,
            start_utc=utc[steps[0]],
            end_utc=utc[steps[-1]],
            unit=measure.unit,
            limit=one.cap.limit,
            used=used,
            price=float(price),
            **({} if one.promise is None else _shares(instance, one, used, float(price))),
        )
        out.append(report)
    return tuple(out)


def _shares(instance: Instance, one: Limit, used: float, price: float) -> dict[str, float]:
    assert one.promise is not None
    total = float(demanded(instance, one.promise)[one.cap.steps].sum())
    promised = one.promise.cap.share_max
    return {
        "share_max": promised,
        "share": promised + used / total if total else 0.0,
        "per_percent": price * total / 100.0,
    }
