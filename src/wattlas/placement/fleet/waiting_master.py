"""The master of fleets whose requests may wait: what is known of accelerators and waiting together.

    min  f·K + Σ_t θ_t       lower ≤ K ≤ upper,   0 ≤ z,   low ≤ Σ_{τ≤t} z_τ ≤ high,
                             0 ≤ b,   Σ_{t in w} h_t·b_t ≤ cap_w     caps of tiers over windows
                             θ_t ≥ v + λ·(z_t − z₀) + μ·(K − K₀) + ν·(b_t − b₀)   what hours cost
                             u·z_t + rest_t ≤ π·(K + o) + ρ·b_t      what hours need, at prices π, ρ
                             level(π) ≤ π·(K + o)                    what the densest stretch needs
                             Σ a·K ≤ most                            what sites take of all kinds

What is needed is what makes it fast. Where rent is most of the cost a fleet is full to the last
request for hours on end, and what hours cost is then steep beyond any price; as rows of their own
these needs cost the search nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from wattlas.errors import InfeasibleError, SolverError
from wattlas.model.plan import Status
from wattlas.placement.fleet.dealt import Dealt
from wattlas.placement.fleet.levelled import stretch
from wattlas.placement.fleet.master import Lowest
from wattlas.placement.fleet.needs import Needs
from wattlas.placement.fleet.terms import FleetTerms
from wattlas.placement.fleet.waiting_lines import Lines, Priced
from wattlas.placement.hour import highs
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.queue import Queue

BROKEN = 1e-9
"""A need that the master's point misses by more than this part becomes a row."""
MOST_TRIES = 20
"""So often the master is solved with further needs, until it is asked for its point as it is."""
DEVEX = 1
"""HiGHS's number for approximate weights of edges in the dual simplex method."""
NONE_SERVES = (
    "No fleet within the bounds serves the demand within the caps of tiers, with the outages that "
    "are asked for. Raise reserved_gpu_max, capacity_max or on_demand_gpu of the regions that it "
    "can reach, a tier's share_max, or lose fewer regions."
)
FULL = 100.0
"""Accelerators and what an hour costs are of this order in HiGHS, whose tolerances are absolute."""


def _new_solver() -> Any:
    """HiGHS for a program that gets rows at its optimum. Exact weights of edges would be computed
    anew each time, and perturbed costs taken back: together two fifths of the time of a fortnight.
    """
    solver = highs.new_solver()
    solver.setOptionValue("simplex_dual_edge_weight_strategy", DEVEX)
    solver.setOptionValue("dual_simplex_cost_perturbation_multiplier", 0.0)
    return solver


