"""How much must be degraded to stay under a carbon cap? Shares by zone, cap and rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.errors import InputError
from wattlas.studies.registry import TIERS, Depth, figure, table

if TYPE_CHECKING:
    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings


@table("tier_shares", "zone:text cap_share rule:text place:text share?")
def shares(findings: Findings) -> Table | None:
    """How much carbon asks to degrade per zone, for the class whose tier brings most.

    None where no class has a tier, or where its fallback is none for the rules.
    """
    from wattlas.studies.board import Ways
    from wattlas.studies.shares import shares as shares_of

    designs = [] if findings.tiers is None else findings.tiers.designs
    chosen = [(design.chosen, design.service) for design in designs if design.chosen is not None]
    if findings.tiers is None or not chosen:
        return None
    offer, service = max(chosen, key=lambda pair: pair[0].profit_gain_usd)
    factor = service.latency_factor(offer.contract.point)
    try:
        return shares_of(
            findings.tiers.with_points((offer.fallback,)),
            service.klass,
            ways=Ways(green=offer.fallback, latency_factor=factor),
        )
    except InputError:
        return None


figure(
    __file__,
    order=50,
    part=TIERS,
    question="How much must be degraded to stay under a carbon cap?",
    needs=("tier_shares",),
    missing="Shares from carbon were not computed",
    depth=Depth.APPENDIX,
)
