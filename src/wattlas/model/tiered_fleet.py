"""A fleet for demand of which a share may be degraded, as a value object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.model.fleet import FleetCost
from wattlas.model.plan import SolveInfo, Status


@dataclass(frozen=True)
class TieredFleet:
    """The fleet of least cost where a contract lets some requests be degraded, and which are.

    `status` says how the search ended: `optimal`, or `limit` where its gap is above what was asked
    for. Shapes: `degraded` and `counted` (T,), requests of each hour, hours counted;
    `total`, `cap`, `used` and `price_usd` (W,) of each billing window.
    """

    status: Status
    optimal: FleetCost
    bound_usd: float
    """No fleet within the bounds and the caps costs less."""
    degraded: np.ndarray
    counted: np.ndarray
    """Requests under the contract."""
    total: np.ndarray
    """Requests under the contract in each window, of which φ may be degraded."""
    cap: np.ndarray
    used: np.ndarray
    price_usd: np.ndarray
    """What one more degraded request in the window saves at most, USD: the dual of its cap."""
    info: SolveInfo

    @property
    def gap(self) -> float:
        """(cost − bound) / cost."""
        cost = self.optimal.cost_usd
        return (cost - self.bound_usd) / abs(cost) if cost else 0.0

    @property
    def usd_per_point(self) -> float:
        """What one more percent of the requests under the contract would save at most, USD."""
        return float(self.price_usd @ self.total) / 100.0
