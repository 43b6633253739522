"""Small programs many times: gateways and data centres, and one placement at a time.

Ten gateways send to ten data centres over 457 hours, latency and energy weighed linearly: published
programs in a modelling language take seconds to minutes for it. One placement over sixty regions
takes a published mixed-integer scheduler 391 ms. Ours is `wattlas.plan` with nothing chosen.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from benchmarks.registry import Benchmark, Figure, RunOptions
from benchmarks.worlds import GPU_H, SCALE, one_point, scenario_of
from wattlas import plan
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.placement.engine import HourlyProgram
from wattlas.placement.hour import highs
from wattlas.placement.hour.engine_hour import program as hourly_program
from wattlas.placement.hour.protocol import HourProblem
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.rows import Rows
from wattlas.placement.problem.unit_values import cost

GATEWAYS, CENTRES, HOURS = 10, 10, 457
RATE = 50_000.0
REGIONS = 60
PLACEMENT_MS = 2.0
REPEAT = {"tiny": 1, "usual": 20}


def run(options: RunOptions) -> Sequence[Figure]:
    """Region-hours per CPU second against one program in HiGHS; a single placement."""
    times = REPEAT[options.size]
    scenario = gateways(GATEWAYS, CENTRES, HOURS)
    _, first = _planned(scenario, 1)
    answer, ours = _planned(scenario, times)
    instance = build_instance(scenario)
    program = hourly_program(HourProblem(instance, cost(instance)))[0]
    began = time.process_time()
    value = in_one_piece(program)
    one_program_s = time.process_time() - began
    if abs(answer.objective / value - 1) > 1e-9:
        raise RuntimeError("`plan` and one program in HiGHS differ")
    work = CENTRES * HOURS
    alone, placement_s = _planned(gateways(1, REGIONS, 1), 10 * times)
    return (
        Figure("10 gateways × 10 centres × 457 h", ours, other=one_program_s,
               other_name="one LP in HiGHS", target=work / RATE,
               note=f"{work / ours:,.0f} region-hours a CPU second by "
               f"{answer.info.solver}, {work / one_program_s:,.0f} by one LP; target {RATE:,.0f}"),
        Figure("the same, first plan of a process", first, note="the engine's loading included"),
        Figure("one placement over 60 regions", 1e3 * placement_s, unit="ms", target=PLACEMENT_MS,
               note=f"by {alone.info.solver}, from a scenario to a plan with totals and prices"),
    )  # fmt: skip


def _planned(scenario: Scenario, times: int) -> tuple[Plan, float]:
    """The plan by default, and the mean CPU seconds of so many."""
    began = time.process_time()
    for _ in range(times):
        placement = plan(scenario)
    return placement, (time.process_time() - began) / times


def gateways(sources: int, regions: int, hours: int) -> Scenario:
    """Sources that may run everywhere, one operating point; the cheaper half of the regions is
    full.
    """
    draw = np.random.default_rng(457)
    demand = draw.uniform(50e3, 150e3, (sources, 1, hours))
    need = demand.sum(axis=(0, 1)).max() * GPU_H[1] * SCALE[0]
    facts = {
        "rtt": draw.uniform(5, 80, (sources, regions)),
        "egress": draw.uniform(0.02, 0.09, (sources, regions)),
        "price": draw.uniform(20, 120, (regions, hours)),
        "carbon": draw.uniform(30, 700, (regions, hours)),
        "pue": np.full(regions, 1.2),
        "demand": demand,
        "gb": np.array([2e-6]),
        "budget": np.array([1e9]),
        "mean_accuracy_min": (0.8,),
    }
    room = draw.uniform(0.5, 1.5, regions) * 1.4 * need / regions
    return one_point(scenario_of("gateways", facts, room))


def in_one_piece(program: HourlyProgram) -> float:
    """All hours of one class at one operating point as one program, arrays passed whole."""
    sources, regions, _, _, hours = program.sizes
    n = sources * regions
    energy = program.energy_kwh[:, :, None] * program.per_kwh[None]
    unit_cost = program.per_request[:, :, 0, None] + energy
    usual = float(unit_cost.mean())  # HiGHS's tolerances are absolute: costs of order 1
    value = np.concatenate(
        [unit_cost.reshape(n, hours).T.ravel(), np.tile(program.unserved, hours)]
    )
    value /= usual
    base = np.arange(hours)[:, None] * n
    column = base + np.arange(n)[None, :]
    shed = hours * n + np.arange(hours * sources).reshape(hours, sources)
    by_source = column.reshape(hours, sources, regions)
    demand = np.concatenate([by_source, shed[..., None]], axis=2)
    by_region = by_source.transpose(0, 2, 1)
    right = program.demand.T.ravel()
    room = program.capacity.T.ravel() / program.gpu_h[0, 0]  # the same for all sources
    blocks = [_block("demand", demand, right, right),
              _block("capacity", by_region, np.full(len(room), -np.inf), room)]  # fmt: skip
    size = len(value)
    answer = highs.solve(highs.Lp(value, np.zeros(size), np.full(size, np.inf), blocks))
    return float(answer.objective) * usual


def _block(name: str, index: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> Rows:
    count, width = len(lower), index.shape[-1]
    return Rows(name, lower, upper, np.arange(count + 1) * width, index.ravel(),
                np.ones(index.size))  # fmt: skip


BENCHMARK = Benchmark(
    name="small",
    tells="10 × 10 × 457 hours and single placements, against one program in HiGHS",
    sizes=tuple(REPEAT),
    run=run,
)
