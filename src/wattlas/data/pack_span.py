"""The hours that a pack covers: those that price and carbon have of every zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from wattlas.data.pack import Manifest, PackTime
from wattlas.data.reader.cells import typed
from wattlas.data.reader.source import read_table
from wattlas.data.schema import TABLES
from wattlas.data.schema.hours import TIME
from wattlas.data.steps import HOUR_MIN, STEP, steps_by_key, with_steps
from wattlas.errors import InputError, Problem

SIGNALS = ("price", "carbon")
HOUR = timedelta(hours=1)


def shared_time(
    folder: Path, before: Manifest | None, table: str, rows: pl.DataFrame
) -> PackTime | None:
    """First hour and number of hours that all zones of price and carbon share, and their step.

    Other tables over time count where there is no signal. None for a pack without hours. Raises
    InputError where series share no hour.
    """
    if not TABLES[table].series and (before is None or before.time is None):
        return None
    frames = {table: rows} if TABLES[table].series else {}
    for name, entry in (before.tables if before else {}).items():
        if name in TABLES and TABLES[name].series and name not in frames:
            source = read_table(folder / entry.file, TABLES[name], name)
            need = (TIME, *TABLES[name].series)
            frames[name] = typed(source, need=need, bounds=False).frame
    signals = {n: f for n, f in frames.items() if n in SIGNALS} or frames
    if before is not None and before.kind == "typical":
        return before.time
    spans = pl.concat([_spans(name, frame) for name, frame in signals.items()])
    start, end = _ceil(spans["first"].max()), _floor(spans["last"].min())
    if end <= start:
        late = spans.sort("first", "series").row(-1, named=True)
        early = spans.sort("last", "series").row(0, named=True)
        what = (
            f"its hours ({late['first']:%Y-%m-%d} to {late['last']:%Y-%m-%d}) share none with "
            f"{early['series']} ({early['first']:%Y-%m-%d} to {early['last']:%Y-%m-%d})"
        )
        fix = "Import the same hours of each, or into another folder."
        raise InputError([Problem(late["series"], what, fix)])
    first = "price" if "price" in signals else next(iter(signals))
    lengths = steps_by_key(signals[first], TABLES[first].series[0])
    return PackTime(
        start_utc=start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        hours=int((end - start) / HOUR),
        step_h=max(lengths.values(), default=HOUR_MIN) / HOUR_MIN,
    )


def _spans(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """First time and end of each series."""
    series = list(TABLES[name].series)
    key = pl.concat_str([pl.lit(name), *series], separator=".").alias("series")
    rows = with_steps(frame.drop_nulls(TIME).with_columns(key), "series")
    end = pl.col(TIME) + pl.duration(minutes=STEP)
    return rows.group_by("series").agg(first=pl.col(TIME).min(), last=end.max())


def _floor(time: object) -> datetime:
    assert isinstance(time, datetime)
    return time.replace(minute=0, second=0, microsecond=0)


def _ceil(time: object) -> datetime:
    low = _floor(time)
    return low if low == time else low + HOUR
