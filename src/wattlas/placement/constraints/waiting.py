"""Waiting: requests of a class with `may_wait_h` may run up to so much later than they arrive.

With z[n,t] the requests/h of a waiting source n that run in step t, and q[n,t] those that are left
at its end,

    Σ_{r,o} x[t,n,r,o] + x[t,n,unserved] = z[n,t]         the demand of the hour
    q[n,t] = q[n,t−1] + d[n,t] − z[n,t]                   first in, first out
    0 ≤ q[n,t] ≤ what has arrived and is not yet due

z links the hours and parts them: given z each hour is a program of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from wattlas.errors import UsageError
from wattlas.model.objective import Window
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.base import Constraint, Linking
from wattlas.placement.constraints.registry import register
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.lp import QUEUED, RUN, ColumnLayout
from wattlas.placement.problem.queue import Queue
from wattlas.placement.problem.rows import Rows


class Queueing(Linking):
    """What waits, as columns of one program over all steps."""

    name = "waiting"

    def blocks(self, instance: Instance) -> dict[str, int]:
        """What runs of each waiting source, and what is left of it."""
        count = int(np.count_nonzero(instance.scenario.wait_steps[instance.klass]))
        return {RUN: count, QUEUED: count} if count else {}

    def rows(self, layout: ColumnLayout) -> list[Rows]:
        """q[t] − q[t−1] + z[t] = d[t]; nothing is left before the first step."""
        queue = Queue.of(layout.instance)
        run, left = layout.column(RUN), layout.column(QUEUED)
        before = np.concatenate([np.full((1, run.shape[1]), -1), left[:-1]])
        index = np.stack([run, left, before], axis=-1).reshape(-1, 3)
        value = np.tile([1.0, 1.0, -1.0], (len(index), 1))
        there = index >= 0
        right = queue.arrived[:, layout.hours].T.ravel()
        start = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
        return [Rows(self.name, right, right, start, index[there], value[there])]


@register
class Waiting(Constraint):
    """Patience: it couples all steps over time, by what runs when."""

    name = "waiting"

    def linking(self, scenario: Scenario) -> Linking | None:
        """The queue, where any class may wait."""
        return Queueing() if scenario.waits else None

    def window(self, scenario: Scenario) -> Window | None:
        """Nothing is cut where something may wait."""
        return Window.ALL if scenario.waits else None

    def present(self, scenario: Scenario) -> bool:
        """Whether any class may wait."""
        return scenario.waits

    def relaxed(self, scenario: Scenario) -> Scenario:
        """The scenario in which nothing waits: the only constraint that is looser than none."""
        return without_waiting(scenario)


def without_waiting(scenario: Scenario) -> Scenario:
    """The scenario in which every request runs when it arrives."""
    classes = tuple(replace(klass, may_wait_h=0.0) for klass in scenario.classes)
    return replace(scenario, classes=classes) if scenario.waits else scenario


def by_patience(
    scenario: Scenario, klass: str, waits_h: Sequence[float]
) -> Iterator[tuple[float, Scenario]]:
    """(Wait in hours, the scenario in which so much may be waited) of each wait.

    `klass` alone may wait, with its copies under contract, or where it is empty every class that
    may in the scenario. Raises UsageError for a class that there is not, and where none may wait.
    """
    ids = [k.id for k in scenario.classes]
    if klass and klass not in ids:
        raise UsageError(f"unknown class {klass!r}; choose one of {', '.join(ids)}")
    chosen = {k.id for k in scenario.classes if klass in (k.id, k.base)}
    chosen = chosen if klass else {k.id for k in scenario.classes if k.may_wait_h > 0}
    if not chosen:
        raise UsageError("no class may wait: name one, as in `wait:NAME`, or give it `may_wait_h`")
    for wait_h in waits_h:
        classes = tuple(
            replace(k, may_wait_h=wait_h) if k.id in chosen else k for k in scenario.classes
        )
        yield wait_h, replace(scenario, classes=classes)
