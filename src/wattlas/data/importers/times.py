"""Stamps of a file → instants, once it is known what they mean."""

from __future__ import annotations

import polars as pl

from wattlas.data.importers.files import Raw
from wattlas.data.importers.header_clock import zone_notes
from wattlas.data.importers.walls import (
    Clock,
    dated,
    dates_of,
    hour_texts,
    to_boundaries,
    twins_of,
    walls_of,
)
from wattlas.data.reader.numbers import is_nothing
from wattlas.data.reader.stamps import INSTANT
from wattlas.data.schema.hours import TIME
from wattlas.data.steps import HOUR_MIN, STEP, with_steps
from wattlas.errors import InputError

ORDER = "__in_file"
SERIES = "__of"
TRUE = ("y", "yes", "true", "1", "j")


def instants(file: Raw, clock: Clock) -> tuple[pl.Series, list[str]]:
    """The beginning of each row's period, UTC, and notes. Raises InputError for what is no time."""
    if file.columns.hour is not None and clock.numbers == "counted":
        rows = walls_of(file, clock)
        return _counted(file, clock), zone_notes(file, clock, rows, all_said=False, none_said=True)
    rows = walls_of(file, clock).with_columns(_series(file), _second(file))
    if clock.stamps == "end":
        rows = to_boundaries(rows)
    if file.columns.hour is not None and clock.numbers == "clock":
        rows = rows.with_columns(_with_hours(file, clock), instant=pl.lit(None, INSTANT))
    said = rows["instant"].is_not_null()
    notes = zone_notes(file, clock, rows, all_said=said.all(), none_said=not said.any())
    none = pl.zeros(len(rows), pl.Int64, eager=True)
    steps = _steps(rows, clock) if clock.stamps == "end" else none
    begins = file.columns.hour is not None and clock.numbers == "clock"
    local = _localised(rows, file, clock, none if begins else steps)
    shift = pl.duration(minutes=pl.lit(steps))
    time = pl.when(said).then(pl.col("instant") - shift).otherwise(local)
    time_utc = rows.with_columns(time.alias(TIME))[TIME]
    _refuse_unread(file, clock, rows, time_utc)
    return time_utc, notes


def _series(file: Raw) -> pl.Expr:
    """What a row is about: the same stamp of another series is no repeated hour."""
    keys = [k for k in file.columns.keys if k]
    cells = [file.frame[k].cast(pl.String).fill_null("") for k in keys]
    text = pl.lit("") if not cells else pl.concat_str([pl.lit(c) for c in cells], separator="/")
    return text.alias(SERIES)


def _second(file: Raw) -> pl.Expr:
    """Whether a row says that it is the second of two equal hours; null where it does not say."""
    if file.columns.repeated is None:
        twins = twins_of(file)
        none = pl.lit(None, pl.Boolean)
        return (none if twins is None else pl.lit(twins == "b")).alias("second")
    flag = file.frame[file.columns.repeated].cast(pl.String).str.to_lowercase()
    return pl.lit(flag.is_in(list(TRUE))).alias("second")


def _with_hours(file: Raw, clock: Clock) -> pl.Expr:
    """Wall time of the beginning of a period whose hour a clock shows."""
    n = hour_texts(file).cast(pl.Int64)
    minutes = (n - int(clock.stamps == "end")) * (
        HOUR_MIN if file.columns.interval else int(clock.step_min or HOUR_MIN)
    )
    if file.columns.interval is not None:
        part = file.frame[file.columns.interval].cast(pl.Int64)
        minutes = minutes + (part - 1) * int(clock.step_min or HOUR_MIN)
    return (pl.col("wall").dt.truncate("1d") + pl.duration(minutes=pl.lit(minutes))).alias("wall")


def _counted(file: Raw, clock: Clock) -> pl.Series:
    """Periods counted from local midnight: days of 23 and 25 hours come out right."""
    rows = dated(file, clock)
    midnight = rows["day"].dt.replace_time_zone(
        clock.zone, ambiguous="earliest", non_existent="null"
    )
    n = rows["n"] - int(clock.stamps == "end")
    made = pl.DataFrame({"day": midnight.dt.convert_time_zone("UTC"), "n": n}).select(
        pl.col("day") + pl.duration(minutes=pl.col("n") * int(clock.step_min or HOUR_MIN))
    )
    time_utc = made.to_series().cast(INSTANT)
    _refuse_unread(file, clock, rows.rename({"day": "wall"}), time_utc)
    return time_utc


def _steps(rows: pl.DataFrame, clock: Clock) -> pl.Series:
    """How long the period is that each stamp ends, minutes.

    It reaches back to the stamp before. Seen backwards, an end is a beginning: steps that differ
    by series, or change within one, are found as those of beginnings are.
    """
    if clock.step_min:
        return pl.repeat(clock.step_min, len(rows), dtype=pl.Int64, eager=True)
    shown = pl.coalesce(pl.col("instant").dt.replace_time_zone(None), "wall").to_physical()
    back = (-shown.fill_null(0)).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return with_steps(rows.select(SERIES, back.alias(TIME)), SERIES)[STEP]


def _localised(rows: pl.DataFrame, file: Raw, clock: Clock, steps: pl.Series) -> pl.Expr:
    """Wall times of a zone as the beginning of their periods, UTC.

    Where stamps end periods, a clock may call the end by what it shows then, or by the hour after
    the one that it showed at the beginning: days on which it changes tell the two apart.
    """
    shown = _as_utc(rows, file, clock)
    if not (steps > 0).any():
        return pl.lit(shown)
    length = pl.duration(minutes=pl.lit(steps))
    called = _as_utc(rows.with_columns(pl.col("wall") - length), file, clock)
    after = rows.select(pl.lit(shown) - length).to_series()
    return pl.lit(called if _faults(rows, called) < _faults(rows, after) else after)


