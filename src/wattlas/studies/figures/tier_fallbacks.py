"""Is one level below full service the best fallback? Each candidate at its best."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wattlas.studies.registry import TIERS, Depth, figure
from wattlas.studies.tier_tables import Row, tier_table

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario
    from wattlas.studies.offers import Design, TierDesign


@tier_table(
    "tier_fallbacks",
    "class:text fallback:text levels_below discount share adoption profit_gain_usd carbon_saved_kg "
    "worth:flag",
)
def fallbacks(_scenario: Scenario, design: Design, _whole: TierDesign) -> Iterator[Row]:
    """The best offer of each fallback, or none: is one level below full the best?"""
    import numpy as np

    service = design.service
    scores = np.unique(np.append(service.accuracy, service.full_accuracy))
    full = int(np.searchsorted(scores, service.full_accuracy))
    for n, (name, offer) in enumerate(zip(service.points, design.fallbacks, strict=True)):
        level = full - int(np.searchsorted(scores, service.accuracy[n]))
        yield {
            "class": service.klass,
            "fallback": name,
            "levels_below": level,
            "discount": 0.0 if offer is None else offer.discount,
            "share": 0.0 if offer is None else offer.share,
            "adoption": 0.0 if offer is None else offer.adoption,
            "profit_gain_usd": 0.0 if offer is None else offer.profit_gain_usd,
            "carbon_saved_kg": 0.0 if offer is None else offer.carbon_saved_kg,
            "worth": offer is not None,
        }


figure(
    __file__,
    order=80,
    part=TIERS,
    question="Is one level below full service the best fallback?",
    needs=("tier_fallbacks",),
    missing="The fallbacks were not compared",
    depth=Depth.APPENDIX,
    lacks="no fallback to use",
)
