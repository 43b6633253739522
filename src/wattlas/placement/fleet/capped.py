"""Hours of a fleet in which a share of the requests of a contract may be degraded.

In each billing window w at most `cap_w` requests are degraded. With a multiplier λ on them the
hours of the window fall apart again, and two kinds of planes say what a fleet K needs of them:

    cost      θ_g + λ·s_g ≥ Σ_{t in g} V_t(K'; λ) + μ·(K − K')    V_t(K; λ) = min cost + λ·degraded
    degraded        s_g   ≥ Σ_{t in g} D_t(K')    + ν·(K − K')    D_t(K) = the fewest degraded

with θ_g what a group of hours costs and s_g what is degraded in it; Σ_{g in w} s_g ≤ cap_w is a row
of the master, and its dual is what one more degraded request saves. At a fleet the cost of a window
is a mix of the placements at several λ, hour by hour, that keeps the cap: an upper bound, as every
λ gives a lower one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.placement.constraints.degraded_share import CapOnSources, caps_on_sources
from wattlas.placement.fleet.capped_window import CappedWindow, WindowAt
from wattlas.placement.fleet.hours import FleetHours, Sized, groups_by_load
from wattlas.placement.fleet.master import CutMaster
from wattlas.placement.fleet.size import BANDS
from wattlas.placement.fleet.terms import FleetTerms
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import windows
from wattlas.placement.problem.unit_values import zero

INNER = 0.2
"""The part of the gap that the windows may leave open together."""
MORE, MOST_MORE = 1.02, 1.0
"""A fleet that cannot keep a cap is tried again this much beyond where its slope says that it can;
what is degraded is convex, so that the slope alone falls short. And by which part at most."""
WORST = 48
"""So many of the hours that are most short become cuts in a round; the others follow."""


@dataclass
class CappedHours:
    """All windows of an instance, as a separator over y = (K, degraded by group)."""

    terms: FleetTerms
    windows: Sequence[CappedWindow]
    floor: np.ndarray
    """What the hours of each group cost at least at any fleet, (G,)."""
    asked_floor: np.ndarray
    """The same where every hour stands for itself."""
    exact: float
    best_usd: float = np.inf
    whole: tuple[CappedHours, CutMaster] | None = None
    """Where the hours are a sample: all of them, and their master, which learns what is true of
    the sampled hours alone. Their groups have the same numbers."""

    @cached_property
    def unit(self) -> float:
        """Degraded requests in one unit of the master: its variables are of one size."""
        most = max((float(window.counted.sum()) for window in self.windows), default=0.0)
        return max(most, 1e-300) / max(float(self.terms.upper.max(initial=0.0)), 1e-9)

    def master(self) -> CutMaster:
        """The master of fleets and of what is degraded in each group; it knows the caps."""
        terms, groups = self.terms, len(self.floor)
        most, inside = np.zeros(groups), np.zeros((len(self.windows), groups))
        for w, window in enumerate(self.windows):
            inside[w, np.unique(window.groups)] = 1.0
            most += np.bincount(window.groups, window.counted, groups)
        cap = np.array([window.cap for window in self.windows])
        master = CutMaster(
            np.concatenate([terms.rent_usd, np.zeros(groups)]),
            np.concatenate([terms.lower, np.zeros(groups)]),
            np.concatenate([terms.upper, most / self.unit]),
            self.floor,
        )
        slope = np.concatenate([np.zeros((len(cap), len(terms.lower))), inside], axis=1)
        master.forbid(-cap / self.unit, slope, np.zeros(slope.shape[1]))
        return master

    def prices(self, master: CutMaster) -> np.ndarray:
        """What one more degraded request in each window saves by the last bound, USD, (W,)."""
        return master.weight[: len(self.windows)] / self.unit

    def ask(self, gpu: np.ndarray, master: CutMaster) -> tuple[float, np.ndarray]:
        """The least cost of a fleet (R,) within the caps, and the fleet.

        Where it cannot keep them: inf, and a larger one that nearly can. Where it is worse than the
        best so far: a bound that shows it. The master learns.
        """
        placed = [WindowAt(window, gpu) for window in self.windows]
        larger = max(self._begin(each, master) for each in placed)
        if larger > 0:
            return float(np.inf), np.clip(gpu * (1.0 + larger), self.terms.lower, self.terms.upper)
        for each in placed:
            sized = each.ask(each.window.price)
            self._teach_cost(master, each, sized, each.window.price)
        rent = float(self.terms.rent_usd @ gpu)
        lower = sum(each.lower for each in placed)
        if rent + lower >= self.best_usd:
            return rent + lower, gpu
        self.settle(placed, rent)
        self.best_usd = min(self.best_usd, rent + sum(each.upper for each in placed))
        return rent + sum(each.upper for each in placed), gpu

    def settle(self, placed: Sequence[WindowAt], rent: float) -> None:
        """Windows at a fleet to within their part of the gap."""
        lower = sum(each.lower for each in placed)
        for each in placed:
            each.refine(INNER * self.exact * abs(rent + lower) / len(placed))

    def _begin(self, placed: WindowAt, master: CutMaster) -> float:
        """Ask a window for its fewest degraded; by which part the fleet should be larger, 0 where
        the cap can be kept."""
        window = placed.window
        fewest = placed.ask_fewest()
        whole_weight = np.ones(len(window.steps))
        total, slope = _by_group(window, fewest, whole_weight, len(self.floor))
        self._forbid_fewer(master, placed, total, slope)
        if self.whole is not None:
            alone = _by_group(window, fewest, 1.0 / window.weight, len(self.floor))
            self.whole[0]._forbid_fewer(self.whole[1], placed, *alone)
        over = float(total.sum()) - window.allowed
        larger = _step(over, -float(slope.sum(axis=0) @ placed.gpu))
        return max(larger, self._forbid_short(master, placed, fewest))

    def _forbid_fewer(
        self, master: CutMaster, placed: WindowAt, total: np.ndarray, slope: np.ndarray
    ) -> None:
        """In each group of a window at least so many (G,) are degraded, with their slope (G, R)."""
        own = np.unique(placed.window.groups)
        wide = np.concatenate([slope[own] / self.unit, self._shared(own, -1.0)], axis=1)
        master.forbid(total[own] / self.unit, wide, self._at(placed.gpu))

    def _shared(self, own: np.ndarray, value: float) -> np.ndarray:
        """The part of the slopes of some groups that is in what is degraded in each."""
        slope = np.zeros((len(own), len(self.floor)))
        slope[np.arange(len(own)), own] = value
        return slope

    def _forbid_short(self, master: CutMaster, placed: WindowAt, sized: Sized) -> float:
        """Where an hour is short of accelerators even with all degraded, by which part the fleet
        should be larger; the master learns."""
        worst = np.argsort(-sized.short)[:WORST]
        worst = worst[sized.short[worst] > 0]
        slope = sized.short_slope[:, worst].T
        wide = np.concatenate([slope, np.zeros((len(worst), len(self.floor)))], axis=1)
        master.forbid(sized.short[worst], wide, self._at(placed.gpu))
        if self.whole is not None:
            self.whole[1].forbid(sized.short[worst], wide, self._at(placed.gpu))
        steps = [
            _step(float(sized.short[t]), -float(sized.short_slope[:, t] @ placed.gpu))
            for t in worst
        ]
        return max(steps, default=0.0)

    def _teach_cost(self, master: CutMaster, placed: WindowAt, sized: Sized, price: float) -> None:
        window, groups = placed.window, len(self.floor)
        own = np.unique(window.groups)
        total, slope = _by_group(window, sized, np.ones(len(window.steps)), groups)
        self._learn(master, placed, own, total, slope, price)
        if self.whole is not None:
            hours, whole = self.whole
            # Of the hours that are not asked, what they cost without any limit is known.
            total, slope = _by_group(window, sized, 1.0 / window.weight, groups)
            total += hours.floor - self.asked_floor
            hours._learn(whole, placed, own, total, slope, price)

    def _learn(
        self, master: CutMaster, placed: WindowAt, own: np.ndarray, total: np.ndarray,
        slope: np.ndarray, price: float,
    ) -> None:  # fmt: skip
        wide = np.concatenate([slope[own], self._shared(own, -price * self.unit)], axis=1)
        master.learn(own, total[own], wide, self._at(placed.gpu))

    def _at(self, gpu: np.ndarray) -> np.ndarray:
        """The master's variables at a fleet where nothing is degraded."""
        return np.concatenate([gpu, np.zeros(len(self.floor))])


