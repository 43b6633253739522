"""Is a green tier worth offering? The verdict of each class."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from wattlas.model.table import Listing, rows_of
from wattlas.studies.offer_listings import card_listings
from wattlas.studies.registry import TIERS, figure, listing
from wattlas.studies.tier_tables import CARD, Row, tier_table

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario
    from wattlas.studies.offers import Design, TierDesign
    from wattlas.studies.study import Study


@tier_table(
    "tier_verdicts",
    "class:text worth:flag reason:text price_usd full_accuracy full_latency_ms full_cost_usd "
    f"full_carbon_g {CARD} users_pay_usd_per_t?",
)
def verdict(_scenario: Scenario, design: Design, _whole: TierDesign) -> Iterator[Row]:
    from wattlas.studies.offer_card import card

    service = design.service
    yield {
        "class": service.klass,
        "worth": design.verdict.worth,
        "reason": design.verdict.reason,
        "price_usd": design.price_usd,
        "full_accuracy": service.full_accuracy,
        "full_latency_ms": service.full_latency_ms,
        "full_cost_usd": float(service.mean(service.full_cost_usd)),
        "full_carbon_g": float(service.mean(service.full_carbon_g)),
        **card(design),
        "users_pay_usd_per_t": None if design.market is None else design.market.usd_per_t,
    }


figure(
    __file__,
    order=10,
    part=TIERS,
    question="Is a green tier worth offering?",
    needs=("tier_verdicts",),
    missing="No tiers were designed",
)


@listing(order=60)
def offers(study: Study) -> Listing | None:
    """Which tier to offer in each class, and why none in the others."""
    return next(_cards(study), None)


@listing(order=61)
def meaning(study: Study) -> Listing | None:
    """What users of those get, who loses, when requests are degraded, and which tests it passes."""
    return next(islice(_cards(study), 1, None), None)


def _cards(study: Study) -> Iterator[Listing]:
    verdicts = rows_of(study.tables.get("tier_verdicts", {}))
    return card_listings(verdicts, study.meta["classes"])
