"""What a placement comes to: one account that every total, table and report reads.

The parts of a plan's cost, energy and emissions are measures (`unit_values`), so each total is an
inner product of two grids of the flows with a measure: energy by region and hour, and requests by
source and place. A year costs one pass over its merged flows, and none is expanded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from wattlas.model.plan import Totals
from wattlas.placement.constraints.registry import linked_components, linked_usd
from wattlas.placement.problem import unit_values as units
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure
from wattlas.units import G_PER_KG, G_PER_T, KG_PER_T

COMPONENTS: dict[str, Callable[[Instance], Measure]] = {
    "requests": units.served,
    "it_mwh": units.it_energy,
    "facility_mwh": units.facility_energy,
    "gpu_h": units.accelerator_time,
    "egress_gb": units.egress_volume,
    "energy_usd": units.energy,
    "on_demand_usd": units.on_demand,
    "egress_usd": units.egress,
    "carbon_kg": lambda i: units.carbon(i).times(KG_PER_T, "kg"),
    "carbon_average_kg": lambda i: _kg_at(i, i.scenario.average_g_per_kwh),
}
"""What is added up over the flows, by the name of its total."""
MARGINAL = "carbon_marginal_kg"
STEPS = 1024
"""So many steps of all demands are looked at in one go."""


def _kg_at(instance: Instance, g_per_kwh: np.ndarray) -> Measure:
    return units.carbon_at(instance, g_per_kwh).times(KG_PER_T, "kg")


def components(
    instance: Instance, only: Sequence[str] | None = None
) -> Iterator[tuple[str, Measure]]:
    """The components of the account by name, marginal carbon where it is known; `only` some."""
    for name, measure in COMPONENTS.items():
        if only is None or name in only:
            yield name, measure(instance)
    marginal = instance.scenario.signals.marginal_g_per_kwh
    if marginal is not None and (only is None or MARGINAL in only):
        yield MARGINAL, _kg_at(instance, marginal[instance.scenario.region_zone])


@dataclass(frozen=True)
class Account:
    """Merged flows added up, hours counted: `it_kwh` (R, T), `requests` (S, R, O), `served` and
    `unserved` (S, T), `bought_gpu_h` (R,) beyond what is reserved.
    """

    instance: Instance
    it_kwh: np.ndarray
    requests: np.ndarray
    served: np.ndarray
    unserved: np.ndarray
    bought_gpu_h: np.ndarray

    @staticmethod
    def of(instance: Instance, flows: SourceFlows) -> Account:
        """Add up the merged flows of a placement. Flat indices: there are millions."""
        s, r, o = instance.allowed.shape
        t = instance.demand.shape[1]

        def grid(index: np.ndarray, weight: np.ndarray, *shape: int) -> np.ndarray:
            sums: np.ndarray = np.bincount(index, weight, int(np.prod(shape)))
            return sums.reshape(shape)

        on = flows.served
        gone = flows.where(~on)
        if len(gone.hour):
            flows = flows.where(on)
        requests = flows.value * instance.hours[flows.hour]
        use = flows.source * o + flows.point
        kwh = requests * instance.energy_kwh.ravel()[use]
        place = (flows.source * r + flows.region) * o + flows.point
        lost = gone.value * instance.hours[gone.hour]
        return Account(
            instance,
            it_kwh=grid(flows.region * t + flows.hour, kwh, r, t),
            requests=grid(place, requests, s, r, o),
            served=grid(flows.source * t + flows.hour, requests, s, t),
            unserved=grid(gone.source * t + gone.hour, lost, s, t),
            bought_gpu_h=_bought(instance, flows),
        )

    @cached_property
    def lost(self) -> np.ndarray:
        """Requests of each source that go unserved, (S,)."""
        summed: np.ndarray = self.unserved.sum(axis=1)
        return summed

    def total(self, measure: Measure) -> float:
        """The sum of a measure over all flows."""
        lost = float(np.nan_to_num(measure.per_unserved) @ self.lost) if self.lost.any() else 0.0
        fixed = float((self.requests * measure.per_request).sum())
        bought = float(measure.per_on_demand @ self.bought_gpu_h)
        return float((self.it_kwh * measure.per_kwh).sum()) + fixed + lost + bought

    def mean_rtt_ms(self) -> float:
        """Request-weighted mean of the way to the node and on to the region; 0 without requests."""
        reach, _ = self._means
        waited = self.total(units.onward(self.instance)) + float((self.served * reach).sum())
        served = float(self.served.sum())
        return waited / served if served else 0.0

    def late_requests(self) -> float:
        """Requests of demand that no place meets the budget of."""
        return float((self.served * self._means[1]).sum())

    @cached_property
    def _means(self) -> tuple[np.ndarray, np.ndarray]:
        return _member_means(self.instance)

    def priced(self, instance: Instance, flows: SourceFlows) -> Account:
        """The same placement in another world, that of an instance with the same sources."""
        return replace(self, instance=instance, bought_gpu_h=_bought(instance, flows))

    def totals(self, linked: SourceFlows | None = None) -> Totals:
        """Sums over the window; what ties hours together is counted for the flows `linked`.

        Warm-up energy is energy, its bill a part of `energy_usd`, and it emits: `friction_usd` is
        the rest of what links cost.
        """
        instance = self.instance
        sums = {name: self.total(measure) for name, measure in components(instance)}
        gamma = instance.scenario.objective.carbon_price_usd_per_t
        friction_usd = 0.0
        if linked is not None:
            parts = linked_components(instance, linked)
            sums = {name: value + parts.get(name, 0.0) for name, value in sums.items()}
            counted = parts.get("energy_usd", 0.0) + gamma * parts.get("carbon_kg", 0.0) / KG_PER_T
            friction_usd = float(linked_usd(instance, linked).sum()) - counted
        return Totals(
            **sums,
            reserved_usd=float(instance.scenario.reserved_usd.sum()),
            unserved_requests=float(self.unserved.sum()),
            late_requests=self.late_requests(),
            friction_usd=friction_usd,
            unserved_usd=self.total(units.unserved_price(instance)),
            carbon_price_usd=gamma * sums["carbon_kg"] * G_PER_KG / G_PER_T,
            rtt_mean_ms=self.mean_rtt_ms(),
        )


def _bought(instance: Instance, flows: SourceFlows) -> np.ndarray:
    if not instance.surplus.any():
        return np.zeros(len(instance.surplus))
    by_region: np.ndarray = units.bought_gpu(instance, flows) @ instance.hours
    return by_region


def totals(instance: Instance, flows: SourceFlows, *, linked: bool = True) -> Totals:
    """Sums over the window of a placement, with what ties hours together counted or not."""
    return Account.of(instance, flows).totals(flows if linked else None)


def add_totals(first: Totals, second: Totals) -> Totals:
    """Sums of two stretches of time; the mean round trip is weighted with the requests served."""
    sums: dict[str, Any] = {}
    for field in fields(Totals):
        a, b = getattr(first, field.name), getattr(second, field.name)
        sums[field.name] = None if a is None or b is None else a + b
    served = first.requests + second.requests
    waited = first.requests * first.rtt_mean_ms + second.requests * second.rtt_mean_ms
    return Totals(**{**sums, "rtt_mean_ms": waited / served if served else 0.0})


def _member_means(instance: Instance) -> tuple[np.ndarray, np.ndarray]:
    """Demand-weighted means over each source's metros: round trip to the node, ms, and the share
    that is late; both (S, T).
    """
    scenario = instance.scenario
    _, metro, klass = instance.members
    source = instance.source_of[metro, klass]
    rtt = scenario.network.rtt_metro_node_ms[metro, scenario.metro_node[metro]]
    late = instance.judged.late[metro, klass]
    first = np.searchsorted(source, np.arange(instance.sources))
    none = np.zeros_like(instance.demand)

    def mean(values: np.ndarray) -> np.ndarray:
        if not len(source):
            return none
        total = np.empty_like(none)
        for low in range(0, total.shape[1], STEPS):
            part = slice(low, low + STEPS)
            demand = scenario.demand_per_h[metro, klass, part]
            total[:, part] = np.add.reduceat(demand * values[:, None], first, axis=0)
        return np.asarray(
            np.divide(total, instance.demand, out=none.copy(), where=instance.demand > 0)
        )

    return mean(rtt), mean(late) if late.any() else none
