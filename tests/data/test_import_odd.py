"""Tables in layouts that combine what is odd: each hour is read right, or the file is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC as PY_UTC
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wattlas.data.importers import Layout, Rules, prepare, read_files
from wattlas.data.reader.stamps import zoned
from wattlas.data.schema.hours import TIME
from wattlas.errors import InputError, UsageError

HOUR = timedelta(hours=1)
MAY = datetime(2024, 5, 1, tzinfo=PY_UTC)
NIGHTS = {
    "no night": ("Europe/Berlin", datetime(2024, 5, 3)),
    "autumn": ("Europe/Berlin", datetime(2024, 10, 26)),
    "spring": ("Europe/Berlin", datetime(2024, 3, 30)),
    "half an hour": ("Australia/Lord_Howe", datetime(2024, 10, 5)),
    "half-hour zone": ("America/St_Johns", datetime(2024, 11, 2)),
}
"""The beginnings of two days, most of which a clock change follows."""
Stamp = Callable[[datetime], str]


def table(path: Path, lines: Sequence[str], encoding: str = "utf-8", end: str = "\n") -> Path:
    """A file of these lines."""
    file = path / "t.csv"
    file.write_bytes(end.join([*lines, ""]).encode(encoding))
    return file


def imported(file: Path, rules: Rules | None = None, **fields: Any) -> pl.DataFrame:
    """The rows of a file of prices as they would be written."""
    layout = Layout("price", **{"zone": "QQ", "unit": "usd/mwh", **fields})
    read = read_files([file], layout)
    return prepare(read, rules or Rules(keep_steps=True)).rows.frame


def hours_of(frame: pl.DataFrame) -> dict[datetime, float]:
    """Time → value."""
    return dict(frame.select(TIME, "price_usd_per_mwh").iter_rows())


def counted(begin: datetime, count: int, step: timedelta = HOUR) -> dict[datetime, float]:
    """Steps of which each has another value."""
    return {begin + n * step: n + 0.25 for n in range(count)}


SPLIT: dict[str, tuple[str, str, Stamp]] = {
    "date and time": ("d+t", "d,t", lambda w: f"{w:%Y-%m-%d,%H:%M}"),
    "date and AM/PM": ("d+t", "d,t", lambda w: f"{w:%d.%m.%Y,%I:%M %p}"),
    "date and clock number": ("d+t", "d,t", lambda w: f"{w:%Y%m%d},{w.hour * 100 + w.minute}"),
    "date at midnight": ("d+t", "d,t", lambda w: f"{w:%Y-%m-%d} 00:00:00,{w:%H:%M}"),
    "year, month, day, time": ("y+m+d+t", "y,m,d,t", lambda w: f"{w:%Y,%m,%d,%H:%M}"),
    "with an offset": ("d+t+o", "d,t,o", lambda w: f"{w:%Y-%m-%d,%H:%M},{w:%z}"),
    "weekday": ("t", "t", lambda w: f'"{w:%a, %d %b %Y %H:%M:%S %z}"'),
    "zone in brackets": ("t", "t", lambda w: f"{w.isoformat()}[Europe/Berlin]"),
}


@pytest.mark.parametrize("form", SPLIT)
@pytest.mark.parametrize("night", NIGHTS)
def test_stamps_in_parts(form: str, night: str, tmp_path: Path) -> None:
    """A time of day beside a date is one, never the offset of a date; --time-zone counts."""
    zone, day = NIGHTS[night]
    column, head, stamp = SPLIT[form]
    step = HOUR / 2
    wanted = counted(day.replace(tzinfo=ZoneInfo(zone)).astimezone(PY_UTC), 100, step)
    lines = [f"{stamp(t.astimezone(ZoneInfo(zone)))},{v}" for t, v in wanted.items()]
    file = table(tmp_path, [f"{head},p", *lines])
    known = {} if "%z" in form or form in ("with an offset", "weekday", "zone in brackets") else {
        "time_zone": zone
    }  # fmt: skip
    assert hours_of(imported(file, time_column=column, value_column="p", **known)) == wanted


@examples(25)
@given(
    night=st.sampled_from(sorted(NIGHTS)),
    dash=st.sampled_from(["-", " - ", "–", " – ", " to ", "\u00a0-\u00a0"]),
    clock=st.sampled_from(["%H:%M", "%H", "%I:%M %p"]),
    apart=st.booleans(),
    minutes=st.sampled_from([60, 30, 15]),
    encoding=st.sampled_from(["utf-8", "cp1252", "utf-16", "utf-16-le"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_ranges_begin_where_they_begin(
    night: str,
    dash: str,
    clock: str,
    apart: bool,
    minutes: int,
    encoding: str,
    end: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """`00:00-01:00` is a period and not a time with an offset, with any dash and on any night."""
    zone, day = NIGHTS[night]
    if clock == "%H":
        minutes, apart = 60, True
    if minutes == 60 and "half" in night:  # its hours begin at half past, and are cut in two
        zone, day = NIGHTS["autumn"]
    step = timedelta(minutes=minutes)
    local = ZoneInfo(zone)
    wanted = counted(day.replace(tzinfo=local).astimezone(PY_UTC), 2 * 24 * 60 // minutes, step)
    between = " " if not apart else ";"
    lines = ["d;h;p" if apart else "d;p"]
    for t, value in wanted.items():
        here, after = t.astimezone(local), (t + step).astimezone(local)
        lines.append(f"{here:%d.%m.%Y}{between}{here:{clock}}{dash}{after:{clock}};{value}")
    file = table(tmp_path_factory.mktemp("ranges"), lines, encoding, end)
    where = {"time_column": "d", "value_column": "p", "time_zone": zone}
    if apart:
        where["hour_column"] = "h"
    assert hours_of(imported(file, **where)) == wanted
    with pytest.raises(InputError, match="Leave --stamps out"):
        imported(file, stamps="end", **where)


@pytest.mark.parametrize("mark", ["IST", "BST", "XYZ"])
def test_clocks_of_several_meanings_are_asked_about(mark: str, tmp_path: Path) -> None:
    """A mark that may be India's, Israel's or Ireland's is not UTC; with a zone it is read."""
    lines = [f"2024-05-01 {n:02d}:00 {mark},{n}" for n in range(24)]
    file = table(tmp_path, ["t,p", *lines])
    with pytest.raises(InputError, match="--time-zone"):
        imported(file, time_column="t", value_column="p")
    read = imported(file, time_column="t", value_column="p", time_zone="Europe/London")
    assert read[TIME].to_list()[0] == MAY - HOUR


