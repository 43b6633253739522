"""What do users feel? Utility over accuracy and latency."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wattlas.studies.registry import TIERS, Depth, figure
from wattlas.studies.thinning import thin_surface
from wattlas.studies.tier_tables import Row, tier_table

if TYPE_CHECKING:
    import polars as pl

    from wattlas.model.scenario import Scenario
    from wattlas.studies.offers import Design, TierDesign

SURFACE = 25
"""Values along each axis of a surface."""
SURFACE_USERS = 400
"""Users of a segment that its surface is the mean of."""


def thin(frame: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """Every second value along both axes where the surfaces are large."""
    return thin_surface("tier_utility", frame, ("class", "segment"), ("accuracy", "latency_ms"))


@tier_table(
    "tier_utility",
    "class:text segment:text accuracy latency_ms utility",
    thin=thin,
)
def utility(_scenario: Scenario, design: Design, _whole: TierDesign) -> Iterator[Row]:
    """Mean utility of each segment over accuracy and latency, at full service's grams."""
    import numpy as np

    from wattlas.tiers.selection import groups
    from wattlas.tiers.utility import PerceivedPoints
    from wattlas.tiers.utility import utility as felt_by

    market = design.market
    if market is None:
        return
    scale = market.scale
    accuracy = np.linspace(scale.accuracy_min, scale.accuracy_max, SURFACE)
    latency = np.linspace(scale.latency_min_ms, scale.latency_max_ms, SURFACE)
    a, ms = (axis.ravel() for axis in np.meshgrid(accuracy, latency, indexing="ij"))
    points = PerceivedPoints(a, ms, np.full(len(a), market.full_carbon_g))
    for name, member in groups(market):
        at = np.flatnonzero(member)
        sampled = at[:: max(len(at) // SURFACE_USERS, 1)]
        felt = felt_by(points, market.people.taste.take(sampled), scale)
        mean = market.requests[sampled] @ felt / market.requests[sampled].sum()
        for n, value in enumerate(mean):
            yield {
                "class": design.service.klass,
                "segment": name,
                "accuracy": float(a[n]),
                "latency_ms": float(ms[n]),
                "utility": float(value),
            }


figure(
    __file__,
    order=40,
    part=TIERS,
    question="What do users feel?",
    needs=("tier_utility",),
    missing="The utility of users was not computed",
    depth=Depth.APPENDIX,
)
