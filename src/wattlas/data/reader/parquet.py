"""The rows of a Parquet file, whose cells may be of any type."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import polars as pl

from wattlas.errors import InputError, Problem


def read_parquet(path: Path, label: str, nested: bool) -> pl.DataFrame:
    """The rows as they stand. Raises InputError, unless `nested` also for cells of many values."""
    try:
        frame = _decoded(pl.read_parquet(path))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        what = "cannot be read: it is no Parquet file, or not a whole one"
        problem = Problem("(file)", what, "Write it again, or give a CSV file.", label)
        raise InputError([problem]) from None
    wrong = [] if nested else [n for n, k in frame.schema.items() if not is_single(k)]
    if wrong:
        raise InputError([not_single(name, label) for name in wrong])
    return frame


def not_single(column: str, label: str) -> Problem:
    """What is wrong with a column whose cells are not one value each."""
    what = "holds lists, structures or bytes"
    return Problem(column, what, "Write one number or text to each row.", label)


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
