"""How a CSV file is written, and its rows as text: whole, lazily or in pieces.

Scenarios, packs, checks and imports read one dialect: the separator and the line of the header are
found, comments and empty lines are left out, a byte order mark is no part of a name.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from wattlas.data.reader.packed import opened
from wattlas.data.reader.parquet import read_parquet
from wattlas.errors import InputError, Problem

ROW = "__row"
"""The number of a row in its file, from 0."""
MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
"""Byte order marks, as spreadsheets write them."""
PIECE_BYTES = 1 << 23
"""So much of a CSV file is read at a time where it is not to be held as a whole."""
SEPARATORS = ",;\t|"
SPREADSHEETS = (".xlsx", ".xlsm")
HEAD_BYTES = 1 << 20
"""So much of a file is looked at to find out how it is written."""
HEAD_LINES = 60
"""A header that comes later than this is not found."""
ROWS_ALIKE = 3
"""Rows below the header that tell which separator cuts all lines alike."""
MOST_COLUMNS = 5_000
"""More are no table: a table of hours has a column for each zone at most."""

IsHeader = Callable[[Sequence[str]], bool]
"""Whether the cells of a line are the names of the columns."""


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written."""

    separator: str = ","
    comment: str = "#"
    """Lines that begin with it are left out, and so are empty ones."""
    before: int = 0
    """Lines above the header: a preamble, comments, empty lines."""
    encoding: str = "utf-8-sig"
    returns: bool = False
    """Whether lines end with a carriage return alone, as some programs save them."""
    names: tuple[str, ...] = ()
    """The names of the columns, where the file has no line for them."""

    @property
    def options(self) -> dict[str, Any]:
        """The dialect as polars takes it. All cells stay text: a zone NO, a stamp, 007."""
        named = {"has_header": False, "new_columns": list(self.names)} if self.names else {}
        return {
            "infer_schema": False,
            "separator": self.separator,
            "comment_prefix": self.comment,
            "encoding": "utf8",
            **named,
        }

    @property
    def whole(self) -> bool:
        """Whether the file is to be read as a whole, since it is not what polars reads."""
        return self.returns or self.encoding != "utf-8-sig"

    def holds(self, line: str) -> bool:
        """Whether a line is the header or a row."""
        return bool(line.strip()) and not line.startswith(self.comment)


PLAIN = Dialect()
"""What scenarios, packs and most others are written in; the rest is found out."""


def dialect_of(path: Path, wanted: IsHeader | None = None, given: str | None = None) -> Dialect:
    """How a CSV file is written: `given` is its separator, `wanted` knows the header.

    The header is the first line that is wanted, or the first line of all where none is.
    """
    lines, encoding, returns = _head(path)
    plain = replace(PLAIN, encoding=encoding, returns=returns)
    first: Dialect | None = None
    for number, line in enumerate(lines[:HEAD_LINES]):
        if not PLAIN.holds(line) or line.lower().startswith("sep="):
            continue
        rest = list(islice(filter(PLAIN.holds, islice(lines, number + 1, None)), ROWS_ALIKE))
        for separator in [given] if given else _by_likelihood(line, rest):
            dialect = replace(plain, separator=separator, before=number)
            first = first or dialect
            if wanted is None or wanted(cells_of(line, separator)):
                return dialect
    return first or plain


def _head(path: Path) -> tuple[list[str], str, bool]:
    """The first lines of a file, how its letters are written, and whether lines end with \\r."""
    with opened(path) as file:
        head = file.read(HEAD_BYTES)
    encoding = next((name for mark, name in MARKS.items() if head.startswith(mark)), "")
    # Most letters have one byte 0 in UTF-16: where it stands tells the order.
    nothing = [head[at:256:2].count(0) for at in (0, 1)] if not encoding else [0, 0]
    if sum(nothing) > len(head[:256]) / 4:
        encoding = "utf-16-le" if nothing[1] > nothing[0] else "utf-16-be"
    try:
        text = head.decode(encoding := encoding or "utf-8-sig")
    except UnicodeDecodeError as fault:
        cut = len(head) == HEAD_BYTES and fault.start > HEAD_BYTES - 4
        cut = cut or encoding.startswith("utf-16")  # of which no other is read: its end is cut off
        encoding = encoding if cut else "cp1252"
        text = head.decode(encoding, errors="ignore" if cut else "replace")
    return text.splitlines(), encoding, "\r" in text and "\n" not in text


