"""Judging hours: what is missing, doubled, out of order, not a number, or in the wrong unit.

Each check takes the rows of one hourly table and yields a Problem that names the series, the
hours, and the fix; hours that follow each other are reported as one range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import polars as pl

from wattlas.data.clock_changes import (
    DST_ZONES,
    STEP,
    clock_change,
    hour_text,
    ranges,
)
from wattlas.data.reader.cells import Cells, missing_columns, typed
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.source import SourceTable
from wattlas.data.reader.stamps import INSTANT
from wattlas.data.schema.columns import TableSchema
from wattlas.data.schema.hours import TIME
from wattlas.errors import Problem

SERIES = "__series"
"""The series of a row where several columns identify it."""

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


@dataclass(frozen=True)
class HoursTable:
    """An hourly table to be judged, and what it should hold."""

    source: SourceTable
    start: datetime | None = None
    """First hour that every series should have; the first of any series unless given."""
    hours: int | None = None
    """Number of hours that every series should have; to the last of any series unless given."""
    time_zones: tuple[str, ...] = DST_ZONES
    """Zones whose clock changes may explain a missing and a doubled hour."""

    @property
    def schema(self) -> TableSchema:
        """What the table must hold."""
        return self.source.schema

    @property
    def name(self) -> str:
        """`price`, `carbon`, `capacity` or `demand`."""
        return self.schema.name

    @property
    def key(self) -> str:
        """The column that identifies a series."""
        return SERIES if len(self.schema.series) > 1 else self.schema.series[0]

    @property
    def values(self) -> tuple[str, ...]:
        """The columns of values that the table has."""
        return tuple(c for c in self.schema.values if c in self.source.columns)

    @cached_property
    def cells(self) -> Cells:
        """The cells in their types; any number will do for one, the checks judge it."""
        return typed(self.source, need=(TIME, *self.schema.series), bounds=False)

    @cached_property
    def timed(self) -> pl.DataFrame:
        """Rows with a time and a series."""
        series = list(self.schema.series)
        rows = self.cells.frame.drop_nulls([TIME, *series])
        if self.key == SERIES:
            rows = rows.with_columns(pl.concat_str(series, separator="/").alias(SERIES))
        return rows

    @cached_property
    def expected(self) -> pl.Series:
        """Every hour that each series should have."""
        if self.start is not None and self.hours is not None:
            first, last = self.start, self.start + (self.hours - 1) * STEP
        else:
            on_the_hour = self.timed[TIME].dt.truncate("1h")
            low, high = on_the_hour.min(), on_the_hour.max()
            if not isinstance(low, datetime) or not isinstance(high, datetime):
                return pl.Series(TIME, [], dtype=INSTANT)
            first, last = self.start or low, high
            if self.hours is not None:
                last = first + (self.hours - 1) * STEP
        return pl.datetime_range(first, last, "1h", time_unit="us", eager=True).alias(TIME)

    def by_series(self, rows: pl.DataFrame) -> dict[str, list[datetime]]:
        """The times of some rows by series, in order of the series."""
        parts = rows.group_by(self.key, maintain_order=True)
        return dict(sorted((str(name), part[TIME].to_list()) for (name,), part in parts))

    def problem(self, series: str, what: str, fix: str) -> Problem:
        """A problem of this table, at one of its series or columns."""
        where = f"{self.name}.{series}" if series else self.name
        return Problem(where, what, fix, self.source.label or None)


def check_hours(table: HoursTable) -> list[Problem]:
    """Every problem of an hourly table; none if it is sound."""
    problems = [*table.cells.problems, *check_zone(table)]
    needed = [c for c in table.schema.required if c in table.schema.values]
    problems += missing_columns(table.source, needed)
    if not table.cells.has(*table.schema.required) or table.timed.is_empty():
        return problems
    return problems + [problem for check in CHECKS for problem in check(table)]


def check_zone(table: HoursTable) -> Iterator[Problem]:
    """Times of a file that keeps them in another zone."""
    kind = table.source.frame.schema.get(TIME)
    if isinstance(kind, pl.Datetime) and kind.time_zone not in (None, "UTC"):
        what = f"the times are in the zone {kind.time_zone}, wanted UTC"
        fix = "Import the table with `wattlas data import --time-zone ZONE`: it converts."
        yield table.problem(TIME, what, fix)


def check_duplicates_and_gaps(table: HoursTable) -> Iterator[Problem]:
    """Hours that a series has twice or not at all; clock changes are recognised."""
    rows = table.timed
    counts = rows.group_by(table.key, TIME, maintain_order=True).len()
    series_there = rows.select(pl.col(table.key).unique(maintain_order=True))
    grid = series_there.join(table.expected.to_frame(), how="cross")
    lacking = grid.join(rows, on=[table.key, TIME], how="anti", maintain_order="left")
    twice, gone = table.by_series(counts.filter(pl.col("len") > 1)), table.by_series(lacking)
    for series in sorted({*twice, *gone}):
        extra, absent = twice.get(series, []), gone.get(series, [])
        clock = clock_change(extra, absent, table.time_zones)
        if clock is not None:
            yield table.problem(series, clock.what, clock.fix)
            extra = [hour for hour in extra if hour not in clock.doubled]
            absent = [hour for hour in absent if hour not in clock.absent]
        if extra:
            what = f"{_count(extra, ' is', ' are')} there more than once: {ranges(extra)}"
            yield table.problem(series, what, "Keep one row per hour.")
        if absent:
            what = f"{_count(absent, ' is', ' are')} missing: {ranges(absent)}"
            yield table.problem(series, what, "Add the hours, or leave the series out.")


def _count(times: Sequence[datetime], single: str = "", plural: str = "") -> str:
    return f"1 hour{single}" if len(times) == 1 else f"{len(times):,} hours{plural}"


def check_off_the_hour(table: HoursTable) -> Iterator[Problem]:
    """Stamps that are not at the beginning of an hour."""
    off = table.timed.filter(pl.col(TIME) != pl.col(TIME).dt.truncate("1h"))
    fix = "Average them to hours: `wattlas data import --average`."
    for series, times in table.by_series(off).items():
        first = hour_text(times[0])
        what = f"{len(times):,} stamps are not at a full hour, the first is {first}"
        yield table.problem(series, what, fix)


def check_order(table: HoursTable) -> Iterator[Problem]:
    """Series whose rows are not in order of time."""
    back = pl.col(TIME) < pl.col(TIME).shift(1).over(table.key)
    rows = table.timed.with_columns(_back=back).filter(pl.col("_back"))
    for series, times in table.by_series(rows).items():
        steps = f"it steps back {len(times)} times, first at {hour_text(times[0])}"
        what = f"the rows are not sorted by time: {steps}"
        yield table.problem(series, what, "Sort the rows by series and time.")


def check_numbers(table: HoursTable) -> Iterator[Problem]:
    """Values that are null, NaN or infinite; text was reported before."""
    fix = "Fill in the values, or leave the series out."
    for column in table.values:
        wrong = ~pl.col(column).is_finite()
        if column in table.schema.required:
            wrong = wrong.fill_null(True)
        already_reported = pl.col(ROW).is_in(sorted(table.cells.bad.get(column, ())))
        for series, times in table.by_series(table.timed.filter(wrong & ~already_reported)).items():
            what = f"{_count(times, ' has', ' have')} no number in {column}: {ranges(times)}"
            yield table.problem(series, what, fix)


def check_negative(table: HoursTable) -> Iterator[Problem]:
    """Values below zero where there can be none."""
    for column in table.values:
        least = table.schema[column].lower
        if least is None:
            continue
        below = table.timed.filter(pl.col(column) < least)
        for series, times in table.by_series(below).items():
            what = f"{column} is negative in {_count(times)}: {ranges(times)}"
            yield table.problem(series, what, "Only a price can be negative.")


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


_UNIT = "Import the table again and name its unit: `wattlas data import --unit UNIT`."


CHECKS: tuple[Callable[[HoursTable], Iterator[Problem]], ...] = (
    check_duplicates_and_gaps,
    check_off_the_hour,
    check_order,
    check_numbers,
    check_negative,
    check_units,
)
"""Every check of an hourly table."""
