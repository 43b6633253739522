"""What is asked of a fleet: prices and bounds of accelerators, and the hours that they serve.

    min  Σ_r f_r·K_r  +  Σ_t V_t(K)        lower ≤ K ≤ upper,   K_r + o_rt ≤ site_r

in usable accelerators: of N that are held, utilisation_max · N count. What is held draws its idle
power in every hour; a request then draws only what it adds to that. Accelerators of several kinds
at one site are regions of their own, which share what the site takes: see `sites`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import InfeasibleError, InputError, Problem
from wattlas.model.objective import Minimise, Objective, Window
from wattlas.model.scenario import Scenario
from wattlas.model.unit_values import carbon_t_per_kwh, energy_usd_per_kwh
from wattlas.placement.constraints.registry import coupling, links
from wattlas.placement.explain import conflict
from wattlas.placement.fleet.sites import SiteRow, most_gpu, shared_sites, site_rows
from wattlas.placement.hour.merge_sources import alike_as_one
from wattlas.placement.problem.instance import Instance, with_state_copies
from wattlas.placement.problem.unit_values import Measure, cost
from wattlas.units import HOURS_PER_YEAR, KG_PER_T

W_PER_KW = 1000.0


@dataclass(frozen=True)
class FleetTerms:
    """The question of a fleet, shapes (R,): `rent_usd`, of a usable accelerator over the horizon,
    its idle power and carbon price included; `lower`, `upper` and `site`, usable accelerators;
    `held` how many are held for each that is usable, and `held_t` the carbon of that, t.
    """

    instance: Instance
    measure: Measure
    rent_usd: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    site: np.ndarray
    held: np.ndarray
    held_t: np.ndarray
    own_peaks: np.ndarray
    """The fleet if every region served its own baseline demand alone."""
    rows: tuple[SiteRow, ...] = ()
    """What sites of several kinds take of them together; `site` is inf for those that may buy."""


def terms_of(
    scenario: Scenario,
    build: Callable[[Scenario], Instance] = with_state_copies,
    most_asked: Callable[[Instance], np.ndarray] = lambda instance: instance.demand,
) -> FleetTerms:
    """The question of a scenario; what it has reserved is not looked at. `build` opens its places,
    `most_asked` is the most that may run of each source in each hour, (S, T): where requests wait,
    more than what arrives in it.

    Raises InputError for what no fleet answers, InfeasibleError where demand has no open place.
    """
    problems = list(_problems(scenario))
    if problems:
        raise InputError(problems)
    # Every region counts as one that has reserved accelerators, so that what is on demand is beyond
    # them; how many there are is what is asked.
    one_each = replace(scenario, reserved_gpu=np.ones(scenario.reserved_gpu.shape))
    instance = build(one_each)
    if instance.stranded:
        raise InfeasibleError(conflict.stranded_words(instance))
    _refuse_kinds(instance)
    idle = idle_kw(scenario)
    instance = replace(
        instance,
        surplus=np.repeat(one_each.on_demand_gpu[:, None], scenario.hours.count, axis=1),
        energy_kwh=_without_idle(instance, idle),
    )
    measure = _with_idle_on_demand(cost(instance), instance, idle)
    own = _own_peaks(instance, rent_usd(scenario))
    instance, measure, _ = alike_as_one(instance, measure)
    held = 1.0 / _of(scenario, "utilisation_max")
    after = instance.after_loss
    ever = instance if after is None else replace(instance, allowed=after)
    useful = (ever.most_gpu_h.T @ most_asked(instance)).max(axis=1, initial=0.0)
    site = most_gpu(instance) / held
    most = np.minimum(_of(scenario, "reserved_gpu_max") / held, np.minimum(useful, site))
    rows = site_rows(instance, held)
    instance = replace(instance, sites=shared_sites(instance, rows))
    if instance.sites is not None:
        site = np.where(instance.sites.own, np.inf, site)
    lower = _of(scenario, "reserved_gpu_min") / held
    return FleetTerms(
        instance,
        measure,
        rent_usd(scenario) * held,
        lower,
        np.maximum(most, lower),
        site,
        held,
        carbon_t(scenario) * held,
        own,
        rows,
    )


def holding(scenario: Scenario, terms: FleetTerms, gpu: np.ndarray) -> Scenario:
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


def rent_usd(scenario: Scenario) -> np.ndarray:
    """What a reserved accelerator costs over the horizon, USD, (R,): its rent, its idle power at
    the meter, and at the scenario's carbon price the carbon of both its power and its making.
    """
    hours = scenario.hours.hours
    share = float(hours.sum()) / HOURS_PER_YEAR
    pue = scenario.pue[:, None]
    power = energy_usd_per_kwh(pue, scenario.price_usd_per_mwh) @ hours * idle_kw(scenario)
    usd = _of(scenario, "reserved_usd_per_gpu_year") * share + power
    price = scenario.objective.carbon_price_usd_per_t
    return np.asarray(usd + price * carbon_t(scenario))


def carbon_t(scenario: Scenario) -> np.ndarray:
    """Carbon of a reserved accelerator over the horizon, t, (R,): idle power, and making it."""
    hours = scenario.hours.hours
    share = float(hours.sum()) / HOURS_PER_YEAR
    per_kwh = carbon_t_per_kwh(scenario.pue[:, None], scenario.deciding_g_per_kwh)
    power = per_kwh @ hours * idle_kw(scenario)
    return np.asarray(power + _of(scenario, "embodied_kg_per_gpu_year") * share / KG_PER_T)


def idle_kw(scenario: Scenario) -> np.ndarray:
    """What a reserved accelerator draws while it does nothing, kW, (R,)."""
    return _of(scenario, "idle_w") / W_PER_KW


def _of(scenario: Scenario, name: str) -> np.ndarray:
    return np.array([getattr(region, name) for region in scenario.regions], dtype=float)


def _without_idle(instance: Instance, idle: np.ndarray) -> np.ndarray:
    """Energy of a request beyond what its accelerator draws anyway, kWh, (S, O)."""
    used = instance.allowed.any(axis=1)
    at = np.where(instance.allowed.any(axis=0), idle[:, None], np.nan)
    least, most = np.fmin.reduce(at, axis=0), np.fmax.reduce(at, axis=0)
    rest = np.asarray(instance.energy_kwh - np.nan_to_num(most) * instance.gpu_h)
    if (least < most).any():
        what = "differs between regions where the same operating point may run"
        fix = "Give one figure for each kind of accelerators."
    elif (rest[used] < 0).any():
        what = "is more than an operating point draws at work"
        fix = "Give what an accelerator draws while it does nothing."
    else:
        return np.asarray(np.maximum(rest, 0.0))
    raise InputError([Problem("regions.*.idle_w", what, fix)])


def _with_idle_on_demand(measure: Measure, instance: Instance, idle: np.ndarray) -> Measure:
    """On-demand accelerators draw their idle power, too, while they are used: at the mean price."""
    if not idle.any():
        return measure
    hours = instance.hours
    mean = measure.per_kwh @ hours / float(hours.sum())
    return replace(measure, per_on_demand=measure.per_on_demand + np.maximum(mean, 0.0) * idle)


def _problems(scenario: Scenario) -> Iterator[Problem]:
    if scenario.waits:
        fix = "Leave it out here; `wattlas fleet` by itself takes it."
        yield Problem("classes.*.may_wait_h", "ties the hours together", fix)
    elif links(scenario):
        fix = "Ask for the fleet without switching costs, then plan at that fleet with them."
        yield Problem("frictions", "tie the hours together, and a fleet is sized by the hour", fix)
    elif coupling(replace(scenario, objective=Objective())) is not None:
        fix = "Give a carbon price instead, then plan at that fleet under the limits."
        yield Problem("tiers", "limit sums over many hours, which a fleet does not take", fix)
    yield from _cap_problems(scenario.objective)
    priced = any(k.unserved_usd_per_request is not None for k in scenario.classes)
    if scenario.objective.minimise is Minimise.CARBON and priced:
        what = "is carbon, and demand that may go unserved at a price emits nothing"
        fix = "Leave out unserved_usd_per_request, or minimise cost within objective.carbon_cap_t."
        yield Problem("objective.minimise", what, fix)
    if np.isnan(scenario.price_usd_per_mwh).any():
        yield Problem("signals.price", "is not known, and a fleet has a cost", "Give prices.")
    yield from _price_problems(scenario)


def _price_problems(scenario: Scenario) -> Iterator[Problem]:
    """Regions that a fleet would fill for nothing, as nobody said what it costs there."""
    free = [
        region.id
        for region in scenario.regions
        if region.reserved_usd_per_gpu_year == 0 and region.reserved_gpu_max > 0
    ]
    if not free:
        return
    every = len(free) == len(scenario.regions)
    where = "*" if every else ", ".join(free)
    what = f"is 0{' in every region' if every else ', and a fleet would fill it for nothing'}"
    fix = "Say what a reserved accelerator costs a year, USD"
    rest = "." if every else ", or reserved_gpu_max: 0 where all is rented."
    yield Problem(f"regions.{where}.reserved_usd_per_gpu_year", what, fix + rest)


def _refuse_kinds(instance: Instance) -> None:
    """InputError where open operating points name several kinds of accelerators in a region that
    does not say which it has: its accelerators are of one kind, and so is their price."""
    points, regions = instance.scenario.points, instance.scenario.regions
    where: dict[str, list[str]] = {}
    for r, used in enumerate(np.asarray(instance.allowed.any(axis=0))):
        kinds = {points[o].kind for o in np.flatnonzero(used).tolist()} - {""}
        if len(kinds) > 1 and not regions[r].hardware:
            where.setdefault(", ".join(sorted(kinds)), []).append(regions[r].id)
    fix = (
        "Say what each kind costs there (`accelerators: {%s: {reserved_usd_per_gpu_year: …}}` of a "
        "region), or leave out the points of the others (`points.drop`, a class's `points`)."
    )
    raise_for = [
        Problem(
            f"regions.{'*' if len(ids) == len(regions) else ', '.join(ids)}",
            f"has operating points on several kinds of accelerators: {kinds}",
            fix % kinds.partition(",")[0],
        )
        for kinds, ids in where.items()
    ]
    if raise_for:
        raise InputError(raise_for)


def _cap_problems(objective: Objective) -> Iterator[Problem]:
    """Caps that a fleet does not take: those by the baseline, and by shorter windows."""
    for name, other in (("carbon_cap_share", "carbon_cap_t"), ("cost_cap_share", "cost_cap_usd")):
        if getattr(objective, name) is not None:
            what = "is relative to a baseline, whose accelerators a fleet has yet to find"
            yield Problem(f"objective.{name}", what, f"Give objective.{other}.")
    capped = objective.carbon_cap_t is not None or objective.cost_cap_usd is not None
    if capped and objective.window is not Window.ALL:
        what = f"is {objective.window}, and a fleet takes a cap over all hours"
        yield Problem("objective.window", what, "Give all, or leave it out.")


def _own_peaks(instance: Instance, rent: np.ndarray) -> np.ndarray:
    """The fleet if every region served its own baseline demand alone, (R,): the peak of each, at
    the leanest operating point there, where a site has several kinds on the one of least rent. Of
    sources as they are: merged ones have no one baseline.
    """
    at, every, site = instance.baseline_region, np.arange(instance.sources), instance.scenario.site
    own = site[None, :] == site[np.maximum(at, 0)][:, None]
    least = np.where(own, instance.least_gpu_h, np.inf)
    usd = np.where(np.isfinite(least), np.nan_to_num(least, posinf=0.0) * rent, np.inf)
    at = np.where((at >= 0) & np.isfinite(usd).any(axis=1), usd.argmin(axis=1), at)
    gpu_h = np.where(at >= 0, instance.least_gpu_h[every, np.maximum(at, 0)], np.inf)
    load = np.where(np.isfinite(gpu_h), gpu_h, 0.0)[:, None] * instance.demand
    peaks = np.zeros(len(instance.capacity))
    for r in np.unique(at[at >= 0]):
        peaks[r] = load[at == r].sum(axis=0).max(initial=0.0)
    return peaks


def peak_rent(terms: FleetTerms) -> float:
    """No fleet that serves everything from reserved accelerators pays less rent, USD: the largest
    over hours of the least Σ f_r·g·x. nan where it is no bound, as in `peak_of_sum`."""
    instance = terms.instance
    if not np.isfinite(peak_of_sum(terms)) or (terms.rent_usd < 0).any():
        return float("nan")
    least = instance.least_gpu_h
    usd = np.where(np.isfinite(least), np.nan_to_num(least, posinf=0.0) * terms.rent_usd, np.inf)
    cheapest = usd.min(axis=1, initial=np.inf)
    return float((np.nan_to_num(cheapest, posinf=0.0) @ instance.demand).max(initial=0.0))


def peak_of_sum(terms: FleetTerms) -> float:
    """No fleet that serves everything from reserved accelerators has fewer usable ones: the largest
    hour's demand, at each source's leanest operating point. nan where it is no bound: where
    demand may go unserved at a price or to accelerators on demand.
    """
    instance = terms.instance
    if instance.surplus.any() or not np.isnan(instance.unserved_usd).all():
        return float("nan")
    return float((instance.leanest_gpu_h @ instance.demand).max(initial=0.0))
