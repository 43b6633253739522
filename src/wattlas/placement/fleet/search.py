"""The least of a convex function over linking variables: cutting planes, asked in between.

A master's own optimum jumps from corner to corner as long as little is known. So the function is
asked on the way from the best point so far to the master's (in-out separation, Ben-Ameur & Neto
2007): near the best at first, at the master's own point once the two nearly agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from wattlas.placement.fleet.master import CutMaster

NEAR, FARTHER = 0.3, 2.0
"""The first part of the way to the master's point, and by what it grows while points get better.
Without a growing step the last third of the rounds halves the distance to a point that is known."""
MOST_ROUNDS = 200
"""Rounds until the search gives up, with the gap that it has. A year takes about thirty."""


class Separator(Protocol):
    """A convex function of the linking variables that can be asked at a point."""

    def ask(self, y: np.ndarray, master: CutMaster) -> float:
        """Its value at `y` without the master's own cost, inf where nothing is possible there.

        What was learnt goes into the master as cuts.
        """
        ...


@dataclass(frozen=True)
class Together:
    """Several separators as one: the sum of their values."""

    parts: Sequence[Separator]

    def ask(self, y: np.ndarray, master: CutMaster) -> float:
        """The sum, inf where any says that nothing is possible; the master learns from all."""
        return float(sum(part.ask(y, master) for part in self.parts))


@dataclass(frozen=True)
class Least:
    """The best point found, its value, the bound below it, and how often the function was asked.

    `reduced` (Y,) is what the bound proves of one more of each variable.
    """

    y: np.ndarray
    value: float
    bound: float
    reduced: np.ndarray
    rounds: int

    def gap(self, size: float) -> float:
        """(value − bound) / size."""
        return (self.value - self.bound) / max(size, 1e-300)


def least(
    separator: Separator,
    master: CutMaster,
    start: np.ndarray,
    *,
    exact: float,
    size: Callable[[float], float] = abs,
    tick: Callable[[Least], None] = lambda _: None,
) -> Least:
    """Search from `start` until value − bound ≤ exact · size(value), or the rounds are over.

    `tick` hears of each round. A start where nothing is possible is allowed.
    """
    best = Least(start, np.inf, -np.inf, master.cost, 0)
    y, step = start, NEAR
    while True:
        value = float(master.cost @ y) + separator.ask(y, master)
        better = value < best.value
        lowest = master.lowest()
        tighter = lowest.bound > best.bound
        best = Least(
            y if better else best.y,
            min(value, best.value),
            max(best.bound, lowest.bound),
            lowest.reduced if tighter else best.reduced,
            best.rounds + 1,
        )
        tick(best)
        done = np.isfinite(best.value) and best.gap(size(best.value)) <= exact
        if done or best.rounds >= MOST_ROUNDS:
            return best
        if not np.isfinite(best.value):
            y = lowest.y
            continue
        step = min(step * FARTHER, 1.0) if better else max(step / FARTHER, NEAR)
        y = best.y + step * (lowest.y - best.y)
