"""Where a demand goes of which nobody expected anything: it must have a place all the same."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wattlas.model.plan import UNSERVED
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.feasibility import Feasibility, degraded_points

_ROUNDING = 1e-6
"""What a region may have fewer accelerators than a replica takes, relative."""


@dataclass
class Nearest:
    """The nearest open place in full service of each metro and class, hour by hour, among those
    whose region has the accelerators for one replica at the point.
    """

    scenario: Scenario = field(repr=False)
    judged: Feasibility = field(repr=False)
    found: dict[bytes, np.ndarray] = field(default_factory=dict, repr=False)
    """By which places have accelerators: most hours are alike."""

    def manned(self, hour: int) -> np.ndarray:
        """Whether a region has accelerators for a replica at a point, (R, O)."""
        each = np.array([point.accelerators for point in self.scenario.points])
        have = self.scenario.most_gpu[:, hour]
        return np.asarray(each[None, :] <= have[:, None] * (1 + _ROUNDING))

    def places(self, hour: int) -> np.ndarray:
        """(region, point) of each metro · classes + class, (I·K, 2); unserved without one."""
        manned = self.manned(hour)
        key = manned.tobytes()
        if key not in self.found:
            self.found[key] = self._places(manned)
        return self.found[key]

    def _places(self, manned: np.ndarray) -> np.ndarray:
        s, judged = self.scenario, self.judged
        open_ = judged.allowed & ~degraded_points(s)[None, :, None, :] & manned
        latency = np.where(open_, judged.latency_ms, np.inf).reshape(-1, s.shape[2] * s.shape[3])
        place = np.column_stack(np.divmod(latency.argmin(axis=1), s.shape[3]))
        place[~np.isfinite(latency.min(axis=1))] = (UNSERVED, 0)
        return place
