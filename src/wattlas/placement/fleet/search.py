"""The least of a convex function over linking variables: cutting planes, asked in between.

A master's own optimum jumps from corner to corner as long as little is known. So the function is
asked on the way from the best point so far to the master's (in-out separation, Ben-Ameur & Neto
2007): near the best at first, at the master's own point once the two nearly agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from wattlas.placement.fleet.master import CutMaster, Lowest

NEAR, FARTHER = 0.3, 2.0
"""The first part of the way to the master's point, and by what it grows where a point is better and
shrinks where it is not, or where nothing is possible. With a fixed part the last third of the
rounds approaches a point that the master has known all along."""
INWARD, DEEPER = 1e-8, 4.0
"""As long as nothing possible is known: the first part of the way from the master's point to one
that is surely inside, and by what it grows with each that is not possible. The master's own point
may break what it has been told by its solver's tolerance, again and again."""
MOST_ROUNDS = 200
"""Rounds until the search gives up, with the gap that it has. A year takes about thirty."""


class Separator(Protocol):
    """A convex function of the linking variables that can be asked at a point."""

    def ask(self, y: np.ndarray, master: CutMaster) -> float:
        """Its value at `y` without the master's own cost, inf where nothing is possible there.

        What was learnt goes into the master as cuts.
        """
        ...


class LearntMaster(Protocol):
    """What has been learnt of a function."""

    def lowest(self) -> Lowest:
        """Where it is least by what is known, and what that proves."""
        ...


@dataclass(frozen=True)
class Together:
    """Several separators as one: the value of `cost`, which is not asked where one of those that
    forbid says that nothing is possible."""

    cost: Separator
    forbid: Sequence[Separator]

    def ask(self, y: np.ndarray, master: CutMaster) -> float:
        """The value, inf where nothing is possible; the master learns all reasons for that."""
        forbidden = [part for part in self.forbid if not np.isfinite(part.ask(y, master))]
        return float(np.inf) if forbidden else self.cost.ask(y, master)


@dataclass(frozen=True)
class Footing:
    """What a search stands on where a point may be let through that is not possible.

    As long as nothing possible is known, it goes from the master's point towards `inside`, where
    all is possible. A best point that no longer `holds`, by what was learnt since, is dropped.
    """

    inside: np.ndarray
    holds: Callable[[np.ndarray], bool]


@dataclass(frozen=True)
class Least:
    """The best point found, its value, the bound below it, and how often the function was asked.

    `reduced` (Y,) is what the bound proves of one more of each variable, and `weight` (n,) are
    those of the master's cuts that prove it.
    """

    y: np.ndarray
    value: float
    bound: float
    reduced: np.ndarray
    rounds: int
    weight: np.ndarray

    @property
    def gap(self) -> float:
        """(value − bound) / |value|."""
        return (self.value - self.bound) / max(abs(self.value), 1e-300)


def least(
    separator: Separator,
    master: CutMaster,
    starts: Sequence[np.ndarray],
    *,
    exact: float,
    tick: Callable[[Least], None] = lambda _: None,
    footing: Footing | None = None,
) -> Least:
    """Search until value − bound ≤ exact · |value|, or the rounds are over.

    `starts` are asked first, one after the other; nothing need be possible there. `tick` hears of
    each round.
    """

    def ask(y: np.ndarray) -> tuple[float, np.ndarray]:
        return float(master.cost @ y) + separator.ask(y, master), y

    return search(ask, master, starts, exact=exact, tick=tick, footing=footing)


def search(
    ask: Callable[[np.ndarray], tuple[float, np.ndarray]],
    master: LearntMaster,
    starts: Sequence[np.ndarray],
    *,
    exact: float,
    tick: Callable[[Least], None] = lambda _: None,
    rounds: int = MOST_ROUNDS,
    footing: Footing | None = None,
) -> Least:
    """As `least`, over the first of the master's variables, as many as a start has: `ask` gives the
    whole value at a point, or at another one that it takes instead, and that point; it teaches the
    master.
    """
    count = len(starts[0])
    lowest = master.lowest()
    best = Least(starts[0], np.inf, lowest.bound, lowest.reduced, 0, lowest.weight)
    waiting, step, inward = list(starts), NEAR, INWARD
    while best.rounds < rounds:
        y = target = lowest.y[:count]
        if waiting:
            y = waiting.pop(0)
        elif np.isfinite(best.value):
            y = best.y + step * (target - best.y)
        elif footing is not None:
            y = target + inward * (footing.inside - target)
            inward = INWARD if inward > 1.0 / DEEPER else inward * DEEPER
        value, y = ask(y)
        if np.isfinite(best.value) and footing is not None and not footing.holds(best.y):
            best = replace(best, value=np.inf)
        better = value < best.value
        lowest = master.lowest()
        tighter = lowest.bound > best.bound
        best = Least(
            y if better else best.y,
            min(value, best.value),
            max(best.bound, lowest.bound),
            lowest.reduced if tighter else best.reduced,
            best.rounds + 1,
            lowest.weight if tighter else best.weight,
        )
        tick(best)
        if np.isfinite(best.value) and best.gap <= exact:
            break
        if not waiting:
            step = min(step * FARTHER, 1.0) if better else max(step / FARTHER, NEAR)
    return best
