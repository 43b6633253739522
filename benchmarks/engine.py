"""The hourly engine against HiGHS, the same hours in the same run, CPU time.

    python benchmarks/engine.py INSTANCES [--json OUT] [--only NAME ...] [--hours 8760] [--judge 6]

INSTANCES is a folder with `instances.py` (synthetic instances by size) and `lp_form.py` (an hour
of one as a linear program).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from wattlas.placement.engine import (
    HourlyProgram,
    HourlySolution,
    Meter,
    merge,
    solve_capped,
    solve_hours,
    solve_sweep,
    verify,
    warm_up,
)

Instance = dict[str, Any]


def as_program(instance: Instance) -> HourlyProgram:
    """Every (metro, class) pair of an instance as a source; unmerged."""
    metros, classes, points, regions = (instance[n] for n in "IKVR")
    hours, sources = instance["T"], metros * classes
    of = np.tile(np.arange(classes), metros)
    static = (instance["egr"][:, None, :] * instance["gb"][None, :, None]).reshape(sources, -1)
    rows = np.zeros((classes if points > 1 else 0, sources, points))
    for k in range(rows.shape[0]):
        rows[k, of == k] = instance["va"] - instance["A"][k]
    return HourlyProgram(
        demand=instance["D"].reshape(sources, hours),
        energy_kwh=instance["ek"][of],
        gpu_h=instance["gk"][of],
        allowed=instance["mask"].reshape(sources, points, regions).transpose(0, 2, 1).copy(),
        per_kwh=np.ascontiguousarray(instance["w"]),
        per_request=np.repeat(static[:, :, None], points, axis=2),
        capacity=np.repeat(instance["cap"][:, None], hours, axis=1),
        unserved=np.full(sources, instance["shed"]),
        row_coef=rows,
    )


def cpu(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result and the CPU seconds of all threads of this process."""
    began = time.process_time()
    result = work()
    return result, time.process_time() - began


def highs_cold(lp_form: Any, instance: Instance, hour: int) -> tuple[float, float]:
    """(objective, CPU s) of HiGHS on the hour as given, arrays passed whole."""
    return _run_highs(lp_form.highs_model(lp_form.form(instance, [hour])))


def highs_merged(program: HourlyProgram, hour: int) -> tuple[float, float]:
    """(objective, CPU s) of HiGHS on the merged hour, arrays passed whole."""
    import highspy

    sources, regions, _, couplings, _ = program.sizes
    s, r, o = np.nonzero(program.allowed)
    n = len(s)
    cost = program.energy_kwh[s, o] * program.per_kwh[r, hour] + program.per_request[s, r, o]
    own = np.abs(program.row_coef).sum(axis=2).argmax(axis=0) if couplings else np.zeros(sources)
    per = 3 if couplings else 2
    index, value = np.zeros((n, per), np.int32), np.ones((n, per))
    index[:, 0], index[:, 1], value[:, 1] = s, sources + r, program.gpu_h[s, o]
    if couplings:
        index[:, 2] = sources + regions + own[s]
        value[:, 2] = program.row_coef[own[s], s, o]
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n + sources, sources + regions + couplings
    lp.col_cost_ = np.concatenate([cost, program.unserved])
    lp.col_lower_ = np.zeros(n + sources)
    lp.col_upper_ = np.full(n + sources, highspy.kHighsInf)
    demand = program.demand[:, hour]
    free, none = np.full(couplings, highspy.kHighsInf), np.full(regions, -highspy.kHighsInf)
    lp.row_lower_ = np.concatenate([demand, none, program.lower()[:, hour]])
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


