"""Where did demand run, hour by hour? Load, prices and intensities of every region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wattlas.model.table import Column, Kind, Listing
from wattlas.studies.registry import figure, listing, table
from wattlas.studies.thinning import mean_days

if TYPE_CHECKING:
    import polars as pl

    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings
    from wattlas.studies.study import Study

MAX_HOURS = 1000
"""With more steps than this, the page shows the mean day of each month."""


def thin(frame: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """The mean day of each month where there are many steps."""
    if frame["time_utc"].n_unique() <= MAX_HOURS:
        return frame, ""
    rule = "Shown is the mean day of each month; the folder's hourly table has every hour."
    return mean_days(frame), rule


@table(
    "hourly",
    "time_utc:time hours_represented region:text requests it_mw facility_mw gpu capacity_gpu? "
    "price_usd_per_mwh? average_g_per_kwh? deciding_g_per_kwh? capacity_price_usd_per_gpu_h? "
    "home_it_mw?",
    thin=thin,
)
def hourly(findings: Findings) -> Table:
    """Load, prices and intensities of every region in every step, and the baseline's load."""
    from wattlas.placement.tables import views

    return views.hourly(findings.plan, findings.baseline)


figure(
    __file__,
    order=30,
    question="Where did demand run, hour by hour?",
    needs=("hourly",),
    missing="There is no hourly picture",
)


@listing(order=20)
def where(study: Study) -> Listing:
    """Regions by the energy that the plan runs there; means over the window."""
    import numpy as np

    hours, regions = study.tables["hourly"], [r.id for r in study.plan.scenario.regions]

    def by_region(name: str) -> Any:
        return np.asarray(hours[name], dtype=float).reshape(-1, len(regions))

    represented = by_region("hours_represented")
    plan_mwh = (by_region("it_mw") * represented).sum(axis=0)
    baseline_mwh = (by_region("home_it_mw") * represented).sum(axis=0)
    used = (by_region("gpu") * represented).sum(axis=0)
    capacity = (by_region("capacity_gpu") * represented).sum(axis=0)
    known = np.isfinite(capacity) & (capacity > 0)

    def mean(name: str) -> Any:
        return (by_region(name) * represented).sum(axis=0) / represented[:, 0].sum()

    values = {
        "region": np.array(regions),
        "baseline_share": baseline_mwh / max(float(baseline_mwh.sum()), 1e-300),
        "plan_share": plan_mwh / max(float(plan_mwh.sum()), 1e-300),
        "utilisation": np.where(known, used / np.where(known, capacity, 1.0), np.nan),
        "price_usd_per_mwh": mean("price_usd_per_mwh"),
        "deciding_g_per_kwh": mean("deciding_g_per_kwh"),
        "capacity_price_usd_per_gpu_h": mean("capacity_price_usd_per_gpu_h"),
    }
    order = np.argsort(-plan_mwh, kind="stable")
    return Listing(
        "Where inference runs (share of IT energy)",
        (
            Column("region", Kind.TEXT),
            Column("baseline_share", Kind.SHARE, head="baseline"),
            Column("plan_share", Kind.SHARE, head="plan"),
            Column("utilisation", Kind.SHARE),
            Column("price_usd_per_mwh", head="USD/MWh"),
            Column("deciding_g_per_kwh", head="g/kWh"),
            Column("capacity_price_usd_per_gpu_h", head="one more GPU-h, USD"),
        ),
        {name: column[order] for name, column in values.items()},
    )
