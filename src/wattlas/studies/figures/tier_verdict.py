"""Is a green tier worth offering? The verdict of each class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wattlas.model.table import Column, Kind, Listing, rows_of, table_of
from wattlas.studies.labels import class_label
from wattlas.studies.registry import TIERS, figure, listing
from wattlas.studies.tier_tables import Row, tier_table

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario
    from wattlas.studies.offers import Design, TierDesign
    from wattlas.studies.study import Study


@tier_table(
    "tier_verdicts",
    "class:text worth:flag reason:text price_usd full_accuracy full_latency_ms full_cost_usd "
    "full_carbon_g floor:text? discount? share? adoption? profit_gain_usd? profit_gain_share? "
    "carbon_saved_kg? carbon_saved_share? users_pay_usd_per_t?",
)
def verdict(_scenario: Scenario, design: Design, _whole: TierDesign) -> Iterator[Row]:
    from wattlas.tiers.verdict import relative

    service, chosen = design.service, design.chosen
    shares: tuple[float | None, float | None] = (None, None)
    if chosen is not None and design.market is not None:
        shares = relative(design.market, chosen)
    yield {
        "class": service.klass,
        "worth": design.verdict.worth,
        "reason": design.verdict.reason,
        "price_usd": design.price_usd,
        "full_accuracy": service.full_accuracy,
        "full_latency_ms": service.full_latency_ms,
        "full_cost_usd": float(service.mean(service.full_cost_usd)),
        "full_carbon_g": float(service.mean(service.full_carbon_g)),
        "floor": chosen and chosen.fallback,
        "discount": chosen and chosen.discount,
        "share": chosen and chosen.share,
        "adoption": chosen and chosen.adoption,
        "profit_gain_usd": chosen and chosen.profit_gain_usd,
        "profit_gain_share": shares[0],
        "carbon_saved_kg": chosen and chosen.carbon_saved_kg,
        "carbon_saved_share": shares[1],
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
    names = study.meta["classes"]
    verdicts = rows_of(study.tables.get("tier_verdicts", {}))
    rows = [{**row, "class": class_label(names, row["class"])} for row in verdicts]
    if not rows:
        return None
    none = (
        f"Class {row['class']}: no tier is worth offering, because {row['reason']}."
        for row in rows
        if not row["worth"]
    )
    return Listing(
        "Which tier to offer: at most the capped share of requests is degraded",
        (
            Column("class", Kind.TEXT),
            Column("floor", Kind.TEXT, head="fallback"),
            Column("discount", Kind.SHARE),
            Column("share", Kind.SHARE, head="degradation cap"),
            Column("adoption", Kind.SHARE),
            Column("profit_gain_share", Kind.SHARE, head="more profit"),
            Column("carbon_saved_share", Kind.SHARE, head="less carbon"),
        ),
        table_of((row for row in rows if row["worth"]), rows[0]),
        notes=tuple(none),
    )
