"""A stream of requests cut at the ends of steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from wattlas.errors import Problem
from wattlas.model.checks import refuse
from wattlas.model.scenario import Scenario
from wattlas.replays.arrivals.ahead import ahead
from wattlas.replays.arrivals.stream import Came, Stream

NOTHING = Came(
    np.zeros(0), np.zeros(0, np.int64), np.zeros((0, 2), np.int64), np.zeros(0, np.int64)
)


class Source:
    """The stream cut at the ends of steps; the next batches are made while the last are served."""

    def __init__(self, stream: Stream) -> None:
        self.batches: Iterator[Came] = ahead(stream.batches())
        self.rest: Came | None = NOTHING
        self._fill()

    def _fill(self) -> None:
        while self.rest is not None and not len(self.rest.at_s):
            self.rest = next(self.batches, None)

    def ended(self) -> bool:
        """Whether no request is left."""
        return self.rest is None

    def past(self, end_s: float) -> bool:
        """Whether the next request comes after a moment, or none does."""
        return self.rest is None or bool(self.rest.at_s[0] >= end_s)

    def until(self, end_s: float) -> float:
        """The next request's time, or a moment where that is earlier."""
        return end_s if self.rest is None else min(float(self.rest.at_s[0]), end_s)

    def part(self, end_s: float) -> Came:
        """The requests of this batch before a moment."""
        if self.rest is None:
            return NOTHING
        cut = int(np.searchsorted(self.rest.at_s, end_s, side="left"))
        taken = Came(*(column[:cut] for column in self.rest))
        self.rest = Came(*(column[cut:] for column in self.rest))
        self._fill()
        return taken

    def refuse_later(self, scenario: Scenario) -> None:
        """InputError for requests after the last hour of the scenario."""
        if self.rest is not None:
            late_h = float(self.rest.at_s[0]) / 3600.0
            what = f"comes {late_h:,.1f} h after the start, and the scenario holds"
            what = f"{what} {scenario.hours.count * scenario.hours.step_h:,.1f} h"
            row = int(self.rest.row[0]) + 1
            fix = "Replay a longer scenario, or a part of the trace."
            refuse([Problem(f"request {row:,}", what, fix)])
