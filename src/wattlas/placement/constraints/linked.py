"""Levels that an hour leaves to the next, and what their rise costs: shared by all links.

rise[t] ≥ level[t] − level[t−1], rise ≥ 0; before a step that follows none the level is what the
scenario says of its start.
"""

from __future__ import annotations

import numpy as np

from wattlas.model.frictions import Initial
from wattlas.placement.constraints.base import Link
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.lp import ColumnLayout
from wattlas.placement.problem.rows import Rows
from wattlas.placement.problem.unit_values import cost


class LevelLink(Link):
    """A link whose hours leave a level to the next, (A, B, T), and whose every rise is charged."""

    rise_block: str
    """The block of columns that holds each rise, one for each of the A·B cells."""

    def level(self, instance: Instance, flows: SourceFlows) -> np.ndarray:
        """What a set of flows holds in each step, (A, B, T)."""
        raise NotImplementedError

    def per_rise(self, instance: Instance, unit: str) -> np.ndarray:
        """What a unit of rise costs in each step, in a unit that it charges in: (A, B, T), or
        (A, B, 1) where always the same.
        """
        raise NotImplementedError

    def costs(self, layout: ColumnLayout, unit: str = "USD") -> tuple[np.ndarray, np.ndarray]:
        """The price of each rise; nothing where the link has no columns, or charges otherwise."""
        charged = self.charges(layout.instance.scenario, unit)
        if not (charged and layout.has(self.rise_block)):
            return np.zeros(0, np.int64), np.zeros(0)
        instance, hours = layout.instance, layout.hours
        weight = instance.scenario.hours.weight
        price = self.per_rise(instance, unit)
        every = np.broadcast_to(price, (*price.shape[:2], len(weight)))[:, :, hours]
        value = weight[hours][:, None] * every.reshape(-1, len(hours)).T
        return layout.column(self.rise_block).ravel(), value.ravel()

    def amount(self, instance: Instance, flows: SourceFlows, unit: str = "USD") -> np.ndarray:
        """The price times the positive part of each rise."""
        price = self.per_rise(instance, unit)
        if not price.size:
            return np.zeros(instance.demand.shape[1])
        total: np.ndarray = (price * self.rises(instance, flows)).sum(axis=(0, 1))
        return total

    def rises(self, instance: Instance, flows: SourceFlows) -> np.ndarray:
        """The positive part of each rise, (A, B, T)."""
        every = np.arange(instance.demand.shape[1])
        before = None if is_free(instance) else self._at_start(instance, every)
        return rise(instance, self.level(instance, flows), before)

    def left_behind(self, instance: Instance, last: SourceFlows) -> np.ndarray:
        """The level of the last hour, (A·B,)."""
        level: np.ndarray = self.level(instance, last).sum(axis=2).ravel()
        return level

    def before_first(self, instance: Instance, steps: np.ndarray) -> np.ndarray | None:
        """As before any step that follows none."""
        before = self.before(ColumnLayout(instance, steps[:1]))
        return None if before is None else before[0]

    def before(self, layout: ColumnLayout) -> np.ndarray | None:
        """The level before each step that follows none, (hours, A·B); None: free."""
        instance, hours = layout.instance, layout.hours
        if self.name in layout.before:
            return at_first(layout.before[self.name], len(hours))
        if is_free(instance):
            return None
        level = self._at_start(instance, hours)[:, :, hours]
        by_hour: np.ndarray = level.reshape(-1, len(hours)).T
        return by_hour

    def _at_start(self, instance: Instance, steps: np.ndarray) -> np.ndarray:
        """The level of these steps with all demand at the baseline region, or with none at all;
        (A, B, T)."""
        at_baseline = instance.scenario.frictions.initial is Initial.BASELINE
        return self.level(instance, baseline_flows(instance, steps if at_baseline else steps[:0]))


def baseline_flows(instance: Instance, steps: np.ndarray) -> SourceFlows:
    """All demand at its baseline region at the cheapest full point there, in these steps.

    Capacity is not looked at: it is where demand would go by itself.
    """
    measure = cost(instance)
    source = np.flatnonzero(instance.baseline_region >= 0)
    region = instance.baseline_region[source]
    full = instance.allowed[source, region] & ~instance.degraded[source]
    fixed = np.where(full, measure.per_request[source, region], np.inf)
    point = np.empty((len(steps), len(source)), dtype=np.int64)
    for n, t in enumerate(steps):
        units = instance.energy_kwh[source] * measure.per_kwh[region, t][:, None] + fixed
        point[n] = units.argmin(axis=1)
    every = np.broadcast_to(np.arange(len(source)), point.shape).ravel()
    return SourceFlows(
        np.repeat(steps, len(source)),
        source[every],
        region[every],
        point.ravel(),
        instance.demand[np.ix_(source, steps)].T.ravel(),
    )


def rise(instance: Instance, level: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """max(0, level[t] − level[t−1]) with `before` at each step that follows none; (…, T)."""
    follows = instance.scenario.hours.follows
    last = np.roll(level, 1, axis=-1)
    start = level if before is None else before
    last[..., ~follows] = start[..., ~follows]
    up: np.ndarray = np.maximum(level - last, 0.0)
    return up


def is_free(instance: Instance) -> bool:
    """Whether the first step may begin with anything."""
    return instance.scenario.frictions.initial is Initial.FREE


def at_first(before: np.ndarray, hours: int) -> np.ndarray:
    """What was before a window of hours that follow each other, (hours, …): the first counts."""
    out = np.zeros((hours, len(before)))
    out[0] = before
    return out


def rise_rows(
    name: str,
    row: np.ndarray,
    now: np.ndarray,
    up: np.ndarray,
    before: np.ndarray | None,
    follows: np.ndarray,
) -> Rows:
    """up[h,q] − Σ now[h, row = q] + Σ now[h−1, row = q] ≥ 0."""
    hours, count = up.shape
    lower = np.zeros((hours, count))
    first = ~follows
    lower[first] = -np.inf if before is None else -before[first]
    base = np.arange(hours)[:, None] * count
    at = [base + np.arange(count), base + row, (base + row)[follows]]
    column = [up, now, np.roll(now, 1, axis=0)[follows]]
    value = [np.ones(up.shape), -np.ones(now.shape), np.ones(column[2].shape)]
    flat = np.concatenate([part.ravel() for part in at])
    order = np.argsort(flat, kind="stable")
    return Rows(
        name,
        lower.ravel(),
        np.full(lower.size, np.inf),
        np.concatenate([[0], np.cumsum(np.bincount(flat, minlength=hours * count))]),
        np.concatenate([part.ravel() for part in column])[order],
        np.concatenate([part.ravel() for part in value])[order],
    )