def _step(over: float, falls: float) -> float:
    """By which part a fleet should be larger so that what is `over` is gone, where it falls by
    `falls` as the fleet doubles; 0 where nothing is over."""
    if over <= 0:
        return 0.0
    return MORE * over / falls if falls > over / MOST_MORE else MOST_MORE


def _by_group(
    window: CappedWindow, sized: Sized, weight: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """(value (G,), slope in K (G, R)) of a window's hours by group, each times its weight."""
    value = np.bincount(window.groups, weight * sized.value, groups)
    slope = [np.bincount(window.groups, weight * row, groups) for row in sized.slope]
    return value, np.array(slope).T


def capped_hours(
    terms: FleetTerms, free: np.ndarray, exact: float, weight: np.ndarray | None = None
) -> CappedHours:
    """The windows of the share cap that the terms' scenario has; `free` (T,) is every hour's
    optimum without any limit. `weight` (T,) says for how many hours each stands, 0 for those that
    are left out; every hour for itself unless given.

    Raises InputError where it has none, or several.
    """
    instance = terms.instance
    caps = caps_on_sources(instance, hourly=False)
    if len(caps) != 1:
        what = f"holds {len(caps)} contracts whose cap is over a window, wanted one"
        fix = "Offer one contract to one class at a time."
        raise InputError([Problem("tiers", what, fix)])
    cap = caps[0]
    per_point = np.broadcast_to(cap.degraded[:, None, :], instance.allowed.shape)
    degraded = replace(zero(instance), unit="requests", per_request=per_point.astype(float))
    weight = np.ones(len(free)) if weight is None else weight
    counted = cap.demand(instance) * instance.hours * weight
    groups, parts = 0, []
    for window in windows(instance.scenario.hours, cap.cap.window):
        on = weight[window] > 0
        group = groups + _groups(instance, window)
        groups = int(group.max()) + 1
        steps, group = window[on], group[on]
        if not len(steps):
            continue
        stands_for = instance.scenario.hours.weight[steps] * weight[steps]
        some = instance.at(steps, instance.scenario.at_hours(steps, stands_for))
        cost = replace(terms.measure, per_kwh=terms.measure.per_kwh[:, steps])
        fewest = replace(degraded, per_kwh=degraded.per_kwh[:, steps])
        no_groups = (np.arange(len(steps)), np.zeros(len(steps), np.int64), np.ones(len(steps)))
        parts.append(
            CappedWindow(
                steps,
                cap.cap.share_max * float(counted[steps].sum()),
                group,
                counted[steps],
                weight[steps],
                cost,
                fewest,
                FleetHours(some, cost, terms.site, *no_groups),
                FleetHours(some, fewest, terms.site, *no_groups, dearest=_displaced(instance, cap)),
            )
        )
    floor, alone = np.zeros((2, groups))
    for part in parts:
        floor += np.bincount(part.groups, (weight * free)[part.steps], groups)
        alone += np.bincount(part.groups, free[part.steps], groups)
    return CappedHours(terms, parts, floor, alone, exact)


def _displaced(instance: Instance, cap: CapOnSources) -> np.ndarray:
    """How many requests must be degraded to free what a request of each source takes, (S,)."""
    own = cap.counted[:, None] & instance.allowed.any(axis=1)
    full = np.where(own & ~cap.degraded, instance.gpu_h, np.inf).min(axis=1)
    less = np.where(own & cap.degraded, instance.gpu_h, np.inf).min(axis=1)
    both = np.isfinite(full) & np.isfinite(less)
    freed = full[both] - less[both]
    freed = freed[freed > 0]
    most = instance.most_gpu_h.max(axis=1, initial=0.0)
    least = float(freed.min()) if len(freed) else max(float(most.max()), 1e-300)
    return np.asarray(1.0 + most / least)


def _groups(instance: Instance, steps: np.ndarray) -> np.ndarray:
    """Which hours of a window have their cuts together, from 0: by UTC hour and by load; a
    window has its part of the bands of all hours."""
    bands = -(-BANDS * len(steps) // instance.demand.shape[1])
    return groups_by_load(instance, steps, bands)
