"""Policies that operators use today, each with its claim checked.

Every policy is a rule without a program (but for the nearest place with room), returned as a Plan
whose status is `heuristic`, or `infeasible` with the reason and its flows where the rule breaks a
limit.

    nearest             the open place nearest to the service node, full or not
    nearest_available   the least mean round trip that capacity allows
    uniform             equal shares over the open regions
    best_region_cost    everything that may go there in one region, the rest at the nearest place
    best_region_carbon  the same, chosen by carbon
    greedy_cost         each source takes its cheapest place with room, cheapest first
    greedy_carbon       the same by carbon
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from wattlas.model.plan import UNSERVED, Plan, Status
from wattlas.placement.api import finish
from wattlas.placement.choice import Slots
from wattlas.placement.hourly import Flat, Solution, evaluate, join
from wattlas.placement.instance import Instance
from wattlas.placement.limits import in_full, nearest_available
from wattlas.placement.measures import Measure, carbon, cost
from wattlas.placement.prune import pruned

PIECE = 500_000
"""Slots times steps that the greedy rule looks at in one go."""
ROOM = 1e-9
"""Relative excess over a capacity that still counts as within it."""


def baselines(instance: Instance) -> dict[str, Plan]:
    """Every policy on the same instance, in full service, by name."""
    return {name: baseline(instance, name) for name in POLICIES}


def baseline(instance: Instance, name: str) -> Plan:
    """One policy by name; KeyError where there is none of that name."""
    instance = in_full(instance)
    solution = POLICIES[name](instance)
    status, reason = _claim(instance, solution)
    found = finish(instance, replace(solution, status=status), policy=name, solver="rule")
    return replace(found, conflict=reason)


def _nearest(instance: Instance) -> Solution:
    """All demand at home at its cheapest point, capacity not looked at."""
    return _at_region(instance, np.broadcast_to(instance.home[:, None], instance.demand.shape))


def _uniform(instance: Instance) -> Solution:
    """Equal shares over the open regions, each at its cheapest point."""
    open_at = np.asarray(instance.allowed.any(axis=2))
    share = open_at / np.maximum(open_at.sum(axis=1, keepdims=True), 1)
    parts = []
    for r in range(open_at.shape[1]):
        region = np.where(open_at[:, r], r, -1)
        part = _at_region(instance, np.broadcast_to(region[:, None], instance.demand.shape))
        parts.append((*part.flows[:4], part.value * share[part.source, r]))
    return _solution(instance, join(parts))


def _best_region(instance: Instance, measure: Measure) -> Solution:
    """The single region of least total; what may not run there stays at the nearest place."""
    open_at = np.asarray(instance.allowed.any(axis=2))
    least: tuple[float, Solution] | None = None
    for r in range(open_at.shape[1]):
        region = np.where(open_at[:, r], r, instance.home)
        found = _at_region(instance, np.broadcast_to(region[:, None], instance.demand.shape))
        total = float(evaluate(instance, measure, found).sum())
        if least is None or total < least[0]:
            least = (total, found)
    assert least is not None
    return least[1]


def _greedy(instance: Instance, measure: Measure) -> Solution:
    """All steps at once, in pieces that fit into memory."""
    steps = np.arange(instance.demand.shape[1])
    instance = pruned(instance, (measure,), steps)
    slots = Slots.of(instance)
    size = max(1, PIECE // max(1, slots.region.size))
    pieces = [steps[low : low + size] for low in range(0, len(steps), size)]
    return _solution(instance, join([_greedy_piece(instance, slots, measure, p) for p in pieces]))


def _greedy_piece(instance: Instance, slots: Slots, measure: Measure, steps: np.ndarray) -> Flat:
    """Rounds: every source asks at its best place with room; the cheapest askers are let in."""
    left = instance.demand[:, steps].copy()
    room = instance.capacity[:, steps].copy()
    units = slots.units(measure, steps)
    parts: list[Flat] = []
    while True:
        has_room = (room > 0)[slots.region] | (slots.region == UNSERVED)[..., None]
        open_units = np.where(has_room & (left > 0)[:, None, :], units, np.inf)
        best = open_units.argmin(axis=1)
        unit = np.take_along_axis(open_units, best[:, None, :], axis=1)[:, 0]
        source, at = np.nonzero(np.isfinite(unit))
        if not len(source):
            break
        order = np.lexsort((unit[source, at], slots.region[source, best[source, at]], at))
        source, at = source[order], at[order]
        slot = best[source, at]
        region, gpu_h = slots.region[source, slot], slots.gpu_h[source, slot]
        taken = _let_in(left[source, at], gpu_h, region, at, room)
        left[source, at] -= taken
        left[left < 1e-12 * instance.demand[:, steps]] = 0.0
        parts.append((steps[at], source, region, slots.point[source, slot], taken))
    source, at = np.nonzero(left > 0)
    none = np.full(len(source), UNSERVED)
    parts.append((steps[at], source, none, np.zeros_like(source), left[source, at]))
    flows = join(parts)
    on = flows[4] > 0
    return flows[0][on], flows[1][on], flows[2][on], flows[3][on], flows[4][on]


def _let_in(
    wanted: np.ndarray, gpu_h: np.ndarray, region: np.ndarray, at: np.ndarray, room: np.ndarray
) -> np.ndarray:
    """Requests/h let in of askers sorted by step and region; `room` (R, steps) shrinks.

    First come, first served: an asker gets what those before it leave.
    """
    need = wanted * gpu_h
    group = at * (len(room) + 1) + region
    first = np.concatenate([[True], group[1:] != group[:-1]])
    start = np.flatnonzero(first)
    running = np.cumsum(need)
    before = running - need
    before -= np.repeat(before[start], np.diff(np.append(start, len(need))))
    space = np.where(region == UNSERVED, np.inf, room[region, at])
    granted = np.clip(space - before, 0.0, need)
    taken: np.ndarray = np.divide(granted, gpu_h, out=wanted.copy(), where=gpu_h > 0)
    total = np.add.reduceat(need, start)
    r, t = region[start], at[start]
    real = r != UNSERVED
    rest = room[r[real], t[real]] - total[real]
    room[r[real], t[real]] = np.where(rest > 0, rest, 0.0)
    return taken


def _at_region(instance: Instance, region: np.ndarray) -> Solution:
    """Each source at the cheapest point of the given region (S, T); −1 goes unserved."""
    measure = cost(instance)
    source, hour = np.nonzero(instance.demand > 0)
    where = region[source, hour]
    r = np.maximum(where, 0)
    units = (
        instance.energy_kwh[source] * measure.per_kwh[r, hour][:, None]
        + measure.per_request[source, r]
    )
    point = np.where(instance.allowed[source, r], units, np.inf).argmin(axis=1)
    flows = (hour, source, where, point, instance.demand[source, hour])
    order = np.argsort(hour, kind="stable")
    sorted_flows = tuple(column[order] for column in flows)
    return _solution(instance, sorted_flows)  # type: ignore[arg-type]


def _solution(instance: Instance, flows: Flat) -> Solution:
    return Solution(
        *flows,
        capacity_price=np.zeros_like(instance.capacity),
        infeasible=np.zeros(0, np.int64),
        status=Status.HEURISTIC,
    )


def _claim(instance: Instance, solution: Solution) -> tuple[Status, str]:
    """Whether the flows keep every limit, and in words which they break."""
    reasons = [*_unserved(instance, solution), *_overload(instance, solution)]
    reasons += _inaccurate(instance, solution)
    status = Status.INFEASIBLE if reasons else Status.HEURISTIC
    return status, "; ".join(reasons)


def _unserved(instance: Instance, solution: Solution) -> list[str]:
    """Demand that must be served and has no flow to a place."""
    kept = (solution.region != UNSERVED) | ~np.isnan(instance.unserved_usd[solution.source])
    placed = np.zeros_like(instance.demand)
    np.add.at(placed, (solution.source[kept], solution.hour[kept]), solution.value[kept])
    missing = instance.demand - placed
    lost = float(missing[missing > ROOM * instance.demand].sum())
    if not lost:
        return []
    return [f"{lost / instance.demand.sum():.2%} of requests find no place"]


def _overload(instance: Instance, solution: Solution) -> list[str]:
    load = np.zeros_like(instance.capacity)
    on = solution.region != UNSERVED
    used = instance.gpu_h[solution.source[on], solution.point[on]] * solution.value[on]
    np.add.at(load, (solution.region[on], solution.hour[on]), used)
    over = load > instance.capacity * (1 + ROOM) + ROOM * used.max(initial=0.0)
    if not over.any():
        return []
    regions = np.flatnonzero(over.any(axis=1))
    worst = int(np.where(over, load - instance.capacity, 0.0).max(axis=1).argmax())
    excess = float(np.where(over, load - instance.capacity, 0.0)[worst].max())
    name = instance.scenario.regions[worst].id
    return [
        f"over capacity in {len(regions)} of {len(load)} regions, "
        f"worst {name} by {excess:,.4g} GPU-h/h"
    ]


def _inaccurate(instance: Instance, solution: Solution) -> list[str]:
    broken = []
    for k in np.flatnonzero(~np.isnan(instance.mean_accuracy_min)):
        of = (instance.klass[solution.source] == k) & (solution.region != UNSERVED)
        excess = instance.excess[solution.source, solution.point]
        total = np.bincount(
            solution.hour[of],
            weights=(excess * solution.value)[of],
            minlength=instance.demand.shape[1],
        )
        if (total < -ROOM * np.maximum(instance.demand.sum(axis=0), 1.0)).any():
            broken.append(f"mean accuracy of class {instance.scenario.classes[k].id} too low")
    return broken


POLICIES: dict[str, Callable[[Instance], Solution]] = {
    "nearest": _nearest,
    "nearest_available": nearest_available,
    "uniform": _uniform,
    "best_region_cost": lambda i: _best_region(i, cost(i)),
    "best_region_carbon": lambda i: _best_region(i, carbon(i)),
    "greedy_cost": lambda i: _greedy(i, cost(i)),
    "greedy_carbon": lambda i: _greedy(i, carbon(i)),
}