@examples(40)
@given(
    first=st.integers(0, 23),
    count=st.integers(2, 30),
    length_min=st.sampled_from([5, 15, 30, 60, 120, 180, 360]),
    dash=st.sampled_from(["-", " -"]),
    offset_h=st.integers(0, 12),
)
def test_an_offset_stays_and_the_end_of_a_range_moves(
    first: int, count: int, length_min: int, dash: str, offset_h: int
) -> None:
    """Ends that move along with the time are no offsets; one that stays is one, whatever it is."""
    count += length_min > 60
    begins = [MAY + first * HOUR + n * timedelta(minutes=length_min) for n in range(count)]
    spans = [f"{t:%Y-%m-%d %H:%M}{dash}{t + timedelta(minutes=length_min):%H:%M}" for t in begins]
    assert read_zoned(spans) == [None] * count
    beside = ["2024-05-01T00:00:00Z", "2024-05-01 00:00:00-05:00", "no time"]
    assert read_zoned([*beside, *spans]) == [MAY, MAY + 5 * HOUR, *[None] * (count + 1)]
    stays = [f"{t:%Y-%m-%d %H:%M}{dash}{offset_h:02d}:00" for t in begins]
    assert read_zoned(stays) == [t + offset_h * HOUR for t in begins]
    assert read_zoned(["2024-05-01 00:00-13:00", "2024-05-01T00:00:00+15:00"]) == [None, None]


