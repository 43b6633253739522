"""Hours whose demand fits where each source is served best: that placement is optimal.

The columns of a source stand in slots, so that what is computed per hour is as narrow as the
source with the most of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wattlas.model.plan import UNSERVED
from wattlas.placement.hour.protocol import SLACK, HourProblem, Solution, no_duals
from wattlas.placement.problem.flows import SourceFlows, join
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.rows import beyond
from wattlas.placement.problem.unit_values import Measure

CHUNK_ELEMENTS = 1_000_000
"""Size of the dense block of unit values that is looked at in one go: 8 MB, of which two threads
hold some beside each other; smaller blocks cost more calls, larger ones no less time."""


@dataclass(frozen=True)
class Slots:
    """Columns of every source, shapes (S, P): `column` (−1 where the slot is empty), `region`
    (`UNSERVED` for going unserved), `point`, `energy_kwh` and `gpu_h` per request.
    """

    column: np.ndarray
    region: np.ndarray
    point: np.ndarray
    energy_kwh: np.ndarray
    gpu_h: np.ndarray

    @staticmethod
    def of(instance: Instance) -> Slots:
        """The slots of an instance; going unserved, where it has a price, is the last."""
        columns = instance.columns
        order = np.argsort(columns.source, kind="stable")
        source = columns.source[order]
        count = np.bincount(source, minlength=instance.sources)
        slot = np.arange(len(source)) - np.repeat(np.cumsum(count) - count, count)
        shape = (instance.sources, max(int(count.max(initial=1)), 1))
        column = np.full(shape, -1, dtype=np.int64)
        region, point = np.zeros((2, *shape), dtype=np.int64)
        column[source, slot] = order
        region[source, slot], point[source, slot] = columns.region[order], columns.point[order]
        every = np.arange(instance.sources)[:, None]
        served = region != UNSERVED
        return Slots(
            column,
            region,
            point,
            np.where(served, instance.energy_kwh[every, point], 0.0),
            np.where(served, instance.gpu_h[every, point], 0.0),
        )

    @property
    def filled(self) -> np.ndarray:
        """Whether the slot holds a column at all."""
        mask: np.ndarray = self.column >= 0
        return mask

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

    def best(
        self, measure: Measure, tie: Measure | None, hours: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Slot of the least measure, among equals of the least `tie`, −1 for none, and the measure
        per request there, inf for none; each (S, hours).
        """
        dense = self.units(measure, hours)
        best = dense.argmin(axis=1)
        least = np.take_along_axis(dense, best[:, None, :], axis=1)
        if tie is not None:
            equal = dense <= least + SLACK * np.abs(least)
            if (equal.sum(axis=1) > 1).any():
                best = np.where(equal, self.units(tie, hours), np.inf).argmin(axis=1)
        nowhere = ~np.asarray(self.filled.any(axis=1))
        return np.where(nowhere[:, None], -1, best), least[:, 0]

    def chunks(self, steps: np.ndarray) -> list[np.ndarray]:
        """The steps in pieces whose dense block of unit values is small enough."""
        size = max(1, CHUNK_ELEMENTS // max(1, self.region.size))
        return [steps[low : low + size] for low in range(0, len(steps), size)]


class ClosedForm:
    """Every source at its best place, in the hours where that keeps every row."""

    name = "closed form"

    def takes(self, problem: HourProblem, steps: np.ndarray) -> bool:
        """Any rows: it tests whether they happen to be kept."""
        return True

    def solve(
        self, problem: HourProblem, steps: np.ndarray, memory: dict[str, Any] | None = None
    ) -> Solution:
        """The steps where each source's best place fits; the others are left."""
        instance, slots = problem.instance, Slots.of(problem.instance)
        parts, unsolved = [], []
        for chunk in slots.chunks(steps):
            best = slots.best(problem.measure, problem.tie, chunk)[0]
            fits = _fits(problem, slots, chunk, best)
            unsolved.append(chunk[~fits])
            at, source = np.nonzero((instance.demand[:, chunk] * fits > 0).T)
            slot = best[source, at]
            region, point = slots.region[source, slot], slots.point[source, slot]
            value = instance.demand[source, chunk[at]]
            parts.append(SourceFlows(chunk[at], source, region, point, value))
        rest = np.concatenate(unsolved) if unsolved else np.zeros(0, np.int64)
        flows = join(parts)
        value = problem.measure.by_hour(instance, flows)
        return Solution(flows, no_duals(instance), left=rest, value=value)


def _fits(problem: HourProblem, slots: Slots, chunk: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Whether the best places together keep every row; bool, (chunk,)."""
    instance = problem.instance
    demand = instance.demand[:, chunk]
    ok = np.asarray(~((best < 0) & (demand > 0)).any(axis=0))
    source = np.arange(instance.sources)[:, None]
    column = np.where(best < 0, -1, slots.column[source, best]).ravel()
    hour = np.broadcast_to(np.arange(len(chunk)), best.shape).ravel()
    for rows in problem.rows.values():
        net, gross = rows.activity(hour, column, demand.ravel(), len(chunk))
        excess, size = beyond(net, gross, rows.lower[:, chunk], rows.upper[:, chunk])
        ok &= (excess <= SLACK * size).all(axis=0)
    return ok
