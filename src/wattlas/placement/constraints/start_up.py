"""Starting capacity costs: weights are carried, accelerators warm up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.model.frictions import Frictions
from wattlas.model.objective import Window
from wattlas.model.scenario import Scenario
from wattlas.model.unit_values import carbon_t_per_kwh, energy_usd_per_kwh
from wattlas.model.workload import OperatingPoint
from wattlas.placement.constraints.base import Constraint, Link
from wattlas.placement.constraints.linked import LevelLink, rise_rows
from wattlas.placement.constraints.registry import register
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.lp import ColumnLayout
from wattlas.placement.problem.rows import HourlyRows, Rows, repeated
from wattlas.units import BYTES_PER_GB, G_PER_KG, G_PER_T, KWH_PER_MWH


@dataclass(frozen=True)
class Starts:
    """What a GPU-h/h started takes in region r, of a copy m of a model, whenever it is started.

    `usd` (R, M): the given price, and the weights at the mean egress price into the region where
    they are carried, once for each copy: each accelerator that it spans carries its part.
    `it_kwh`: warm-up energy.
    """

    usd: np.ndarray
    it_kwh: float

    def money(
        self, usd: np.ndarray | float, pue: np.ndarray | float, price: np.ndarray
    ) -> np.ndarray:
        """USD with warm-up at PUE · price, never below zero: a negative price does not pay for
        starting what is not needed, without end.
        """
        paid: np.ndarray = np.maximum(usd + self.it_kwh * energy_usd_per_kwh(pue, price), 0.0)
        return paid

    def carbon_t(self, pue: np.ndarray | float, g_per_kwh: np.ndarray) -> np.ndarray:
        """tCO2e of warm-up at PUE · κ, never below zero for the same reason."""
        emitted: np.ndarray = np.maximum(self.it_kwh * carbon_t_per_kwh(pue, g_per_kwh), 0.0)
        return emitted


def starts_of(scenario: Scenario, points: Sequence[OperatingPoint]) -> Starts:
    """What starting takes under a scenario's frictions; M are the copies that run some points."""
    frictions, stated = scenario.frictions, scenario.frictions.start_usd_by_region
    base = np.array(
        [
            stated.get(r.id, stated.get(r.site, frictions.start_usd_per_gpu_h))
            for r in scenario.regions
        ]
    )
    kinds = list(dict.fromkeys((p.variant, p.accelerators) for p in points))
    carried_gb = np.zeros(len(kinds))
    if frictions.carry_weights:
        for point in points:
            m = kinds.index((point.variant, point.accelerators))
            gb_per_gpu = point.weights_bytes / BYTES_PER_GB / point.accelerators
            carried_gb[m] = max(carried_gb[m], gb_per_gpu)
    inbound = scenario.network.egress_usd_per_gb.mean(axis=0)
    usd = base[:, None] + inbound[:, None] * carried_gb[None, :]
    return Starts(usd, frictions.start_kwh_per_gpu_h)


def start_usd_per_gpu_h(instance: Instance) -> np.ndarray:
    """F[r,m,t]: USD per GPU-h/h started, (R, M, T), the carbon of warm-up at its price included."""
    scenario = instance.scenario
    starts, pue = starts_of(scenario, scenario.points), scenario.pue[:, None, None]
    money = starts.money(starts.usd[:, :, None], pue, scenario.price_usd_per_mwh[:, None])
    gamma = scenario.objective.carbon_price_usd_per_t
    return np.asarray(money + gamma * start_t_per_gpu_h(instance))


def start_t_per_gpu_h(instance: Instance) -> np.ndarray:
    """tCO2e of warm-up per GPU-h/h started at the deciding intensity, shape (R, 1, T)."""
    scenario = instance.scenario
    pue, g_per_kwh = scenario.pue[:, None], scenario.deciding_g_per_kwh
    return starts_of(scenario, scenario.points).carbon_t(pue, g_per_kwh)[:, None]


def start_per_gpu_h(instance: Instance, unit: str) -> np.ndarray:
    """What a GPU-h/h started adds to a measure in a unit, (R, M, T); nothing to other units."""
    names = len(instance.copies[0])
    if unit == "USD":
        return start_usd_per_gpu_h(instance)
    tonnes = start_t_per_gpu_h(instance) * (unit == "t")
    return np.repeat(tonnes, names, axis=1)


