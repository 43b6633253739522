"""Tables in CSV or Parquet, checked column by column; each bad cell is named by file and line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from wattlas.data.yaml_lines import Place
from wattlas.errors import InputError, Problem
from wattlas.model.suggest import did_you_mean

TIME_COLUMN = "time_utc"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%#z"
INSTANT = pl.Datetime("us", "UTC")
ROW = "__row"
TIME = "__time"
"""What is added to rows: their number in the file, and their time where that is text."""
PIECE_BYTES = 1 << 23
"""So much of a CSV file is read at a time where it is not to be held as a whole."""
CSV: dict[str, Any] = {"infer_schema": False, "comment_prefix": "#", "encoding": "utf8"}
SHOWN_PER_COLUMN = 5
"""So many bad cells of a column are told one by one; the rest as a number."""


@dataclass(frozen=True)
class Column:
    """What a column must hold."""

    name: str
    kind: Literal["text", "number", "time"] = "text"
    required: bool = True
    at_least: float | None = None


@dataclass(frozen=True)
class Table:
    """A table as it was read. `label` is what messages call it; `path` is None in a pack."""

    label: str
    frame: pl.DataFrame
    path: Path | None = None
    notice: str = ""

    @property
    def columns(self) -> list[str]:
        """Names of the columns as given."""
        return [c for c in self.frame.columns if c != ROW]

    def place(self, row: int | None) -> Place:
        """File and line of a row (0-based); the head of the file for None."""
        if row is None:
            return Place(self.label, 1)
        if self.path is None or self.path.suffix.lower() != ".csv":
            return Place(self.label, None)
        lines = csv_lines(self.path)
        return Place(self.label, lines[row + 1] if row + 1 < len(lines) else None)

    def problem(self, row: int | None, column: str, what: str, fix: str) -> Problem:
        """A problem with a cell, or with a whole column for row None."""
        place = self.place(row)
        where = column if row is None or place.line is not None else f"{column}, row {row + 1}"
        return Problem(where, what, fix, place.file, place.line)


def csv_lines(path: Path) -> list[int]:
    """1-based line number of the header and of each row, comments and empty lines left out."""
    with path.open(encoding="utf-8-sig", errors="replace") as text:
        return [n for n, line in enumerate(text, 1) if line.strip() and not line.startswith("#")]


Span = tuple[np.datetime64, np.datetime64]
"""From a time to before another, UTC."""


def read_table(
    path: Path, label: str, asked_at: Problem, span: Span | None = None, store: Path | None = None
) -> Table:
    """The table in a file; of a table over time the rows in `span` only, where that is given.

    `store` is a folder for what is read once and asked for again. Raises InputError; `asked_at` is
    told if the file is missing.
    """
    if not path.is_file():
        raise InputError([asked_at])
    try:
        if span is not None:
            within = _within(path, span, store)
            if within is not None:
                return Table(label, within, path)
        if path.suffix.lower() == ".parquet":
            return table_of(pl.read_parquet(path), label, path)
        if path.suffix.lower() != ".csv":
            what = f"ends in `{path.suffix}`, wanted .csv or .parquet"
            raise InputError([Problem("(file)", what, "Convert the table.", label)])
        frame = pl.read_csv(path, **CSV)
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise InputError([_unreadable(path, label, str(fault))]) from None
    return table_of(_rows(frame), label, path)


def _rows(frame: pl.DataFrame) -> pl.DataFrame:
    """What was read of a CSV file, without its empty lines."""
    frame = frame.filter(~pl.all_horizontal(pl.all().is_null())) if frame.width else frame
    names = {name: name.strip() for name in frame.columns if name != name.strip()}
    return frame.rename(names) if names else frame


def scan(path: Path) -> pl.LazyFrame:
    """A table's rows with their numbers, nothing read yet."""
    if path.suffix.lower() == ".parquet":
        return pl.scan_parquet(path, row_index_name=ROW)
    found = pl.scan_csv(path, **CSV)
    found = found.filter(~pl.all_horizontal(pl.all().is_null()))
    return found.rename(str.strip).with_row_index(ROW)


