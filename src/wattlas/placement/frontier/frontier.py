"""The energy–latency frontier V(τ): exact at its breakpoints, sampled, and soft.

V changes only where a budget lets a new place in. Where no constraint ties demands together, each
demand takes the best place that its budget opens, so a running minimum over places in the order of
their breakpoints gives V at every one of them. Elsewhere the hours are solved again at the
breakpoints where a new place could enter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from wattlas.errors import InfeasibleError, UsageError
from wattlas.model.frontier import Frontier, Variant
from wattlas.model.offer import full_service
from wattlas.model.plan import SolveInfo
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.registry import ties_demands
from wattlas.placement.explain import conflict
from wattlas.placement.frontier.question import (
    EQUAL,
    BudgetAxis,
    FrontierQuestion,
    SolverTally,
    breakpoints,
    frontier_of,
)
from wattlas.placement.frontier.soft import SAMPLES, soft_frontier
from wattlas.placement.frontier.sweep import OpeningProgram, column_by_column, running_minimum
from wattlas.placement.hour.dispatch import feasible, solve_hours
from wattlas.placement.hour.engine_hour import worth_it
from wattlas.placement.problem.feasibility import feasibility
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.unit_values import onward_rtt
from wattlas.placement.window.blocks import at_once, over_blocks, weeks

Progress = Callable[[float], None]

ROUNDING = 1e-9
"""Relative to V, and of the share that goes unserved: a difference below this is rounding."""

FULLEST = 168
"""Hours of most demand that a budget must serve before all hours are looked at."""
FULLEST_OF_NODE = 24
"""The same of each service node: a tight budget leaves it to itself."""


def frontier(
    scenario: Scenario,
    variant: str = "scale",
    *,
    objective: str = "cost",
    carbon_price_usd_per_t: float | None = None,
    samples: int | None = None,
    x: Sequence[float] | None = None,
    axis: BudgetAxis | None = None,
    progress: Progress | None = None,
) -> Frontier:
    """V(τ) of a scenario in full service, without its frictions and caps.

    `variant` is scale, added_ms, class:ID (that class alone) or soft; `objective` cost, carbon
    or weighted (cost with carbon at `carbon_price_usd_per_t`). Exact at every breakpoint unless
    `samples` asks for so many of them, or `x` for these budgets. `axis` is what `feasible_axis`
    found for the same question, where it is traced more than once. Where carbon is minimised and
    demand may go unserved the curve starts at the first budget with the least unserved. Raises
    UsageError for a question that makes no sense and InfeasibleError where no budget serves all
    demand. Demand that its class would serve late has no place below its first breakpoint.
    """
    began = time.perf_counter()
    scenario = full_service(scenario)
    question = FrontierQuestion.of(scenario, variant, objective, carbon_price_usd_per_t)
    tally = SolverTally()
    bare = replace(scenario, objective=question.as_objective())
    if question.variant is Variant.SOFT:
        if x is not None:
            raise UsageError("a soft frontier has mean latencies, not budgets; ask for samples")
        curve = soft_frontier(bare, question, samples or SAMPLES, progress, tally)
        return replace(curve, info=tally.info(time.perf_counter() - began))
    if axis is None:
        axis = _from_first_feasible(bare, breakpoints(bare, question))
    chosen = axis.chosen(samples, x)
    exact = x is None and len(chosen) == len(axis.x)
    values = _values(bare, question, axis, chosen, every=exact, progress=progress, tally=tally)
    curve = frontier_of(
        scenario,
        question,
        chosen,
        values,
        exact=exact,
        users_x=axis.users,
        least_x=axis.least,
    )
    if question.objective == "carbon":
        curve = from_least_unserved(curve)
    return replace(never_rising(curve), info=tally.info(time.perf_counter() - began))


def feasible_axis(scenario: Scenario, variant: str) -> BudgetAxis:
    """The axis of a hard frontier from the first budget that serves all demand."""
    scenario = full_service(scenario)
    objective = scenario.plain_objective.minimise
    question = FrontierQuestion.of(scenario, variant, str(objective), None)
    return _from_first_feasible(scenario, breakpoints(scenario, question))


def something_binds(scenario: Scenario) -> bool:
    """Whether a constraint may bind and tie demands to each other."""
    return ties_demands(build_instance(scenario))


def _from_first_feasible(scenario: Scenario, axis: BudgetAxis) -> BudgetAxis:
    """The axis from the first breakpoint at which every constraint can be kept.

    A budget that serves all demand goes on doing so when it grows, so bisection finds it.
    """
    if not something_binds(scenario) or not len(axis.x):
        return axis
    every, last = np.arange(scenario.hours.count), len(axis.x) - 1
    # What the fullest hours need, all need; so most budgets are judged by a few of them.
    full = _fullest(scenario)
    low = first_true(lambda n: _all_served(scenario, axis, n, full), 0, last)
    if not _all_served(scenario, axis, low, every):
        if low == last or not _all_served(scenario, axis, last, every):
            widest = axis.instance_at(scenario, float(axis.x[last]))
            clash = solve_hours(widest, onward_rtt(widest)).infeasible
            raise InfeasibleError(conflict.hour_words(widest, clash))
        low = first_true(lambda n: _all_served(scenario, axis, n, every), low + 1, last)
    return replace(axis, x=axis.x[low:], least=float(axis.x[low]))


def _fullest(scenario: Scenario) -> np.ndarray:
    """Steps of most demand, of all together and of each service node, increasing."""
    by_metro = scenario.demand_per_h.sum(axis=1)
    by_node = [by_metro[scenario.metro_node == n] for n in np.unique(scenario.metro_node)]
    most = [np.argsort(-by_metro.sum(axis=0), kind="stable")[:FULLEST]]
    most += [np.argsort(-own.sum(axis=0), kind="stable")[:FULLEST_OF_NODE] for own in by_node]
    return np.unique(np.concatenate(most))


def first_true(true_from: Callable[[int], bool], low: int, high: int) -> int:
    """The first n ≥ low of which it is true; it is true of `high`, and stays so once it is."""
    if low == high or true_from(low):
        return low
    low += 1
    while low < high:
        middle = (low + high) // 2
        if true_from(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _all_served(scenario: Scenario, axis: BudgetAxis, n: int, steps: np.ndarray) -> bool:
    """Whether breakpoint n serves all demand of some steps within every limit."""
    part = axis.instance_at(scenario.at_hours(steps), float(axis.x[n]))
    return feasible(part, np.arange(len(steps)))


def _values(
    scenario: Scenario,
    question: FrontierQuestion,
    axis: BudgetAxis,
    chosen: np.ndarray,
    *,
    every: bool,
    progress: Progress | None,
    tally: SolverTally,
) -> np.ndarray:
    """What is reported at each chosen budget, shape (5, len(chosen))."""
    sweep = _sweep(scenario, question, axis, chosen)
    if not ties_demands(sweep.instance):
        return running_minimum(sweep, progress)
    if every or worth_it(sweep.instance, sweep.instance.demand.shape[1] * len(chosen)):
        exact = column_by_column(sweep, progress)
        tally.parts.append(exact.info)
        return exact.value
    out = np.zeros((5, len(chosen)))
    budgets = [float(x) for x in chosen]
    solved = at_once(lambda x: solve_at(scenario, question, axis, x), budgets)
    for n, (value, info) in enumerate(solved):
        out[:, n] = value
        tally.parts.append(info)
        if progress:
            progress((n + 1) / len(chosen))
    return out


def _sweep(
    scenario: Scenario, question: FrontierQuestion, axis: BudgetAxis, chosen: np.ndarray
) -> OpeningProgram:
    """All places of every demand that open at a chosen budget, and the first at which each does.

    Demands whose places open at the same budgets are one source, so that fewer budgets make fewer.
    """
    level = np.searchsorted(chosen * (1 + EQUAL), axis.opens, side="left")
    opens_at = np.append(chosen, np.inf)[level]
    judged = replace(feasibility(scenario), allowed=opens_at < np.inf)
    instance = build_instance(scenario, judged=judged, alike=opens_at)
    pointer, metro, klass = instance.members
    first = pointer[:-1]
    main, tie = question.measures(instance)
    reported = question.reported(instance)
    return OpeningProgram(
        instance, opens_at[metro[first], klass[first]], chosen, main, tie, reported
    )


def solve_at(
    scenario: Scenario, question: FrontierQuestion, axis: BudgetAxis, x: float
) -> tuple[np.ndarray, SolveInfo]:
    """What is reported of the optimum at budget x, (5,), and who solved it."""

    def solved(part: Instance, _steps: np.ndarray) -> tuple[np.ndarray, SolveInfo]:
        main, tie = question.measures(part)
        solution = solve_hours(part, main, tie)
        if len(solution.infeasible):
            raise InfeasibleError(conflict.hour_words(part, solution.infeasible))
        return question.value_of(part, solution.flows), solution.info

    whole = axis.instance_at(scenario, x)
    parts = list(over_blocks(whole, weeks(scenario.hours), solved))
    value: np.ndarray = np.sum([part for part, _ in parts], axis=0)
    return value, SolveInfo.together([info for _, info in parts])


def never_rising(curve: Frontier) -> Frontier:
    """The curve without the rounding by which V may seem to rise.

    What a budget allows a looser one allows, too: a point that is worse than the one before by
    rounding repeats it.
    """
    kept = np.arange(len(curve.x))
    best = 0
    for n in range(1, len(kept)):
        rise = curve.value[n] - curve.value[best]
        if 0 < rise <= ROUNDING * abs(curve.value[best]):
            kept[n] = best
        else:
            best = n
    columns = ("value", "cost_usd", "reserved_usd", "carbon_kg", "it_mwh", "unserved_share")
    return replace(curve, **{name: getattr(curve, name)[kept] for name in columns})


def from_least_unserved(curve: Frontier) -> Frontier:
    """The curve from the budget on from which what goes unserved stays as it is at the last one.

    For carbon: what is not served emits nothing, so that V alone would rise before.
    """
    if not len(curve.x):
        return curve
    more = np.abs(curve.unserved_share - curve.unserved_share[-1]) > ROUNDING
    first = int(np.flatnonzero(more)[-1]) + 1 if more.any() else 0
    columns = ("x value cost_usd reserved_usd carbon_kg it_mwh unserved_share dual_per_ms").split()
    return replace(
        curve,
        **{name: getattr(curve, name)[first:] for name in columns},
        before_x=curve.x[:first],
        before_unserved_share=curve.unserved_share[:first],
    )
