"""The fleet of least cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.fleet import FleetCost, FleetPrices, NeedPrice
from wattlas.placement.fleet.hours import FleetHours, groups_by_load, with_fleet
from wattlas.placement.fleet.master import CutMaster, Cuts
from wattlas.placement.fleet.needs import Needs
from wattlas.placement.fleet.search import Footing, Least, Separator, Together, least
from wattlas.placement.fleet.served import ServedHours, Sounding
from wattlas.placement.fleet.sites import SiteRow, SiteRows, same
from wattlas.placement.fleet.terms import FleetTerms
from wattlas.placement.hour.dispatch import solve_hours

Tick = Callable[[Least], None]

EXACT = 1e-6
"""Relative gap of a fleet: rent is nearly all of its cost, so that 1e-4 would be a hundredth of
energy and egress."""
BANDS = 16
"""Hours of a UTC hour of the day are told apart by this many bands of load; each has its cuts."""
EACH = 2
"""The search begins with so many hours of each group. With one, the fleet found for them is too far
off for all hours; with three the sample takes longer than it spares."""
BESIDE = 1
"""The same where a fleet and its cuts are known of a neighbour. At seven reaches of a year, to
1e-4, no better fleet than the one found for these was then found for all hours."""
ROUGH = 1e-5
"""Relative gap at which it goes on to all hours. At 1e-4, all hours take twice as many rounds."""
ROUGH_PART = 0.25
"""Where a wider gap is asked for in the end, that gap times this."""
SAMPLED = 1500
"""From so many hours on it begins with a sample."""
APART, FIRST = 4, 1e-4
"""Where accelerators can be had by the hour, one of an hour of every fourth group comes before that
sample, to this gap: what is far off costs an eighth there. For a year both take 3.0 CPU s instead
of 6.0. From reserved ones alone the sample is short already."""
GOLDEN = 0.381966
"""Multiples of it fill the unit interval evenly."""


@dataclass(frozen=True)
class Learnt:
    """What a search leaves for others like it: the best `usable` accelerators (R,), what they cost,
    the `bound` below which no fleet costs, the `cuts` that prove it, and their hours' `group` (T,).
    """

    usable: np.ndarray
    cost: FleetCost
    bound: float
    cuts: Cuts
    group: np.ndarray


@dataclass
class Sizing:
    """A search for fleets: hours, their groups, what is below their cost, and the master."""

    terms: FleetTerms
    group: np.ndarray
    floor: np.ndarray
    master: CutMaster

    @staticmethod
    def of(terms: FleetTerms, group: np.ndarray | None = None) -> Sizing:
        """A search that knows nothing yet."""
        group = groups_of(terms) if group is None else group
        floor = least_by_hour(terms)
        return Sizing(terms, group, floor, _master(terms, group, floor))

    @property
    def forbid(self) -> list[Separator]:
        """What says that a fleet is not possible: sites, and some of the hours that it serves."""
        rows = self.terms.rows
        return [*([SiteRows(rows)] if rows else []), Sounding(self.needs)]

    @cached_property
    def needs(self) -> Needs:
        """Whether a fleet serves all hours, as a separator."""
        return Needs(self.terms.instance, self.terms.site)

    @cached_property
    def hours(self) -> FleetHours:
        """All hours, as a separator, hot from one search to the next."""
        terms = self.terms
        # Hours that are alike follow each other: each is solved from the basis of the one before.
        load = terms.instance.leanest_gpu_h @ terms.instance.demand
        every = np.lexsort((load, self.group))
        all_of_them = np.ones(len(load))
        return FleetHours(terms.instance, terms.measure, terms.site, every, self.group, all_of_them)

    def roughly(self, start: np.ndarray, tick: Tick) -> np.ndarray:
        """A fleet for a sample of the hours; the master learns what is true of all.

        The bound of the sample rests on few cuts, one for nearly every group. All hours of a group
        are asked where its cut was learnt, so that the master of all hours begins with a bound
        nearly as good.
        """
        if self.terms.instance.surplus.any():
            start = self._sampled(*sample(self.group, 1, APART), start, FIRST, tick)[0].y
        rough, master = self._sampled(*sample(self.group), start, ROUGH, tick)
        cuts = master.binding()
        self.master.take(cuts.where(np.flatnonzero(cuts.group < 0)))
        own = cuts.where(np.flatnonzero(cuts.group >= 0))
        points, of_point = np.unique(own.point, axis=0, return_inverse=True)
        for n, point in enumerate(points):
            self.hours.ask_groups(point, own.group[of_point.ravel() == n], self.master)
        return rough.y

    def beside(
        self, start: np.ndarray, known: Cuts | None, exact: float
    ) -> tuple[np.ndarray, Cuts]:
        """A fleet for a sample of the hours, and the cuts of that sample; `known` are those of the
        same sample in a program whose fleets cost no more, `exact` is the gap that is asked for of
        all hours. Their master learns what is not possible.
        """
        steps, weight = sample(self.group, BESIDE)
        gap = max(ROUGH, ROUGH_PART * exact)
        rough, master = self._sampled(steps, weight, start, gap, lambda _: None, known)
        cuts = master.binding(rough.y)
        self.master.take(cuts.where(np.flatnonzero(cuts.group < 0)))
        return rough.y, cuts

    def _sampled(
        self, steps: np.ndarray, weight: np.ndarray, start: np.ndarray, exact: float, tick: Tick,
        known: Cuts | None = None,
    ) -> tuple[Least, CutMaster]:  # fmt: skip
        """The fleet for a sample of the hours, and what was learnt of them."""
        part = self.hours.of_some(steps, weight)
        master = _master(self.terms, self.group, weight * self.floor)
        if known is not None:
            master.take(known)
        best = self._settled(part, master, start, exact, tick)
        return best, master

    def _settled(
        self, part: FleetHours, master: CutMaster, start: np.ndarray, exact: float, tick: Tick
    ) -> Least:
        """The fleet for a sample that serves all hours: found for some, and then asked of all."""
        inside = within_sites(self.terms, self.terms.upper)
        cost, footing = ServedHours(part, self.needs), Footing(inside, self.needs.holds)
        some = least(
            Together(cost, self.forbid), master, [start], exact=exact, tick=tick, footing=footing
        )
        if np.isfinite(self.needs.ask(some.y, master)):
            return some
        every = Together(cost, [*self.forbid, self.needs])
        return least(every, master, [some.y], exact=exact, tick=tick, footing=footing)

    def prices(self, best: Least, usd_per_t: float) -> FleetPrices:
        """The prices that the bound of a search rests on."""
        cuts, weight = self.master.weighed(best.weight)
        ids = [region.id for region in self.terms.instance.scenario.regions]
        forbidding, rows = np.flatnonzero(cuts.group < 0), self.terms.rows
        told = [*zip(cuts.why[forbidding], weight[forbidding].tolist(), strict=True)]
        needs = tuple(
            NeedPrice(
                tuple(ids[r] for r in why[0].lost),
                why[1].price[: len(ids)],
                usd,
                sites=why[1].price[len(ids) :],
                step=why[1].step if why[1].beside else None,
                beside=why[1].beside,
            )
            for why, usd in told
            if not isinstance(why, SiteRow)
        )
        sites = tuple(sum(usd for why, usd in told if same(why, row)) for row in rows)
        return FleetPrices(self.hours.prices(cuts, weight), needs, usd_per_t, sites=sites)

    def learnt(self, best: Least, cost: FleetCost) -> Learnt:
        """What others may begin with."""
        cuts = self.master.binding(best.y)
        return Learnt(best.y, cost, best.bound, cuts, self.group)

    def nominal(self, exact: float = EXACT, tick: Tick = lambda _: None) -> Least:
        """The fleet for all hours, to a relative gap: `y` (R,), usable accelerators."""
        terms = self.terms
        start = np.clip(first_guess(terms), terms.lower, terms.upper)
        if len(self.group) >= SAMPLED:
            start = self.roughly(start, tick)
        return self.exactly([start], (), exact, tick)

    def exactly(
        self, starts: Sequence[np.ndarray], survive: Sequence[Needs], exact: float, tick: Tick
    ) -> Least:
        """The fleet for all hours, and for those of each outage."""
        search = Together(ServedHours(self.hours, self.needs), [*self.forbid, *survive])
        return least(search, self.master, starts, exact=exact, tick=tick)


def _master(terms: FleetTerms, group: np.ndarray, floor: np.ndarray) -> CutMaster:
    master = CutMaster(terms.rent_usd, terms.lower, terms.upper, np.bincount(group, floor))
    SiteRows(terms.rows).teach(master)
    return master


def within_sites(terms: FleetTerms, gpu: np.ndarray) -> np.ndarray:
    """A fleet (R,), nearer to the least where sites do not take it."""
    part = 1.0
    for row in terms.rows:
        least, more = float(row.per_gpu @ terms.lower), float(row.per_gpu @ (gpu - terms.lower))
        if least + more > row.most:
            part = min(part, max(row.most - least, 0.0) / more)
    return np.asarray(terms.lower + part * (gpu - terms.lower))


def first_guess(terms: FleetTerms) -> np.ndarray:
    """A fleet to begin with, (R,): every region's own peak, and where more can be had by the hour
    what pays. The last accelerator pays where it is used for the share of the hours that its rent
    is of the price by the hour: the load is above that quantile so often.
    """
    instance, hours = terms.instance, terms.instance.hours
    load = instance.leanest_gpu_h @ instance.demand
    order = np.argsort(load, kind="stable")
    above = 1.0 - np.cumsum(hours[order]) / hours.sum()
    by_hour = terms.measure.per_on_demand * hours.sum()
    used = np.divide(terms.rent_usd, by_hour, out=np.zeros(len(by_hour)), where=by_hour > 0)
    at = np.searchsorted(-above, -np.clip(used, 0.0, 1.0))
    part = load[order][np.minimum(at, len(order) - 1)] / max(float(load.max()), 1e-300)
    bought = instance.surplus.min(axis=1, initial=np.inf)
    pays = np.where(bought > 0, part, 1.0) * terms.own_peaks
    return np.asarray(np.maximum(pays, terms.own_peaks - bought))


def sample(group: np.ndarray, each: int = EACH, apart: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Steps to begin with, by group, and for how many hours each of all stands, (T,): `each` of
    every group, or of one of so many that are `apart`, evenly over its hours, for all of it. Other
    groups begin with other hours, so that all seasons are there.
    """
    weight = np.zeros(len(group))
    ends = np.cumsum(np.bincount(group))
    for g, hours in enumerate(np.split(np.argsort(group, kind="stable"), ends[:-1])):
        # Of each UTC hour of the day other bands of load.
        if g % apart == (g // BANDS) % apart:
            count = min(each, len(hours))
            first = (g * GOLDEN) % 1.0
            at = (np.arange(count) + first) * len(hours) / count
            weight[hours[at.astype(int)]] = len(hours) / count
    weight *= len(group) / weight.sum()
    steps = np.flatnonzero(weight)
    return steps[np.argsort(group[steps], kind="stable")], weight


def least_by_hour(terms: FleetTerms) -> np.ndarray:
    """Below what no hour's cost lies whatever the fleet, hours counted, (T,): every request at the
    least that it may cost."""
    least: np.ndarray = (least_units(terms) * terms.instance.demand).sum(axis=0)
    return np.asarray(least * terms.instance.hours)


def least_units(terms: FleetTerms) -> np.ndarray:
    """Below what no request costs whatever the fleet, (S, T): the cheapest energy and the cheapest
    traffic of all places of its source, whether they go together or not."""
    instance, measure = terms.instance, terms.measure
    kwh = np.where(instance.allowed.any(axis=1), instance.energy_kwh, np.nan)
    ends = np.fmin.reduce(kwh, axis=1), np.fmax.reduce(kwh, axis=1)
    price = measure.per_kwh.min(axis=0, initial=np.inf)
    power = np.minimum(*(np.nan_to_num(end)[:, None] * price for end in ends))
    fixed = np.where(instance.allowed, measure.per_request, np.inf).min(axis=(1, 2))
    unit = np.fmin(power + fixed[:, None], measure.per_unserved[:, None])
    return np.asarray(np.where(np.isfinite(unit), unit, 0.0))


def free_optimum(terms: FleetTerms) -> np.ndarray:
    """The optimum of every hour with accelerators without end, hours counted, (T,)."""
    part = with_fleet(terms.instance, np.full(len(terms.site), np.inf), terms.site)
    return solve_hours(part, terms.measure).value


def groups_of(terms: FleetTerms) -> np.ndarray:
    """Which hours have their cuts together, (T,): by UTC hour of the day and by load."""
    return groups_by_load(terms.instance, np.arange(terms.instance.demand.shape[1]), BANDS)


def refuse_short(terms: FleetTerms, needs: Needs) -> None:
    """InfeasibleError where even the most accelerators cannot serve an hour."""
    instance = terms.instance
    if instance.sites is not None:  # The most of each kind is more than a site takes of all.
        needs = Needs(replace(instance, sites=None), terms.site)
    if not needs.broken(terms.upper):
        return
    every = np.arange(instance.demand.shape[1])
    short = needs.shortage(every, terms.upper).short
    worst = int(short.argmax())
    when = np.datetime_as_string(instance.scenario.hours.utc[worst], unit="m")
    raise InfeasibleError(
        f"No fleet within the bounds serves the demand: at {when}Z {short[worst]:,.4g} GPU-h/h are "
        f"short, and {int((short > 0).sum()):,} hours are short of some. Raise reserved_gpu_max, "
        "capacity_max or on_demand_gpu of the regions that the demand can reach, or relax its "
        "latency budget or residency."
    )
