"""Placements in which requests may wait: three solvers under one roof.

closed form   every request in the cheapest hour within its patience, where that keeps every row
program       one program of all steps in HiGHS: exact, up to `LARGEST` columns, and with limits
search        hours by their solvers, patience by their prices, to a certified gap
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.plan import SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.registry import links
from wattlas.placement.hour.closed_form import ClosedForm, Slots
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.hour.protocol import SLACK, HourProblem, Solution, no_duals, unsolved
from wattlas.placement.hour.prune import pruned
from wattlas.placement.problem.arrivals import Arrivals
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit
from wattlas.placement.problem.queue import Queue
from wattlas.placement.problem.unit_values import Measure, zero
from wattlas.placement.window.limits import limits_of, solve_limits
from wattlas.placement.window.queue_program import solve_queue
from wattlas.placement.window.queue_search import QueueRates, search

LARGEST = 100_000
"""Columns up to which all steps are one program: a day of the embedded world, two CPU seconds. The
search takes a tenth of that for a day, and leaves a gap."""
WITH_LIMITS = 400_000
"""The same where limits over windows hold, which the search does not take."""


def refuse_waiting(scenario: Scenario) -> None:
    """InputError for what does not go together with waiting, all of it."""
    problems = list(_problems(scenario))
    if problems:
        raise InputError(problems)


def _problems(scenario: Scenario) -> Iterator[Problem]:
    if scenario.waits and links(scenario):
        fix = "Leave out `frictions`, or `may_wait_h`."
        yield Problem("frictions", "tie hours in which requests may wait, too", fix)


def solve_waiting(
    instance: Instance,
    main: Measure,
    tie: Measure | None,
    limits: Sequence[Limit] = (),
    time_limit_s: float | None = None,
) -> Solution:
    """Make `main` least where sources may wait: flows by the hour in which they run, and `ran`.

    `limits` are those of the instance, counted by arrival where a request may leave a window of a
    cap by waiting. Optimal, or status `limit` with the certified relative gap. Raises InputError
    for limits over more hours than one program holds.
    """
    began = time.perf_counter()
    still = solve_limits(instance, main, tie, limits_of(instance))
    arrivals = Arrivals.of(replace(instance, by_arrival=True))
    solution = _solved(arrivals, main.of_sources(arrivals.origin),
                       None if tie is None else tie.of_sources(arrivals.origin),
                       arrivals.limits(limits), time_limit_s)  # fmt: skip
    info = replace(solution.info, seconds=time.perf_counter() - began)
    return replace(
        solution,
        flows=arrivals.of_whole(solution.flows),
        part=arrivals.part[solution.flows.source],
        arrivals=arrivals,
        without=still.flows if still.ok else None,
        info=info,
    )


def _solved(
    arrivals: Arrivals,
    main: Measure,
    tie: Measure | None,
    limits: Sequence[Limit],
    time_limit_s: float | None,
) -> Solution:
    """The same of sources that are apart by window of arrival."""
    began = time.perf_counter()
    instance, queue = arrivals.instance, arrivals.queue
    every = np.arange(instance.demand.shape[1])
    solution = None if limits else _cheapest(instance, queue, main, tie)
    if solution is None:
        measures = (main, *(limit.measure for limit in limits))
        few = pruned(instance, measures if tie is None else (*measures, tie), every)
        size = int(arrivals.alive[few.columns.source].sum())
        if size <= (WITH_LIMITS if limits else LARGEST):
            solution = solve_queue(few, main, limits, time_limit_s=time_limit_s)
        elif limits:
            raise InputError([_too_long(size)])
        else:
            deadline = None if time_limit_s is None else began + time_limit_s
            solution = _of_search(instance, queue, search(few, queue, main, deadline=deadline))
    if solution.ran is None:
        return _unserved(instance, queue, solution, limits)
    return solution if limits else _placed(instance, queue, main, tie, solution)


def _cheapest(
    instance: Instance, queue: Queue, main: Measure, tie: Measure | None
) -> Solution | None:
    """Every request at its best place in the cheapest hour within its patience, in closed form;
    None where that does not keep every row."""
    every = np.arange(instance.demand.shape[1])
    few = instance.rows_of(queue.source)
    slots, part = Slots.of(few), main.of_sources(queue.source)
    price = np.concatenate(
        [slots.best(part, None, steps)[1] for steps in slots.chunks(every)], axis=1
    )
    if not np.isfinite(price).all():
        return None
    ran = queue.cheapest(price, SLACK)
    problem = HourProblem(queue.running(instance, ran), main, tie)
    solution = ClosedForm().solve(problem, every)
    return None if len(solution.left) else replace(solution, ran=ran)


def _of_search(instance: Instance, queue: Queue, best: QueueRates) -> Solution:
    """What the search found; without `ran` where demand that must be served is not."""
    duals = {**no_duals(instance), **best.duals}
    info = SolveInfo(solver="", programs=best.rounds, gap=best.gap)
    ran = None if best.shed else best.ran
    return replace(unsolved(instance), duals=duals, ran=ran, info=info, status=Status.LIMIT)


def _placed(
    instance: Instance, queue: Queue, main: Measure, tie: Measure | None, solution: Solution
) -> Solution:
    """The hours with what runs in each, by their own solvers; prices and gap stay."""
    assert solution.ran is not None
    hours = solve_hours(queue.running(instance, solution.ran), main, tie)
    if len(hours.infeasible):
        return solution
    info = replace(hours.info, programs=hours.info.programs + solution.info.programs,
                   gap=solution.info.gap)  # fmt: skip
    return replace(solution, flows=hours.flows, info=info)


def _unserved(
    instance: Instance, queue: Queue, solution: Solution, limits: Sequence[Limit]
) -> Solution:
    """Why there is no placement: limits, or how much is short at least and when it is most."""
    if not len(solution.infeasible) and solution.status is not Status.LIMIT:
        return solution
    if solution.status is Status.LIMIT and solution.info.programs == 0:
        return solution
    must = np.isnan(instance.unserved_usd)
    lean = instance.leanest_gpu_h * must
    elastic = replace(instance, unserved_usd=np.where(must, lean, instance.unserved_usd))
    measure = replace(zero(elastic), unit="GPU-h", per_unserved=lean)
    size = len(elastic.columns) * instance.demand.shape[1]
    if size <= WITH_LIMITS:
        flows = solve_queue(elastic, measure).flows
    else:
        best = search(elastic, queue, measure)
        flows = solve_hours(queue.running(elastic, best.ran), measure).flows
    out = ~flows.served
    short = np.bincount(
        flows.hour[out], (lean[flows.source] * flows.value)[out], instance.demand.shape[1]
    )
    if float(short.sum()) <= 1e-9 * float((lean[:, None] * instance.demand).sum()):
        if limits:
            return replace(solution, infeasible=solution.infeasible[:0],
                           limit_least=_least(elastic, limits))  # fmt: skip
        return replace(solution, infeasible=solution.infeasible[:0], status=Status.LIMIT)
    worst = int(short.argmax())
    when = np.datetime_as_string(instance.scenario.hours.utc[worst], unit="m")
    words = (
        f"Even where requests wait as long as they may, {float(short @ instance.hours):,.4g} GPU-h "
        f"are short, most of them at {when}Z: {short[worst]:,.4g} GPU-h/h. Raise reserved_gpu or "
        "on_demand_gpu, let classes wait longer, relax a latency budget or residency, or set "
        "unserved_usd_per_request."
    )
    return replace(solution, infeasible=solution.infeasible[:0], conflict=words)


def _least(instance: Instance, limits: Sequence[Limit]) -> dict[int, float]:
    """The least attainable of each limit by itself, of those that cannot be met; all where each
    can."""
    least = {}
    for n, limit in enumerate(limits):
        plain = replace(instance, unserved_usd=np.full(instance.sources, np.nan))
        solution = solve_queue(plain, limit)
        least[n] = limit.used(instance, solution.flows)
    beyond = {n: v for n, v in least.items() if v > limits[n].bound}
    return beyond or least


def _too_long(size: int) -> Problem:
    what = (
        "and caps of tiers over windows of hours in which requests may wait are one program, and "
        f"this one would have {size:,} columns (at most {WITH_LIMITS:,})"
    )
    fix = "Ask for fewer hours, give a carbon price instead of a cap, or leave out `may_wait_h`."
    return Problem("objective", what, fix)
