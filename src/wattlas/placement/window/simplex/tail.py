"""The last hours of a window by themselves, after levels before them that stay: a pivot of few
hours costs a fraction of one of all.

What comes of it is put behind the other hours. The two together may be more than a vertex: then
slacks that are off their kinks make room, and the whole window takes them along.
"""

from __future__ import annotations

import numpy as np

from wattlas.placement.window.simplex.bench import WindowBench
from wattlas.placement.window.simplex.levels import LevelWindow
from wattlas.placement.window.simplex.state import MOVES, NONE, OPTIMAL, LevelProgram, WindowBasis

FIRST_TAIL = 3
"""Hours of the shortest tail; each further one has one more than twice as many, up to two thirds of
the window. A window of 24 hours took 219 pivots of 33 µs; so it takes 37, 57 and 87 of 7 to 22 µs,
and 38 of the whole."""
_KINK = 1e-9
"""A slack that is closer to its kink is there."""


def settle_tail(
    window: LevelWindow,
    p: LevelProgram,
    basis: WindowBasis,
    bench: WindowBench,
    level: np.ndarray,
    most: int,
) -> int:
    """Solve as many of the last hours as `bench` has, from their part of a basis of all hours, and
    put what comes of it there and in `level` (H, M, R), what runs in each hour. Returns the pivots;
    none where that was given up, and nothing changed.
    """
    hours, sources, regions, models = window.shape
    first, rows = hours - bench.shape[0], regions * (1 + models)
    cell, row = first * sources, first * rows
    limit = p.limit[row:].copy()
    limit[regions:rows] += level[first - 1].ravel()
    tail = LevelProgram(p.cost[first:], p.demand[cell:], limit, p.top[row:], p.model, p.first)
    part = bench.basis
    slot = basis.slot[basis.slot != NONE]
    inside = np.where(slot >= 0, slot >= cell * regions, slot < -row)
    if not lay(part, moved(slot[inside], -cell * regions, -row)):
        return 0
    part.key[:], part.price[:] = basis.key[cell:], basis.price[row:]
    part.shift[:] = basis.shift[row:]
    part.weight[:], part.row_weight[:] = basis.weight[first:], basis.row_weight[row:]
    if bench.solve(tail, most) != OPTIMAL:
        return 0
    after = level.copy()
    after[first:] = window.levels(flow_of(part, (bench.shape[0], sources, regions)))
    slack = _slacks(p, after)
    column = [slot[~inside & (slot >= 0)], moved(part.slot[part.slot >= 0], cell * regions, row)]
    if not lay(basis, np.concatenate([*column, -1 - np.flatnonzero(slack)])):
        return 0
    level[:] = after
    on = -1 - part.slot[part.slot < 0]
    basis.price[row:] = np.clip(part.dual, 0.0, tail.top)
    basis.price[row + on] = part.price[on]
    basis.key[cell:], basis.shift[:] = part.key, slack
    basis.weight[first:], basis.row_weight[row:] = part.weight, part.row_weight
    return int(bench.work.counters[MOVES])


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


def flow_of(basis: WindowBasis, shape: tuple[int, int, int]) -> np.ndarray:
    """What the columns of a basis hold, (H, S, R)."""
    flow = np.zeros(shape)
    cells = flow.reshape(-1, shape[2])
    cells[np.arange(len(cells)), basis.key] = basis.key_value
    on = basis.slot >= 0
    flow.reshape(-1)[basis.slot[on]] = basis.value[on]
    return flow


def moved(slot: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """What is basic, so many columns and rows further on."""
    return np.where(slot >= 0, slot + columns, slot - rows)
