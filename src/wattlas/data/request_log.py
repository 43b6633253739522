"""The log of a gateway → demand as totals: requests per day by place and class, and when they come.

Every line is a request. The log is added up by hour, place and class in one pass; all else is
found from those sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from wattlas.data.demand import SATURDAY, local_clock
from wattlas.data.reader.dialect import lazy_rows, unreadable
from wattlas.data.reader.parquet import is_single, not_single
from wattlas.data.reader.stamps import INSTANT, instant, wall, zoned
from wattlas.data.schema_models import HOURS_PER_DAY
from wattlas.errors import InputError, Problem
from wattlas.model.suggest import did_you_mean

DAYS_OF_A_WEEK = 7
EPOCHS = {"s": 1e11, "ms": 1e14, "us": 1e17, "ns": 1e21}
"""Unit of a number that counts from 1970, by the first power of ten that it stays below."""
DIGITS = 4
Unplaced = Literal["error", "spread"]


@dataclass(frozen=True)
class LogColumns:
    """What the columns of a log are called."""

    time: str
    place: str
    klass: str
    tokens_in: str = ""
    tokens_out: str = ""
    time_zone: str = ""
    """Zone of stamps that do not say theirs."""

    @property
    def names(self) -> dict[str, str]:
        """Our name of each column → the log's."""
        names = {"time": self.time, "place": self.place, "class": self.klass}
        names |= {"tokens_in": self.tokens_in, "tokens_out": self.tokens_out}
        return {ours: theirs for ours, theirs in names.items() if theirs}


@dataclass(frozen=True)
class LoggedDemand:
    """What a log says of demand."""

    requests: float
    """In the days that are counted."""
    days: Sequence[str]
    """Whole days in UTC, all of them counted."""
    totals: pl.DataFrame
    """Columns place, class, requests_per_day, and period where every day is told apart."""
    hour_weights: Mapping[str, Sequence[float]]
    """Class → 24 weights by the local hour, largest 10; empty without a time zone of any place."""
    weekend_factor: Mapping[str, float]
    tokens: Mapping[str, Mapping[str, float]]
    """Class → mean tokens_in and tokens_out of a request, as far as the log says."""
    notes: Sequence[str] = field(default_factory=tuple)


def read_log(
    paths: Sequence[Path],
    columns: LogColumns,
    timezones: Mapping[str, str],
    *,
    each_day: bool = False,
    unplaced: Unplaced = "error",
) -> LoggedDemand:
    """Add up the requests of some files. `timezones` says the clock of places, as far as known.

    Days at the ends that the log does not cover are left out, and told. Raises InputError with
    every problem: a missing column, stamps that cannot be read, requests without place or class.
    """
    inside, days, notes = _whole_days(_sums(paths, columns))
    inside, spread = _placed(inside, unplaced)
    notes += spread
    tokens, unknown = _tokens(inside)
    notes += unknown
    per_day = _per_day(inside, days, each_day)
    local = _local(inside, days, timezones)
    lacking = sorted(set(inside["place"]) - set(timezones))
    if lacking and len(lacking) < inside["place"].n_unique():
        notes.append(f"no time zone is known for {', '.join(lacking)}: not in the hour weights")
    if len(days) % DAYS_OF_A_WEEK:
        notes.append(f"{len(days)} days are no whole weeks: the mean day has their weekends")
    return LoggedDemand(
        requests=float(inside["n"].sum()),
        days=days,
        totals=per_day,
        hour_weights=_hour_weights(local),
        weekend_factor=_weekend_factor(local) if len(days) >= DAYS_OF_A_WEEK else {},
        tokens=tokens,
        notes=tuple(notes),
    )


def _sums(paths: Sequence[Path], columns: LogColumns) -> pl.DataFrame:
    """Requests and tokens by hour (UTC), place and class, of all files."""
    problems: list[Problem] = []
    parts = []
    for path in paths:
        try:
            parts.append(_sum(path, columns, problems))
        except (pl.exceptions.PolarsError, OSError) as fault:
            problems.append(unreadable(path, str(path), str(fault)))
    if problems:
        raise InputError(problems)
    whole = pl.concat([part for part in parts if part is not None])
    return whole.group_by("hour", "place", "class").sum().sort("hour", "place", "class")


