"""What patience is worth: the best placement for each of several waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wattlas.model.objective import Objective
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.constraints.waiting import by_patience

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
    step_h = scenario.hours.step_h
    waits = tuple(hours) if hours is not None else tuple(h for h in HOURS if not h % step_h)
    placed = []
    for n, (_, patient) in enumerate(by_patience(scenario, klass, waits)):
        progress(n / len(waits))
        placed.append(plan(patient, objective=objective, keep_flows=False))
    return waits, tuple(placed)
