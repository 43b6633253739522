"""From merged flows to metros, and from flows to money, energy and carbon."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from itertools import pairwise
from typing import Any

import numpy as np

from wattlas.model.plan import Flows, Totals
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.frictions import friction_usd
from wattlas.placement.hour.solver import Solution
from wattlas.placement.problem.instance import Instance
from wattlas.units import G_PER_KG, G_PER_T, KWH_PER_MWH

PIECE = 100_000
"""Flows that are looked at in one go, so that memory does not grow with their number."""


def expand(instance: Instance, solution: Solution) -> Flows:
    """Share each flow of a merged source among its metros, in proportion to their demand."""
    parts = [
        _expand(instance, *(column[low : low + PIECE] for column in solution.flows))
        for low in range(0, max(len(solution.hour), 1), PIECE)
    ]
    columns = zip(*(_columns(part) for part in parts), strict=True)
    return Flows(*(np.concatenate(column) for column in columns))


def _expand(
    instance: Instance,
    hour: np.ndarray,
    source: np.ndarray,
    region: np.ndarray,
    point: np.ndarray,
    value: np.ndarray,
) -> Flows:
    pointer, metro, klass = instance.members
    count = np.diff(pointer)[source]
    flow = np.repeat(np.arange(len(source)), count)
    first = np.repeat(np.cumsum(count) - count, count)
    member = pointer[source][flow] + np.arange(len(flow)) - first
    own = instance.scenario.demand_per_h[metro[member], klass[member], hour[flow]]
    whole = instance.demand[source, hour][flow]
    rate = value[flow] * np.divide(own, whole, out=np.zeros_like(own), where=whole > 0)
    keep = rate > 0
    flow, member = flow[keep], member[keep]
    return Flows(
        hour=hour[flow].astype(np.int32),
        metro=metro[member].astype(np.int32),
        klass=klass[member].astype(np.int16),
        region=region[flow].astype(np.int16),
        point=point[flow].astype(np.int16),
        requests_per_h=rate[keep],
    )


def _columns(flows: Flows) -> tuple[np.ndarray, ...]:
    return (
        flows.hour,
        flows.metro,
        flows.klass,
        flows.region,
        flows.point,
        flows.requests_per_h,
    )


def slices(flows: Flows, size: int = PIECE) -> Iterator[Flows]:
    """The flows in pieces of about `size`, in order: at least one, which may be empty.

    Where they are in the order of their hours, as those of a plan are, no hour is cut in two.
    """
    count = len(flows.hour)
    cuts = np.arange(size, count, size)
    if len(cuts) and (flows.hour[1:] >= flows.hour[:-1]).all():
        cuts = np.unique(np.searchsorted(flows.hour, flows.hour[cuts]))
    ends = [0, *(int(cut) for cut in cuts if cut), count]
    for low, high in pairwise(ends):
        yield Flows(*(column[low:high] for column in _columns(flows)))


def per_flow(scenario: Scenario, flows: Flows) -> dict[str, np.ndarray]:
    """What each flow comes to, hours counted: requests, MWh, USD, kg; arrays like the flows'.

    Keys: requests, it_mwh, facility_mwh, gpu_h, egress_gb, energy_usd, rent_usd, egress_usd,
    carbon_kg (deciding), carbon_average_kg, carbon_marginal_kg (where known), rtt_ms.
    """
    on = flows.served
    r = np.where(on, flows.region, 0)
    requests = flows.requests_per_h * scenario.hours.hours[flows.hour]
    served = np.where(on, requests, 0.0)
    transfer = np.array([k.transfer_gb for k in scenario.classes])
    rent = np.array([x.rent_usd_per_gpu_h for x in scenario.regions])
    node = scenario.metro_node[flows.metro]
    it_mwh = served * scenario.it_kwh[flows.klass, flows.point] / KWH_PER_MWH
    facility = it_mwh * scenario.pue[r]
    gpu_h = served * scenario.gpu_h[flows.klass, flows.point]
    egress_gb = served * transfer[flows.klass]
    net = scenario.network
    out = {
        "requests": requests,
        "it_mwh": it_mwh,
        "facility_mwh": facility,
        "gpu_h": gpu_h,
        "egress_gb": egress_gb,
        "energy_usd": facility * scenario.price_usd_per_mwh[r, flows.hour],
        "rent_usd": gpu_h * rent[r],
        "egress_usd": egress_gb * net.egress_usd_per_gb[node, r],
        "carbon_kg": facility * scenario.deciding_g_per_kwh[r, flows.hour],
        "carbon_average_kg": facility * scenario.average_g_per_kwh[r, flows.hour],
        "rtt_ms": net.rtt_metro_node_ms[flows.metro, node] + net.rtt_node_region_ms[node, r],
    }
    marginal = scenario.signals.marginal_g_per_kwh
    if marginal is not None:
        out["carbon_marginal_kg"] = facility * marginal[scenario.region_zone][r, flows.hour]
    return out


def totals(instance: Instance, solution: Solution, flows: Flows) -> Totals:
    """Sums over the window. MWh × g/kWh is kg, so no factor stands between them."""
    scenario = instance.scenario
    sums: dict[str, float] = {}
    for piece in slices(flows):
        for name, value in _sums(instance, piece).items():
            sums[name] = sums.get(name, 0.0) + value
    friction = friction_usd(instance, *solution.flows) * scenario.hours.weight
    waited, served = sums.pop("rtt_ms"), sums["requests"]
    gamma = scenario.objective.carbon_price_usd_per_t
    return Totals(
        **sums,
        friction_usd=float(friction.sum()),
        carbon_price_usd=gamma * sums["carbon_kg"] * G_PER_KG / G_PER_T,
        rtt_mean_ms=waited / served if served else 0.0,
    )


def _sums(instance: Instance, flows: Flows) -> dict[str, float]:
    """Sums of some flows by the names of `Totals`; `rtt_ms` is weighted by requests."""
    scenario = instance.scenario
    each = per_flow(scenario, flows)
    on, requests = flows.served, each["requests"]
    late = instance.judged.late[flows.metro, flows.klass]
    price = np.array([k.unserved_usd_per_request or 0.0 for k in scenario.classes])
    return {
        **{name: float(values.sum()) for name, values in each.items()},
        "requests": float(requests[on].sum()),
        "unserved_requests": float(requests[~on].sum()),
        "late_requests": float(requests[on & late].sum()),
        "unserved_usd": float((requests * price[flows.klass])[~on].sum()),
        "rtt_ms": float((requests * each["rtt_ms"])[on].sum()),
    }


def add_totals(first: Totals, second: Totals) -> Totals:
    """Sums of two stretches of time; the mean round trip is weighted with the requests served."""
    sums: dict[str, Any] = {}
    for one in fields(Totals):
        a, b = getattr(first, one.name), getattr(second, one.name)
        sums[one.name] = None if a is None or b is None else a + b
    served = first.requests + second.requests
    waited = first.requests * first.rtt_mean_ms + second.requests * second.rtt_mean_ms
    return Totals(**{**sums, "rtt_mean_ms": waited / served if served else 0.0})
