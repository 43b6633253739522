"""Stamps of a file → instants: what they mean is found in them, or asked for by one clear error.

Asked are the order of day and month, whether a stamp begins or ends its period, whether the hours
of a day are counted or read off a clock, and which of two equal hours comes first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from wattlas.data.importers.files import Raw
from wattlas.data.importers.layout import Layout, Stamps, plain
from wattlas.data.reader.stamps import INSTANT, Order, epochs, order_of, parsed
from wattlas.data.schema.hours import TIME
from wattlas.data.steps import HOUR_MIN
from wattlas.errors import InputError, Problem

ORDER = "__in_file"
SERIES = "__of"
ENDING = r"\b(end|ending|ends|ended|bis|until|till|fin|hasta|he)\b"
BEGINNING = r"\b(begin|beginning|begins|start|from|von|since|anfang|utc)\b"
HOURISH = r"\b(hour|he|period|stunde|hora|interval|time)\b"
DAY = r"^\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|(19|20)\d{6})\s*$"
TRUE = ("y", "yes", "true", "1", "j")
PER_DAY = {60: (23, 24, 25), 30: (46, 48, 50), 15: (92, 96, 100), 5: (276, 288, 300)}
"""Step, minutes → periods that a day can have."""


@dataclass(frozen=True)
class Clock:
    """What the stamps of all files mean."""

    zone: str
    order: Order | None
    stamps: Stamps | None
    numbers: str | None
    step_min: int | None
    zone_is_given: bool = True
    notes: tuple[str, ...] = ()


def clocks_of(files: Sequence[Raw], layout: Layout) -> list[Clock]:
    """What the stamps of each file mean, from what the layout says and all files together show.

    Numbers of hours are looked at file by file: a market may have gone to shorter periods.
    """
    _refuse_days(files)
    order, problems = _date_order(files, layout)
    if problems:
        raise InputError(problems)
    zone, said = layout.time_zone or "UTC", layout.time_zone is not None
    clock = Clock(zone, order, layout.stamps, layout.hour_numbers, layout.step_min, said)
    if files[0].columns.hour is not None:
        return [_of_own_hours(file, files, clock) for file in files]
    clock = clock if clock.stamps is not None else _begin_or_end(files, clock)
    return [clock] * len(files)


def _of_own_hours(file: Raw, files: Sequence[Raw], clock: Clock) -> Clock:
    """What the hours of a file mean; where it alone does not tell, what all files show."""
    if len(files) > 1:
        try:
            return _of_hours([file], clock)
        except InputError:
            pass
    return _of_hours(files, clock)


def _date_order(files: Sequence[Raw], layout: Layout) -> tuple[Order | None, list[Problem]]:
    """Whether 1/5 is May or January; a year of dates settles it."""
    texts = [_dates(file).cast(pl.String) for file in files if _is_text(file)]
    if not texts:
        return layout.dates, []
    found = order_of(pl.concat(texts))
    file, where = files[0], "+".join(files[0].columns.time)
    first = next((t for t in texts[0].drop_nulls().head(1)), "")
    if found is None or (layout.dates and found in ("open", layout.dates)):
        return layout.dates, []
    if found == "open":
        what = f"`{first}` may be a day of the month given first or second"
        fix = "Say `--dates day-first` or `--dates month-first`."
        return None, [file.problem(where, what, fix)]
    if found == "both" or layout.dates:
        what = f"some dates have the day first, others the month, or not as --dates says: `{first}`"
        fix = "Check the dates: a spreadsheet may have turned some of them round."
        return None, [file.problem(where, what, fix)]
    return found, []


def _refuse_days(files: Sequence[Raw]) -> None:
    """Dates without hours, where no column of hours is named."""
    problems = []
    for file in files:
        if file.columns.hour is not None or not _is_text(file):
            continue
        text = _dates(file).cast(pl.String).drop_nulls().unique()
        if len(text) and text.str.contains(DAY).all():
            free = [c for c in file.frame.columns if re.search(HOURISH, plain(c))]
            free = [c for c in free if c not in file.columns.time and c not in file.columns.values]
            guess = f": `--hour-column {free[0]}`" if free else "."
            what = f"holds dates without hours, the first `{text.sort()[0]}`"
            fix = f"Name the column of hours{guess}"
            problems.append(file.problem("+".join(file.columns.time), what, fix))
    if problems:
        raise InputError(problems)


def _is_text(file: Raw) -> bool:
    return len(file.columns.time) > 1 or file.frame.schema[file.columns.time[0]] == pl.String


def _dates(file: Raw) -> pl.Series:
    """The column of stamps, or the date that several columns make."""
    names = file.columns.time
    if len(names) == 1:
        return file.frame[names[0]]
    return file.frame.select(
        pl.concat_str([pl.col(n).cast(pl.String).str.zfill(2) for n in names], separator="-")
    ).to_series()


def _of_hours(files: Sequence[Raw], clock: Clock) -> Clock:
    """What the hour numbers beside a date mean."""
    text = pl.concat([_hours(file) for file in files])
    where, file = str(files[0].columns.hour), files[0]
    if text.str.contains(":", literal=True).any():
        late = text.str.contains(r"^0*24:00").any()
        early = text.str.contains(r"^0?0:00").any()
        if clock.stamps is None and late == early:
            raise InputError([_asks_stamps(file, where, "hours of a clock without 0:00 or 24:00")])
        return replace(clock, stamps=clock.stamps or ("end" if late else "begin"), numbers="text")
    number = text.cast(pl.Int64, strict=False)
    if number.null_count():
        bad = text.filter(number.is_null()).head(3).to_list()
        what = f"no number of an hour: {', '.join(map(str, bad))}"
        raise InputError([file.problem(where, what, "Give 1 to 24, or 13:00.")])
    return _of_numbers(files, clock, number)


def _hours(file: Raw) -> pl.Series:
    """The hour column as text, without `HE` or the like before the number."""
    text = file.frame[str(file.columns.hour)].cast(pl.String).fill_null("").str.strip_chars()
    return text.str.replace(r"^(?i)[a-z]+ *", "").str.replace(r"\.0+$", "").alias("hour")


def _of_numbers(files: Sequence[Raw], clock: Clock, number: pl.Series) -> Clock:
    file, where = files[0], str(files[0].columns.hour)
    low, high = int(number.to_numpy().min()), int(number.to_numpy().max())
    step = clock.step_min
    if file.columns.interval is not None:
        parts = pl.concat([f.frame[str(f.columns.interval)] for f in files]).cast(pl.Int64)
        step = step or HOUR_MIN // max(1, int(parts.to_numpy().max()))
        return replace(clock, step_min=step, numbers="clock", stamps="begin" if low == 0 else "end")
    fits = [minutes for minutes, days in PER_DAY.items() if high + (low == 0) in days]
    if step is None and not fits:
        what = f"goes to {high}, which ends no day of hours, half or quarter hours"
        fix = "Say how long a period is with `--step 60`, 30, 15 or 5."
        raise InputError([file.problem(where, what, fix)])
    step = step or fits[0]
    begins = low == 0
    if clock.stamps is not None and (clock.stamps == "begin") != begins and high >= 24:
        what = f"goes from {low} to {high}, which --stamps {clock.stamps} does not fit"
        raise InputError([file.problem(where, what, "Leave --stamps out.")])
    made = replace(clock, step_min=step, stamps="begin" if begins else "end")
    return made if made.numbers else replace(made, numbers=_numbering(files, made))


def _numbering(files: Sequence[Raw], clock: Clock) -> str:
    """Whether hours are counted from midnight; days on which the clock changes tell."""
    rows = pl.concat([_dated(file, clock) for file in files]).drop_nulls()
    days = rows.group_by("day").agg(top=pl.col("n").max(), low=pl.col("n").min())
    span = _day_min(days["day"], clock.zone) // int(clock.step_min or HOUR_MIN)
    usual = 24 * HOUR_MIN // int(clock.step_min or HOUR_MIN)
    days = days.with_columns(span=span, last=pl.col("top") + int(clock.stamps == "begin"))
    changed = days.filter(pl.col("span") != usual)
    counted = ((changed["last"] == changed["span"]) & (changed["span"] != usual)).any()
    by_clock = (changed["last"] == usual).any()
    if changed.is_empty() or counted != by_clock:
        return "clock" if by_clock else "counted"
    day = changed["day"][0]
    what = f"the clock of {clock.zone} changes on {day:%Y-%m-%d}, and its hours do not tell how"
    fix = "Say `--hour-numbers counted` (23 or 25 of them) or `clock` (one left out or twice)."
    raise InputError([files[0].problem(str(files[0].columns.hour), what, fix)])


def _dated(file: Raw, clock: Clock) -> pl.DataFrame:
    wall = parsed(_dates(file).cast(pl.String), clock.order)["wall"]
    return pl.DataFrame({"day": wall.dt.truncate("1d"), "n": _hours(file).cast(pl.Int64)})


def _day_min(days: pl.Series, zone: str) -> pl.Series:
    """How long local days are, minutes."""
    ends = [
        (days + pl.duration(days=d) if False else days.dt.offset_by(f"{d}d")).dt.replace_time_zone(
            zone, ambiguous="earliest", non_existent="null"
        )
        for d in (0, 1)
    ]
    return (ends[1] - ends[0]).dt.total_minutes()


def _begin_or_end(files: Sequence[Raw], clock: Clock) -> Clock:
    """Whether stamps begin or end their periods: by the header, by 24:00, by whole days."""
    file, where = files[0], "+".join(files[0].columns.time)
    words = plain(where)
    if re.search(ENDING, words) and not re.search(r"\b(begin|start|from|von)\b", words):
        raise InputError([_asks_stamps(file, where, "a header that speaks of an end")])
    if where == TIME or re.search(r"\b(begin|start|from|von|beginning)\b", words):
        return replace(clock, stamps="begin")
    texts = pl.concat([_dates(f).cast(pl.String) for f in files])
    if texts.str.contains(r"\s(-|–|to)\s").any():
        return replace(clock, stamps="begin")
    if texts.str.contains(r"[ T]24:00").any():
        raise InputError([_asks_stamps(file, where, "24:00, the end of a day")])
    walls = pl.concat([_walls(f, clock)["wall"] for f in files]).drop_nulls().unique().sort()
    if len(walls) > 2 and _shifted_days(walls):
        what = f"stamps from {walls[0]:%H:%M} to midnight, as if they ended their periods"
        raise InputError([_asks_stamps(file, where, what)])
    note = f"`{where}` was taken as the beginning of each step; `--stamps end` says otherwise"
    return replace(clock, stamps="begin", notes=(note,))


def _shifted_days(walls: pl.Series) -> bool:
    """Whether sorted times are whole days, if each were the end of its step."""
    step = walls.diff().drop_nulls().mode().min()
    first, last = walls[0], walls[-1]
    midnight = first.replace(hour=0, minute=0, second=0)
    return bool(first - midnight == step and last == last.replace(hour=0, minute=0, second=0))


def _asks_stamps(file: Raw, where: str, shows: str) -> Problem:
    what = f"it has {shows}; nothing says whether stamps begin or end their periods"
    return file.problem(where, what, "Say `--stamps end` or `--stamps begin`.")


def _walls(file: Raw, clock: Clock) -> pl.DataFrame:
    """`instant`, `wall` and `mark` of each row, before begin or end is known."""
    stamps = _dates(file)
    kind = stamps.dtype
    if isinstance(kind, pl.Datetime):
        return _of_times(stamps, kind)
    if kind == pl.Date:
        return _of_times(stamps.cast(pl.Datetime("us")), pl.Datetime("us"))
    since = epochs(stamps)
    if since is not None:
        return _of_times(since, pl.Datetime("us", "UTC"))
    text = stamps.cast(pl.String)
    if file.columns.hour is not None and clock.numbers == "text":
        text = text.str.replace(r"[ T]0?0:00(:00)?$", "") + " " + _hours(file)
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


def instants(file: Raw, clock: Clock) -> tuple[pl.Series, list[str]]:
    """The beginning of each row's period, UTC, and notes. Raises InputError for what is no time."""
    if file.columns.hour is not None and clock.numbers == "counted":
        return _counted(file, clock), []
    rows = _walls(file, clock).with_columns(_series(file), _second(file))
    if file.columns.hour is not None and clock.numbers == "clock":
        rows = rows.with_columns(_with_hours(file, clock), instant=pl.lit(None, INSTANT))
    notes = []
    said = rows["instant"].is_not_null()
    if not said.any() and not clock.zone_is_given:
        notes.append("stamps without a zone were taken as UTC")
    step = 0 if clock.stamps != "end" else clock.step_min or _wall_step(rows)
    shift = pl.duration(minutes=step)
    begins = file.columns.hour is not None and clock.numbers == "clock"
    local = _localised(rows, file, clock, 0 if begins else step)
    time = pl.when(said).then(pl.col("instant") - shift).otherwise(local)
    found = rows.with_columns(time.alias(TIME))[TIME]
    _refuse_unread(file, clock, rows, found)
    return found, notes


