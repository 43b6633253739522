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
from wattlas.placement.api import finish, nearest_available
from wattlas.placement.hourly import Flat, Solution, evaluate, join
from wattlas.placement.instance import Instance
from wattlas.placement.measures import Measure, carbon, cost

ROOM = 1e-9
"""Relative excess over a capacity that still counts as within it."""


def baselines(instance: Instance) -> dict[str, Plan]:
    """Every policy on the same instance, by name."""
    return {name: baseline(instance, name) for name in POLICIES}


def baseline(instance: Instance, name: str) -> Plan:
    """One policy by name; KeyError where there is none of that name."""
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
    parts = [_greedy_step(instance, measure, t) for t in range(instance.demand.shape[1])]
    return _solution(instance, join(parts))


def _greedy_step(instance: Instance, measure: Measure, t: int) -> Flat:
    """Rounds: every source asks at its best place with room; the cheapest askers are let in."""
    left = instance.demand[:, t].copy()
    room = instance.capacity[:, t].copy()
    units = np.where(instance.allowed, measure.units(instance, np.array([t]))[..., 0], np.inf)
    s, r, o = units.shape
    parts: list[Flat] = []
    while True:
        open_units = np.where((room > 0)[None, :, None], units, np.inf).reshape(s, r * o)
        place = open_units.argmin(axis=1)
        unit = open_units[np.arange(s), place]
        asks = np.flatnonzero((left > 0) & np.isfinite(unit))
        if not len(asks):
            break
        asks = asks[np.argsort(unit[asks], kind="stable")]
        region, point = place[asks] // o, place[asks] % o
        taken = _let_in(left[asks], instance.gpu_h[asks, point], region, room)
        left[asks] -= taken
        left[left < 1e-12 * instance.demand[:, t]] = 0.0
        on = taken > 0
        parts.append((np.full(on.sum(), t), asks[on], region[on], point[on], taken[on]))
    rest = np.flatnonzero(left > 0)
    none = np.full(len(rest), UNSERVED)
    parts.append((np.full(len(rest), t), rest, none, np.zeros_like(rest), left[rest]))
    return join(parts)


def _let_in(
    wanted: np.ndarray, gpu_h: np.ndarray, region: np.ndarray, room: np.ndarray
) -> np.ndarray:
    """Requests/h let in, first come first served in each region; `room` shrinks accordingly."""
    taken = np.zeros_like(wanted)
    for r in np.unique(region):
        at = np.flatnonzero(region == r)
        need = wanted[at] * gpu_h[at]
        before = np.concatenate([[0.0], np.cumsum(need)[:-1]])
        granted = np.clip(room[r] - before, 0.0, need)
        taken[at] = np.divide(granted, gpu_h[at], out=wanted[at].copy(), where=gpu_h[at] > 0)
        full = need.sum() >= room[r]
        room[r] = 0.0 if full else room[r] - need.sum()
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
        excess = instance.accuracy[solution.source, solution.point] - instance.mean_accuracy_min[k]
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
