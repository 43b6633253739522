"""What the stamps of files mean: found in them, or asked for by one clear error.

Asked are the order of day and month, whether a stamp begins or ends its period, and whether the
hours of a day are counted or read off a clock.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from wattlas.data.importers.files import Raw
from wattlas.data.importers.header_clock import says_utc
from wattlas.data.importers.layout import Layout, Stamps, plain
from wattlas.data.importers.walls import (
    Clock,
    dated,
    dates_of,
    has_ranges,
    hour_texts,
    is_text,
    late_us,
    walls_of,
)
from wattlas.data.reader.ranges import stamp_begins
from wattlas.data.reader.stamps import RANGE, Order, order_of
from wattlas.data.schema.hours import TIME
from wattlas.data.steps import HOUR_MIN
from wattlas.errors import InputError, Problem

ENDING = r"\b(end|ending|ends|ended|bis|until|till|fin|hasta|he)\b"
BEGINNING = r"\b(begin|beginning|begins|start|from|von|since|anfang)\b"
HOURISH = r"\b(hour|he|period|stunde|hora|interval|time|anfang|start|beginn|uhrzeit|von|from)\b"
DAY = r"^\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|(19|20)\d{6})\s*$"
PER_DAY = {60: (23, 24, 25), 30: (46, 48, 50), 15: (92, 96, 100), 5: (276, 288, 300)}
"""Step, minutes → periods that a day can have."""


def clocks_of(files: Sequence[Raw], layout: Layout) -> list[Clock]:
    """What the stamps of each file mean, from what the layout says and all files together show.

    Numbers of hours are looked at file by file: a market may have gone to shorter periods.
    """
    _refuse_days(files)
    order, problems = _date_order(files, layout)
    if problems:
        raise InputError(problems)
    zone, said = layout.time_zone or "UTC", layout.time_zone is not None
    by_option = "time_zone" in layout.given
    usual = layout.zone_varies and not by_option
    if usual and all(says_utc("+".join(file.columns.time)) for file in files):
        zone = "UTC"
    clock = Clock(
        zone, order, layout.stamps, layout.hour_numbers, layout.step_min, said, by_option, usual
    )
    if files[0].columns.hour is not None:
        return [_of_own_hours(file, files, clock) for file in files]
    if clock.stamps is None:
        clock = _begin_or_end(files, clock)
    elif clock.stamps == "end" and _are_ranges(files):
        raise InputError([_no_end_of_ranges(files[0], "+".join(files[0].columns.time))])
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
    texts = [dates_of(file).cast(pl.String) for file in files if is_text(file)]
    if not texts:
        return layout.dates, []
    order = order_of(pl.concat(texts))
    file, where = files[0], "+".join(files[0].columns.time)
    first = next((t for t in texts[0].drop_nulls().head(1)), "")
    if order is None or (layout.dates and order in ("open", layout.dates)):
        return layout.dates, []
    if order == "open":
        what = f"`{first}` may have the day first or the month, as spreadsheets save dates"
        fix = "Say `--dates day-first` or `--dates month-first`."
        return None, [file.problem(where, what, fix)]
    if order == "both" or layout.dates:
        what = f"some dates have the day first, others the month, or not as --dates says: `{first}`"
        fix = "Check the dates: a spreadsheet may have turned some of them round."
        return None, [file.problem(where, what, fix)]
    return order, []


def _refuse_days(files: Sequence[Raw]) -> None:
    """Dates without hours, where no column of hours is named."""
    problems = []
    for file in files:
        if file.columns.hour is not None or not is_text(file):
            continue
        text = dates_of(file).cast(pl.String).drop_nulls().unique()
        if len(text) and text.str.contains(DAY).all():
            free = [c for c in file.frame.columns if re.search(HOURISH, plain(c))]
            free = [c for c in free if c not in file.columns.time and c not in file.columns.values]
            guess = f": `--hour-column {free[0]}`" if free else "."
            what = f"holds dates without hours, the first `{text.sort()[0]}`"
            fix = f"Name the column of hours{guess}"
            problems.append(file.problem("+".join(file.columns.time), what, fix))
    if problems:
        raise InputError(problems)


def _of_hours(files: Sequence[Raw], clock: Clock) -> Clock:
    """What the hour numbers beside a date mean."""
    text = pl.concat([hour_texts(file) for file in files])
    where, file = str(files[0].columns.hour), files[0]
    if ranged := any(has_ranges(file) for file in files):
        if clock.stamps == "end":
            raise InputError([_no_end_of_ranges(file, where)])
        clock = replace(clock, stamps="begin", numbers=clock.numbers or "clock")
    if text.str.contains(r"(?i):|^\d+ *[ap]\.?m").any():
        late = text.str.contains(r"^0*24:00").any()
        early = text.str.contains(r"(?i)^0?0:00(:00)?$|^12(:00)?(:00)? *a").any()
        if clock.stamps is None and late == early:
            raise InputError([_asks_stamps(file, where, "hours of a clock without 0:00 or 24:00")])
        return replace(clock, stamps=clock.stamps or ("end" if late else "begin"), numbers="text")
    number = text.cast(pl.Int64, strict=False)
    if number.null_count():
        cells = pl.concat([f.frame[str(f.columns.hour)].cast(pl.String) for f in files])
        bad = cells.filter(number.is_null()).head(3).to_list()
        what = f"no number of an hour: {', '.join(map(str, bad))}"
        raise InputError([file.problem(where, what, "Give 1 to 24, or 13:00.")])
    return _of_numbers(files, clock, number, ranged)


def _no_end_of_ranges(file: Raw, where: str) -> Problem:
    what = "holds ranges, whose beginning counts; --stamps says end"
    return file.problem(where, what, "Leave --stamps out.")


def _of_numbers(
    files: Sequence[Raw], clock: Clock, number: pl.Series, ranged: bool = False
) -> Clock:
    file, where = files[0], str(files[0].columns.hour)
    low, high = int(number.to_numpy().min()), int(number.to_numpy().max())
    step = clock.step_min
    if file.columns.interval is not None:
        parts = pl.concat([f.frame[str(f.columns.interval)] for f in files]).cast(pl.Int64)
        step = step or HOUR_MIN // max(1, int(parts.to_numpy().max()))
        stamps: Stamps = clock.stamps or ("begin" if low == 0 else "end")
        return replace(clock, step_min=step, numbers="clock", stamps=stamps)
    fits = [minutes for minutes, days in PER_DAY.items() if high + (low == 0) in days]
    if step is None and not fits:
        what = f"goes to {high}, which ends no day of hours, half or quarter hours"
        fix = "Say how long a period is with `--step 60`, 30, 15 or 5."
        raise InputError([file.problem(where, what, fix)])
    step = step or fits[0]
    begins = low == 0 or ranged
    if clock.stamps is not None and (clock.stamps == "begin") != begins and high >= 24:
        what = f"goes from {low} to {high}, which --stamps {clock.stamps} does not fit"
        raise InputError([file.problem(where, what, "Leave --stamps out.")])
    stamps = clock.stamps or ("begin" if begins else "end")
    made = replace(clock, step_min=step, stamps=stamps)
    return made if made.numbers else replace(made, numbers=_numbering(files, made))


def _numbering(files: Sequence[Raw], clock: Clock) -> str:
    """Whether hours are counted from midnight; days on which the clock changes tell."""
    rows = pl.concat([dated(file, clock) for file in files]).drop_nulls()
    days = rows.group_by("day").agg(top=pl.col("n").max()).sort("day")
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


def _day_min(days: pl.Series, zone: str) -> pl.Series:
    """How long local days are, minutes."""
    ends = [
        days.dt.offset_by(f"{d}d").dt.replace_time_zone(
            zone, ambiguous="earliest", non_existent="null"
        )
        for d in (0, 1)
    ]
    return (ends[1] - ends[0]).dt.total_minutes()


def _begin_or_end(files: Sequence[Raw], clock: Clock) -> Clock:
    """Stamps begin their periods, unless the header, 24:00 or whole days say that they may end
    them."""
    file, where = files[0], "+".join(files[0].columns.time)
    words = plain(where)
    if re.search(ENDING, words) and not re.search(BEGINNING, words):
        raise InputError([_asks_stamps(file, where, "a header that speaks of an end")])
    if where == TIME or re.search(BEGINNING, words) or _are_ranges(files):
        return clock
    texts = pl.concat([dates_of(f).cast(pl.String) for f in files])
    if texts.str.contains(r"[ T]24:00").any():
        raise InputError([_asks_stamps(file, where, "24:00, the end of a day")])
    walls = pl.concat([walls_of(f, clock)["wall"] for f in files]).drop_nulls().unique().sort()
    if late_us(walls):
        shows = f"stamps of the last moment of a period, the first {walls[0]:%H:%M:%S}"
        raise InputError([_asks_stamps(file, where, shows)])
    if len(walls) > 2 and _shifted_days(walls):
        what = f"stamps from {walls[0]:%H:%M} to midnight, as if they ended their periods"
        raise InputError([_asks_stamps(file, where, what)])
    note = f"`{where}` was taken as the beginning of each step; `--stamps end` says otherwise"
    return replace(clock, notes=(note,))


def _are_ranges(files: Sequence[Raw]) -> bool:
    """Whether stamps name the beginning and the end of their periods."""
    texts = [dates_of(f).cast(pl.String).drop_nulls() for f in files if is_text(f)]
    wide = any(text.str.contains(RANGE).any() for text in texts)
    return wide or any(stamp_begins(text) is not None for text in texts)


def _shifted_days(walls: pl.Series) -> bool:
    """Whether sorted times are whole days, if each were the end of its step."""
    step = walls.diff().drop_nulls().mode().min()
    first, last = walls[0], walls[-1]
    midnight = first.replace(hour=0, minute=0, second=0)
    return bool(first - midnight == step and last == last.replace(hour=0, minute=0, second=0))


def _asks_stamps(file: Raw, where: str, shows: str) -> Problem:
    what = f"it has {shows}; nothing says whether stamps begin or end their periods"
    return file.problem(where, what, "Say `--stamps end` or `--stamps begin`.")