def _sum(path: Path, columns: LogColumns, problems: list[Problem]) -> pl.DataFrame | None:
    label, suffix = str(path), path.suffix.lower()
    if not path.is_file():
        problems.append(Problem("(file)", "there is no such file", "Check the path.", label))
        return None
    rows = pl.scan_ndjson(path) if suffix in (".jsonl", ".ndjson") else lazy_rows(path)
    schema = rows.collect_schema()
    before = len(problems)
    for theirs in columns.names.values():
        if theirs not in schema:
            fix = did_you_mean(theirs, [n for n in schema.names() if not n.startswith("__")])
            problems.append(Problem(theirs, "the log has no such column", fix, label))
        elif not is_single(schema[theirs]):
            problems.append(not_single(theirs, label))
    if len(problems) > before:
        return None
    kind = schema[columns.time]
    tokens = [name for name in ("tokens_in", "tokens_out") if name in columns.names]
    typed = rows.select(
        _time(kind, columns).alias("time"),
        *(_text(columns.names[name]).alias(name) for name in ("place", "class")),
        *(
            pl.col(columns.names[n]).cast(pl.Float64, strict=False).fill_nan(None).alias(n)
            for n in tokens
        ),
    )
    hour = pl.col("time").dt.truncate("1h").alias("hour")
    counted = typed.with_columns(hour).group_by("hour", "place", "class")
    sums = counted.agg(
        pl.len().cast(pl.Int64).alias("n"),
        *(pl.col(n).sum() for n in tokens),
        *(pl.col(n).count().cast(pl.Int64).alias(f"with_{n}") for n in tokens),
    )
    made = sums.collect(engine="streaming")
    unread = int(made.filter(pl.col("hour").is_null())["n"].sum())
    if unread:
        what = f"{unread} requests have a time that cannot be read, or that does not say its zone"
        fix = "Give ISO times with their zone, or seconds since 1970; or say --time-zone."
        problems.append(Problem(columns.time, what, fix, label))
    return made.drop_nulls("hour")


def _text(name: str) -> pl.Expr:
    text = pl.col(name).cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


def _time(kind: pl.DataType, columns: LogColumns) -> pl.Expr:
    """The time of a request in UTC: a stamp, a count since 1970, or what a local clock shows."""
    column = pl.col(columns.time)
    if kind.is_numeric():
        return _since_1970(column.cast(pl.Float64))
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        return instant(kind, columns.time)
    stamps = column if isinstance(kind, pl.Datetime) else wall(column.cast(pl.String))
    number = _since_1970(column.cast(pl.String).cast(pl.Float64, strict=False))
    forms = [] if isinstance(kind, pl.Datetime) else [zoned(column.cast(pl.String)), number]
    if columns.time_zone:
        clock = stamps.dt.replace_time_zone(columns.time_zone, ambiguous="earliest")
        forms.append(clock.dt.convert_time_zone("UTC").cast(INSTANT))
    return pl.coalesce(forms) if forms else pl.lit(None, dtype=INSTANT)


def _since_1970(number: pl.Expr) -> pl.Expr:
    per_us = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}
    us = pl.lit(None, dtype=pl.Float64)
    for unit, below in reversed(EPOCHS.items()):
        us = pl.when(number.abs() < below).then(number * per_us[unit]).otherwise(us)
    time = us.cast(pl.Int64, strict=False).cast(pl.Datetime("us"))
    return time.dt.replace_time_zone("UTC").cast(INSTANT)


def _placed(sums: pl.DataFrame, unplaced: Unplaced) -> tuple[pl.DataFrame, list[str]]:
    """The requests with place and class; those without a place spread over those of their class."""
    problems, notes = [], []
    without_class = int(sums.filter(pl.col("class").is_null())["n"].sum())
    if without_class:
        what = f"{without_class} requests have no class"
        problems.append(Problem("class", what, "Name a column that is always filled."))
    lost = sums.filter(pl.col("place").is_null())
    count = int(lost["n"].sum())
    alone = sorted(set(lost["class"].drop_nulls()) - set(sums.drop_nulls("place")["class"]))
    if count and unplaced == "error":
        fix = "Fill them in, or say --unplaced spread: in proportion to the others of their class."
        problems.append(Problem("place", f"{count} requests have no place", fix))
    elif alone:
        what = f"no request of class {', '.join(f'`{name}`' for name in alone)} has a place"
        problems.append(Problem("place", what, "Fill some in, or leave the class out."))
    if problems:
        raise InputError(problems)
    placed = sums.drop_nulls("place").with_columns(
        pl.col("n").alias("rows"), pl.col("n").cast(pl.Float64)
    )
    if count:
        notes.append(f"{count} requests without a place are spread like the others of their class")
        more = lost.group_by("class").agg(pl.col("n").sum().alias("more"))
        known = pl.col("n").sum().over("class")
        placed = placed.join(more, on="class", how="left").with_columns(
            pl.col("n") * (1 + pl.col("more").fill_null(0) / known)
        )
    return placed, notes


