"""Tables over time, read stretch by stretch: only what is kept is held in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from wattlas.data.reader.dialect import IsHeader, lazy_rows, names_all, pieces, unreadable
from wattlas.data.reader.stamps import instant
from wattlas.data.schema.hours import PARTS, TIME
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


def times_of(path: Path, series: str) -> tuple[pl.DataFrame, float]:
    """The distinct times of a table, typed, in order, and the longest step of its series, h.

    All that is read of it is each time once, and of each series its ends and the number of rows.
    """
    rows = lazy_rows(path, names_all([TIME]))
    schema = rows.collect_schema()
    timed = rows.with_columns(instant(schema[TIME], TIME)).drop_nulls(TIME)
    times = timed.select(TIME).unique().sort(TIME).collect(engine="streaming")
    if series not in schema:
        return times, 1.0
    ends = timed.group_by(series).agg(
        first=pl.col(TIME).min(), last=pl.col(TIME).max(), n=pl.col(TIME).n_unique()
    )
    mean = (pl.col("last") - pl.col("first")).dt.total_minutes() / (pl.col("n") - 1)
    means = ends.filter(pl.col("n") > 1).select(mean).collect(engine="streaming").to_series()
    # A series that lacks rows has a longer mean than its step: the part of an hour below is it.
    parts = [max((p for p in PARTS if p <= m), default=PARTS[-1]) for m in means]
    return times, max(parts, default=60) / 60
