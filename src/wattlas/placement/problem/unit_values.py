"""What a request costs, emits and waits at each place.

Every additive quantity of a placement has the same form, so that one program and one solver serve
them all:

    unit[s, r, o, t] = energy_kwh[s, o] · per_kwh[r, t] + per_request[s, r, o]

and so much for each GPU-h that a region buys beyond what it has reserved:

    per_on_demand[r] · max(0, Σ g·x − K[r, t])
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from wattlas.model.plan import UNSERVED
from wattlas.model.unit_values import carbon_t_per_kwh, energy_usd_per_kwh
from wattlas.placement.problem.flows import SourceFlows, by_whole_hours
from wattlas.placement.problem.instance import Instance
from wattlas.units import G_PER_T, KWH_PER_MWH

ROUNDING = 1e-12
"""Use beyond what is reserved by less than this, relative, is rounding."""
SHED_LAST = 10.0
"""How many times the worst request an unserved one weighs: the dirtiest where carbon is made least,
the farthest where round trips are.
"""
AHEAD_MS = 0.01
"""How much nearer the baseline region counts than it is, so that no equally near one is taken: less
than any round trip is known to, more than a solver's rounding."""
DIRTIEST_G_PER_KWH = 1500.0
"""No grid emits more per kWh: with this the dirtiest request is the same in any stretch of time."""


@dataclass(frozen=True)
class Measure:
    """An additive quantity. Shapes: `per_kwh` (R, T), per IT kWh; `per_request` (S, R, O);
    `per_unserved` (S,), nan where demand must be served; `per_on_demand` (R,), ≥ 0, per GPU-h
    beyond what is reserved: only where the instance has a surplus.
    """

    unit: str
    per_kwh: np.ndarray
    per_request: np.ndarray
    per_unserved: np.ndarray
    per_on_demand: np.ndarray

    @cached_property
    def needs_energy(self) -> bool:
        """Whether any kWh counts; asked in each hour, of all hours."""
        return bool(self.per_kwh.any())

    def plus(self, other: Measure, weight: float) -> Measure:
        """This measure and `weight` times another, in this one's unit."""
        return Measure(
            self.unit,
            self.per_kwh + weight * other.per_kwh,
            self.per_request + weight * other.per_request,
            self.per_unserved + weight * other.per_unserved,
            self.per_on_demand + weight * other.per_on_demand,
        )

    def times(self, factor: float, unit: str) -> Measure:
        """This measure in another unit."""
        return Measure(
            unit,
            self.per_kwh * factor,
            self.per_request * factor,
            self.per_unserved * factor,
            self.per_on_demand * factor,
        )

    def of_sources(self, rows: np.ndarray) -> Measure:
        """The measure of some sources."""
        return replace(
            self, per_request=self.per_request[rows], per_unserved=self.per_unserved[rows]
        )

    def units(
        self,
        instance: Instance,
        hour: np.ndarray | int,
        source: np.ndarray,
        region: np.ndarray,
        point: np.ndarray,
    ) -> np.ndarray:
        """Per request of some columns in an hour, or of flows, each in its own; shape of `source`,
        (H, C) for columns in each of the hours (H, 1).

        What is bought beyond the reserved is no request's own, and not in it. Flat indices: there
        are millions of flows.
        """
        _, regions, points = instance.allowed.shape
        # A plan keeps its regions in 16 bits, which do not hold the number of a region's hour.
        place = np.maximum(region, 0, dtype=np.int64)
        unit: np.ndarray = self.per_request.ravel().take(
            (source * regions + place) * points + point
        )
        if self.needs_energy:
            energy_kwh = instance.energy_kwh.ravel().take(source * points + point)
            used = energy_kwh * self.per_kwh.ravel().take(place * self.per_kwh.shape[1] + hour)
            used += unit
            unit = used
        gone = np.flatnonzero(region == UNSERVED)
        if len(gone):
            # What a policy leaves unserved although it must be served has no price: it counts
            # nothing.
            price = self.per_unserved[source[gone]]
            unit[..., gone] = np.where(np.isnan(price), 0.0, price)
        return unit

    def by_hour(self, instance: Instance, flows: SourceFlows) -> np.ndarray:
        """The sum over flows in each step, and what they buy beyond the reserved, counted as the
        hours it stands for; shape (T,).
        """
        per_step = np.zeros(instance.demand.shape[1])
        for part in by_whole_hours(flows):
            unit = self.units(instance, *part[:4])
            per_step += np.bincount(part.hour, unit * part.value, len(per_step))
        if self.per_on_demand.any():
            per_step += self.per_on_demand @ bought_gpu(instance, flows)
        weighted: np.ndarray = per_step * instance.hours
        return weighted


