"""Ranges of the time of day: `00:00-01:00` looks like a time and an offset."""

from __future__ import annotations

import polars as pl

from wattlas.data.schema.hours import PARTS

_SPAN = (
    r"(?i)^(?P<begin>.*?(?P<a>\d{1,2})(?::(?P<am>\d{2})(?::\d{2})?)?(?: *(?P<ap>[ap])\.?m\.?)?)"
    r"[\s\u00a0]*(?:-|–|—|\bto\b)[\s\u00a0]*"
    r"(?P<b>\d{1,2})(?::(?P<bm>\d{2})(?::\d{2})?)?(?: *(?P<bp>[ap])\.?m\.?)?$"
)
"""A time of day, perhaps behind a date, and the one at which its period ends."""


def stamp_begins(text: pl.Series) -> pl.Series | None:
    """What stands before the dash where stamps are ranges of a time of day with `:` in it.

    Where all are at one time of the day, what follows may as well be their offset: None.
    """
    if text.null_count() or not text.head(3).str.contains(":", literal=True).all():
        return None
    begins = range_begins(text)
    if begins is None or begins.str.extract(r"(\d{1,2}:\d{2}.*)$").n_unique() < 2:
        return None
    return begins


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
    length = parts.select((minutes[1] - minutes[0]) % (24 * 60)).to_series()
    usual = next(iter(length.mode().sort().to_list()), 0)
    near = length.is_in([(usual + moved) % (24 * 60) for moved in (-60, -30, 0, 30, 60)])
    alike = int((length == usual).sum()) / len(length)
    if usual not in PARTS or not near.all() or alike < 0.9:
        return None
    return parts["begin"].str.strip_chars().alias(text.name)
