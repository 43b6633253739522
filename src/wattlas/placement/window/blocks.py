"""Stretches of time that are placed one after the other, each from its own hours alone.

Where nothing couples the hours they are cut by the calendar: each month into four parts of seven
or eight days, in UTC. Where many placements are equally good, the one that is found depends on
where the search began. The cuts are the calendar's, so a plan in one piece and one made in chunks
of any length begin at the same hours and find the same placement.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from wattlas.model.objective import Window
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.placement.constraints.registry import coupling
from wattlas.placement.engine.threads import at_most
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.limit import window_of

THREADS = 2
"""Stretches that are solved at the same time: fixed, so that plans do not depend on the machine."""
BLOCK_STEPS = 168
"""Neighbouring stretches with fewer steps than this, as in a sample, are merged."""
WEEKS = 4
"""Parts of a month."""

T = TypeVar("T")
S = TypeVar("S")

_this_thread = threading.local()


def one_by_one() -> None:
    """What this thread does `at_once` is done one after the other from now on."""
    _this_thread.works = True


def at_once(work: Callable[[S], T], items: Iterable[S]) -> Iterator[T]:
    """`work` of every item, in order, a few at a time; the first error ends it.

    Inside of such work it is one after the other: more threads than cores would only hold more
    memory at a time.
    """

    if getattr(_this_thread, "works", False):
        yield from map(work, items)
        return
    with ThreadPoolExecutor(at_most(THREADS), initializer=one_by_one) as pool:
        yield from pool.map(work, items)


def over_blocks(
    instance: Instance, stretches: Sequence[np.ndarray], work: Callable[[Instance, np.ndarray], T]
) -> Iterator[T]:
    """`work` of the instance of each stretch and its steps, in order, a few at a time.

    A single stretch of all steps is the instance itself.
    """

    def of_stretch(steps: np.ndarray) -> T:
        return work(instance_at(instance, steps), steps)

    if len(stretches) == 1:
        yield of_stretch(stretches[0])
    else:
        yield from at_once(of_stretch, stretches)


def instance_at(instance: Instance, steps: np.ndarray) -> Instance:
    """The instance over some of its steps (increasing)."""
    if len(steps) == instance.scenario.hours.count:
        return instance
    scenario = instance.scenario.at_hours(steps)
    if ((scenario.demand_per_h > 0).any(axis=2) == (instance.source_of >= 0)).all():
        return instance.at(steps, scenario)
    return build_instance(scenario, judged=instance.judged).by(instance.tactics)


def blocks(scenario: Scenario) -> list[np.ndarray]:
    """Indices of the steps of each stretch, in order: all of them where something couples all."""
    return _blocks(scenario.hours, coupling(scenario))


def _blocks(hours: Hours, window: Window | None) -> list[np.ndarray]:
    return weeks(hours) if window is None else _runs(window_of(hours.utc, window), 0)


def weeks(hours: Hours) -> list[np.ndarray]:
    """Indices of the steps of each stretch by the calendar alone, whatever couples them."""
    day = hours.utc.astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    after = month + np.timedelta64(1, "M")
    first, after = month.astype("datetime64[D]"), after.astype("datetime64[D]")
    week = (day - first).astype(np.int64) * WEEKS // (after - first).astype(np.int64)
    return _runs(month.astype(np.int64) * WEEKS + week, BLOCK_STEPS)


def blocks_up_to(scenario: Scenario, steps: int) -> Iterator[np.ndarray]:
    """Neighbouring stretches put together while they hold at most `steps`; at least one each."""
    return _together(blocks(scenario), steps)


def hours_up_to(hours: Hours, window: Window | None, steps: int) -> Iterator[Hours]:
    """As `blocks_up_to`, for hours of which only the window that couples them is known."""
    for index in _together(_blocks(hours, window), steps):
        yield hours.take(index)


def _together(stretches: list[np.ndarray], steps: int) -> Iterator[np.ndarray]:
    group: list[np.ndarray] = []
    for block in stretches:
        if group and sum(map(len, group)) + len(block) > steps:
            yield np.concatenate(group)
            group = []
        group.append(block)
    yield np.concatenate(group)


def _runs(label: np.ndarray, least: int) -> list[np.ndarray]:
    """Runs of equal labels; those of fewer than `least` steps go together with the next."""
    starts = np.flatnonzero(label[1:] != label[:-1]) + 1
    run_starts = [0]
    for start in starts:
        if start - run_starts[-1] >= max(least, 1):
            run_starts.append(int(start))
    return np.split(np.arange(len(label)), run_starts[1:])
