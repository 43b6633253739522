"""Time stamps: text, numbers or times of a file → instants in UTC, or what a clock shows.

A stamp says its zone by `Z`, an offset or a mark such as `CEST`; what does not is a wall time.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from wattlas.data.reader.ranges import no_offsets

INSTANT = pl.Datetime("us", "UTC")
WALL = pl.Datetime("us")
ISO = "%Y-%m-%dT%H:%M:%S%#z"
"""The commonest stamp that says its zone."""
Order = Literal["day-first", "month-first"]
MARKS: dict[str, float] = {
    "Z": 0,
    "UTC": 0,
    "GMT": 0,
    "WET": 0,
    "WEST": 1,
    "CET": 1,
    "CEST": 2,
    "EET": 2,
    "EEST": 3,
    "EST": -5,
    "EDT": -4,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
    "AEST": 10,
    "AEDT": 11,
    "JST": 9,
    "KST": 9,
    "NZST": 12,
    "NZDT": 13,
}
"""Marks of one meaning and their offsets, h; BST, CST and IST have several and are not read."""
EPOCHS = {"s": 10, "ms": 13, "us": 16, "ns": 19}
"""Digits of a time since 1970 between 2001 and 2286."""
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DATE = (
    r"(?:(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})"
    r"|(?P<a>\d{1,2})(?P<sep>[-/.])(?P<b>\d{1,2})[-/.](?P<y2>\d{4})"
    r"|(?P<y3>(?:19|20)\d{2})(?P<m3>\d{2})(?P<d3>\d{2})"
    rf"|(?P<n4>{_MONTHS})[a-z]*\.? +(?P<d4>\d{{1,2}}),? +(?P<y4>\d{{4}})"
    rf"|(?P<d5>\d{{1,2}})[- ](?P<n5>{_MONTHS})[a-z]*\.?[- ](?P<y5>\d{{4}}))"
)
_TIME = (
    r"(?:(?:[ t,_]+|^)?(?P<h>\d{1,2})(?::?(?P<mi>\d{2})(?::?(?P<s>\d{2})(?:[.,]\d+)?)?)?"
    r"(?: *(?P<half>[ap])\.?m\.?)?)?"
)
_ZONE = r" *\(?(?P<zone>[a-z]{1,5}|[+-]\d{2}(?::?\d{2})?|(?:utc|gmt) *[+-]\d{1,2}(?::?\d{2})?)?\)?"
FORM = rf"(?i)^\s*{_DATE}{_TIME}{_ZONE}\s*$"
RANGE = r"(?:\s+(?:-|–|to)\s+|/\d{4}-\d{2}-\d{2}T)"
"""Between the beginning and the end of a period."""
_BEHIND = r"( *\(?(?:z|[a-z]{3,5}|[+-]\d{2}:?\d{2})\)?)\s*$"
_END_ZONE = rf"(?i){RANGE}.*\d:\d{{2}}(?::\d{{2}}(?:[.,]\d+)?)?{_BEHIND}"
"""The zone behind the end of a period."""
LEAST_OFFSET_S, GREATEST_OFFSET_S = -12 * 3600, 14 * 3600
"""Of any clock."""
_BEYOND = r"(?:[+-](?:1[5-9]|2\d)|-1[34])(?::?\d{2})?$"
"""What no clock has as its offset, behind a time with seconds."""
_WEEKDAY = r"(?i)^\s*(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? +"
_ALSO_NAMED = r"(Z|[+-]\d{2}:?\d{2})\[[\w/+-]+\]$"
"""A zone's name behind an offset that says as much."""


def instant(kind: pl.DataType, name: str) -> pl.Expr:
    """A column of that type as UTC; a stamp that does not say its zone may be anything: null."""
    if kind == pl.String:
        return zoned(pl.col(name))
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        return pl.col(name).dt.convert_time_zone("UTC").cast(INSTANT)
    return pl.lit(None, dtype=INSTANT).alias(name)


def zoned(column: pl.Expr) -> pl.Expr:
    """Text with a zone as UTC; other text becomes null."""
    return column.map_batches(_zoned, return_dtype=INSTANT, is_elementwise=True)


def _zoned(stamps: pl.Series) -> pl.Series:
    """Most files are in the commonest form throughout: what is left alone is taken apart."""
    text = stamps.str.strip_chars()
    instants = text.str.strptime(INSTANT, ISO, strict=False)
    if not text.str.ends_with("Z").all():
        beyond = text.str.contains(_BEYOND)
        instants = pl.select(pl.when(~beyond).then(instants)).to_series()
    if instants.null_count() == text.null_count():
        return instants
    return instants.fill_null(parsed(text)["instant"])


