"""How a CSV file is written, and its rows as text: whole, lazily or in pieces."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from wattlas.data.encoding import encoding_problem
from wattlas.errors import InputError, Problem

ROW = "__row"
"""The number of a row in its file, from 0."""
MARK = b"\xef\xbb\xbf"
"""A byte order mark, as spreadsheets write it."""
PIECE_BYTES = 1 << 23
"""So much of a CSV file is read at a time where it is not to be held as a whole."""


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written: UTF-8, with or without a byte order mark, and a header."""

    separator: str = ","
    comment: str = "#"
    """Lines that begin with it are left out, and so are empty ones."""

    @property
    def options(self) -> dict[str, Any]:
        """The dialect as polars takes it. All cells stay text: a zone NO, a stamp, 007."""
        return {
            "infer_schema": False,
            "separator": self.separator,
            "comment_prefix": self.comment,
            "encoding": "utf8",
        }

    def holds(self, line: str) -> bool:
        """Whether a line is the header or a row."""
        return bool(line.strip()) and not line.startswith(self.comment)


PLAIN = Dialect()
"""What scenarios, packs and imports are written in."""


def read_frame(
    path: Path, label: str, dialect: Dialect = PLAIN, nested: bool = True
) -> pl.DataFrame:
    """The rows of a CSV or Parquet file as they stand, with their numbers.

    Cells of Parquet that are not single values are a problem of their column without `nested`.

    Raises InputError where the file cannot be read; `label` is what messages call it.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        what = f"ends in `{path.suffix}`, wanted .csv or .parquet"
        raise InputError([Problem("(file)", what, "Convert the table.", label)])
    try:
        if suffix == ".parquet":
            frame = _decoded(pl.read_parquet(path)).with_row_index(ROW)
            wrong = [] if nested else [n for n, k in frame.schema.items() if not is_single(k)]
            if wrong:
                what, fix = "holds lists, structures or bytes", "Write one value to each row."
                raise InputError([Problem(name, what, fix, label) for name in wrong])
            return frame
        skip = _before_header(path, dialect)
        frame = pl.read_csv(path, skip_lines=skip, **dialect.options)
        return clean_rows(frame).with_row_index(ROW)
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise InputError([unreadable(path, label, str(fault), dialect)]) from None


def _decoded(frame: pl.DataFrame) -> pl.DataFrame:
    """A frame with texts where some program wrote them as bytes."""
    for name, kind in frame.schema.items():
        if kind == pl.Binary:
            with suppress(pl.exceptions.ComputeError):  # bytes that are no text stay what they are
                frame = frame.with_columns(pl.col(name).cast(pl.String))
    return frame


def is_single(kind: pl.DataType) -> bool:
    """Whether a cell of this type is one value: no list, no structure, no bytes."""
    return not (kind.is_nested() or kind in (pl.Binary, pl.Object))


def _before_header(path: Path, dialect: Dialect) -> int:
    """How many lines of a CSV file come before its header; 0 where it has none."""
    with path.open(encoding="utf-8-sig", errors="replace") as text:
        return next((n for n, line in enumerate(text) if dialect.holds(line)), 0)


def clean_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """What was read of a CSV file, without its empty lines and the spaces around its names."""
    frame = frame.filter(~pl.all_horizontal(pl.all().is_null())) if frame.width else frame
    names = {name: name.strip() for name in frame.columns if name != name.strip()}
    return frame.rename(names) if names else frame


def lazy_rows(path: Path, dialect: Dialect = PLAIN) -> pl.LazyFrame:
    """A table's rows with their numbers, nothing read yet."""
    if path.suffix.lower() == ".parquet":
        return pl.scan_parquet(path, row_index_name=ROW)
    rows = pl.scan_csv(path, skip_lines=_before_header(path, dialect), **dialect.options)
    rows = rows.filter(~pl.all_horizontal(pl.all().is_null()))
    return rows.rename(str.strip).with_row_index(ROW)


def pieces(path: Path, dialect: Dialect = PLAIN) -> Iterator[pl.DataFrame]:
    """The rows of a CSV file with their numbers, a few megabytes at a time."""
    count = 0
    for text in _texts(path, dialect):
        piece = clean_rows(pl.read_csv(text, **dialect.options)).with_row_index(ROW, count)
        yield piece
        count += piece.height


def _texts(path: Path, dialect: Dialect) -> Iterator[bytes]:
    """A CSV file in pieces that end with a row; each begins with the header."""
    comment = dialect.comment.encode()
    with path.open("rb") as file:
        file.seek(len(MARK) if file.read(len(MARK)) == MARK else 0)
        lines = (line for line in file if line.strip() and not line.startswith(comment))
        head, rest = next(lines, b""), b""
        while block := file.read(PIECE_BYTES):
            rest += block
            cut = rest.rfind(b"\n") + 1
            while cut and rest.count(b'"', 0, cut) % 2:  # within a cell that holds a line break
                cut = rest.rfind(b"\n", 0, cut - 1) + 1
            if cut:
                yield head + rest[:cut]
                rest = rest[cut:]
        yield head + rest


def line_numbers(path: Path, dialect: Dialect = PLAIN) -> list[int]:
    """1-based line number of the header and of each row of a CSV file."""
    with path.open(encoding="utf-8-sig", errors="replace") as text:
        return [n for n, line in enumerate(text, 1) if dialect.holds(line)]


def unreadable(path: Path, label: str, fault: str, dialect: Dialect = PLAIN) -> Problem:
    """Why a file is no table, in words of ours where the fault is a common one."""
    encoded = encoding_problem(path, label) if path.suffix.lower() == ".csv" else None
    if encoded is not None:
        return encoded
    if "empty" in fault:
        return Problem("(file)", "is empty", "Write a header and rows.", label, 1)
    if "more fields" in fault:
        with path.open(encoding="utf-8-sig", newline="") as text:
            lines = (line for line in text if dialect.holds(line))
            widths = [len(row) for row in csv.reader(lines, delimiter=dialect.separator)]
        for line, width in zip(line_numbers(path, dialect), widths, strict=False):
            if width > widths[0]:
                what = f"has {width} cells where the header has {widths[0]}"
                return Problem("(row)", what, "Quote text that holds a comma.", label, line)
    return Problem("(file)", f"cannot be read: {fault.splitlines()[0]}", "Fix the file.", label)
