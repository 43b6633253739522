"""Ranges of the time of day: `00:00-01:00` looks like a time and an offset."""

from __future__ import annotations

import polars as pl

from wattlas.data.schema.hours import PARTS

DAY_MIN = 24 * 60
ALIKE = 0.9
"""So many of the periods of a column are of one length; the clock may change in the others."""
_SPAN = (
    r"(?i)^(?P<begin>.*?(?P<a>\d{1,2})(?::(?P<am>\d{2})(?::\d{2})?)?(?: *(?P<ap>[ap])\.?m\.?)?)"
    r"[\s\u00a0]*(?:-|–|—|\bto\b)[\s\u00a0]*"
    r"(?P<b>\d{1,2})(?::(?P<bm>\d{2})(?::\d{2})?)?(?: *(?P<bp>[ap])\.?m\.?)?$"
)
"""A time of day, perhaps behind a date, and the one at which its period ends."""
_TIMED = r":|[ T]\d{1,2}\s*(?:-|–|—)\s*\d{1,2}$"
"""A date alone, 2024-01-01, is no range."""
_END = r"(?i)(?:-|–|—|\bto\b)([^-–—]+)$"


def stamp_begins(text: pl.Series) -> pl.Series | None:
    """What stands before the dash where stamps are ranges of a time of day.

    Where all begin, or all end, at one time of the day, what follows may as well be their offset:
    None.
    """
    if text.null_count() or not text.head(3).str.contains(_TIMED).all():
        return None
    begins = range_begins(text)
    if begins is None or begins.str.extract(r"(\d{1,2}(?::\d{2}.*)?)$").n_unique() < 2:
        return None
    return None if text.str.extract(_END).n_unique() < 2 else begins


def range_begins(text: pl.Series) -> pl.Series | None:
    """What stands before the dash where all texts are ranges of the time of day, of one length.

    `00:00-01:00` looks like a time and an offset; that each ends where it should tells. A length
    differs where the clock changes.
    """
    if not text.head(3).str.contains(_SPAN).all():
        return None
    parts = text.str.extract_groups(_SPAN).struct.unnest()
    if parts["a"].null_count():
        return None
    minutes = [
        pl.col(h).cast(pl.Int64) % 12 * 60
        + pl.col(m).cast(pl.Int64).fill_null(0)
        + 720
        * (pl.when(pl.col(p).is_null()).then(pl.col(h).cast(pl.Int64) % 24 >= 12))
        .otherwise(pl.col(p).str.to_lowercase() == "p")
        .cast(pl.Int64)
        for h, m, p in (("a", "am", "ap"), ("b", "bm", "bp"))
    ]
    if _length_min(parts.select(begin=minutes[0], end=minutes[1])) not in PARTS:
        return None
    return parts["begin"].str.strip_chars().alias(text.name)


def _length_min(times: pl.DataFrame) -> int | None:
    """The length of periods from `begin` to `end`, minutes of the day; None where it differs."""
    length = times.select((pl.col("end") - pl.col("begin")) % DAY_MIN).to_series()
    usual: int = next(iter(length.mode().sort().to_list()), 0)
    near = length.is_in([(usual + moved) % DAY_MIN for moved in (-60, -30, 0, 30, 60)])
    alike = int((length == usual).sum()) >= ALIKE * len(length)
    return usual if near.all() and alike else None


def no_offsets(times: pl.DataFrame) -> bool:
    """Whether `end`, minutes that look like an offset behind a time of day `begin`, is the end of a
    period: it moves along with the time, which no offset does.

    Two periods of an hour or a part of it tell; longer ones are three.
    """
    begins, ends = times["begin"].n_unique(), times["end"].n_unique()
    if min(begins, ends) < 2:
        return False
    length = _length_min(times)
    return length in PARTS or (bool(length) and ends > 2)
