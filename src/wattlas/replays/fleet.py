"""The replicas of a replay: pools that grow, are switched on and off, and are metered.

Pool p = region · points + point. Replicas that are switched off finish what they have; an empty one
that is off draws nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wattlas.model.scenario import Scenario
from wattlas.replays.kernel import state as S
from wattlas.replays.kernel.state import FleetState, Pools
from wattlas.replays.service.model import ServiceModel, of_point
from wattlas.replays.service.pool import pools_of
from wattlas.replays.service.serving import Serving

FIRST_SLOTS = 1 << 14


@dataclass
class Replicas:
    """All replicas of all pools. `on` (P,) of each take requests now."""

    models: Sequence[ServiceModel]
    serving: Serving
    pools: Pools
    fleet: FleetState
    on: np.ndarray
    started: int = 0
    """How often one was switched on, the first ones not counted."""

    @staticmethod
    def of(scenario: Scenario, serving: Serving) -> Replicas:
        """No replica yet."""
        by_point = [serving.models.get(o.id) or of_point(o) for o in scenario.points]
        models = by_point * len(scenario.regions)
        none = np.zeros(len(models), dtype=np.int64)
        # A fleet has one replica at least, so that its tree has a leaf.
        first = none.copy()
        first[0] = 1
        pools = pools_of(models, first.tolist(), serving.pooled)
        fleet = S.new_fleet(pools, FIRST_SLOTS)
        fleet.replica.on = 0
        return Replicas(models, serving, pools, fleet, none)

    def switch(self, on: np.ndarray, now: float) -> None:
        """So many replicas (P,) of each pool take requests from now on. Call it where energy is
        counted until now. Those of the first call have started long before; of later ones a
        replica that still runs requests need not start.
        """
        have = np.diff(self.pools.first)
        if (on > have).any():
            self._grow(np.maximum(have, on), now)
        running = self.on.any()
        if running:
            self.started += int(np.maximum(on - self.on, 0).sum())
        self.on = on
        number = np.arange(len(self.pools.pool)) - self.pools.first[self.pools.pool]
        state = self.fleet.replica[: len(number)]
        before, state.on = state.on.copy(), number < on[self.pools.pool]
        if self.serving.pooled:
            for pool in np.flatnonzero(on == 0):
                self._share_out(int(pool), before)
        if running and self.serving.start_s > 0:
            cold = (before == 0) & (state.on == 1) & (state.running == 0)
            self._start(np.flatnonzero(cold & (self.fleet.load < S.STARTING)), now)

    def _share_out(self, pool: int, before: np.ndarray) -> None:
        """Where a pool ends, those who wait for any replica wait for one of those that were on."""
        from wattlas.replays.kernel import lists

        # Compiled functions that only compiled code calls, as they are written.
        compiled: Any = lists
        shift, append = compiled.shift.py_func, compiled.append.py_func
        fleet, queue = self.fleet, len(self.pools.pool) + pool
        first = self.pools.first[pool]
        last_on = first + np.flatnonzero(before[first : self.pools.first[pool + 1]])
        turn = 0
        while (slot := int(fleet.replica.head[queue])) >= 0:
            replica = last_on[turn % len(last_on)]
            shift(fleet, queue)
            append(fleet, replica, slot)
            fleet.load[replica] += 1
            turn += 1

    def _start(self, replicas: np.ndarray, now: float) -> None:
        """Let replicas start: until then they serve nothing."""
        self.fleet.load[replicas] += S.STARTING
        fleet, ends = self.fleet, self.fleet.ends[len(self.fleet.ends) // 2 :].copy()
        fleet.replica.end[replicas] = ends[replicas] = now + self.serving.start_s
        S.make_tree(fleet, ends)

    def _grow(self, count: np.ndarray, now: float) -> None:
        """Room for more replicas; those that there are keep what they do."""
        old_pools, old = self.pools, self.fleet
        pools = pools_of(self.models, count.tolist(), self.serving.pooled)
        fleet = S.new_fleet(pools, 1)
        replicas, before = len(pools.pool), len(old_pools.pool)
        number = np.arange(before) - old_pools.first[old_pools.pool]
        at = pools.first[old_pools.pool] + number
        fleet.replica.mark, fleet.replica.on = now, 0
        fleet.replica[np.concatenate([at, replicas + np.arange(len(self.models))])] = old.replica
        for name in ("due", "prompt", "load", "soon"):
            getattr(fleet, name)[at] = getattr(old, name)
        ends = np.full(replicas, S.BIG)
        ends[at] = old.ends[len(old.ends) // 2 :][:before]
        S.make_tree(fleet, ends)
        self.pools = pools
        self.fleet = fleet._replace(
            energy_j=old.energy_j, free=old.free, slot=old.slot, told=old.told,
            tellers=old.tellers,
        )  # fmt: skip

    def busy(self) -> np.ndarray:
        """Replicas of each pool that run a request, (P,)."""
        running = self.fleet.replica.running[: len(self.pools.pool)] > 0
        return np.bincount(self.pools.pool, running, len(self.models))

    def idle_w(self) -> np.ndarray:
        """What those that are on would draw with nothing to do, W, (P,)."""
        return np.asarray(self.on * self.pools.power_w[:, 0])
