"""Windows of levels by a simplex of their own. Importing this package does not import numba: what
computes is loaded at the first call."""

from __future__ import annotations

from wattlas.placement.window.simplex.levels import KeptLevels, LevelAnswer, LevelWindow
from wattlas.placement.window.simplex.run import solve_level_window, warm_up

__all__ = [
    "KeptLevels",
    "LevelAnswer",
    "LevelWindow",
    "solve_level_window",
    "warm_up",
]
