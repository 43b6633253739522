"""How it is solved, where the default is not wanted: handed through with the instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Tactics:
    """Solvers in the order in which they are asked; what is empty is as the scenario says.

    They are typed by the rooms that know them: `hour` holds `hour.protocol.HourSolver`, `limits`
    `window.limits.WindowSolver`, and `horizon` is a `window.rolling_horizon.Horizon`.
    """

    hour: tuple[Any, ...] = ()
    """Of hours that nothing couples; the last one judges what is left."""
    limits: tuple[Any, ...] = ()
    """Of limits over windows: the first that takes them and finds an answer."""
    horizon: Any = None
    """How hours that are tied together are cut into windows."""
    tie: bool = True
    """Whether one of several placements of least carbon is chosen by cost. Nobody who only wants to
    know that carbon needs it."""
