"""The first call after an installation compiles the engine; here one can ask and say so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wattlas.compiled import compile_together, has_code
from wattlas.placement.engine.hours import walk
from wattlas.placement.engine.opening import Meter, solve_opening, walk_open
from wattlas.placement.engine.program import HourlyProgram
from wattlas.placement.engine.solve import solve_program

MESSAGE = "compiling the placement engine for this processor (once after an installation)"


def is_compiled(*, budgets: bool = False) -> bool:
    """Whether compiled code is loaded or lies on disk, so that the next call starts at once;
    with `budgets` also of what goes along budgets.
    """
    return has_code(walk) and (not budgets or has_code(walk_open))


def warm_up(progress: Callable[[str], None] | None = None, *, budgets: bool = False) -> bool:
    """Compile or load the engine by solving a program of one column.

    With `budgets` also what goes along budgets, in one go: the two share nearly all functions.
    Calls `progress` with a sentence if that means compiling. Returns True if it did.
    """
    cold = not is_compiled(budgets=budgets)
    if cold and progress is not None:
        progress(MESSAGE)
    if cold and budgets:
        compile_engine()
    solve_program(_smallest())
    return cold


def compile_engine() -> None:
    """Compile both entries, in one process of their own, where that is possible."""
    compile_together(walk_open, solve_smallest)


def solve_smallest() -> None:
    """Run both entries on a program of one column."""
    smallest, single = _smallest(), np.ones((1, 1))
    solve_program(smallest)
    meter = Meter(single, np.ones((1, 1, 1)), np.ones(1))
    solve_opening(smallest, np.zeros((1, 1, 1)), np.ones(1), [meter], np.ones(1))


def _smallest() -> HourlyProgram:
    """One source, one place, one hour."""
    single = np.ones((1, 1))
    return HourlyProgram(
        demand=single,
        energy_kwh=single,
        gpu_h=single,
        allowed=np.ones((1, 1, 1), bool),
        per_kwh=single,
        per_request=np.ones((1, 1, 1)),
        capacity=2 * single,
        unserved=np.ones(1),
        row_coef=np.zeros((0, 1, 1)),
    )
