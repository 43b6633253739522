"""The slope of a convex curve just after a vertex, from the units that its placements fall into.

Where nothing ties two units (hours, or windows of hours) to each other, a curve V(x) of what is
minimised over a total x is the infimal convolution of theirs. At a placement that is optimal at
some multiplier every unit is optimal at it, so that −V′ just after the vertex is the steepest that
any unit has after its own part:

    −V′(x+) = max_u −V_u′(x_u+)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

EXACT = 1e-9
"""Relative: a difference below this is rounding."""

Solve = Callable[[float, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(x, y) of some units, by index, where y + slope · x is least; each like the indices."""


def slope_after(
    vertex: tuple[np.ndarray, np.ndarray], following: tuple[np.ndarray, np.ndarray], solve: Solve
) -> float:
    """−V′ just after a vertex, ≥ 0, in y per x; `following` is a vertex of lower slope.

    Both are (x, y) by unit, (U,). A unit that is the same in both is not the steepest. Each round
    takes the steepest chord of a unit as the slope, and goes on with the units that move there:
    none does at the true one.
    """
    x, y = vertex
    units = np.arange(len(x))
    further_x, further_y = following
    slope = 0.0
    while len(units):
        width, drop = further_x - x[units], y[units] - further_y
        moved = width > EXACT * np.maximum(np.abs(x[units]), np.abs(further_x))
        moved &= drop > EXACT * np.maximum(np.abs(y[units]), np.abs(further_y))
        moved &= drop - slope * width > EXACT * np.abs(drop)
        if not moved.any():
            break
        units = units[moved]
        steepest = float((drop[moved] / width[moved]).max())
        if steepest <= slope * (1 + EXACT):
            break
        slope = steepest
        further_x, further_y = solve(slope, units)
    return slope
