"""How much of the energy was expensive or dirty? The duration curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.studies.registry import Depth, figure, table

if TYPE_CHECKING:
    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings


@table(
    "duration",
    "policy:text quantity:text share_of_energy value",
)
def duration(findings: Findings) -> Table:
    """Price and intensity over the share of the energy that met at least as much."""
    from wattlas.placement.tables import views

    return views.duration(findings.plan, findings.baseline)


figure(
    __file__,
    order=50,
    question="How much of the energy was expensive or dirty?",
    needs=("duration",),
    missing="There are no duration curves",
    depth=Depth.APPENDIX,
)
