"""Hours that nothing couples, each solved by itself.

An hour whose demand fits where each source is served best needs no program: that placement is
optimal. The others go to the fast engine where there are many, else to HiGHS, one after the other
from the basis of the last; only costs and bounds change, because the same places are open in
every hour.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wattlas.model.objective import Solver
from wattlas.model.plan import UNSERVED, Status
from wattlas.placement import fast, highs
from wattlas.placement.choice import SLACK, Slots
from wattlas.placement.instance import Instance
from wattlas.placement.measures import Measure, zero
from wattlas.placement.program import Layout, Rows, hour_units, rows
from wattlas.placement.prune import pruned
from wattlas.placement.shares import promises

CHUNK_ELEMENTS = 4_000_000
"""Size of the dense block of unit values that one step of the fast path looks at."""
EQUAL = 1e-8
"""Scaled reduced costs and prices below this are none: of the dearest place 1e-10."""
DRIFT = 1e-11
"""What rows of order 100 may miss by before the hour is solved from a fresh factorisation."""


@dataclass(frozen=True)
class Solution:
    """Flows of the merged sources, parallel arrays with one entry per flow, and how it ended.

    `capacity_price` (R, T) is what one more GPU-h would save, in the objective's unit, ≥ 0;
    `infeasible` are the steps without a placement. `row_price` (J, T) is what one unit less on the
    right of a coupling row would save, ≥ 0, rows as in `fast.coupling_rows`.
    """

    hour: np.ndarray
    source: np.ndarray
    region: np.ndarray
    point: np.ndarray
    value: np.ndarray
    capacity_price: np.ndarray
    infeasible: np.ndarray
    row_price: np.ndarray | None = None
    engine_hours: int = 0
    """Steps that the fast engine solved."""
    highs_hours: int = 0
    """Steps that went to HiGHS."""
    programs: int = 0
    """Programs solved, by either; `rows`, `columns` and `nonzeros` are the size of one."""
    seconds: float = 0.0
    build_seconds: float = 0.0
    rows: int = 0
    columns: int = 0
    nonzeros: int = 0
    status: Status = Status.OPTIMAL
    gap: float = 0.0

    @property
    def flows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(hour, source, region, point, value)."""
        return self.hour, self.source, self.region, self.point, self.value


def solve_hours(
    instance: Instance,
    measure: Measure,
    tie: Measure | None = None,
    steps: np.ndarray | None = None,
    solver: Solver | None = None,
    hot: fast.Hot | None = None,
) -> Solution:
    """Make `measure` least in every step apart; among equals make `tie` least.

    `steps` are the indices to solve, all by default. Exact: every step is optimal or listed as
    infeasible. Frictions and caps over several steps are not looked at. `solver` is the
    scenario's own by default; what the engine does not finish goes to HiGHS, which also has the
    last word on whether a step is infeasible. `hot` carries bases over to the next call.
    """
    solver = instance.scenario.solver if solver is None else solver
    began = time.perf_counter()
    steps = np.arange(instance.scenario.hours.count) if steps is None else steps
    instance = pruned(instance, (measure,) if tie is None else (measure, tie), steps)
    by_engine_alone = _engine_alone(instance, steps, solver)
    parts, rest = ([], steps) if by_engine_alone else _argmin(instance, measure, tie, steps)
    capacity_price = np.zeros_like(instance.capacity)
    row_price = np.zeros((_couplings(instance), instance.capacity.shape[1]))
    by_engine = 0
    by_auto = solver is Solver.AUTO and fast.worth_it(instance, len(rest))
    if len(rest) and (solver is Solver.ENGINE or by_auto):
        found_fast = fast.solve_fast(instance, measure, tie, rest, hot)
        parts.append(found_fast.flows)
        capacity_price[:, rest] = found_fast.capacity_price
        row_price[:, rest] = found_fast.row_price
        by_engine, rest = len(rest) - len(found_fast.left), found_fast.left
        capacity_price[:, rest], row_price[:, rest] = 0.0, 0.0
    worker = _HourProgram(instance, measure, tie) if len(rest) else None
    infeasible = []
    for t in rest:
        assert worker is not None
        found = worker.solve(int(t))
        if found is None:
            infeasible.append(int(t))
            continue
        flows, capacity_price[:, t], row_price[:, t] = found
        parts.append(flows)
    joined = join(parts)
    rows_of_one, columns, nonzeros = _size(instance)
    return Solution(
        *joined,
        capacity_price=capacity_price,
        infeasible=np.array(infeasible, dtype=np.int64),
        row_price=row_price,
        seconds=time.perf_counter() - began,
        engine_hours=by_engine,
        highs_hours=len(rest),
        programs=by_engine + (0 if worker is None else worker.programs),
        build_seconds=0.0 if worker is None else worker.build_seconds,
        rows=rows_of_one,
        columns=columns,
        nonzeros=nonzeros,
    )


