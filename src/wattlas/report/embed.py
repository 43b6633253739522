"""Tables as compact JSON that can stand inside an HTML page.

A column of texts or times is a dictionary and indices into it, and so is one of numbers where that
is shorter; numbers keep six significant digits, and a table that would make the page heavy is
thinned by a rule that the page states.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from wattlas.report.results import Results

DIGITS = 6
MAX_HOURS = 1000
"""With more steps than this, the page shows the mean day of each month."""
MAX_CANDIDATES = 30_000
MAX_SURFACE = 10_000
"""With more rows than this, every second line of a surface is shown."""

_ESCAPES = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


def script_json(value: Any) -> str:
    """JSON that no browser can take for the end of the script element it stands in.

    NaN and infinities become null: JSON has no word for them.
    """
    text = json.dumps(finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for raw, escaped in _ESCAPES.items():
        text = text.replace(raw, escaped)
    return text


def columns_of(frame: pl.DataFrame) -> dict[str, Any]:
    """`{"n": rows, "c": {column: values, or {"d": dictionary, "i": indices}}}`; nulls stay null."""
    return {"n": frame.height, "c": {name: _column(frame[name]) for name in frame.columns}}


def page_tables(results: Results) -> tuple[dict[str, Any], dict[str, str]]:
    """Every table of the results as `columns_of`, and what was thinned: table -> one sentence."""
    out: dict[str, Any] = {}
    thinned: dict[str, str] = {}
    for name, frame in results.tables.items():
        small, rule = _thin(name, frame)
        out[name] = columns_of(small)
        if rule:
            thinned[name] = rule
    return out, thinned


def _thin(name: str, frame: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    if name == "hourly" and frame["time_utc"].n_unique() > MAX_HOURS:
        rule = "Shown is the mean day of each month; the folder's hourly table has every hour."
        return mean_days(frame), rule
    if name == "candidates" and frame.height > MAX_CANDIDATES:
        rule = (
            "Shown is the best operating point of each region; the folder's candidates table "
            "has all of them."
        )
        return best_points(frame), rule
    if name in _SURFACES and frame.height > MAX_SURFACE:
        keys, axes = _SURFACES[name]
        said = " and ".join(axis.removesuffix("_ms") for axis in axes)
        rule = f"Shown is every second {said}; the folder's {name} table has all of them."
        return every_second(frame, keys, axes), rule
    return frame, ""


_SURFACES = {
    "tier_utility": (("class", "segment"), ("accuracy", "latency_ms")),
    "tier_grid": (("class",), ("discount", "share")),
}


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
        there = weight.filter(value.is_not_null()).sum()
        return pl.when(there > 0).then((value * weight).sum() / there).alias(column)

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


def _column(series: pl.Series) -> Any:
    import polars as pl

    dtype = series.dtype
    if isinstance(dtype, pl.Datetime):
        series = series.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    elif dtype == pl.Boolean:
        return series.to_list()
    elif dtype.is_numeric():
        rounded = series.cast(pl.Float64).fill_nan(None).round_sig_figs(DIGITS)
        return _packed([_short(value) for value in rounded.to_list()])
    elif dtype == pl.Null:
        return [None] * series.len()
    return _indexed(series.cast(pl.String).to_list())


def _indexed(values: list[Any]) -> dict[str, list[Any]]:
    words = list(dict.fromkeys(values))
    at = {word: index for index, word in enumerate(words)}
    return {"d": words, "i": [at[value] for value in values]}


def _packed(values: list[float | int | None]) -> Any:
    """Numbers as they are, or as a dictionary where they repeat enough to make that shorter."""
    indexed = _indexed(values)
    short = sum(len(str(value)) + 1 for part in indexed.values() for value in part)
    frame = len('{"d":[],"i":[]}')
    return indexed if short + frame < sum(len(str(value)) + 1 for value in values) else values


def _short(value: float | None) -> float | int | None:
    """A whole number without its `.0`: a tenth of the page."""
    if value is None or value in (float("inf"), float("-inf")):
        return None
    return int(value) if value == int(value) and abs(value) < 1e15 else value


def finite(value: Any) -> Any:
    """The same value with null for NaN and infinity, for which JSON has no word."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
