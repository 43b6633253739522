"""The judge: one hour of a program through HiGHS, written down independently of the engine."""

from __future__ import annotations

import highspy
import numpy as np
from scipy.sparse import coo_array, csc_array, vstack

from wattlas.placement.engine.program import HourlyProgram


def _columns(program: HourlyProgram) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.nonzero(program.allowed)


def judge(program: HourlyProgram, t: int) -> tuple[str, float, float]:
    """(status, objective, size of the objective's terms) of hour t.

    Flows are counted in mean demands and costs in mean costs, so that the judge's absolute
    tolerances mean the same for every hour.
    """
    sources, regions, _, couplings, _ = program.sizes
    s, r, o = _columns(program)
    idle = np.nonzero(np.isfinite(program.unserved))[0]
    n, m = len(s), len(s) + len(idle)
    unit = np.where(program.gpu_h.max(axis=1) > 0, program.gpu_h.max(axis=1), 1.0)
    cost = program.energy_kwh[s, o] * program.per_kwh[r, t] + program.per_request[s, r, o]
    cost = np.concatenate([cost / unit[s], program.unserved[idle] / unit[idle]])
    one = np.ones(m)
    rows = [
        coo_array((one, (np.concatenate([s, idle]), np.arange(m))), shape=(sources, m)),
        coo_array((program.gpu_h[s, o] / unit[s], (r, np.arange(n))), shape=(regions, m)),
    ]
    scale = np.abs(program.row_coef / unit[None, :, None]).max(axis=(1, 2), initial=0.0)
    scale = np.where(scale > 0, scale, 1.0)
    for j in range(couplings):
        entries = program.row_coef[j, s, o] / unit[s] / scale[j]
        rows.append(coo_array((entries, (np.zeros(n, int), np.arange(n))), shape=(1, m)))
    demand = program.demand[:, t] * unit
    volume = demand.sum() / sources or 1.0
    money = float(np.abs(cost).sum()) / max(m, 1) or 1.0
    lower = np.concatenate([demand, np.full(regions, -np.inf), program.lower()[:, t] / scale])
    upper = np.concatenate([demand, program.capacity[:, t], np.full(couplings, np.inf)])
    matrix = csc_array(vstack(rows))
    status, value, size = _run(matrix, cost / money, lower / volume, upper / volume)
    return status, value * money * volume, size * money * volume


def _run(matrix: csc_array, cost: np.ndarray, lower: np.ndarray, upper: np.ndarray):
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = matrix.shape
    lp.col_cost_, lp.col_lower_ = cost, np.zeros(len(cost))
    lp.col_upper_ = np.full(len(cost), highspy.kHighsInf)
    lp.row_lower_, lp.row_upper_ = lower, upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = matrix.indptr, matrix.indices
    lp.a_matrix_.value_ = matrix.data
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("primal_feasibility_tolerance", 1e-10)
    solver.setOptionValue("dual_feasibility_tolerance", 1e-10)
    solver.passModel(lp)
    solver.run()
    status = solver.getModelStatus()
    if status == highspy.HighsModelStatus.kOptimal:
        flows = np.array(solver.getSolution().col_value)
        size = float(np.abs(cost * flows).sum())
        return "optimal", solver.getInfo().objective_function_value, size
    if status == highspy.HighsModelStatus.kModelEmpty:
        return "optimal", 0.0, 0.0
    if status in (
        highspy.HighsModelStatus.kInfeasible,
        highspy.HighsModelStatus.kUnboundedOrInfeasible,
    ):
        return "infeasible", float("nan"), 0.0
    return str(status), float("nan"), 0.0
