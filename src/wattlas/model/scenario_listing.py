"""The regions of a scenario as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wattlas.model.table import Column, Kind, Listing

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario


def regions_listing(scenario: Scenario) -> Listing:
    """Each region with its zone, its accelerators, and the mean of its price and carbon."""
    s, weight = scenario, scenario.hours.hours / scenario.hours.hours.sum()
    zones = [s.signals.zones.index(region.zone) for region in s.regions]
    return Listing(
        "Regions",
        (
            Column("region", Kind.TEXT),
            Column("zone", Kind.TEXT),
            Column("pue", head="PUE"),
            Column("reserved_gpu", head="reserved, GPU"),
            Column("price_usd_per_mwh"),
            Column("carbon_g_per_kwh"),
        ),
        {
            "region": [region.id for region in s.regions],
            "zone": [region.zone for region in s.regions],
            "pue": [region.pue for region in s.regions],
            "reserved_gpu": _accelerators(np.asarray(s.reserved_gpu @ weight)),
            "price_usd_per_mwh": (s.signals.price_usd_per_mwh @ weight)[zones],
            "carbon_g_per_kwh": (s.signals.deciding_g_per_kwh @ weight)[zones],
        },
    )


def _accelerators(mean: np.ndarray) -> list[float | str]:
    """Their mean number, or that there is no limit."""
    return [float(number) if np.isfinite(number) else "free" for number in mean]
