"""Checks of hours: a sound table passes; whatever is done to it is found and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC as PY_UTC
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wattlas.data.clock_changes import clock_change, ranges
from wattlas.data.hours_checks import HoursTable, check_hours
from wattlas.data.hours_units import suspicions
from wattlas.data.pack_checks import check_path
from wattlas.data.reader.source import SourceTable, source_of
from wattlas.data.reader.stamps import INSTANT as UTC
from wattlas.data.schema import TABLES
from wattlas.data.schema.hours import TIME
from wattlas.errors import InputError, Problem

START = datetime(2023, 1, 1, tzinfo=PY_UTC)
HOUR = timedelta(hours=1)
VALUE = {"price": "price_usd_per_mwh", "carbon": "average_g_per_kwh"}


def clean(
    table: str = "carbon", zones: tuple[str, ...] = ("DE", "NO"), hours: int = 200
) -> pl.DataFrame:
    """A sound table: every hour of each zone, once, in order."""
    times = [START + i * HOUR for i in range(hours)]
    return pl.DataFrame(
        {
            TIME: pl.Series(times * len(zones)).cast(UTC),
            "zone": [zone for zone in zones for _ in times],
            VALUE[table]: [100.0 + (7 * i) % 13 for _ in zones for i in range(hours)],
        }
    )


def source(frame: pl.DataFrame, table: str = "carbon") -> SourceTable:
    """The frame as it is read of a file in a check of many."""
    return replace(source_of(frame, TABLES[table], "t.csv"), titled=True)


def judge(frame: pl.DataFrame, table: str = "carbon", hours: int = 200) -> list[Problem]:
    """Problems of a table that should have `hours` hours."""
    judged = HoursTable(source(frame, table), START, hours)
    return [*check_hours(judged), *suspicions(judged)]


def told(problems: list[Problem]) -> str:
    """All problems as text."""
    return "\n".join(map(str, problems))


@pytest.mark.parametrize("table", ["price", "carbon"])
def test_a_sound_table_has_no_problem(table: str) -> None:
    """Nothing is found where nothing is wrong."""
    assert judge(clean(table), table) == []


@dataclass(frozen=True)
class Defect:
    """One way to break a table, and words that must be told of it."""

    name: str
    breaks: Callable[[pl.DataFrame, int], pl.DataFrame]
    words: tuple[str, ...]
    names_hour: bool = True


def set_value(value: float | None) -> Callable[[pl.DataFrame, int], pl.DataFrame]:
    """Put a value into a row."""

    def change(frame: pl.DataFrame, row: int) -> pl.DataFrame:
        column = frame.columns[-1]
        at = pl.int_range(pl.len()) == row
        return frame.with_columns(
            pl.when(at).then(pl.lit(value, dtype=pl.Float64)).otherwise(column).alias(column)
        )

    return change


def scale(factor: float) -> Callable[[pl.DataFrame, int], pl.DataFrame]:
    """Another unit."""
    return lambda frame, _: frame.with_columns(pl.col(frame.columns[-1]) * factor)


def off_the_hour(frame: pl.DataFrame, row: int) -> pl.DataFrame:
    """Half past."""
    at = pl.int_range(pl.len()) == row
    return frame.with_columns(
        pl.when(at).then(pl.col(TIME) + pl.duration(minutes=30)).otherwise(TIME).alias(TIME)
    )


def swapped(frame: pl.DataFrame, row: int) -> pl.DataFrame:
    """A row and the one after it change places."""
    other = row + 1 if row + 1 < frame.height else row - 1
    order = list(range(frame.height))
    order[row], order[other] = order[other], order[row]
    return frame[order]


DEFECTS = (
    Defect("missing", lambda f, r: pl.concat([f[:r], f[r + 1 :]]), ("missing",)),
    Defect("doubled", lambda f, r: pl.concat([f[: r + 1], f[r:]]), ("more than once",)),
    Defect("null", set_value(None), ("no number",)),
    Defect("nan", set_value(float("nan")), ("no number",)),
    Defect("infinite", set_value(float("inf")), ("no number",)),
    Defect("negative", set_value(-3.0), ("negative",)),
    Defect("half past", off_the_hour, ("not at a full hour", "missing")),
    Defect("kg/kwh", scale(1e-3), ("kg/kWh",), names_hour=False),
    Defect("mg/kwh", scale(1e3), ("g/kWh",), names_hour=False),
)


@given(defect=st.sampled_from(DEFECTS), row=st.integers(0, 399))
@examples(100)
def test_any_defect_is_found_and_named(defect: Defect, row: int) -> None:
    """One random defect gives problems that name its series, its hour and what it is."""
    frame = clean()
    zone, at = frame["zone"][row], frame[TIME][row]
    problems = judge(defect.breaks(frame, row))
    text = told(problems)
    for word in defect.words:
        assert word in text
    assert f"carbon.{zone}" in {p.where for p in problems}
    if defect.names_hour:
        assert at.strftime("%Y-%m-%dT%H") in text
        assert {p.where for p in problems} == {f"carbon.{zone}"}
    assert all(p.fix and p.file == "t.csv" for p in problems)


@given(row=st.integers(0, 198))
@examples(100)
def test_rows_out_of_order_are_found(row: int) -> None:
    """Two rows of a series that changed places are told, with where it steps back."""
    text = told(judge(swapped(clean(), row)))
    assert "not sorted" in text
    assert (START + row * HOUR).strftime("%Y-%m-%dT%H") in text


@given(
    defects=st.lists(st.sampled_from(DEFECTS[:6]), min_size=2, max_size=4, unique=True),
    data=st.data(),
)
@examples(100)
def test_all_defects_are_told_at_once(defects: list[Defect], data: st.DataObject) -> None:
    """Several defects at different hours are each told, by one call."""
    frame = clean()
    rows = data.draw(
        st.lists(st.integers(0, 398), min_size=len(defects), max_size=len(defects), unique=True)
    )
    for defect, row in sorted(zip(defects, rows, strict=True), key=lambda pair: -pair[1]):
        frame = defect.breaks(frame, row)
    text = told(judge(frame))
    for defect in defects:
        assert defect.words[0] in text


@given(begin=st.integers(1, 150), length=st.integers(2, 40))
@examples(100)
def test_a_run_of_missing_hours_is_one_range(begin: int, length: int) -> None:
    """Neighbours are told as one range with their number, not one by one."""
    frame = clean(zones=("DE",))
    (problem,) = judge(pl.concat([frame[:begin], frame[begin + length :]]))
    assert f"{length} hours are missing" in problem.what
    assert f"({length} h)" in problem.what
    assert problem.what.count(" to ") == 1


def test_many_gaps_are_summarised() -> None:
    """Of many ranges the first are told, and the number of the others."""
    whole = clean()
    (problem,) = judge(pl.concat([whole[:200:2], whole[200:]]))
    assert "100 hours are missing" in problem.what
    assert "96 more ranges" in problem.what


def test_a_missing_first_and_last_hour_is_found() -> None:
    """A series that starts late or ends early lacks hours of the pack."""
    text = told(judge(clean(zones=("DE",))[1:-1]))
    assert "2023-01-01T00:00Z" in text
    assert "2023-01-09T07:00Z" in text


def local_stamps(zone: str, hours: int = 8760) -> pl.DataFrame:
    """A year of local wall times that are passed off as UTC."""
    times = [
        (START + i * HOUR).astimezone(ZoneInfo(zone)).replace(tzinfo=PY_UTC) for i in range(hours)
    ]
    return pl.DataFrame(
        {
            TIME: pl.Series(times).cast(UTC),
            "zone": ["X"] * hours,
            VALUE["carbon"]: [100.0] * hours,
        }
    )


@pytest.mark.parametrize(
    ("zone", "skipped", "repeated"),
    [
        ("Europe/Berlin", "2023-03-26T02", "2023-10-29T02"),
        ("Europe/London", "2023-03-26T01", "2023-10-29T01"),
        ("America/New_York", "2023-03-12T02", "2023-11-05T01"),
        ("Australia/Sydney", "2023-10-01T02", "2023-04-02T02"),
    ],
)
def test_local_stamps_are_recognised(zone: str, skipped: str, repeated: str) -> None:
    """Days of 23 and 25 hours are told as a clock change, with the zone and the way to fix it."""
    problems = check_hours(HoursTable(source(local_stamps(zone)), time_zones=(zone,)))
    clock = next(p for p in problems if "clock change" in p.what)
    assert skipped in clock.what
    assert repeated in clock.what
    assert f"--time-zone {zone}" in clock.fix
    text = told([p for p in problems if p is not clock])
    assert "missing" not in text
    assert "more than once" not in text


def test_the_zone_of_the_clock_change_is_found_among_many() -> None:
    """Without a hint, the zone whose changes explain the most is named."""
    problems = check_hours(HoursTable(source(local_stamps("Europe/Berlin"))))
    assert any("Europe/Berlin" in p.what for p in problems)


def test_an_ordinary_gap_is_no_clock_change() -> None:
    """Hours that no clock skips are not explained away."""
    gap = [START + 5 * HOUR, START + 6 * HOUR]
    assert clock_change([], gap, ("Europe/Berlin",)) is None


def test_times_in_another_zone_are_told() -> None:
    """A column of times that is not in UTC is named with its zone."""
    frame = clean().with_columns(pl.col(TIME).dt.convert_time_zone("Asia/Tokyo"))
    (problem,) = judge(frame)
    assert "Asia/Tokyo" in problem.what
    assert problem.where == f"carbon.{TIME}"


def test_times_without_a_zone_are_told() -> None:
    """A column of times without a zone is not taken for UTC."""
    (problem,) = judge(clean().with_columns(pl.col(TIME).dt.replace_time_zone(None)))
    assert "without a zone" in problem.what


def test_a_missing_column_is_told() -> None:
    """The columns that are there are named."""
    (problem,) = judge(clean().rename({"zone": "area"}))
    assert problem.where == "carbon.zone"
    assert "area" in problem.fix


def test_prices_in_another_unit_are_told() -> None:
    """USD per kWh, and a currency of small coins, are no USD per MWh."""
    low = told(judge(scale(1e-3)(clean("price"), 0), "price"))
    high = told(judge(scale(1e3)(clean("price"), 0), "price"))
    assert "USD/kWh" in low
    assert "another currency" in high


def test_a_price_may_be_negative() -> None:
    """Only intensities may not."""
    assert judge(set_value(-500.0)(clean("price"), 3), "price") == []


def test_ranges_of_hours() -> None:
    """Runs are joined, singles stand alone."""
    times = [START, START + HOUR, START + 5 * HOUR]
    assert ranges(times) == ("2023-01-01T00:00Z to 2023-01-01T01:00Z (2 h), 2023-01-01T05:00Z")


def test_a_single_csv_table_is_judged(tmp_path: Path) -> None:
    """A file is recognised by its columns; stamps without the Z are named, with their lines."""
    file = tmp_path / "mine.csv"
    clean(zones=("NO",)).write_csv(file, datetime_format="%Y-%m-%dT%H:%M:%SZ")
    assert check_path(str(file)).sound
    clean(zones=("NO",)).write_csv(file, datetime_format="%Y-%m-%d %H:%M")
    found = check_path(str(file)).problems
    assert [p.line for p in found] == [2, 3, 4, 5, 6, 201]
    assert all("wanted a time with its zone" in p.what for p in found[:-1])
    assert "195 more rows" in found[-1].what


def test_values_that_are_text_are_told(tmp_path: Path) -> None:
    """A decimal comma is read; what may be that or a mark of thousands is told."""
    file = tmp_path / "carbon.csv"
    file.write_text(f'{TIME},zone,average_g_per_kwh\n2023-01-01T00:00:00Z,NO,"1,5"\n')
    assert check_path(str(file)).sound
    file.write_text(f'{TIME},zone,average_g_per_kwh\n2023-01-01T00:00:00Z,NO,"1,500"\n')
    (problem,) = check_path(str(file)).problems
    assert (problem.line, problem.what) == (2, "is `1,500`, wanted a number")
    assert "with a point" in problem.fix


def test_a_table_that_nobody_knows_is_told(tmp_path: Path) -> None:
    """Columns that fit no table are an error with a way out."""
    file = tmp_path / "what.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="--table"):
        check_path(str(file))


def test_hours_at_zero_say_nothing_of_the_unit() -> None:
    """Prices of nothing are common: the median is that of the hours with a price."""
    half = pl.when(pl.int_range(pl.len()) % 5 < 3).then(0.0)
    column = VALUE["price"]
    frame = clean("price").with_columns(half.otherwise(pl.col(column)).alias(column))
    assert judge(frame, "price") == []
    small = frame.with_columns(pl.col(column) * 1e-3)
    assert "USD/kWh" in told(judge(small, "price"))


def test_a_short_series_says_nothing_of_the_unit() -> None:
    """23 hours may all be odd; 24 are judged, each series by itself and whatever its sign."""
    for hours, sound in ((23, True), (24, False)):
        frame = scale(-1e-3)(clean("price", hours=hours), 0)
        assert (judge(frame, "price", hours) == []) is sound
    size = pl.when(pl.col("zone") == "NO").then(1e-3).otherwise(1.0)
    mixed = clean("price").with_columns((size * pl.col(VALUE["price"])).alias(VALUE["price"]))
    assert {p.where for p in judge(mixed, "price")} == {"price.NO"}


def test_prices_below_zero_are_judged_by_their_size() -> None:
    """A series of which most prices are negative is no other unit."""
    sunny = clean("price").with_columns((-pl.col(VALUE["price"])).alias(VALUE["price"]))
    assert judge(sunny, "price") == []


def test_a_capacity_is_not_negative() -> None:
    """Accelerators of a region are counted from none up."""
    frame = clean(zones=("oslo",)).rename({"zone": "region", VALUE["carbon"]: "reserved_gpu"})
    assert judge(frame, "capacity") == []
    assert "negative in 1 hour" in told(judge(set_value(-1.0)(frame, 3), "capacity"))


def test_an_optional_column_may_have_holes() -> None:
    """Marginal intensities may be missing where they are not known; NaN and infinity are not."""
    frame = clean().with_columns(marginal_g_per_kwh=pl.lit(600.0))
    assert judge(frame) == []
    assert judge(set_value(None)(frame, 5)) == []
    assert "no number in marginal_g_per_kwh" in told(judge(set_value(float("nan"))(frame, 5)))
