"""Levels that an hour leaves to the next, and what their rise costs: shared by all links.

rise[t] ≥ level[t] − level[t−1], rise ≥ 0; before a step that follows none the level is what the
scenario says of its start.
"""

from __future__ import annotations

import numpy as np

from wattlas.model.frictions import Initial
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.rows import Rows
from wattlas.placement.problem.unit_values import cost


def home_flows(instance: Instance, steps: np.ndarray) -> SourceFlows:
    """All demand at its baseline region at the cheapest full point there, in these steps.

    Capacity is not looked at: it is where demand would go by itself.
    """
    measure = cost(instance)
    source = np.flatnonzero(instance.home >= 0)
    region = instance.home[source]
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


def starts_at_home(instance: Instance) -> bool:
    """Whether all demand is at its baseline region before the first step."""
    return instance.scenario.frictions.initial is Initial.HOME


def at_first(before: np.ndarray, hours: int) -> np.ndarray:
    """What was before a window of hours that follow each other, (hours, …): the first counts."""
    out = np.zeros((hours, len(before)))
    out[0] = before
    return out


def difference_rows(
    name: str,
    level: np.ndarray,
    up: np.ndarray,
    before: np.ndarray | None,
    follows: np.ndarray,
) -> Rows:
    """up[h] − level[h] + level[h−1] ≥ 0, with `before` in place of level[h−1] at a start."""
    hours, count = level.shape
    lower = np.zeros((hours, count))
    first = ~follows
    lower[first] = -np.inf if before is None else -before[first]
    index = np.stack([up, level, np.roll(level, 1, axis=0)], axis=2)
    value = np.broadcast_to(np.array([1.0, -1.0, 1.0]), index.shape)
    keep = np.ones(index.shape, dtype=bool)
    keep[first, :, 2] = False
    start = np.concatenate([[0], np.cumsum(keep.sum(axis=2).ravel())])
    return Rows(name, lower.ravel(), np.full(lower.size, np.inf), start, index[keep], value[keep])


def summed_rows(
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
