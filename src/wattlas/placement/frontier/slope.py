"""The slope of a convex curve just after a vertex, from the units that its placements fall into.

Where nothing ties two units (hours, or windows of hours) to each other, a curve V(x) of what is
minimised over a total x is the infimal convolution of theirs. At a placement that is optimal at
some multiplier every unit is optimal at it, so that −V′ just after the vertex is the steepest that
any unit has after its own part:

    −V′(x+) = max_u −V_u′(x_u+)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from wattlas.placement.window.blocks import at_once

EXACT = 1e-9
"""Relative: a difference below this is rounding."""

PILOT = 64
"""Units that are followed to their own slope first. Of n units, n/64 are likely to be steeper than
the steepest of these, so that all are solved about once. No other number was measured."""

STRETCH = 730
"""Units that are solved in one go. With 168 of them, as the calendar cuts a plan, a third of the
time goes into what each call prepares; here nothing hangs on where a search began."""

GOOD_PART = 0.25
"""A stretch of which so much is wanted is solved as a whole, each hour from the basis that it has:
that takes a quarter of the time."""

Curves = tuple[np.ndarray, np.ndarray]
"""(x, y) by unit."""
Solve = Callable[[float, np.ndarray], Curves]
"""(x, y) of some units, by index, where y + slope · x is least; each like the indices."""


Memory = dict[str, Any]
"""What solvers keep of a stretch of units that they placed, to start from nearby."""


def stretches_of(count: int) -> list[np.ndarray]:
    """So many units in stretches that are solved in one go."""
    return np.array_split(np.arange(count), max(-(-count // STRETCH), 1))


def warm_or_cold(
    units: np.ndarray,
    stretches: Sequence[np.ndarray],
    warm: Callable[[int], Curves],
    cold: Callable[[np.ndarray], Curves],
) -> Curves:
    """(x, y) of some units, increasing: `warm` of the number of a stretch where a good part of
    it is wanted, all of it then; `cold` of units, stretch by stretch, for the others.
    """
    wanted = [stretch[np.isin(stretch, units)] for stretch in stretches]
    whole = [
        n for n, few in enumerate(wanted) if len(few) and len(few) >= GOOD_PART * len(stretches[n])
    ]
    rest = [few for n, few in enumerate(wanted) if n not in whole]
    single = np.concatenate([np.zeros(0, dtype=np.int64), *rest])
    pieces = [single[low : low + STRETCH] for low in range(0, len(single), STRETCH)]
    jobs = [*(partial(warm, n) for n in whole), *(partial(cold, piece) for piece in pieces)]
    at = np.concatenate([units[:0], *(stretches[n] for n in whole), *pieces])
    made = list(at_once(lambda job: job(), jobs))
    order = np.argsort(at, kind="stable")
    keep = order[np.isin(at[order], units)]
    x, y = (np.concatenate(column)[keep] for column in zip(*made, strict=True))
    return x, y


def slope_after(vertex: Curves, following: Curves, solve: Solve) -> float:
    """−V′ just after a vertex, ≥ 0, in y per x; `following` is a vertex of lower slope.

    Both are (x, y) by unit, (U,). A unit that is the same in both is not the steepest. Units whose
    chord is steepest go first: no other need be solved where it is less steep than they are.
    """
    units = np.arange(len(vertex[0]))
    chord = _chords(vertex, following, units, 0.0)
    units = np.flatnonzero(chord > 0)
    pilot = np.sort(units[np.argsort(-chord[units], kind="stable")[:PILOT]])
    slope = _steepest(vertex, solve, pilot, float(chord.max(initial=0.0)))
    return _steepest(vertex, solve, units, slope) if len(units) > len(pilot) else slope


def _steepest(vertex: Curves, solve: Solve, units: np.ndarray, slope: float) -> float:
    """The steepest slope of some units after the vertex, or `slope` where none is steeper.

    Each round takes the steepest chord of a unit as the slope, and goes on with the units that move
    there: none does at the true one.
    """
    while len(units):
        chord = _chords(vertex, solve(slope, units), units, slope)
        units = units[chord > 0]
        if chord.max(initial=0.0) <= slope * (1 + EXACT):
            break
        slope = float(chord.max())
    return slope


def _chords(vertex: Curves, further: Curves, units: np.ndarray, slope: float) -> np.ndarray:
    """Slope from the vertex of each unit to its further point, 0 where it does not move there."""
    x, y = vertex[0][units], vertex[1][units]
    width, drop = further[0] - x, y - further[1]
    moved = width > EXACT * np.maximum(np.abs(x), np.abs(further[0]))
    moved &= drop > EXACT * np.maximum(np.abs(y), np.abs(further[1]))
    moved &= drop - slope * width > EXACT * np.abs(drop)
    chord: np.ndarray = np.divide(drop, width, out=np.zeros(len(units)), where=moved)
    return chord
