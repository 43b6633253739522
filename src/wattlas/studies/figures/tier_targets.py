"""What should be served at which carbon intensity? Targets under caps on grams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wattlas.studies.registry import TIERS, Depth, figure
from wattlas.studies.tier_tables import Row, menu_of_class, tier_table

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario
    from wattlas.studies.offers import Design, TierDesign

CAPS = (0.5, 0.75, 1.0)
"""Caps on grams per request that targets are told for, over what full service emits."""


@tier_table(
    "tier_targets",
    "class:text cap_g from_g_per_kwh to_g_per_kwh? point:text accuracy service_ms utility",
)
def targets(scenario: Scenario, design: Design, whole: TierDesign) -> Iterator[Row]:
    import numpy as np

    from wattlas.tiers.targets import targets as goals

    if design.market is None:
        return
    served, base = menu_of_class(scenario, design, whole)
    full_g = float(design.service.mean(design.service.full_carbon_g))
    for cap in CAPS:
        goal = goals(served, cap * full_g, design.market.people, design.market.scale, base.pue)
        for n, at in enumerate(goal.point):
            end = float(goal.to_g_per_kwh[n])
            yield {
                "class": served.klass,
                "cap_g": cap * full_g,
                "from_g_per_kwh": float(goal.from_g_per_kwh[n]),
                "to_g_per_kwh": end if np.isfinite(end) else None,
                "point": served.ids[at],
                "accuracy": float(served.accuracy[at]),
                "service_ms": float(served.service_ms[at]),
                "utility": float(goal.from_utility[n]),
            }


figure(
    __file__,
    order=30,
    part=TIERS,
    question="What should be served at which carbon intensity?",
    needs=("tier_targets",),
    missing="There are no performance targets",
    depth=Depth.APPENDIX,
)
