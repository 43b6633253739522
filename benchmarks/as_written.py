"""One hour of L with three operating points, built and solved as a user would write it.

Every library writes the program of the same sources from the same arrays. Ours merges equal
sources and solves a day hot from hour to hour, which is how it is used; its figure is that of one
hour, the merge and the arrays included. Needs `--shared`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.modelling import linopy_program, pulp_program
from benchmarks.registry import Benchmark, Figure, RunOptions
from benchmarks.shared import as_instance, cpu, merged_program, shared_module
from benchmarks.worlds import from_arrays
from wattlas.placement.engine import HourlyProgram, solve_program, warm_up
from wattlas.placement.hour.engine_hour import program as engine_program
from wattlas.placement.hour.protocol import HourProblem
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.unit_values import cost

SIZES = {"S": 24, "L": 168}
"""Hours that ours is the mean of."""
TARGETS = {"PuLP": 400.0, "linopy": 200.0, "scipy": 170.0}


def run(options: RunOptions) -> Sequence[Figure]:
    """Seconds of CPU time per hour, ours and theirs."""
    arrays = shared_module(options, "instances").make(options.size, V=3, T=SIZES[options.size])
    warm_up()
    instance, measure = as_instance(arrays)
    program = engine_program(HourProblem(instance, measure))[0]
    _, ours = cpu(lambda: solve_program(merged_program(instance, measure)))
    ours /= SIZES[options.size]
    return tuple(_figures(options.size, arrays, program, ours))


def _figures(size: str, arrays: dict, program: HourlyProgram, ours: float) -> Iterator[Figure]:  # type: ignore[type-arg]
    instance = build_instance(from_arrays(f"shared-{size}", arrays).at_hours([12]))
    measure = cost(instance)
    for name, way in (("PuLP", pulp_program), ("linopy", linopy_program)):
        built = way(instance, measure, np.array([0]))
        yield _figure(size, name, ours, built.build_s + built.solve_s)
    yield _figure(size, "scipy", ours, scipy_hour(program, 12))


def _figure(size: str, name: str, ours: float, theirs: float) -> Figure:
    return Figure(
        f"an hour of {size}, build and solve", 1e3 * ours, unit="ms", other=1e3 * theirs,
        other_name=f"{name} and HiGHS", target=TARGETS[name] if size == "L" else None,
        of_ratio=True,
    )  # fmt: skip


def scipy_hour(program: HourlyProgram, hour: int) -> float:
    """CPU seconds of `scipy.optimize.linprog` on sparse matrices of one hour."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_matrix, hstack, identity, vstack

    began = time.process_time()
    sources, regions, _, couplings, _ = program.sizes
    s, r, o = np.nonzero(program.allowed)
    n = len(s)
    value = program.energy_kwh[s, o] * program.per_kwh[r, hour] + program.per_request[s, r, o]
    column = np.arange(n)
    served = csr_matrix((np.ones(n), (s, column)), (sources, n))
    room = csr_matrix((program.gpu_h[s, o], (r, column)), (regions, n))
    j, k = np.nonzero(np.ones((couplings, n)))
    rows = csr_matrix((-program.row_coef[j, s[k], o[k]], (j, k)), (couplings, n))
    below = vstack([room, rows])
    answer = linprog(
        np.concatenate([value, program.unserved]),
        A_ub=hstack([below, csr_matrix((below.shape[0], sources))]),
        b_ub=np.concatenate([program.capacity[:, hour], -program.lower()[:, hour]]),
        A_eq=hstack([served, identity(sources)]),
        b_eq=program.demand[:, hour],
        method="highs",
    )
    if answer.status != 0:
        raise RuntimeError(f"scipy ended with {answer.message}")
    return time.process_time() - began


BENCHMARK = Benchmark(
    name="as-written",
    tells="one hour of L, three operating points, against PuLP, linopy and scipy (needs --shared)",
    sizes=tuple(SIZES),
    run=run,
)
