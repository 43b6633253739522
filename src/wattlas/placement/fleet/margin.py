"""A fleet with a margin: the same usable accelerators, where only a part of each may be counted on.

Of N that are held u·N count, so that K usable ones take K/u. What they serve and how stays as it
is, so that the cost is that of a fleet that does serve: the fleet of least cost at u costs at most
so much.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wattlas.model.fleet import FleetCost
from wattlas.model.scenario import Scenario
from wattlas.placement.fleet.terms import carbon_t, idle_kw
from wattlas.units import KG_PER_T, KWH_PER_MWH

_BOUNDS = ("reserved_gpu_max", "capacity_max", "power_max_kw")


def takes_margin(scenario: Scenario) -> bool:
    """Whether a margin can be added afterwards: none is stated, and no bound could forbid it."""
    return all(
        region.utilisation_max == 1.0
        and region.reserved_gpu_min == 0.0
        and all(np.isinf(getattr(region, name)) for name in _BOUNDS)
        for region in scenario.regions
    )


def with_margin(scenario: Scenario, cost: FleetCost, utilisation: float) -> FleetCost:
    """A fleet of which `utilisation`, above 0 and up to 1, is counted on instead of all."""
    more = cost.gpu * (1.0 / utilisation - 1.0)
    hours = float(scenario.hours.hours.sum())
    return replace(
        cost,
        gpu=cost.gpu + more,
        rent_usd=cost.rent_usd / utilisation,
        carbon_kg=cost.carbon_kg + float(carbon_t(scenario) @ more) * KG_PER_T,
        it_mwh=cost.it_mwh + float(idle_kw(scenario) @ more) * hours / KWH_PER_MWH,
    )
