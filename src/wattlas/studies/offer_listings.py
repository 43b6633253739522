"""The cards of offers as listings: what is offered, and what that means for users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wattlas.model.table import Column, Kind, Listing, table_of
from wattlas.studies import words
from wattlas.studies.labels import class_label

Row = Mapping[str, Any]


def card_listings(verdicts: Sequence[Row], names: Mapping[str, str]) -> Iterator[Listing]:
    """Two listings of the rows of `tier_verdicts` worth offering, and why others are not."""
    rows = [{**row, "class": class_label(names, row["class"])} for row in verdicts]
    none = tuple(
        f"Class {row['class']}: no tier is worth offering, because {row['reason']}."
        for row in rows
        if not row["worth"]
    )
    if not rows:
        return
    offered = [row for row in rows if row["worth"]]
    yield Listing(
        "Which tier to offer: at most the capped share of requests is degraded",
        (
            Column("class", Kind.TEXT),
            Column("fallback", Kind.TEXT),
            Column("discount", Kind.SHARE),
            Column("share", Kind.SHARE, head="cap"),
            Column("adoption", Kind.SHARE),
            Column("profit_gain_usd", Kind.COUNT, head="more profit, USD"),
            Column("revenue_gain_share", Kind.SHARE, head="of revenue"),
            Column("profit_gain_share", Kind.SHARE, head="of profit", wide=True),
            Column("carbon_saved_share", Kind.SHARE, head="less carbon"),
        ),
        table_of(offered, rows[0]),
        notes=none,
    )
    if not offered:
        return
    yield Listing(
        "What it means: before is full service, after a degraded request",
        (
            Column("class", Kind.TEXT),
            Column("score", Kind.TEXT, head="score"),
            Column("ms", Kind.TEXT, head="ms"),
            Column("losing_share", Kind.SHARE, head="who lose"),
            Column("trigger", Kind.TEXT, head="degraded"),
            Column("tests", Kind.TEXT, head="tests"),
        ),
        table_of([{**row, **_meaning(row)} for row in offered]),
    )


def _meaning(row: Row) -> dict[str, str]:
    """Quality before and after, and the tests, in a few words each."""
    tests = row["tests"] or "not made"
    return {
        "score": f"{row['full_accuracy']:.3g} → {row['fallback_accuracy']:.3g}",
        "ms": " → ".join(words.number(row[f"{name}_latency_ms"]) for name in ("full", "fallback")),
        "tests": tests,
    }
