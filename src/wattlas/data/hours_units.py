"""What looks wrong in hours and may be right: values of a size that belongs to another unit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from wattlas.data.hours_checks import HoursTable
from wattlas.data.inputs import Inputs
from wattlas.data.schema.columns import ColumnSchema
from wattlas.data.schema.hours import CARBON, PRICE, TIME
from wattlas.errors import Problem
from wattlas.model.signals import Signals

LEAST_VALUES = 24
"""A series shorter than this is not judged by its median."""
UNUSUAL = {
    "gCO2e/kWh": (
        "that looks like kg/kWh, wanted g/kWh",
        "no grid emits that, wanted g/kWh; it looks like lb/MWh or mg/kWh",
    ),
    "USD/MWh": (
        "that looks like USD/kWh, wanted USD/MWh",
        "that looks like another currency or unit, wanted USD/MWh",
    ),
}
"""Unit → what a median below and above all that is usual says."""


def suspicions(table: HoursTable) -> list[Problem]:
    """What looks wrong and may be right: series whose typical size belongs to another unit."""
    if not table.cells.has(TIME, *table.schema.series):
        return []
    return list(check_units(table))


def check_units(table: HoursTable) -> Iterator[Problem]:
    """Series whose typical size belongs to another unit."""
    for column in table.values:
        finite = table.timed.filter(pl.col(column).is_finite(), pl.col(column) != 0)
        enough = pl.len().over(table.key) >= LEAST_VALUES
        medians = finite.filter(enough).group_by(table.key).agg(pl.col(column).abs().median())
        for series, size in medians.sort(table.key).iter_rows():
            if doubt := size_doubt(table.schema[column], size):
                yield table.problem(series, doubt, _UNIT)


def size_doubt(column: ColumnSchema, median: float) -> str:
    """What a median says that no usual series has; empty where it is usual."""
    low, high = column.usual or (0.0, float("inf"))
    if low <= median <= high:
        return ""
    below, above = UNUSUAL.get(column.unit, ("", ""))
    return f"the median of {column.name} is {median:.3g}: {below if median < low else above}"


def unusual_signals(inputs: Inputs, signals: Signals) -> Iterator[Problem]:
    """Zones of the scenario's own tables whose typical size belongs to another unit."""
    section = inputs.typed.signals
    for name, column, values in (
        ("price", PRICE["price_usd_per_mwh"], signals.price_usd_per_mwh),
        ("carbon", CARBON["average_g_per_kwh"], signals.average_g_per_kwh),
    ):
        if getattr(section, name).table is None:
            continue
        for zone, series in zip(signals.zones, values, strict=True):
            known = np.abs(series[np.isfinite(series) & (series != 0)])
            doubt = (
                size_doubt(column, float(np.median(known))) if len(known) >= LEAST_VALUES else ""
            )
            if doubt:
                fix = f"If it is right, leave it; else give `signals.{name}.scale`."
                what = f"`{zone}`: {doubt}"
                yield inputs.document.problem(("signals", name, "table"), what, fix)


_UNIT = "If it is right, leave it; else import the table again with `--unit`."
