"""Files of a layout → rows in our columns: times in UTC, keys, numbers in our units, all joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

import polars as pl

from wattlas.data.importers.clock import clocks_of
from wattlas.data.importers.files import Raw, read_raw
from wattlas.data.importers.layout import Layout
from wattlas.data.importers.names import named
from wattlas.data.importers.sheets import is_spreadsheet
from wattlas.data.importers.times import instants
from wattlas.data.importers.unit_columns import mixed_units, stated_of, unit_problem
from wattlas.data.importers.units import scale_of
from wattlas.data.importers.walls import Clock, dates_of, is_text
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.numbers import decimal_mark, is_nothing, numbers
from wattlas.data.reader.stamps import order_of
from wattlas.data.schema.hours import TIME
from wattlas.errors import InputError, Problem
from wattlas.model.suggest import SHOWN

FILE = "__file"
DECIMALS = 6
NO_FIGURE = (-9999.0, -99999.0, -999999.0)
"""What instruments and archives write where there is no figure; no market goes that low."""
Intensity = Literal["life-cycle", "direct"]


@dataclass(frozen=True)
class Imported:
    """Rows that were read, in the columns of their table, and where they came from."""

    table: str
    """The table of a pack that they go to."""
    frame: pl.DataFrame
    """Time (UTC, the beginning of a step), keys and values; without time for pairs."""
    values: tuple[str, ...]
    source: str
    licence: str = ""
    notes: tuple[str, ...] = ()
    """What a reader should know of how the files were read."""
    intensity: Intensity = "life-cycle"
    unit_from: str = ""
    """Who states the unit; empty where nobody does."""
    time_zone: str = "UTC"
    headers: tuple[str, ...] = ()
    """The columns of the first file, as they are named there."""
    filled: dict[str, int] = field(default_factory=dict)
    """Series → steps that were filled in."""


def read_files(files: Sequence[Path], layout: Layout) -> Imported:
    """The rows of all files together. Raises InputError with all that is wrong in any of them."""
    raws, problems = [], list[Problem]()
    for file in files:
        try:
            raws.append(read_raw(file, layout))
        except InputError as error:
            problems += error.problems
    if problems or not raws:
        raise InputError(problems or [Problem("files", "none was given", "Name the files.")])
    clocks = clocks_of(raws, layout) if layout.timed else [None] * len(raws)
    parts, notes = [], [note for raw in raws for note in raw.notes]
    for n, raw in enumerate(raws):
        try:
            part, told = _typed(raw, layout, clocks[n])
        except InputError as error:
            problems += error.problems
            continue
        parts.append(part.with_columns(pl.lit(n).alias(FILE)))
        notes += told
    if problems:
        raise InputError(problems)
    frame = named(pl.concat(parts), layout, raws)
    frame, again = _once(frame)
    notes += again
    notes += [note for clock in clocks if clock is not None for note in clock.notes]
    notes += [*_estimates(raws), *_needless(raws, layout)]
    values = tuple(c for c in layout.schema.values if c in frame.columns)
    header = next(
        filter(None, (stated_of(raws[0], c, layout) for c in raws[0].columns.values)), None
    )
    unit_from = f"--unit {layout.unit}" if layout.unit else header.header if header else ""
    return Imported(
        layout.schema.name,
        frame.select(*([TIME] if layout.timed else []), *layout.keys, *values),
        values,
        layout.source or "; ".join(dict.fromkeys(file.name for file in files)),
        layout.licence,
        tuple(dict.fromkeys(notes)),
        cast(Intensity, layout.intensity),
        unit_from,
        layout.time_zone or "UTC",
        tuple(c for c in raws[0].frame.columns if c != ROW),
    )


def _typed(raw: Raw, layout: Layout, clock: Clock | None) -> tuple[pl.DataFrame, list[str]]:
    """The rows of one file in our columns, a wide table made long."""
    head, notes = {}, list[str]()
    if clock is not None:
        time, notes = instants(raw, clock)
        if skipped := time.null_count():
            raw = replace(raw, frame=raw.frame.filter(time.is_not_null()))
            notes = [*notes, f"empty rows in the hour that a clock skips are left out: {skipped}"]
        head[TIME] = time.drop_nulls()
    columns, frame = raw.columns, raw.frame
    fixed = (layout.zone, layout.klass)
    for n, (key, column) in enumerate(zip(layout.keys, columns.keys, strict=True)):
        if column is not None:
            head[key] = frame[column].cast(pl.String).alias(key)
        elif columns.wide != n:
            name = fixed[n] or (layout.value_column if n == 0 else None) or key
            head[key] = pl.repeat(name, frame.height, dtype=pl.String, eager=True).alias(key)
    _check_keys(raw, head)
    read = _numbers(raw, layout)
    if columns.wide is None:
        return pl.DataFrame({**head, **{columns.values[c]: v for c, v in read.items()}}), notes
    key = layout.keys[columns.wide]
    base = pl.DataFrame(head)
    parts = [
        base.with_columns(pl.lit(columns.values[c]).alias(key), v.alias(layout.value))
        for c, v in read.items()
    ]
    order = [*([TIME] if clock else []), *layout.keys, layout.value]
    return pl.concat(parts).select(order), notes


def _check_keys(raw: Raw, head: dict[str, pl.Series]) -> None:
    """Rows that do not say what they are about."""
    for key, column in head.items():
        if key == TIME:
            continue
        empty = column.is_null() | (column == "")
        if empty.any():
            row = int(empty.arg_max() or 0) + 1
            what = f"is empty in {int(empty.sum())} rows, the first row {row}"
            raise InputError([raw.problem(key, what, "Fill it in, or leave the rows out.")])


def _numbers(raw: Raw, layout: Layout) -> dict[str, pl.Series]:
    """The columns of values in our units; InputError for what can be read in two ways."""
    problems = mixed_units(raw, layout)
    made = {}
    for column in raw.columns.values:
        header = None if problems else stated_of(raw, column, layout)
        scale = scale_of(layout, header)
        if scale is None:
            problems.append(unit_problem(raw, column, header, layout))
        values, wrong = _read(raw, column, raw.frame[column], layout)
        problems += wrong
        made[column] = (values * (1.0 if scale is None else scale)).round(DECIMALS)
    if problems:
        raise InputError(problems[: 3 * SHOWN])
    return made


def _read(
    raw: Raw, column: str, cells: pl.Series, layout: Layout
) -> tuple[pl.Series, list[Problem]]:
    """A column as numbers, and what is wrong with it."""
    if cells.dtype.is_numeric():
        return _figures(cells.cast(pl.Float64)), []
    if cells.dtype != pl.String:
        what = f"holds {cells.dtype} values, wanted numbers"
        return cells.is_null().cast(pl.Float64), [raw.problem(column, what, "Leave it out.")]
    if not layout.timed:
        cells = cells.str.replace(r"(?i)\s*ms$", "")
    nothing = is_nothing(cells)
    figures = cells.filter(~nothing)
    mark = layout.decimal or decimal_mark(figures, raw.separator)
    values = numbers(cells.zip_with(~nothing, pl.Series([None], dtype=pl.String)), mark or ".")
    figured = _figures(values)
    if mark is None:
        what = f"`{figures[0]}` may have a decimal mark or one of thousands"
        fix = "Say `--decimal comma` or `--decimal point`."
        return values, [raw.problem(column, what, fix)]
    bad = cells.filter(values.is_null() & ~nothing).unique(maintain_order=True)
    if len(bad):
        many = int((values.is_null() & ~nothing).sum())
        shown = ", ".join(f"`{b}`" for b in bad.head(3))
        what = f"{many} cells are no numbers, the first: {shown}"
        fix = "Name the column of values with --value-column, or correct them."
        return values, [raw.problem(column, what, fix)]
    if not len(figures) and raw.columns.wide is not None:
        what = "has no number at all"
        return values, [raw.problem(column, what, "Leave the column out.")]
    return figured, []


def _figures(values: pl.Series) -> pl.Series:
    """Numbers without those that mean that there is none."""
    none = values.is_in(list(NO_FIGURE))
    return values.zip_with(~none, pl.Series([None], dtype=pl.Float64)) if none.any() else values


def _once(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The rows, those that two files have alike once; rows doubled in one file stay doubled."""
    if frame[FILE].n_unique() < 2:
        return frame, []
    known = [c for c in frame.columns if c != FILE]
    of_file = pl.struct(known).is_first_distinct()
    first_file = pl.col(FILE) == pl.col(FILE).first().over(known)
    kept = frame.filter(of_file | first_file)
    dropped = frame.height - kept.height
    rows = "1 row is" if dropped == 1 else f"{dropped:,} rows are"
    once = "counts once" if dropped == 1 else "count once"
    return kept, [f"{rows} in two files alike, and {once}"] if dropped else []


