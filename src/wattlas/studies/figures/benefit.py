"""Does shifting really help? The saving as it is, and without each limit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wattlas.model.table import Column, Kind, Listing, rows_of
from wattlas.studies.registry import figure, listing, table

ALL = 1.0005
"""Shares above this are written as more than 100%."""

if TYPE_CHECKING:
    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings
    from wattlas.studies.study import Study


@table(
    "benefit",
    "removed:text label:text saving_usd? saving_kg? realised_ratio_usd? realised_ratio_kg? "
    "note:text?",
    busy=True,
    large=True,
)
def benefit(findings: Findings) -> Table:
    """What least cost and least carbon save with and without each limit."""
    from wattlas.placement.tables import metrics

    def tell(share: float) -> None:
        findings.tell("realised benefit", share)

    return metrics.benefit(findings.scenario, tell, findings.planned)


figure(
    __file__,
    order=60,
    question="Does shifting really help?",
    needs=("benefit",),
    missing="Realised benefit was not computed",
)


@listing(order=50)
def limits_removed(study: Study) -> Listing:
    """The saving without each limit, and the share of it that is left with all of them."""
    return Listing(
        "Does shifting help? The saving without each limit, and the share of it that is left",
        (
            Column("label", Kind.TEXT, head=""),
            Column("saving_usd", head="least cost saves, USD"),
            Column("realised_ratio_usd", Kind.SHARE, head="share of it"),
            Column("saving_kg", head="least carbon saves, kg"),
            Column("realised_ratio_kg", Kind.SHARE, head="share of it"),
        ),
        study.tables["benefit"],
        tuple(_notes(study.tables["benefit"])),
    )


def _notes(table: Table) -> Iterator[str]:
    """What a share above all of it means, and why carbon is not compared."""
    rows = list(rows_of(table))
    if any((row[f"realised_ratio_{unit}"] or 0.0) > ALL for row in rows for unit in ("usd", "kg")):
        yield (
            "A share above 100%: without that limit the baseline gains as well, and more than the "
            "plan, so that less is left to save."
        )
    for note in dict.fromkeys(row["note"] for row in rows if row["note"]):
        which = [row["label"] for row in rows if row["note"] == note]
        yield f"{', '.join(which)}: {note}."