def _series(file: Raw) -> pl.Expr:
    """What a row is about: the same stamp of another series is no repeated hour."""
    keys = [k for k in file.columns.keys if k]
    cells = [file.frame[k].cast(pl.String).fill_null("") for k in keys]
    text = pl.lit("") if not cells else pl.concat_str([pl.lit(c) for c in cells], separator="/")
    return text.alias(SERIES)


def _second(file: Raw) -> pl.Expr:
    """Whether a row says that it is the second of two equal hours; null where it does not say."""
    if file.columns.repeated is None:
        return pl.lit(None, pl.Boolean).alias("second")
    flag = file.frame[file.columns.repeated].cast(pl.String).str.to_lowercase()
    return pl.lit(flag.is_in(list(TRUE))).alias("second")


def _with_hours(file: Raw, clock: Clock) -> pl.Expr:
    """Wall time of the beginning of a period whose hour a clock shows."""
    n = _hours(file).cast(pl.Int64)
    minutes = (n - int(clock.stamps == "end")) * (
        HOUR_MIN if file.columns.interval else int(clock.step_min or HOUR_MIN)
    )
    if file.columns.interval is not None:
        part = file.frame[file.columns.interval].cast(pl.Int64)
        minutes = minutes + (part - 1) * int(clock.step_min or HOUR_MIN)
    return (pl.col("wall").dt.truncate("1d") + pl.duration(minutes=pl.lit(minutes))).alias("wall")


