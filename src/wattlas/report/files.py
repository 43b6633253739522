"""One table as one file, in the form that its ending names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattlas.data.frame_file import write_frame
from wattlas.data.target import try_file
from wattlas.data.whole_file import write_text
from wattlas.errors import UsageError
from wattlas.model.frames import csv_text, frame, with_texts

if TYPE_CHECKING:
    import polars as pl

    from wattlas.model.table import Table

TABLES = (".csv", ".parquet", ".json")
"""What a file with a table may end in."""


FILES = (*TABLES, ".html", ".htm", ".pdf", ".yaml", ".yml", ".xlsx", ".xls", ".txt", ".md", ".zip")
"""Endings that say that somebody means a file."""


def ending_of(path: Path, endings: Sequence[str] = TABLES) -> str:
    """The ending of a file, in lower case. Raises UsageError where it is none of these."""
    ending = path.suffix.lower()
    if ending not in endings:
        many = " or ".join(filter(None, (", ".join(endings[:-1]), endings[-1])))
        suffix = f"ends in {path.suffix}" if path.suffix else "has no ending"
        raise UsageError(f"--out {path} {suffix}; what it ends in says what is written: {many}.")
    return ending


def try_result(path: Path | None, endings: Sequence[str] = TABLES) -> None:
    """Find out, before anything is computed, whether a file of these endings can be written.

    None is no file. Raises UsageError for another ending, MachineError where the system refuses.
    """
    if path is not None:
        try_file(path)
        ending_of(path, endings)


def folder_of(path: Path) -> Path:
    """A folder to write into. Raises UsageError for a file, and for what ends like one."""
    if path.is_file():
        raise UsageError(f"--out {path} is a file; name a folder.")
    if path.suffix.lower() in FILES and not path.is_dir():
        raise UsageError(f"--out {path} ends like a file; name a folder, it holds several files.")
    return path


def write_table(
    path: Path, table: Table | pl.DataFrame, mapping: Mapping[str, Any] | None = None
) -> Path:
    """Write a table as CSV, Parquet or JSON, whole, and make its folder.

    JSON holds the mapping, or the rows of the table where there is none. Raises UsageError for
    another ending.
    """
    import polars as pl

    ending = ending_of(path)
    rows = table if isinstance(table, pl.DataFrame) else frame(table)
    if ending == ".parquet":
        return write_frame(path, rows)
    texts = with_texts(rows)
    if ending == ".csv":
        return write_text(path, csv_text(texts))
    value = texts.to_dicts() if mapping is None else mapping
    return write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