def year(instances: Any, lp_form: Any, points: int, hours: int, judged: int) -> Instance:
    """Size L, every hour, merged and hot; HiGHS cold on some of the same hours."""
    instance = instances.make("L", V=points, T=hours)
    program = as_program(instance)
    merged, merge_s = cpu(lambda: merge(program).program)
    solve_hours(merged, [0])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer, engine_s = cpu(lambda: solve_hours(merged, want_duals=False))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sample = np.linspace(0, hours - 1, judged).astype(int)
    cold = [highs_cold(lp_form, instance, int(t)) for t in sample]
    small = [highs_merged(merged, int(t)) for t in sample]
    judge = np.array([value for value, _ in cold])
    each = engine_s / hours
    return {
        "what": f"L, {points} operating point(s), {hours} h",
        "sources": int(merged.demand.shape[0]),
        "engine_cpu_s": engine_s,
        "engine_cpu_ms_per_hour": 1e3 * each,
        "year_cpu_s": each * 8760,
        "merge_cpu_s": merge_s,
        "pivots_per_hour": answer.pivots / hours,
        "scans_per_hour": answer.scans / hours,
        "status": np.bincount(answer.status, minlength=3).tolist(),
        "largest_own_gap": float(np.nanmax(answer.gap / answer.objective)),
        "highs_cold_cpu_ms": 1e3 * float(np.mean([s for _, s in cold])),
        "highs_merged_cpu_ms": 1e3 * float(np.mean([s for _, s in small])),
        "times_highs_cold": float(np.mean([s for _, s in cold])) / each,
        "times_highs_merged": float(np.mean([s for _, s in small])) / each,
        "largest_difference_to_highs": float(np.abs(answer.objective[sample] / judge - 1).max()),
        "certified_residual": verify(merged, solve_week(merged)).worst,
        "memory_growth_mib": (after - before) / 1024,
    }


def solve_week(program: HourlyProgram) -> HourlySolution:
    """A week with duals, for the certificate."""
    return solve_hours(program, range(min(168, program.demand.shape[1])))


def constancy(instances: Any) -> Instance:
    """CPU per hour of a week and of a year, size M."""
    program = merge(as_program(instances.make("M", V=1, T=8760))).program
    solve_hours(program, [0])
    _, week = cpu(lambda: [solve_hours(program, range(n, n + 168)) for n in range(0, 1680, 168)])
    _, whole = cpu(lambda: solve_hours(program))
    return {
        "what": "time per hour, weeks against a year, M",
        "week_cpu_ms_per_hour": 1e3 * week / 1680,
        "year_cpu_ms_per_hour": 1e3 * whole / 8760,
    }


def sweep(instances: Any) -> Instance:
    """1,000 carbon weights over one hour, size S."""
    instance = instances.make("S", V=1)
    program = merge(as_program(instance)).program
    base, rate = (
        instance["pue"][:, None] * instance["price"] / 1000,
        instance["pue"][:, None] * instance["ci"] / 1000,
    )
    weights = np.linspace(0, 1, 1000)
    rates = base[None] + weights[:, None, None] * rate[None]
    solve_sweep(program, rates[:2], hours=[12])
    answer, spent = cpu(lambda: solve_sweep(program, rates, hours=[12]))
    return {
        "what": "1,000 programs along a sweep, S",
        "cpu_s": spent,
        "pivots": answer.pivots,
        "optimal": int((answer.status == 0).sum()),
    }


def capped(instances: Any, hours: int) -> Instance:
    """A cap on the carbon of all hours together, size L, one operating point."""
    instance = instances.make("L", V=1, T=hours)
    program = merge(as_program(instance)).program
    meter = Meter(np.ascontiguousarray(instance["pue"][:, None] * instance["ci"] / 1000))
    free = float(solve_hours(program, meters=(meter,), want_duals=False).meters.sum())
    answer, spent = cpu(lambda: solve_capped(program, meter, 0.8 * free))
    return {
        "what": f"L, one operating point, {hours} h under a carbon cap of 80 %",
        "cpu_s": spent,
        "year_cpu_s": spent / hours * 8760,
        "rounds": answer.rounds,
        "gap": answer.gap,
        "multiplier": answer.multiplier,
    }


def main() -> None:
    """Run, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("instances", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--hours", type=int, default=8760)
    parser.add_argument("--judge", type=int, default=6)
    parser.add_argument("--only", nargs="*", default=["one", "three", "sweep", "cap", "constancy"])
    args = parser.parse_args()
    sys.path.insert(0, str(args.instances))
    import instances
    import lp_form

    warm_up(lambda text: print(text, file=sys.stderr))
    table: dict[str, Callable[[], Instance]] = {
        "one": lambda: year(instances, lp_form, 1, args.hours, args.judge),
        "three": lambda: year(instances, lp_form, 3, args.hours, args.judge),
        "sweep": lambda: sweep(instances),
        "cap": lambda: capped(instances, args.hours),
        "constancy": lambda: constancy(instances),
    }
    results = {}
    for name in args.only:
        results[name] = table[name]()
        print(json.dumps({name: results[name]}, indent=1), flush=True)
        if args.json:
            args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
