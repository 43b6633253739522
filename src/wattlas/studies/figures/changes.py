"""What does the plan change? Requests that run elsewhere than under the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.studies.registry import table

if TYPE_CHECKING:
    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings


@table(
    "changes",
    "class:text from_region:text to_region:text requests requests_share hours_share it_mwh "
    " saving_usd? saving_kg",
)
def changes(findings: Findings) -> Table:
    """Each class's requests by the region that serves them under the baseline and in the plan."""
    from wattlas.placement.tables.changes import changes as changed
    from wattlas.placement.tables.metrics import flows_of

    findings.tell("changes", 0.0)
    before, after = flows_of(findings.baseline), flows_of(findings.plan)
    return changed(findings.scenario, before, after)