def _by_likelihood(line: str, rest: Sequence[str]) -> list[str]:
    """Separators, that first which cuts the line and the next rows into most cells alike."""
    widths = {s: len(cells_of(line, s)) for s in SEPARATORS}

    def rank(separator: str) -> tuple[bool, int]:
        width = widths[separator]
        alike = all(len(cells_of(row, separator)) == width for row in rest)
        return (alike and width > 1, width)

    return sorted(SEPARATORS, key=rank, reverse=True)


def cells_of(line: str, separator: str) -> list[str]:
    """The cells of a line, without the spaces around them."""
    try:
        row: list[str] = next(csv.reader([line], delimiter=separator), [])
    except csv.Error:  # a cell that is longer than any: not cells of this separator
        row = line.split(separator)
    return [cell.strip() for cell in row]


def names_all(wanted: Collection[str]) -> IsHeader:
    """A header that has all these names."""
    return lambda cells: set(wanted) <= set(cells)


def read_frame(
    path: Path,
    label: str,
    wanted: IsHeader | None = None,
    dialect: Dialect | None = None,
    nested: bool = True,
) -> pl.DataFrame:
    """The rows of a CSV or Parquet file as they stand, with their numbers.

    Cells of Parquet that are not single values are a problem of their column without `nested`.

    Raises InputError where the file cannot be read; `label` is what messages call it.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        what = f"ends in `{path.suffix}`, wanted .csv or .parquet"
        fix = "Save the sheet as CSV." if suffix in SPREADSHEETS else "Convert the table."
        raise InputError([Problem("(file)", what, fix, label)])
    if suffix == ".csv":
        return read_text(path, label, dialect or dialect_of(path, wanted))
    return read_parquet(path, label, nested).with_row_index(ROW)


def read_text(path: Path, label: str, dialect: Dialect) -> pl.DataFrame:
    """The rows of a file of text in a dialect; InputError where they cannot be read."""
    _check_head(path, label, dialect)
    source: Path | bytes = path
    if dialect.whole:
        with opened(path) as file:
            text = file.read().decode(dialect.encoding, errors="replace")
        source = (text.replace("\r", "\n") if dialect.returns else text).encode()
    try:
        frame = pl.read_csv(source, skip_lines=dialect.before, **dialect.options)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as fault:
        raise InputError([unreadable(path, label, str(fault), dialect)]) from None
    return clean_rows(frame).with_row_index(ROW)


def _check_head(path: Path, label: str, dialect: Dialect) -> None:
    """A header that no table has: too wide, or the same name twice."""
    lines, *_ = _head(path)
    line = lines[dialect.before] if dialect.before < len(lines) else ""
    if not line.strip():
        raise InputError([Problem("(file)", "is empty", "Write a header and rows.", label, 1)])
    if dialect.names:
        return
    width = line.count(dialect.separator) + 1
    at = dialect.before + 1
    if width > MOST_COLUMNS:
        what = f"has {'more than ' if len(line) > HEAD_BYTES // 2 else ''}{width:,} columns"
        fix = f"A table has {MOST_COLUMNS:,} at most. Is it on its side? Turn it."
        raise InputError([Problem("(header)", what, fix, label, at)])
    cells = [cell for cell in cells_of(line, dialect.separator) if cell]
    twice = [name for name in dict.fromkeys(cells) if cells.count(name) > 1]
    if twice:
        what = f"the column `{twice[0]}` is there twice"
        raise InputError([Problem("(header)", what, "Rename or drop one.", label, at)])


def clean_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """What was read of a CSV file, without its empty lines and columns and the spaces of names."""
    frame = frame.filter(~pl.all_horizontal(pl.all().is_null())) if frame.width else frame
    nameless = [n for n in frame.columns if not n.strip() or n.startswith("_duplicated")]
    if nameless:
        empty = [n for n in nameless if (frame[n].fill_null("").str.strip_chars() == "").all()]
        frame = frame.drop(empty)
    names = {name: name.strip() for name in frame.columns if name != name.strip()}
    return frame.rename(names) if names else frame


def lazy_rows(path: Path, wanted: IsHeader | None = None) -> pl.LazyFrame:
    """A table's rows with their numbers, nothing read yet."""
    if path.suffix.lower() == ".parquet":
        return pl.scan_parquet(path, row_index_name=ROW)
    dialect = dialect_of(path, wanted)
    if dialect.whole:
        return read_text(path, str(path), dialect).lazy()
    rows = pl.scan_csv(path, skip_lines=dialect.before, **dialect.options)
    rows = rows.filter(~pl.all_horizontal(pl.all().is_null()))
    return rows.rename(str.strip).with_row_index(ROW)


