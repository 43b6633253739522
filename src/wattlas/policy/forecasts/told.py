"""A policy with the forecasts that it is told, as one policy."""

from __future__ import annotations

from dataclasses import dataclass

from wattlas.policy.forecasts.outlook import Outlook
from wattlas.policy.protocol import Forecast, Observed, Policy, State
from wattlas.policy.routing import Routing


@dataclass(frozen=True)
class Told:
    """Routes as `policy` does; whoever drives it issues the forecasts of `outlook`."""

    policy: Policy
    outlook: Outlook
    name: str

    def route(self, observed: Observed, forecast: Forecast, state: State) -> tuple[Routing, State]:
        """What the policy says."""
        return self.policy.route(observed, forecast, state)