def _counted(file: Raw, clock: Clock) -> pl.Series:
    """Periods counted from local midnight: days of 23 and 25 hours come out right."""
    rows = _dated(file, clock)
    midnight = rows["day"].dt.replace_time_zone(
        clock.zone, ambiguous="earliest", non_existent="null"
    )
    n = rows["n"] - int(clock.stamps == "end")
    made = pl.DataFrame({"day": midnight.dt.convert_time_zone("UTC"), "n": n}).select(
        pl.col("day") + pl.duration(minutes=pl.col("n") * int(clock.step_min or HOUR_MIN))
    )
    found = made.to_series().cast(INSTANT)
    _refuse_unread(file, clock, rows.rename({"day": "wall"}), found)
    return found


def _wall_step(rows: pl.DataFrame) -> int:
    """The commonest distance between neighbouring stamps of a series, minutes."""
    walls = rows.select(SERIES, t=pl.coalesce(pl.col("instant").dt.replace_time_zone(None), "wall"))
    walls = walls.drop_nulls().unique().sort(SERIES, "t")
    gaps = walls.select((pl.col("t").diff().over(SERIES)).dt.total_minutes()).to_series()
    gaps = gaps.filter(gaps > 0)
    return int(gaps.mode().min()) if len(gaps) else HOUR_MIN  # type: ignore[arg-type]


