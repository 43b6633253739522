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

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from wattlas.model.objective import Minimise
from wattlas.model.plan import UNSERVED, Plan, SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.placement.api import finish
from wattlas.placement.hour.closed_form import Slots
from wattlas.placement.hour.highs_hour import Flat
from wattlas.placement.hour.solver import Solution, evaluate, join
from wattlas.placement.problem.blocks import weeks
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.prune import pruned
from wattlas.placement.problem.unit_values import Measure, carbon, cost
from wattlas.placement.solution.concat import joined
from wattlas.placement.solution.plan_totals import at_once, merged_totals
from wattlas.placement.window.limits import in_full, nearest_available
from wattlas.units import KG_PER_T

PIECE = 500_000
"""Slots times steps that the greedy rule looks at in one go."""
ROOM = 1e-9
"""Relative excess over a capacity that still counts as within it."""


Rule = Callable[[Instance], Solution]
"""What a policy does in a stretch of hours, once it has looked at all of them."""


def baselines(instance: Instance, *, flows: bool = True) -> dict[str, Plan]:
    """Every policy on the same instance, in full service, by name.

    Without `flows` they are dropped as soon as they are added up: a year of equal shares alone
    has tens of millions of them.
    """
    found = at_once(lambda name: baseline(instance, name, flows=flows), POLICIES)
    return dict(zip(POLICIES, found, strict=True))


def baseline(instance: Instance, name: str, *, flows: bool = True) -> Plan:
    """One policy by name, its flows kept or not; KeyError where there is none of that name."""
    instance = in_full(instance)
    scenario, rule, claim, parts = instance.scenario, POLICIES[name](instance), Claim(), []
    for steps in _stretches(scenario):
        part = build_instance(scenario.at_hours(steps), judged=instance.judged)
        solution = rule(part)
        claim = claim.plus(_claim(part, solution))
        made = finish if flows else _summed
        parts.append(made(part, solution, policy=name, solver="rule"))
    status, reason = claim.verdict(instance)
    found = joined(scenario, parts, sum(one.info.seconds for one in parts))
    info = replace(found.info, solver="rule")
    return replace(found, status=status, info=info, conflict=reason)


def _stretches(scenario: Scenario) -> list[np.ndarray]:
    """Weeks; all hours at once where frictions tie what one costs to the one before."""
    if scenario.frictions.couples:
        return [np.arange(scenario.hours.count)]
    return weeks(scenario.hours)


def _summed(instance: Instance, solution: Solution, *, policy: str, solver: str) -> Plan:
    """As `finish`, without the flows."""
    summed = merged_totals(instance, solution)
    cheapest = instance.scenario.objective.minimise is Minimise.COST
    return Plan(
        status=solution.status,
        scenario=instance.scenario,
        info=SolveInfo(solver=solver, seconds=solution.seconds),
        totals=summed,
        objective=summed.cost_usd if cheapest else summed.carbon_kg / KG_PER_T,
        policy=policy,
    )


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


def _best_region(instance: Instance, of: Callable[[Instance], Measure]) -> Rule:
    """The single region of least total; what may not run there stays at the nearest place."""
    total = np.zeros(instance.allowed.shape[1])
    for steps in weeks(instance.scenario.hours):
        part = build_instance(instance.scenario.at_hours(steps), judged=instance.judged)
        for r in range(len(total)):
            total[r] += evaluate(part, of(part), _all_in(part, r)).sum()
    best = int(total.argmin())
    return lambda part: _all_in(part, best)


def _all_in(instance: Instance, r: int) -> Solution:
    """Everything that may go to region r there, the rest at home."""
    open_at = np.asarray(instance.allowed.any(axis=2))
    region = np.where(open_at[:, r], r, instance.home)
    return _at_region(instance, np.broadcast_to(region[:, None], instance.demand.shape))


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


