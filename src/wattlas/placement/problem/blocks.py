"""Stretches of time that are placed one after the other, each from nothing but its own hours.

Where nothing couples the hours they are cut by the calendar: each month into four parts of seven
or eight days, in UTC. Where many placements are equally good, which one is found depends on where
the search began; because the cuts are the calendar's, a plan in one piece and one made in chunks
of any length begin at the same hours, and find the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from wattlas.model.objective import Window
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.placement.window.limits import OBJECTIVE_CAPS

BLOCK_STEPS = 168
"""Neighbouring stretches with fewer steps than this, as in a sample, are one."""
WEEKS = 4
"""Parts of a month."""
_UNIT = {Window.DAY: "datetime64[D]", Window.MONTH: "datetime64[M]"}


def coupling(scenario: Scenario) -> Window | None:
    """The stretch of time that is one program: None where every hour is its own.

    Limits over different windows are together where the longest of them is; months hold days.
    """
    if scenario.frictions.couples:
        return Window.ALL
    held = {cap.window for cap in scenario.share_caps}
    if any(getattr(scenario.objective, name) is not None for name in OBJECTIVE_CAPS):
        held.add(scenario.objective.window)
    return next((one for one in (Window.ALL, Window.MONTH, Window.DAY) if one in held), None)


def window_of(utc: np.ndarray, window: Window) -> np.ndarray:
    """The month or day that each time lies in, shape of `utc`; 0 for all of them."""
    if window is Window.ALL:
        return np.zeros(len(utc), dtype="datetime64[M]")
    return utc.astype(_UNIT[window])


def blocks(scenario: Scenario) -> list[np.ndarray]:
    """Indices of the steps of each stretch, in order: all of them where something couples all."""
    return _blocks(scenario.hours, coupling(scenario))


def _blocks(hours: Hours, window: Window | None) -> list[np.ndarray]:
    return weeks(hours) if window is None else _runs(window_of(hours.utc, window), 0)


def weeks(hours: Hours) -> list[np.ndarray]:
    """Indices of the steps of each stretch by the calendar alone, whatever couples them."""
    day = hours.utc.astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    first, after = month.astype("datetime64[D]"), (month + 1).astype("datetime64[D]")
    week = (day - first).astype(np.int64) * WEEKS // (after - first).astype(np.int64)
    return _runs(month.astype(np.int64) * WEEKS + week, BLOCK_STEPS)


def blocks_up_to(scenario: Scenario, steps: int) -> Iterator[np.ndarray]:
    """Neighbouring stretches put together while they hold at most `steps`; at least one each."""
    return _together(blocks(scenario), steps)


def hours_up_to(hours: Hours, window: Window | None, steps: int) -> Iterator[Hours]:
    """As `blocks_up_to`, for hours of which only the window that couples them is known."""
    for index in _together(_blocks(hours, window), steps):
        yield hours.take(index)


def _together(found: list[np.ndarray], steps: int) -> Iterator[np.ndarray]:
    held: list[np.ndarray] = []
    for block in found:
        if held and sum(map(len, held)) + len(block) > steps:
            yield np.concatenate(held)
            held = []
        held.append(block)
    yield np.concatenate(held)


def _runs(label: np.ndarray, least: int) -> list[np.ndarray]:
    """Runs of equal labels; those of fewer than `least` steps go together with the next."""
    starts = np.flatnonzero(label[1:] != label[:-1]) + 1
    kept = [0]
    for start in starts:
        if start - kept[-1] >= max(least, 1):
            kept.append(int(start))
    return np.split(np.arange(len(label)), kept[1:])