def _localised(rows: pl.DataFrame, file: Raw, clock: Clock, step: int) -> pl.Expr:
    """Wall times of a zone as the beginning of their periods, UTC.

    Where stamps end periods, a clock may call the end by what it shows then, or by the hour after
    the one that it showed at the beginning: days on which it changes tell the two apart.
    """
    if step == 0:
        return pl.lit(_as_utc(rows, file, clock))
    shown = _as_utc(rows, file, clock)
    back = rows.with_columns(pl.col("wall") - pl.duration(minutes=step))
    called = _as_utc(back, file, clock)
    after = shown.dt.offset_by(f"-{step}m")
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


def _refuse_unread(file: Raw, clock: Clock, rows: pl.DataFrame, found: pl.Series) -> None:
    """One problem for all stamps that are no time, or no time of the zone."""
    if not found.null_count():
        return
    where, stamps = "+".join(file.columns.time), _dates(file).cast(pl.String)
    no_time = found.is_null() & rows["wall"].is_null()
    skipped = found.is_null() & ~no_time
    problems = []
    if no_time.any():
        first = ", ".join(map(str, stamps.filter(no_time).unique(maintain_order=True).head(3)))
        what = f"{_stamps(no_time)} no time that is known, the first: {first}"
        fix = (
            "Stamps look like 2023-01-31T13:00, with or without seconds, zone or offset; a date "
            "and an hour in two columns take --hour-column."
        )
        problems.append(file.problem(where, what, fix))
    if skipped.any():
        first = ", ".join(map(str, stamps.filter(skipped).unique(maintain_order=True).head(3)))
        what = f"{_stamps(skipped)} no time of the zone {clock.zone}, the first: {first}"
        fix = "Its clock skips that hour in spring: check --time-zone, or --stamps end."
        problems.append(file.problem(where, what, fix))
    raise InputError(problems)


def _stamps(which: pl.Series) -> str:
    count = int(which.sum())
    return "1 stamp is" if count == 1 else f"{count:,} stamps are"