def _size(instance: Instance) -> tuple[int, int, int]:
    """Rows, columns and nonzeros of one hour's program, as it is solved."""
    places = int(instance.allowed.sum())
    unserved = int((~np.isnan(instance.unserved_usd)).sum())
    limited = np.isfinite(instance.capacity).any(axis=1)
    floored = ~np.isnan(instance.mean_accuracy_min)
    in_limits = int(instance.allowed[:, limited].sum())
    in_floors = int(instance.allowed[floored[instance.klass]].sum())
    kept = promises(instance, hourly=True)
    in_floors += sum(int(instance.allowed[one.of].sum()) for one in kept)
    return (
        instance.sources + int(limited.sum()) + int(floored.sum()) + len(kept),
        places + unserved,
        places + unserved + in_limits + in_floors,
    )


def _couplings(instance: Instance) -> int:
    """Coupling rows of one hour."""
    floors = int((~np.isnan(instance.mean_accuracy_min)).sum())
    return floors + len(promises(instance, hourly=True))


def feasible(instance: Instance, steps: np.ndarray) -> bool:
    """Whether all of these steps have a placement."""
    nothing = zero(instance)
    if not _engine_alone(instance, steps, instance.scenario.solver):
        return not len(solve_hours(instance, nothing, None, steps).infeasible)
    left = fast.solve_fast(pruned(instance, (nothing,), steps), nothing, None, steps).left
    return not any(
        len(solve_hours(instance, nothing, None, left[n : n + 1]).infeasible)
        for n in range(len(left))
    )


def _engine_alone(instance: Instance, steps: np.ndarray, solver: Solver) -> bool:
    """Whether the engine gets all steps: it finds those that need no program by itself."""
    if solver is not Solver.AUTO:
        return solver is Solver.ENGINE
    limited = _couplings(instance) > 0 or bool(np.isfinite(instance.capacity[:, steps]).any())
    return limited and fast.worth_it(instance, len(steps))


def evaluate(instance: Instance, measure: Measure, solution: Solution) -> np.ndarray:
    """Value of a measure over the flows, per step, each step counted as its hours; shape (T,)."""
    hour, source, region, point, value = solution.flows
    on = region != UNSERVED
    unit = np.empty(len(value))
    unit[on] = (
        instance.energy_kwh[source[on], point[on]] * measure.per_kwh[region[on], hour[on]]
        + measure.per_request[source[on], region[on], point[on]]
    )
    unit[~on] = measure.per_unserved[source[~on]]
    per_step = np.bincount(hour, weights=unit * value, minlength=instance.scenario.hours.count)
    weighted: np.ndarray = per_step * instance.hours
    return weighted


def blend(first: Solution, second: Solution, share: float) -> Solution:
    """share · first + (1 − share) · second; the prices are the first's."""
    joined = join(
        [(*first.flows[:4], share * first.value), (*second.flows[:4], (1 - share) * second.value)]
    )
    hour, source, region, point, value = merge_equal(*joined)
    return replace(
        first,
        hour=hour,
        source=source,
        region=region,
        point=point,
        value=value,
        engine_hours=first.engine_hours + second.engine_hours,
        highs_hours=first.highs_hours + second.highs_hours,
        programs=first.programs + second.programs,
        seconds=first.seconds + second.seconds,
    )


