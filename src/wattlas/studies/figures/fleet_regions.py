"""How many accelerators, and where? Each fleet that is compared, region by region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.model.table import Column, Kind, Listing, rows_of, table_of
from wattlas.studies.registry import FLEET, figure, listing, table

if TYPE_CHECKING:
    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings
    from wattlas.studies.study import Study


@table(
    "fleets",
    "variant:text label:text held_back_share gpu cost_usd? rent_usd variable_usd? carbon_kg? "
    "it_mwh? bound_usd? gap? unserved_share?",
)
def fleets(findings: Findings) -> Table | None:
    """The fleets that are compared, and the same with a margin; None where there is none to ask
    for."""
    from wattlas.studies.fleet_tables import fleets_table

    answer = findings.fleet
    return None if isinstance(answer, str) else fleets_table(answer)


@table(
    "fleet_regions",
    "variant:text region:text gpu usable_gpu used_gpu_h? on_demand_gpu_h? utilisation? "
    "saved_by_one_usd?",
)
def fleet_regions(findings: Findings) -> Table | None:
    """Accelerators of every region in every fleet, and how they are used."""
    from wattlas.studies.fleet_tables import fleet_regions_table

    answer = findings.fleet
    return None if isinstance(answer, str) else fleet_regions_table(answer)


figure(
    __file__,
    order=10,
    part=FLEET,
    question="How many accelerators, and where?",
    needs=("fleets", "fleet_regions"),
    missing="No fleet was looked for",
)


@listing(order=5)
def compared(study: Study) -> Listing | None:
    """The fleets side by side, as they are without a margin; None where there is none."""
    rows = [
        row
        for row in rows_of(study.tables.get("fleets", {}))
        if row["variant"] != "whole" and not row["held_back_share"]
    ]
    if not rows:
        return None
    return Listing(
        "How many accelerators",
        (
            Column("label", Kind.TEXT, head=""),
            Column("gpu", Kind.COUNT, head="GPU"),
            Column("cost_usd", Kind.COUNT),
            Column("rent_usd", Kind.COUNT),
            Column("carbon_kg", Kind.COUNT, wide=True),
        ),
        table_of(rows),
    )
