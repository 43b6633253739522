"""What a request costs, emits and waits at each place.

Every additive quantity of a placement has the same form, so that one program and one solver serve
them all:

    unit[s, r, o, t] = energy_kwh[s, o] · per_kwh[r, t] + per_request[s, r, o]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.placement.problem.instance import Instance
from wattlas.units import G_PER_T, KWH_PER_MWH

SHED_LAST = 10.0
"""How many times the worst request an unserved one weighs: the dirtiest where carbon is made least,
the farthest where round trips are.
"""
DIRTIEST_G_PER_KWH = 1500.0
"""No grid emits more per kWh: with this the dirtiest request is the same in any stretch of time."""


@dataclass(frozen=True)
class Measure:
    """An additive quantity. Shapes: `per_kwh` (R, T), per IT kWh; `per_request` (S, R, O);
    `per_unserved` (S,), nan where demand must be served.
    """

    unit: str
    per_kwh: np.ndarray
    per_request: np.ndarray
    per_unserved: np.ndarray

    def plus(self, other: Measure, weight: float) -> Measure:
        """This measure and `weight` times another, in this one's unit."""
        return Measure(
            self.unit,
            self.per_kwh + weight * other.per_kwh,
            self.per_request + weight * other.per_request,
            self.per_unserved + weight * other.per_unserved,
        )

    def times(self, factor: float, unit: str) -> Measure:
        """This measure in another unit."""
        return Measure(
            unit, self.per_kwh * factor, self.per_request * factor, self.per_unserved * factor
        )

    def units(self, instance: Instance, hours: slice | np.ndarray) -> np.ndarray:
        """Per request at each place and hour, shape (S, R, O, hours)."""
        per_kwh = self.per_kwh[:, hours]
        dense: np.ndarray = (
            instance.energy_kwh[:, None, :, None] * per_kwh[None, :, None, :]
            + self.per_request[..., None]
        )
        return dense


def cost(instance: Instance, carbon_price_usd_per_t: float | None = None) -> Measure:
    """USD: c = PUE·e·(p/1000 + γ·κ/10⁶) + w·g + η·b, and the price of unserved demand."""
    scenario = instance.scenario
    gamma = (
        scenario.objective.carbon_price_usd_per_t
        if carbon_price_usd_per_t is None
        else carbon_price_usd_per_t
    )
    pue = scenario.pue[:, None]
    per_kwh = pue * (
        scenario.price_usd_per_mwh / KWH_PER_MWH + gamma * scenario.deciding_g_per_kwh / G_PER_T
    )
    transfer = np.array([k.transfer_gb for k in scenario.classes])[instance.klass]
    egress = scenario.network.egress_usd_per_gb[instance.node] * transfer[:, None]
    per_request = rent(instance).per_request + egress[:, :, None]
    return Measure("USD", per_kwh, per_request, instance.unserved_usd)


def rent(instance: Instance) -> Measure:
    """USD of accelerator rent: w·g. Unserved demand rents nothing."""
    scenario = instance.scenario
    price = np.array([r.rent_usd_per_gpu_h for r in scenario.regions])
    none = np.zeros_like(scenario.price_usd_per_mwh, dtype=float)
    per_request = price[None, :, None] * instance.gpu_h[:, None, :]
    return Measure("USD", none, per_request, 0.0 * instance.unserved_usd)


def carbon(instance: Instance) -> Measure:
    """tCO2e at the deciding intensity: PUE·e·κ/10⁶. Unserved demand emits nothing."""
    scenario = instance.scenario
    per_kwh = scenario.pue[:, None] * scenario.deciding_g_per_kwh / G_PER_T
    return Measure("t", per_kwh, _no_fixed(instance), 0.0 * instance.unserved_usd)


def carbon_to_minimise(instance: Instance) -> Measure:
    """Carbon, with unserved demand so heavy that it is shed only where nothing else is left.

    Without this, the least carbon would be to serve nobody.
    """
    plain = carbon(instance)
    heavy = SHED_LAST * _dirtiest_t(instance)
    shed = np.where(np.isnan(instance.unserved_usd), np.nan, heavy)
    return Measure("t", plain.per_kwh, plain.per_request, shed)


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
    none = np.zeros_like(instance.scenario.price_usd_per_mwh, dtype=float)
    each = np.where(np.isnan(instance.unserved_usd), np.nan, 1.0)
    return Measure("requests", none, _no_fixed(instance), each)


def onward_rtt(instance: Instance) -> Measure:
    """Round trip between service node and region, ms per request."""
    table = instance.scenario.network.rtt_node_region_ms
    rtt = table[instance.node]
    shape = instance.allowed.shape
    far = SHED_LAST * max(float(table.max(initial=1.0)), 1.0)
    shed = np.where(np.isnan(instance.unserved_usd), np.nan, far)
    return Measure(
        "ms",
        np.zeros_like(instance.scenario.price_usd_per_mwh),
        np.broadcast_to(rtt[:, :, None], shape).copy(),
        shed,
    )


def zero(instance: Instance) -> Measure:
    """Nothing: every placement is as good as every other."""
    none = np.zeros_like(instance.scenario.price_usd_per_mwh, dtype=float)
    return Measure("", none, _no_fixed(instance), 0.0 * instance.unserved_usd)


def it_energy(instance: Instance) -> Measure:
    """IT energy, MWh. Unserved demand uses none."""
    per_kwh = np.full_like(instance.scenario.price_usd_per_mwh, 1.0 / KWH_PER_MWH, dtype=float)
    return Measure("MWh", per_kwh, _no_fixed(instance), 0.0 * instance.unserved_usd)


def _no_fixed(instance: Instance) -> np.ndarray:
    return np.zeros(instance.allowed.shape)
