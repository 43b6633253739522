"""From merged flows to metros, and what each flow of a plan comes to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from wattlas.model.plan import UNSERVED, Flows
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance, unmerged
from wattlas.placement.problem.unit_values import bought_gpu, onward, used_gpu
from wattlas.placement.solution.account import components

PIECE = 100_000
"""Flows that are looked at in one go, so that memory does not grow with their number."""


def expand(instance: Instance, flows: SourceFlows) -> tuple[Flows, np.ndarray]:
    """Share each flow of a merged source among its metros, in proportion to their demand; and which
    flow of the sources each is of."""
    parts, sources = [], []
    for low in range(0, max(len(flows.hour), 1), PIECE):
        part, flow = _expand(instance, flows.where(slice(low, low + PIECE)))
        parts.append(part)
        sources.append(low + flow)
    columns = zip(*(_columns(part) for part in parts), strict=True)
    return Flows(*(np.concatenate(column) for column in columns)), np.concatenate(sources)


def _expand(instance: Instance, flows: SourceFlows) -> tuple[Flows, np.ndarray]:
    hour, source, region, point, value = flows
    pointer, metro, klass = instance.members
    count = np.diff(pointer)[source]
    flow = np.repeat(np.arange(len(source)), count)
    first = np.repeat(np.cumsum(count) - count, count)
    member = pointer[source][flow] + np.arange(len(flow)) - first
    demand = instance.scenario.demand_per_h[metro[member], klass[member], hour[flow]]
    whole = instance.demand[source, hour][flow]
    rate = value[flow] * np.divide(demand, whole, out=np.zeros_like(demand), where=whole > 0)
    keep = rate > 0
    flow, member = flow[keep], member[keep]
    shared = Flows(
        hour=hour[flow].astype(np.int32),
        metro=metro[member].astype(np.int32),
        klass=klass[member].astype(np.int16),
        region=region[flow].astype(np.int16),
        point=point[flow].astype(np.int16),
        requests_per_h=rate[keep],
    )
    return shared, flow


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
        yield flows.where(slice(low, high))


class PerFlow:
    """What each flow of a plan comes to, by the components of the account; `only` some of them."""

    def __init__(self, scenario: Scenario, only: Sequence[str] | None = None) -> None:
        self.instance = unmerged(scenario)
        # What is bought beyond the reserved is shared out by accelerator time.
        needed = None if only is None else (*only, *["gpu_h"] * ("on_demand_usd" in only))
        self.measures = dict(components(self.instance, needed))
        if only is None or "rtt_ms" in only:
            self.measures["rtt_ms"] = onward(self.instance)
        self.names = tuple(self.measures) if only is None else tuple(only)

    def __call__(self, flows: Flows) -> dict[str, np.ndarray]:
        """Hours counted: requests, MWh, USD, kg; arrays like the flows'.

        `requests` counts those unserved, too; every other component is of served requests, and so
        is `rtt_ms`, the round trip of a request. What a region buys beyond the reserved in an hour
        is shared out by accelerator time, so that the flows must hold whole hours.
        """
        scenario, on, place = self.instance.scenario, flows.served, self._place(flows)
        requests = flows.requests_per_h * scenario.hours.hours[flows.hour]
        served = np.where(on, requests, 0.0)
        each = {name: self.measures[name].units(self.instance, *place) for name in self.names}
        out = {name: served * unit for name, unit in each.items()}
        if "on_demand_usd" in each and self.instance.surplus.any():
            gpu_h = served * self.measures["gpu_h"].units(self.instance, *place)
            out["on_demand_usd"] += gpu_h * self._bought_usd(place, flows)
        if "rtt_ms" in each:
            node = scenario.metro_node[flows.metro]
            reach = scenario.network.rtt_metro_node_ms[flows.metro, node]
            out["rtt_ms"] = np.where(on, reach + each["rtt_ms"], np.nan)
        return {**out, "requests": requests}

    def it_mwh(self, flows: Flows) -> np.ndarray:
        """IT energy of each flow alone, MWh."""
        requests = flows.requests_per_h * self.instance.scenario.hours.hours[flows.hour]
        unit = self.measures["it_mwh"].units(self.instance, *self._place(flows))
        energy: np.ndarray = np.where(flows.served, requests, 0.0) * unit
        return energy

    def _place(self, flows: Flows) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Hour, source, region and point of each flow; region 0 for what is not served."""
        source = flows.metro.astype(np.int64) * len(self.instance.scenario.classes) + flows.klass
        region = np.where(flows.served, flows.region, 0).astype(np.int64)
        return flows.hour.astype(np.int64), source, region, flows.point.astype(np.int64)

    def _bought_usd(self, place: tuple[np.ndarray, ...], flows: Flows) -> np.ndarray:
        """What an average GPU-h of each flow's region and hour pays for those that are bought."""
        hour, source, region, point = place
        where = np.where(flows.served, region, UNSERVED)
        merged = SourceFlows(hour, source, where, point, flows.requests_per_h)
        busy, bought = used_gpu(self.instance, merged), bought_gpu(self.instance, merged)
        share = np.divide(bought, busy, out=np.zeros_like(busy), where=busy > 0)
        price = self.measures["on_demand_usd"].per_on_demand[region]
        paid: np.ndarray = np.where(flows.served, price * share[region, hour], 0.0)
        return paid
