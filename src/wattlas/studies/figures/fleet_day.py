"""Whose demand fills the accelerators of a region? The fullest day, by where demand comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.studies.registry import FLEET, figure, table

if TYPE_CHECKING:
    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings


@table("fleet_day", "time_utc:time region:text origin:text gpu")
def fleet_day(findings: Findings) -> Table | None:
    """Accelerators in use of each region in each step of one day, by the baseline region of the
    demand that uses them."""
    from wattlas.studies.fleet_day import fleet_day_table

    answer = findings.fleet
    return None if isinstance(answer, str) else fleet_day_table(answer.fleet, findings.instance)


figure(
    __file__,
    order=30,
    part=FLEET,
    question="Whose demand fills the accelerators of a region?",
    needs=("fleet_day", "fleet_regions"),
    missing="The day of a region was not computed",
)
