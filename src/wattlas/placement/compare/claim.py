"""What a policy claims and what it breaks: requests without a place, rows and limits exceeded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from wattlas.model.objective import Objective
from wattlas.model.plan import Status
from wattlas.placement.constraints.registry import by_name, hourly_rows
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import within
from wattlas.placement.window.limits import limits_of

ROOM = 1e-9
"""Relative excess over a capacity that still counts as within it."""


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


def claim_of(instance: Instance, solution: Solution) -> Claim:
    """What the flows of a stretch of hours break."""
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
