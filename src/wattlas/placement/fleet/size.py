"""The fleet of least cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.placement.fleet.hours import FleetHours, leanest, shortage, with_fleet
from wattlas.placement.fleet.master import CutMaster, Cuts
from wattlas.placement.fleet.outage import Outages
from wattlas.placement.fleet.search import Least, Together, least
from wattlas.placement.fleet.terms import Terms, own_peaks
from wattlas.placement.hour.dispatch import solve_hours

Tick = Callable[[Least], None]

EXACT = 1e-6
"""Relative gap of a fleet: rent is nearly all of its cost, so that 1e-4 would be a hundredth of
energy and egress."""
BANDS = 16
"""Hours of a UTC hour of the day are told apart by this many bands of load; each has its cuts."""
STRIDE, FULLEST = 13, 60
"""The search begins with one hour in so many, and with the fullest hours, one in so many."""
ROUGH = 1e-4
"""Relative gap at which it goes on to all hours."""
SAMPLED = 400
"""From so many hours on it begins with a sample."""


@dataclass
class Sizing:
    """A search for fleets: hours, their groups and free optima, and the master that learns.

    `cuts` of wider terms hold for narrower ones with the same groups.
    """

    terms: Terms
    group: np.ndarray
    floor: np.ndarray
    master: CutMaster

    @staticmethod
    def of(terms: Terms, group: np.ndarray | None = None, cuts: Sequence[Cuts] = ()) -> Sizing:
        """A search that knows nothing but other terms' cuts."""
        group = groups_of(terms) if group is None else group
        floor = free_optimum(terms)
        sizing = Sizing(terms, group, floor, _master(terms, group, floor))
        for known in cuts:
            sizing.master.take(known)
        return sizing

    @cached_property
    def hours(self) -> FleetHours:
        """All hours, as a separator, hot from one search to the next."""
        every = np.arange(len(self.group))
        terms = self.terms
        return FleetHours(terms.instance, terms.measure, terms.site, every, self.group, self.floor)

    def roughly(self, start: np.ndarray, tick: Tick) -> np.ndarray:
        """A fleet for a sample of the hours; the master learns what is true of all."""
        steps, weight = sample(self.terms)
        part = replace(self.hours, steps=steps, weight=weight, whole=self.master, memory={},
                       short_memory={})  # fmt: skip
        master = _master(self.terms, self.group, weight * self.floor)
        return least(part, master, [start], exact=ROUGH, tick=tick).y

    def nominal(self, exact: float = EXACT, tick: Tick = lambda _: None) -> Least:
        """The fleet for all hours, to a relative gap: `y` (R,), usable accelerators."""
        terms = self.terms
        start = np.clip(own_peaks(terms), terms.lower, terms.upper)
        if len(self.group) >= SAMPLED:
            start = self.roughly(start, tick)
        return self.exactly([start], (), exact, tick)

    def exactly(
        self, starts: Sequence[np.ndarray], survive: Sequence[Outages], exact: float, tick: Tick
    ) -> Least:
        """The fleet for all hours; outages are checked in every one."""
        search = Together((self.hours, *survive))
        found = least(search, self.master, starts, exact=exact, tick=tick)
        while not all(each.all_served(found.y, self.master) for each in survive):
            found = least(search, self.master, [found.y], exact=exact, tick=tick)
        return found


def _master(terms: Terms, group: np.ndarray, floor: np.ndarray) -> CutMaster:
    return CutMaster(terms.rent_usd, terms.lower, terms.upper, np.bincount(group, floor))


def sample(terms: Terms) -> tuple[np.ndarray, np.ndarray]:
    """Steps to begin with, and for how many hours each of all stands, (T,): the fullest hours for
    themselves, one in `STRIDE` of the others for all of those.
    """
    instance = terms.instance
    hours = instance.demand.shape[1]
    load = leanest(instance) @ instance.demand
    order = np.argsort(-load, kind="stable")
    fullest, others = order[: hours // FULLEST], np.sort(order[hours // FULLEST :])
    weight = np.zeros(hours)
    weight[fullest] = 1.0
    weight[others[::STRIDE]] = len(others) / len(others[::STRIDE])
    return np.flatnonzero(weight), weight


def free_optimum(terms: Terms) -> np.ndarray:
    """The optimum of every hour with accelerators without end, hours counted, (T,)."""
    part = with_fleet(terms.instance, np.full(len(terms.site), np.inf), terms.site)
    solution = solve_hours(part, terms.measure)
    value: np.ndarray = terms.measure.by_hour(part, solution.flows)
    return value


def groups_of(terms: Terms) -> np.ndarray:
    """Which hours have their cuts together, (T,): by UTC hour of the day and by load."""
    instance = terms.instance
    hours = instance.demand.shape[1]
    load = leanest(instance) @ instance.demand
    of_day = instance.scenario.hours.utc.astype("datetime64[h]").astype(np.int64) % 24
    group = np.zeros(hours, dtype=np.int64)
    for n, hour in enumerate(np.unique(of_day)):
        at = np.flatnonzero(of_day == hour)
        rank = np.argsort(np.argsort(load[at], kind="stable"), kind="stable")
        group[at] = n * BANDS + rank * BANDS // len(at)
    return np.unique(group, return_inverse=True)[1]


def refuse_short(terms: Terms) -> None:
    """InfeasibleError where even the most accelerators cannot serve an hour."""
    instance = terms.instance
    part = with_fleet(instance, terms.upper, terms.site)
    short = shortage(part, terms.site, np.arange(instance.demand.shape[1])).short
    if not short.any():
        return
    worst = int(short.argmax())
    when = np.datetime_as_string(instance.scenario.hours.utc[worst], unit="m")
    raise InfeasibleError(
        f"No fleet within the bounds serves the demand: at {when}Z {short[worst]:,.4g} GPU-h/h are "
        f"short, and {int((short > 0).sum()):,} hours are short of some. Raise reserved_gpu_max, "
        "capacity_max or on_demand_gpu of the regions that the demand can reach, or relax its "
        "latency budget or residency."
    )
