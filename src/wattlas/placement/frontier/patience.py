"""What patience is worth: the best placement for each of several waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from wattlas.errors import UsageError
from wattlas.model.objective import Objective
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan

HOURS = (0.0, 1.0, 2.0, 3.0, 6.0, 12.0, 24.0)
"""Waits that are tried where none are given, but for those that are no multiple of the step."""


def over_patience(
    scenario: Scenario,
    klass: str = "",
    hours: Sequence[float] | None = None,
    *,
    objective: Objective | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> tuple[tuple[float, ...], tuple[Plan, ...]]:
    """(Waits in hours, the best placement at each), without flows.

    `klass` alone may wait, by default every class that may in the scenario. Raises UsageError for a
    class that there is not, and where none may wait; InputError for waits that make no sense.
    """
    ids = [k.id for k in scenario.classes]
    if klass and klass not in ids:
        raise UsageError(f"unknown class {klass!r}; choose one of {', '.join(ids)}")
    chosen = {klass} if klass else {k.id for k in scenario.classes if k.may_wait_h > 0}
    if not chosen:
        raise UsageError(
            "no class may wait: name one, as in `--variant wait:NAME`, or give it `may_wait_h`"
        )
    step_h = scenario.hours.step_h
    waits = tuple(hours) if hours is not None else tuple(h for h in HOURS if not h % step_h)
    placed = []
    for n, wait_h in enumerate(waits):
        progress(n / len(waits))
        classes = tuple(
            replace(k, may_wait_h=wait_h) if k.id in chosen else k for k in scenario.classes
        )
        asked = replace(scenario, classes=classes)
        placed.append(plan(asked, objective=objective, keep_flows=False))
    return waits, tuple(placed)
