"""Accelerators and waiting together: cutting planes over the fleet and over what runs when.

Given K and z the hours fall apart. Each tells what it costs, and by its duals what one accelerator
or one request more would change; an hour that cannot serve tells what it needs. A master of all
that gives the next K and z (`waiting_master`), asked between the best so far and its own point
(`search`). Where regions may be lost the same z must be served without them: what hours then need
are rows like those of hours in which nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from wattlas.model.fleet import NeedPrice
from wattlas.placement.constraints.shared_site import NAME as SHARED_SITE
from wattlas.placement.fleet.dealt import Dealt
from wattlas.placement.fleet.hours import DEAR, FleetHours, Sized
from wattlas.placement.fleet.needs import CUTS, Needs
from wattlas.placement.fleet.outage import Lost
from wattlas.placement.fleet.search import search
from wattlas.placement.fleet.size import groups_of, least_units
from wattlas.placement.fleet.terms import FleetTerms
from wattlas.placement.fleet.waiting_lines import Lines, Priced
from wattlas.placement.fleet.waiting_master import WaitingMaster
from wattlas.placement.fleet.waiting_program import Joint
from wattlas.placement.hour.elastic import priced
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.queue import Queue
from wattlas.placement.window.queue_search import QueueHours

SHARES = "degraded_share"
"""The constraint of caps over single hours, and of those that are dealt out to hours."""
LARGEST = 40_000
"""Columns of the master up to which it is tried: a month of the embedded world has 28,000."""
EXACT = 1e-3
"""Relative gap, of the cost without reserved rent, at which it ends."""
ROUNDS = 40
"""Rounds until it ends with the gap that it has. A month of the embedded world takes about ten."""
MOST_NEEDS = 24
"""So many hours that are short say what they need, those that are short of most."""
SAME, TINY = 1e-9, 1e-6
"""Prices that differ by less are the same; and what hours cost at least, in the rent, when the
master is scaled."""
LIFT = 1e-6
"""A fleet is made larger by this part at most where it misses what is known to be needed: rounding
of the master."""


def too_large(queue: Queue, regions: int, caps: int = 0) -> bool:
    """Whether the master would have too many columns, with so many rows of caps in each hour."""
    hours = queue.arrived.shape[1]
    return bool(regions + 2 * queue.arrived.size + (1 + caps) * hours > LARGEST)


class JointHours:
    """The oracle: what hours cost at a fleet where so much runs in them, and what they need."""

    def __init__(
        self, terms: FleetTerms, instance: Instance, queue: Queue, dealt: Dealt | None = None,
        before: JointHours | None = None,
    ) -> None:  # fmt: skip
        """`terms` are those of the instance. `dealt` are its caps over windows. `before` are the
        same hours at other prices of energy: they need the same."""
        self.dealt = Dealt.none(instance) if dealt is None else dealt
        instance = self.dealt.within(instance, self.dealt.evenly(instance))
        self.terms, self.instance, self.queue = terms, instance, queue
        group = groups_of(terms)
        load = instance.leanest_gpu_h @ instance.demand
        every = np.lexsort((load, group))
        self.hours = FleetHours(
            instance, terms.measure, terms.site, every, group, np.ones(len(load))
        )
        self.prices = QueueHours(instance, queue, terms.measure)
        self.needs = Needs(instance, terms.site)
        self.master: WaitingMaster | None = None
        self.duals: list[dict[str, np.ndarray]] = []
        """Of every question, those of each constraint, (J, T)."""
        self.priced: Sequence[Priced] = ()
        if before is not None:
            self.hours.memory, self.hours.solved_at = before.hours.memory, before.hours.solved_at
            self.priced = () if before.master is None else before.master.priced

    def least(
        self,
        gpu: np.ndarray,
        ran: np.ndarray,
        prices: Sequence[NeedPrice] = (),
        lost: Sequence[Lost] = (),
        exact: float = EXACT,
        most: np.ndarray | None = None,
    ) -> Joint | None:
        """Fleet and waiting to a gap of `exact`, from a fleet (R,) and rates (N, T) on, such as
        levelled work and what is sized for it, with parts (J, T) of caps, those of what asks unless
        given; None where these do not serve. `prices` prove what that work needs, also where
        regions are `lost`. What is known of fleets that need survive less is kept from one search
        to the next.
        """
        if most is None:
            most = self.dealt.evenly(self.queue.running(self.instance, ran))
        first = self.at(gpu, ran, most)
        variable, rent = float(first.value.sum()), float(self.terms.rent_usd @ gpu)
        size = max(abs(variable), TINY * abs(rent)) / len(first.value)
        if self.master is None:
            self.master = WaitingMaster(
                self.terms, self.instance, self.queue, self.dealt, self._floor(), size
            )
            for each in self.priced:
                self.master.forbid(each.needs, each.price, each.degraded, each.use, gpu)
        master = self.master
        self._begin(master, prices, lost, gpu)
        best = search(
            lambda y: self._ask(y, master, lost),
            master,
            [np.concatenate([gpu, ran.ravel(), most.ravel()])],
            exact=exact * abs(variable) / max(abs(variable + rent), 1e-300),
            rounds=ROUNDS,
        )
        if not np.isfinite(best.value):
            return None
        gpu, ran, most = master.split(best.y)
        duals, needs, caps = self._paid(master, best.weight)
        sites = master.site_prices(best.weight)
        return Joint(gpu, ran, best.bound, duals, needs, caps, most, sites)

    def _begin(
        self,
        master: WaitingMaster,
        prices: Sequence[NeedPrice],
        lost: Sequence[Lost],
        gpu: np.ndarray,
    ) -> None:
        """What levelled work is known to need at a fleet (R,)."""
        for price in prices:
            both = np.concatenate([price.price, price.sites])
            if not price.lost:
                self._forbid(master, both, gpu)
            for each in lost:
                if self._ids(each.regions) == price.lost:
                    self._forbid(master, both, gpu, each)

    def _ids(self, regions: np.ndarray) -> tuple[str, ...]:
        return tuple(self.instance.scenario.regions[r].id for r in regions)

    def _paid(
        self, master: WaitingMaster, weight: np.ndarray
    ) -> tuple[dict[str, np.ndarray], tuple[NeedPrice, ...], np.ndarray]:
        """The prices of a bound: duals of every constraint of an hour (J, T); what it pays for
        needs in outages; and the prices (W,) of caps over windows. What hours need where nothing
        is lost is a part of their prices of accelerators and of degraded requests."""
        duals, hours = master.mean(weight, self.duals), self.instance.hours
        count = self.dealt.shape[0]
        rows = duals.pop(SHARES, np.zeros((count, len(hours))))
        own = len(rows) - count
        worth = -np.minimum(rows[own:], 0.0) * hours
        capacity, needs = duals["capacity"], []
        regions = len(capacity)
        for each, usd in master.needs(weight):
            held, sites = each.price[:regions], each.price[regions:]
            if len(each.needs.lost):
                ids = self._ids(each.needs.lost)
                needs.append(NeedPrice(ids, held, float(usd.sum()), usd, sites))
            else:
                capacity = np.minimum(capacity, 0.0) - held[:, None] * usd / hours
                worth = worth + each.degraded[:, None] * usd
                if len(sites):
                    duals[SHARED_SITE] = duals[SHARED_SITE] - sites[:, None] * usd / hours
        duals["capacity"] = capacity
        if own:
            duals[SHARES] = rows[:own]
        return duals, tuple(needs), self.dealt.prices(worth)

    def _floor(self) -> np.ndarray:
        """Below what any hour costs, (T,): what waits counts where it would save."""
        queue, unit = self.queue, least_units(self.terms)
        most = queue.most_asked(self.instance)
        unit[queue.source] = np.minimum(unit[queue.source], 0.0)
        return np.asarray((unit * most).sum(axis=0) * self.instance.hours)

    def at(self, gpu: np.ndarray, ran: np.ndarray, most: np.ndarray) -> Sized:
        """All hours at a fleet (R,) and rates (N, T) where so many (J, T) may be degraded, from the
        bases of the last."""
        self.hours.instance = self.dealt.within(self.queue.running(self.instance, ran), most)
        return self.hours.now_at(gpu)

    def _ask(
        self, y: np.ndarray, master: WaitingMaster, lost: Sequence[Lost]
    ) -> tuple[float, np.ndarray]:
        """(The whole cost, inf where an hour is short; the point); the master learns."""
        gpu, ran, most = master.split(y)
        over = max((part for _, _, part in master.missed(gpu, ran, most)), default=0.0)
        if over <= LIFT:
            gpu = np.minimum(gpu * (1.0 + over), np.maximum(self.terms.upper, gpu))
        sized = self.at(gpu, ran, most)
        price, short = self._prices(sized), np.flatnonzero(sized.short)
        saved = self._saved(sized)
        constant = sized.value - (price * ran).sum(axis=0) - gpu @ sized.slope
        constant -= (saved * most).sum(axis=0)
        every = np.arange(len(constant))
        own = np.ones(len(every), dtype=bool)
        why = np.full(len(every), len(self.duals))
        self.duals.append(sized.duals)
        master.learn(Lines(every, own, why, constant, price.T, sized.slope.T, saved.T))
        if len(short):
            answer = Needs(self.hours.instance, self.terms.site).shortage(short, gpu)
            degraded = -np.minimum(self._dealt_of(answer.duals, len(short)), 0.0)
            for n in np.argsort(-answer.short, kind="stable")[:MOST_NEEDS]:
                self._forbid(master, answer.price[:, n], gpu, None, degraded[:, n])
        value = float(self.terms.rent_usd @ gpu + sized.value.sum())
        broken = [self._lost(master, each, gpu) for each in lost]
        served = not len(short) and not any(broken)
        return value if served else np.inf, np.concatenate([gpu, ran.ravel(), most.ravel()])

    def _lost(self, master: WaitingMaster, lost: Lost, gpu: np.ndarray) -> bool:
        """Whether what runs cannot be served without some regions; the master learns what it
        needs."""
        needs = lost.needs.asking(self.hours.instance.demand[lost.sources])
        broken = needs.broken(gpu)
        lost.needs.use, lost.needs.known = needs.use, needs.known
        for need in sorted(
            broken, key=lambda need: needs.stock.value(need.price, gpu) - need.gpu_h
        )[:CUTS]:
            self._forbid(master, need.price, gpu, lost)
        return bool(broken)

    def _prices(self, sized: Sized) -> np.ndarray:
        """What one more request costs, hours counted, (N, T). An hour that is short sheds it."""
        shed = priced(self.instance, self.terms.measure, DEAR)
        with_shed = self.prices.price(sized.duals, shed)
        without = self.prices.price(sized.duals, self.terms.measure)
        return np.where(sized.short > 0, with_shed, without)

    def _saved(self, sized: Sized) -> np.ndarray:
        """What one more degraded request a rate changes, ≤ 0, hours counted, (J, T)."""
        duals = self._dealt_of(sized.duals, len(sized.value))
        return np.asarray(np.minimum(duals, 0.0) * self.instance.hours)

    def _dealt_of(self, duals: Mapping[str, np.ndarray], steps: int) -> np.ndarray:
        """Of the duals of hours those of caps that are dealt out to them, (J, steps)."""
        rows = duals.get(SHARES, np.zeros((0, steps)))
        count = self.dealt.shape[0]
        return rows[len(rows) - count :] if len(rows) >= count else np.zeros((count, steps))

    def _forbid(
        self, master: WaitingMaster, price: np.ndarray, gpu: np.ndarray, lost: Lost | None = None,
        degraded: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        """Prices (R + J') of accelerators and of what sites take, and (J,) of degraded requests,
        become needs, once, of all hours or without some regions."""
        needs = self.needs if lost is None else lost.needs
        size = max(float(price.max(initial=0.0)), 1e-300)
        none = np.zeros(self.dealt.shape[0])
        scaled, few = price / size, none if degraded is None else degraded / size
        known = any(
            np.array_equal(each.needs.lost, needs.lost)
            and np.abs(scaled - each.price).max() < SAME
            and np.abs(few - each.degraded).max(initial=0.0) < SAME
            for each in master.priced
        )
        if scaled.any() and not known:
            use = np.zeros(self.instance.sources)
            use[slice(None) if lost is None else lost.sources] = needs.pays_at(scaled, few)
            master.forbid(needs, scaled, few, use, gpu)