def _within(path: Path, span: Span, store: Path | None = None) -> pl.DataFrame | None:
    """The rows of a table over time that lie in a span, or whose time cannot be read; None for a
    table without times. Only what is kept is held in memory.
    """
    if path.suffix.lower() not in (".csv", ".parquet"):
        return None
    rows = scan(path)
    schema = rows.collect_schema()
    if TIME_COLUMN not in schema:
        return None
    time = _cast(schema[TIME_COLUMN], Column(TIME_COLUMN, "time"))
    if store is not None and path.suffix.lower() == ".csv":
        rows, time = _stored(path, store), pl.col(TIME)
    begin, end = (pl.lit(t.astype("datetime64[us]")).dt.replace_time_zone("UTC") for t in span)
    kept = rows.filter(((time >= begin) & (time < end)) | time.is_null())
    return kept.drop(TIME, strict=False).collect(engine="streaming")


def _stored(path: Path, store: Path) -> pl.LazyFrame:
    """The rows of a CSV file from Parquet files, where a stretch of time is found at once."""
    folder = store / hashlib.sha256(str(path).encode()).hexdigest()
    if not folder.exists():
        folder.mkdir()
        time, count = _cast(pl.String(), Column(TIME_COLUMN, "time")), 0
        for n, text in enumerate(_pieces(path)):
            piece = _rows(pl.read_csv(text, **CSV)).with_row_index(ROW, count)
            piece = piece.with_columns(time.alias(TIME))
            piece.write_parquet(folder / f"{n:06d}.parquet", compression="lz4")
            count += piece.height
    return pl.scan_parquet(folder / "*.parquet")


def _pieces(path: Path) -> Iterator[bytes]:
    """A CSV file in pieces that end with a row; each begins with the header."""
    with path.open("rb") as file:
        head = next((line for line in file if line.strip() and not line.startswith(b"#")), b"")
        rest = b""
        while block := file.read(PIECE_BYTES):
            rest += block
            cut = rest.rfind(b"\n") + 1
            while cut and rest.count(b'"', 0, cut) % 2:  # within a cell that holds a line break
                cut = rest.rfind(b"\n", 0, cut - 1) + 1
            if cut:
                yield head + rest[:cut]
                rest = rest[cut:]
        yield head + rest


def times_of(path: Path) -> pl.DataFrame:
    """The distinct times of a table, typed, in order: all that is read of it."""
    rows = scan(path)
    time = _cast(rows.collect_schema()[TIME_COLUMN], Column(TIME_COLUMN, "time"))
    found = rows.select(time).drop_nulls().unique().sort(TIME_COLUMN)
    return found.collect(engine="streaming")


def _unreadable(path: Path, label: str, fault: str) -> Problem:
    if "empty" in fault:
        return Problem("(file)", "is empty", "Write a header and rows.", label, 1)
    if "more fields" in fault:
        import csv

        with path.open(encoding="utf-8-sig", newline="") as text:
            kept = (line for line in text if line.strip() and not line.startswith("#"))
            rows = [len(row) for row in csv.reader(kept)]
        n = next(n for n, width in enumerate(rows) if width > rows[0])
        what = f"has {rows[n]} cells where the header has {rows[0]}"
        line = csv_lines(path)[n]
        return Problem("(row)", what, "Quote text that holds a comma.", label, line)
    return Problem("(file)", f"cannot be read: {fault.splitlines()[0]}", "Fix the file.", label)


def table_of(frame: pl.DataFrame, label: str, path: Path | None = None) -> Table:
    """A table from a frame that is already there, e.g. from a pack."""
    return Table(label, frame.with_row_index(ROW), path)


