"""A table as it was read, and where each of its cells stands in its file."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from wattlas.data.reader.dialect import ROW, IsHeader, line_numbers, read_frame
from wattlas.data.reader.matrix import Wrong, unpivoted
from wattlas.data.reader.stretch import Stretch, rows_within
from wattlas.data.schema.columns import TableSchema
from wattlas.data.yaml_lines import FileLine, dotted
from wattlas.errors import InputError, Problem

SMALL_BYTES, MOST_KEPT = 1 << 16, 64
"""Tables in files of so few bytes are kept, so many of them."""
LINES = "lines"


@dataclass(frozen=True)
class SourceTable:
    """A table as it was read, its columns under our names.

    `label` is what messages call it; `path` is None where it was never a file.
    """

    schema: TableSchema
    frame: pl.DataFrame
    label: str
    path: Path | None = None
    shared: bool = False
    """Whether it is a pack's: such a table may hold more than a study uses."""
    titled: bool = False
    """Whether problems begin with the name of the table, as in a check of many."""
    theirs: Mapping[str, str] = field(default_factory=dict)
    """Our name of a column → the table's, where they differ."""
    faults: tuple[Problem, ...] = ()
    """Cells of a matrix that are no numbers, and so no rows."""
    made: dict[Any, Any] | None = field(default=None, compare=False, repr=False)
    """What was made of it before; None where nothing is kept."""

    @property
    def columns(self) -> list[str]:
        """Names of the columns, ours where we know them."""
        return [c for c in self.frame.columns if c != ROW]

    @cached_property
    def _lines(self) -> list[int]:
        if self.path is None or self.path.suffix.lower() != ".csv":
            return []
        if self.made is None:
            return line_numbers(self.path, header_of(self.schema))
        if LINES not in self.made:
            self.made[LINES] = line_numbers(self.path, header_of(self.schema))
        lines: list[int] = self.made[LINES]
        return lines

    def place(self, row: int | None) -> FileLine:
        """File and line of a row (0-based); of the header for None."""
        n = 0 if row is None else row + 1
        known = self._lines[n] if n < len(self._lines) else None
        return FileLine(self.label, 1 if row is None and known is None else known)

    def problem(self, row: int | None, column: str, what: str, fix: str) -> Problem:
        """A problem with a cell, or with a whole column for row None."""
        place = self.place(row)
        file_and_line = (place.file, place.line) if place.file else (None, None)
        return Problem(self._where(row, column, place), what, fix, *file_and_line)

    def _where(self, row: int | None, column: str, place: FileLine) -> str:
        """`regions.oslo.pue` for a row with an id, else the column, with the row if no line."""
        schema, name = self.schema, self.theirs.get(column, column)
        title = f"{schema.name}." if self.titled else ""
        by_id = (schema.thing or self.titled) and schema.key and not schema.series
        if row is not None and by_id and column not in schema.key:
            ids = [i for i in self.ids(row) if i]
            if len(ids) == len(schema.key):
                return dotted((schema.name, *ids, name))
        nowhere = row is not None and place.line is None
        return f"{title}{name}, row {(row or 0) + 1}" if nowhere else f"{title}{name}"

    def ids(self, row: int) -> list[str]:
        """What the key columns hold in a row."""
        cells = self.frame.filter(pl.col(ROW) == row)
        return [str(cells[k][0] or "").strip() for k in self.schema.key if k in self.columns]


_KEPT: OrderedDict[tuple[bytes | None, int], tuple[SourceTable, list[Wrong]]] = OrderedDict()
"""By what the file held and the schema; the last one that was used is last."""


def read_table(
    path: Path,
    schema: TableSchema,
    label: str,
    missing: Problem | None = None,
    stretch: Stretch | None = None,
) -> SourceTable:
    """The table in a file; of a table over time the rows in `stretch` only, where that is given.

    Raises InputError, with the problem `missing` if the file is not there.
    """
    if path.is_dir():
        folder = "is a folder, wanted a table in CSV or Parquet"
        raise InputError([Problem("(file)", folder, "Name the file in it.", label)])
    if not path.is_file():
        what = missing or Problem("(file)", "there is no such file", "Check the path.", label)
        raise InputError([what])
    frame = None if stretch is None else rows_within(path, label, stretch, header_of(schema))
    if frame is not None:
        return source_of(frame, schema, label, path)
    table, wrong = _read(path, schema, label)
    fix = "Correct it, or leave it empty."
    faults = [
        table.problem(row, column, f"is `{cell}`, wanted a number", fix)
        for row, column, cell in wrong
    ]
    return replace(table, faults=tuple(faults))


def _small(path: Path) -> bytes | None:
    """What a small CSV file holds; None for any other."""
    try:
        small = path.suffix.lower() == ".csv" and path.stat().st_size <= SMALL_BYTES
        return path.read_bytes() if small else None
    except OSError:
        return None


def _read(path: Path, schema: TableSchema, label: str) -> tuple[SourceTable, list[Wrong]]:
    """The whole table in a file, and what is no number in a matrix; small ones are kept.

    To read and type its tables takes half of the time that a small scenario takes to load, and a
    sweep loads the same ones again and again. What a file holds is compared, not when it was
    written: that is cheap, and never wrong.
    """
    text = _small(path)
    key = text, id(schema)  # no other schema has that id while the kept table holds this one
    kept = _KEPT.pop(key, None)
    if kept is None:
        frame, wrong = unpivoted(read_frame(path, label, header_of(schema)), schema)
        table = source_of(frame, schema, label, path)
        if text is None or text != _small(path):  # it was written in the meantime
            return table, wrong
        kept = replace(table, made={}), wrong
    _KEPT[key] = kept
    if len(_KEPT) > MOST_KEPT:
        _KEPT.popitem(last=False)
    return replace(kept[0], label=label, path=path), kept[1]


def header_of(schema: TableSchema) -> IsHeader:
    """Knows the header of a table by the names of its key."""
    groups = [{name, *schema[name].also} for name in schema.key]
    return lambda cells: all(group & set(cells) for group in groups)


def source_of(
    frame: pl.DataFrame, schema: TableSchema, label: str, path: Path | None = None
) -> SourceTable:
    """A table from a frame that is already there."""
    theirs = {
        column.name: their_name
        for column in schema.columns
        for their_name in column.also
        if column.name not in frame.columns and their_name in frame.columns
    }
    if theirs:
        frame = frame.rename({their_name: ours for ours, their_name in theirs.items()})
    frame = frame if ROW in frame.columns else frame.with_row_index(ROW)
    return SourceTable(schema, frame, label, path, theirs=theirs)