def _needless(raws: Sequence[Raw], layout: Layout) -> list[str]:
    """Options that were given and turned out to say nothing."""
    text = [c for raw in raws for c in raw.columns.values if raw.frame.schema[c] == pl.String]
    needless = {
        "decimal": (not text, "the values are numbers already"),
        "sheet": (not any(is_spreadsheet(Path(r.label)) for r in raws), "there is no spreadsheet"),
        "separator": (not any(raw.is_text for raw in raws), "the files have no separators"),
    }
    if layout.timed:
        undated = not any(is_text(raw) and order_of(dates_of(raw)) for raw in raws)
        needless["dates"] = (undated, "no date has the form 1/5/2024")
    return [
        f"`--{name}` was not needed: {why}"
        for name, (idle, why) in needless.items()
        if idle and name in layout.given
    ]


def _estimates(raws: Sequence[Raw]) -> list[str]:
    """How many rows their publisher marks as estimated."""
    marked = [
        (r.frame[r.columns.estimated].cast(pl.String).str.to_lowercase() == "true").sum()
        for r in raws
        if r.columns.estimated is not None
    ]
    rows = sum(raw.frame.height for raw in raws)
    if not sum(marked):
        return []
    return [f"{sum(marked):,} of {rows:,} hours are estimates of the publisher"]