def typed(table: Table, columns: Sequence[Column]) -> tuple[pl.DataFrame, list[Problem]]:
    """The known columns with their types (text, Float64, Datetime UTC), and what is wrong.

    Cells that are wrong come back null; a missing optional column is left out.
    """
    problems = list(_missing_columns(table, columns))
    made = [pl.col(ROW)]
    for column in columns:
        if column.name in table.frame.columns:
            made.append(_cast(table.frame.schema[column.name], column))
    frame = table.frame.select(made)
    have = [column for column in columns if column.name in frame.columns]
    # One look at all columns: most tables have nothing wrong in any of them.
    wrong = frame.select(_bad(column).any().alias(column.name) for column in have)
    for column in have:
        if wrong[column.name][0]:
            problems += _bad_cells(table, frame, column)
    return frame, problems


def _missing_columns(table: Table, columns: Sequence[Column]) -> Iterator[Problem]:
    have = set(table.columns)
    unknown = have - {c.name for c in columns}
    for column in columns:
        if column.required and column.name not in have:
            guess = did_you_mean(column.name, unknown)
            close = guess.startswith("Did")
            fix = f"Rename {guess.split('`')[1]}." if close else f"Add a column `{column.name}`."
            yield table.problem(None, column.name, "this column is missing", fix)


def _cast(found: pl.DataType, column: Column) -> pl.Expr:
    cell = pl.col(column.name)
    if column.kind == "text":
        return cell.cast(pl.String).str.strip_chars()
    if column.kind == "number":
        cell = cell.str.strip_chars() if found == pl.String else cell
        return cell.cast(pl.Float64, strict=False)
    if found == pl.String:
        return cell.str.strip_chars().str.strptime(INSTANT, TIME_FORMAT, strict=False)
    if isinstance(found, pl.Datetime) and found.time_zone is not None:
        return cell.dt.convert_time_zone("UTC").cast(INSTANT)
    return pl.lit(None, dtype=INSTANT).alias(column.name)


def _bad(column: Column) -> pl.Expr:
    """Whether a typed cell is not what the column must hold; an empty one is looked at again."""
    cell = pl.col(column.name)
    bad = cell.is_null()
    if column.kind == "number":
        bad |= (~cell.is_finite()).fill_null(False)
        if column.at_least is not None:
            bad |= (cell < column.at_least).fill_null(False)
    if column.kind == "text":
        bad |= (cell == "").fill_null(False)
    return bad


def _bad_cells(table: Table, frame: pl.DataFrame, column: Column) -> list[Problem]:
    bad = frame.select(_bad(column))[column.name]
    if not column.required:
        given = table.frame[column.name].cast(pl.String).fill_null("").str.strip_chars() != ""
        bad &= given | frame[column.name].is_not_null()
    rows = frame[ROW].filter(bad).to_list()
    told = [_bad_cell(table, column, row) for row in rows[:SHOWN_PER_COLUMN]]
    if len(rows) > SHOWN_PER_COLUMN:
        more = len(rows) - SHOWN_PER_COLUMN
        what = f"{more} more rows are wrong in the same column"
        told.append(table.problem(rows[-1], column.name, what, "Fix them all alike."))
    return told


def _bad_cell(table: Table, column: Column, row: int) -> Problem:
    got = table.frame.filter(pl.col(ROW) == row)[column.name][0]
    shown = "is empty" if got is None or got == "" else f"is `{got}`"
    if column.kind == "time":
        fix = "Write UTC, hour-beginning, with its zone: 2023-01-01T00:00:00Z."
        return table.problem(row, column.name, f"{shown}, wanted a time with its zone", fix)
    if column.kind == "text":
        return table.problem(row, column.name, f"{shown}, wanted a name", "Fill it in.")
    wanted = "a number"
    if column.at_least is not None:
        wanted = f"a number of at least {column.at_least:g}"
    fix = "Give the figure, or leave the row out."
    if column.name == "price_usd_per_mwh":
        fix = "Give a price; negative ones are allowed, missing ones are not."
    return table.problem(row, column.name, f"{shown}, wanted {wanted}", fix)
