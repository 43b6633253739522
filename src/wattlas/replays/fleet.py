"""The replicas of a replay: pools that grow, are switched on and off, and are metered.

Pool p = region · points + point. Replicas that are switched off finish what they have; an empty one
that is off draws nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wattlas.model.scenario import Scenario
from wattlas.replays.kernel import state as S
from wattlas.replays.kernel.state import Fleet, Pools
from wattlas.replays.service.model import ServiceModel, of_point
from wattlas.replays.service.pool import pools_of

FIRST_SLOTS = 1 << 14


@dataclass
class Replicas:
    """All replicas of all pools. `on` (P,) of each take requests now."""

    models: Sequence[ServiceModel]
    pooled: bool
    pools: Pools
    fleet: Fleet
    on: np.ndarray
    started: int = 0
    """How often one was switched on, the first ones not counted."""

    @staticmethod
    def of(scenario: Scenario, services: Mapping[str, ServiceModel], pooled: bool) -> Replicas:
        """No replica yet; `services` are the models of points that say more than their figures."""
        by_point = [services.get(o.id) or of_point(o) for o in scenario.points]
        models = by_point * len(scenario.regions)
        none = np.zeros(len(models), dtype=np.int64)
        # A fleet has one replica at least, so that its tree has a leaf.
        first = none.copy()
        first[0] = 1
        pools = pools_of(models, first.tolist(), pooled)
        fleet = S.new_fleet(pools, FIRST_SLOTS)
        fleet.state[:, S.ON] = 0
        return Replicas(models, pooled, pools, fleet, none)

    def switch(self, on: np.ndarray, now: float) -> None:
        """So many replicas (P,) of each pool take requests from now on. Call it where energy is
        counted until now.
        """
        have = np.diff(self.pools.first)
        if (on > have).any():
            self._grow(np.maximum(have, on), now)
        if self.on.any():
            self.started += int(np.maximum(on - self.on, 0).sum())
        self.on = on
        number = np.arange(len(self.pools.pool)) - self.pools.first[self.pools.pool]
        self.fleet.state[:, S.ON] = number < on[self.pools.pool]

    def _grow(self, count: np.ndarray, now: float) -> None:
        """Room for more replicas; those that there are keep what they do."""
        old_pools, old = self.pools, self.fleet
        pools = pools_of(self.models, count.tolist(), self.pooled)
        fleet = S.new_fleet(pools, 1)
        replicas, before = len(pools.pool), len(old_pools.pool)
        number = np.arange(before) - old_pools.first[old_pools.pool]
        at = pools.first[old_pools.pool] + number
        fleet.clock[:, S.MARK] = now
        for name in ("clock", "state", "due", "prompt", "load"):
            getattr(fleet, name)[at] = getattr(old, name)
        queues = np.concatenate([at, replicas + np.arange(len(self.models))])
        for name in ("head", "tail"):
            getattr(fleet, name)[queues] = getattr(old, name)
        ends = old.tree[(len(old.tree) - 1) // 4 :][:before]
        inner = (len(fleet.tree) - 1) // 4
        fleet.tree[inner + at] = ends
        for node in range(inner - 1, -1, -1):
            fleet.tree[node] = fleet.tree[4 * node + 1 : 4 * node + 5].min()
        self.pools = pools
        self.fleet = fleet._replace(
            energy_j=old.energy_j, link=old.link, free=old.free, time=old.time, job=old.job,
            row=old.row, tellers=old.tellers,
        )  # fmt: skip

    def busy(self) -> np.ndarray:
        """Replicas of each pool that run a request, (P,)."""
        running = self.fleet.state[:, S.RUNNING] > 0
        return np.bincount(self.pools.pool, running, len(self.models))

    def idle_w(self) -> np.ndarray:
        """What those that are on would draw with nothing to do, W, (P,)."""
        return np.asarray(self.on * self.pools.power_w[:, 0])
