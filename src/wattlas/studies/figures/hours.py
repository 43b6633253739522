"""Where did demand run, hour by hour? Load, prices and intensities of every region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.studies.registry import figure, table
from wattlas.studies.thinning import mean_days

if TYPE_CHECKING:
    import polars as pl

    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings

MAX_HOURS = 1000
"""With more steps than this, the page shows the mean day of each month."""


UNSEEN = ("requests", "facility_mw")
"""Columns that no picture of the page shows; the folder's table has them."""


def thin(frame: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """What the page shows: the mean day of each month where there are many steps."""
    if frame["time_utc"].n_unique() <= MAX_HOURS:
        return frame.drop(UNSEEN, strict=False), ""
    rule = "Shown is the mean day of each month; the folder's hourly table has every hour."
    return mean_days(frame).drop(UNSEEN, strict=False), rule


@table(
    "hourly",
    "time_utc:time hours_represented region:text requests it_mw facility_mw gpu capacity_gpu? "
    "price_usd_per_mwh? average_g_per_kwh? deciding_g_per_kwh? capacity_price_usd_per_gpu_h? "
    "capacity_price_kg_per_gpu_h? baseline_it_mw?",
    thin=thin,
)
def hourly(findings: Findings) -> Table:
    """Load, prices and intensities of every region in every step, and the baseline's load."""
    return findings.hourly


figure(
    __file__,
    order=30,
    question="Where did demand run, hour by hour?",
    needs=("hourly",),
    missing="There is no hourly picture",
)