def pieces(path: Path, wanted: IsHeader | None = None) -> Iterator[pl.DataFrame]:
    """The rows of a CSV file with their numbers, a few megabytes at a time."""
    dialect, count = dialect_of(path, wanted), 0
    if dialect.whole:
        yield read_text(path, str(path), dialect)
        return
    _check_head(path, str(path), dialect)
    for text in _texts(path, dialect):
        piece = clean_rows(pl.read_csv(text, **dialect.options)).with_row_index(ROW, count)
        yield piece
        count += piece.height


def _texts(path: Path, dialect: Dialect) -> Iterator[bytes]:
    """A CSV file in pieces that end with a row; each begins with the header."""
    with opened(path) as file:
        head, rest = _seek_header(file, dialect), b""
        while block := file.read(PIECE_BYTES):
            rest += block
            cut = rest.rfind(b"\n") + 1
            while cut and rest.count(b'"', 0, cut) % 2:  # within a cell that holds a line break
                cut = rest.rfind(b"\n", 0, cut - 1) + 1
            if cut:
                yield head + rest[:cut]
                rest = rest[cut:]
        yield head + rest


def _seek_header(file: BinaryIO, dialect: Dialect) -> bytes:
    """The line of the header, with a byte order mark before it; the file then stands behind it."""
    for _ in range(dialect.before):
        file.readline()
    return file.readline()


def line_numbers(path: Path, wanted: IsHeader | None = None) -> list[int]:
    """1-based line number of the header and of each row of a CSV file."""
    dialect = dialect_of(path, wanted)
    with io.TextIOWrapper(opened(path), dialect.encoding, "replace") as text:
        return [n for n, line in enumerate(text, 1) if n > dialect.before and dialect.holds(line)]


def unreadable(path: Path, label: str, fault: str, dialect: Dialect | None = None) -> Problem:
    """Why a file is no table, in words of ours."""
    if path.suffix.lower() == ".parquet":
        fix = "Write it again, or give a CSV file."
        what = "cannot be read: it is no Parquet file, or not a whole one"
        return Problem("(file)", what, fix, label)
    dialect = dialect or dialect_of(path)
    if "empty" in fault:
        return Problem("(file)", "is empty", "Write a header and rows.", label, 1)
    if "more fields" in fault or "ragged" in fault:
        uneven = _uneven(path, dialect)
        if uneven is not None:
            what = f"has {uneven[1]} cells where the header has {uneven[2]}"
            fix = "Quote text that holds the separator, or a mark of thousands."
            return Problem("(row)", what, fix, label, uneven[0])
    what = "it cannot be read as rows of cells"
    fix = "Look for a quote that is not closed, and save it as CSV in UTF-8."
    return Problem("(file)", what, fix, label)


def _uneven(path: Path, dialect: Dialect) -> tuple[int, int, int] | None:
    """Line and width of the first row that is wider than the header, and the header's width."""
    width = len(dialect.names)
    with io.TextIOWrapper(opened(path), dialect.encoding, "replace", "") as text:
        for number, line in enumerate(text, 1):
            if number <= dialect.before or not dialect.holds(line):
                continue
            cells = len(cells_of(line, dialect.separator))
            if not width:
                width = cells
            elif cells > width:
                return number, cells, width
    return None
