"""One hour's program in HiGHS, hot from hour to hour, and its columns as flows."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from wattlas.model.plan import UNSERVED, Status
from wattlas.placement.constraints.shares import couplings
from wattlas.placement.hour import highs
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.lp import Layout, Rows, hour_units, rows
from wattlas.placement.problem.unit_values import Measure

EQUAL = 1e-8
"""Scaled reduced costs and prices below this are none: of the dearest place 1e-10."""
DRIFT = 1e-11
"""What rows of order 100 may miss by before the hour is solved from a fresh factorisation."""

Flat = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


class HourProgram:
    """One hour's program in HiGHS; the next hour changes costs and bounds only."""

    def __init__(self, instance: Instance, measure: Measure, tie: Measure | None) -> None:
        began = time.perf_counter()
        self.instance, self.measure, self.tie = instance, measure, tie
        self.layout = Layout(instance, np.array([0]))
        self.places = self.layout.places
        self.limited = np.flatnonzero(np.isfinite(instance.capacity).any(axis=1))
        self.floors = couplings(instance)
        self.solver: Any = highs.new_solver(tolerance=1e-10)
        blocks = self._blocks()
        self.size = self._size()
        largest = [block.largest(self.size) for block in blocks]
        factors = [1.0 / np.where(one > 0, one, 1.0) for one in largest]
        blocks = [b.times(f, self.size) for b, f in zip(blocks, factors, strict=True)]
        self.factor = np.concatenate(factors)
        n = self.layout.columns
        self.index = np.arange(n, dtype=np.int32)
        self.zero, self.free = np.zeros(n), np.full(n, np.inf)
        highs.load(self.solver, highs.Lp(self.zero, self.zero, self.free, blocks))
        start, self.entry_column, self.entry = highs.stack(blocks)
        self.row_count = len(start) - 1
        self.entry_row = np.repeat(np.arange(self.row_count), np.diff(start))
        self.programs = 0
        self.build_seconds = time.perf_counter() - began

    def _blocks(self) -> list[Rows]:
        """Rows with a capacity row for each region that is limited in any hour."""
        ever = np.where(np.isfinite(self.instance.capacity).any(axis=1), 0.0, np.inf)
        shaped = replace(
            self.instance, capacity=np.broadcast_to(ever[:, None], self.instance.capacity.shape)
        )
        return rows(Layout(shaped, np.array([0])))

    def _size(self) -> np.ndarray:
        """What a column counts in, relative to the largest source: the root of its demand.

        HiGHS's tolerances are absolute, and demands differ by orders. Counted in requests, little
        demand would be rounding; counted in demands, what it costs would be. The root shares the
        loss between both.
        """
        asked = np.maximum((self.instance.demand > 0).sum(axis=1), 1)
        typical = self.instance.demand.sum(axis=1) / asked
        relative = typical / max(float(typical.max(initial=0.0)), 1e-300)
        root = np.sqrt(np.where(relative > 0, relative, 1.0))
        return np.asarray(root[np.concatenate([self.places[0], self.layout.priced])])

    def solve(self, t: int) -> tuple[Flat, np.ndarray, np.ndarray] | None:
        """Flows, capacity and row prices of step t, or None where it is infeasible."""
        units = hour_units(self.layout, self.measure, t)
        # What going unserved costs may be thousands of places: tolerances are for the places.
        served = float(np.abs(units[: len(self.places[0])]).max(initial=0.0))
        scale = 100.0 / (served or max(float(np.abs(units).max(initial=0.0)), 1e-300))
        demand_scale = 100.0 / max(float(self.instance.demand[:, t].max(initial=0.0)), 1e-300)
        self._bound(t, demand_scale)
        answer = self._run(units * self.size * scale)
        if answer.status is Status.INFEASIBLE:
            return None
        price = np.zeros(len(self.instance.capacity))
        dual = answer.dual * self.factor / scale
        at = self.instance.sources
        price[self.limited] = np.maximum(-dual[at : at + len(self.limited)], 0.0)
        rows = np.maximum(dual[at + len(self.limited) :], 0.0)
        if self.tie is not None:
            answer = self._among_equals(answer, hour_units(self.layout, self.tie, t))
        return self._flows(answer.x * self.size / demand_scale, t), price, rows

    def _bound(self, t: int, scale: float) -> None:
        """This step's demand and capacity, scaled."""
        demand = self.instance.demand[:, t] * scale
        limit = self.instance.capacity[self.limited, t] * scale
        floor = np.zeros(self.floors)
        lower = np.concatenate([demand, np.full(len(limit), -np.inf), floor])
        upper = np.concatenate([demand, limit, np.full(self.floors, np.inf)])
        index = np.arange(self.row_count, dtype=np.int32)
        self.lower, self.upper = lower * self.factor, upper * self.factor
        self.solver.changeRowsBounds(self.row_count, index, self.lower, self.upper)

    def _run(self, cost: np.ndarray) -> highs.Answer:
        self.programs += 1
        self.solver.changeColsCost(len(cost), self.index, cost)
        answer = highs.run(self.solver)
        if answer.status is Status.OPTIMAL and self._missed(answer.x) > DRIFT:
            answer = highs.run_from_basis(self.solver)
        if answer.status is not Status.OPTIMAL:
            self.solver.clearSolver()
            answer = highs.run(self.solver)
        return highs.checked(answer)

    def _missed(self, x: np.ndarray) -> float:
        """How far rows are from their bounds; HiGHS's own figures may hide it."""
        at = np.bincount(self.entry_row, self.entry * x[self.entry_column], self.row_count)
        short = np.maximum(self.lower - at, at - self.upper)
        return float(short.max(initial=0.0))

    def _among_equals(self, first: highs.Answer, tie: np.ndarray) -> highs.Answer:
        """The best by `tie` on the optimal face: what has a reduced cost stays where it is."""
        idle = np.abs(first.reduced) > EQUAL * self.size
        self.solver.changeColsBounds(
            len(idle), self.index, np.where(idle, first.x, 0.0), np.where(idle, first.x, np.inf)
        )
        at = self.instance.sources
        full = np.abs((first.dual * self.factor)[at:]) > EQUAL
        index = (at + np.flatnonzero(full)).astype(np.int32)
        activity = np.asarray(self.solver.getSolution().row_value)[index]
        if len(index):
            self.solver.changeRowsBounds(len(index), index, activity, activity)
        weight = 100.0 / max(float(np.abs(tie).max(initial=0.0)), 1e-300)
        second = self._run(tie * self.size * weight)
        self.solver.changeColsBounds(len(idle), self.index, self.zero, self.free)
        return first if second.status is Status.INFEASIBLE else second

    def _flows(self, x: np.ndarray, t: int) -> Flat:
        """The columns that carry something, as flows."""
        found = columns_to_flows(self.layout, x, self.instance.demand[:, t])
        return (np.full(len(found[0]), t, dtype=np.int64), *found)


def columns_to_flows(
    layout: Layout, x: np.ndarray, demand: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One hour's x and n columns as (source, region, point, value).

    Rounding dust is dropped, and each source's flows are scaled to its demand exactly, which the
    solver meets within its tolerance only.
    """
    source, region, point = layout.places
    priced = layout.priced
    of = np.concatenate([source, priced])
    clean = np.where(x > 1e-11 * demand[of], x, 0.0)
    total = np.bincount(of, weights=clean, minlength=layout.instance.sources)
    exact = clean * np.divide(demand, total, out=np.zeros_like(demand), where=total > 0)[of]
    used = np.flatnonzero(exact > 0)
    count = len(priced)
    return (
        of[used],
        np.concatenate([region, np.full(count, UNSERVED)])[used],
        np.concatenate([point, np.zeros(count, dtype=np.int64)])[used],
        exact[used],
    )
