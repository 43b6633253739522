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

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from wattlas.model.objective import Objective
from wattlas.model.plan import UNSERVED, Plan, Status
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.registry import by_name, hourly_rows, links
from wattlas.placement.hour.closed_form import Slots
from wattlas.placement.hour.protocol import Solution, no_duals
from wattlas.placement.hour.prune import pruned
from wattlas.placement.problem.flows import SourceFlows, join
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import within
from wattlas.placement.problem.unit_values import Measure, carbon, cost
from wattlas.placement.solution.concat import concat, plan_of
from wattlas.placement.window.blocks import at_once, over_blocks, weeks
from wattlas.placement.window.limits import in_full, limits_of, nearest_available

PIECE = 500_000
"""Slots times steps that the greedy rule looks at in one go."""
ROOM = 1e-9
"""Relative excess over a capacity that still counts as within it."""


Rule = Callable[[Instance], Solution]
"""What a policy does in a stretch of hours, once it has looked at all of them."""


def baselines(
    instance: Instance, *, flows: bool = True, known: Mapping[str, Plan] | None = None
) -> dict[str, Plan]:
    """Every policy on the same instance, in full service, by name.

    Without `flows` they are dropped as soon as they are added up: a year of equal shares alone
    has tens of millions of them. What is `known` already is not placed again.
    """
    plans = dict(known or {})
    missing = [name for name in POLICIES if name not in plans]
    placed = at_once(lambda name: baseline(instance, name, flows=flows), missing)
    plans.update(zip(missing, placed, strict=True))
    return {name: plans[name] for name in POLICIES}


def baseline(instance: Instance, name: str, *, flows: bool = True) -> Plan:
    """One policy by name, its flows kept or not; KeyError where there is none of that name."""
    instance = in_full(instance)
    rule = POLICIES[name](instance)

    def made(part: Instance, _steps: np.ndarray) -> tuple[Plan, Claim]:
        solution = rule(part)
        placed = plan_of(part, solution, flows=flows, policy=name, solver="rule")
        return placed, _claim(part, solution)

    parts = list(over_blocks(instance, _stretches(instance.scenario), made))
    claim = Claim()
    for _, own in parts:
        claim = claim.plus(own)
    status, reason = claim.verdict(instance)
    plans = [placed for placed, _ in parts]
    whole = concat(instance.scenario, plans, sum(each.info.seconds for each in plans))
    info = replace(whole.info, solver="rule")
    return replace(whole, status=status, info=info, conflict=reason)


def _stretches(scenario: Scenario) -> list[np.ndarray]:
    """Weeks; all hours at once where something ties one hour to the one before."""
    if links(scenario):
        return [np.arange(scenario.hours.count)]
    return weeks(scenario.hours)


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
        at_region = np.broadcast_to(region[:, None], instance.demand.shape)
        part = _at_region(instance, at_region).flows
        parts.append(part.with_value(part.value * share[part.source, r]))
    return _solution(instance, join(parts))


def _best_region(instance: Instance, measure_of: Callable[[Instance], Measure]) -> Rule:
    """The single region of least total; what may not run there stays at the nearest place."""

    def totals(part: Instance, _steps: np.ndarray) -> np.ndarray:
        measure = measure_of(part)
        regions = range(part.allowed.shape[1])
        return np.array([measure.by_hour(part, _all_in(part, r).flows).sum() for r in regions])

    parts = over_blocks(instance, weeks(instance.scenario.hours), totals)
    best = int(np.sum(list(parts), axis=0).argmin())
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


def _greedy_piece(
    instance: Instance, slots: Slots, measure: Measure, steps: np.ndarray
) -> SourceFlows:
    """Rounds: every source asks at its best place with room; the cheapest askers are let in."""
    left = instance.demand[:, steps].copy()
    room = (instance.capacity + instance.surplus)[:, steps]
    units = slots.units(measure, steps)
    parts: list[SourceFlows] = []
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
        point = slots.point[source, slot]
        parts.append(SourceFlows(steps[at], source, region, point, taken))
    source, at = np.nonzero(left > 0)
    none = np.full(len(source), UNSERVED)
    lost = SourceFlows(steps[at], source, none, np.zeros_like(source), left[source, at])
    flows = join([*parts, lost])
    return flows.where(flows.value > 0)


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
    flows = SourceFlows(hour, source, where, point, instance.demand[source, hour])
    return _solution(instance, flows.where(np.argsort(hour, kind="stable")))


def _solution(instance: Instance, flows: SourceFlows) -> Solution:
    return Solution(flows, no_duals(instance), status=Status.HEURISTIC)


@dataclass(frozen=True)
class Claim:
    """What a policy breaks: requests without a place, and what it is beyond each constraint.

    `over` holds the greatest excess over the rows of each constraint, (J,), 0 where there is none;
    `limits` the limits over windows that are not kept.
    """

    demanded: float = 0.0
    lost: float = 0.0
    over: dict[str, np.ndarray] = field(default_factory=dict)
    limits: tuple[str, ...] = ()

    def plus(self, other: Claim) -> Claim:
        """What is broken in both stretches together."""
        over = dict(self.over)
        for name, excess in other.over.items():
            over[name] = np.maximum(over[name], excess) if name in over else excess
        limits = tuple(dict.fromkeys([*self.limits, *other.limits]))
        return Claim(self.demanded + other.demanded, self.lost + other.lost, over, limits)

    def verdict(self, instance: Instance) -> tuple[Status, str]:
        """Whether every constraint is kept, and in words which are not."""
        reasons = []
        if self.lost:
            reasons.append(f"{self.lost / self.demanded:.2%} of requests find no place")
        reasons += [
            by_name(name).broken_words(instance, excess)
            for name, excess in self.over.items()
            if (excess > 0).any()
        ]
        reasons += [f"{name} not kept" for name in self.limits]
        return Status.INFEASIBLE if reasons else Status.HEURISTIC, "; ".join(reasons)


def _claim(instance: Instance, solution: Solution) -> Claim:
    """What the flows of a stretch break."""
    over = {}
    for name, rows in hourly_rows(instance).items():
        excess, size = rows.excess(solution.flows)
        room = ROOM * size.max(axis=0, initial=0.0)  # dust of a large row is none in a small one
        over[name] = np.where(excess > room, excess, 0.0).max(axis=1, initial=0.0)
    lost = _lost(instance, solution.flows)
    demanded = float((instance.demand * instance.hours).sum())
    return Claim(demanded, lost, over, _broken_limits(instance, solution.flows))


def _broken_limits(instance: Instance, flows: SourceFlows) -> tuple[str, ...]:
    """Limits over windows that the flows do not keep, but for the caps of the objective.

    A policy answers no objective: its caps are what the optimum is held to, not the policy.
    """
    bare = replace(instance, scenario=replace(instance.scenario, objective=Objective()))
    return tuple(
        limit.id
        for limit in limits_of(bare)
        if not within(float(limit.measure.by_hour(bare, flows)[limit.steps].sum()), limit.bound)
    )


def _lost(instance: Instance, flows: SourceFlows) -> float:
    """Demand that must be served and has no flow to a place, requests, hours counted."""
    kept = flows.served | ~np.isnan(instance.unserved_usd[flows.source])
    (s, t) = instance.demand.shape
    at = (flows.source * t + flows.hour)[kept]
    placed = np.bincount(at, flows.value[kept], s * t).reshape(s, t)
    missing = instance.demand - placed
    missing = np.where(missing > ROOM * instance.demand, missing, 0.0)
    return float((missing * instance.hours).sum())


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
