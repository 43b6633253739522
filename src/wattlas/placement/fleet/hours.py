"""The oracle of fleets: what a fleet costs in every hour, and what one accelerator more is worth.

Given the usable accelerators K of each region the hours fall apart. Each is solved exactly by the
hour's solvers; the dual of its capacity is the slope of its optimum V_t in K. An hour that cannot
be served is asked how much it is short of, in GPU-h at the leanest operating point, S_t(K): convex
in K, too, and what may not be above zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wattlas.errors import SolverError
from wattlas.placement.fleet.master import CutMaster
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.problem.flows import SourceFlows, join
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure, zero

DEAR, DEARER = 10.0, 100.0
"""What an unserved request costs in an hour's program, in the most that one costs anywhere; and by
what that grows where it is shed although it could be served."""
MOST_RAISES = 4
SHORT = 1e-9
"""Shortage below this, relative to the hour's demand in GPU-h, is rounding."""
SHED = 1e-8
"""Likewise what a solution sheds: more than what a shortage that is rounding can be."""
WORST = 48
"""So many of the hours that are most short become cuts in a round; the others follow."""


@dataclass(frozen=True)
class Sized:
    """What the hours answer for a fleet: `value` (T,) and `slope` (R, T), hours counted; `short`
    (T,) GPU-h/h that cannot be served, with its `short_slope` (R, T). `instance` holds the fleet,
    and `flows` are what it serves."""

    value: np.ndarray
    slope: np.ndarray
    short: np.ndarray
    short_slope: np.ndarray
    instance: Instance
    flows: SourceFlows


@dataclass
class FleetHours:
    """Hours of an instance whose accelerators are to be found.

    `site` (R,) is what reserved and on-demand accelerators may be together, inf where any;
    `measure` is what is made least, without what reserved accelerators cost. `steps` are the hours
    that are asked, and `group` (T,) says which have their cuts together. Where they are a sample,
    `weight` (T,) says for how many hours each stands, and `whole` is the master of all hours: it
    learns what is true of the sampled hours alone.
    """

    instance: Instance
    measure: Measure
    site: np.ndarray
    steps: np.ndarray
    group: np.ndarray
    floor: np.ndarray
    """The optimum of every hour without any limit, (T,): what is known of hours that are not
    asked."""
    weight: np.ndarray | None = None
    whole: CutMaster | None = None
    memory: dict[str, Any] = field(default_factory=dict)
    short_memory: dict[str, Any] = field(default_factory=dict)
    dearest: np.ndarray | None = None
    """What an unserved request of each source is taken to cost at most to serve, in the measure's
    unit, (S,), where the measure does not say: one that counts some sources alone."""

    def ask(self, y: np.ndarray, master: CutMaster) -> float:
        """The cost of all hours at K = `y`, inf where any is short; the master learns."""
        sized = self.at(y)
        worst = np.argsort(-sized.short)[:WORST]
        worst = worst[sized.short[worst] > 0]
        for each in (master, self.whole):
            if each is not None:
                each.forbid(sized.short[worst], sized.short_slope[:, worst].T, y)
        if self.whole is not None:
            rest = np.setdiff1d(np.arange(len(self.group)), self.steps)
            self._teach(self.whole, sized, y, np.ones(len(self.group)), rest)
        weight = np.ones(len(self.group)) if self.weight is None else self.weight
        self._teach(master, sized, y, weight, self.steps[:0])
        total = float(weight[self.steps] @ sized.value[self.steps])
        return float(np.inf) if len(worst) else total

    def _teach(
        self,
        master: CutMaster,
        sized: Sized,
        y: np.ndarray,
        weight: np.ndarray,
        unasked: np.ndarray,
    ) -> None:
        """Cuts of the groups of the asked hours; of those that are not, the floor counts."""
        at, groups = self.steps, len(master.floor)
        value = np.bincount(self.group[at], (weight * sized.value)[at], groups)
        value += np.bincount(self.group[unasked], self.floor[unasked], groups)
        slopes = (weight * sized.slope)[:, at]
        slope = np.array([np.bincount(self.group[at], row, groups) for row in slopes]).T
        known = np.unique(self.group[at])
        master.learn(known, value[known], slope[known], y)

    def at(self, gpu: np.ndarray) -> Sized:
        """Every asked hour at a fleet (R,)."""
        part = with_fleet(self.instance, gpu, self.site)
        elastic = priced(part, self.measure, DEAR, self.dearest)
        solution = self._solved(part, elastic, self.steps, self.memory)
        flows = solution.flows
        value, slope = self.measure_by_hour(part, elastic, solution)
        short, short_slope = np.zeros(part.demand.shape[1]), np.zeros_like(slope)
        shed = _shed_hours(part, flows)
        if len(shed):
            found = shortage(part, self.site, shed, self.short_memory)
            short, short_slope = found.short, found.slope
            flows = self._raised(part, shed[short[shed] == 0], flows, value, slope)
        return Sized(value, slope, short, short_slope, part, flows)

    def _raised(
        self, part: Instance, steps: np.ndarray, flows: SourceFlows, value: np.ndarray,
        slope: np.ndarray,
    ) -> SourceFlows:  # fmt: skip
        """Hours that shed what they could serve, at higher prices until they serve it; `value` and
        `slope` are put right. Returns all flows.
        """
        price = DEAR
        for _ in range(MOST_RAISES):
            if not len(steps):
                return flows
            price *= DEARER
            elastic = priced(part, self.measure, price, self.dearest)
            solution = self._solved(part, elastic, steps, None)
            more = self.measure_by_hour(part, elastic, solution)
            value[steps], slope[:, steps] = more[0][steps], more[1][:, steps]
            kept = flows.where(np.flatnonzero(~np.isin(flows.hour, steps)))
            flows = join([kept, solution.flows])
            steps = _shed_hours(part, solution.flows)
        if len(steps):
            raise SolverError("an hour sheds demand that it could serve, at any price")
        return flows

    def measure_by_hour(
        self, part: Instance, measure: Measure, solution: Solution
    ) -> tuple[np.ndarray, np.ndarray]:
        """(value, slope in K) of every hour, hours counted."""
        value = measure.by_hour(part, solution.flows)
        slope = worth(part, measure, solution.duals["capacity"], self.site)
        return value, slope * part.hours

    def _solved(
        self, part: Instance, measure: Measure, steps: np.ndarray, memory: dict[str, Any] | None
    ) -> Solution:
        return solve_hours(priced_instance(part, measure), measure, None, steps, memory=memory)


