"""Whose demand ran in whose zone? The relocation matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.studies.registry import Depth, figure, table

if TYPE_CHECKING:
    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings


@table(
    "relocation",
    "from_zone:text to_zone:text it_mwh baseline_mwh? mean_mw? distance_km? line_mw? "
    "line_loss_share? line_loss_mwh?",
)
def relocation(findings: Findings) -> Table:
    """Energy of each zone's demand by the zone where it ran, and the line that would carry it."""
    from wattlas.placement.tables import metrics

    return metrics.relocation(findings.instance, findings.plan, findings.baseline)


figure(
    __file__,
    order=80,
    question="Whose demand ran in whose zone?",
    needs=("relocation",),
    missing="The relocation matrix was not computed",
    depth=Depth.APPENDIX,
)
