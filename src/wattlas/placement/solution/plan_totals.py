"""What a placement comes to, without its flows: for questions that only want the sums.

Merged flows are added up into four grids (energy per region and hour; requests and accelerator
time per source and region; requests per source and hour), and every total is a sum over one of
them. So a year costs a few passes over the merged flows and holds none that is expanded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TypeVar

import numpy as np

from wattlas.model.objective import Objective
from wattlas.model.plan import UNSERVED, Status, Totals
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan, solve_instance
from wattlas.placement.constraints.frictions import friction_usd
from wattlas.placement.explain import conflict
from wattlas.placement.hour.solver import Solution
from wattlas.placement.problem.blocks import blocks
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.solution.totals import add_totals
from wattlas.units import G_PER_KG, G_PER_T, KWH_PER_MWH

THREADS = 2
"""Stretches that are worked on at the same time. The number is fixed, whatever the machine has."""

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class Worth:
    """How a plan ended, and what it comes to where it is `ok`."""

    status: Status
    totals: Totals = field(default_factory=Totals)
    conflict: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is a placement behind the totals."""
        return self.status in (Status.OPTIMAL, Status.LIMIT)


def worth(scenario: Scenario, *, objective: Objective | None = None) -> Worth:
    """The totals of the plan, block by block, none of whose flows is kept.

    The same as `plan(...).totals`. Where something couples all hours it is that.
    """
    if objective is not None:
        scenario = replace(scenario, objective=objective)
    stretches = blocks(scenario)
    if len(stretches) == 1:
        one = plan(scenario)
        return Worth(one.status, one.totals, one.conflict)
    whole = build_instance(scenario)
    if whole.stranded:
        return Worth(Status.INFEASIBLE, conflict=conflict.stranded_words(whole))

    def of(steps: np.ndarray) -> Worth:
        part = build_instance(scenario.at_hours(steps), judged=whole.judged)
        found = solve_instance(part)
        if found.conflict:
            return Worth(Status.INFEASIBLE, conflict=found.conflict)
        return Worth(found.solution.status, merged_totals(part, found.solution))

    parts = list(at_once(of, stretches))
    failed = next((one for one in parts if not one.ok), None)
    if failed is not None:
        return failed
    status = max((one.status for one in parts), key=list(Status).index)
    return Worth(status, reduce(add_totals, (one.totals for one in parts)))


def at_once(work: Callable[[S], T], items: Iterable[S]) -> Iterator[T]:
    """`work` of every item, in order, a few at a time; the first error ends it."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(work, items)


@dataclass(frozen=True)
class Sums:
    """Merged flows added up, hours counted: `it_mwh` (R, T); `requests`, `gpu_h` (S, R);
    `served`, `unserved` (S, T).
    """

    it_mwh: np.ndarray
    requests: np.ndarray
    gpu_h: np.ndarray
    served: np.ndarray
    unserved: np.ndarray


def sums(instance: Instance, solution: Solution) -> Sums:
    """Add up the merged flows of a solution."""
    hour, source, region, point, value = solution.flows
    requests = value * instance.hours[hour]
    (s, r, _), t = instance.allowed.shape, instance.demand.shape[1]

    def grid(index: np.ndarray, weight: np.ndarray, rows: int, columns: int) -> np.ndarray:
        made: np.ndarray = np.bincount(index, weight, rows * columns).reshape(rows, columns)
        return made

    on = region != UNSERVED
    at = source * t + hour
    unserved = grid(at[~on], requests[~on], s, t) if not on.all() else np.zeros((s, t))
    if not on.all():
        hour, source, region = hour[on], source[on], region[on]
        point, requests, at = point[on], requests[on], at[on]
    use = source * instance.allowed.shape[2] + point
    mwh = requests * instance.energy_kwh.ravel()[use] / KWH_PER_MWH
    pair = source * r + region
    return Sums(
        it_mwh=grid(region * t + hour, mwh, r, t),
        requests=grid(pair, requests, s, r),
        gpu_h=grid(pair, requests * instance.gpu_h.ravel()[use], s, r),
        served=grid(at, requests, s, t),
        unserved=unserved,
    )


def merged_totals(instance: Instance, solution: Solution, *, frictions: bool = True) -> Totals:
    """`totals` of a solution from its merged flows, `frictions` counted or not.

    MWh × g/kWh is kg, so no factor stands between them.
    """
    scenario, found = instance.scenario, sums(instance, solution)
    facility = found.it_mwh * scenario.pue[:, None]
    transfer = np.array([k.transfer_gb for k in scenario.classes])[instance.klass]
    egress_gb = found.requests * transfer[:, None]
    net, rent = scenario.network, np.array([x.rent_usd_per_gpu_h for x in scenario.regions])
    reach, late = _member_means(instance)
    waited = (found.requests * net.rtt_node_region_ms[instance.node]).sum()
    waited += (found.served * reach).sum()
    served = float(found.served.sum())
    price = np.array([k.unserved_usd_per_request or 0.0 for k in scenario.classes])
    carbon_kg = float((facility * scenario.deciding_g_per_kwh).sum())
    marginal = scenario.signals.marginal_g_per_kwh
    friction = np.zeros(1)
    if frictions:
        friction = friction_usd(instance, *solution.flows) * scenario.hours.weight
    return Totals(
        requests=served,
        unserved_requests=float(found.unserved.sum()),
        late_requests=float((found.served * late).sum()),
        it_mwh=float(found.it_mwh.sum()),
        facility_mwh=float(facility.sum()),
        gpu_h=float(found.gpu_h.sum()),
        egress_gb=float(egress_gb.sum()),
        energy_usd=float((facility * scenario.price_usd_per_mwh).sum()),
        rent_usd=float((found.gpu_h * rent).sum()),
        egress_usd=float((egress_gb * net.egress_usd_per_gb[instance.node]).sum()),
        friction_usd=float(friction.sum()),
        unserved_usd=float((found.unserved.sum(axis=1) * price[instance.klass]).sum()),
        carbon_price_usd=scenario.objective.carbon_price_usd_per_t * carbon_kg * G_PER_KG / G_PER_T,
        carbon_kg=carbon_kg,
        carbon_average_kg=float((facility * scenario.average_g_per_kwh).sum()),
        carbon_marginal_kg=None
        if marginal is None
        else float((facility * marginal[scenario.region_zone]).sum()),
        rtt_mean_ms=float(waited) / served if served else 0.0,
    )


def _member_means(instance: Instance) -> tuple[np.ndarray, np.ndarray]:
    """Demand-weighted means over each source's metros: round trip to the node, ms, and the share
    that is late; both (S, T).
    """
    scenario = instance.scenario
    _, metro, klass = instance.members
    source = instance.source_of[metro, klass]
    own = scenario.demand_per_h[metro, klass]
    rtt = scenario.network.rtt_metro_node_ms[metro, scenario.metro_node[metro]]
    late = instance.judged.late[metro, klass]
    first = np.searchsorted(source, np.arange(instance.sources))
    none = np.zeros_like(instance.demand)

    def mean(values: np.ndarray) -> np.ndarray:
        if not len(source):
            return none
        total = np.add.reduceat(own * values[:, None], first, axis=0)
        return np.asarray(
            np.divide(total, instance.demand, out=none.copy(), where=instance.demand > 0)
        )

    return mean(rtt), mean(late) if late.any() else none
