"""Greedy dispatch: each source takes its best place with room, the best askers first."""

from __future__ import annotations

import numpy as np

from wattlas.model.plan import UNSERVED
from wattlas.placement.compare.rules import by_rule
from wattlas.placement.hour.closed_form import Slots
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.hour.prune import pruned
from wattlas.placement.problem.flows import SourceFlows, join
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure

PIECE = 500_000
"""Slots times steps that the greedy rule looks at in one go."""


def greedy(instance: Instance, measure: Measure) -> Solution:
    """All steps at once, in pieces that fit into memory."""
    steps = np.arange(instance.demand.shape[1])
    instance = pruned(instance, (measure,), steps)
    slots = Slots.of(instance)
    size = max(1, PIECE // max(1, slots.region.size))
    pieces = [steps[low : low + size] for low in range(0, len(steps), size)]
    return by_rule(instance, join([_greedy_piece(instance, slots, measure, p) for p in pieces]))


def _greedy_piece(
    instance: Instance, slots: Slots, measure: Measure, steps: np.ndarray
) -> SourceFlows:
    """Rounds: every source asks at its best place with room; the cheapest askers are let in."""
    left = instance.demand[:, steps].copy()
    room = (instance.capacity + instance.surplus)[:, steps]
    units = slots.units(measure, steps)
    parts: list[SourceFlows] = []
    while True:
        source, at, slot, unit = _asks(slots, units, left, room)
        if not len(source):
            break
        order = np.lexsort((unit, slots.region[source, slot], at))
        source, at, slot = source[order], at[order], slot[order]
        region, gpu_h = slots.region[source, slot], slots.gpu_h[source, slot]
        taken = _let_in(left[source, at], gpu_h, region, at, room)
        left[source, at] -= taken
        left[left < 1e-12 * instance.demand[:, steps]] = 0.0
        point = slots.point[source, slot]
        parts.append(SourceFlows(steps[at], source, region, point, taken))
    source, at = np.nonzero(left > 0)
    none = np.full(len(source), UNSERVED)
    lost = SourceFlows(steps[at], source, none, np.zeros_like(source), left[source, at])
    flows = join([*parts, lost])
    return flows.where(flows.value > 0)


def _asks(
    slots: Slots, units: np.ndarray, left: np.ndarray, room: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Who asks for what is left of its demand: source, step, its best slot with room, and the unit
    value there, (A,) each, by source and step. Few ask after the first round.
    """
    source, at = np.nonzero(left > 0)
    if len(source) > left.size // 2:
        has_room = (room > 0)[slots.region] | (slots.region == UNSERVED)[..., None]
        open_units = np.where(has_room, units, np.inf)
        slot = open_units.argmin(axis=1)[source, at]
    else:
        regions = slots.region[source]
        has_room = (room > 0)[regions, at[:, None]] | (regions == UNSERVED)
        slot = np.where(has_room, units[source, :, at], np.inf).argmin(axis=1)
    region, unit = slots.region[source, slot], units[source, slot, at]
    asks = np.isfinite(unit) & ((room[region, at] > 0) | (region == UNSERVED))
    return source[asks], at[asks], slot[asks], unit[asks]


def _let_in(
    wanted: np.ndarray, gpu_h: np.ndarray, region: np.ndarray, at: np.ndarray, room: np.ndarray
) -> np.ndarray:
    """Requests/h let in of askers sorted by step and region; `room` (R, steps) shrinks.

    First come, first served: an asker gets what those before it leave.
    """
    need = wanted * gpu_h
    group = at * (len(room) + 1) + region
    first = np.concatenate([[True], group[1:] != group[:-1]])
    start = np.flatnonzero(first)
    running = np.cumsum(need)
    before = running - need
    before -= np.repeat(before[start], np.diff(np.append(start, len(need))))
    space = np.where(region == UNSERVED, np.inf, room[region, at])
    granted = np.clip(space - before, 0.0, need)
    taken: np.ndarray = np.divide(granted, gpu_h, out=wanted.copy(), where=gpu_h > 0)
    total = np.add.reduceat(need, start)
    r, t = region[start], at[start]
    real = r != UNSERVED
    rest = room[r[real], t[real]] - total[real]
    room[r[real], t[real]] = np.where(rest > 0, rest, 0.0)
    return taken
