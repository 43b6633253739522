"""A fleet that survives: whatever set of regions is lost, the others serve what the law lets them.

For a lost set q the places in it are closed and its accelerators are gone; the service nodes stay.
What may run nowhere else is uncoverable however many accelerators stand there, and is told. The
rest is short of S_qt(K) GPU-h at the leanest operating points, convex in K, and must be short of
nothing in any hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wattlas.placement.fleet.hours import WORST, leanest, shortage, with_fleet
from wattlas.placement.fleet.master import CutMaster
from wattlas.placement.problem.instance import Instance

FULLEST = 100
"""Of each lost set one hour in so many, the fullest, is asked in every round; all of them once a
fleet is found. What is found short then is asked from then on."""


@dataclass
class Lost:
    """One set of lost regions: its own sources and places, and the hours that are asked."""

    regions: np.ndarray
    instance: Instance
    uncoverable: np.ndarray
    """GPU-h/h that may run nowhere else, (T,)."""
    steps: np.ndarray
    memory: dict[str, Any] = field(default_factory=dict)
    checked: dict[str, Any] = field(default_factory=dict)

    def with_gpu(self, gpu: np.ndarray, site: np.ndarray) -> Instance:
        """The instance with a fleet (R,), those of the lost regions gone."""
        left = gpu.copy()
        left[self.regions] = 0.0
        return with_fleet(self.instance, left, site)


@dataclass
class Outages:
    """All lost sets; a separator that only forbids."""

    lost: Sequence[Lost]
    site: np.ndarray

    def ask(self, y: np.ndarray, master: CutMaster) -> float:
        """0 where every set may be lost in the asked hours, else inf; the master learns why."""
        short = [self._at(lost, y, lost.steps, lost.memory, master) for lost in self.lost]
        return float(np.inf) if any(len(steps) for steps in short) else 0.0

    def all_served(self, y: np.ndarray, master: CutMaster) -> bool:
        """Whether every set may be lost in any hour; hours that are short are asked from now on."""
        served = True
        for lost in self.lost:
            every = np.arange(lost.instance.demand.shape[1])
            short = self._at(lost, y, every, lost.checked, master)
            lost.steps = np.union1d(lost.steps, short)
            served &= not len(short)
        return served

    def _at(
        self, lost: Lost, y: np.ndarray, steps: np.ndarray, memory: dict[str, Any],
        master: CutMaster,
    ) -> np.ndarray:  # fmt: skip
        """The steps that are short when a set is lost."""
        found = shortage(lost.with_gpu(y, self.site), self.site, steps, memory)
        short, slope = found.short, found.slope
        slope[lost.regions] = 0.0
        worst = np.argsort(-short)[:WORST]
        worst = worst[short[worst] > 0]
        master.forbid(short[worst], slope[:, worst].T, y)
        return np.flatnonzero(short)


def outages(
    instance: Instance, sets: Sequence[Sequence[int]], site: np.ndarray, on_demand: np.ndarray
) -> Outages:
    """The lost sets of a fleet's instance; `on_demand` (R,) is what can be had during an outage."""
    limited = replace(instance, surplus=np.minimum(instance.surplus, on_demand[:, None]))
    return Outages([_lost(limited, np.asarray(regions)) for regions in sets], site)


def _lost(instance: Instance, regions: np.ndarray) -> Lost:
    allowed = instance.allowed.copy()
    allowed[:, regions] = False
    surplus = instance.surplus.copy()
    surplus[regions] = 0.0
    must = np.isnan(instance.unserved_usd)
    covered = allowed.any(axis=(1, 2))
    lean = leanest(instance) * must
    # What may run nowhere else needs nothing, and stays: the demand of all sets is one array.
    rest = replace(instance, allowed=allowed, surplus=surplus)
    if not must.all():
        rest = rest.rows_of(np.flatnonzero(covered & must))
    load = leanest(rest) @ rest.demand
    most = max(len(load) // FULLEST, min(24, len(load)))
    return Lost(
        regions=regions,
        instance=rest,
        uncoverable=(lean * ~covered) @ instance.demand,
        steps=np.sort(np.argsort(-load, kind="stable")[:most]),
    )