@examples(20)
@given(
    zone=st.sampled_from(["America/New_York", "Atlantic/Azores", "America/St_Johns", "Etc/GMT+3"]),
    first=st.integers(0, 366 * 24),
    step_h=st.sampled_from([1, 3, 11, 24, 25]),
)
def test_offsets_of_a_clock_that_changes_stay_offsets(zone: str, first: int, step_h: int) -> None:
    """A year of local stamps with their offsets is read as its instants, whenever it begins."""
    begin = datetime(2023, 1, 1, tzinfo=PY_UTC) + first * HOUR
    times = [begin + n * HOUR for n in range(0, 366 * 24, step_h)]
    texts = [t.astimezone(ZoneInfo(zone)).isoformat(" ", "minutes") for t in times]
    assert read_zoned(texts) == times


def read_zoned(texts: list[str]) -> list[datetime | None]:
    """Texts as the reader of scenario tables takes them."""
    return pl.DataFrame({"t": texts}).select(zoned(pl.col("t")))["t"].to_list()


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (["2024-05-01 00:00 - 01:00 CET", "2024-05-01 01:00 - 02:00 CET"], [MAY - HOUR, MAY]),
        (["01.05.2024 00:00 - 01.05.2024 01:00 (UTC)"], [MAY]),
        (["2024-05-01 00:00 (CEST) - 2024-05-01 01:00 (CET)"], [MAY - 2 * HOUR]),
        (["2024-05-01T00:00/2024-05-01T01:00+02:00"], [MAY - 2 * HOUR]),
        (["2024-05-01 1 am - 2 am", "2024-05-01 2 am - 3 am"], [MAY + HOUR, MAY + 2 * HOUR]),
        (["2024-05-01 00-01", "2024-05-01 01-02"], [MAY, MAY + HOUR]),
    ],
)
def test_the_zone_behind_the_end_of_a_range_is_its_own(
    rows: list[str], wanted: list[datetime], tmp_path: Path
) -> None:
    """What a range says of its zone is kept, wherever it stands."""
    file = table(tmp_path, ["t,p", *(f"{text},{n}" for n, text in enumerate(rows))])
    assert imported(file, time_column="t", value_column="p")[TIME].to_list() == wanted


def test_ranges_of_many_hours_are_refused(tmp_path: Path) -> None:
    """Three periods of six hours have no offsets of six, twelve and eighteen."""
    spans = [f"2024-05-01 {h:02d}:00-{h + 6:02d}:00,{h}" for h in (0, 6, 12)]
    with pytest.raises(InputError, match="no time that is known"):
        imported(table(tmp_path, ["t,p", *spans]), time_column="t", value_column="p")


def test_one_time_of_day_and_an_offset(tmp_path: Path) -> None:
    """`04:00-05:00` at the same time every day has an offset; nothing shows a range."""
    file = table(tmp_path, ["t,p", "2024-05-01T04:00-05:00,1"])
    assert imported(file, time_column="t", value_column="p")[TIME].to_list() == [MAY + 9 * HOUR]


def test_a_date_and_an_offset_are_no_hour(tmp_path: Path) -> None:
    """`2024-05-01-13:00` may be a date with its offset: it is refused."""
    file = table(tmp_path, ["t,p", *(f"2024-05-01-{n:02d}:00,{n}" for n in range(24))])
    with pytest.raises(InputError, match="no time that is known"):
        imported(file, time_column="t", value_column="p")


