"""Where do the requests go? The map of flows, of the plan and of the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.studies.registry import Depth, figure, table

if TYPE_CHECKING:
    import polars as pl

    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings

FLOW_COLUMNS = (
    "metro:text class:text region:text point:text? requests it_mwh facility_mwh energy_usd? "
    "carbon_kg rtt_ms?"
)


UNSEEN = ("requests", "facility_mwh", "energy_usd", "carbon_kg")
"""Columns of flows that no picture of the page shows; the folder's tables have them."""


def thin(frame: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """The columns that the page shows."""
    return frame.drop(UNSEEN, strict=False), ""


@table(
    "places",
    "kind:text id:text name:text lat_deg? lon_deg? zone:text? jurisdiction:text? country:text? "
    "population? pue? node:text?",
)
def places(findings: Findings) -> Table:
    """Every metro, node and region with its coordinates."""
    from wattlas.placement.tables import views

    return views.places(findings.scenario)


@table("flows", FLOW_COLUMNS, thin=thin)
def flows(findings: Findings) -> Table:
    """What the plan serves where, summed over the window."""
    return findings.flow_sums


@table("baseline_flows", FLOW_COLUMNS, thin=thin)
def baseline_flows(findings: Findings) -> Table:
    """What the baseline serves where, summed over the window."""
    from wattlas.placement.tables import metrics, views

    return views.flow_sums(findings.scenario, metrics.flows_of(findings.baseline))


figure(
    __file__,
    order=20,
    question="Where do the requests go?",
    needs=("flows", "places"),
    missing="There is no map of flows",
    depth=Depth.FIRST,
)