@dataclass(frozen=True)
class Claim:
    """What a policy breaks: requests/h without a place, and the excess over each limit.

    `over` (R,) is the greatest excess over a region's capacity, GPU-h/h; `inaccurate` holds the
    classes whose mean accuracy is too low.
    """

    asked: float = 0.0
    lost: float = 0.0
    over: np.ndarray | None = None
    inaccurate: frozenset[int] = frozenset()

    def plus(self, other: Claim) -> Claim:
        """What is broken in both stretches together."""
        over = other.over
        if self.over is not None and over is not None:
            over = np.maximum(self.over, over)
        return Claim(
            self.asked + other.asked,
            self.lost + other.lost,
            over,
            self.inaccurate | other.inaccurate,
        )

    def verdict(self, instance: Instance) -> tuple[Status, str]:
        """Whether every limit is kept, and in words which are not."""
        reasons = []
        if self.lost:
            reasons.append(f"{self.lost / self.asked:.2%} of requests find no place")
        if self.over is not None and (self.over > 0).any():
            worst = int(self.over.argmax())
            reasons.append(
                f"over capacity in {int((self.over > 0).sum())} of {len(self.over)} regions, "
                f"worst {instance.scenario.regions[worst].id} by {self.over[worst]:,.4g} GPU-h/h"
            )
        for k in sorted(self.inaccurate):
            reasons.append(f"mean accuracy of class {instance.scenario.classes[k].id} too low")
        return Status.INFEASIBLE if reasons else Status.HEURISTIC, "; ".join(reasons)


def _claim(instance: Instance, solution: Solution) -> Claim:
    """What the flows of a stretch break."""
    return Claim(
        float(instance.demand.sum()),
        _lost(instance, solution),
        _overload(instance, solution),
        frozenset(_inaccurate(instance, solution)),
    )


def _lost(instance: Instance, solution: Solution) -> float:
    """Demand that must be served and has no flow to a place, requests/h over all steps."""
    kept = (solution.region != UNSERVED) | ~np.isnan(instance.unserved_usd[solution.source])
    (s, t) = instance.demand.shape
    at = (solution.source * t + solution.hour)[kept]
    placed = np.bincount(at, solution.value[kept], s * t).reshape(s, t)
    missing = instance.demand - placed
    return float(missing[missing > ROOM * instance.demand].sum())


def _overload(instance: Instance, solution: Solution) -> np.ndarray:
    """Greatest excess of each region over its capacity, GPU-h/h, 0 where there is none; (R,)."""
    r, t = instance.capacity.shape
    on = solution.region != UNSERVED
    used = instance.gpu_h[solution.source[on], solution.point[on]] * solution.value[on]
    at = solution.region[on] * t + solution.hour[on]
    load = np.bincount(at, used, r * t).reshape(r, t)
    over = load > instance.capacity * (1 + ROOM) + ROOM * used.max(initial=0.0)
    excess: np.ndarray = np.where(over, load - instance.capacity, 0.0).max(axis=1, initial=0.0)
    return excess


def _inaccurate(instance: Instance, solution: Solution) -> Iterator[int]:
    """Classes whose mean accuracy falls below its floor in some step."""
    for k in np.flatnonzero(~np.isnan(instance.mean_accuracy_min)):
        of = (instance.klass[solution.source] == k) & (solution.region != UNSERVED)
        excess = instance.excess[solution.source, solution.point]
        total = np.bincount(
            solution.hour[of],
            weights=(excess * solution.value)[of],
            minlength=instance.demand.shape[1],
        )
        if (total < -ROOM * np.maximum(instance.demand.sum(axis=0), 1.0)).any():
            yield int(k)


def _always(rule: Rule) -> Callable[[Instance], Rule]:
    """A rule that needs no look at all hours."""
    return lambda _whole: rule


POLICIES: dict[str, Callable[[Instance], Rule]] = {
    "nearest": _always(_nearest),
    "nearest_available": _always(nearest_available),
    "uniform": _always(_uniform),
    "best_region_cost": lambda whole: _best_region(whole, cost),
    "best_region_carbon": lambda whole: _best_region(whole, carbon),
    "greedy_cost": _always(lambda part: _greedy(part, cost(part))),
    "greedy_carbon": _always(lambda part: _greedy(part, carbon(part))),
}
