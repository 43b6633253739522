"""How a long table is made short for a page, by rules that the page can state."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

MAX_SURFACE = 10_000
"""With more rows than this, every second line of a surface is shown."""


def every_second(
    surface: pl.DataFrame, keys: tuple[str, ...], axes: tuple[str, str]
) -> pl.DataFrame:
    """Every second value along both axes of each surface, the first and the last kept.

    `keys` are the columns that tell the surfaces apart. A grid stays a grid, so that what is read
    between its points stays bilinear.
    """
    import polars as pl

    def kept(axis: str) -> pl.Expr:
        rank = pl.col(axis).rank("dense").over(keys) - 1
        return (rank % 2 == 0) | (rank == rank.max().over(keys))

    return surface.filter(kept(axes[0]) & kept(axes[1]))


def mean_days(hourly: pl.DataFrame) -> pl.DataFrame:
    """The mean day of each month: 24 steps a month, stamped on its first day.

    Sums (requests, hours represented) are added; powers, prices and intensities are means weighted
    with the hours that each step stands for.
    """
    import polars as pl

    weight = pl.col("hours_represented")
    keys = ["time_utc", "region"]
    sums = ["hours_represented", "requests"]
    means = [c for c in hourly.columns if c not in (*keys, *sums) and hourly[c].dtype.is_numeric()]
    at = pl.col("time_utc")
    stamped = hourly.with_columns(at.dt.truncate("1mo") + pl.duration(hours=at.dt.hour()))

    def mean(column: str) -> pl.Expr:
        value = pl.col(column)
        present = weight.filter(value.is_not_null()).sum()
        return pl.when(present > 0).then((value * weight).sum() / present).alias(column)

    grouped = stamped.group_by(keys, maintain_order=True).agg(
        *(pl.col(c).sum() for c in sums), *(mean(c) for c in means)
    )
    return grouped.sort(keys).select([c for c in hourly.columns if c in grouped.columns])


def best_points(candidates: pl.DataFrame) -> pl.DataFrame:
    """One row per (metro, class, region): the chosen point, else the cheapest one that may run."""
    import polars as pl

    open_ = pl.col("reason").fill_null("") == ""
    return candidates.sort(
        pl.col("chosen_share").fill_null(0), open_, -pl.col("cost_usd_per_million"),
        descending=True, nulls_last=True, maintain_order=True,
    ).unique(["metro", "class", "region"], keep="first", maintain_order=True)  # fmt: skip


def thin_surface(
    table: str, surface: pl.DataFrame, keys: tuple[str, ...], axes: tuple[str, str]
) -> tuple[pl.DataFrame, str]:
    """A large surface at every second value of both axes, and the sentence that says so."""
    if surface.height <= MAX_SURFACE:
        return surface, ""
    names = " and ".join(axis.removesuffix("_ms") for axis in axes)
    rule = f"Shown is every second {names}; the folder's {table} table has all of them."
    return every_second(surface, keys, axes), rule
