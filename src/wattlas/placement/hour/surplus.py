"""What a region buys beyond the reserved, as demand that the engine knows how to place.

The engine has no column for a surplus. So each region r that can buy up to O gets the capacity
K + O, and a source of its own that asks for O GPU-h/h: served in r itself, at no cost, it is what
is not bought ("left unused"); unserved, at the price w, it is what is. Then

    Σ g·x + (O − o) ≤ K + O    is    Σ g·x ≤ K + o,    at the cost w·o,  0 ≤ o ≤ O

The dual of the row is that of the capacity itself. What nobody could use is not asked for, so that
an O without end is finite.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wattlas.placement.engine import HourlyProgram, HourlySolution
from wattlas.placement.hour.protocol import HourProblem
from wattlas.placement.problem.unit_values import Measure


@dataclass(frozen=True)
class Surplus:
    """The buying sources of a program of `sources` others: one for each of `region` (n,), which
    asks for `most` (n, T) GPU-h/h, counted in units of `unit` (n,) GPU-h: the most that a request
    takes there, so that it counts like requests. They have an operating point of their own, the
    last.
    """

    sources: int
    region: np.ndarray
    most: np.ndarray
    unit: np.ndarray

    @staticmethod
    def of(problem: HourProblem) -> Surplus:
        """The buying sources of a problem."""
        instance = problem.instance
        region = np.flatnonzero((instance.surplus > 0).any(axis=1))
        largest = instance.most_gpu_h[:, region]
        most = np.minimum(instance.surplus[region], largest.T @ instance.demand)
        unit = largest.max(axis=0, initial=0.0)
        return Surplus(instance.sources, region, most, np.where(unit > 0, unit, 1.0))

    def __len__(self) -> int:
        return len(self.region)

    def added(self, program: HourlyProgram, measure: Measure, bought: np.ndarray) -> HourlyProgram:
        """The program with the buying sources; `bought` (J, R) is what so much that each region
        buys adds to each row. What is left unused is the most less that.
        """
        if not len(self):
            return program
        count, _, points, rows, _ = program.sizes
        allowed = self.places(program.allowed, False)
        allowed[count + np.arange(len(self)), self.region, points] = True
        capacity = program.capacity.copy()
        capacity[self.region] += self.most
        coef = np.zeros((rows, count + len(self), points + 1))
        coef[:, :count, :points] = program.row_coef
        own = bought[:, self.region]
        coef[:, count:, points] = -own * self.unit
        return replace(
            program,
            demand=np.concatenate([program.demand, self.most / self.unit[:, None]]),
            energy_kwh=self._by_point(program.energy_kwh, np.zeros(len(self))),
            gpu_h=self._by_point(program.gpu_h, self.unit),
            allowed=allowed,
            per_request=self.places(program.per_request, 0.0),
            capacity=capacity,
            unserved=np.concatenate([program.unserved, self.price(measure)]),
            row_coef=coef,
            row_lower=program.lower() - own @ self.most,
        )

    def places(self, array: np.ndarray, fill: float) -> np.ndarray:
        """An array (S, R, O) with the buying sources and their point, all `fill`."""
        if not len(self):
            return array
        count, regions, points = array.shape
        whole = np.full((count + len(self), regions, points + 1), fill, dtype=array.dtype)
        whole[:count, :, :points] = array
        return whole

    def _by_point(self, array: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """An array (S, O) with the buying sources, `own` at their point."""
        count, points = array.shape
        whole = np.zeros((count + len(self), points + 1))
        whole[:count, :points] = array
        whole[count:, points] = columns
        return whole

    def price(self, measure: Measure) -> np.ndarray:
        """What each buying source pays per unit, (n,)."""
        return np.asarray(measure.per_on_demand[self.region] * self.unit, dtype=np.float64)

    def without(self, answer: HourlySolution) -> HourlySolution:
        """The answer without what the buying sources do."""
        if not len(self):
            return answer
        on = answer.source < self.sources
        numbers = np.concatenate([[0], np.cumsum(on)])
        return replace(
            answer,
            indptr=numbers[answer.indptr],
            source=answer.source[on],
            point=answer.point[on],
            region=answer.region[on],
            value=answer.value[on],
        )
