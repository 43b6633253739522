"""The time steps of series: how long each row of a table over time lasts, and what is not covered.

A row covers from its time to the end of its step. Steps are found series by series: 60 minutes, or
a part of an hour; a publisher may change them within a series.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from wattlas.data.reader.stamps import INSTANT
from wattlas.data.schema.hours import TIME

STEP = "__step"
"""How long a row lasts, minutes."""
HOUR_MIN = 60
RUN_H = 24
"""So many hours in a row that are all cut alike are a change of steps, not gaps."""
_US = 60_000_000


def steps_by_key(frame: pl.DataFrame, key: str) -> dict[str, int]:
    """The commonest distance between the times of each series, minutes; 60 for a single row."""
    return _commonest(_gaps(frame, key), key)


def _commonest(gaps: pl.DataFrame, key: str) -> dict[str, int]:
    modes = gaps.group_by(key).agg(pl.col("__gap").drop_nulls().mode().min())
    return {name: HOUR_MIN if gap is None else max(1, gap) for name, gap in modes.iter_rows()}


def _gaps(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """Distinct times of each series, in order, and the whole minutes to the next."""
    times = _in_order(frame.select(key, TIME).drop_nulls(), key)
    same = pl.col(key).rle_id() == pl.col(key).rle_id().shift(-1)
    after = (pl.col(TIME).shift(-1) - pl.col(TIME)).dt.total_minutes()
    return times.with_columns(pl.when(same).then(after).alias("__gap"))


def _in_order(times: pl.DataFrame, key: str) -> pl.DataFrame:
    """The rows sorted by series and time, each once; most tables are, and are left as they are."""
    run = pl.col(key).rle_id()
    late = (run.diff() == 0) & (pl.col(TIME).diff() <= pl.duration(minutes=0))
    unsorted, runs = times.select(late.any(), runs=run.max()).row(0)
    if times.is_empty() or (not unsorted and runs + 1 == times[key].n_unique()):
        return times
    return times.unique([key, TIME], keep="first").sort(key, TIME)


def with_steps(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """The rows with how long each lasts.

    Hours that are cut alike for a day or longer have the step of that run, other hours that of the
    run before (or after) them; without any, the series has its commonest step.
    """
    gaps = _gaps(frame, key)
    base = _commonest(gaps, key)
    uneven = gaps.group_by(key).agg(pl.col("__gap").n_unique() > 2)  # the last gap is null
    mixed = uneven.filter(pl.col("__gap"))[key].to_list()
    lengths = set(base.values())
    step: pl.Expr = pl.lit(next(iter(lengths), HOUR_MIN), pl.Int64)
    if len(lengths) > 1:
        step = pl.col(key).replace_strict(base, default=HOUR_MIN, return_dtype=pl.Int64)
    frame = frame.with_columns(step.alias(STEP))
    if not mixed:
        return frame
    runs = _runs(gaps.filter(pl.col(key).is_in(mixed)), key)
    if runs.is_empty():
        return frame
    hour = pl.col(TIME).dt.truncate("1h")
    order = "__order"
    rows = frame.with_columns(hour.alias("__hour")).with_row_index(order).sort("__hour")
    before = rows.join_asof(runs, on="__hour", by=key, strategy="backward", check_sortedness=False)
    both = before.join_asof(
        runs, on="__hour", by=key, strategy="forward", suffix="_next", check_sortedness=False
    )
    chosen = pl.coalesce("__run", "__run_next", STEP).cast(pl.Int64).alias(STEP)
    return both.with_columns(chosen).sort(order).select(frame.columns)


def _runs(times: pl.DataFrame, key: str) -> pl.DataFrame:
    """Hours of runs that are long enough, with their step: columns key, __hour, __run."""
    minute = pl.col(TIME).dt.minute()
    hours = times.group_by(key, pl.col(TIME).dt.truncate("1h").alias("__hour")).agg(
        n=pl.len(), first=minute.min(), last=minute.max()
    )
    part = HOUR_MIN // pl.col("n")
    clean = (
        (HOUR_MIN % pl.col("n") == 0)
        & (pl.col("first") < part)
        & (pl.col("last") - pl.col("first") == part * (pl.col("n") - 1))
    )
    hours = hours.with_columns(cut=pl.when(clean).then(part * 100 + pl.col("first"))).sort(
        key, "__hour"
    )
    apart = (pl.col("__hour") - pl.col("__hour").shift(1)) != pl.duration(hours=1)
    other = (pl.col("cut") != pl.col("cut").shift(1)) | (pl.col(key) != pl.col(key).shift(1))
    run = (apart | other).fill_null(True).cum_sum()
    hours = hours.with_columns(run=run).filter(pl.col("cut").is_not_null())
    long = hours.filter(pl.len().over("run") >= RUN_H)
    return long.select(key, "__hour", (pl.col("cut") // 100).alias("__run")).sort("__hour")


def off_grid(rows: pl.DataFrame, key: str) -> pl.Series:
    """Whether each row lies between the steps of its series: the commonest ones are those."""
    phase = pl.col(TIME).to_physical() % (pl.col(STEP) * _US)
    usual = phase.mode().min().over(key, STEP)
    return rows.select((phase != usual).fill_null(True)).to_series()


def ragged_ends(rows: pl.DataFrame, key: str) -> pl.Series:
    """Whether each row lies between the steps, at an end of its series, and is in no whole hour.

    However long such a row lasts, an average by the hour leaves all hours out that it reaches into.
    """
    hour = pl.col(TIME).dt.truncate("1h")
    off = off_grid(rows, key)
    rows = rows.select(key, TIME, STEP).with_row_index("__row").with_columns(off=off)
    ends = [hour.min().over(key), hour.max().over(key)]
    at_end = rows.filter("off").filter(hour.is_in(pl.concat_list(ends)))
    if at_end.is_empty():
        return pl.zeros(len(rows), pl.Int64, eager=True) > 0
    last = (pl.col(TIME) + pl.duration(minutes=STEP) - pl.duration(microseconds=1)).dt.truncate(
        "1h"
    )
    reached = at_end.select("__row", key, __hour=pl.datetime_ranges(hour, last, "1h")).explode(
        "__hour"
    )
    whole = resampled(rows.filter(~pl.col("off")), key, [], HOUR_MIN)
    whole = whole.filter(pl.col("__covered") >= HOUR_MIN).rename({TIME: "__hour"})
    harmful = reached.join(whole, on=[key, "__hour"], how="semi")["__row"]
    harmless = at_end.filter(~pl.col("__row").is_in(harmful.implode()))["__row"]
    return rows.select(pl.col("__row").is_in(harmless.implode())).to_series()


def uncovered(
    rows: pl.DataFrame, key: str, first: datetime | None = None, last: datetime | None = None
) -> pl.DataFrame:
    """Stretches of each series that no row covers: key, begin, end, the step around, minutes.

    Looked at is from the first row of each to the end of its last, and to `first` and `last`.
    """
    rows = _in_order(rows.select(key, TIME, STEP), key)
    end = pl.col(TIME) + pl.duration(minutes=STEP)
    within = rows.with_columns(begin=end, end=pl.col(TIME).shift(-1).over(key))
    parts = [within.filter(pl.col("end") > pl.col("begin")).select(key, "begin", "end", STEP)]
    edge = rows.with_columns(stop=end).group_by(key, maintain_order=True)
    edges = edge.agg(pl.col(TIME).min(), pl.col("stop").max(), a=pl.first(STEP), b=pl.last(STEP))
    if first is not None:
        early = edges.select(key, begin=pl.lit(first, INSTANT), end=TIME, **{STEP: pl.col("a")})
        parts.append(early.filter(pl.col("end") > pl.col("begin")))
    if last is not None:
        late = edges.select(key, begin="stop", end=pl.lit(last, INSTANT), **{STEP: pl.col("b")})
        parts.append(late.filter(pl.col("end") > pl.col("begin")))
    return pl.concat(parts, how="vertical_relaxed").sort(key, "begin")


def beginnings(gaps: pl.DataFrame) -> pl.DataFrame:
    """Each step within stretches as a row of its own: the columns of the stretches, and time."""
    step = pl.duration(minutes=STEP)
    count = ((pl.col("end") - pl.col("begin")) / step).ceil().cast(pl.Int64)
    steps = gaps.with_columns(__k=pl.int_ranges(0, count)).explode("__k")
    return steps.with_columns((pl.col("begin") + step * pl.col("__k")).alias(TIME)).drop("__k")


def resampled(
    rows: pl.DataFrame, key: str, values: list[str], step_min: int, phase_min: int = 0
) -> pl.DataFrame:
    """The mean of values over steps of `step_min` minutes, and the minutes that rows cover.

    A row that is longer than a step counts in each that it reaches into, by the time it has there.
    Columns: key, time, values, `__covered` (minutes). The rows have their steps; the steps begin
    `phase_min` after the hour.
    """
    step_us, phase_us = step_min * _US, phase_min * _US
    begin = pl.col(TIME).to_physical() - phase_us
    first = begin // step_us
    last = (begin + pl.col(STEP) * _US - 1) // step_us
    long = rows.with_columns(__slot=pl.int_ranges(first, last + 1)).explode("__slot")
    low = pl.max_horizontal(begin, pl.col("__slot") * step_us)
    high = pl.min_horizontal(begin + pl.col(STEP) * _US, (pl.col("__slot") + 1) * step_us)
    long = long.with_columns(__share=((high - low) / _US))
    means = [
        ((pl.col(v) * pl.col("__share")).sum() / pl.col("__share").sum()).alias(v) for v in values
    ]
    made = long.group_by(key, "__slot", maintain_order=True).agg(
        *means, __covered=pl.col("__share").sum()
    )
    time = (
        (pl.col("__slot") * step_us + phase_us).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    )
    return made.select(pl.col(key), time.alias(TIME), *values, "__covered").sort(key, TIME)