def used_gpu(instance: Instance, flows: SourceFlows) -> np.ndarray:
    """Accelerators in use, GPU-h/h: Σ g·x, shape (R, T)."""
    regions, hours = instance.capacity.shape
    points = instance.gpu_h.shape[1]
    busy = np.zeros(regions * hours)
    for part in by_whole_hours(flows):
        on = np.flatnonzero(part.served)
        hour, source, region, point, value = part.where(on)
        per_request = instance.gpu_h.ravel().take(source * points + point)
        busy += np.bincount(region * hours + hour, per_request * value, regions * hours)
    return busy.reshape(regions, hours)


def bought_gpu(instance: Instance, flows: SourceFlows) -> np.ndarray:
    """Accelerators on demand beyond the reserved, GPU-h/h: max(0, Σ g·x − K), (R, T).

    0 where a region cannot buy any: what a policy puts there too much is no purchase. What is
    within rounding of K is none either.
    """
    busy = used_gpu(instance, flows)
    capacity = np.where(instance.surplus > 0, instance.capacity, np.inf)
    over = np.maximum(busy - capacity, 0.0)
    return np.where(over > ROUNDING * busy, over, 0.0)


def energy(instance: Instance) -> Measure:
    """USD of electricity: PUE·e·p/1000."""
    scenario = instance.scenario
    per_kwh = energy_usd_per_kwh(scenario.pue[:, None], scenario.price_usd_per_mwh)
    return _per_kwh(instance, "USD", per_kwh)


def on_demand(instance: Instance) -> Measure:
    """USD of accelerators on demand: w·g where nothing is reserved, else w per GPU-h beyond it."""
    scenario = instance.scenario
    price = scenario.used_usd_per_gpu_h
    unit = _per_request(instance, "USD", price[None, :, None] * instance.gpu_h[:, None, :])
    more = np.where(scenario.buys_surplus, scenario.on_demand_usd_per_gpu_h, 0.0)
    return replace(unit, per_on_demand=more)


def egress_volume(instance: Instance) -> Measure:
    """GB between service node and region: b_k/10⁹."""
    transfer = np.array([k.transfer_gb for k in instance.scenario.classes])[instance.klass]
    return _per_request(instance, "GB", transfer[:, None, None])


def egress(instance: Instance) -> Measure:
    """USD of egress: η[s,r]·b_k/10⁹."""
    price = instance.scenario.network.egress_usd_per_gb[instance.node]
    volume = egress_volume(instance).per_request
    return _per_request(instance, "USD", np.where(volume > 0, volume * price[:, :, None], 0.0))


def accelerator_time(instance: Instance) -> Measure:
    """GPU-h: g."""
    return _per_request(instance, "GPU-h", instance.gpu_h[:, None, :])


def carbon(instance: Instance) -> Measure:
    """tCO2e at the deciding intensity: PUE·e·κ/10⁶. Unserved demand emits nothing."""
    return carbon_at(instance, instance.scenario.deciding_g_per_kwh)


def carbon_at(instance: Instance, g_per_kwh: np.ndarray) -> Measure:
    """tCO2e at other intensities (R, T)."""
    per_kwh = carbon_t_per_kwh(instance.scenario.pue[:, None], g_per_kwh)
    return _per_kwh(instance, "t", per_kwh)


def unserved_price(instance: Instance) -> Measure:
    """USD of going unserved."""
    nothing = _per_request(instance, "USD", np.zeros((1, 1, 1)))
    return replace(nothing, per_unserved=instance.unserved_usd)


def cost(instance: Instance, carbon_price_usd_per_t: float | None = None) -> Measure:
    """USD: c = PUE·e·(p/1000 + γ·κ/10⁶) + w·g + η·b, and the price of unserved demand.

    What has no price weighs nothing here, where placements are compared; `stated_cost` is what
    they come to.
    """
    stated = instance.scenario.objective.carbon_price_usd_per_t
    gamma = stated if carbon_price_usd_per_t is None else carbon_price_usd_per_t
    power, traffic = energy(instance), egress(instance)
    power = replace(power, per_kwh=_priced(power.per_kwh))
    traffic = replace(traffic, per_request=_priced(traffic.per_request))
    money = power.plus(on_demand(instance), 1.0).plus(traffic, 1.0)
    money = replace(money, per_unserved=instance.unserved_usd)
    return money.plus(carbon(instance), gamma) if gamma else money


def _priced(value: np.ndarray) -> np.ndarray:
    """What has no price as free; most often all have one."""
    return value if np.isfinite(value).all() else np.nan_to_num(value)


