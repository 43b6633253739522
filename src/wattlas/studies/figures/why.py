"""Why here? The candidates of each metro and class, with what closed each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.studies.registry import Depth, figure, table
from wattlas.studies.thinning import best_points

if TYPE_CHECKING:
    import polars as pl

    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings

MAX_CANDIDATES = 30_000


def thin(frame: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """The best operating point of each region where there are many rows."""
    if frame.height <= MAX_CANDIDATES:
        return frame, ""
    rule = (
        "Shown is the best operating point of each region; the folder's candidates table has all "
        "of them."
    )
    return best_points(frame), rule


@table(
    "candidates",
    "metro:text class:text region:text point:text? latency_ms? budget_ms? cost_usd_per_million? "
    "carbon_g_per_request? reason:text? chosen_share? binding:text?",
    thin=thin,
)
def candidates(findings: Findings) -> Table:
    """Each region for each metro and class: cost, carbon, latency, and why it was not chosen."""
    from wattlas.placement.tables import views

    return views.candidates(findings.instance, findings.plan)


figure(
    __file__,
    order=100,
    question="Why here?",
    needs=("candidates",),
    missing="The candidates of each metro were not kept",
    depth=Depth.APPENDIX,
)
