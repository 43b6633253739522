"""Stamps of a file as a clock shows them."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from wattlas.data.importers.files import Raw
from wattlas.data.importers.layout import Stamps
from wattlas.data.reader.stamps import INSTANT, Order, epochs, parsed


@dataclass(frozen=True)
class Clock:
    """What the stamps of all files mean."""

    zone: str
    order: Order | None
    stamps: Stamps | None
    numbers: str | None
    step_min: int | None
    zone_is_given: bool = True
    zone_by_option: bool = False
    notes: tuple[str, ...] = ()


def is_text(file: Raw) -> bool:
    return len(file.columns.time) > 1 or file.frame.schema[file.columns.time[0]] == pl.String


def dates_of(file: Raw) -> pl.Series:
    """The column of stamps, or the date that several columns make."""
    names = file.columns.time
    if len(names) == 1:
        return file.frame[names[0]]
    return file.frame.select(
        pl.concat_str([pl.col(n).cast(pl.String).str.zfill(2) for n in names], separator="-")
    ).to_series()


def hour_texts(file: Raw) -> pl.Series:
    """The hour column as text, without `HE` or the like before the number."""
    text = file.frame[str(file.columns.hour)].cast(pl.String).fill_null("").str.strip_chars()
    return text.str.replace(r"^(?i)[a-z]+ *", "").str.replace(r"\.0+$", "").alias("hour")


def dated(file: Raw, clock: Clock) -> pl.DataFrame:
    wall = parsed(dates_of(file).cast(pl.String), clock.order)["wall"]
    return pl.DataFrame({"day": wall.dt.truncate("1d"), "n": hour_texts(file).cast(pl.Int64)})


def walls_of(file: Raw, clock: Clock) -> pl.DataFrame:
    """`instant`, `wall` and `mark` of each row, before begin or end is known."""
    stamps = dates_of(file)
    kind = stamps.dtype
    if isinstance(kind, pl.Datetime):
        return _of_times(stamps, kind)
    if kind == pl.Date:
        return _of_times(stamps.cast(pl.Datetime("us")), pl.Datetime("us"))
    since = epochs(stamps)
    if since is not None:
        return _of_times(since, pl.Datetime("us", "UTC"))
    text = stamps.cast(pl.String)
    if file.columns.hour is not None and clock.numbers == "text":
        text = text.str.replace(r"[ T]0?0:00(:00)?$", "") + " " + hour_texts(file)
    return parsed(text, clock.order)


def _of_times(times: pl.Series, kind: pl.Datetime) -> pl.DataFrame:
    us = times.dt.cast_time_unit("us")
    if kind.time_zone is not None:
        instants = us.dt.convert_time_zone("UTC")
        walls = us.dt.replace_time_zone(None)
    else:
        instants, walls = pl.Series([None] * len(us), dtype=INSTANT), us
    marks = pl.Series([None] * len(us), dtype=pl.String)
    return pl.DataFrame({"instant": instants, "wall": walls, "mark": marks})


def late_us(walls: pl.Series) -> int:
    """What stamps of the last second, or minute, of each period lack to its end, µs; else 0."""
    there = walls.drop_nulls()
    if there.is_empty():
        return 0
    second, minute = there.dt.second(), there.dt.minute()
    if (second == 59).all() and (minute % 5 == 4).all():
        return 1_000_000
    return 60_000_000 if (second == 0).all() and (minute % 5 == 4).all() else 0


def to_boundaries(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose stamps are the last second or minute of their periods, at their ends."""
    late = pl.duration(microseconds=late_us(pl.Series(rows["wall"])))
    return rows.with_columns(pl.col("wall") + late, pl.col("instant") + late)
