"""The first or the last hours of a window by themselves, between levels that stay: a pivot of few
hours costs a fraction of one of all.

What comes of it is put among the other hours. All together they may be more than a vertex: then
slacks that are off their kinks make room, and the whole window takes them along.
"""

from __future__ import annotations

import numpy as np

from wattlas.placement.window.simplex.bench import WindowBench
from wattlas.placement.window.simplex.levels import LevelWindow
from wattlas.placement.window.simplex.state import (
    CLOSED,
    MOVES,
    NONE,
    OPTIMAL,
    LevelProgram,
    WindowBasis,
)

FIRST = 3
"""Hours of the shortest part; each further one has one more than twice as many."""
_KINK = 1e-9
"""A slack that is closer to its kink is there."""


def settle(
    window: LevelWindow,
    p: LevelProgram,
    basis: WindowBasis,
    bench: WindowBench,
    level: np.ndarray,
    inner: range,
    most: int,
) -> int:
    """Solve some hours between others that stay, from their part of a basis of all hours, and put
    what comes of it there and in `level` (H, M, R), what runs in each hour. Returns the pivots;
    none where that was given up, and nothing changed. `bench` has room for one hour more where
    others follow.
    """
    _, sources, regions, models = window.shape
    rows, part, first, end = regions * (1 + models), bench.basis, inner.start, inner.stop
    stop = first + bench.shape[0]
    cells, own = slice(first * sources, stop * sources), slice(first * rows, stop * rows)
    program = _program(p, basis.key[cells], level, inner, (cells, own))
    low, high = first * sources * regions, end * sources * regions
    slot = basis.slot[basis.slot != NONE]
    inside = (slot >= low) & (slot < high)
    theirs = inside | ((slot < -own.start) & (slot >= -own.stop))
    if not lay(part, moved(slot[theirs], -low, -own.start)):
        return 0
    part.key[:], part.price[:], part.shift[:] = basis.key[cells], basis.price[own], basis.shift[own]
    part.weight[:] = basis.weight[first:stop]
    part.row_weight[:] = basis.row_weight[own]
    if bench.solve(program, most) != OPTIMAL:
        return 0
    after = level.copy()
    flow = flow_of(part, (bench.shape[0], sources, regions))
    after[first:end] = window.levels(flow[: len(inner)])
    slack = _slacks(p, after)
    columns = part.slot[(part.slot >= 0) & (part.slot < high - low)]
    others = slot[~inside & (slot >= 0)]
    if not lay(basis, np.concatenate([others, moved(columns, low, 0), -1 - np.flatnonzero(slack)])):
        return 0
    level[:] = after
    on = -1 - part.slot[part.slot < 0]
    basis.price[own] = np.clip(part.dual, 0.0, program.top)
    basis.price[own.start + on] = part.price[on]
    basis.key[cells], basis.shift[:] = part.key, slack
    basis.weight[first:end] = part.weight[: len(inner)]
    basis.row_weight[own] = part.row_weight
    return int(bench.work.counters[MOVES])


def _program(
    p: LevelProgram, key: np.ndarray, level: np.ndarray, inner: range, own: tuple[slice, slice]
) -> LevelProgram:
    """Inner hours after the levels before them; where another hour follows, it is one in which
    nothing runs but what does, and that as a right-hand side: no column but its keys may enter."""
    cells, rows = own
    _, models, regions = level.shape
    sources = p.cost.shape[1]
    hours = len(key) // sources
    limit, demand = p.limit[rows].reshape(hours, 1 + models, regions).copy(), p.demand[cells]
    if inner.start > 0:
        limit[0, 1:] += level[inner.start - 1]
    cost = p.cost[inner.start : inner.start + hours]
    if hours > len(inner):
        limit[-1, 1:] -= level[inner.stop]
        limit[-1, 0] = 0.0
        demand, cost = demand.copy(), cost.copy()
        demand[-sources:] = 0.0
        cost[-1] = CLOSED
        cost[-1][np.arange(sources), key[-sources:]] = 0.0
    return LevelProgram(cost, demand, limit.ravel(), p.top[rows], p.model, p.first)


def lay(basis: WindowBasis, slot: np.ndarray) -> bool:
    """Put columns into the slots of a basis, and slacks as far as there is room; the others stay
    where they are without. False where columns alone are too many, and nothing changed."""
    columns, slacks, room = slot[slot >= 0], slot[slot < 0], len(basis.slot)
    if len(columns) > room:
        return False
    both = np.concatenate([columns, slacks[: room - len(columns)]])
    basis.slot[:] = NONE
    basis.slot[: len(both)] = both
    return True


def _slacks(p: LevelProgram, level: np.ndarray) -> np.ndarray:
    """What the slack of each row is where so much runs of each model, (H, M, R); 0 at its kink."""
    hours, models, regions = level.shape
    slack = p.limit.reshape(hours, 1 + models, regions).copy()
    slack[:, 0] -= level.sum(axis=1)
    slack[:, 1:] -= level
    slack[1:, 1:] += level[:-1]
    return np.where(np.abs(slack) > _KINK, slack, 0.0).ravel()


def held(basis: WindowBasis, regions: int) -> tuple[np.ndarray, np.ndarray]:
    """Which columns are keys or basic, and what they hold."""
    on = basis.slot >= 0
    keys = np.arange(len(basis.key)) * regions + basis.key
    return (
        np.concatenate([keys, basis.slot[on]]),
        np.concatenate([basis.key_value, basis.value[on]]),
    )


def flow_of(basis: WindowBasis, shape: tuple[int, int, int]) -> np.ndarray:
    """What the columns of a basis hold, (H, S, R)."""
    flow = np.zeros(shape)
    at, value = held(basis, shape[2])
    flow.reshape(-1)[at] = value
    return flow


def moved(slot: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """What is basic, so many columns and rows further on."""
    return np.where(slot >= 0, slot + columns, slot - rows)