@pytest.mark.parametrize(("first", "stamps"), [(0, "end"), (0, "begin"), (1, "end")])
def test_stamps_count_for_numbers_too(first: int, stamps: str, tmp_path: Path) -> None:
    """Hours 0 to 23 begin their periods, unless --stamps says that they end them."""
    rows = [f"2024-05-0{d},{n},{d * 24 + n}" for d in (1, 2) for n in range(first, first + 24)]
    file = table(tmp_path, ["d,h,p", *rows])
    read = imported(file, time_column="d", hour_column="h", value_column="p", stamps=stamps)
    assert read[TIME].to_list()[0] == MAY + first * HOUR - HOUR * (stamps == "end")


def test_hours_that_come_twice_have_letters(tmp_path: Path) -> None:
    """3A is the first of the two hours of an autumn night, 3B the second."""
    begin = datetime(2024, 10, 27, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(PY_UTC)
    names = ["1", "2", "3A", "3B", *map(str, range(4, 25))]
    wanted = counted(begin, 25)
    rows = [f"2024-10-27,Hour {h},{v}" for h, v in zip(names, wanted.values(), strict=True)]
    file = table(tmp_path, ["d,h,p", rows[3], rows[2], *rows[:2], *rows[4:]])
    known = {"time_zone": "Europe/Berlin", "hour_column": "h"}
    assert hours_of(imported(file, time_column="d", value_column="p", **known)) == wanted


@pytest.mark.parametrize("names", ["H{}", "{:02d}:00", "HE{:02d}", "{}"])
@pytest.mark.parametrize("night", ["no night", "autumn", "spring"])
def test_a_column_for_each_hour(names: str, night: str, tmp_path: Path) -> None:
    """A row for each day and a column for each hour, 23, 24 or 25 of which are filled."""
    zone, day = NIGHTS[night]
    begin = day.replace(tzinfo=ZoneInfo(zone)).astimezone(PY_UTC)
    later = (day + timedelta(days=2)).replace(tzinfo=ZoneInfo(zone)).astimezone(PY_UTC)
    wanted = counted(begin, int((later - begin) / HOUR))
    days: dict[str, list[float]] = {}
    for t, value in wanted.items():
        days.setdefault(f"{t.astimezone(ZoneInfo(zone)):%d.%m.%Y}", []).append(value)
    width = max(24, *map(len, days.values()))
    head = ";".join(["day", *(names.format(n) for n in range(1, width + 1))])
    rows = [";".join([d, *map(str, r), *[""] * (width - len(r))]) for d, r in days.items()]
    file = table(tmp_path, [head, *rows])
    assert hours_of(imported(file, time_column="day", time_zone=zone)) == wanted
    with pytest.raises(UsageError, match="--zone"):
        imported(file, time_column="day", zone=None)


@examples(20)
@given(
    late=st.integers(0, 59),
    count=st.integers(30, 120),
    minutes=st.sampled_from([30, 15, 5]),
    last=st.integers(0, 59),
)
def test_only_whole_hours_are_averaged(
    late: int, count: int, minutes: int, last: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A file may begin and end between its steps, in hours that are left out, and only there."""
    step = timedelta(minutes=minutes)
    first = MAY + timedelta(minutes=late)
    grid = MAY + step * -(-timedelta(minutes=late) // step)
    times = {first, *(grid + n * step for n in range(count))}
    end = max(times) + timedelta(minutes=last % minutes)
    times |= {end}
    rows = [f"{t:%Y-%m-%dT%H:%MZ},{n}" for n, t in enumerate(sorted(times))]
    file = table(tmp_path_factory.mktemp("ends"), ["t,p", *rows])
    value = {t: float(n) for n, t in enumerate(sorted(times))}
    whole = {}
    for hour in sorted({t.replace(minute=0) for t in times}):
        steps = [hour + k * step for k in range(60 // minutes)]
        if all(t in value for t in steps):
            whole[hour] = round(sum(value[t] for t in steps) / len(steps), 6)
    where = {"time_column": "t", "value_column": "p"}
    odd = [t for t in (first, end) if (t - MAY) % step]
    # How long a row between the steps lasts is not known: up to the longest that it may.
    reached = {
        moment.replace(minute=0, second=0, microsecond=0)
        for t in odd
        for moment in (t, t + step - step / 999)
    }
    if reached & {*whole}:
        with pytest.raises(InputError, match="not at the steps"):
            imported(file, Rules(average=True), **where)
        return
    assert hours_of(imported(file, Rules(average=True), **where)) == pytest.approx(whole)


def test_a_row_between_the_steps_of_a_whole_hour_is_refused(tmp_path: Path) -> None:
    """How long it lasts is not known, and the average depends on it."""
    stamps = ["00:00", "00:30", "01:00", "01:05", "01:30", "02:00", "02:30"]
    file = table(tmp_path, ["t,p", *(f"2024-05-01T{s}Z,1" for s in stamps)])
    with pytest.raises(InputError, match="not at the steps of 30 min"):
        imported(file, Rules(average=True), time_column="t", value_column="p")


def test_minutes_are_averaged(tmp_path: Path) -> None:
    """Hours can be averaged from any step that divides them."""
    rows = [f"{MAY + n * HOUR / 60:%Y-%m-%dT%H:%MZ},{n}" for n in range(180)]
    file = table(tmp_path, ["t,p", *rows])
    read = imported(file, Rules(average=True), time_column="t", value_column="p")
    assert read["price_usd_per_mwh"].to_list() == [29.5, 89.5, 149.5]
    with pytest.raises(InputError, match="steps of 1 min"):
        imported(file, time_column="t", value_column="p")


@pytest.mark.parametrize("cell", ["-9999", "#N/A", "#NV", "-99999.0", "n/a", "\\N"])
def test_words_and_numbers_for_nothing(cell: str, tmp_path: Path) -> None:
    """What archives and spreadsheets write for no figure is a gap, and can be filled."""
    rows = [f"{MAY + n * HOUR:%Y-%m-%dT%H:%MZ},{n if n != 5 else cell}" for n in range(24)]
    file = table(tmp_path, ["t,p", *rows])
    with pytest.raises(InputError, match="1 hour has no number"):
        imported(file, time_column="t", value_column="p")
    read = imported(file, Rules(fill="linear"), time_column="t", value_column="p")
    assert read["price_usd_per_mwh"].to_list() == list(range(24))


@pytest.mark.parametrize("cell", ["", "n/e", "0"])
def test_the_hour_that_a_clock_skips_may_be_empty(cell: str, tmp_path: Path) -> None:
    """Tables with a row for it have no figure there; one with a figure is no local time."""
    zone, night = "Europe/Berlin", datetime(2024, 3, 31)
    wanted = counted(night.replace(tzinfo=ZoneInfo(zone)).astimezone(PY_UTC), 23)
    rows = [f"{t.astimezone(ZoneInfo(zone)):%d.%m.%Y %H:%M};{v}" for t, v in wanted.items()]
    file = table(tmp_path, ["t;p", *rows[:2], f"31.03.2024 02:00;{cell}", *rows[2:]])
    known = {"time_column": "t", "value_column": "p", "time_zone": zone}
    if cell == "0":
        with pytest.raises(InputError, match="skips"):
            imported(file, **known)
    else:
        assert hours_of(imported(file, **known)) == wanted


@pytest.mark.parametrize(
    "form", ["{:%Y-%m-%d %H:%M} GMT+2", "{:%Y-%m-%dT%H:%M}+02:00/{:%Y-%m-%dT%H:%M}"]
)
def test_other_ways_to_write_an_instant(form: str, tmp_path: Path) -> None:
    """An offset of GMT, and an interval of ISO 8601."""
    wanted = counted(MAY, 24)
    rows = [f"{form.format(t + 2 * HOUR, t + 3 * HOUR)},{v}" for t, v in wanted.items()]
    file = table(tmp_path, ["t,p", *rows])
    assert hours_of(imported(file, time_column="t", value_column="p")) == wanted
