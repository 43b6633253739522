"""The best place of each source by itself, capacity not looked at.

The open places of a source stand in slots, so that what is computed per hour is as narrow as the
source with the most of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.model.plan import UNSERVED
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure

SLACK = 1e-12
"""Relative slack when a load is compared with a capacity, and when two values count as equal."""


@dataclass(frozen=True)
class Slots:
    """Open places of every source, shapes (S, P): `region` (`UNSERVED` for going unserved),
    `point`, `energy_kwh` and `gpu_h` per request, and whether the slot holds a place at all.
    """

    region: np.ndarray
    point: np.ndarray
    energy_kwh: np.ndarray
    gpu_h: np.ndarray
    filled: np.ndarray

    @staticmethod
    def of(instance: Instance) -> Slots:
        """The slots of an instance; going unserved, where it has a price, is the last."""
        source, region, point = np.nonzero(instance.allowed)
        count = np.bincount(source, minlength=instance.sources)
        priced = ~np.isnan(instance.unserved_usd)
        width = int((count + priced).max(initial=1))
        slot = np.arange(len(source)) - np.repeat(np.cumsum(count) - count, count)
        shape = (instance.sources, width)
        at = {
            name: np.zeros(shape, dtype=dtype)
            for name, dtype in (("region", np.int64), ("point", np.int64), ("filled", bool))
        }
        at["region"][source, slot], at["point"][source, slot] = region, point
        at["filled"][source, slot] = True
        shed = np.flatnonzero(priced)
        at["region"][shed, count[shed]], at["filled"][shed, count[shed]] = UNSERVED, True
        every = np.arange(instance.sources)[:, None]
        served = at["region"] != UNSERVED
        return Slots(
            at["region"],
            at["point"],
            np.where(served, instance.energy_kwh[every, at["point"]], 0.0),
            np.where(served, instance.gpu_h[every, at["point"]], 0.0),
            at["filled"],
        )

    def units(self, measure: Measure, hours: np.ndarray) -> np.ndarray:
        """Measure per request in every slot, inf where it holds no place; (S, P, hours)."""
        every = np.arange(len(self.region))[:, None]
        fixed = np.where(
            self.region == UNSERVED,
            measure.per_unserved[:, None],
            measure.per_request[every, self.region, self.point],
        )
        fixed = np.where(self.filled, fixed, np.inf)
        rate = measure.per_kwh[:, hours][self.region]
        rate *= self.energy_kwh[..., None]
        rate += fixed[..., None]
        return np.asarray(rate)

    def best(self, measure: Measure, tie: Measure | None, hours: np.ndarray) -> np.ndarray:
        """Slot of the least measure, among equals of the least `tie`; −1 for none; (S, hours)."""
        return self.best_with_units(measure, tie, hours)[0]

    def best_with_units(
        self, measure: Measure, tie: Measure | None, hours: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The best slot, and the measure per request there, inf for none; each (S, hours)."""
        dense = self.units(measure, hours)
        best = dense.argmin(axis=1)
        least = np.take_along_axis(dense, best[:, None, :], axis=1)
        if tie is not None:
            equal = dense <= least + SLACK * np.abs(least)
            if (equal.sum(axis=1) > 1).any():
                best = np.where(equal, self.units(tie, hours), np.inf).argmin(axis=1)
        nowhere = ~np.asarray(self.filled.any(axis=1))
        return np.where(nowhere[:, None], -1, best), least[:, 0]
