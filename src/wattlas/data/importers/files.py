"""Files of a layout → their rows as text, with the columns that the layout speaks of found."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from wattlas.data.importers.hour_columns import long_hours
from wattlas.data.importers.json_rows import json_rows
from wattlas.data.importers.layout import PATTERN, Layout, find, shown
from wattlas.data.importers.sheets import csv_of, is_spreadsheet
from wattlas.data.reader.dialect import (
    ROW,
    SPREADSHEETS,
    Dialect,
    IsHeader,
    dialect_of,
    read_frame,
    read_text,
)
from wattlas.errors import InputError, Problem, UsageError
from wattlas.model.suggest import SHOWN

TEXTS = (".csv", ".txt", ".tsv", ".md", ".1")
"""Endings of files of text; a market may number its files."""


@dataclass(frozen=True)
class FileColumns:
    """The columns of a file that a layout speaks of."""

    time: tuple[str, ...]
    keys: tuple[str | None, ...]
    """Columns of the keys; None where the layout fixes one, or the values' names are it."""
    values: Mapping[str, str]
    """Column of the file → our column of values, or in a wide table what it is named for."""
    wide: int | None = None
    """The key that the names of the columns are, in a wide table."""
    hour: str | None = None
    interval: str | None = None
    repeated: str | None = None
    estimated: str | None = None


@dataclass(frozen=True)
class Raw:
    """The rows of a file as text, and where its columns are."""

    label: str
    frame: pl.DataFrame
    columns: FileColumns
    notes: tuple[str, ...] = ()
    separator: str = ","
    is_text: bool = True
    """Whether it is a file of cells with separators between."""

    def problem(self, where: str, what: str, fix: str) -> Problem:
        """A problem of the file."""
        return Problem(where, what, fix, self.label)


def read_raw(file: Path, layout: Layout) -> Raw:
    """The rows of one file. Raises InputError, UsageError where columns must be named."""
    label = str(file)
    frame, separator = _rows(file, label, layout)
    frame = frame.with_columns(pl.col(pl.String).str.strip_chars())
    frame, left_out = _chosen(frame, layout, label)
    frame, layout, told = long_hours(frame, layout)
    if frame.is_empty():
        raise InputError([Problem("(rows)", "there are none", "Give an hour.", label)])
    columns, notes = find_columns(frame.drop(ROW).columns, layout, label)
    is_text = file.suffix.lower() not in (".parquet", ".json", *SPREADSHEETS)
    return Raw(label, frame, columns, (*left_out, *told, *notes), separator, is_text)


def _rows(file: Path, label: str, layout: Layout) -> tuple[pl.DataFrame, str]:
    suffix = file.suffix.lower()
    if suffix == ".json":
        return json_rows(file, label), ","
    if is_spreadsheet(file):
        with TemporaryDirectory() as folder:
            made = csv_of(file, label, layout, _header(layout), Path(folder))
            return _rows(made, label, replace(layout, separator=","))
    if suffix not in TEXTS and not layout.names:
        return read_frame(file, label, nested=False), ","
    if layout.names:
        separator = layout.separator or ";"
        dialect = Dialect(separator, layout.comment, layout.skip, names=layout.names)
    else:
        dialect = dialect_of(file, _header(layout), layout.separator)
        dialect = replace(dialect, comment=layout.comment)
    frame = read_text(file, label, dialect)
    if dialect.separator == "|":  # a table of Markdown has a line under its header
        rule = pl.all_horizontal(pl.exclude(ROW).str.contains(r"^\s*:?-+:?\s*$").fill_null(True))
        frame = frame.filter(~rule)
    return frame, dialect.separator


def _header(layout: Layout) -> IsHeader:
    """Knows the header by the columns that the layout names."""
    names = _named(layout)
    if not names:
        return lambda cells: True
    return lambda cells: all(find(cells, name) for name in names)


def _named(layout: Layout) -> list[str]:
    times = layout.time_column.split("+") if layout.timed else []
    others = (layout.hour_column, layout.interval_column, layout.repeated_column)
    keys = (layout.zone_column, layout.class_column, layout.value_column)
    where = [name for name in layout.where if not name.startswith(PATTERN)]
    optional = {name for name in (*others, *keys) if name and name.startswith(PATTERN)}
    named = [name for name in (*times, *others, *keys, *where) if name]
    needed = layout.value_column if layout.timed else None  # pairs may come as a matrix
    return [name for name in named if name not in optional or name == needed]


def _chosen(frame: pl.DataFrame, layout: Layout, label: str) -> tuple[pl.DataFrame, list[str]]:
    """The rows that `where` speaks of; those that a recipe leaves out are told."""
    notes = []
    for name, cell in layout.where.items():
        matches = find(frame.columns, name)
        pattern = name.startswith(PATTERN)
        if not matches and not pattern:
            raise InputError([_lacking(name, frame.columns, label)])
        if not matches:
            continue
        cells = frame[matches[0]].cast(pl.String)
        kept = frame.filter(cells.is_in(cell.split("|") if pattern else [cell]))
        if kept.is_empty() and frame.height:
            there = cells.drop_nulls().unique(maintain_order=True)
            what = f"no row has `{cell}`; there are: {', '.join(there[:SHOWN])}"
            raise InputError([Problem(matches[0], what, "Correct --where.", label)])
        if pattern and kept.height < frame.height:
            what = f"{frame.height - kept.height:,} rows with another {matches[0]} were left out"
            notes.append(what)
        frame = kept
    return frame, notes


