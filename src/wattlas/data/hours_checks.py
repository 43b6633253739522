"""Judging hours: what is missing, doubled, out of order, not a number, or in the wrong unit.

Each check takes the rows of one hourly table and yields a Problem that names the series, the
hours, and the fix; hours that follow each other are reported as one range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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
from wattlas.data.schema.columns import TableSchema
from wattlas.data.schema.hours import PARTS, TIME
from wattlas.data.steps import (
    HOUR_MIN,
    beginnings,
    off_grid,
    steps_by_key,
    uncovered,
    with_steps,
)
from wattlas.data.steps import STEP as STEP_MIN
from wattlas.errors import Problem

SERIES = "__series"
"""The series of a row where several columns identify it."""


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
    known_gaps: frozenset[str] = frozenset()
    """Series whose gaps the manifest names: they are no problem, and no clock is suspected."""
    need: tuple[str, ...] | None = None
    """Columns that must be there; those that the schema requires unless given."""
    parts: tuple[int, ...] = PARTS
    """Steps that are taken, minutes."""
    fill_fix: str = "Add the rows, or leave the series out."
    """What to do about what is missing or empty."""

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns that must be there and filled."""
        return self.schema.required if self.need is None else self.need

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
    def stepped(self) -> pl.DataFrame:
        """The timed rows with how long each lasts, minutes.

        A row lasts an hour at most where any series is in hours: what is longer are gaps.
        """
        rows = with_steps(self.timed, self.key)
        if min(self.lengths.values(), default=HOUR_MIN) > HOUR_MIN:
            return rows
        return rows.with_columns(pl.col(STEP_MIN).clip(upper_bound=HOUR_MIN))

    @cached_property
    def off(self) -> pl.Series:
        """Which of the timed rows lie between the steps of their series."""
        return off_grid(self.stepped, self.key)

    @cached_property
    def span(self) -> tuple[datetime | None, datetime | None]:
        """From when to when every series should have rows."""
        if self.start is not None and self.hours is not None:
            return self.start, self.start + self.hours * STEP
        rows = self.stepped.filter(~self.off)
        end = pl.col(TIME) + pl.duration(minutes=STEP_MIN)
        low, high = rows.select(a=pl.col(TIME).min(), b=end.max()).row(0)
        return self.start or low, high

    @cached_property
    def lacking(self) -> pl.DataFrame:
        """Each step that a series should have and has not: series, time, length in minutes."""
        rows = self.stepped.filter(~self.off)
        return beginnings(uncovered(rows, self.key, *self.span))

    @cached_property
    def lengths(self) -> dict[str, int]:
        """The commonest step of each series, minutes."""
        return steps_by_key(self.timed, self.key)

    def step_of(self, series: str) -> int:
        """The commonest step of a series, minutes; an hour where only gaps make it longer."""
        hourly = min(self.lengths.values(), default=HOUR_MIN) <= HOUR_MIN
        step = self.lengths.get(series, HOUR_MIN)
        return min(step, HOUR_MIN) if hourly else step

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
    needed = [c for c in table.needed if c in table.schema.values]
    problems += [p for p in missing_columns(table.source, needed) if p not in problems]
    if not table.cells.has(TIME, *table.schema.series) or table.timed.is_empty():
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
    """Steps that a series has twice or not at all; clock changes are recognised."""
    counts = table.timed.group_by(table.key, TIME, maintain_order=True).len()
    twice = table.by_series(counts.filter(pl.col("len") > 1).sort(table.key, TIME))
    gone = table.by_series(table.lacking)
    for series in sorted({*twice, *gone}):
        extra, absent = twice.get(series, []), gone.get(series, [])
        known = series in table.known_gaps
        clock = None if known else clock_change(extra, absent, table.time_zones)
        if clock is not None:
            yield table.problem(series, clock.what, clock.fix)
            extra = [hour for hour in extra if hour not in clock.doubled]
            absent = [hour for hour in absent if hour not in clock.absent]
        step = table.step_of(series)
        if extra:
            what = f"{_count(extra, step, ' is', ' are')} there more than once: "
            fix = f"Keep one row per {_unit(step)}."
            yield table.problem(series, what + ranges(extra, timedelta(minutes=step)), fix)
        if absent and not known:
            yield table.problem(series, _missing(absent, step), table.fill_fix)


