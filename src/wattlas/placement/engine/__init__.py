"""The fast exact engine: a simplex with generalised upper bounds, hot from hour to hour.

Plain arrays in, plain arrays out. Importing this package does not import numba: what computes is
loaded at the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wattlas.placement.engine.check import Residuals, verify
from wattlas.placement.engine.merge import Merged, merge
from wattlas.placement.engine.program import (
    GAVE_UP,
    INFEASIBLE,
    OPTIMAL,
    Basis,
    HourlyProgram,
    HourlySolution,
)

if TYPE_CHECKING:
    from wattlas.placement.engine.solve import Meter, solve_hours

__all__ = [
    "GAVE_UP",
    "INFEASIBLE",
    "OPTIMAL",
    "Basis",
    "HourlyProgram",
    "HourlySolution",
    "Merged",
    "Meter",
    "Residuals",
    "merge",
    "solve_hours",
    "verify",
]

_COMPILED = {"Meter", "solve_hours"}


def __getattr__(name: str) -> Any:
    if name in _COMPILED:
        from wattlas.placement.engine import solve

        return getattr(solve, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