Flat = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _argmin(
    instance: Instance, measure: Measure, tie: Measure | None, steps: np.ndarray
) -> tuple[list[Flat], np.ndarray]:
    """Flows of the steps where each source's best place fits, and the steps that are left."""
    slots = Slots.of(instance)
    size = max(1, CHUNK_ELEMENTS // max(1, slots.region.size))
    parts, rest = [], []
    for low in range(0, len(steps), size):
        chunk = steps[low : low + size]
        best = slots.best(measure, tie, chunk)
        fits = _fits(instance, slots, chunk, best)
        rest.append(chunk[~fits])
        at, source = np.nonzero((instance.demand[:, chunk] * fits > 0).T)
        slot, value = best[source, at], instance.demand[source, chunk[at]]
        region, point = slots.region[source, slot], slots.point[source, slot]
        parts.append((chunk[at], source, region, point, value))
    return parts, np.concatenate(rest) if rest else np.zeros(0, np.int64)


def _fits(instance: Instance, slots: Slots, chunk: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Whether the best places together keep capacity and mean accuracy; bool, (chunk,)."""
    demand = instance.demand[:, chunk]
    ok = np.asarray(~((best < 0) & (demand > 0)).any(axis=0))
    source = np.arange(instance.sources)[:, None]
    region, point = slots.region[source, best], slots.point[source, best]
    served = (region != UNSERVED) & (best >= 0)
    load = np.zeros((len(instance.capacity), len(chunk)))
    used = np.where(served, demand * slots.gpu_h[source, best], 0.0)
    at = np.broadcast_to(np.arange(len(chunk)), best.shape)
    np.add.at(load, (np.where(served, region, 0), at), used)
    ok &= (load <= instance.capacity[:, chunk] * (1 + SLACK)).all(axis=0)
    for k in np.flatnonzero(~np.isnan(instance.mean_accuracy_min)):
        of = instance.klass == k
        excess = instance.excess[source, point]
        total = np.where(served & of[:, None], demand * excess, 0.0).sum(axis=0)
        ok &= total >= -SLACK * np.maximum(demand[of].sum(axis=0), 1.0)
    for one in promises(instance, hourly=True):
        share = np.where(served & one.degraded[source, point], demand, 0.0).sum(axis=0)
        ok &= share <= one.cap.share_max * demand[one.of].sum(axis=0) * (1 + SLACK)
    return ok


class _HourProgram:
    """One hour's program in HiGHS; the next hour changes costs and bounds only."""

    def __init__(self, instance: Instance, measure: Measure, tie: Measure | None) -> None:
        began = time.perf_counter()
        self.instance, self.measure, self.tie = instance, measure, tie
        self.layout = Layout(instance, np.array([0]))
        self.places = self.layout.places
        self.limited = np.flatnonzero(np.isfinite(instance.capacity).any(axis=1))
        self.floors = _couplings(instance)
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


def join(parts: list[Flat]) -> Flat:
    """All parts in the order of their hours."""
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        return none, none, none, none, np.zeros(0)
    hour, source, region, point, value = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    if (hour[1:] >= hour[:-1]).all():
        return hour, source, region, point, value
    order = np.argsort(hour, kind="stable")
    return hour[order], source[order], region[order], point[order], value[order]


def merge_equal(
    hour: np.ndarray, source: np.ndarray, region: np.ndarray, point: np.ndarray, value: np.ndarray
) -> Flat:
    """Flows that share hour, source, region and point, added up."""
    keys = np.stack([hour, source, region, point])
    unique, inverse = np.unique(keys, axis=1, return_inverse=True)
    total = np.bincount(inverse.ravel(), weights=value, minlength=unique.shape[1])
    keep = total > 0
    return unique[0][keep], unique[1][keep], unique[2][keep], unique[3][keep], total[keep]
