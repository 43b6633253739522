"""The hourly engine against HiGHS, the same hours in the same run, CPU time.

Instances come from the shared folder (`--shared`); its `bench/lp_form.py` writes an hour of one as
a linear program.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.machine import forget_peak, peak_mib
from benchmarks.registry import Benchmark, Figure, RunOptions
from benchmarks.shared import Arrays, as_instance, cpu, merged_program, shared_module
from benchmarks.worlds import from_arrays, one_point
from wattlas.placement.api import plan
from wattlas.placement.engine import HourlyProgram, HourlySolution, solve_program, verify, warm_up
from wattlas.units import KG_PER_T

HOURS = {"tiny": 48, "month": 720, "year": 8760}
JUDGED = {"tiny": 1, "month": 3, "year": 6}
"""Hours of each run that HiGHS solves, too."""
EQUAL = 1e-9


def highs_cold(lp_form: Any, arrays: Arrays, hour: int) -> tuple[float, float]:
    """(objective, CPU s) of HiGHS on the hour as given, arrays passed whole."""
    return _run_highs(lp_form.highs_model(lp_form.form(arrays, [hour])))


def highs_merged(program: HourlyProgram, hour: int) -> tuple[float, float]:
    """(objective, CPU s) of HiGHS on the merged hour, arrays passed whole."""
    import highspy

    sources, regions, _, couplings, _ = program.sizes
    s, r, o = np.nonzero(program.allowed)
    n = len(s)
    cost = program.energy_kwh[s, o] * program.per_kwh[r, hour] + program.per_request[s, r, o]
    row_of = np.abs(program.row_coef).sum(axis=2).argmax(axis=0) if couplings else np.zeros(sources)
    per = 3 if couplings else 2
    index, value = np.zeros((n, per), np.int32), np.ones((n, per))
    index[:, 0], index[:, 1], value[:, 1] = s, sources + r, program.gpu_h[s, o]
    if couplings:
        index[:, 2] = sources + regions + row_of[s]
        value[:, 2] = program.row_coef[row_of[s], s, o]
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n + sources, sources + regions + couplings
    lp.col_cost_ = np.concatenate([cost, program.unserved])
    lp.col_lower_ = np.zeros(n + sources)
    lp.col_upper_ = np.full(n + sources, highspy.kHighsInf)
    demand = program.demand[:, hour]
    free, unbounded = np.full(couplings, highspy.kHighsInf), np.full(regions, -highspy.kHighsInf)
    lp.row_lower_ = np.concatenate([demand, unbounded, program.lower()[:, hour]])
    lp.row_upper_ = np.concatenate([demand, program.capacity[:, hour], free])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.concatenate([np.arange(n) * per, n * per + np.arange(sources + 1)])
    lp.a_matrix_.index_ = np.concatenate([index.ravel(), np.arange(sources, dtype=np.int32)])
    lp.a_matrix_.value_ = np.concatenate([value.ravel(), np.ones(sources)])
    return _run_highs(lp)


def _run_highs(lp: Any) -> tuple[float, float]:
    import highspy

    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)

    def work() -> float:
        solver.passModel(lp)
        solver.run()
        return float(solver.getInfo().objective_function_value)

    return cpu(work)


def run(options: RunOptions) -> Sequence[Figure]:
    """Every line of the table that the engine alone answers for."""
    instances, lp_form = shared_module(options, "instances"), shared_module(options, "lp_form")
    warm_up(lambda text: print(text, file=sys.stderr))
    hours, judged = HOURS[options.size], JUDGED[options.size]
    return (
        *_year(instances, lp_form, 1, hours, judged),
        *_year(instances, lp_form, 3, hours, judged),
        _capped(instances, hours),
        _constancy(instances, hours),
    )


def _year(instances: Any, lp_form: Any, points: int, hours: int, judged: int) -> Iterator[Figure]:
    """Size L, every hour, merged and hot; HiGHS cold on some of the same hours."""
    arrays = instances.make("L", V=points, T=hours)
    instance, measure = as_instance(arrays)
    merged, merge_s = cpu(lambda: merged_program(instance, measure))
    solve_program(merged, [0])
    forget_peak()
    before = peak_mib()
    answer, engine_s = cpu(lambda: solve_program(merged, want_duals=False))
    grown = peak_mib() - before
    sample = np.linspace(0, hours - 1, judged).astype(int)
    cold = [highs_cold(lp_form, arrays, int(t)) for t in sample]
    judge = np.array([value for value, _ in cold])
    apart = float(np.abs(answer.objective[sample] / judge - 1).max())
    if apart > EQUAL or (answer.status != 0).any():
        raise RuntimeError(f"the engine is {apart:.1e} off HiGHS, or left hours unsolved")
    residual = verify(merged, solve_week(merged)).worst
    hour_s, name = engine_s / hours, f"L, {points} operating point" + "s" * (points > 1)
    note = (
        f"{hours} h, {merged.demand.shape[0]} merged sources, merging {merge_s:.1f} s, largest "
        f"difference {apart:.0e}, residual {residual:.0e}, memory grew by {grown:.0f} MiB"
    )
    target = {1: 10.0, 3: 100.0}[points] * hours / 8760
    yield Figure(f"{name}, all hours", engine_s, target=target, note=note)
    yield Figure(
        f"{name}, an hour",
        hour_s * 1e3,
        unit="ms",
        other=1e3 * float(np.mean([s for _, s in cold])),
        other_name=f"HiGHS cold ({judged} hours)",
        target={1: 500.0, 3: 280.0}[points],
        of_ratio=True,
    )
    if points == 1:
        small = [highs_merged(merged, int(t)) for t in sample]
        yield Figure(
            f"{name}, an hour",
            hour_s * 1e3,
            unit="ms",
            other=1e3 * float(np.mean([s for _, s in small])),
            other_name="HiGHS, merged sources",
            target=55.0,
            of_ratio=True,
        )


def solve_week(program: HourlyProgram) -> HourlySolution:
    """A week with duals, for the certificate."""
    return solve_program(program, range(min(168, program.demand.shape[1])))


def _capped(instances: Any, hours: int) -> Figure:
    """`plan` under a cap on the carbon of all hours together, size L, one operating point."""
    scenario = one_point(from_arrays("shared-L", instances.make("L", V=1, T=hours)))
    free = plan(scenario).totals.carbon_kg / KG_PER_T
    capped = replace(scenario.objective, carbon_cap_t=0.8 * free)
    placement, spent = cpu(lambda: plan(scenario, objective=capped))
    if not placement.info.gap <= 1e-8 or placement.limits[0].used > 0.8 * free * (1 + EQUAL):
        raise RuntimeError(
            f"the cap's gap is {placement.info.gap:.1e}, {placement.limits[0].used} t used"
        )
    info = placement.info
    note = f"`plan`, cap 80 %, {info.programs} programs, certified gap {info.gap:.0e}"
    return Figure("L under a carbon cap over all hours", spent, target=60 * hours / 8760, note=note)


def _constancy(instances: Any, hours: int) -> Figure:
    """CPU time per hour over all hours and over single weeks of the same, size M.

    The longest run stands for ten years: what is kept from hour to hour does not grow with them.
    """
    count = max(10 * hours, 336)
    program = merged_program(*as_instance(instances.make("M", V=1, T=count)))
    solve_program(program, [0])
    starts = np.linspace(0, count - 168, 40).astype(int)
    _, weeks = cpu(lambda: [solve_program(program, range(n, n + 168)) for n in starts])
    _, all_hours = cpu(lambda: solve_program(program, want_duals=False))
    week = weeks / (40 * 168)
    note = f"{1e3 * week:.3f} ms an hour in 40 weeks, {1e3 * all_hours / count:.3f} over {count} h"
    return Figure("M, an hour of all over one of a week", all_hours / count / week, unit="×",
                  target=1.1, note=note)  # fmt: skip


BENCHMARK = Benchmark(
    name="engine",
    tells="hours of L against HiGHS, a carbon cap, time against length (needs --shared)",
    sizes=tuple(HOURS),
    run=run,
    usual="month",
)
