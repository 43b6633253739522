"""What the hours before a window leave to it: what runs, and how much of a limit was left over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from wattlas.placement.problem.limit import Limit


@dataclass(frozen=True)
class Carried:
    """`before` is what runs before the first step, by the name of each link, as `Layout.before`
    takes it. `spare` is what the steps before left of a limit, in the unit of its measure, by its
    id: of those windows of it that had begun before the first step.
    """

    before: Mapping[str, np.ndarray] = field(default_factory=dict)
    spare: Mapping[str, float] = field(default_factory=dict)

    def on(self, limits: Sequence[Limit]) -> list[Limit]:
        """The limits with what was left over; never below what degrading nothing takes."""
        return [self._on(limit) for limit in limits]

    def _on(self, limit: Limit) -> Limit:
        if limit.id not in self.spare or not len(limit.steps) or limit.steps[0] != 0:
            return limit
        bound = limit.bound + self.spare[limit.id]
        least = -limit.share_max * limit.total
        return replace(limit, bound=max(bound, least) if np.isfinite(least) else bound)
