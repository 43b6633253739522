"""Time stamps: text or times of a file → instants in UTC."""

from __future__ import annotations

import polars as pl

INSTANT = pl.Datetime("us", "UTC")
ZONED = ("%Y-%m-%dT%H:%M:%S%#z", "%Y-%m-%d %H:%M:%S%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M%#z")
"""Stamps that say their zone, by `Z`, `UTC` or an offset; the commonest first."""
WALL = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M")
"""Stamps that do not: what a clock shows somewhere."""


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
    """Most files are in the first form throughout: the others are tried on what is left alone."""
    text = stamps.str.strip_chars()
    instants = text.str.strptime(INSTANT, ZONED[0], strict=False)
    if instants.null_count() == text.null_count():
        return instants
    text = text.str.replace(" ?UTC$", "Z").str.replace(r"\.\d+", "")
    for form in ZONED:
        instants = instants.fill_null(text.str.strptime(INSTANT, form, strict=False))
    return instants


def wall(column: pl.Expr) -> pl.Expr:
    """ISO 8601 text without an offset as a time without a zone; others become null."""
    text = column.str.strip_chars().str.replace(r"\.\d+$", "")
    return pl.coalesce(text.str.to_datetime(form, time_unit="us", strict=False) for form in WALL)


def says_zone(column: pl.Expr) -> pl.Expr:
    """Whether text ends with a zone."""
    return column.str.contains(r"(Z|UTC|[+-]\d\d:?\d\d)$")
