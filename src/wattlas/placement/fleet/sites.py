"""What a site takes: accelerators, and power at the meter; of all its kinds together.

A region with accelerators of one kind has a bound for itself, K_r + o_rt ≤ site_r. Where a site has
several kinds, each a region, they share what it takes:

    Σ_r a_r·K_r ≤ most        a_r = 1, or kW at the meter of an accelerator at its hungriest point

and where some are bought by the hour, Σ_r a_r·(K_r + o_rt) ≤ most in every hour, a row of its
program (`shared_site`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.shared_sites import SharedSites

if TYPE_CHECKING:
    from wattlas.placement.fleet.master import CutMaster

WITHIN = 1e-9
"""A site is over what it takes by more than this part of it, else that is rounding."""


@dataclass(frozen=True)
class SiteRow:
    """Σ_r per_gpu·K_r ≤ most, in usable accelerators K, (R,)."""

    per_gpu: np.ndarray
    most: float

    def over(self, gpu: np.ndarray) -> float:
        """By which part of what it takes a fleet (R,) is over it; 0 where it is not."""
        beyond = float(self.per_gpu @ gpu) - self.most
        return max(beyond, 0.0) / max(self.most, 1e-300)


def same(why: object, row: SiteRow) -> bool:
    """Whether a reason is a row, of this search or of one over the same sites."""
    return (
        isinstance(why, SiteRow)
        and why.most == row.most
        and bool((why.per_gpu == row.per_gpu).all())
    )


@dataclass(frozen=True)
class SiteRows:
    """The sites of several kinds, as a separator that forbids; the master knows the rows."""

    rows: tuple[SiteRow, ...]

    def ask(self, y: np.ndarray, _master: CutMaster) -> float:
        """0 where every site takes the fleet, else inf."""
        return float(np.inf) if any(row.over(y) > WITHIN for row in self.rows) else 0.0

    def teach(self, master: CutMaster) -> None:
        """The rows, which hold for every fleet."""
        nothing = np.zeros(len(master.cost))
        for row in self.rows:
            master.forbid(np.array([-row.most]), row.per_gpu[None, :], nothing, [row])


def kw_at_meter(instance: Instance) -> np.ndarray:
    """What an accelerator draws at the meter at its kind's hungriest operating point, kW, (R,)."""
    scenario = instance.scenario
    kw = scenario.it_kwh / np.maximum(scenario.gpu_h, 1e-300)
    hardware, hungriest = (
        np.array([r.hardware for r in scenario.regions]),
        np.zeros(len(scenario.regions)),
    )
    for kind in np.unique(hardware):
        own = hardware == kind
        used = np.zeros(kw.shape, dtype=bool)
        np.logical_or.at(used, instance.klass, instance.allowed[:, own].any(axis=1))
        hungriest[own] = np.where(used, kw, 0.0).max(initial=0.0)
    return np.asarray(scenario.pue * hungriest)


def most_gpu(instance: Instance) -> np.ndarray:
    """What the site of each region takes, if it had no other kind, accelerators held, (R,)."""
    regions, kw = instance.scenario.regions, kw_at_meter(instance)
    limit = np.array([region.power_max_kw for region in regions])
    power = np.divide(limit, kw, out=np.full(len(kw), np.inf), where=kw > 0)
    return np.asarray(np.minimum(power, [region.capacity_max for region in regions]))


def site_rows(instance: Instance, held: np.ndarray) -> tuple[SiteRow, ...]:
    """What each site of several kinds takes of them together; `held` (R,) accelerators for each
    that is usable.
    """
    scenario, kw = instance.scenario, kw_at_meter(instance)
    rows = []
    for own in _shared(scenario):
        first = scenario.regions[int(own[0])]
        for each, most in ((np.ones(len(kw)), first.capacity_max), (kw, first.power_max_kw)):
            if np.isfinite(most):
                per_gpu = np.zeros(len(kw))
                per_gpu[own] = (each * held)[own]
                rows.append(SiteRow(per_gpu, float(most)))
    return tuple(rows)


def shared_sites(instance: Instance, rows: Sequence[SiteRow]) -> SharedSites | None:
    """Those of the rows whose sites may buy by the hour; None where none may."""
    buys = np.flatnonzero(instance.surplus.any(axis=1))
    bought = [row for row in rows if row.per_gpu[buys].any()]
    if not bought:
        return None
    return SharedSites(
        np.stack([row.per_gpu for row in bought]), np.array([row.most for row in bought])
    )


def refuse_rows(rows: Sequence[SiteRow]) -> None:
    """InputError where sites of several kinds have a bound of all together, for a search that does
    not hold it."""
    if rows:
        what = "is of several kinds of accelerators, and not held where a contract resizes a fleet"
        fix = "Bound each kind by reserved_gpu_max instead."
        raise InputError([Problem("regions.*.capacity_max, power_max_kw", what, fix)])


def _shared(scenario: Scenario) -> Iterator[np.ndarray]:
    """The regions of each site that has several, int, (n,)."""
    for site in np.unique(scenario.site):
        own = np.flatnonzero(scenario.site == site)
        if len(own) > 1:
            yield own
