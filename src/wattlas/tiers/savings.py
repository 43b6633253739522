"""What degrading a share of the requests saves, taken from the hours where it saves most carbon.

For each candidate point the steps are ordered by the grams that a degraded request saves there;
degrading a share φ of all requests takes them in that order. The sums are piecewise linear in φ,
and concave in carbon. Steps in which nothing is saved are never taken: a degradation cap beyond
them is not used.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.service import Service
from wattlas.tiers.share import green_share


@dataclass(frozen=True)
class Savings:
    """Sums over the share degraded, per request of the tier, one row per candidate point.

    `volume` (F, T + 1) are the shares at the kinks, from 0; `grams` and `usd` (F, T + 1) what is
    saved up to them. `usable` (F,) is the share beyond which no carbon is saved.
    """

    volume: np.ndarray
    grams: np.ndarray
    usd: np.ndarray
    usable: np.ndarray

    def at(self, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(grams, USD) saved per request of the tier at degradation caps (I,), each (F, I)."""
        rows = range(len(self.volume))
        used = np.minimum(np.asarray(share, dtype=float)[None, :], self.usable[:, None])
        grams = [np.interp(used[f], self.volume[f], self.grams[f]) for f in rows]
        usd = [np.interp(used[f], self.volume[f], self.usd[f]) for f in rows]
        shape = (len(self.volume), len(share))
        return np.reshape(grams, shape), np.reshape(usd, shape)

    def used(self, point: int, share: float) -> float:
        """Share that is degraded in truth under a degradation cap."""
        return float(min(share, self.usable[point]))


def savings(service: Service, limit: float | np.ndarray = 1.0) -> Savings:
    """The sums for every candidate point of a service.

    `limit` is the largest share that the carbon rule can use, 0..1, for all points or each (F,).
    """
    gain_g = service.full_carbon_g[None, :] - service.carbon_g
    gain_usd = service.full_cost_usd[None, :] - service.cost_usd
    share = service.requests / service.requests.sum()
    order = np.argsort(-gain_g, axis=1, kind="stable")
    taken = share[order]
    grams = np.take_along_axis(gain_g, order, axis=1)
    usd = np.take_along_axis(gain_usd, order, axis=1)
    useful = np.where(grams > 0, taken, 0.0).sum(axis=1)
    return Savings(
        volume=_from_zero(taken),
        grams=_from_zero(taken * grams),
        usd=_from_zero(taken * usd),
        usable=np.minimum(useful, limit),
    )


def _from_zero(values: np.ndarray) -> np.ndarray:
    summed = np.cumsum(values, axis=1)
    return np.concatenate([np.zeros((len(values), 1)), summed], axis=1)


def rule_share(service: Service, cap_share: float) -> np.ndarray:
    """Share that the budget rule degrades at each point so that carbon stays within a cap; (F,).

    The cap is a share of what full service emits. 1 where degrading everything does not do.
    """
    cap = cap_share * float(service.mean(service.full_carbon_g))
    share = np.ones(len(service.points))
    for f, green in enumerate(service.carbon_g):
        lower = np.minimum(green, service.full_carbon_g)
        with suppress(InfeasibleError):
            share[f] = green_share(service.full_carbon_g, lower, cap, service.requests).share
    return share
