"""Carbon caps beside the objective's: what all requests emit at most, window by window.

The design of a tier counts on requests that are degraded where that saves carbon; the placement
would degrade them where that saves money. With this cap it delivers the carbon that was offered.
"""

from __future__ import annotations

from wattlas.model.objective import Window
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.base import Constraint
from wattlas.placement.constraints.registry import register
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit, window_of, windows
from wattlas.placement.problem.unit_values import carbon


@register
class CarbonByWindow(Constraint):
    """Σ_h hours[h] · Σ c·x ≤ tonnes of the window, for each carbon cap and window that it names."""

    name = "carbon_by_window"

    def limits(self, instance: Instance) -> list[Limit]:
        """One limit per cap and window."""
        hours, measure, caps = instance.scenario.hours, carbon(instance), []
        for cap in instance.scenario.carbon_caps:
            label = window_of(hours.utc, cap.window)
            for steps in windows(hours, cap.window):
                tonnes = cap.t_by_window.get(str(label[steps[0]]))
                if tonnes is not None:
                    caps.append(Limit(self.name, cap.id, measure, tonnes, steps))
        return caps

    def window(self, scenario: Scenario) -> Window | None:
        """The longest window of a cap."""
        windows = {cap.window for cap in scenario.carbon_caps}
        return next(
            (window for window in (Window.ALL, Window.MONTH, Window.DAY) if window in windows), None
        )

    def present(self, scenario: Scenario) -> bool:
        """Whether there is any cap."""
        return bool(scenario.carbon_caps)

    def short_words(self, instance: Instance, limit: Limit, least: float, when: str) -> str:
        """The least attainable, and what to do."""
        return (
            f"{limit.id} over {when} is capped at {limit.bound:,.6g} t, but the least attainable "
            f"is {least:,.6g} t. Raise the cap, or add capacity where less is emitted."
        )
