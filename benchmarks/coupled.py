"""A week of M with a price on starting capacity: rolling windows against the program as a whole.

The instance comes from the shared folder (`--shared`). The whole program is solved by interior
point over merged sources; its optimum says how far above it the windows are in truth.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.registry import Benchmark, Figure, RunOptions
from benchmarks.shared import shared_module
from benchmarks.worlds import from_arrays, one_point
from wattlas.model.frictions import Frictions, Initial
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.engine import warm_up
from wattlas.placement.problem.tactics import Tactics
from wattlas.placement.window.rolling_horizon import Horizon

HOURS = {"day": 48, "week": 168}
START_USD = 0.5
ABOVE, CERTIFIED, SECONDS = 0.02, 0.3, 60.0
"""Per cent above the optimum, certified per cent, CPU seconds."""


def run(options: RunOptions) -> Sequence[Figure]:
    """The same plan by windows and whole."""
    scenario = coupled_world(options, HOURS[options.size])
    warm_up()
    ours, ours_s = _timed(scenario, as_one_program=False)
    one_program, whole_s = _timed(scenario, as_one_program=True)
    above = 100.0 * (ours.objective / one_program.objective - 1.0)
    note = f"{ours.info.programs} windows; whole: gap {one_program.info.gap:.0e}"
    return (
        Figure("rolling windows", ours_s, other=whole_s, other_name="whole program",
               target=SECONDS, note=note),
        Figure("above the optimum", above, unit="%", target=ABOVE),
        Figure("certified gap", 100.0 * ours.info.gap, unit="%", target=CERTIFIED),
    )  # fmt: skip


def coupled_world(options: RunOptions, hours: int) -> Scenario:
    """M with one operating point, a free start and a price on every start after it."""
    arrays = shared_module(options, "instances").make("M", V=1, T=hours)
    frictions = Frictions(start_usd_per_gpu_h=START_USD, initial=Initial.FREE)
    return replace(one_point(from_arrays("shared-M", arrays)), frictions=frictions)


def _timed(scenario: Scenario, *, as_one_program: bool) -> tuple[Plan, float]:
    """The plan and its CPU seconds; `as_one_program` whatever its size."""
    tactics = Tactics(horizon=Horizon(largest=10**12 if as_one_program else 0))
    began = time.process_time()
    return plan(scenario, tactics=tactics), time.process_time() - began


BENCHMARK = Benchmark(
    name="coupled",
    tells="a week of M with start-up costs: windows, their gap, the whole (needs --shared)",
    sizes=tuple(HOURS),
    run=run,
    usual="week",
)