def wall(column: pl.Expr) -> pl.Expr:
    """Text that says no zone as what a clock shows; other text becomes null."""
    return column.map_batches(_wall, return_dtype=pl.Datetime("us"), is_elementwise=True)


def _wall(stamps: pl.Series) -> pl.Series:
    nowhere = pl.col("instant").is_null() & pl.col("mark").is_null()
    return parsed(stamps).select(pl.when(nowhere).then("wall")).to_series()


def parsed(stamps: pl.Series, order: Order | None = None) -> pl.DataFrame:
    """Text as `instant` (UTC; null where no zone is said), `wall` and `mark`, row by row.

    `mark` is a zone's name that has several meanings or none known. Of a range the beginning is
    read, in the zone of its end where it says none; none of those that look like times and offsets.
    Dates such as 1/5/2024 are null without `order`; dots mean day first. Each distinct text
    is taken apart once.
    """
    unique = stamps.unique().drop_nulls()
    known = pl.DataFrame({"text": unique}).with_columns(
        pl.col("text").map_batches(lambda s: _parts(s, order)).alias("p")
    )
    rows = pl.DataFrame({"text": stamps}).join(known, on="text", how="left", maintain_order="left")
    return rows.select(pl.col("p").struct.unnest())


def _fields(text: pl.Series, order: Order | None) -> pl.DataFrame:
    """The parts of each text as numbers; `shift` is the offset that it says, s."""
    first = _begins(text).str.replace(_WEEKDAY, "").str.strip_chars()
    first = first.str.replace(_ALSO_NAMED, "$1")
    groups = first.str.extract_groups(FORM).struct.unnest().with_row_index("__n")
    day_first = (pl.col("sep") == ".") if order is None else pl.lit(order == "day-first")
    ordered = (pl.col("sep") == ".") | pl.lit(order is not None)
    a, b = pl.col("a"), pl.col("b")
    month_names = [pl.col(n).str.to_lowercase().str.slice(0, 3) for n in ("n4", "n5")]
    number = {name: str(n) for n, name in enumerate(_MONTHS.split("|"), 1)}
    named = [n.replace_strict(number, default=None, return_dtype=pl.String) for n in month_names]
    month = pl.when(day_first).then(b).otherwise(a)
    day = pl.when(day_first).then(a).otherwise(b)
    hour = pl.col("h").cast(pl.Int32).fill_null(0)
    half = pl.col("half").str.to_lowercase()
    hour = pl.when(half.is_null()).then(hour).otherwise(hour % 12 + 12 * (half == "p").cast(int))
    sound_half = half.is_null() | pl.col("h").cast(pl.Int32).is_between(1, 12)
    midnight = (hour == 24) & (pl.col("mi").cast(pl.Int32).fill_null(0) == 0)
    fields = groups.with_columns(
        year=pl.coalesce("y", "y2", "y3", "y4", "y5").cast(pl.Int32),
        month=pl.coalesce("m", pl.when(ordered).then(month), "m3", *named).cast(pl.Int32),
        day=pl.coalesce("d", pl.when(ordered).then(day), "d3", "d4", "d5").cast(pl.Int32),
        hour=pl.when(sound_half).then(pl.when(midnight).then(0).otherwise(hour)),
        minute=pl.col("mi").cast(pl.Int32).fill_null(0),
        second=pl.col("s").cast(pl.Int32).fill_null(0),
        later=midnight.cast(pl.Int32),
        zone=pl.col("zone").str.to_uppercase(),
    ).with_columns(shift=_offset_s())
    return fields.with_columns(ranged=_ranged(fields))


def _parts(text: pl.Series, order: Order | None) -> pl.Series:
    """A struct of instant, wall time and mark of each text."""
    sound = (
        pl.col("month").is_between(1, 12)
        & pl.col("day").is_between(1, 31)
        & pl.col("hour").is_between(0, 23)
        & pl.col("minute").is_between(0, 59)
        & pl.col("second").is_between(0, 59)
        # After a date alone `-13:00` may be an offset or a time: it is neither.
        & (pl.col("h").is_not_null() | ~pl.col("zone").str.contains(r"^[+-]").fill_null(False))
        & pl.col("shift").is_between(LEAST_OFFSET_S, GREATEST_OFFSET_S).fill_null(True)
        & ~pl.col("ranged")
    )
    date = pl.format(
        "{}-{}-{} {}:{}:{}",
        "year",
        *(pl.col(n).cast(pl.String).str.zfill(2) for n in ("month", "day", "hour")),
        *(pl.col(n).cast(pl.String).str.zfill(2) for n in ("minute", "second")),
    ).str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    made = _fields(text, order).with_columns(
        wall=pl.when(sound).then(date + pl.duration(days=pl.col("later")))
    )
    return made.select(
        pl.struct(
            instant=(pl.col("wall") - pl.duration(seconds="shift")).dt.replace_time_zone("UTC"),
            wall="wall",
            mark=pl.when(pl.col("shift").is_null()).then("zone"),
        ).alias("p")
    )["p"]


