"""Hours that something couples — frictions, or caps beside them — as one program."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from wattlas.model.plan import Status
from wattlas.placement.hour import highs
from wattlas.placement.hour.highs_hour import Flat, columns_to_flows
from wattlas.placement.hour.solver import Solution, join
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.lp import Cap, Layout, Rows, objective, rows
from wattlas.placement.problem.prune import pruned
from wattlas.placement.problem.unit_values import Measure


def solve_joint(
    instance: Instance,
    measure: Measure,
    caps: tuple[Cap, ...] = (),
    *,
    steps: np.ndarray | None = None,
    frictions: bool = True,
    time_limit_s: float | None = None,
) -> tuple[Solution, np.ndarray]:
    """Make `measure` least over `steps` (all by default) at once; returns flows and caps' prices.

    A cap's price is what one more unit of its limit would save, in the objective's unit, ≥ 0.
    Where the time is over there are no flows: what HiGHS has by then keeps none of the rows.
    """
    began = time.perf_counter()
    steps = np.arange(instance.scenario.hours.count) if steps is None else steps
    starts = frictions and instance.scenario.frictions.starts
    measures = (measure, *(one.measure for one in caps))
    instance = pruned(instance, measures, steps, within_variant=starts)
    layout = Layout(instance, steps, coupled=frictions, caps=caps)
    cost = objective(layout, measure)
    blocks = rows(layout)
    built = time.perf_counter() - began
    scale = Scale(instance, cost)
    interior = layout.columns > highs.INTERIOR_POINT_COLUMNS
    answer = highs.checked(
        highs.solve(scale.lp(cost, blocks), time_limit_s=time_limit_s, interior=interior)
    )
    solution = _solution(layout, answer, scale, blocks)
    size = {
        "seconds": time.perf_counter() - began,
        "build_seconds": built,
        "programs": 1,
        "rows": sum(len(block.lower) for block in blocks),
        "columns": layout.columns,
        "nonzeros": sum(len(block.index) for block in blocks),
    }
    solved = caps and len(answer.x) and answer.status is Status.OPTIMAL
    prices = dual_of(answer, blocks, "cap", scale) if solved else np.zeros(len(caps))
    return Solution(**{**solution.__dict__, **size}), prices


class Scale:
    """Demand and money brought to the order of 100, so that tolerances mean the same everywhere."""

    def __init__(self, instance: Instance, cost: np.ndarray) -> None:
        self.demand = 100.0 / max(float(instance.demand.max(initial=0.0)), 1e-300)
        self.cost = 100.0 / max(float(np.abs(cost).max(initial=0.0)), 1e-300)
        self.row: dict[str, np.ndarray] = {}

    def lp(self, cost: np.ndarray, blocks: list[Rows]) -> highs.Lp:
        """The scaled program; caps are scaled row by row as well."""
        scaled = [self._block(block) for block in blocks]
        n = len(cost)
        return highs.Lp(cost * self.cost, np.zeros(n), np.full(n, np.inf), scaled)

    def _block(self, block: Rows) -> Rows:
        factor = np.ones(len(block.lower))
        if block.name == "cap":
            largest = block.largest()
            factor = 1.0 / np.where(largest > 0, largest, 1.0)
        self.row[block.name] = factor
        scaled = block.times(factor)
        return replace(scaled, lower=scaled.lower * self.demand, upper=scaled.upper * self.demand)


def _solution(layout: Layout, answer: highs.Answer, scale: Scale, blocks: list[Rows]) -> Solution:
    instance = layout.instance
    price = np.zeros_like(instance.capacity)
    if answer.status is not Status.OPTIMAL or not len(answer.x):
        return Solution(*join([]), price, infeasible=layout.hours, status=answer.status)
    x = answer.x / scale.demand
    parts: list[Flat] = []
    both = np.concatenate([layout.column("x"), layout.column("n")], axis=1)
    for h, t in enumerate(layout.hours):
        found = columns_to_flows(layout, x[both[h]], instance.demand[:, t])
        parts.append((np.full(len(found[0]), t, dtype=np.int64), *found))
    if any(block.name == "capacity" for block in blocks):
        limited = np.flatnonzero(np.isfinite(instance.capacity[:, layout.hours]).any(axis=1))
        dual = dual_of(answer, blocks, "capacity", scale).reshape(len(layout.hours), -1)
        price[np.ix_(limited, layout.hours)] = dual.T / instance.hours[layout.hours]
    return Solution(*join(parts), price, infeasible=np.zeros(0, np.int64), status=answer.status)


def dual_of(answer: highs.Answer, blocks: list[Rows], name: str, scale: Scale) -> np.ndarray:
    """Prices of a block of ≤ rows in the objective's own unit, ≥ 0."""
    at = 0
    for block in blocks:
        if block.name == name:
            raw = answer.dual[at : at + len(block.lower)]
            prices: np.ndarray = np.maximum(-raw, 0.0) * scale.row[name] / scale.cost
            return prices
        at += len(block.lower)
    raise KeyError(name)
