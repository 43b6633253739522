"""Starting capacity costs: weights are carried, accelerators warm up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wattlas.model.frictions import Frictions
from wattlas.model.objective import Window
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.base import Constraint, Link
from wattlas.placement.constraints.linked import LevelLink, rise_rows
from wattlas.placement.constraints.registry import register
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.lp import Layout
from wattlas.placement.problem.rows import HourlyRows, Rows, repeated
from wattlas.units import BYTES_PER_GB, KWH_PER_MWH


def start_usd_per_gpu_h(instance: Instance) -> np.ndarray:
    """F[r,m,t]: USD per GPU-h/h started, shape (R, M, T).

    The given price, the warm-up energy at PUE · price, and the model's bytes at the mean egress
    price into the region where weights are carried. Never below zero: a negative price does not
    pay for starting what is not needed, without end.
    """
    scenario, frictions = instance.scenario, instance.scenario.frictions
    names, variant = instance.variants
    base = np.array(
        [
            frictions.start_usd_by_region.get(r.id, frictions.start_usd_per_gpu_h)
            for r in scenario.regions
        ]
    )
    warm_up = (
        frictions.start_kwh_per_gpu_h
        * scenario.pue[:, None]
        * scenario.price_usd_per_mwh
        / KWH_PER_MWH
    )
    carried = np.zeros((len(scenario.regions), len(names)))
    if frictions.carry_weights:
        weights_gb = np.zeros(len(names))
        for point, m in zip(scenario.points, variant, strict=True):
            weights_gb[m] = max(weights_gb[m], point.weights_bytes / BYTES_PER_GB)
        inbound = scenario.network.egress_usd_per_gb.mean(axis=0)
        carried = inbound[:, None] * weights_gb[None, :]
    total = base[:, None, None] + warm_up[:, None, :] + carried[:, :, None]
    never_paid: np.ndarray = np.maximum(total, 0.0)
    return never_paid


class StartUpLink(LevelLink):
    """u[h,r,m] = Σ g·x is what runs of model m in region r, GPU-h/h; v ≥ u[h] − u[h−1] starts."""

    name = "start_up"
    rise_block = "v"

    def blocks(self, instance: Instance) -> dict[str, int]:
        """R · M columns of each."""
        count = len(instance.capacity) * len(instance.variants[0])
        return {"u": count, "v": count}

    def rows(self, layout: Layout) -> list[Rows]:
        """What is held, and what is started."""
        return [holding(layout), starting(layout)]

    def level(self, instance: Instance, flows: SourceFlows) -> np.ndarray:
        """What is held of each model in each region, GPU-h/h, (R, M, T)."""
        return held(instance, flows)

    def usd_per_rise(self, instance: Instance) -> np.ndarray:
        """F, (R, M, T)."""
        return start_usd_per_gpu_h(instance)


def held(instance: Instance, flows: SourceFlows) -> np.ndarray:
    """u of a set of flows, GPU-h/h, (R, M, T)."""
    names, variant = instance.variants
    shape = (len(instance.capacity), len(names), instance.demand.shape[1])
    on = flows.where(flows.served)
    cell = (on.region * shape[1] + variant[on.point]) * shape[2] + on.hour
    used = instance.gpu_h[on.source, on.point] * on.value
    level: np.ndarray = np.bincount(cell, used, int(np.prod(shape))).reshape(shape)
    return level


def holding(layout: Layout) -> Rows:
    """u[h,r,m] = Σ_{s, o of m} g[s,o]·x[h,s,r,o]: what is held is what runs."""
    instance = layout.instance
    names, variant = instance.variants
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


def starting(layout: Layout) -> Rows:
    """v[h] ≥ u[h] − u[h−1], v ≥ 0; before the first step u is what the scenario's start says."""
    before, u = StartUpLink().before(layout), layout.column("u")
    each = np.arange(u.shape[1])
    return rise_rows("starting", each, u, layout.column("v"), before, layout.follows)


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
        kept = scenario.frictions
        free = Frictions(move_state=kept.move_state, initial=kept.initial)
        return replace(scenario, frictions=free)

    def no_worse(
        self, instance: Instance, rows: HourlyRows | None, better: int, point: int
    ) -> np.ndarray | bool:
        """Of the same model and accelerator time: a thirstier point keeps more running."""
        if not instance.scenario.frictions.starts:
            return True
        variant = instance.variants[1]
        same = instance.gpu_h[:, better] == instance.gpu_h[:, point]
        mask: np.ndarray = (same & (variant[better] == variant[point]))[:, None]
        return mask
