"""Stamps of a file as a clock shows them."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from wattlas.data.importers.files import Raw
from wattlas.data.importers.layout import Stamps
from wattlas.data.reader.ranges import range_begins, stamp_begins
from wattlas.data.reader.stamps import INSTANT, Order, epochs, parsed

MIDNIGHT = r"[ T]0?0:00(:00(\.0+)?)?$"
"""What a date alone has behind it where it was a time before."""


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
    zone_is_usual: bool = False
    """Whether a header may speak of another clock than a recipe."""
    notes: tuple[str, ...] = ()


def is_text(file: Raw) -> bool:
    return len(file.columns.time) > 1 or file.frame.schema[file.columns.time[0]] == pl.String


def dates_of(file: Raw) -> pl.Series:
    """The column of stamps, or the date that several columns make."""
    names = file.columns.time
    if len(names) == 1:
        return file.frame[names[0]]
    cells = file.frame.select(pl.col(n).cast(pl.String).str.strip_chars() for n in names)
    numbers = cells.to_series().drop_nulls().str.contains(r"^\d{1,4}$").all()
    parts = min(len(names), 3 if numbers else 1)
    date = pl.concat_str([pl.col(n).str.zfill(2) for n in names[:parts]], separator="-")
    if parts == len(names):
        return cells.select(date).to_series()
    # Behind the date stand the time of the day and its zone.
    day = date.str.replace(MIDNIGHT, "")
    rest = [pl.col(n).str.zfill(_width(cells[n])) for n in names[parts:]]
    return cells.select(pl.concat_str([day, *rest], separator=" ")).to_series()


def _width(times: pl.Series) -> int:
    """Digits of a time of day: two, or four where 130 is half past one."""
    digits = times.drop_nulls().str.extract(r"^(\d+)$", 1)
    return 4 if digits.null_count() == 0 and (digits.str.len_chars() > 2).any() else 2


def hour_texts(file: Raw) -> pl.Series:
    """The hour column as text: of a range its beginning, without `HE` before or `A`, `B` after."""
    text = _hour_cells(file)
    begins = range_begins(text)
    text = text if begins is None else begins
    text = text.str.replace(r"^(?i)[a-z]+ *", "").str.replace(r"\.0+$", "")
    return text if twins_of(file) is None else text.str.replace(r"(?i)^(\d+) *[ab]$", "$1")


def _hour_cells(file: Raw) -> pl.Series:
    text = file.frame[str(file.columns.hour)].cast(pl.String).fill_null("").str.strip_chars()
    return text.alias("hour")


def has_ranges(file: Raw) -> bool:
    """Whether the column of hours holds ranges."""
    return file.columns.hour is not None and range_begins(_hour_cells(file)) is not None


def twins_of(file: Raw) -> pl.Series | None:
    """Of hours such as 3A and 3B which one each is, `a`, `b` or null; None where there are none."""
    if file.columns.hour is None:
        return None
    letters = _hour_cells(file).str.extract(r"(?i)^(?:[a-z]+ *)?\d+ *([ab])$").str.to_lowercase()
    counts = (letters == "a").sum(), (letters == "b").sum()
    return letters if counts[0] and counts[0] == counts[1] else None


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
    if file.columns.hour is None:
        begins = stamp_begins(text)
        text = text if begins is None else begins
    if file.columns.hour is not None and clock.numbers == "text":
        text = text.str.replace(MIDNIGHT, "") + " " + hour_texts(file)
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
