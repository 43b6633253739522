"""The cap of the objective: at most so much carbon, or cost, over each window.

A cap on cost is on the variable cost: what is reserved is paid in any case.

A relative one is a share of what the nearest-available baseline reaches in full service, frictions
aside. That baseline needs a solver, which a constraint has not: `baseline_use` is told by whoever
solves (`window.limits`).
"""

from __future__ import annotations

from dataclasses import dataclass

from wattlas.model.objective import Objective, Window
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.base import Constraint
from wattlas.placement.constraints.registry import register
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit, windows
from wattlas.placement.problem.unit_values import carbon, cost

CAPS = ("carbon_cap_t", "carbon_cap_share", "cost_cap_usd", "cost_cap_share")


@dataclass(frozen=True)
class GivenCap:
    """The cap that an objective sets: on `carbon` or `cost`, `relative` to the baseline or not."""

    on: str
    bound: float
    relative: bool


def given_cap(objective: Objective) -> GivenCap | None:
    """The objective's cap; None where it has none."""
    for name in CAPS:
        bound = getattr(objective, name)
        if bound is not None:
            return GivenCap(name.partition("_")[0], float(bound), name.endswith("share"))
    return None


@register
class ObjectiveCap(Constraint):
    """Σ_h hours[h] · Σ (carbon or cost)·x ≤ cap, one row per window."""

    name = "objective_cap"

    def limits(self, instance: Instance) -> list[Limit]:
        """One limit per window; a relative one needs what the baseline uses in each."""
        objective = instance.scenario.objective
        cap = given_cap(objective)
        if cap is None:
            return []
        measure = {"carbon": carbon, "cost": cost}[cap.on](instance)
        parts = windows(instance.scenario.hours, objective.window)
        use = instance.baseline_use
        if cap.relative and use is None:
            raise ValueError("a relative cap needs what the baseline uses: see window.limits")
        of_baseline = [1.0 if use is None else float(use[steps].sum()) for steps in parts]
        factor = of_baseline if cap.relative else [1.0] * len(parts)
        return [
            Limit(self.name, cap.on, measure, cap.bound * share, steps)
            for share, steps in zip(factor, parts, strict=True)
        ]

    def window(self, scenario: Scenario) -> Window | None:
        """That of the objective."""
        window = scenario.objective.window
        coupled = given_cap(scenario.objective) is not None and window is not Window.HOUR
        return window if coupled else None

    def present(self, scenario: Scenario) -> bool:
        """Whether the objective has a cap."""
        return given_cap(scenario.objective) is not None

    def short_words(self, instance: Instance, limit: Limit, least: float, when: str) -> str:
        """The least attainable, and what to do."""
        unit = limit.measure.unit
        return (
            f"{limit.id} over {when} is capped at {limit.bound:,.6g} {unit}, but the "
            f"least attainable is {least:,.6g} {unit}. Raise the cap, relax latency "
            "budgets or residency, or add capacity where it is lower."
        )
