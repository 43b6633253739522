"""Waiting: batch work of the embedded world that may run 6 h or 24 h later, and the fleet for it.

The alternative for a day is one program of all hours in HiGHS, by the rows that the registry gives;
longer ones are not given to it. Gaps are relative to the cost without reserved rent.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from benchmarks.registry import Benchmark, Figure, RunOptions
from wattlas.data.scenario_file import example
from wattlas.model.scenario import Scenario
from wattlas.placement.fleet.fleet import fleet
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.queue import Queue
from wattlas.placement.problem.unit_values import cost
from wattlas.placement.window.queue_program import solve_queue
from wattlas.placement.window.queue_search import EXACT, QueueRates, search

SIZES = {"tiny": 24, "month": 744, "year": 8760}
"""Hours of the embedded world."""
WHOLE_H = 24
"""Longer ones are not given to HiGHS as one program."""
FLEET_H = 744
"""Longer ones are not sized here."""
YEAR_S = {6: 50.0, 24: 60.0}
FLEET_S = 60.0


def run(options: RunOptions) -> Sequence[Figure]:
    """CPU seconds of patience of 6 and 24 hours at the fleet given, and of a fleet with 6."""
    hours = SIZES[options.size]
    _searched(_world(6, 24))  # load the engine
    figures = []
    for wait_h, target in YEAR_S.items():
        world = _world(wait_h, hours)
        ours, found = _searched(world)
        whole, value = _whole(world) if hours <= WHOLE_H else (None, found.value)
        if found.shed or found.gap > EXACT:
            raise AssertionError(f"gap {found.gap}")
        if not found.bound * (1 - 1e-7) <= value <= found.value * (1 + 1e-7):
            raise AssertionError(f"{value} is not within {found.bound} and {found.value}")
        figures.append(
            Figure(
                f"{wait_h} h",
                ours,
                unit="CPU s",
                other=whole,
                other_name="HiGHS, one program",
                target=target if options.size == "year" else None,
                note=f"gap {found.gap:.1g}, {found.rounds} rounds",
            )
        )
    if hours <= FLEET_H:
        began = time.process_time()
        sized = fleet(_world(6, hours))
        seconds = time.process_time() - began
        assert sized.unwaited is not None
        gap = (sized.optimal.cost_usd - sized.bound_usd) / sized.optimal.variable_usd
        figures.append(
            Figure(
                "fleet with 6 h",
                seconds,
                unit="CPU s",
                target=FLEET_S if options.size == "month" else None,
                note=f"{sized.unwaited.count:,.0f} accelerators become {sized.optimal.count:,.0f}, "
                f"no fewer than {sized.least_count:,.0f}; gap {gap:.1g}",
            )
        )
    return figures


def _world(wait_h: int, hours: int) -> Scenario:
    world = example("typical-2023", set=[f"classes.D.may_wait_h={wait_h}"])
    return world.at_hours(np.arange(hours)) if hours < world.hours.count else world


def _searched(world: Scenario) -> tuple[float, QueueRates]:
    """(CPU seconds, what the search found)."""
    instance = build_instance(world)
    began = time.process_time()
    found = search(instance, Queue.of(instance), cost(instance))
    return time.process_time() - began, found


def _whole(world: Scenario) -> tuple[float, float]:
    """(CPU seconds, cost) of one program of all hours."""
    instance = build_instance(world)
    measure = cost(instance)
    began = time.process_time()
    solution = solve_queue(instance, measure)
    return time.process_time() - began, float(measure.by_hour(instance, solution.flows).sum())


BENCHMARK = Benchmark(
    name="waiting",
    tells="batch work that may wait 6 h and 24 h, and the fleet for it, against one program",
    sizes=tuple(SIZES),
    run=run,
    usual="year",
)