def stated_cost(instance: Instance, carbon_price_usd_per_t: float | None = None) -> Measure:
    """USD as `cost`, nan where electricity or traffic has no price."""
    whole = cost(instance, carbon_price_usd_per_t)
    if instance.scenario.signals.priced:
        return whole
    return whole.plus(energy(instance), 0.0).plus(egress(instance), 0.0)


def facility_energy(instance: Instance) -> Measure:
    """Energy at the meter, MWh: PUE·e/1000."""
    pue = instance.scenario.pue[:, None] / KWH_PER_MWH
    return _per_kwh(instance, "MWh", np.broadcast_to(pue, _shape_per_kwh(instance)))


def carbon_to_minimise(instance: Instance) -> Measure:
    """Carbon, with unserved demand so heavy that it is shed only where nothing else is left.

    Without this, the least carbon would be to serve nobody.
    """
    plain = carbon(instance)
    heavy = SHED_LAST * _dirtiest_t(instance)
    shed = np.where(np.isnan(instance.unserved_usd), np.nan, heavy)
    return replace(plain, per_unserved=shed)


def _dirtiest_t(instance: Instance) -> float:
    """Tonnes of the largest request at the highest PUE on the dirtiest grid.

    Neither demand nor any grid below `DIRTIEST_G_PER_KWH` changes it: a plan in parts is then the
    plan in one piece.
    """
    scenario = instance.scenario
    grid = max(DIRTIEST_G_PER_KWH, float(np.abs(scenario.deciding_g_per_kwh).max(initial=0.0)))
    largest_kwh = float(scenario.it_kwh.max(initial=0.0) * scenario.pue.max())
    return max(largest_kwh * grid / G_PER_T, 1e-12)


def unserved(instance: Instance) -> Measure:
    """Requests that go unserved."""
    nothing = zero(instance)
    unit = np.where(np.isnan(instance.unserved_usd), np.nan, 1.0)
    return replace(nothing, unit="requests", per_unserved=unit)


def served(instance: Instance) -> Measure:
    """Requests that are served."""
    return _per_request(instance, "requests", np.ones((1, 1, 1)))


def onward_rtt(instance: Instance) -> Measure:
    """Round trip between service node and region, ms per request; going unserved is farthest."""
    table = instance.scenario.network.rtt_node_region_ms
    far = SHED_LAST * max(float(table.max(initial=1.0)), 1.0)
    shed = np.where(np.isnan(instance.unserved_usd), np.nan, far)
    return replace(onward(instance), per_unserved=shed)


def baseline_first(instance: Instance) -> Measure:
    """Round trip as `onward_rtt`, the baseline region ahead of all that are equally near.

    A stated baseline region counts as being at the service node. What the baseline region cannot
    take overflows to the nearest.
    """
    measure = onward_rtt(instance)
    has = np.flatnonzero(instance.baseline_region >= 0)
    site = instance.scenario.site
    s, at = np.nonzero(site[None, :] == site[instance.baseline_region[has]][:, None])
    stated, rtt = instance.baseline_stated[has[s]], measure.per_request[has[s], at]
    measure.per_request[has[s], at] = np.where(stated[:, None], 0.0, rtt) - AHEAD_MS
    return measure


def onward(instance: Instance) -> Measure:
    """Round trip between service node and region, ms per request."""
    rtt = instance.scenario.network.rtt_node_region_ms[instance.node]
    return _per_request(instance, "ms", rtt[:, :, None])


def zero(instance: Instance) -> Measure:
    """Nothing: every placement is as good as every other."""
    return _per_request(instance, "", np.zeros((1, 1, 1)))


def it_energy(instance: Instance) -> Measure:
    """IT energy, MWh: e/1000."""
    return _per_kwh(instance, "MWh", np.full(_shape_per_kwh(instance), 1.0 / KWH_PER_MWH))


def _shape_per_kwh(instance: Instance) -> tuple[int, int]:
    return len(instance.scenario.regions), instance.scenario.hours.count


def _per_kwh(instance: Instance, unit: str, per_kwh: np.ndarray) -> Measure:
    """So much per IT kWh, and nothing for unserved demand."""
    fixed = np.zeros(instance.allowed.shape)
    free = 0.0 * instance.unserved_usd
    return Measure(unit, per_kwh, fixed, free, np.zeros(len(instance.capacity)))


def _per_request(instance: Instance, unit: str, per_request: np.ndarray) -> Measure:
    """So much per request (broadcast to (S, R, O)), and nothing for unserved demand."""
    full = np.broadcast_to(per_request, instance.allowed.shape).astype(float)
    free, nothing = 0.0 * instance.unserved_usd, np.zeros(len(instance.capacity))
    return Measure(unit, np.zeros(_shape_per_kwh(instance)), full, free, nothing)