def _lacking(name: str, columns: Sequence[str], label: str) -> Problem:
    there = ", ".join([c for c in columns if c != ROW][: 3 * SHOWN])
    what = f"this column is missing; there are: {there}"
    fix = "Name the columns with --time-column, --zone-column and --value-column."
    return Problem(name, what, fix, label)


def find_columns(
    columns: Sequence[str], layout: Layout, label: str
) -> tuple[FileColumns, list[str]]:
    """Where the columns of a layout are, and what a reader should know of the choice."""
    lacking: list[Problem] = []
    value = layout.value_column or ""
    if not layout.timed and value.startswith(PATTERN) and not find(columns, value):
        layout = replace(layout, value_column=None)  # a source publishes its pairs as a matrix, too

    def column(name: str | None, needed: bool = True) -> str | None:
        columns_of = find(columns, name) if name else []
        if name and not columns_of and needed:
            lacking.append(_lacking(shown(name), columns, label))
        return columns_of[0] if columns_of else None

    whole = layout.time_column in columns
    parts = [layout.time_column] if whole else layout.time_column.split("+")
    times = tuple(column(part) or "" for part in parts) if layout.timed else ()
    # Some tables of a source have a column that others lack; one that was named must be there.
    single = {
        n: column(name, n == "hour" or not name.startswith(PATTERN))
        for n in ("hour", "interval", "repeated")
        for name in [getattr(layout, f"{n}_column") or ""]
    }
    keys = _keys(columns, layout, column)
    if layout.value_column:
        column(layout.value_column)
    if lacking:
        raise InputError(lacking)
    taken = {*times, *keys, *single.values(), *layout.where}
    free = [name for name in columns if name not in taken]
    estimated = find(free, layout.estimated_column) if layout.estimated_column else []
    columns_of = FileColumns(
        times,
        keys,
        {},
        hour=single["hour"],
        interval=single["interval"],
        repeated=single["repeated"],
        estimated=estimated[0] if estimated else None,
    )
    fixed = (layout.zone is not None, layout.klass is not None)
    open_keys = [n for n, key in enumerate(keys) if key is None and not fixed[n]]
    long = bool(layout.value_column) or not open_keys
    if long:
        values, notes = _values(free, layout, label)
        return replace(columns_of, values=values), notes
    wide = find(free, layout.wide) if layout.wide else free
    if not wide or len(open_keys) > 1:
        raise InputError([_no_values(layout, label, open_keys)])
    names = {c: zone_of(c) for c in wide}
    if not all(names.values()):
        what, fix = "a column of values has no name", "Name it, or leave it out."
        raise InputError([Problem("(header)", what, fix, label)])
    return replace(columns_of, values=names, wide=open_keys[0]), []


def _keys(
    columns: Sequence[str], layout: Layout, column: Callable[[str | None], str | None]
) -> tuple[str | None, ...]:
    """Columns of the keys: those named, those of our own names, of a matrix the first one."""
    named = ((layout.zone_column, layout.zone), (layout.class_column, layout.klass))
    keys: list[str | None] = []
    for key, (name, fixed) in zip(layout.keys, named, strict=False):
        own = key if fixed is None and key in columns else None
        # The key of a recipe may be the names of columns, or be given by an option.
        given_name = (
            name if name and (not name.startswith(PATTERN) or find(columns, name)) else None
        )
        keys.append(column(given_name) if given_name else own)
    if not layout.timed and keys[0] is None and layout.zone is None:
        keys[0] = columns[0] if columns[0] != keys[1] else None
    return tuple(keys)


def _no_values(layout: Layout, label: str, open_keys: Sequence[int]) -> Problem:
    if len(open_keys) > 1:
        what = f"nothing says which {layout.keys[0]} and which {layout.keys[1]} a row is of"
        fix = "Give --zone-column or --zone, and --class-column or --class."
        return Problem("(header)", what, fix, label)
    what = "there is no column of values"
    return Problem("(header)", what, "Give --value-column.", label)


def zone_of(name: str) -> str:
    """The zone that a column of a wide table is named for, without its unit."""
    return re.sub(r"\s*\[.*$", "", name).strip() or name


def _values(free: Sequence[str], layout: Layout, label: str) -> tuple[dict[str, str], list[str]]:
    """The columns of values of a long table; which one was taken is told where it was not named."""
    ours = [c for c in layout.schema.values if c in free]
    if layout.value_column:
        named = find(free, layout.value_column)
        if not named:
            raise InputError([_lacking(shown(layout.value_column), free, label)])
        unused = [c for c in ours if c != named[0]]
        notes = [f"columns not used: {', '.join(unused)}"] if unused else []
        return {named[0]: layout.value}, notes
    if layout.value in ours:
        if layout.table == "marginal":
            ours = [layout.value]
        return {c: c for c in ours}, []
    if len(free) == 1:
        return {free[0]: layout.value}, [f"`{free[0]}` was taken as the {layout.table}"]
    if not free:
        what = "there is no column of values"
        raise InputError([Problem("(header)", what, "Give --value-column.", label)])
    names = ", ".join(f"`{c}`" for c in free[: 3 * SHOWN])
    raise UsageError(f"--value-column: {label} has several columns that may be it: {names}")
