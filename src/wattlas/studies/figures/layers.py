"""How far from its users does each class run? The execution layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.studies.registry import Depth, figure, table

if TYPE_CHECKING:
    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings


@table(
    "layers",
    "class:text layer:text it_mwh share? baseline_mwh? baseline_share?",
)
def layers(findings: Findings) -> Table:
    """Energy of each class by layer: local, regional, energy-oriented, late, not served."""
    from wattlas.placement.tables import metrics

    return metrics.layers(findings.instance, findings.plan, findings.baseline)


@table(
    "relocatable",
    "class:text it_mwh technical_mwh? technical_share? economic_mwh? economic_share? "
    "overflow_mwh? moved_mwh? moved_share?",
)
def relocatable(findings: Findings) -> Table:
    """Energy of each class that could run elsewhere, that does, and that has been moved."""
    from wattlas.placement.tables import metrics

    return metrics.relocatable(
        findings.instance, findings.plan, findings.baseline, findings.changed
    )


figure(
    __file__,
    order=110,
    question="How far from its users does each class run?",
    needs=("layers",),
    missing="The execution layers were not computed",
    depth=Depth.APPENDIX,
)
