"""What is reach worth? The fleet over the round trip that is allowed beyond the baseline region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.studies.registry import FLEET, figure, table

if TYPE_CHECKING:
    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings


@table(
    "fleet_reach",
    "variant:text reach gpu cost_usd rent_usd carbon_kg it_mwh bound_usd gap on_hull:flag "
    "gpu_per_unit? usd_per_unit?",
)
def fleet_reach(findings: Findings) -> Table | None:
    """The fleet at some reaches, and along the lower hull what a further millisecond is worth."""
    from wattlas.studies.fleet_tables import fleet_reach_table

    answer = findings.fleet
    if isinstance(answer, str) or answer.reach is None:
        return None
    return fleet_reach_table(answer.reach)


figure(
    __file__,
    order=20,
    part=FLEET,
    question="What is a further millisecond worth to the fleet?",
    needs=("fleet_reach",),
    missing="The return on reach was not computed",
)
