"""The one entry of the simplex: what solving and mending share is compiled once."""

from __future__ import annotations

from wattlas.placement.engine.jit import entry
from wattlas.placement.window.simplex.mend import mend_window
from wattlas.placement.window.simplex.pivots import solve_window
from wattlas.placement.window.simplex.state import (
    OPTIMAL,
    Factors,
    LevelProgram,
    WindowBasis,
    Work,
)


@entry
def run_window(p: LevelProgram, b: WindowBasis, f: Factors, w: Work, most: int, mends: bool) -> int:
    """Solve a window in at most so many pivots, or mend its optimal basis; how that ended."""
    if mends:
        mend_window(p, b, f, w, most)
        return OPTIMAL
    return int(solve_window(p, b, f, w, most))
