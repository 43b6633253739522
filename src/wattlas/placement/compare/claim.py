"""What a policy claims and what it breaks: requests without a place, rows and limits exceeded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wattlas.model.plan import Status
from wattlas.placement.constraints.registry import by_name, hourly_rows
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit

ROOM = 1e-9
"""Relative excess over a capacity that still counts as within it."""


@dataclass(frozen=True)
class Claim:
    """What a policy breaks: requests without a place, and what it is beyond each constraint.

    `over` holds the greatest excess over the rows of each constraint, (J,), 0 where there is none;
    `used` and `size` (limits,) what it uses of each limit over a window, and the sum of what that
    is made of without its signs.
    """

    demanded: float
    lost: float
    over: dict[str, np.ndarray]
    used: np.ndarray
    size: np.ndarray

    def plus(self, other: Claim) -> Claim:
        """What is broken in both stretches together."""
        over = dict(self.over)
        for name, excess in other.over.items():
            over[name] = np.maximum(over[name], excess) if name in over else excess
        return Claim(
            self.demanded + other.demanded,
            self.lost + other.lost,
            over,
            self.used + other.used,
            self.size + other.size,
        )

    def verdict(self, instance: Instance, limits: Sequence[Limit]) -> tuple[Status, str]:
        """Whether every constraint is kept, and in words which are not."""
        reasons = []
        if self.lost:
            reasons.append(f"{self.lost / self.demanded:.2%} of requests find no place")
        reasons += [
            by_name(name).broken_words(instance, excess)
            for name, excess in self.over.items()
            if (excess > 0).any()
        ]
        bound = np.array([limit.bound for limit in limits])
        kept = self.used - bound <= ROOM * np.maximum(self.size, np.abs(bound))
        ids = (limit.id for limit, keeps in zip(limits, kept, strict=True) if not keeps)
        reasons += [f"{name} not kept" for name in dict.fromkeys(ids)]
        return Status.INFEASIBLE if reasons else Status.HEURISTIC, "; ".join(reasons)


def claim_of(
    part: Instance, solution: Solution, whole: Instance, limits: Sequence[Limit], steps: np.ndarray
) -> Claim:
    """What the flows of a stretch of hours break; `limits` are of the whole, `steps` its own."""
    over = {}
    for name, rows in hourly_rows(part).items():
        excess, size = rows.excess(solution.flows)
        room = ROOM * size.max(axis=0)  # dust of a large row is none in a small one
        over[name] = np.where(excess > room, excess, 0.0).max(axis=1)
    lost = _lost(part, solution.flows)
    demanded = float((part.demand * part.hours).sum())
    used, size = _used(whole, limits, _in_whole(part, solution.flows, whole, steps))
    return Claim(demanded, lost, over, used, size)


def _in_whole(
    part: Instance, flows: SourceFlows, whole: Instance, steps: np.ndarray
) -> SourceFlows:
    """Flows of a part with the hours and sources of the whole."""
    source = part.source_in(whole)[flows.source]
    return flows._replace(hour=steps[flows.hour], source=source)


def _used(
    whole: Instance, limits: Sequence[Limit], flows: SourceFlows
) -> tuple[np.ndarray, np.ndarray]:
    """(What the flows use of each limit, the same without signs), each (limits,)."""
    by_hour: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    count = whole.demand.shape[1]
    used, size = np.zeros((2, len(limits)))
    for n, limit in enumerate(limits):
        if id(limit.measure) not in by_hour:
            unit = limit.measure.units(whole, *flows[:4]) * flows.value * whole.hours[flows.hour]
            sums = (np.bincount(flows.hour, each, count) for each in (unit, np.abs(unit)))
            by_hour[id(limit.measure)] = next(sums), next(sums)
        net, gross = by_hour[id(limit.measure)]
        used[n], size[n] = net[limit.steps].sum(), gross[limit.steps].sum()
    return used, size


def _lost(instance: Instance, flows: SourceFlows) -> float:
    """Demand that must be served and has no flow to a place, requests, hours counted."""
    kept = flows.served | ~np.isnan(instance.unserved_usd[flows.source])
    (s, t) = instance.demand.shape
    at = (flows.source * t + flows.hour)[kept]
    placed = np.bincount(at, flows.value[kept], s * t).reshape(s, t)
    missing = instance.demand - placed
    missing = np.where(missing > ROOM * instance.demand, missing, 0.0)
    return float((missing * instance.hours).sum())