def _begins(text: pl.Series) -> pl.Series:
    """Of a range the beginning; any other text as it is."""
    begin = text.str.replace(RANGE + ".*$", "")
    zone = text.str.extract(_END_ZONE)
    if zone.null_count() == len(zone):
        return begin
    alone = ~begin.str.contains(rf"(?i)\d{_BEHIND}")
    return pl.select(pl.when(alone).then(begin + zone.fill_null("")).otherwise(begin)).to_series()


def are_ranges(stamps: pl.Series) -> pl.Series:
    """Which texts name the beginning and the end of a period."""
    text = stamps.str.strip_chars()
    fields = _fields(text, None)
    return (text.str.contains(RANGE) | fields["ranged"]).fill_null(False)


def _ranged(fields: pl.DataFrame) -> pl.Series:
    """Which are no times with an offset but ranges, such as 00:00-01:00: all of a column tell."""
    looks = pl.col("s").is_null() & pl.col("hour").is_not_null() & (pl.col("shift") <= 0)
    looks = (looks & pl.col("zone").str.starts_with("-")).fill_null(False)
    times = fields.filter(looks).select(
        begin=60 * pl.col("hour") + pl.col("minute"), end=-pl.col("shift") // 60
    )
    return fields.select(looks & pl.lit(no_offsets(times))).to_series()


def _offset_s() -> pl.Expr:
    """Offset that the text of a zone says, s; null where it says none."""
    text = pl.col("zone").str.replace(r"^(?:UTC|GMT) *([+-])", "$1")
    sign = pl.when(text.str.starts_with("-")).then(-1).otherwise(1)
    hours = text.str.extract(r"^[+-](\d{1,2})").cast(pl.Int64)
    minutes = text.str.extract(r"^[+-]\d{1,2}:?(\d{2})$").cast(pl.Int64).fill_null(0)
    seconds = {name: round(h * 3600) for name, h in MARKS.items()}
    named = text.replace_strict(seconds, default=None, return_dtype=pl.Int64)
    return pl.coalesce(named, sign * (hours * 3600 + minutes * 60))


def epochs(stamps: pl.Series) -> pl.Series | None:
    """Whole numbers, or text of them, as UTC: seconds, ms, µs or ns since 1970, told by size.

    None where they are anything else; ten digits that begin with 20 and are a date and an hour
    are that.
    """
    text = stamps.drop_nulls().cast(pl.String).str.strip_chars().str.replace(r"\.0+$", "")
    if text.is_empty():
        return None
    digits = text.str.len_chars()
    width = int(digits.to_numpy().max())
    unit = next((u for u, d in EPOCHS.items() if d == width), None)
    whole = text.str.contains(r"^\d+$").all() and (digits == width).all()
    if unit is None or not whole:
        return None
    if width == EPOCHS["s"] and text.str.contains(r"^20\d\d(0\d|1[0-2])[0-3]\d[0-2]\d$").all():
        return None
    count = stamps.cast(pl.String).str.strip_chars().str.replace(r"\.0+$", "").cast(pl.Int64)
    scale = {"s": 1_000_000, "ms": 1_000, "us": 1}.get(unit)
    us = count * scale if scale else count // 1_000
    return us.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def order_of(stamps: pl.Series) -> Order | Literal["open", "both"] | None:
    """Which comes first in dates such as 1/5/2024: None where there are none of this kind.

    `open` where no date settles it, `both` where some contradict others.
    """
    text = stamps.drop_nulls().unique()
    groups = text.str.extract_groups(r"^\s*(?P<a>\d{1,2})(?P<s>[-/.])(?P<b>\d{1,2})[-/.]\d{4}")
    parts = groups.struct.unnest().drop_nulls()
    if parts.is_empty():
        return None
    day = (parts["a"].cast(pl.Int32) > 12).any() or (parts["s"] == ".").any()
    month = (parts["b"].cast(pl.Int32) > 12).any()
    if day and month:
        return "both"
    return "day-first" if day else "month-first" if month else "open"
