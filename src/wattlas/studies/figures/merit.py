"""Which regions were worth using in an hour? The merit order of telling hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.studies.registry import Depth, figure, table

if TYPE_CHECKING:
    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings


@table(
    "merit",
    "hour:time rank region:text cost_usd_per_it_mwh? energy_usd_per_it_mwh? "
    "accelerator_usd_per_it_mwh? egress_usd_per_it_mwh? carbon_usd_per_it_mwh? capacity_mw? "
    "used_mw? demand_mw?",
)
def merit(findings: Findings) -> Table:
    """Regions of a few telling hours in the order of what a MWh costs there."""
    from wattlas.placement.tables import views

    return views.merit(findings.plan)


figure(
    __file__,
    order=40,
    question="Which regions were worth using in an hour?",
    needs=("merit",),
    missing="There is no merit order",
    depth=Depth.APPENDIX,
)
