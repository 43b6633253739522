"""The first call after an installation compiles the engine; here one can ask and say so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wattlas.compiled import has_code
from wattlas.placement.engine.hours import walk
from wattlas.placement.engine.program import HourlyProgram
from wattlas.placement.engine.solve import solve_program

MESSAGE = "compiling the placement engine for this processor (once after an installation)"


def is_compiled() -> bool:
    """Whether compiled code is loaded or lies on disk, so that the next call starts at once."""
    return has_code(walk)


def warm_up(progress: Callable[[str], None] | None = None) -> bool:
    """Compile or load the engine by solving a program of one column.

    Calls `progress` with a sentence if that means compiling. Returns True if it did.
    """
    cold = not is_compiled()
    if cold and progress is not None:
        progress(MESSAGE)
    solve_program(_smallest())
    return cold


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
