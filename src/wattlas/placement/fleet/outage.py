"""A fleet that survives: whatever set of regions is lost, the others serve what the law lets them.

For a lost set q the places in it are closed and its accelerators are gone; the service nodes stay.
Where pinned state lives in q, its copies serve; without one it is lost. What may run nowhere else
is uncoverable however many accelerators stand there, and is told. The rest is short of S_qt(K)
GPU-h at the leanest operating points, convex in K, and must be short of nothing in any hour:
`needs` asks all hours of a set at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.fleet import Outage
from wattlas.placement.fleet.needs import Needs
from wattlas.placement.fleet.terms import FleetTerms
from wattlas.placement.problem.instance import Instance


@dataclass(frozen=True)
class Lost:
    """One set of lost regions, and what the others must serve then."""

    regions: np.ndarray
    needs: Needs
    uncoverable: np.ndarray
    """GPU-h/h that may run nowhere else, (T,)."""
    sources: np.ndarray
    """Sources of the fleet's instance that those of the needs are, (S',)."""


def lost_of(
    terms: FleetTerms, survive: Sequence[Sequence[str]], on_demand_gpu: float
) -> tuple[Lost, ...]:
    """The lost sets. Raises InputError for regions that there are not."""
    scenario = terms.instance.scenario
    ids = [region.id for region in scenario.regions]
    at = {name: [r] for r, name in enumerate(ids)}
    for r, region in enumerate(scenario.regions):
        if region.site and region.site not in ids:
            at.setdefault(region.site, []).append(r)
    unknown = sorted({name for names in survive for name in names} - set(at))
    problems = [
        Problem("survive", f"names `{name}`, which is no region", f"Regions: {', '.join(ids)}.")
        for name in unknown
    ]
    if not on_demand_gpu >= 0:
        problems.append(Problem("outage_on_demand_gpu", f"is {on_demand_gpu:g}", "Give 0 or more."))
    if problems:
        raise InputError(problems)
    sets = [list(dict.fromkeys(r for name in names for r in at[name])) for names in survive]
    limit = np.full(len(ids), on_demand_gpu)
    return outages(terms.instance, sets, terms.site, limit)


def outages(
    instance: Instance, sets: Sequence[Sequence[int]], site: np.ndarray, on_demand: np.ndarray
) -> tuple[Lost, ...]:
    """The lost sets of a fleet's instance; `on_demand` (R,) is what can be had during an outage."""
    limited = replace(instance, surplus=np.minimum(instance.surplus, on_demand[:, None]))
    return tuple(_lost(limited, np.asarray(regions), site) for regions in sets)


def _lost(instance: Instance, regions: np.ndarray, site: np.ndarray) -> Lost:
    allowed = instance.allowed.copy()
    if instance.after_loss is not None:
        # Where one kind of accelerators is lost, and another of the site stays, the state does.
        site_of = instance.scenario.site
        stay = np.delete(site_of, regions)
        moves = ~np.isin(site_of[instance.state_region], stay)
        allowed[moves] = instance.after_loss[moves]
    allowed[:, regions] = False
    surplus = instance.surplus.copy()
    surplus[regions] = 0.0
    must = np.isnan(instance.unserved_usd)
    covered = allowed.any(axis=(1, 2))
    # What may run nowhere else needs nothing, and stays: the demand of all sets is one array.
    rest, sources = replace(instance, allowed=allowed, surplus=surplus), np.arange(len(must))
    if not must.all():
        sources = np.flatnonzero(covered & must)
        rest = rest.rows_of(sources)
    return Lost(
        regions=regions,
        needs=Needs(rest, site, regions),
        uncoverable=(instance.leanest_gpu_h * must * ~covered) @ instance.demand,
        sources=sources,
    )


def told(terms: FleetTerms, lost: Sequence[Lost], on_demand_gpu: float) -> tuple[Outage, ...]:
    """What each outage leaves that no fleet covers."""
    instance = terms.instance
    ids = [region.id for region in instance.scenario.regions]
    whole = float(instance.leanest_gpu_h @ instance.demand @ instance.hours)
    told = []
    for each in lost:
        names, gpu_h = tuple(ids[r] for r in each.regions), float(each.uncoverable @ instance.hours)
        told.append(Outage(names, on_demand_gpu, gpu_h, gpu_h / whole if whole else 0.0))
    return tuple(told)
