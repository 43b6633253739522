"""A tier design as listings and as JSON: offers, fallbacks, who takes them, what it depends on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wattlas.model.table import Column, Kind, Listing, Table, rows_of, table_of
from wattlas.studies.labels import class_label, class_names, named
from wattlas.studies.offer_listings import card_listings
from wattlas.studies.tier_tables import tier_tables

if TYPE_CHECKING:
    from wattlas.studies.offers import Design, TierDesign

MOST_FALLBACKS = 20
"""With more candidates than this, the terminal does not list them."""
_TOLD = ("tier_verdicts", "tier_fallbacks", "tier_segments", "tier_pareto", "tier_sensitivity")


def design_mapping(design: TierDesign, parts: Table | None) -> dict[str, Any]:
    """A design for JSON; `parts` is its split between geography and tiers."""
    tables = tier_tables(design)
    return {
        "notice": design.plan.scenario.notice,
        "offer": design.terms,
        "tiers": design.tiers(),
        **{n.removeprefix("tier_"): rows_of(tables[n]) for n in _TOLD if n in tables},
        "split": None if parts is None else rows_of(parts),
    }


def verdict_words(design: TierDesign) -> Iterator[str]:
    """One sentence per class: whether a tier is worth offering, and why."""
    for class_design in design.designs:
        gains = (
            "offer a tier: "
            if class_design.verdict.worth
            else "no tier is worth offering, because "
        )
        yield f"Class {_label(design, class_design)}: {gains}{class_design.verdict.reason}."
    yield from idle_words(design)


def idle_words(design: TierDesign) -> Iterator[str]:
    """Why classes in which nobody is served have no design."""
    names = class_names(design.plan.scenario)
    for klass in design.idle:
        label = class_label(names, klass)
        yield f"Class {label}: no tier was designed, because the plan serves no request of it."


def design_listings(design: TierDesign) -> Iterator[Listing]:
    """What to offer, from most to least telling; nothing where no tier is worth offering."""
    designs = [class_design for class_design in design.designs if class_design.chosen is not None]
    if not designs:
        return
    tables = tier_tables(design)
    offered = {class_design.service.klass for class_design in designs}
    names = class_names(design.plan.scenario)
    rows = [row for row in rows_of(tables["tier_verdicts"]) if row["worth"]]
    listed = [*card_listings(rows, names)]
    if design.terms.most > 1:
        listed.append(_contracts(designs))
    fallbacks = _fallbacks(tables["tier_fallbacks"], designs)
    if len(fallbacks) <= MOST_FALLBACKS:
        listed.append(fallbacks)
    if "tier_segments" in tables:
        listed.append(_segments(tables["tier_segments"]))
    if "tier_sensitivity" in tables:
        listed.append(_sensitivities(tables["tier_sensitivity"], offered))
    yield from (named(listing, names) for listing in listed)


def _label(design: TierDesign, class_design: Design) -> str:
    return class_label(class_names(design.plan.scenario), class_design.service.klass)


def payment_notes(design: TierDesign) -> Iterator[str]:
    """What the assumed taste comes to per tonne: whether an offer is to be believed."""
    for class_design in design.designs:
        if class_design.chosen is not None and class_design.market is not None:
            yield (
                f"class {_label(design, class_design)}: these users would pay "
                f"{class_design.market.usd_per_t:,.0f} USD for a tonne less, in the mean; "
                "offsets are bought at tens of USD at most. See the test of willingness above."
            )


def split_listing(parts: Table) -> Listing:
    """What geography, tiers and both save."""
    rows = [row for row in rows_of(parts) if row["part"] != "baseline"]
    return Listing(
        "Against full service at the nearest region with capacity",
        (
            Column("part", Kind.TEXT, head=""),
            Column("saving_usd", Kind.COUNT, head="saved, USD"),
            Column("saving_kg", Kind.COUNT, head="saved, kg"),
        ),
        table_of(rows, parts),
    )


def _contracts(designs: list[Design]) -> Listing:
    rows = (
        {
            "class": class_design.service.klass,
            "fallback": offer.fallback,
            "discount": offer.discount,
            "cap": offer.share,
            "adoption": adoption,
            "profit_usd": offer.profit_gain_usd,
            "saved_kg": offer.carbon_saved_kg,
        }
        for class_design in designs
        for offer, adoption in zip(
            class_design.ladder.offers, class_design.ladder.adoption, strict=True
        )
    )
    return Listing(
        "Several contracts together, each beside the others",
        (
            Column("class", Kind.TEXT),
            Column("fallback", Kind.TEXT),
            Column("discount", Kind.SHARE),
            Column("cap", Kind.SHARE, head="degradation cap"),
            Column("adoption", Kind.SHARE),
            Column("profit_usd", Kind.COUNT, head="more profit, USD"),
            Column("saved_kg", Kind.COUNT, head="carbon saved, kg"),
        ),
        table_of(rows),
    )


def _fallbacks(fallbacks: Table, designs: list[Design]) -> Listing:
    """Is the fallback one level below full service the best?"""
    chosen = {
        class_design.service.klass: class_design.chosen.fallback
        for class_design in designs
        if class_design.chosen is not None
    }
    offered = ("discount", "share", "adoption", "profit_gain_usd")
    rows = []
    for row in rows_of(fallbacks):
        if row["class"] not in chosen:
            continue
        known = {name: row[name] if row["worth"] else None for name in offered}
        best = "best" if chosen[row["class"]] == row["fallback"] else ""
        rows.append({**row, **known, "best": best})
    return Listing(
        "Each candidate fallback at its best",
        (
            Column("class", Kind.TEXT),
            Column("fallback", Kind.TEXT),
            Column("levels_below", Kind.COUNT),
            Column("discount", Kind.SHARE),
            Column("share", Kind.SHARE, head="degradation cap"),
            Column("adoption", Kind.SHARE),
            Column("profit_gain_usd", Kind.COUNT, head="profit, USD"),
            Column("best", Kind.TEXT, head=""),
        ),
        table_of(rows),
    )


def _segments(segments: Table) -> Listing:
    rows = ({**row, "verdict": _verdict(row)} for row in rows_of(segments))
    return Listing(
        "Who takes it",
        (
            Column("class", Kind.TEXT),
            Column("segment", Kind.TEXT, head="users"),
            Column("adoption", Kind.SHARE),
            Column("prefers", Kind.TEXT, head="most take"),
            Column("gain_usd_per_million", head="gain, USD/M"),
            Column("losing_share", Kind.SHARE, head="losing"),
            Column("verdict", Kind.TEXT, head="in their interest"),
        ),
        table_of(rows),
    )


def _verdict(segment: dict[str, Any]) -> str:
    if segment["rational"] and segment["compatible"]:
        return "yes"
    return "they lose" if not segment["rational"] else "another tier is worth more"


def _sensitivities(varied: Table, offered: set[str]) -> Listing:
    verdicts = {None: "", True: "passed", False: "failed"}
    rows = [
        {**row, "verdict": verdicts[row["passed"]]}
        for row in rows_of(varied)
        if row["class"] in offered
    ]
    return Listing(
        "Where an assumption is wrong: profit gained by the same offer, USD; tests first",
        (
            Column("class", Kind.TEXT),
            Column("label", Kind.TEXT, head="assumption"),
            Column("low"),
            Column("base"),
            Column("high"),
            Column("profit_gain_low_usd", Kind.COUNT, head="at low"),
            Column("profit_gain_base_usd", Kind.COUNT, head="as assumed"),
            Column("profit_gain_high_usd", Kind.COUNT, head="at high"),
            Column("verdict", Kind.TEXT, head="test"),
        ),
        table_of(rows, [*varied, "verdict"]),
    )
