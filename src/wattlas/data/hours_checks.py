"""Judging hours: what is missing, doubled, out of order, not a number, or in the wrong unit.

Each check takes the rows of one hourly table and yields a Problem that names the series, the
hours, and the fix; hours that follow each other are told as one range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import polars as pl

from wattlas.data.clock_changes import (
    DST_ZONES,
    RANGES_TOLD,
    STEP,
    clock_change,
    ranges,
    stamp,
)
from wattlas.data.pack_tables import HOURLY_KEYS, LAYOUTS, TIME, UTC
from wattlas.errors import Problem

MAX_INTENSITY_G_PER_KWH = 1500.0
"""Above what any fuel emits per kWh over its life cycle on average."""
MIN_INTENSITY = 2.0
MIN_PRICE = 1.0
MAX_PRICE_USD_PER_MWH = 2000.0
"""Medians beyond these are taken for another unit or currency."""
LEAST_VALUES = 24
"""A series shorter than this is not judged by its median."""


@dataclass(frozen=True)
class HoursTable:
    """An hourly table to be judged, and what it should hold."""

    name: str
    """`price`, `carbon` or `capacity`."""
    frame: pl.DataFrame
    file: str | None = None
    start: datetime | None = None
    """First hour that every series should have; the first of any series unless given."""
    hours: int | None = None
    """Number of hours that every series should have; to the last of any series unless given."""
    time_zones: tuple[str, ...] = DST_ZONES
    """Zones whose clock changes may explain a missing and a doubled hour."""

    @property
    def key(self) -> str:
        """The column that tells series apart."""
        return HOURLY_KEYS[self.name]

    @property
    def values(self) -> tuple[str, ...]:
        """The columns of values that the table has."""
        known = [c for c in LAYOUTS[self.name].columns if c not in (TIME, self.key)]
        return tuple(c for c in known if c in self.frame.columns)

    @cached_property
    def timed(self) -> pl.DataFrame:
        """Rows with a time and a series, the values as numbers."""
        known = self.frame.filter(pl.col(TIME).is_not_null(), pl.col(self.key).is_not_null())
        return known.with_columns(pl.col(c).cast(pl.Float64, strict=False) for c in self.values)

    @cached_property
    def expected(self) -> pl.Series:
        """Every hour that each series should have."""
        if self.start is not None and self.hours is not None:
            first, last = self.start, self.start + (self.hours - 1) * STEP
        else:
            on_the_hour = self.timed[TIME].dt.truncate("1h")
            low, high = on_the_hour.min(), on_the_hour.max()
            if not isinstance(low, datetime) or not isinstance(high, datetime):
                return pl.Series(TIME, [], dtype=UTC)
            first, last = self.start or low, high
            if self.hours is not None:
                last = first + (self.hours - 1) * STEP
        return pl.datetime_range(first, last, "1h", time_unit="us", eager=True).alias(TIME)

    def problem(self, series: str, what: str, fix: str) -> Problem:
        """A problem of this table, at one of its series or columns."""
        return Problem(f"{self.name}.{series}" if series else self.name, what, fix, self.file)


def check_hours(table: HoursTable) -> list[Problem]:
    """Every problem of an hourly table; none if it is sound."""
    problems = list(check_columns(table))
    if problems:
        return problems
    return [problem for check in CHECKS for problem in check(table)]


def check_columns(table: HoursTable) -> Iterator[Problem]:
    """Columns that are missing, and times that are no UTC times."""
    have = table.frame.schema
    for column in LAYOUTS[table.name].required:
        if column not in have:
            yield table.problem(
                column,
                f"the column is missing; there are: {', '.join(have)}",
                "Rename the columns, or let `wattlas data import` do it.",
            )
    kind = have.get(TIME)
    if kind is None or kind == UTC:
        return
    if isinstance(kind, pl.Datetime) and kind.time_zone not in (None, "UTC"):
        what = f"the times are in the zone {kind.time_zone}, wanted UTC"
    else:
        what = f"the times are {kind} without a zone, wanted UTC times"
    yield table.problem(
        TIME, what, "Import the table with `wattlas data import --time-zone ZONE`: it converts."
    )


def check_unreadable(table: HoursTable) -> Iterator[Problem]:
    """Rows without a time or without a series, and columns that are not numbers."""
    for column in (TIME, table.key):
        rows = table.frame.with_row_index("_row", offset=1).filter(pl.col(column).is_null())["_row"]
        if len(rows):
            first = ", ".join(str(row) for row in rows.head(RANGES_TOLD))
            yield table.problem(
                column,
                f"{len(rows)} rows have none that can be read, the first are rows {first}",
                "Times look like 2023-01-31T13:00:00Z: UTC, with the Z. "
                "`wattlas data import --time-zone ZONE` converts others.",
            )
    for column in table.values:
        if not table.frame.schema[column].is_numeric():
            yield table.problem(column, "it is text, wanted numbers", "Write numbers with a point.")


def check_duplicates_and_gaps(table: HoursTable) -> Iterator[Problem]:
    """Hours that a series has twice or not at all; clock changes are recognised."""
    rows = table.timed
    counts = rows.group_by(table.key, TIME, maintain_order=True).len()
    doubled = counts.filter(pl.col("len") > 1)
    grid = rows.select(pl.col(table.key).unique(maintain_order=True)).join(
        table.expected.to_frame(), how="cross"
    )
    lacking = grid.join(rows, on=[table.key, TIME], how="anti", maintain_order="left")
    twice, gone = _by_series(doubled, table.key), _by_series(lacking, table.key)
    for series in sorted({*twice, *gone}):
        extra, absent = twice.get(series, []), gone.get(series, [])
        clock = clock_change(extra, absent, table.time_zones)
        if clock is not None:
            yield table.problem(series, clock.what, clock.fix)
            extra = [at for at in extra if at not in clock.doubled]
            absent = [at for at in absent if at not in clock.absent]
        if extra:
            yield table.problem(
                series,
                f"{_count(extra)} there more than once: {ranges(extra)}",
                "Keep one row per hour.",
            )
        if absent:
            yield table.problem(
                series,
                f"{_count(absent)} missing: {ranges(absent)}",
                "Add the hours, or leave the series out.",
            )


def _count(times: Sequence[datetime]) -> str:
    return "1 hour is" if len(times) == 1 else f"{len(times):,} hours are"


def _by_series(frame: pl.DataFrame, key: str) -> dict[str, list[datetime]]:
    return {
        str(name): part[TIME].to_list()
        for (name,), part in frame.group_by(key, maintain_order=True)
    }


def check_off_the_hour(table: HoursTable) -> Iterator[Problem]:
    """Stamps that are not at the beginning of an hour."""
    off = table.timed.filter(pl.col(TIME) != pl.col(TIME).dt.truncate("1h"))
    for series, times in sorted(_by_series(off, table.key).items()):
        yield table.problem(
            series,
            f"{len(times):,} stamps are not at a full hour, the first is {stamp(times[0])}",
            "Average them to hours: `wattlas data import --average`.",
        )


def check_order(table: HoursTable) -> Iterator[Problem]:
    """Series whose rows are not in order of time."""
    back = table.timed.with_columns(
        _back=pl.col(TIME) < pl.col(TIME).shift(1).over(table.key)
    ).filter(pl.col("_back"))
    for series, times in sorted(_by_series(back, table.key).items()):
        yield table.problem(
            series,
            f"the rows are not sorted by time: it steps back {len(times)} times, first at "
            f"{stamp(times[0])}",
            "Sort the rows by series and time.",
        )


def check_numbers(table: HoursTable) -> Iterator[Problem]:
    """Values that are null, NaN or infinite."""
    for column in table.values:
        if not table.frame.schema[column].is_numeric():
            continue
        optional = column in LAYOUTS[table.name].optional
        bad = pl.col(column).is_nan() | pl.col(column).is_infinite()
        wrong = table.timed.filter(bad if optional else bad.fill_null(True))
        for series, times in sorted(_by_series(wrong, table.key).items()):
            hours = "1 hour has" if len(times) == 1 else f"{len(times):,} hours have"
            yield table.problem(
                series,
                f"{hours} no number in {column}: {ranges(times)}",
                "Fill in the values, or leave the series out.",
            )


def check_negative(table: HoursTable) -> Iterator[Problem]:
    """Carbon intensities and capacities below zero."""
    if table.name == "price":
        return
    for column in table.values:
        wrong = table.timed.filter(pl.col(column) < 0)
        for series, times in sorted(_by_series(wrong, table.key).items()):
            hours = "1 hour" if len(times) == 1 else f"{len(times):,} hours"
            yield table.problem(
                series,
                f"{column} is negative in {hours}: {ranges(times)}",
                "Only a price can be negative.",
            )


def check_units(table: HoursTable) -> Iterator[Problem]:
    """Series whose typical size belongs to another unit."""
    for column in table.values:
        finite = table.timed.filter(pl.col(column).is_finite(), pl.col(column) != 0)
        enough = pl.len().over(table.key) >= LEAST_VALUES
        medians = finite.filter(enough).group_by(table.key).agg(pl.col(column).abs().median())
        for series, size in medians.sort(table.key).iter_rows():
            told = _unit_told(column, size)
            if told:
                what = f"the median of {column} is {size:.3g}: {told}"
                yield table.problem(series, what, _UNIT)


_UNIT = "Import the table again and name its unit: `wattlas data import --unit UNIT`."


def _unit_told(column: str, median: float) -> str:
    """Why this median cannot be in the column's unit, or nothing."""
    if column.endswith("_g_per_kwh"):
        if median < MIN_INTENSITY:
            return "that looks like kg/kWh, wanted g/kWh"
        if median > MAX_INTENSITY_G_PER_KWH:
            return "no grid emits that, wanted g/kWh; it looks like lb/MWh or mg/kWh"
    if column == "price_usd_per_mwh":
        if median < MIN_PRICE:
            return "that looks like USD/kWh, wanted USD/MWh"
        if median > MAX_PRICE_USD_PER_MWH:
            return "that looks like another currency or unit, wanted USD/MWh"
    return ""


CHECKS: tuple[Callable[[HoursTable], Iterator[Problem]], ...] = (
    check_unreadable,
    check_duplicates_and_gaps,
    check_off_the_hour,
    check_order,
    check_numbers,
    check_negative,
    check_units,
)
"""Every check of an hourly table."""
