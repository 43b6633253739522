"""The fast exact engine: a simplex with generalised upper bounds, hot from hour to hour.

Plain arrays in, plain arrays out. Importing this package does not import numba: what computes is
loaded at the first call.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wattlas.placement.engine.check import Residuals, verify
from wattlas.placement.engine.program import Basis, HourlyProgram, HourlySolution
from wattlas.placement.engine.state import GAVE_UP, INFEASIBLE, OPTIMAL

if TYPE_CHECKING:
    from wattlas.placement.engine.opening import Meter, OpenedTotals, solve_opening
    from wattlas.placement.engine.solve import solve_program
    from wattlas.placement.engine.warm import MESSAGE, compile_engine, is_compiled, warm_up

__all__ = [
    "GAVE_UP",
    "INFEASIBLE",
    "MESSAGE",
    "OPTIMAL",
    "Basis",
    "HourlyProgram",
    "HourlySolution",
    "Meter",
    "OpenedTotals",
    "Residuals",
    "compile_engine",
    "is_compiled",
    "solve_opening",
    "solve_program",
    "verify",
    "warm_up",
]

_LAZY = {
    "Meter": "opening",
    "OpenedTotals": "opening",
    "solve_opening": "opening",
    "solve_program": "solve",
    "MESSAGE": "warm",
    "compile_engine": "warm",
    "is_compiled": "warm",
    "warm_up": "warm",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
