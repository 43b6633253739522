"""What the hours need of a fleet, asked of all of them at once.

An hour t that must be served is short of

    S_t(K) = max over π ≥ 0 of  Σ_s d_st·min(lean_s, min_r g_sr·π_r) − Σ_r π_r·(K_r + o_r)

GPU-h/h at the leanest operating points. Where sites take so many of several kinds together, prices
σ of these stand beside π: Σ π·o is then Σ max(0, π_r − a_r·σ)·O_r + σ·(most − Σ a·K). Its program
differs from that of another hour in the demand alone. Where one hour asks for no more of anything
than another, it needs no more. Prices π that
prove one hour short are tried on every hour by one product of matrices: the hour that needs most is
the cut. And a routing that serves one hour serves every hour whose load it fits: some dozens of a
year are solved before all are known to be served, or one is short.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from wattlas.model.objective import Solver
from wattlas.placement.constraints.degraded_share import dealt_out
from wattlas.placement.constraints.registry import hourly_rows
from wattlas.placement.constraints.shared_site import NAME as SHARED_SITE
from wattlas.placement.fleet.master import CutMaster
from wattlas.placement.fleet.routings import Room, Routes, Routings
from wattlas.placement.fleet.stock import Stock
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.hour.engine_hour import worth_it
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure, zero

SHORT = 1e-9
"""Shortage below this, relative to the hour's demand in GPU-h, is rounding."""
GROWTH = 2
"""One hour of each UTC hour of the day is solved first, then so many times more: a routing of one
often serves the rest."""
HEADROOM = 0.3
"""An hour is solved with what it is known to need, and this part of the accelerators beyond it: its
routing then leaves room for other hours. With all of them it fills some regions, and serves few."""
TRIALS = 4
"""So often what an hour is known to need is raised, before it gets all accelerators."""
PRICED = ("capacity", SHARED_SITE)
"""Constraints whose prices stand in a need; other duals stand beside them."""
CUTS = 24
"""So many prices of a question become cuts, those that prove most short."""
_TINY = 1e-300


@dataclass(frozen=True)
class Shortage:
    """Some hours: `short` (H,) GPU-h/h that cannot be served, 0 where that is rounding; the prices
    (R + J, H) of accelerators, and of what sites take, that prove it; and the flows, whose hours
    count from 0."""

    short: np.ndarray
    price: np.ndarray
    flows: SourceFlows
    duals: dict[str, np.ndarray]
    """Of every constraint, (J, H)."""


