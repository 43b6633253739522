"""Tables over time, read stretch by stretch: only what is kept is held in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from wattlas.data.reader.dialect import IsHeader, lazy_rows, names_all, pieces, unreadable
from wattlas.data.reader.stamps import instant
from wattlas.data.schema.hours import TIME
from wattlas.errors import InputError

TYPED = "__time"
"""The times of rows whose stamps are text."""


LONGEST = np.timedelta64(1, "h")


@dataclass(frozen=True)
class Stretch:
    """From a time to before another, UTC."""

    begin: np.datetime64
    end: np.datetime64
    store: Path | None = None
    """Folder for the rows of a CSV file, which is read once and used many times."""


def rows_within(
    path: Path, label: str, stretch: Stretch, wanted: IsHeader | None = None
) -> pl.DataFrame | None:
    """The rows of a table over time that lie in a stretch, or whose time cannot be read.

    None for a table without times. Raises InputError where the file cannot be read.
    """
    if path.suffix.lower() not in (".csv", ".parquet"):
        return None
    try:
        return _within(path, stretch, wanted)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as fault:
        raise InputError([unreadable(path, label, str(fault))]) from None


def _within(path: Path, stretch: Stretch, wanted: IsHeader | None) -> pl.DataFrame | None:
    rows = lazy_rows(path, wanted)
    schema = rows.collect_schema()
    if TIME not in schema:
        return None
    if stretch.store is not None and path.suffix.lower() == ".csv":
        rows = _stored(path, stretch.store, wanted)
    else:
        rows = rows.with_columns(instant(schema[TIME], TIME).alias(TYPED))
    # A row may begin up to an hour before the stretch and reach into it.
    begin, end = (
        pl.lit(t.astype("datetime64[us]")).dt.replace_time_zone("UTC")
        for t in (stretch.begin - LONGEST, stretch.end)
    )
    time = pl.col(TYPED)
    inside = rows.filter(((time >= begin) & (time < end)) | time.is_null())
    return inside.drop(TYPED).collect(engine="streaming")


def _stored(path: Path, store: Path, wanted: IsHeader | None) -> pl.LazyFrame:
    """The rows of a CSV file from Parquet files, where a stretch of time is found at once."""
    folder = store / hashlib.sha256(str(path).encode()).hexdigest()
    if not folder.exists():
        folder.mkdir()
        for n, piece in enumerate(pieces(path, wanted)):
            piece = piece.with_columns(instant(pl.String(), TIME).alias(TYPED))
            piece.write_parquet(folder / f"{n:06d}.parquet", compression="lz4")
    return pl.scan_parquet(folder / "*.parquet")


def times_of(path: Path) -> pl.DataFrame:
    """The distinct times of a table, typed, in order: all that is read of it."""
    rows = lazy_rows(path, names_all([TIME]))
    time = instant(rows.collect_schema()[TIME], TIME)
    return rows.select(time).drop_nulls().unique().sort(TIME).collect(engine="streaming")
