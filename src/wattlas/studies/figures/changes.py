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
    from wattlas.placement.tables.changes import changes as table_of

    return table_of(findings.changed)
