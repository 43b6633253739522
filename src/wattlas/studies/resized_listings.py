"""What contracts save a fleet that may be resized, as a table, as JSON and as a listing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wattlas.model.table import Column, Kind, Listing, rows_of, table_of
from wattlas.studies.labels import class_label, class_names, named
from wattlas.studies.resized import PEAK
from wattlas.studies.words import money, number

if TYPE_CHECKING:
    from wattlas.studies.resized import Resized, ResizedDesign

ASSUMPTION = (
    "This is saved only when the lease ends, or where accelerators can be given back. Every hour "
    "and all demand are known in advance, and each class is valued by itself: two do not save the "
    "sum."
)
Row = dict[str, Any]


def resized_rows(resized: Resized) -> Iterator[Row]:
    """One row for each class and allocation."""
    for each in resized.designs:
        for allocation in each.allocations:
            offer, fleet = allocation.offer, allocation.fleet
            yield {
                "class": each.design.service.klass,
                "degraded_when": allocation.when,
                "worth": allocation.worth,
                "fallback": offer.fallback,
                "discount": offer.discount,
                "share": offer.share,
                "adoption": offer.adoption,
                "degraded_requests": allocation.degraded,
                "fleet_gpu": fleet.count,
                # Rounding is no accelerator, and no −0.
                "fewer_gpu": round(allocation.fewer_gpu, 6) + 0.0,
                "fleet_cost_usd": fleet.cost_usd,
                "saved_usd": allocation.saved_usd,
                "saved_low_usd": allocation.saved_low_usd,
                "saved_high_usd": allocation.saved_high_usd,
                "saved_usd_per_million": allocation.usd_per_million,
                "one_more_percent_usd": allocation.usd_per_point,
                "profit_gain_usd": offer.profit_gain_usd,
                "carbon_saved_kg": offer.carbon_saved_kg,
                "busy_h": each.busy_h,
            }


def resized_mapping(resized: Resized) -> dict[str, Any]:
    """What contracts save a fleet that may be resized, for JSON."""
    base = resized.base.optimal
    return {
        "assumption": ASSUMPTION,
        "without": {"gpu": base.count, "cost_usd": base.cost_usd, "rent_usd": base.rent_usd},
        "allocations": list(resized_rows(resized)),
    }


def resized_words(resized: Resized) -> Iterator[str]:
    """One sentence per class: whether a tier is worth offering where the fleet may be resized."""
    names = class_names(resized.design.plan.scenario)
    base = resized.base.optimal
    yield (
        f"If the fleet may be resized: without tiers {base.count:,.0f} accelerators serve all "
        f"demand at {money(base.cost_usd)}."
    )
    for each in resized.designs:
        label = class_label(names, each.design.service.klass)
        yield f"Class {label}: {_class_words(each)}."


def _class_words(each: ResizedDesign) -> str:
    if not each.allocations:
        return "no contract pays for what its users give up, at the peak either"
    best, dirty = each.allocations
    offer = best.offer
    gains = "offer a tier" if best.worth else "no tier is worth offering; the best"
    return (
        f"{gains}: at a discount of {offer.discount:.1%} adoption is {offer.adoption:.0%}, "
        f"{number(best.fewer_gpu)} accelerators fewer are held, and the fleet costs "
        f"{money(best.saved_usd)} less ({money(dirty.saved_usd)} if the same share is degraded "
        "when carbon is high)"
    )


def resized_listing(resized: Resized) -> Listing | None:
    """Both allocations of each class; None where no contract brings anything."""
    rows = [
        {**row, "degraded_millions": row["degraded_requests"] / 1e6}
        for row in resized_rows(resized)
    ]
    if not rows:
        return None
    listing = Listing(
        "What degrading saves a fleet that may be resized",
        (
            Column("class", Kind.TEXT),
            Column("degraded_when", Kind.TEXT, head="degraded"),
            Column("fewer_gpu", Kind.COUNT, head="fewer GPU"),
            Column("saved_usd", Kind.COUNT, head="fleet costs less, USD"),
            Column("saved_usd_per_million", Kind.COUNT, head="USD per million degraded"),
            Column("profit_gain_usd", Kind.COUNT, head="more profit, USD"),
            Column("carbon_saved_kg", Kind.COUNT, head="carbon saved, kg"),
            Column("discount", Kind.SHARE, wide=True),
            Column("share", Kind.SHARE, head="cap", wide=True),
            Column("adoption", Kind.SHARE, wide=True),
            Column("degraded_millions", Kind.COUNT, head="degraded, millions", wide=True),
            Column("one_more_percent_usd", Kind.COUNT, head="1 % more cap saves, USD", wide=True),
            Column("fallback", Kind.TEXT, wide=True),
        ),
        table_of(rows),
        (ASSUMPTION, *_sceptic(resized)),
    )
    return named(listing, class_names(resized.design.plan.scenario))


def _sceptic(resized: Resized) -> Iterator[str]:
    """What else could take the peak: accelerators by the hour, for as long as it lasts."""
    scenario = resized.design.plan.scenario
    names, hours = class_names(scenario), float(scenario.hours.hours.sum())
    for row in rows_of(table_of(list(resized_rows(resized)))):
        if row["degraded_when"] != PEAK or row["fewer_gpu"] <= 0 or row["busy_h"] <= 0:
            continue
        price = row["saved_usd"] / (row["fewer_gpu"] * row["busy_h"])
        yield (
            f"Class {class_label(names, row['class'])}: without the tier the accelerators that it "
            f"saves would be busy {row['busy_h']:,.0f} of {hours:,.0f} hours. Below "
            f"{price:,.2f} USD per hour on demand they cost less bought "
            "by the hour."
        )