@dataclass(frozen=True)
class Need:
    """At prices (R + J,) of accelerators, and of what sites take, the hour `step` needs `gpu_h` of
    them: no fleet serves it that has less, Σ_r π_r·(K_r + o_r) < gpu_h."""

    price: np.ndarray
    gpu_h: float
    step: int
    beside: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Where more than accelerators ties the demands of an hour: duals (J,) of that, in GPU-h."""


@dataclass
class Needs:
    """The hours of an instance, as a separator that forbids: whether a fleet serves them all.

    Its demand, open places and accelerator times count, and what can be bought, which is the same
    in all hours. `site` (R,) is what a site takes, reserved and on demand together; `lost` are
    regions that count for nothing.
    """

    instance: Instance
    site: np.ndarray
    lost: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    known: list[Need] = field(default_factory=list)
    use: list[np.ndarray] = field(default_factory=list)
    """What a request of each source needs at the prices of each of `known`, (S,)."""
    routes: Routes = field(default_factory=dict)

    def asking(self, demand: np.ndarray) -> Needs:
        """The same of another demand (S, T), with the prices and the routings that are known."""
        other = Needs(
            replace(self.instance, demand=demand), self.site, self.lost, routes=self.routes
        )
        other.use = self.use.copy()
        other.known = [other.most_at(known.price, use) for known, use in zip(
            self.known, self.use, strict=True
        )]  # fmt: skip
        return other

    @cached_property
    def stock(self) -> Stock:
        """What a fleet has, and what it comes to at prices."""
        return Stock(self.instance, self.site, self.lost)

    @cached_property
    def lean(self) -> np.ndarray:
        """The least accelerator time of a request that must be served, GPU-h, (S,)."""
        return np.asarray(self.instance.leanest_gpu_h * np.isnan(self.instance.unserved_usd))

    @cached_property
    def load(self) -> np.ndarray:
        """Demand at the leanest operating points, GPU-h/h, (T,)."""
        return np.asarray(self.lean @ self.instance.demand)

    @cached_property
    def least(self) -> np.ndarray:
        """Least GPU-h of a request of each source in each region, (S, R); 0 where closed."""
        least = self.instance.least_gpu_h
        return np.asarray(np.where(np.isfinite(least), least, 0.0))

    @cached_property
    def alike(self) -> list[np.ndarray]:
        """Hours by the UTC hour of the day, the fullest first: these need alike routings. Without
        those that ask for no more of anything than another."""
        of_day = self.instance.scenario.hours.utc.astype("datetime64[h]").astype(np.int64) % 24
        hours = [np.flatnonzero(of_day == hour) for hour in np.unique(of_day)]
        ranked = [at[np.argsort(-self.load[at], kind="stable")] for at in hours]
        return [self._most(at) for at in ranked] if self.apart else ranked

    def _most(self, steps: np.ndarray) -> np.ndarray:
        """The steps whose demand no other of them has or exceeds, source by source."""
        demand, kept = np.ascontiguousarray(self.instance.demand[:, steps].T), []
        left = np.arange(len(steps))
        while len(left):
            kept.append(left[0])
            left = left[1:]
            left = left[(demand[left] > demand[kept[-1]]).any(axis=1)]
        return steps[kept]

    @cached_property
    def asked(self) -> np.ndarray:
        """The hours of `alike`: no other needs more."""
        return np.concatenate(self.alike)

    @cached_property
    def alike_of(self) -> np.ndarray:
        """Which of `alike` each hour is of, (T,)."""
        place = np.zeros(len(self.load), dtype=np.int64)
        for n, hours in enumerate(self.alike):
            place[hours] = n
        return place

    @cached_property
    def apart(self) -> bool:
        """Whether accelerators alone tie the demands of an hour: else a routing is of its hour."""
        return set(hourly_rows(self.instance)) <= set(PRICED)

    @cached_property
    def routings(self) -> Routings:
        """Routings of hours that were served."""
        return Routings(self.instance, self.lean, self.least, self.routes)

    @cached_property
    def solver(self) -> Solver:
        """The engine also for a few hours, where it is worth loading for all of them."""
        stated = self.instance.scenario.solver
        many = worth_it(self.instance, len(self.load))
        return Solver.ENGINE if stated is Solver.AUTO and many else stated

    def ask(self, y: np.ndarray, master: CutMaster) -> float:
        """0 where every hour is served, else inf; the master learns why not."""
        return self.forbid(self.broken(y), y, master)

    def forbid(self, broken: list[Need], y: np.ndarray, master: CutMaster) -> float:
        """The master learns of needs that a fleet does not meet; inf if there are any, else 0."""
        if not broken:
            return 0.0
        excess = np.array([self._excess(need, y) for need in broken])
        worst = np.argsort(-excess, kind="stable")[:CUTS]
        slope = np.array([-self.stock.counts(broken[n].price, y) for n in worst])
        master.forbid(excess[worst], slope, y, [(self, broken[n]) for n in worst])
        return float(np.inf)

    def holds(self, gpu: np.ndarray) -> bool:
        """Whether a fleet (R,) meets all needs that are known."""
        return not any(self._is_short(need, gpu) for need in self.known)

    def broken(self, gpu: np.ndarray, most: float = np.inf) -> list[Need]:
        """Needs that a fleet does not meet; none where it serves every hour, or where that is not
        settled once so many hours were solved."""
        broken = [need for need in self.known if self._is_short(need, gpu)]
        if broken:
            return broken
        room = Room(self.stock.room(gpu), gpu, self.instance.sites)
        left = [self.routings.unserved(n, hours, room) for n, hours in enumerate(self.alike)]
        count, solved = 1, 0
        while solved < most and any(len(hours) for hours in left):
            steps = np.sort(np.concatenate([hours[:count] for hours in left]))
            solved += len(steps)
            broken = self._solve(steps, gpu)
            if broken:
                return broken
            left = [self.routings.unserved(n, hours[count:], room) for n, hours in enumerate(left)]
            count *= GROWTH
        return []

    def shortage(
        self, steps: np.ndarray, gpu: np.ndarray, share: np.ndarray | None = None
    ) -> Shortage:
        """The least shortage of some hours, in increasing order, at a fleet (R,), or with a share
        (R, H) of what it has."""
        share = np.ones((len(gpu), len(steps))) if share is None else share
        part, measure = self.shedding(steps)
        own = np.zeros(len(gpu), dtype=bool) if part.sites is None else part.sites.own
        held = np.where(own, gpu, self.stock.room(gpu))
        bought = np.where(own[:, None], part.surplus, 0.0) * share
        part = replace(part, capacity=held[:, None] * share, surplus=bought)
        if part.sites is not None:
            part = replace(part, sites=part.sites.with_held(gpu, part.capacity))
        solution = solve_hours(part, measure, solver=self.solver)
        flows = solution.flows
        gone = flows.where(~flows.served)
        short = np.bincount(gone.hour, self.lean[gone.source] * gone.value, len(steps))
        short = np.where(short > SHORT * self.load[steps], short, 0.0)
        price = solution.capacity_price
        if part.sites is not None:
            both = np.concatenate([price, -solution.duals[SHARED_SITE]])
            price = np.stack([self.stock.priced(each) for each in both.T], axis=1)
        return Shortage(short, price, flows, solution.duals)

    def _solve(self, steps: np.ndarray, gpu: np.ndarray) -> list[Need]:
        """Some hours for themselves: needs that are not met, or else routings with headroom.

        Where an hour is short of part of the accelerators, what proves it says of what it needs
        more.
        """
        for trial in range(TRIALS + 1):
            answer = self.shortage(steps, gpu, None if trial == TRIALS else self._part(steps, gpu))
            if self.apart:
                self.routings.keep(steps, self.alike_of[steps], answer.short == 0, answer.flows)
            short = np.flatnonzero(answer.short)
            if not len(short):
                return []
            broken = self._learn(answer.price[:, short].T, gpu)
            if broken:
                return broken
            steps = steps[short]
        return self._each(steps, answer, short, gpu)

    def of_short(self, steps: np.ndarray, gpu: np.ndarray) -> list[Need]:
        """Needs of some hours, in increasing order, that a fleet does not meet."""
        answer = self.shortage(steps, gpu)
        short = np.flatnonzero(answer.short)
        prices = answer.price[:, short].T
        broken = self._learn(prices, gpu) if len(short) else []
        return broken or self._each(steps[short], answer, short, gpu)

    def _each(
        self, steps: np.ndarray, answer: Shortage, short: np.ndarray, gpu: np.ndarray
    ) -> list[Need]:
        """Needs of hours that are short by a constraint beside capacity, those of `short` in an
        answer: each proves it for itself alone."""
        needs = []
        for step, h in zip(steps.tolist(), short.tolist(), strict=True):
            price = answer.price[:, h]
            beside = {name: dual[:, h] for name, dual in answer.duals.items() if name not in PRICED}
            needs.append(Need(price, answer.short[h] + self.stock.value(price, gpu), step, beside))
        return needs

    def shedding(self, steps: np.ndarray) -> tuple[Instance, Measure]:
        """The program of a shortage in some hours, at any fleet: all may go unserved, and the
        accelerator time of those that must be served is what that costs."""
        part = self.instance.at(steps, self.instance.scenario.at_hours(steps))
        measure = replace(zero(part), unit="GPU-h", per_unserved=self.lean)
        return replace(part, unserved_usd=self.lean), measure

    def _part(self, steps: np.ndarray, gpu: np.ndarray) -> np.ndarray:
        """The part of each region's accelerators that hours are solved with, (R, H)."""
        room = self.stock.room(gpu)
        total = max(float(room.sum()), _TINY)
        least = np.repeat(self.load[None, steps] / total, len(room), axis=0)
        if self.known:
            value = np.array([self.stock.value(need.price, gpu) for need in self.known])
            needed = np.array(self.use) @ self.instance.demand[:, steps]
            needed /= np.maximum(value, _TINY)[:, None]
            priced = np.array([need.price[: len(room)] > 0 for need in self.known])
            for r in range(len(room)):
                least[r] = np.maximum(least[r], needed[priced[:, r]].max(axis=0, initial=0.0))
        least = np.minimum(least, 1.0)
        return np.asarray(least + HEADROOM * (1.0 - least))

    def _learn(self, prices: np.ndarray, gpu: np.ndarray) -> list[Need]:
        """Keep prices (P, R), each with the hour that needs most at them; returns the needs that a
        fleet does not meet."""
        needs = []
        for price in np.unique(np.round(prices[prices.any(axis=1)], 12), axis=0):
            use = self.use_at(price)
            needs.append(self.most_at(price, use))
            self.use.append(use)
        self.known += needs
        return [need for need in needs if self._is_short(need, gpu)]

    def use_at(self, price: np.ndarray) -> np.ndarray:
        """What a request of each source needs at prices (R + J,), (S,)."""
        held = price[: len(self.site)]
        there = np.where(self.instance.allowed.any(axis=2), self.least * held, np.inf)
        return np.asarray(np.minimum(self.lean, there.min(axis=1, initial=np.inf)))

    def pays_at(self, price: np.ndarray, degraded: np.ndarray) -> np.ndarray:
        """What a request of each source that must be served needs at prices (R + J,) and, where
        caps are dealt out to hours, of degraded requests (J',), whatever its size; (S,).
        """
        paid = self.instance.gpu_h[:, None, :] * price[None, : len(self.site), None]
        for each, usd in zip(dealt_out(self.instance), degraded.tolist(), strict=False):
            if usd > 0:
                paid = paid + usd * each.degraded[:, None, :]
        least = np.where(self.instance.allowed, paid, np.inf).min(axis=(1, 2), initial=np.inf)
        return np.asarray(np.where((self.lean > 0) & np.isfinite(least), least, 0.0))

    def most_at(self, price: np.ndarray, use: np.ndarray) -> Need:
        """The hour that needs most at prices of accelerators."""
        needed = use @ self.instance.demand[:, self.asked]
        most = int(needed.argmax())
        return Need(price, float(needed[most]), int(self.asked[most]))

    def _is_short(self, need: Need, gpu: np.ndarray) -> bool:
        return bool(self._excess(need, gpu) > SHORT * self.load[need.step])

    def _excess(self, need: Need, gpu: np.ndarray) -> float:
        """GPU-h by which what a fleet has is below a need."""
        return need.gpu_h - self.stock.value(need.price, gpu)
