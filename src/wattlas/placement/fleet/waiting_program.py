"""Accelerators and waiting as one program in HiGHS: exact, for short horizons.

The rows are those of a placement in which requests may wait, and a column for each region's
accelerators: Σ g·x − o − K ≤ 0 in every hour, K + o ≤ the site, of all kinds of it together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.fleet import NeedPrice
from wattlas.model.plan import Status
from wattlas.placement.constraints.registry import hourly_rows, linkings
from wattlas.placement.constraints.shared_site import NAME as SHARED_SITE
from wattlas.placement.fleet.hours import with_fleet
from wattlas.placement.fleet.terms import FleetTerms
from wattlas.placement.hour import highs
from wattlas.placement.hour.prune import pruned
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit
from wattlas.placement.problem.lp import (
    RUN,
    ColumnLayout,
    demand,
    hourly_block,
    limit_rows,
    objective,
)
from wattlas.placement.problem.queue import Queue
from wattlas.placement.problem.rows import Rows
from wattlas.placement.problem.unit_values import Measure
from wattlas.placement.window.linked_program import ProgramScale, hourly_duals

LARGEST = 100_000
"""Columns up to which all of it is one program: a day of the embedded world, a few seconds."""
KINDS = "kinds_of_sites"
"""The block of rows of what sites take of several kinds that are reserved."""
BELOW = 1e-9
"""What the optimum of HiGHS is taken to be too high by at most, relative."""


@dataclass(frozen=True)
class Joint:
    """Usable accelerators (R,), what runs when (N, T), a bound below every fleet, USD, and the
    prices that prove it: `duals` of every constraint of an hour (J, T), hours not counted, `needs`,
    and `caps` (W,) of limits over windows."""

    gpu: np.ndarray
    ran: np.ndarray
    bound_usd: float
    duals: Mapping[str, np.ndarray] = field(default_factory=dict)
    needs: tuple[NeedPrice, ...] = ()
    caps: np.ndarray = field(default_factory=lambda: np.zeros(0))
    most: np.ndarray | None = None
    """How many may be degraded in each hour, (J, T), where caps over windows were dealt out."""
    sites: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """Prices of what each site of several kinds takes of those that are reserved."""


def joint(
    terms: FleetTerms, instance: Instance, measure: Measure, limits: Sequence[Limit] = ()
) -> Joint | None:
    """The fleet of least cost with the waiting of least cost; None where that is too large.

    `instance` is that of the terms, with classes that may wait, or its sources apart by window of
    arrival; `measure` what its hours cost. Raises InfeasibleError where the bounds cannot serve the
    demand within the limits.
    """
    bare = with_fleet(instance, np.zeros(len(terms.site)), terms.site)
    hours = bare.demand.shape[1]
    bare = pruned(bare, (measure, *(limit.measure for limit in limits)), np.arange(hours))
    if len(bare.columns) * hours > LARGEST:
        return None
    tied = linkings(bare.scenario)
    blocks = {name: n for linking in tied for name, n in linking.blocks(bare).items()}
    layout = ColumnLayout(bare, np.arange(hours), blocks)
    unit = bare.most_gpu_h.max(axis=0, initial=0.0)
    unit = np.where(unit > 0, unit, 1.0)
    held = layout.columns + np.arange(len(unit))
    rows = [demand(layout)]
    for known in hourly_rows(bare).values():
        block = hourly_block(layout, known)
        if block is not None:
            rows.append(_with_held(block, held, -unit) if block.name == "capacity" else block)
            if block.name == SHARED_SITE and bare.sites is not None:
                rows[-1] = _with_held(block, held, bare.sites.per_gpu * unit)
    rows += [block for linking in tied for block in linking.rows(layout)]
    rows += [*_sites(terms, layout, held, unit), *_of_kinds(terms, held, unit)]
    capped = limit_rows(layout, limits)
    rows += [] if capped is None else [capped]
    cost = np.concatenate([objective(layout, measure), terms.rent_usd * unit])
    scale = ProgramScale(bare, cost)
    upper = np.concatenate([layout.upper, terms.upper / unit])
    program = scale.lp(cost, upper, rows)
    lower = program.lower.copy()
    lower[held] = terms.lower / unit * scale.demand
    answer = highs.checked(highs.solve(replace(program, lower=lower)))
    if answer.status is not Status.OPTIMAL:
        if answer.status is Status.INFEASIBLE:
            caps = " within the caps of tiers" if limits else ""
            late = ", even where requests wait as long as they may" if bare.scenario.waits else ""
            raise InfeasibleError(
                f"No fleet within the bounds serves the demand{caps}{late}. Raise "
                "reserved_gpu_max, capacity_max or on_demand_gpu of the regions that it can reach"
                + (", or a tier's share_max." if limits else ".")
            )
        return None
    x = answer.x / scale.demand
    value = float(cost @ x)
    queue = Queue.of(bare)
    ran = queue.within(x[layout.column(RUN)].T) if len(queue) else queue.arrived
    dual = scale.duals(answer, rows)
    price = np.maximum(-dual["limits"], 0.0) if limits else np.zeros(0)
    sites = np.maximum(-dual[KINDS], 0.0) if terms.rows else np.zeros(0)
    return Joint(
        x[held] * unit, ran, value - BELOW * abs(value), hourly_duals(layout, dual), (), price,
        sites=sites,
    )  # fmt: skip


def _with_held(block: Rows, held: np.ndarray, value: np.ndarray) -> Rows:
    """Rows of every hour with what is held in them, so much of each region in its own row, (R,), or
    in each of J, (J, R)."""
    by_row = np.diag(value) if value.ndim == 1 else value
    row, region = np.nonzero(by_row)
    hours = len(block.lower) // len(by_row)
    rows = (np.arange(hours)[:, None] * len(by_row) + row).ravel()
    length = np.diff(block.start) + np.bincount(rows, minlength=len(block.lower))
    end = block.start[rows + 1]
    return replace(
        block,
        start=np.concatenate([[0], np.cumsum(length)]),
        index=np.insert(block.index, end, np.tile(held[region], hours)),
        value=np.insert(block.value, end, np.tile(by_row[row, region], hours)),
    )


def _of_kinds(terms: FleetTerms, held: np.ndarray, unit: np.ndarray) -> list[Rows]:
    """Σ a·K ≤ most of sites of several kinds."""
    if not terms.rows:
        return []
    most = np.array([row.most for row in terms.rows])
    value = np.stack([row.per_gpu for row in terms.rows]) * unit
    row, region = np.nonzero(value)
    start = np.searchsorted(row, np.arange(len(most) + 1))
    index, entries = held[region], value[row, region]
    return [Rows(KINDS, np.full(len(most), -np.inf), most, start, index, entries)]


def _sites(
    terms: FleetTerms, layout: ColumnLayout, held: np.ndarray, unit: np.ndarray
) -> list[Rows]:
    """K + o ≤ site in every hour, of regions that have one and can buy."""
    own = np.flatnonzero(np.isfinite(terms.site[layout.buyers]))
    if not len(own):
        return []
    bought, region = layout.column("o")[:, own], layout.buyers[own]
    index = np.stack([bought, np.broadcast_to(held[region], bought.shape)], axis=-1)
    value = np.stack([layout.unit_gpu[own], unit[region]], axis=-1)
    count = bought.size
    return [
        Rows(
            "site",
            np.full(count, -np.inf),
            np.tile(terms.site[region], len(bought)),
            2 * np.arange(count + 1),
            index.ravel(),
            np.tile(value.ravel(), len(bought)),
        )
    ]
