"""How much carbon for how much profit? Offers that no other beats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wattlas.studies.registry import TIERS, Depth, figure
from wattlas.studies.tier_tables import Row, tier_table

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario
    from wattlas.studies.offers import Design, TierDesign
    from wattlas.tiers.offer import Offer


@tier_table(
    "tier_pareto",
    "class:text fallback:text discount share adoption profit_gain_usd carbon_saved_kg chosen:text?",
)
def pareto(_scenario: Scenario, design: Design, _whole: TierDesign) -> Iterator[Row]:
    for offer in design.front:
        yield _offer(design, offer, None)
    for best, name in ((design.most, "profit"), (design.cleanest, "carbon")):
        if best is not None:
            yield _offer(design, best, name)


figure(
    __file__,
    order=70,
    part=TIERS,
    question="How much carbon for how much profit?",
    needs=("tier_pareto",),
    missing="The offers between profit and carbon were not traced",
    depth=Depth.APPENDIX,
    lacks="no offer that beats having none",
)


def _offer(design: Design, offer: Offer, chosen: str | None) -> Row:
    return {
        "class": design.service.klass,
        "fallback": offer.fallback,
        "discount": offer.discount,
        "share": offer.share,
        "adoption": offer.adoption,
        "profit_gain_usd": offer.profit_gain_usd,
        "carbon_saved_kg": offer.carbon_saved_kg,
        "chosen": chosen,
    }
