"""What looks wrong in hours and may be right: values of a size that belongs to another unit."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from wattlas.data.hours_checks import HoursTable
from wattlas.data.schema.hours import TIME
from wattlas.errors import Problem

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
        low, high = table.schema[column].usual or (0.0, float("inf"))
        below, above = UNUSUAL.get(table.schema[column].unit, ("", ""))
        finite = table.timed.filter(pl.col(column).is_finite(), pl.col(column) != 0)
        enough = pl.len().over(table.key) >= LEAST_VALUES
        medians = finite.filter(enough).group_by(table.key).agg(pl.col(column).abs().median())
        unusual = medians.filter((pl.col(column) < low) | (pl.col(column) > high))
        for series, size in unusual.sort(table.key).iter_rows():
            guess = below if size < low else above
            what = f"the median of {column} is {size:.3g}: {guess}"
            yield table.problem(series, what, _UNIT)


_UNIT = "If it is right, leave it; else import the table again with `--unit`."
