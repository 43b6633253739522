"""Hours that nothing couples, each solved by itself.

An hour whose demand fits where each source is served best needs no program: that placement is
optimal. The others go to the fast engine where there are many, else to HiGHS, one after the other
from the basis of the last; only costs and bounds change, because the same places are open in
every hour.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from wattlas.model.objective import Solver
from wattlas.model.plan import UNSERVED, Status
from wattlas.placement.constraints.shares import couplings, promises
from wattlas.placement.hour import engine_hour as fast
from wattlas.placement.hour.closed_form import SLACK, Slots
from wattlas.placement.hour.highs_hour import Flat, HourProgram
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.prune import pruned
from wattlas.placement.problem.unit_values import Measure, zero

CHUNK_ELEMENTS = 4_000_000
"""Size of the dense block of unit values that one step of the fast path looks at."""


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

    def with_flows(self, flows: Flat) -> Solution:
        """The same with other flows."""
        hour, source, region, point, value = flows
        return replace(self, hour=hour, source=source, region=region, point=point, value=value)


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
    row_price = np.zeros((couplings(instance), instance.capacity.shape[1]))
    by_engine = 0
    by_auto = solver is Solver.AUTO and fast.worth_it(instance, len(rest))
    if len(rest) and (solver is Solver.ENGINE or by_auto):
        found_fast = fast.solve_fast(instance, measure, tie, rest, hot)
        parts.append(found_fast.flows)
        capacity_price[:, rest] = found_fast.capacity_price
        row_price[:, rest] = found_fast.row_price
        by_engine, rest = len(rest) - len(found_fast.left), found_fast.left
        capacity_price[:, rest], row_price[:, rest] = 0.0, 0.0
    worker = HourProgram(instance, measure, tie) if len(rest) else None
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
    limited = couplings(instance) > 0 or bool(np.isfinite(instance.capacity[:, steps]).any())
    return limited and fast.worth_it(instance, len(steps))


def evaluate(instance: Instance, measure: Measure, solution: Solution) -> np.ndarray:
    """Value of a measure over the flows, per step, each step counted as its hours; shape (T,)."""
    hour, source, region, point, value = solution.flows
    served = np.flatnonzero(region != UNSERVED)
    if len(served) == len(value):
        unit = _units(instance, measure, hour, source, region, point)
    else:
        unit = measure.per_unserved[source]
        unit[served] = _units(
            instance, measure, hour[served], source[served], region[served], point[served]
        )
    per_step = np.bincount(hour, weights=unit * value, minlength=instance.scenario.hours.count)
    weighted: np.ndarray = per_step * instance.hours
    return weighted


def _units(
    instance: Instance,
    measure: Measure,
    hour: np.ndarray,
    source: np.ndarray,
    region: np.ndarray,
    point: np.ndarray,
) -> np.ndarray:
    """What a request of each served flow counts. Flat indices: there are millions."""
    _, regions, points = instance.allowed.shape
    units: np.ndarray = measure.per_request.ravel().take(
        (source * regions + region) * points + point
    )
    if measure.per_kwh.any():
        energy_kwh = instance.energy_kwh.ravel().take(source * points + point)
        units += energy_kwh * measure.per_kwh.ravel().take(region * measure.per_kwh.shape[1] + hour)
    return units


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
    spans = [int(part.max(initial=0)) + 2 for part in (hour, source, region, point)]
    key = np.zeros(len(hour), dtype=np.int64)
    for part, span in zip((hour, source, region, point), spans, strict=True):
        key = key * span + part + 1  # a region may be −1
    unique, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    total = np.bincount(inverse, weights=value, minlength=len(unique))
    at = first[total > 0]
    return hour[at], source[at], region[at], point[at], total[total > 0]