class StartUpLink(LevelLink):
    """u[h,r,m] = Σ g·x is what runs in region r of the model copies m; v ≥ u[h] − u[h−1] starts."""

    name = "start_up"
    rise_block = "v"

    def blocks(self, instance: Instance) -> dict[str, int]:
        """R · M columns of each."""
        count = len(instance.capacity) * len(instance.copies[0])
        return {"u": count, "v": count}

    def rows(self, layout: ColumnLayout) -> list[Rows]:
        """What is held, and what is started."""
        return [holding(layout), starting(layout)]

    def level(self, instance: Instance, flows: SourceFlows) -> np.ndarray:
        """What is held of each model in each region, GPU-h/h, (R, M, T)."""
        return held(instance, flows)

    def charges(self, scenario: Scenario, unit: str) -> bool:
        """Money, and carbon where accelerators warm up."""
        return unit == "USD" or (unit == "t" and scenario.frictions.start_kwh_per_gpu_h > 0)

    def per_rise(self, instance: Instance, unit: str) -> np.ndarray:
        """F, or the carbon of warm-up, (R, M, T)."""
        return start_per_gpu_h(instance, unit)

    def components(self, instance: Instance, flows: SourceFlows) -> dict[str, np.ndarray]:
        """Energy and carbon of warm-up."""
        scenario = instance.scenario
        it_kwh = scenario.frictions.start_kwh_per_gpu_h
        if not it_kwh:
            return {}
        kwh = it_kwh * self.rises(instance, flows).sum(axis=1)  # (R, T)
        facility = scenario.pue[:, None] * kwh
        out = {
            "it_mwh": kwh / KWH_PER_MWH,
            "facility_mwh": facility / KWH_PER_MWH,
            "energy_usd": facility / KWH_PER_MWH * scenario.price_usd_per_mwh,
            "carbon_kg": kwh * start_t_per_gpu_h(instance)[:, 0] / it_kwh * G_PER_T / G_PER_KG,
            "carbon_average_kg": facility * scenario.average_g_per_kwh / G_PER_KG,
        }
        marginal = scenario.signals.marginal_g_per_kwh
        if marginal is not None:
            out["carbon_marginal_kg"] = facility * marginal[scenario.region_zone] / G_PER_KG
        return {name: grid.sum(axis=0) for name, grid in out.items()}


def held(instance: Instance, flows: SourceFlows) -> np.ndarray:
    """u of a set of flows, GPU-h/h, (R, M, T)."""
    names, variant = instance.copies
    shape = (len(instance.capacity), len(names), instance.demand.shape[1])
    on = flows.where(flows.served)
    cell = (on.region * shape[1] + variant[on.point]) * shape[2] + on.hour
    busy = instance.gpu_h[on.source, on.point] * on.value
    level: np.ndarray = np.bincount(cell, busy, int(np.prod(shape))).reshape(shape)
    return level


def holding(layout: ColumnLayout) -> Rows:
    """u[h,r,m] = Σ_{s, o of m} g[s,o]·x[h,s,r,o]: what is held is what runs."""
    instance = layout.instance
    names, variant = instance.copies
    columns = instance.columns
    place = np.flatnonzero(columns.served)
    source, region, point = columns.source[place], columns.region[place], columns.point[place]
    u = layout.column("u")
    count = u.shape[1]
    row = np.concatenate([region * len(names) + variant[point], np.arange(count)])
    value = np.concatenate([instance.gpu_h[source, point], -np.ones(count)])
    column = np.concatenate([layout.column("x")[:, place], u], axis=1)
    zero = np.zeros(u.shape)
    return repeated("holding", row, value, column, zero, zero)


def starting(layout: ColumnLayout) -> Rows:
    """v[h] ≥ u[h] − u[h−1], v ≥ 0; before the first step u is what the scenario's start says."""
    before, u = StartUpLink().before(layout), layout.column("u")
    places = np.arange(u.shape[1])
    return rise_rows("starting", places, u, layout.column("v"), before, layout.follows)


@register
class StartUp(Constraint):
    """Σ F·v is paid, v ≥ u[h] − u[h−1]."""

    name = "start_up"
    without = "without the cost of starting capacity"

    def link(self, scenario: Scenario) -> Link | None:
        """Where starting costs anything."""
        return StartUpLink() if scenario.frictions.starts else None

    def window(self, scenario: Scenario) -> Window | None:
        """All hours."""
        return Window.ALL if scenario.frictions.starts else None

    def present(self, scenario: Scenario) -> bool:
        """Whether starting costs anything."""
        return scenario.frictions.starts

    def relaxed(self, scenario: Scenario) -> Scenario:
        """Starting is free; what else is charged stays."""
        frictions = scenario.frictions
        free = Frictions(move_state=frictions.move_state, initial=frictions.initial)
        return replace(scenario, frictions=free)

    def no_worse(
        self, instance: Instance, rows: HourlyRows | None, better: int, point: int
    ) -> np.ndarray | bool:
        """Of the same model and accelerator time: a thirstier point keeps more running."""
        if not instance.scenario.frictions.starts:
            return True
        variant = instance.copies[1]
        same = instance.gpu_h[:, better] == instance.gpu_h[:, point]
        mask: np.ndarray = (same & (variant[better] == variant[point]))[:, None]
        return mask
