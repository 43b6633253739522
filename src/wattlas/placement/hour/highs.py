"""The seam to HiGHS: arrays in, arrays and one status out.

Options are set once here. Tolerances are tight because callers scale their programs so that the
largest demand and the largest cost are of order 100.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from wattlas.errors import SolverError
from wattlas.model.plan import Status
from wattlas.placement.problem.rows import Rows, stacked

PRIMAL_SIMPLEX = 4
"""HiGHS's number of it."""
INTERIOR_POINT_COLUMNS = 200_000
"""Programs that are coupled in time and larger than this are solved by interior point."""


@dataclass(frozen=True)
class Lp:
    """minimise cost·x subject to rows and lower ≤ x ≤ upper."""

    cost: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    rows: list[Rows]


AT_LOWER, BASIC, AT_UPPER, FREE = range(4)
"""HiGHS's numbers of where a variable stands."""


def _side(value: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The bound that each value is nearer to, int8; free where it has none."""
    above, below = value - lower, upper - value
    side = np.where(below < above, AT_UPPER, AT_LOWER)
    return np.where(np.isinf(lower) & np.isinf(upper), FREE, side).astype(np.int8)


@dataclass(frozen=True)
class Statuses:
    """A basis: HiGHS's status of every column and row, int8."""

    columns: np.ndarray
    rows: np.ndarray

    @staticmethod
    def of(solver: Any, lp: Lp, row_value: np.ndarray, x: np.ndarray) -> Statuses:
        """The basis that a solver ended with.

        HiGHS gives the statuses as a list of words, which takes a fifth of the time of a window;
        it gives the basic variables as an array, and what is not basic lies at one of its bounds.
        """
        _, basic = solver.getBasicVariables()
        lower = np.concatenate([block.lower for block in lp.rows])
        upper = np.concatenate([block.upper for block in lp.rows])
        column, row = _side(x, lp.lower, lp.upper), _side(row_value, lower, upper)
        column[basic[basic >= 0]] = BASIC
        row[-basic[basic < 0] - 1] = BASIC
        return Statuses(column, row)

    def put(self, solver: Any) -> None:
        """Start from it; from nothing where HiGHS refuses it."""
        import highspy

        word = np.array([highspy.HighsBasisStatus(n) for n in range(5)], dtype=object)
        basis = highspy.HighsBasis()
        basis.col_status = word[self.columns].tolist()
        basis.row_status = word[self.rows].tolist()
        basis.valid = True
        if not accepted(solver.setBasis(basis)):
            solver.clearSolver()


@dataclass(frozen=True)
class LpSolution:
    """How the solver ended, and its point: `x`, `reduced` per column, `dual` per row; `basis` where
    it was asked for, and `reduced` is empty then."""

    status: Status
    x: np.ndarray
    reduced: np.ndarray
    dual: np.ndarray
    objective: float
    basis: Statuses | None = None


@cache
def version() -> str:
    """`highs 1.x.y`."""
    return f"highs {new_solver().version()}"


def new_solver(
    *, time_limit_s: float | None = None, interior: bool = False, tolerance: float = 1e-9
) -> Any:
    """A silent HiGHS on one thread with tight tolerances."""
    import highspy

    solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("primal_feasibility_tolerance", tolerance)
    solver.setOptionValue("dual_feasibility_tolerance", tolerance)
    if interior:
        solver.setOptionValue("solver", "ipm")
        solver.setOptionValue("run_crossover", "on")
    if time_limit_s is not None:
        solver.setOptionValue("time_limit", time_limit_s)
    return solver


def load(solver: Any, lp: Lp) -> None:
    """Pass the program whole."""
    import highspy

    columns = len(lp.cost)
    start, index, value = stacked(lp.rows)
    lower = np.concatenate([block.lower for block in lp.rows])
    upper = np.concatenate([block.upper for block in lp.rows])
    none, continuous = np.zeros(0, np.int32), np.zeros(columns, np.int32)
    # One call with arrays; the fields of a HighsLp are copied number by number, which takes longer.
    status = solver.passModel(
        columns, len(lower), len(value), 0,
        int(highspy.MatrixFormat.kRowwise), int(highspy.HessianFormat.kTriangular),
        int(highspy.ObjSense.kMinimize), 0.0,
        lp.cost, lp.lower, lp.upper, lower, upper,
        start, index, value, none, none, np.zeros(0), continuous,
    )  # fmt: skip
    if status == highspy.HighsStatus.kError:
        raise SolverError("HiGHS refused the program: a bound or coefficient is not a number")


def run(solver: Any, *, reduced: bool = True) -> LpSolution:
    """Solve what is loaded, from the last basis where there is one; HiGHS gives lists of numbers,
    so that `reduced` costs are read only where they are of use."""
    solver.run()
    status = _status(solver.getModelStatus())
    if solver.getNumCol() == 0 and not _rows_hold_nothing(solver):
        status = Status.INFEASIBLE
    if status in (Status.INFEASIBLE, Status.FAILED):
        empty = np.zeros(0)
        return LpSolution(status, empty, empty, empty, float("nan"))
    solution = solver.getSolution()
    return LpSolution(
        status,
        np.asarray(solution.col_value),
        np.asarray(solution.col_dual if reduced else ()),
        np.asarray(solution.row_dual),
        float(solver.getInfo().objective_function_value),
    )


def accepted(status: Any) -> bool:
    """Whether HiGHS took what it was given; a warning is no refusal."""
    import highspy

    return bool(status != highspy.HighsStatus.kError)


def run_safely(solver: Any) -> LpSolution:
    """Solve what is loaded, and once more from scratch where the last basis led nowhere.

    Raises SolverError where that fails, too.
    """
    answer = run(solver)
    if answer.status is not Status.OPTIMAL:
        solver.clearSolver()
        answer = run(solver)
    return checked(answer)


def run_from_basis(solver: Any) -> LpSolution:
    """Solve what is loaded from the last basis, but with nothing else of the last solution.

    From program to program the factors of the basis are updated, and their rounding adds up.
    """
    basis = solver.getBasis()
    solver.clearSolver()
    solver.setBasis(basis)
    return run(solver)


def solve(
    lp: Lp,
    *,
    time_limit_s: float | None = None,
    interior: bool = False,
    start: Statuses | None = None,
    primal: bool = False,
    keep_basis: bool = False,
) -> LpSolution:
    """Load and solve once, from a basis where one is given, by the primal simplex where it is
    feasible (`primal`); keep the last one where asked."""
    solver = new_solver(time_limit_s=time_limit_s, interior=interior and start is None)
    load(solver, lp)
    if start is not None:
        # Perturbed costs are taken back at the end: near the optimum that is most of the work.
        solver.setOptionValue("dual_simplex_cost_perturbation_multiplier", 0.0)
        if primal:
            solver.setOptionValue("simplex_strategy", PRIMAL_SIMPLEX)
            solver.setOptionValue("primal_simplex_bound_perturbation_multiplier", 0.0)
        start.put(solver)
    answer = run(solver, reduced=not keep_basis)
    if start is not None and answer.status is Status.FAILED:
        return solve(lp, time_limit_s=time_limit_s, interior=interior, keep_basis=keep_basis)
    if keep_basis and answer.status is Status.OPTIMAL:
        row_value = np.asarray(solver.getSolution().row_value)
        return replace(answer, basis=Statuses.of(solver, lp, row_value, answer.x))
    return answer


def checked(answer: LpSolution) -> LpSolution:
    """The answer, or SolverError where the solver failed."""
    if answer.status is Status.FAILED:
        raise SolverError("HiGHS ended without an answer; please report the scenario")
    return answer


def _rows_hold_nothing(solver: Any) -> bool:
    """Whether all rows allow zero: HiGHS does not look at the rows of a program without columns."""
    lp = solver.getLp()
    lower, upper = np.asarray(lp.row_lower_), np.asarray(lp.row_upper_)
    return bool((lower <= 0).all() and (upper >= 0).all())


def _status(model_status: Any) -> Status:
    return _statuses().get(model_status, Status.FAILED)


@cache
def _statuses() -> dict[Any, Status]:
    """One table from HiGHS's model status to ours."""
    import highspy

    known = highspy.HighsModelStatus
    return {
        known.kOptimal: Status.OPTIMAL,
        known.kInfeasible: Status.INFEASIBLE,
        known.kUnboundedOrInfeasible: Status.INFEASIBLE,
        known.kTimeLimit: Status.LIMIT,
        known.kIterationLimit: Status.LIMIT,
        known.kModelEmpty: Status.OPTIMAL,
    }
