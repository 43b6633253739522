"""Which schedule follows which: the fence between writers, and how fast routings may alternate.

A schedule says who wrote it and its epoch. At one epoch the first of two writers holds, and the
other is fenced off; a higher epoch takes over, whoever writes it.

A schedule that moves requests is followed for a while before another one moves them again, and for
twice as long each time that requests go back to where they were before: two writers that take
turns, or a plan that wavers between two that are as good, change little.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wattlas.errors import Problem
from wattlas.serve.schedule import Schedule

LONGEST_S = 3600.0
"""A routing that goes back and forth is followed for no longer: an hour's signals are others."""


class Succession:
    """Remembers what was followed, on a clock that nobody sets."""

    def __init__(self) -> None:
        self._moved_s = float("-inf")
        self._turns = 0
        """How often in a row requests went back to where they were before."""
        self._before: Any = None

    def fenced(self, present: Schedule, fresh: Schedule) -> Iterator[Problem]:
        """Why a schedule may not follow, however good it is."""
        if fresh.epoch < present.epoch:
            what = f"is {fresh.epoch}, older than the present {present.epoch}"
            yield Problem("epoch", what, "Write it anew.")
        elif fresh.epoch == present.epoch and fresh.writer != present.writer:
            what = f"`{fresh.writer}` writes at epoch {fresh.epoch}, which `{present.writer}` holds"
            yield Problem("writer", what, "Let one controller write, or raise the epoch.")

    def wait_s(
        self, schedules: tuple[Schedule, Schedule], utc_s: float, now_s: float, least_s: float
    ) -> float:
        """How long a fresh schedule waits for the present one; 0 where it moves nothing now."""
        present, fresh = (_routing(schedule, utc_s) for schedule in schedules)
        if present == fresh:
            return 0.0
        turns = self._turns + 1 if fresh == self._before else 0
        due_s = self._moved_s + min(least_s * 2.0**turns, max(LONGEST_S, least_s))
        return max(due_s - now_s, 0.0)

    def follow(self, schedules: tuple[Schedule, Schedule], utc_s: float, now_s: float) -> None:
        """A fresh schedule follows the present one."""
        present, fresh = (_routing(schedule, utc_s) for schedule in schedules)
        if present != fresh:
            self._turns = self._turns + 1 if fresh == self._before else 0
            self._before, self._moved_s = present, now_s


def _routing(schedule: Schedule, utc_s: float) -> Any:
    """Where requests go at a moment, as a value that can be compared."""
    return {
        key: (pair.full.shares, None if pair.low is None else pair.low.shares, pair.degrades)
        for key, pair in schedule.at(utc_s).table.pairs.items()
    }
