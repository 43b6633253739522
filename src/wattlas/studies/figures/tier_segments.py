"""Who takes the offer? Users by segment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wattlas.studies.registry import TIERS, Depth, figure
from wattlas.studies.tier_tables import MILLION, Row, tier_table

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario
    from wattlas.studies.offers import Design, TierDesign


@tier_table(
    "tier_segments",
    "class:text segment:text requests_share consciousness adoption prefers:text "
    "gain_usd_per_million rational:flag compatible:flag losing_share",
)
def segments(_scenario: Scenario, design: Design, _whole: TierDesign) -> Iterator[Row]:
    if design.chosen is None:
        return
    for row in design.segments:
        yield {
            "class": design.service.klass,
            "segment": row.name,
            "requests_share": row.requests_share,
            "consciousness": row.consciousness,
            "adoption": row.adoption,
            "prefers": row.prefers,
            "gain_usd_per_million": row.gain_usd * MILLION,
            "rational": row.rational,
            "compatible": row.compatible,
            "losing_share": row.losing_share,
        }


figure(
    __file__,
    order=90,
    part=TIERS,
    question="Who takes the offer?",
    needs=("tier_segments",),
    missing="Who takes the offer was not computed",
    depth=Depth.APPENDIX,
    lacks="no offer for anybody to take",
)