def with_fleet(instance: Instance, gpu: np.ndarray, site: np.ndarray) -> Instance:
    """The instance with so many accelerators in each region, (R,), in all hours."""
    hours = instance.demand.shape[1]
    room = np.full_like(site, np.inf)
    np.subtract(site, gpu, out=room, where=np.isfinite(site))
    return replace(
        instance,
        capacity=np.repeat(gpu[:, None], hours, axis=1),
        surplus=np.minimum(instance.surplus, np.maximum(room, 0.0)[:, None]),
    )


def priced(
    instance: Instance, measure: Measure, times: float, most: np.ndarray | None = None
) -> Measure:
    """The measure with a price for what must be served, above all that serving it costs: `most`
    (S,) per request, as the measure has it unless given."""
    dearest = times * (_dearest(instance, measure) if most is None else most)
    must = np.isnan(measure.per_unserved)
    return replace(measure, per_unserved=np.where(must, dearest, measure.per_unserved))


def priced_instance(instance: Instance, measure: Measure) -> Instance:
    """The instance in which everything may go unserved, as the measure prices it."""
    return replace(instance, unserved_usd=measure.per_unserved)


def _dearest(instance: Instance, measure: Measure) -> np.ndarray:
    """The most that a request of each source costs anywhere, bought by the hour, (S,)."""
    energy = np.where(instance.allowed, instance.energy_kwh[:, None, :], 0.0)
    per_kwh = np.abs(measure.per_kwh).max(axis=1, initial=0.0)[None, :, None]
    bought = instance.gpu_h[:, None, :] * measure.per_on_demand[None, :, None]
    units = energy * per_kwh + np.where(instance.allowed, np.abs(measure.per_request) + bought, 0.0)
    most = np.asarray(units.max(axis=(1, 2), initial=0.0))
    return np.asarray(np.maximum(most, 1e-3 * float(most.max(initial=0.0)) + 1e-12))


def _shed_hours(instance: Instance, flows: SourceFlows) -> np.ndarray:
    """The hours in which demand goes unserved although it has no price for that."""
    out = ~flows.served & np.isnan(instance.unserved_usd[flows.source])
    lean, hours = leanest(instance), instance.demand.shape[1]
    shed = np.bincount(flows.hour[out], lean[flows.source[out]] * flows.value[out], hours)
    return np.flatnonzero(shed > SHED * (lean @ instance.demand))


def worth(instance: Instance, measure: Measure, dual: np.ndarray, site: np.ndarray) -> np.ndarray:
    """Change of the hour's optimum per further reserved accelerator, ≤ 0, (R, T).

    Where the site is full, one more that is reserved is one fewer on demand: it saves that one's
    price at most.
    """
    full = np.isfinite(site) & (instance.scenario.on_demand_gpu > 0)
    at_limit = full[:, None] & (instance.capacity + instance.surplus >= site[:, None])
    slope: np.ndarray = np.where(at_limit, np.maximum(dual, -measure.per_on_demand[:, None]), dual)
    return slope


@dataclass(frozen=True)
class Shortage:
    """`short` (T,) GPU-h/h that cannot be served, and its `slope` (R, T) in K."""

    short: np.ndarray
    slope: np.ndarray


def shortage(
    instance: Instance,
    site: np.ndarray,
    steps: np.ndarray,
    memory: dict[str, Any] | None = None,
) -> Shortage:
    """The least shortage of some steps with the accelerators that an instance has.

    Counted at the leanest operating point of each source; what may go unserved at a price is no
    shortage. Rounding is 0.
    """
    must = np.isnan(instance.unserved_usd)
    lean = leanest(instance) * must
    measure = replace(zero(instance), unit="GPU-h", per_unserved=lean)
    solution = solve_hours(priced_instance(instance, measure), measure, None, steps, memory=memory)
    flows = solution.flows
    out = ~flows.served
    short = np.bincount(
        flows.hour[out], lean[flows.source[out]] * flows.value[out], instance.demand.shape[1]
    )
    slope = np.zeros(instance.capacity.shape)
    slope[:, steps] = worth(instance, measure, solution.duals["capacity"], site)[:, steps]
    size = SHORT * (lean @ instance.demand)
    return Shortage(np.where(short > size, short, 0.0), slope)


def leanest(instance: Instance) -> np.ndarray:
    """The least accelerator time of a request of each source, GPU-h, (S,); 0 where no place."""
    least = instance.least_gpu_h.min(axis=1, initial=np.inf)
    return np.asarray(np.where(np.isfinite(least), least, 0.0))
