"""Routings of hours that were served: one serves every hour whose load fits it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.shared_sites import SharedSites

ROUNDING = 1e-10
"""Load above what a region has by this part of it is rounding, far below a shortage that counts."""
ROUTES = 8
"""So many routings are kept for each UTC hour of the day, the latest and the most useful."""
FULLEST = 2, 8
"""An hour that a routing does not serve mostly overloads one of the regions that it fills most on
average. These are looked at first, then some more, then all: a third of the time of all at once."""
Routes = dict[int, list[np.ndarray]]
"""By UTC hour of the day: GPU-h in each region per request of each source, (R, S)."""
FEW = 16
"""So few hours are tried at once."""
_TINY = 1e-300
_NONE = np.zeros((0, 0))


@dataclass(frozen=True)
class Room:
    """What a fleet has in an hour: `most` (R,), of which `held` (R,) is reserved, and what `sites`
    take of what is bought beyond that."""

    most: np.ndarray
    held: np.ndarray
    sites: SharedSites | None = None

    def within(self, load: np.ndarray) -> np.ndarray:
        """Which loads (R, H), none above the most, the sites take, bool, (H,)."""
        if self.sites is None:
            return np.ones(load.shape[1], dtype=bool)
        bought = self.sites.per_gpu @ np.maximum(load - self.held[:, None], 0.0)
        left = self.sites.left(self.held)
        slack = ROUNDING * (self.sites.per_gpu @ load + left[:, None])
        return np.asarray((bought <= left[:, None] + slack).all(axis=0))


@dataclass
class Routings:
    """Routings by UTC hour of the day.

    `lean` (S,) is the least accelerator time of a request that must be served and `least` (S, R)
    that in each region, 0 where closed.
    """

    instance: Instance
    lean: np.ndarray
    least: np.ndarray
    routes: Routes = field(default_factory=dict)

    def keep(
        self, steps: np.ndarray, alike: np.ndarray, served: np.ndarray, flows: SourceFlows
    ) -> None:
        """Keep the routings of the hours that are served, (H,); `alike` (H,) are their UTC hours of
        the day, and those of `flows` count from 0."""
        first = np.searchsorted(flows.hour, np.arange(len(steps) + 1))
        for group in np.unique(alike[served]).tolist():
            latest = np.flatnonzero(served & (alike == group))[: -ROUTES - 1 : -1].tolist()
            new = [
                self._route(int(steps[n]), flows.where(slice(first[n], first[n + 1])))
                for n in latest
            ]
            self.routes[group] = [*new, *self.routes.get(group, [])][:ROUTES]

    def _route(self, step: int, flows: SourceFlows) -> np.ndarray:
        """An hour's flows per request, (R, S); sources without demand where they are leanest."""
        demand = self.instance.demand[:, step]
        on = flows.where(flows.served)
        shape = self.least.T.shape
        gpu_h = self.instance.gpu_h[on.source, on.point] * on.value
        place = on.region * shape[1] + on.source
        route = np.bincount(place, gpu_h, shape[0] * shape[1]).reshape(shape).astype(float)
        route /= np.where(demand > 0, demand, 1.0)
        idle = np.flatnonzero((demand <= 0) & (self.lean > 0))
        at = self.instance.least_gpu_h[idle].argmin(axis=1)
        route[at, idle] = self.least[idle, at]
        return route

    def unserved(self, alike: int, steps: np.ndarray, room: Room) -> np.ndarray:
        """The hours of a UTC hour of the day that no routing of it is known to serve."""
        most = (1.0 + ROUNDING) * room.most
        routes = self.routes.get(alike, [])
        served = [0] * len(routes)
        # An hour's in one piece. Kept for all hours of all outages it took 160 MiB of a study.
        demand = np.ascontiguousarray(self.instance.demand[:, steps].T) if routes else _NONE
        for n, route in enumerate(routes):
            if not len(steps):
                break
            fit = fits(route, demand, most)
            if room.sites is not None:
                fit[fit] = room.within(route @ demand[fit].T)
            served[n] = int(fit.sum())
            if served[n]:
                steps, demand = steps[~fit], demand[~fit]
        # The most useful first: the others are hardly looked at, and give way to new ones.
        order = sorted(range(len(routes)), key=lambda n: -served[n])
        routes[:] = [routes[n] for n in order]
        return steps


def fits(route: np.ndarray, demand: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Which hours (H,) with a demand (H, S) a routing serves with so much room (R,)."""
    if len(demand) <= FEW:
        return np.asarray((demand @ route.T <= most).all(axis=1))
    load = route @ demand.mean(axis=0)
    fullest = np.argsort(-load / np.maximum(most, _TINY), kind="stable")
    left = np.arange(len(demand))
    for regions in np.split(fullest, FULLEST):
        left = left[(demand[left] @ route[regions].T <= most[regions]).all(axis=1)]
    served = np.zeros(len(demand), dtype=bool)
    served[left] = True
    return served
