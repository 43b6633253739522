"""Levelled work: the fewest accelerators that get everything done in time, and when it then runs.

If everything could run everywhere, the least level is the largest, over stretches of hours [a, b),
of the GPU-h that arrive from a on and are due by b, over b − a. Earliest deadline first under it
does it.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from wattlas.model.waiting import run_ends, shared_first_in
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.queue import Queue

SPARE = 1e-9
"""The level is held so much higher, relative, that rounding leaves nothing late."""


@dataclass(frozen=True)
class Levelled:
    """`dense` is the densest stretch, whose level is the least that gets everything done in time;
    `done` (G, T) is what then runs of each patience in each step, GPU-h/h.

    Everything counts at its leanest operating point and as if it could run everywhere; requests run
    as early as that allows, earliest deadline first.
    """

    dense: Dense
    done: np.ndarray

    @staticmethod
    def of(instance: Instance) -> Levelled:
        """The level of an instance. It takes a while: a look at every stretch."""
        queue = Queue.of(instance)
        need, at_once = _work(instance, queue, instance.leanest_gpu_h)
        due, _, groups = _kinds(queue, need)
        dense = densest(at_once, groups, due, run_ends(instance.scenario.hours))
        room = np.maximum(dense.level * (1.0 + SPARE) - at_once, 0.0)
        return Levelled(dense, earliest_deadline(groups, due, room))

    def ran(self, instance: Instance) -> np.ndarray:
        """What then runs of each source that may wait, (N, T): of the instance, or of one with the
        same demand whose sources are merged otherwise."""
        queue, lean = Queue.of(instance), instance.leanest_gpu_h
        need, _ = _work(instance, queue, lean)
        _, kind, _ = _kinds(queue, need)
        ran = np.zeros_like(need)
        for g, done in enumerate(self.done):
            own = np.flatnonzero(kind == g)
            ran[own] = shared_first_in(need[own], done, instance.scenario.hours)
        lean = lean[queue.source]
        rate = np.divide(ran, lean[:, None], out=np.zeros_like(ran), where=lean[:, None] > 0)
        rate[lean == 0] = queue.arrived[lean == 0]
        return queue.within(rate)


def stretch(instance: Instance, queue: Queue, use: np.ndarray) -> Dense:
    """The densest stretch, where a request of each source needs `use` (S,) of what is counted."""
    need, at_once = _work(instance, queue, use)
    due, _, groups = _kinds(queue, need)
    return densest(at_once, groups, due, run_ends(instance.scenario.hours))


def _work(instance: Instance, queue: Queue, use: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(What of each source may wait, (N, T); what may not, (T,))."""
    need = use[queue.source][:, None] * queue.arrived
    return need, use @ instance.demand - need.sum(axis=0)


def _kinds(queue: Queue, need: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sources of one patience have one queue: (when it is due (G, T), the queue of each source
    (N,), what arrives (G, T))."""
    every = np.arange(need.shape[1])
    patience, kind = np.unique(queue.due - every, axis=0, return_inverse=True)
    kind = kind.ravel()
    groups = np.zeros((len(patience), need.shape[1]))
    np.add.at(groups, kind, need)
    return patience + every, kind, groups


@dataclass(frozen=True)
class Dense:
    """The densest stretch of hours [`first`, `after`), and its `level`: accelerators."""

    level: float
    first: int
    after: int


def densest(at_once: np.ndarray, need: np.ndarray, due: np.ndarray, ends: np.ndarray) -> Dense:
    """max over [a, b) of the GPU-h that arrive from a on and are due by b, over b − a.

    `need` (G, T) is what arrives of each patience, `due` (G, T) the last step for it.
    """
    most = Dense(0.0, 0, len(at_once))
    starts = np.concatenate([[0], np.unique(ends)[:-1] + 1])
    for first, last in zip(starts.tolist(), np.unique(ends).tolist(), strict=True):
        at = slice(first, last + 1)
        count = last + 1 - first
        # What of each source is due by the end of each step, as a number of its arrivals.
        steps = np.arange(first, last + 1)
        by = np.zeros((len(due), count), dtype=np.int64)
        for row, last in zip(by, due, strict=True):
            row[:] = np.searchsorted(last[at], steps, "right")
        total = np.concatenate([np.zeros((len(need), 1)), np.cumsum(need[:, at], axis=1)], axis=1)
        due_work = np.take_along_axis(total, by, axis=1)
        plain = np.concatenate([[0.0], np.cumsum(at_once[at])])
        length = np.arange(1, count + 1)
        for a in range(count):
            late = np.maximum(due_work[:, a:] - total[:, [a]], 0.0).sum(axis=0)
            work = plain[a + 1 :] - plain[a] + late
            density = work / length[: count - a]
            b = int(density.argmax())
            if density[b] > most.level:
                most = Dense(float(density[b]), first + a, first + a + b + 1)
    return most


def earliest_deadline(need: np.ndarray, due: np.ndarray, room: np.ndarray) -> np.ndarray:
    """What of each queue runs in each step, (G, T), earliest deadline first within `room` (T,)."""
    done = np.zeros_like(need)
    waiting: list[tuple[int, int, int, float]] = []
    for t in range(len(room)):
        for g in range(len(need)):
            if need[g, t] > 0:
                heapq.heappush(waiting, (int(due[g, t]), t, g, float(need[g, t])))
        left = float(room[t])
        while waiting and (left > 0 or waiting[0][0] <= t):
            deadline, arrived, g, many = heapq.heappop(waiting)
            now = many if deadline <= t else min(many, left)
            done[g, t] += now
            left -= now
            if now < many:
                heapq.heappush(waiting, (deadline, arrived, g, many - now))
    return done