class WaitingMaster:
    """What is learnt of fleets (R,), of what runs when, (N, T), and of how many may be degraded in
    each hour, (J, T), hot from one to the next.

    A point is these one after the other, in one row, (R + N·T + J·T,). `floor` (T,) is below what
    any hour costs, and `size_usd` what an hour costs about.
    """

    def __init__(
        self, terms: FleetTerms, instance: Instance, queue: Queue, dealt: Dealt, floor: np.ndarray,
        size_usd: float,
    ) -> None:  # fmt: skip
        self.terms, self.instance, self.queue, self.floor = terms, instance, queue, floor
        self.dealt = dealt
        self.sources, self.hours = queue.arrived.shape
        self.regions = len(terms.site)
        self.rest = instance.demand.copy()
        """What does not wait, (S, T)."""
        self.rest[queue.source] = 0.0
        self.priced: list[Priced] = []
        self.known: set[tuple[int, int]] = set()
        """Which prices are rows of which hours."""
        self.lines: list[Lines] = []
        self.size = np.zeros(0)
        """What each of their rows is scaled by."""
        self.unit_gpu = max(float(terms.upper.max(initial=0.0)), 1e-9) / FULL
        self.unit_usd = max(size_usd, 1e-300) / FULL
        self.unit_run = np.maximum(queue.arrived.max(axis=1, initial=0.0), 1e-300)
        even = dealt.evenly(instance).max(initial=0.0) if len(dealt.cap) else 0.0
        self.unit_cap = max(float(even), 1e-300)
        self.solver: Any = _new_solver()
        self._columns()
        self._sites()

    def _columns(self) -> None:
        """K, z, the sums of z up to each hour, θ, b; the rows that tie sums to rates, and caps."""
        terms, queue, solver = self.terms, self.queue, self.solver
        count, unit = queue.arrived.size, self.unit_run[:, None]
        solver.addVars(self.regions, terms.lower / self.unit_gpu, terms.upper / self.unit_gpu)
        solver.addVars(count, np.zeros(count), np.full(count, np.inf))
        solver.addVars(count, (queue.low / unit).ravel(), (queue.high / unit).ravel())
        solver.addVars(self.hours, self.floor / self.unit_usd, np.full(self.hours, np.inf))
        total = self.regions + 2 * count + self.hours
        price = np.zeros(total)
        price[: self.regions] = terms.rent_usd * self.unit_gpu / self.unit_usd
        price[total - self.hours :] = 1.0
        solver.changeColsCost(total, np.arange(total, dtype=np.int32), price)
        run = self.regions + np.arange(count)
        index = np.stack([run, run + count, run + count - 1], axis=1)
        value = np.tile([1.0, -1.0, 1.0], (count, 1))
        kept = np.ones(index.shape, dtype=bool)
        kept[:: self.hours, 2] = False  # before the first hour nothing has run
        start = np.concatenate([[0], np.cumsum(kept.sum(axis=1))[:-1]])
        if count:
            self._put(np.zeros(count), np.zeros(count), start, index[kept], value[kept])
        dealt, size = self.dealt, self.dealt.window.size
        if size:
            solver.addVars(size, np.zeros(size), np.full(size, np.inf))
            order = np.argsort(dealt.window.ravel(), kind="stable")
            many = np.bincount(dealt.window.ravel(), minlength=len(dealt.cap))
            span = np.broadcast_to(dealt.hours, dealt.shape).ravel()[order] * self.unit_cap
            most = np.maximum(dealt.cap, 1e-300)[dealt.window.ravel()[order]]
            # Each row as a share of its cap: one of nothing allows nothing.
            high = np.where(dealt.cap > 0, 1.0, 0.0)
            value = np.where(dealt.cap[dealt.window.ravel()[order]] > 0, span / most, 1.0)
            start = np.concatenate([[0], np.cumsum(many)[:-1]])
            self._put(np.full(len(many), -np.inf), high, start, total + order, value)

    def _sites(self) -> None:
        """What sites take of several kinds together, the first rows that are kept."""
        rows = self.terms.rows
        count = len(rows)
        if not count:
            return
        per_gpu, most = np.stack([row.per_gpu for row in rows]), np.array([r.most for r in rows])
        nothing, none = np.zeros((count, self.sources)), np.full(count, -1)
        cap = np.zeros((count, self.dealt.shape[0]))
        self.learn(Lines(none, np.zeros(count, dtype=bool), none, -most, nothing, per_gpu, cap))

    def site_prices(self, weight: np.ndarray) -> np.ndarray:
        """What one more accelerator, or kW, of each site of several kinds is worth by the weights
        of a bound, USD."""
        return weight[: len(self.terms.rows)]

    def _put(
        self, low: np.ndarray, high: np.ndarray, start: np.ndarray, index: np.ndarray,
        value: np.ndarray,
    ) -> None:  # fmt: skip
        added = self.solver.addRows(
            len(low), low, high, len(index), start.astype(np.int32), index.astype(np.int32), value
        )
        if not highs.accepted(added):
            raise SolverError("what an hour costs changes too steeply with the fleet for HiGHS")

    def split(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(The fleet (R,), the rates (N, T), how many may be degraded (J, T)) of a point."""
        gpu, ran, most = np.split(y, [self.regions, self.regions + self.sources * self.hours])
        return gpu, ran.reshape(self.sources, self.hours), most.reshape(self.dealt.shape)

    def learn(self, lines: Lines) -> None:
        """Keep rows; each is scaled so that its largest coefficient is 1."""
        said = np.isfinite(lines.constant) & np.isfinite(lines.wait).all(axis=1)
        said &= np.isfinite(lines.gpu).all(axis=1)
        lines = Lines(*(getattr(lines, name)[said] for name in Lines.__dataclass_fields__))
        rows, count = len(lines.hour), self.queue.arrived.size
        if not rows:
            return
        wait, gpu = -lines.wait * self.unit_run, -lines.gpu * self.unit_gpu
        own, cap = lines.own * self.unit_usd, -lines.cap * self.unit_cap
        size = np.maximum(np.abs(wait).max(axis=1, initial=0.0), np.abs(gpu).max(axis=1))
        size = np.maximum(size, np.abs(cap).max(axis=1, initial=0.0))
        size = 1.0 / np.maximum(np.maximum(size, own), 1e-300)
        dense = np.concatenate([gpu, wait, own[:, None], cap], axis=1) * size[:, None]
        hour = np.maximum(lines.hour, 0)[:, None]
        run = self.regions + np.arange(self.sources) * self.hours + hour
        every = np.broadcast_to(np.arange(self.regions), (rows, self.regions))
        base = self.regions + 2 * count + hour
        dealt = base + self.hours * (1 + np.arange(self.dealt.shape[0]))
        column = np.concatenate([every, run, base, dealt], axis=1)
        on = dense != 0
        start = np.concatenate([[0], np.cumsum(on.sum(axis=1))[:-1]])
        low = lines.constant * size
        self._put(low, np.full(rows, np.inf), start, column[on], dense[on])
        self.lines.append(lines)
        self.size = np.concatenate([self.size, size])

    def forbid(
        self, needs: Needs, price: np.ndarray, degraded: np.ndarray, use: np.ndarray,
        gpu: np.ndarray,
    ) -> None:  # fmt: skip
        """Prices (R,) of accelerators, and (J,) of degraded requests, at which a fleet (R,) may be
        too small, and what a request of each source needs at them, (S,): what the densest stretch
        needs becomes a row, and hours become rows where the master's point breaks them."""
        dense = stretch(self.instance, self.queue, use)
        priced = Priced(needs, price, degraded, use, dense.first, dense.after)
        self.priced.append(priced)
        if degraded.any():
            return
        counts, least = self._counts(priced, gpu)
        none, why = np.zeros((1, self.sources)), np.array([len(self.priced) - 1])
        self.learn(Lines(np.array([-1]), np.array([False]), why, np.array([dense.level - least]),
                         none, -counts[None], -degraded[None]))  # fmt: skip

    def needs(self, weight: np.ndarray) -> Iterator[tuple[Priced, np.ndarray]]:
        """(Prices, what their needs are paid in each hour, (T,)) by the weights of a bound. That of
        the densest stretch is the mean of those of its hours."""
        lines = Lines.together(self.lines)
        weight = np.pad(weight, (0, len(lines.hour) - len(weight)))
        for n, priced in enumerate(self.priced):
            mine = (lines.why == n) & ~lines.own & (weight > 0)
            timed = mine & (lines.hour >= 0)
            usd = np.zeros(self.hours)
            np.add.at(usd, lines.hour[timed], weight[timed])
            whole = float(weight[mine & (lines.hour < 0)].sum())
            usd[priced.first : priced.after] += whole / max(priced.after - priced.first, 1)
            if usd.any():
                yield priced, usd

    def mean(
        self, weight: np.ndarray, prices: list[dict[str, np.ndarray]]
    ) -> dict[str, np.ndarray]:
        """The mean of the duals (J, T) of every question, by constraint, by the weights of a
        bound."""
        lines = Lines.together(self.lines)
        weight = np.pad(weight, (0, len(lines.hour) - len(weight)))
        own = lines.own & (weight > 0)
        share = np.zeros((len(prices), self.hours))
        np.add.at(share, (lines.why[own], lines.hour[own]), weight[own])
        return {
            name: np.einsum("kt,kjt->jt", share, np.stack([duals[name] for duals in prices]))
            for name in (prices[0] if prices else ())
        }

    def _counts(self, priced: Priced, gpu: np.ndarray) -> tuple[np.ndarray, float]:
        """(counts (R,), least): a fleet K has at most counts·K + least at the prices."""
        counts = priced.needs.stock.counts(priced.price, gpu)
        return counts, priced.room(gpu) - float(counts @ gpu)

    def missed(
        self, gpu: np.ndarray, ran: np.ndarray, most: np.ndarray
    ) -> Iterator[tuple[int, np.ndarray, float]]:
        """(Prices, the hours that need more at them than a fleet has, by what part at most)."""
        for n, priced in enumerate(self.priced):
            room = priced.room(gpu) + priced.degraded @ most
            needed = priced.use @ self.rest + priced.use[self.queue.source] @ ran
            over = np.flatnonzero(needed > room * (1.0 + BROKEN))
            if len(over):
                own = needed - priced.degraded @ most
                yield n, over, float(own.max() / max(priced.room(gpu), 1e-300) - 1.0)

    def _rows_of(self, n: int, hours: np.ndarray, gpu: np.ndarray) -> None:
        priced = self.priced[n]
        hours = np.array([t for t in hours.tolist() if (n, t) not in self.known], dtype=int)
        self.known.update((n, t) for t in hours.tolist())
        counts, least = self._counts(priced, gpu)
        use = np.tile(priced.use[self.queue.source], (len(hours), 1))
        constant = priced.use @ self.rest[:, hours] - least
        none, why = np.zeros(len(hours), dtype=bool), np.full(len(hours), n)
        degraded = np.tile(-priced.degraded, (len(hours), 1))
        gpus = np.tile(-counts, (len(hours), 1))
        self.learn(Lines(hours, none, why, constant, use, gpus, degraded))

    def lowest(self) -> Lowest:
        """Where the cost is least by what is known, and the bound that this proves.

        Raises SolverError where HiGHS finds no answer.
        """
        for _ in range(MOST_TRIES):
            answer = highs.run_safely(self.solver)
            if answer.status is Status.INFEASIBLE:
                raise InfeasibleError(NONE_SERVES)
            if answer.status is not Status.OPTIMAL:
                raise SolverError("HiGHS finds no fleet for requests that may wait")
            gpu = np.clip(answer.x[: self.regions] * self.unit_gpu, *self._box)
            count = self.queue.arrived.size
            run = answer.x[self.regions : self.regions + count].reshape(-1, self.hours)
            ran, rows = self.queue.within(run * self.unit_run[:, None]), len(self.known)
            theta = self.regions + 2 * count + self.hours
            most = self.dealt.fit(answer.x[theta:].reshape(self.dealt.shape) * self.unit_cap)
            for n, hours, _over in self.missed(gpu, ran, most):
                self._rows_of(n, hours, gpu)
            if len(self.known) == rows:
                break
        caps = len(self.dealt.cap) if self.dealt.window.size else 0
        bound, reduced, weight = self._bound(answer.dual[count + caps :])
        return Lowest(np.concatenate([gpu, ran.ravel(), most.ravel()]), bound, reduced, weight)

    @property
    def _box(self) -> tuple[np.ndarray, np.ndarray]:
        return self.terms.lower, self.terms.upper

    def _bound(self, dual: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """By weak duality: weighted rows; each request at the least weighted price within its
        patience; a cap where its weights save most; accelerators within their bounds at what their
        rent is beyond the weights."""
        spare, price = np.ones(self.hours), np.zeros(self.queue.arrived.shape)
        rent, constant, weight = self.terms.rent_usd.copy(), 0.0, np.zeros(0)
        if self.lines:
            lines = Lines.together(self.lines)
            weight = np.zeros(len(lines.hour))
            used = min(len(dual), len(weight))
            weight[:used] = np.maximum(dual[:used], 0.0) * self.size[:used] * self.unit_usd
            own = lines.own
            total = np.bincount(lines.hour[own], weight[own], self.hours)
            weight[own] /= np.maximum(total, 1.0)[lines.hour[own]]
            spare = np.maximum(1.0 - total, 0.0)
            on = weight > 0
            constant = float(weight @ lines.constant)
            rent = rent + weight @ lines.gpu
            timed = on & (lines.hour >= 0)
            np.add.at(price.T, lines.hour[timed], weight[timed, None] * lines.wait[timed])
            worth = np.zeros(self.dealt.shape)
            np.add.at(worth.T, lines.hour[timed], -weight[timed, None] * lines.cap[timed])
            constant -= float(self.dealt.prices(np.maximum(worth, 0.0)) @ self.dealt.cap)
        paid = float((self.queue.least(price) * self.queue.arrived).sum())
        held = float(rent @ np.where(rent > 0, self.terms.lower, self.terms.upper))
        return constant + paid + held + float(spare @ self.floor), rent, weight
