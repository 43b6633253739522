"""`fleet`: a scenario in, how many accelerators each region should hold out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.fleet import Fleet, FleetCost, Outage
from wattlas.model.plan import SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.placement.fleet.cost import ROUNDING, fleet_cost
from wattlas.placement.fleet.hours import FleetHours, leanest
from wattlas.placement.fleet.outage import Outages, outages
from wattlas.placement.fleet.search import Least
from wattlas.placement.fleet.size import EXACT, Sizing, refuse_short
from wattlas.placement.fleet.terms import (
    Terms,
    own_peaks,
    peak_of_sum,
    terms_of,
)
from wattlas.placement.fleet.waiting import fleet_that_waits
from wattlas.placement.hour import highs
from wattlas.units import HOURS_PER_YEAR


def fleet(
    scenario: Scenario,
    *,
    survive: Sequence[Sequence[str]] = (),
    outage_on_demand_gpu: float = np.inf,
    exact: float = EXACT,
    progress: Callable[[Least], None] = lambda _: None,
) -> Fleet:
    """How many accelerators to reserve in each region so that all demand is served at least cost.

    Accelerators cost their `reserved_usd_per_gpu_year` whether used or not; those on demand may
    take the peaks. `survive` are sets of region ids, any one of which may be lost in any hour;
    `outage_on_demand_gpu` limits what a region can buy by the hour meanwhile. Ends at a relative
    gap of `exact`; where classes may wait, with the gap of two steps (`fleet.waiting`) beyond short
    horizons. Raises InputError for what a fleet does not take, InfeasibleError where its bounds
    cannot serve the demand. Program: section 14 of docs/fleet.md.
    """
    if scenario.waits:
        return fleet_that_waits(scenario, lambda still: fleet(
            still, survive=survive, outage_on_demand_gpu=outage_on_demand_gpu, exact=exact,
            progress=progress,
        ), alone=not survive)  # fmt: skip
    began = time.perf_counter()
    terms = terms_of(scenario)
    lost = _outages(terms, survive, outage_on_demand_gpu)
    refuse_short(terms)
    sizing = Sizing.of(terms)
    nominal = sizing.nominal(exact, progress)
    found = nominal
    if lost is not None:
        # What the hours cost at a fleet is known already; the outages forbid some of them.
        found = sizing.exactly([nominal.y], (lost,), exact, progress)
    hours = sizing.hours
    gpu = np.minimum(found.y * (1.0 + ROUNDING), np.maximum(terms.upper, found.y))
    best = fleet_cost(terms, hours, gpu)
    return Fleet(
        status=Status.OPTIMAL if found.gap <= exact else Status.LIMIT,
        scenario=_with_fleet(scenario, terms, gpu),
        optimal=best,
        bound_usd=found.bound,
        own_peaks=fleet_cost(terms, hours, own_peaks(terms)),
        given=_given(scenario, terms, hours),
        whole=fleet_cost(terms, hours, np.ceil(gpu * terms.held - 1e-6) / terms.held),
        least_count=peak_of_sum(terms) * float(terms.held.min()),
        saved_by_one_usd=(terms.rent_usd - found.reduced) / terms.held,
        info=SolveInfo(
            solver=highs.version(),
            seconds=time.perf_counter() - began,
            programs=nominal.rounds + (found.rounds if lost is not None else 0),
            gap=max(found.gap, 0.0),
        ),
        survives=() if lost is None else _told(terms, lost),
        nominal=None if lost is None else fleet_cost(terms, hours, nominal.y * (1.0 + ROUNDING)),
    )


def _with_fleet(scenario: Scenario, terms: Terms, gpu: np.ndarray) -> Scenario:
    """The scenario with usable accelerators (R,) reserved, each at the rent of those held for it.

    Idle power is part of what they cost a year.
    """
    year = HOURS_PER_YEAR / float(scenario.hours.hours.sum())
    regions = tuple(
        replace(region, reserved_usd_per_gpu_year=float(usd))
        for region, usd in zip(scenario.regions, terms.rent_usd * year, strict=True)
    )
    usable = np.repeat(gpu[:, None], scenario.hours.count, axis=1)
    return replace(scenario, regions=regions, reserved_gpu=usable)


def _given(scenario: Scenario, terms: Terms, hours: FleetHours) -> FleetCost | None:
    """The scenario's own fleet, where it is one number for each region."""
    reserved = scenario.reserved_gpu
    if not np.isfinite(reserved).all() or (reserved != reserved[:, :1]).any():
        return None
    return fleet_cost(terms, hours, reserved[:, 0] / terms.held)


def _outages(
    terms: Terms, survive: Sequence[Sequence[str]], on_demand_gpu: float
) -> Outages | None:
    """The lost sets. Raises InputError for regions that there are not."""
    ids = [region.id for region in terms.instance.scenario.regions]
    unknown = sorted({name for names in survive for name in names} - set(ids))
    problems = [
        Problem("survive", f"names `{name}`, which is no region", f"Regions: {', '.join(ids)}.")
        for name in unknown
    ]
    if not on_demand_gpu >= 0:
        problems.append(Problem("outage_on_demand_gpu", f"is {on_demand_gpu:g}", "Give 0 or more."))
    if problems:
        raise InputError(problems)
    if not survive:
        return None
    sets = [[ids.index(name) for name in names] for names in survive]
    limit = np.full(len(ids), on_demand_gpu)
    return outages(terms.instance, sets, terms.site, limit)


def _told(terms: Terms, lost: Outages) -> tuple[Outage, ...]:
    """What each outage leaves that no fleet covers."""
    instance = terms.instance
    ids = [region.id for region in instance.scenario.regions]
    whole = float(leanest(instance) @ instance.demand @ instance.hours)
    told = []
    for one in lost.lost:
        gpu_h = float(one.uncoverable @ instance.hours)
        told.append(
            Outage(tuple(ids[r] for r in one.regions), gpu_h, gpu_h / whole if whole else 0.0)
        )
    return tuple(told)