def lacks(table: HoursTable) -> Iterator[tuple[str, str]]:
    """Each series that lacks steps, and which."""
    for series, absent in table.by_series(table.lacking).items():
        yield series, _missing(absent, table.step_of(series))


def told_gaps(table: HoursTable) -> Iterator[Problem]:
    """What series lack whose gaps the manifest names: warnings, since nobody is misled."""
    for series, what in lacks(table):
        if series in table.known_gaps:
            what = f"{what}, as the manifest says"
            yield table.problem(series, what, "Study hours that are there, or import these.")


def _missing(absent: Sequence[datetime], step: int) -> str:
    count = _count(absent, step, " is", " are")
    return f"{count} missing: {ranges(absent, timedelta(minutes=step))}"


def _unit(step: int) -> str:
    return "hour" if step == HOUR_MIN else f"step of {step} min"


def _count(times: Sequence[datetime], step: int, single: str = "", plural: str = "") -> str:
    """`2 hours are`, `3 steps of 15 min are`."""
    if step == HOUR_MIN:
        return f"1 hour{single}" if len(times) == 1 else f"{len(times):,} hours{plural}"
    lone = len(times) == 1
    return f"{len(times):,} step{'' if lone else 's'} of {step} min{single if lone else plural}"


def check_steps(table: HoursTable) -> Iterator[Problem]:
    """Stamps between the steps of their series, and steps that make no hour."""
    for series, times in table.by_series(table.stepped.filter(table.off)).items():
        step = table.step_of(series)
        where = "at a full hour" if step == HOUR_MIN else f"at the steps of {step} min"
        first = hour_text(times[0])
        count = "1 stamp is" if len(times) == 1 else f"{len(times):,} stamps are"
        what = f"{count} not {where}, the first is {first}"
        way = " with `--allow-gaps`" if "--allow-gaps" in table.fill_fix else ""
        yield table.problem(series, what, f"Correct the stamps, or leave the rows out{way}.")
    for series in table.lengths:
        step = table.step_of(series)
        if step not in table.parts:
            length = f"{step / HOUR_MIN:g} h" if step > HOUR_MIN else f"{step} min"
            what = f"it is in steps of {length}, wanted an hour or 5 to 30 minutes"
            yield table.problem(series, what, "Bring the figures by the hour.")


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
    fix = table.fill_fix
    for column in table.values:
        wrong = ~pl.col(column).is_finite()
        if column in table.needed:
            wrong = wrong.fill_null(True)
        already_reported = pl.col(ROW).is_in(sorted(table.cells.bad.get(column, ())))
        for series, times in table.by_series(table.timed.filter(wrong & ~already_reported)).items():
            step = table.step_of(series)
            what = f"{_count(times, step, ' has', ' have')} no number in {column}: "
            yield table.problem(series, what + ranges(times, timedelta(minutes=step)), fix)


def check_negative(table: HoursTable) -> Iterator[Problem]:
    """Values below zero where there can be none."""
    for column in table.values:
        least = table.schema[column].lower
        if least is None:
            continue
        below = table.timed.filter(pl.col(column) < least)
        for series, times in table.by_series(below).items():
            step = table.step_of(series)
            what = f"{column} is negative in {_count(times, step)}: "
            what += ranges(times, timedelta(minutes=step))
            yield table.problem(series, what, "Only a price can be negative.")


CHECKS: tuple[Callable[[HoursTable], Iterator[Problem]], ...] = (
    check_duplicates_and_gaps,
    check_steps,
    check_order,
    check_numbers,
    check_negative,
)
"""Every check of an hourly table."""
