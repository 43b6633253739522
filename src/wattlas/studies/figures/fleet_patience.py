"""What is waiting worth? The fleet over the hours that demand may wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.studies.registry import FLEET, figure, table

if TYPE_CHECKING:
    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings


@table("fleet_patience", "class:text wait_h gpu cost_usd gap how:text")
def fleet_patience(findings: Findings) -> Table | None:
    """The fleet of each patience. A study does not compute it; `wattlas fleet --patience` does."""
    return None


figure(
    __file__,
    order=40,
    part=FLEET,
    question="What is waiting worth to the fleet?",
    needs=("fleet_patience",),
    missing="Fleets for demand that may wait were not computed",
)
