"""Whether a fleet serves all hours, asked of some alone: what the hours cost tells the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.placement.fleet.hours import FleetHours
from wattlas.placement.fleet.master import CutMaster
from wattlas.placement.fleet.needs import Needs

SOUNDED = 256
"""So many hours are solved at most to find out whether a fleet serves, where all are solved for
their cost anyway. Near the best fleet of an instance whose hours are alike in load, some thousands
would be."""


@dataclass(frozen=True)
class Sounding:
    """Forbids what some hours prove impossible; what it lets through may be short still."""

    needs: Needs

    def ask(self, y: np.ndarray, master: CutMaster) -> float:
        """Inf where an hour is known to be short, else 0; the master learns why."""
        return self.needs.forbid(self.needs.broken(y, SOUNDED), y, master)


@dataclass(frozen=True)
class ServedHours:
    """What hours cost, inf where one of them is short: then the master learns what it needs."""

    hours: FleetHours
    needs: Needs

    def ask(self, y: np.ndarray, master: CutMaster) -> float:
        """The value of the hours that are asked, all of which have been solved."""
        value = self.hours.ask(y, master)
        short = self.hours.short_at(y)
        if not len(short):
            return value
        return value + self.needs.forbid(self.needs.of_short(short, y), y, master)
