"""Building the program against solving it, and against building it through modelling libraries.

"Building" ends when HiGHS holds the program. All three ways write the same rows and columns, which
is checked, and reach the same optimum. Seconds are CPU time.
"""

from __future__ import annotations

import gc
import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from benchmarks.modelling import Built, linopy_program, pulp_program
from benchmarks.registry import Benchmark, Figure, RunOptions
from benchmarks.worlds import world
from wattlas.model.objective import Solver
from wattlas.placement.hour import highs
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.lp import ColumnLayout, objective
from wattlas.placement.problem.unit_values import Measure, cost
from wattlas.placement.window.linked_program import program_rows

BUILD_SHARE = 0.1
FASTER = 10.0
SAME = 1e-7
"""Relative: how near the optima of the same program must be."""


def our_program(instance: Instance, measure: Measure, hours: np.ndarray) -> Built:
    """Ours: arrays, one block per equation, passed whole."""
    began = time.process_time()
    layout = ColumnLayout(instance, hours)
    value = objective(layout, measure)
    blocks = program_rows(layout, [])
    n = layout.columns
    lp = highs.Lp(value, np.zeros(n), np.full(n, np.inf), blocks)
    written = time.process_time()
    solver = highs.new_solver()
    highs.load(solver, lp)
    loaded = time.process_time()
    answer = highs.checked(highs.run(solver))
    solved = time.process_time()
    return Built(
        written - began,
        loaded - began,
        solved - loaded,
        n,
        sum(len(block.lower) for block in blocks),
        answer.objective,
    )


Way = Callable[[Instance, Measure, np.ndarray], Built]
OTHERS: dict[str, tuple[str, Way]] = {
    "linopy": ("linopy", linopy_program),
    "PuLP": ("pulp", pulp_program),
}


def run(options: RunOptions) -> Sequence[Figure]:
    """One hour and all hours at once, in every way there is; then our own way, hours apart.

    The target for building holds for whole stretches. One hour alone is shown to compare with the
    alternatives: its program is built once and then solved for every hour.
    """
    scenario = world(options.size, options.shared)
    began = time.process_time()
    instance = build_instance(scenario)
    arrays_s = time.process_time() - began
    measure = cost(instance)
    figures = [Figure("instance from scenario", arrays_s, note=scenario.name)]
    day = scenario.hours.count
    figures += _phase("one hour", instance, measure, np.array([day // 2]), options.repeat, None)
    figures += _phase("all hours", instance, measure, np.arange(day), options.repeat, BUILD_SHARE)
    figures.append(_apart(instance, measure))
    return figures


def _apart(instance: Instance, measure: Measure) -> Figure:
    """Hours solved one after the other: one program is built, and changed from hour to hour."""
    apart = [solve_hours(instance, measure, solver=Solver.HIGHS) for _ in range(2)]
    quickest = min((solution.info for solution in apart), key=lambda info: info.seconds)
    solved = quickest.seconds - quickest.build_seconds
    return Figure(
        "hours apart: build / solve",
        quickest.build_seconds / solved,
        unit="",
        target=BUILD_SHARE,
        note=f"{quickest.build_seconds * 1e3:.3g} ms / {solved * 1e3:.4g} ms of wall time, "
        f"{quickest.programs} solves of one program",
    )


def _phase(
    phase: str,
    instance: Instance,
    measure: Measure,
    hours: np.ndarray,
    repeat: int,
    share: float | None,
) -> Iterator[Figure]:
    mine = _best(our_program, instance, measure, hours, repeat)
    size = f"{mine.rows:,} rows × {mine.columns:,} columns"
    yield Figure(
        f"{phase}: build / solve",
        mine.build_s / mine.solve_s,
        unit="",
        target=share,
        note=f"{mine.build_s * 1e3:.3g} ms / {mine.solve_s * 1e3:.4g} ms, {size}",
    )
    for name, (module, way) in OTHERS.items():
        if importlib.util.find_spec(module) is None:
            continue
        theirs = _best(way, instance, measure, hours, repeat)
        _check_same(name, mine, theirs)
        yield Figure(
            f"{phase}: build, against {name}",
            mine.build_s,
            other=theirs.build_s,
            other_name=name,
            target=FASTER,
            of_ratio=True,
            note=f"its model alone {theirs.write_s:.3g} s",
        )


def _best(way: Way, instance: Instance, measure: Measure, hours: np.ndarray, repeat: int) -> Built:
    """The quickest build and solve of `repeat`, after one run that is not counted."""
    runs = []
    for n in range(max(repeat, 1) + 1):
        gc.collect()
        built = way(instance, measure, hours)
        runs += [built] if n else []
    quickest = min(runs, key=lambda built: built.build_s)
    return Built(
        quickest.write_s,
        quickest.build_s,
        min(built.solve_s for built in runs),
        quickest.columns,
        quickest.rows,
        quickest.objective,
    )


def _check_same(name: str, mine: Built, theirs: Built) -> None:
    """Raise ValueError where two ways did not write and solve the same program."""
    if (mine.rows, mine.columns) != (theirs.rows, theirs.columns):
        raise ValueError(
            f"{name} wrote {theirs.rows} rows × {theirs.columns} columns, "
            f"we {mine.rows} × {mine.columns}"
        )
    if abs(mine.objective - theirs.objective) > SAME * abs(mine.objective):
        raise ValueError(f"{name} found {theirs.objective!r}, we {mine.objective!r}")


BENCHMARK = Benchmark(
    name="program",
    tells="building the program against solving it, and against linopy and PuLP",
    sizes=("tiny", "S"),
    run=run,
)
