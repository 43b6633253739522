"""Small programs many times: gateways and data centres, and one placement at a time.

Ten gateways send to ten data centres over 457 hours, latency and energy weighed linearly: published
programs in a modelling language take seconds to minutes for it. One placement over sixty regions
takes a published mixed-integer scheduler 391 ms.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from benchmarks.registry import Asked, Benchmark, Figure
from wattlas.placement.engine import HourlyProgram, solve_hours, warm_up
from wattlas.placement.hour import highs
from wattlas.placement.problem.lp import Rows

GATEWAYS, CENTRES, HOURS = 10, 10, 457
RATE = 50_000.0
REGIONS = 60
PLACEMENT_MS = 2.0
REPEAT = {"tiny": 1, "usual": 20}


def run(asked: Asked) -> Sequence[Figure]:
    """Region-hours per CPU second against one program in HiGHS; a single placement."""
    warm_up()
    program = drawn(GATEWAYS, CENTRES, HOURS)
    solve_hours(program)
    times = REPEAT[asked.size]
    began = time.process_time()
    for _ in range(times):
        answer = solve_hours(program)
    ours = (time.process_time() - began) / times
    began = time.process_time()
    value = in_one_piece(program)
    other = time.process_time() - began
    if abs(answer.objective.sum() / value - 1) > 1e-9:
        raise RuntimeError("the engine and HiGHS differ")
    work = CENTRES * HOURS
    one = drawn(1, REGIONS, 200 * times)
    began = time.process_time()
    for t in range(200 * times):
        solve_hours(one, [t])
    each = (time.process_time() - began) / (200 * times)
    return (
        Figure("10 gateways × 10 centres × 457 h", ours, other=other, other_name="one LP in HiGHS",
               target=work / RATE, note=f"{work / ours:,.0f} region-hours a CPU second, "
               f"{work / other:,.0f} by one LP; target {RATE:,.0f}"),
        Figure("one placement over 60 regions", 1e3 * each, unit="ms", target=PLACEMENT_MS,
               note="from arrays to flows and prices, cold"),
    )  # fmt: skip


def drawn(sources: int, regions: int, hours: int) -> HourlyProgram:
    """Sources that may run everywhere; the cheaper half of the regions is full."""
    draw = np.random.default_rng(457)
    demand = draw.uniform(50, 150, (sources, hours))
    capacity = draw.uniform(0.5, 1.5, regions) * 1.4 * demand.sum(axis=0).max() / regions
    return HourlyProgram(
        demand=demand,
        energy_kwh=np.ones((sources, 1)),
        gpu_h=np.ones((sources, 1)),
        allowed=np.ones((sources, regions, 1), bool),
        per_kwh=draw.uniform(20, 120, (regions, hours)),
        per_request=draw.uniform(0, 40, (sources, regions, 1)),
        capacity=np.repeat(capacity[:, None], hours, axis=1),
        unserved=np.full(sources, 1e4),
        row_coef=np.zeros((0, sources, 1)),
    )


def in_one_piece(program: HourlyProgram) -> float:
    """All hours as one program, arrays passed whole."""
    sources, regions, _, _, hours = program.sizes
    n = sources * regions
    cost = program.per_request[:, :, 0, None] + program.per_kwh[None]
    value = np.concatenate([cost.reshape(n, hours).T.ravel(), np.tile(program.unserved, hours)])
    base = np.arange(hours)[:, None] * n
    column = base + np.arange(n)[None, :]
    shed = hours * n + np.arange(hours * sources).reshape(hours, sources)
    by_source = column.reshape(hours, sources, regions)
    demand = np.concatenate([by_source, shed[..., None]], axis=2)
    by_region = by_source.transpose(0, 2, 1)
    right = program.demand.T.ravel()
    room = program.capacity.T.ravel()
    blocks = [_block("demand", demand, right, right),
              _block("capacity", by_region, np.full(len(room), -np.inf), room)]  # fmt: skip
    size = len(value)
    answer = highs.solve(highs.Lp(value, np.zeros(size), np.full(size, np.inf), blocks))
    return float(answer.objective)


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
