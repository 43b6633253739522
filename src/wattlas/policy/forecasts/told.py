"""A policy with the forecasts that it is told, as one policy, and what it sees of the present."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

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


def as_known(observed: Observed, forecast: Forecast) -> Observed:
    """What is known as a step begins: of its own signals the prices that are published by then."""
    published = forecast.published[:, 0]
    return replace(
        observed,
        price_usd_per_mwh=np.where(published, observed.price_usd_per_mwh, np.nan),
        carbon_g_per_kwh=np.full_like(observed.carbon_g_per_kwh, np.nan),
        signal_age_s=np.where(published, observed.signal_age_s, np.inf),
    )