def _whole_days(sums: pl.DataFrame) -> tuple[pl.DataFrame, list[str], list[str]]:
    """The sums of the days that the log covers from the first hour to the last, in UTC."""
    if sums.is_empty():
        raise InputError([Problem("(file)", "the log holds no request", "Give another.")])
    hours = sums["hour"].to_physical().to_numpy().astype("datetime64[us]").astype("datetime64[h]")
    first, last = hours.min(), hours.max()
    begin, end = (first - 1).astype("datetime64[D]") + 1, (last + 1).astype("datetime64[D]")
    if begin >= end:
        what = f"reaches from {first}h to {last}h UTC, which is no whole day"
        raise InputError([Problem("(file)", what, "Give one whole day in UTC, or better a week.")])
    days = [str(day) for day in np.arange(begin, end)]
    dated = sums.with_columns(pl.col("hour").dt.strftime("%Y-%m-%d").alias("day"))
    inside = dated.filter(pl.col("day").is_in(days))
    left = float(dated["n"].sum()) - float(inside["n"].sum())
    note = f"{left:,.0f} requests of days that the log covers in part are not counted"
    return inside, days, [note] if left else []


def _per_day(inside: pl.DataFrame, days: Sequence[str], each_day: bool) -> pl.DataFrame:
    keys = ["place", "class", *(["day"] if each_day else [])]
    sums = inside.group_by(keys).agg(pl.col("n").sum()).sort(keys)
    if not each_day:
        per_day = (pl.col("n") / len(days)).alias("requests_per_day")
        return sums.select("place", "class", per_day)
    # A day on which nobody asked is a day with 0, not one that is missing.
    every = sums.select("place", "class").unique()
    grid = every.join(pl.DataFrame({"day": days}), how="cross")
    filled = grid.join(sums, on=keys, how="left").fill_null(0.0).sort(keys)
    return filled.rename({"day": "period", "n": "requests_per_day"})


def _local(inside: pl.DataFrame, days: Sequence[str], timezones: Mapping[str, str]) -> pl.DataFrame:
    """Requests by class, local hour and whether it is a weekend there.

    `ratio` is the hours of weekends over those of working days, as the place's clock has them in
    the days that are counted.
    """
    begin, end = np.datetime64(days[0], "h"), np.datetime64(days[-1], "D") + 1
    span = np.arange(begin, end.astype("datetime64[h]"))
    parts = []
    for (place,), rows in inside.group_by("place"):
        zone = timezones.get(str(place))
        if zone is not None:
            utc = rows["hour"].to_physical().to_numpy().astype("datetime64[us]")
            hour, weekday = local_clock(utc, zone)
            weekends = float((local_clock(span, zone)[1] >= SATURDAY).sum())
            working = len(span) - weekends
            parts.append(
                rows.select("class", "n").with_columns(
                    pl.Series("local", hour.astype(int)),
                    pl.Series("weekend", weekday >= SATURDAY),
                    pl.lit(weekends / working if working else 0.0).alias("ratio"),
                )
            )
    return pl.concat(parts) if parts else pl.DataFrame()


def _by_class(local: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    for klass in local["class"].unique().sort() if local.width else ():
        yield str(klass), local.filter(pl.col("class") == klass)


def _hour_weights(local: pl.DataFrame) -> dict[str, list[float]]:
    weights = {}
    for klass, rows in _by_class(local):
        sums = np.bincount(rows["local"], rows["n"], HOURS_PER_DAY)
        weights[klass] = [round(float(w), DIGITS) for w in 10 * sums / sums.max()]
    return weights


def _weekend_factor(local: pl.DataFrame) -> dict[str, float]:
    """Requests of weekends over what working days would have given in as many hours."""
    factors = {}
    for klass, rows in _by_class(local):
        weekend = float(rows.filter(pl.col("weekend"))["n"].sum())
        working = rows.filter(~pl.col("weekend"))
        expected = float((working["n"] * working["ratio"]).sum())
        if expected > 0:
            factors[klass] = round(weekend / expected, DIGITS)
    return factors


def _tokens(inside: pl.DataFrame) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Mean tokens of the requests that have a number of them, by class; and how many have none."""
    means: dict[str, dict[str, float]] = {}
    notes = []
    for name in (n for n in ("tokens_in", "tokens_out") if n in inside.columns):
        known = inside.group_by("class").agg(pl.col(name, f"with_{name}").sum()).sort("class")
        for klass, tokens, count in known.iter_rows():
            if count:
                means.setdefault(klass, {})[name] = tokens / count
        without = int(inside["rows"].sum()) - int(inside[f"with_{name}"].sum())
        if without:
            notes.append(f"{without} requests have no {name}: the mean is that of the others")
    return means, notes