def _faults(rows: pl.DataFrame, times: pl.Series) -> int:
    """How many rows are no time, or the time of another row of their series."""
    again = rows.select(SERIES).with_columns(t=times)
    return int(times.null_count() + again.is_duplicated().sum())


def _as_utc(rows: pl.DataFrame, file: Raw, clock: Clock) -> pl.Series:
    """Wall times → UTC; of an hour that comes twice the flag, the mark or the order tells which."""
    walls = rows.with_row_index(ORDER)
    first, last = (
        walls["wall"].dt.replace_time_zone(clock.zone, ambiguous=which, non_existent="null")
        for which in ("earliest", "latest")
    )
    utc = [t.dt.convert_time_zone("UTC").cast(INSTANT) for t in (first, last)]
    twice = (utc[0] != utc[1]).fill_null(False)
    if not twice.any():
        return utc[0]
    summer = first.dt.strftime("%Z").str.to_uppercase()
    turn = pl.int_range(pl.len()).over(SERIES, "wall")
    back = _runs_back(walls, file, twice)
    chosen = walls.with_columns(
        a=utc[0], b=utc[1], turn=turn, back=back, count=pl.len().over(SERIES, "wall")
    ).with_columns(
        later=pl.coalesce(
            "second",
            pl.when(pl.col("mark").is_not_null()).then(pl.col("mark") != pl.lit(summer)),
            pl.when("back").then(pl.col("turn") < pl.col("count") - 1),
            pl.col("turn") > 0,
        )
    )
    return chosen.select(pl.when("later").then("b").otherwise("a")).to_series()


def _runs_back(walls: pl.DataFrame, file: Raw, twice: pl.Series) -> pl.Series:
    """Whether the rows of each series run from late to early; those in no order are refused."""
    ahead = pl.col("wall").diff().over(SERIES).dt.total_minutes()
    # Whole days tell: within the doubled hour even ordered stamps step back once.
    steps = walls.with_columns(up=ahead > HOUR_MIN * 2, down=ahead < -HOUR_MIN * 2, d=ahead)
    counts = steps.group_by(SERIES, maintain_order=True).agg(
        up=(pl.col("d") > 0).sum(), down=(pl.col("d") < 0).sum()
    )
    both = walls.select(SERIES).join(counts, on=SERIES, how="left", maintain_order="left")
    few = 0.2
    total = both["up"] + both["down"]
    mixed = (pl.Series(both["up"] / total) > few) & (pl.Series(both["down"] / total) > few)
    told = walls["second"].is_not_null() | walls["mark"].is_not_null()
    many = walls.select(pl.len().over(SERIES, "wall")).to_series() > 1
    if (mixed & twice & many & ~told & (total > 3)).any():
        what = "an hour comes twice in autumn, and rows in no order do not tell which is which"
        fix = "Sort the rows by time, or name a flag with `--repeated-column`."
        raise InputError([file.problem("+".join(file.columns.time), what, fix)])
    return both["down"] > both["up"]


def _refuse_unread(file: Raw, clock: Clock, rows: pl.DataFrame, time_utc: pl.Series) -> None:
    """One problem for all stamps that are no time, or no time of the zone.

    Some tables have a row without a figure for the hour that the clock skips: it stays null.
    """
    if not time_utc.null_count():
        return
    where, stamps = "+".join(file.columns.time), dates_of(file).cast(pl.String)
    no_time = time_utc.is_null() & rows["wall"].is_null()
    skipped = time_utc.is_null() & ~no_time & ~_empty(file)
    problems = []
    if no_time.any():
        wrong = stamps.filter(no_time).unique(maintain_order=True)
        first = ", ".join("(empty)" if t is None else t for t in wrong.head(3))
        what = f"{_stamps(no_time)} no time that is known, the first: {first}"
        problems.append(file.problem(where, what, _advice(wrong.drop_nulls())))
    if skipped.any():
        first = ", ".join(map(str, stamps.filter(skipped).unique(maintain_order=True).head(3)))
        what = f"{_stamps(skipped)} no time of the zone {clock.zone}, the first: {first}"
        fix = (
            "Its clock skips that hour in spring: check --time-zone (a clock without summer time "
            "is Etc/GMT-1 or the like), or --stamps end."
        )
        problems.append(file.problem(where, what, fix))
    if problems:
        raise InputError(problems)


def _empty(file: Raw) -> pl.Series:
    """Which rows have no figure at all."""
    cells = [is_nothing(file.frame[c].cast(pl.String)).alias(c) for c in file.columns.values]
    return pl.DataFrame(cells).select(pl.all_horizontal(pl.all())).to_series()


def _advice(wrong: pl.Series) -> str:
    """What to do about stamps that are no time, by what they look like."""
    if len(wrong) and wrong.str.contains(r"^[2-7]\d{4}([.,]\d+)?$").all():
        return (
            "These look like a spreadsheet's day numbers: format the column as a date, save again."
        )
    if len(wrong) and wrong.str.contains(r"^\d{1,2}[-/.]\d{1,2}[-/.]\d{2}(\D|$)").all():
        return "Write years with four digits."
    return (
        "Stamps look like 2023-01-31T13:00, with or without seconds, zone or offset; a date "
        "and an hour in two columns take --hour-column. Leave out rows of sums and remarks."
    )


def _stamps(which: pl.Series) -> str:
    count = int(which.sum())
    return "1 stamp is" if count == 1 else f"{count:,} stamps are"
