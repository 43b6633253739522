"""The first call after an installation compiles the engine; here one can ask and say so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wattlas.placement.engine.hours import walk
from wattlas.placement.engine.jit import has_cache
from wattlas.placement.engine.program import HourlyProgram
from wattlas.placement.engine.solve import solve_hours

MESSAGE = "compiling the placement engine for this processor (once after an installation)"


def is_compiled() -> bool:
    """Whether compiled code is loaded or lies on disk, so that the next call starts at once."""
    return has_cache(walk)


def warm_up(progress: Callable[[str], None] | None = None) -> bool:
    """Compile or load the engine by solving a program of one column.

    Calls `progress` with a sentence if that means compiling. Returns True if it did.
    """
    cold = not is_compiled()
    if cold and progress is not None:
        progress(MESSAGE)
    one = np.ones((1, 1))
    solve_hours(
        HourlyProgram(
            demand=one,
            energy_kwh=one,
            gpu_h=one,
            allowed=np.ones((1, 1, 1), bool),
            per_kwh=one,
            per_request=np.zeros((1, 1, 1)),
            capacity=one,
            unserved=np.ones(1),
            row_coef=np.zeros((0, 1, 1)),
        )
    )
    return cold
