"""What do geography and tiers save together?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.studies.registry import TIERS, Depth, figure, table
from wattlas.studies.tier_tables import split_table

if TYPE_CHECKING:
    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings


@table("tier_split", "class:text part:text cost_usd? carbon_kg? saving_usd? saving_kg?")
def split(findings: Findings) -> Table | None:
    """Savings of geography, tiers and both; none where switching costs couple the hours."""
    from wattlas.placement.constraints.registry import links

    if findings.tiers is None or links(findings.scenario):
        return None
    findings.tell("geography and tiers together", 1.0)
    return split_table(findings.tiers)


figure(
    __file__,
    order=110,
    part=TIERS,
    question="What do geography and tiers save together?",
    needs=("tier_split",),
    missing="Geography and tiers were not told apart",
    depth=Depth.APPENDIX,
    lacks="nothing to split",
)
