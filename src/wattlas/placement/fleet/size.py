"""The fleet of least cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.placement.fleet.hours import FleetHours, leanest, shortage, with_fleet
from wattlas.placement.fleet.master import CutMaster
from wattlas.placement.fleet.outage import Outages
from wattlas.placement.fleet.search import Least, Together, least
from wattlas.placement.fleet.terms import Terms, own_peaks
from wattlas.placement.hour.dispatch import solve_hours

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


def size_fleet(
    terms: Terms,
    *,
    outages: Outages | None = None,
    start: np.ndarray | None = None,
    exact: float = EXACT,
    tick: Callable[[Least], None] = lambda _: None,
) -> Least:
    """The fleet of least cost, to a relative gap: `y` (R,), usable accelerators.

    `outages` are sets of regions that it survives, `start` (R,) is a fleet to begin from. Raises
    InfeasibleError where the bounds cannot serve the demand.
    """
    refuse_short(terms)
    instance, hours = terms.instance, terms.instance.demand.shape[1]
    every, floor, group = np.arange(hours), free_optimum(terms), groups_of(terms)
    whole = FleetHours(instance, terms.measure, terms.site, every, group, floor)

    def master(floor: np.ndarray) -> CutMaster:
        return CutMaster(terms.rent_usd, terms.lower, terms.upper, np.bincount(group, floor))

    of_all = master(floor)
    begin = np.clip(own_peaks(terms) if start is None else start, terms.lower, terms.upper)
    survive = () if outages is None else (outages,)
    if hours >= SAMPLED and start is None:
        steps, weight = sample(terms)
        part = replace(whole, steps=steps, weight=weight, whole=of_all)
        roughly = Together((part, *survive))
        begin = least(roughly, master(weight * floor), begin, exact=ROUGH, tick=tick).y
    search = Together((whole, *survive))
    found = least(search, of_all, begin, exact=exact, tick=tick)
    while outages is not None and not outages.all_served(found.y, of_all):
        found = least(search, of_all, found.y, exact=exact, tick=tick)
    return found


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
