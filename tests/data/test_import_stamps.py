"""What stamps of others mean: read right, or asked about; never silently otherwise."""

from __future__ import annotations

from dataclasses import dataclass
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
from wattlas.data.reader.numbers import decimal_mark, numbers
from wattlas.data.reader.stamps import MARKS, zoned
from wattlas.data.schema.hours import TIME
from wattlas.errors import InputError


def file_of(folder: Path, *lines: str, name: str = "t.csv") -> Path:
    """Writes lines to a file."""
    file = folder / name
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def layout(**fields: Any) -> Layout:
    """A layout of prices of one zone."""
    plain = {"time_column": "t", "value_column": "p", "zone": "QQ", "unit": "usd/mwh"}
    return Layout("price", **{**plain, **fields})


def read(file: Path, **fields: Any) -> dict[str, float]:
    """Stamp in UTC → value."""
    frame = read_files([file], layout(**fields)).frame
    times = frame[TIME].dt.strftime("%m-%dT%H:%M").to_list()
    return dict(zip(times, frame["price_usd_per_mwh"].to_list(), strict=True))


def asked(file: Path, **fields: Any) -> str:
    """What is said of a file that is refused."""
    with pytest.raises(InputError) as caught:
        read_files([file], layout(**fields))
    return "\n".join(map(str, caught.value.problems))


@pytest.mark.parametrize(
    "text",
    [
        *("2024-05-01 07:00:00+00", "2024-05-01 07:00+00:00", "2024-05-01T07Z"),
        *("2024-05-01 09:00 CEST", "2024-05-01T02:00:00.000-0500", "2024/05/01 07:00 UTC"),
        *("01.05.2024 07:00 GMT", "May 1, 2024 7:00 AM UTC", "20240501T0700Z", "202405010700Z"),
    ],
)
def test_any_stamp_with_a_zone_is_read(text: str) -> None:
    """With a space or a T, with or without seconds, with an offset or a mark of one meaning."""
    found = pl.DataFrame({"t": [text]}).select(zoned(pl.col("t"))).item()
    assert found == datetime(2024, 5, 1, 7, tzinfo=PY_UTC)


@pytest.mark.parametrize("text", ["2024-05-01 07:00", "1/5/2024 07:00Z", "2024-13-01T00:00Z", "x"])
def test_a_stamp_that_may_be_anything_is_none(text: str) -> None:
    """No zone, or a day that may be the month: scenario tables refuse it."""
    assert pl.DataFrame({"t": [text]}).select(zoned(pl.col("t"))).item() is None


def test_ends_are_asked_about(tmp_path: Path) -> None:
    """A header that speaks of an end, 24:00, and days from 01:00 to midnight are asked about."""
    head = file_of(tmp_path, "hour ending,p", "2024-06-01T01:00Z,1", "2024-06-01T02:00Z,2")
    assert "--stamps end" in asked(head, time_column="hour ending")
    assert read(head, time_column="hour ending", stamps="end") == {
        "06-01T00:00": 1,
        "06-01T01:00": 2,
    }
    day = file_of(tmp_path, "t,p", *[f"2024-06-01 {h:02d}:00,{h}" for h in range(1, 25)])
    assert "24:00" in asked(day)
    assert read(day, stamps="end")["06-01T23:00"] == 24
    rows = [f"2024-06-01 {h:02d}:00,{h}" for h in range(1, 24)]
    shifted = file_of(tmp_path, "t,p", *rows, "2024-06-02 00:00,24")
    assert "as if they ended their periods" in asked(shifted)
    assert read(shifted, stamps="begin")["06-01T01:00"] == 1


def test_the_order_of_day_and_month_is_found_or_asked(tmp_path: Path) -> None:
    """A day above 12 settles it for all files; nothing does for a few days of May."""
    few = file_of(tmp_path, "t,p", "02/05/2024 00:00,1")
    assert "as spreadsheets save dates" in asked(few)
    assert read(few, dates="month-first") == {"02-05T00:00": 1}
    more = file_of(tmp_path, "t,p", "13/05/2024 00:00,2", name="u.csv")
    frame = read_files([few, more], layout(stamps="begin")).frame
    assert frame[TIME].dt.day().to_list() == [2, 13]
    assert "not as --dates says" in asked(more, dates="month-first")
    assert "some dates" in asked(
        file_of(tmp_path, "t,p", "13/05/2024 00:00,2", "05/13/2024 01:00,2")
    )


def test_epochs_are_told_by_size(tmp_path: Path) -> None:
    """Seconds and milliseconds since 1970 as text or numbers; ten digits may be a date."""
    for text in ("1717200000", "1717200000000", "2024060100", "1717200000.0"):
        assert read(file_of(tmp_path, "t,p", f"{text},5")) == {"06-01T00:00": 5}
    pl.DataFrame({"t": [1717200000], "p": [5.0]}).write_parquet(tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet") == {"06-01T00:00": 5}
    assert "no time that is known" in asked(file_of(tmp_path, "t,p", "45413.5,1"))


def test_hours_beside_a_date(tmp_path: Path) -> None:
    """Counted hours of a day of 25, hours of a clock with a flag, and periods of part hours."""
    zone = {"hour_column": "h", "time_zone": "Europe/Madrid"}
    rows = [f"2024-10-27;{h};{h}" for h in range(1, 26)]
    counted = read(file_of(tmp_path, "t;h;p", *rows), **zone)
    assert (counted["10-26T22:00"], counted["10-27T01:00"], counted["10-27T22:00"]) == (1, 4, 25)
    flagged = [("01:00", "N"), ("02:00", "N"), ("02:00", "Y"), ("03:00", "N"), ("24:00", "N")]
    lines = [f"11/03/2024,{h},{n},{f}" for n, (h, f) in enumerate(flagged)]
    found = read(
        file_of(tmp_path, "t,h,p,again", *lines),
        hour_column="h",
        repeated_column="again",
        dates="month-first",
        time_zone="America/Chicago",
    )
    assert list(found) == [f"11-03T{h}:00" for h in ("05", "06", "07", "08")] + ["11-04T05:00"]
    halves = [f"2024-06-01,{n},{n}" for n in range(1, 49)]
    half = read(file_of(tmp_path, "t,h,p", *halves), hour_column="h", time_zone="Europe/London")
    assert (half["05-31T23:00"], half["06-01T22:30"]) == (1, 48)
    few = file_of(tmp_path, "t,h,p", *halves[:9])
    assert "--step 60" in asked(few, hour_column="h")
    assert len(read(few, hour_column="h", step_min=30)) == 9
    dates = file_of(tmp_path, "t,hour,p", "2024-06-01,1,1")
    assert "`--hour-column hour`" in asked(dates)


def test_numbers_of_a_clock_and_counted_ones_are_told_apart(tmp_path: Path) -> None:
    """On the day of 23 hours a clock leaves 3 out; counted hours end at 23; neither is asked."""
    zone = {"hour_column": "h", "time_zone": "America/New_York"}
    clock = [f"2024-03-10,{h},{h}" for h in range(1, 25) if h != 3]
    assert read(file_of(tmp_path, "t,h,p", *clock), **zone)["03-10T07:00"] == 4
    counted = [f"2024-03-10,{h},{h}" for h in range(1, 24)]
    day = [f"2024-03-11,{h},{h}" for h in range(1, 25)]
    assert read(file_of(tmp_path, "t,h,p", *counted, *day), **zone)["03-10T07:00"] == 3
    unclear = file_of(tmp_path, "t,h,p", *counted[:20], *day)
    assert "--hour-numbers counted" in asked(unclear, **zone)


def test_rows_in_no_order_are_asked_about(tmp_path: Path) -> None:
    """The doubled hour of autumn cannot be told in shuffled rows; a mark or a flag settles it."""
    hours = ["03:00", "01:00", "02:00", "00:00", "02:00", "04:00", "23:00"]
    rows = [f"2023-10-29 {h},{n}" for n, h in enumerate(hours)]
    assert "rows in no order" in asked(file_of(tmp_path, "t,p", *rows), time_zone="Europe/Berlin")
    marked = [f"29.10.2023 02:00 (CE{m}T),{n}" for n, m in enumerate(("", "S"))]
    found = read(file_of(tmp_path, "t,p", *marked))
    assert found == {"10-29T01:00": 0, "10-29T00:00": 1}


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("step_min", [60, 15])
def test_the_doubled_hour_in_either_order(tmp_path: Path, step_min: int, backwards: bool) -> None:
    """The newest may stand first: the hour that comes twice is then the later one first."""
    zone, step = ZoneInfo("Europe/Berlin"), timedelta(minutes=step_min)
    begin = datetime(2023, 10, 28, 22, tzinfo=PY_UTC)
    times = [begin + n * step for n in range(6 * 60 // step_min)]
    rows = [f"{time.astimezone(zone):%Y-%m-%d %H:%M},{n}" for n, time in enumerate(times)]
    file = file_of(tmp_path, "t,p", *(reversed(rows) if backwards else rows))
    found = read(file, time_zone="Europe/Berlin")
    assert found == {f"{time:%m-%dT%H:%M}": n for n, time in enumerate(times)}


@pytest.mark.parametrize("called", [False, True])
@pytest.mark.parametrize("night", ["2023-03-11", "2023-11-04"])
def test_ends_are_shown_or_called(tmp_path: Path, night: str, called: bool) -> None:
    """A market shows the clock at the end, or calls the end by the hour after the beginning."""
    zone, hour = ZoneInfo("America/New_York"), timedelta(hours=1)
    begin = datetime.fromisoformat(night).replace(tzinfo=zone).astimezone(PY_UTC)
    times = [begin + n * hour for n in range(48)]
    shown = [
        t.astimezone(zone).replace(tzinfo=None) + hour if called else (t + hour).astimezone(zone)
        for t in times
    ]
    rows = [f"{end:%Y-%m-%d %H:%M},{n}" for n, end in enumerate(shown)]
    file = file_of(tmp_path, "t,p", *rows)
    said = layout(stamps="end", time_zone="America/New_York")
    frame = read_files([file], said).frame
    assert frame[TIME].to_list() == times


SPOKEN = {
    "Europe/Lisbon": ("WET", "WEST"), "Europe/Berlin": ("CET", "CEST"),
    "Europe/Helsinki": ("EET", "EEST"), "America/New_York": ("EST", "EDT"),
    "America/Chicago": ("", "CDT"), "America/Denver": ("MST", "MDT"),
    "America/Los_Angeles": ("PST", "PDT"), "Australia/Sydney": ("AEDT", "AEST"),
    "Asia/Tokyo": ("JST", "JST"), "Asia/Seoul": ("KST", "KST"),
    "Pacific/Auckland": ("NZDT", "NZST"), "UTC": ("UTC", "UTC"), "Europe/London": ("GMT", ""),
}  # fmt: skip
"""Zone → what its clock is called in January and in July, where that has one meaning."""


def test_a_mark_is_the_offset_of_the_clock_that_it_names() -> None:
    """Each as the database of time zones has it, of the half of the year that it is used in."""
    offsets: dict[str, float] = {"Z": 0.0}
    for zone, marks in SPOKEN.items():
        for month, mark in zip((1, 7), marks, strict=True):
            time = datetime(2024, month, 10, tzinfo=ZoneInfo(zone))
            if mark:
                assert time.tzname() == mark
                offset = time.utcoffset()
                assert offset is not None
                offsets[mark] = offset / timedelta(hours=1)
    assert offsets == MARKS


@pytest.mark.parametrize(
    ("cells", "mark", "wanted"),
    [
        (["61,25", "1.058,40", "-3,1"], ",", [61.25, 1058.4, -3.1]),
        (["1,058.40", "12"], ".", [1058.4, 12.0]),
        (["1 058,4", "\u22125,2"], ",", [1058.4, -5.2]),
        (["0,125"], ",", [0.125]),
        (["1.234.567"], ",", [1234567.0]),
        (["1,234", "5,678"], None, None),
        (["1.5", "1,5"], None, None),
    ],
)
def test_decimal_marks(cells: list[str], mark: str | None, wanted: list[float] | None) -> None:
    """The mark is found where a cell can only be read in one way; else it is asked for."""
    series = pl.Series(cells)
    assert decimal_mark(series) == mark
    if mark is not None:
        assert numbers(series, mark).to_list() == wanted


def test_tables_in_other_hands(tmp_path: Path) -> None:
    """A preamble, another separator and alphabet, spaces and a comma for a point are read alike."""
    plain = file_of(tmp_path, "t,p", "2024-06-01 00:00,1.5", "2024-06-01 01:00,2.25")
    wanted = read(plain)
    preamble = file_of(tmp_path, "lat,lon,tz", "52.5,13.4,GMT", "", "t,p",
                       "2024-06-01 00:00, 1.5", "2024-06-01 01:00, 2.25")  # fmt: skip
    assert read(preamble) == wanted
    other = tmp_path / "o.csv"
    text = "sep=;\nt;p;größe\n01.06.2024 00:00;1,50;ä\n01.06.2024 01:00;2,25;ö\n"
    for encoding in ("cp1252", "utf-8-sig", "utf-16"):
        other.write_bytes(text.encode(encoding))
        assert read(other) == wanted
    assert "decimal mark or one of thousands" in asked(
        file_of(tmp_path, "t;p", "2024-06-01 00:00;1,234")
    )
    rows = ("2024-06-01T00:00Z,high", "2024-06-01T01:00Z,", "2024-06-01T02:00Z,n/a",
            "2024-06-01T03:00Z,5")  # fmt: skip
    assert "1 cells are no numbers, the first: `high`" in asked(file_of(tmp_path, "t,p", *rows))
    assert "1 cells are no numbers, the first: `high`" in asked(
        file_of(tmp_path, "t,p", "2024-06-01 00:00,high")
    )


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    """No rows, no values, no Parquet, no JSON, a column twice, a million columns: each is told."""
    assert "there are none" in asked(file_of(tmp_path, "t,p"))
    only = file_of(tmp_path, "t,zone", "2024-06-01T00:00Z,QQ")
    assert "no column of values" in asked(only, value_column=None, zone=None, zone_column="zone")
    for name, words in (("n.parquet", "no Parquet file"), ("n.json", "no JSON")):
        assert words in asked(file_of(tmp_path, "x", name=name))
    assert "`p` is there twice" in asked(file_of(tmp_path, "t,p,p", "2024-06-01T00:00Z,1,2"))
    wide = file_of(tmp_path, "t," + ",".join(f"c{n}" for n in range(300_000)))
    assert "columns" in asked(wide)
    assert "is empty" in asked(file_of(tmp_path, ""))


@dataclass(frozen=True)
class Drawn:
    """A way to write hours down."""

    zone: str
    begin: datetime
    step_min: int
    form: str
    separator: str
    comma: bool
    end: bool
    backwards: bool
    zones: int
    hole: int | None
    twice: int | None


FORMS = (
    ("%Y-%m-%d %H:%M", None),
    ("%d.%m.%Y %H:%M:%S", None),
    ("%m/%d/%Y %I:%M %p", "month-first"),
    ("%Y%m%d%H%M", None),
    ("%d/%m/%Y %H:%M (%Z)", "day-first"),
    ("%Y-%m-%dT%H:%M:%S%z", None),
)
NIGHTS = {
    "Europe/Berlin": ("2023-03-25", "2023-10-28"),
    "America/New_York": ("2023-03-11", "2023-11-04"),
    "Australia/Adelaide": ("2023-04-01", "2023-09-30"),
}


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    """Layouts around the nights on which clocks change, and a day without one."""
    zone = draw(st.sampled_from(sorted(NIGHTS)))
    day = datetime.fromisoformat(draw(st.sampled_from((*NIGHTS[zone], "2023-07-01"))))
    comma = draw(st.booleans())
    separators = ";\t|" if comma else ",;\t"
    defect = draw(st.sampled_from(("none", "none", "hole", "twice")))
    place = draw(st.integers(20, 47))
    return Drawn(
        zone,
        day.replace(tzinfo=ZoneInfo(zone)).astimezone(PY_UTC),
        draw(st.sampled_from((60, 30, 15))),
        draw(st.sampled_from(FORMS))[0],
        draw(st.sampled_from(separators)),
        comma,
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.integers(1, 2)),
        place if defect == "hole" else None,
        place if defect == "twice" else None,
    )


@examples(20)
@given(case=drawn())
def test_what_is_written_down_is_read_right(
    tmp_path_factory: pytest.TempPathFactory, case: Drawn
) -> None:
    """Two days in any layout give the hours they were made from; a hole and a double are told."""
    step = timedelta(minutes=case.step_min)
    count = 48 * 60 // case.step_min + 3
    times = [case.begin + n * step for n in range(count)]
    rows = []
    for n, time in enumerate(times):
        shown = (time + (step if case.end else timedelta())).astimezone(ZoneInfo(case.zone))
        cells = [f"{n + 0.5 + 1000 * z:.2f}" for z in range(case.zones)]
        cells = [c.replace(".", ",") if case.comma else c for c in cells]
        row = case.separator.join([shown.strftime(case.form), *cells])
        rows += [] if n == case.hole else [row, row] if n == case.twice else [row]
    rows = rows[::-1] if case.backwards else rows
    folder = tmp_path_factory.mktemp("drawn")
    head = case.separator.join(["t", *("AB"[: case.zones])])
    file = file_of(folder, head, *rows)
    said = Layout(
        "price",
        time_column="t",
        time_zone=case.zone,
        stamps="end" if case.end else "begin",
        dates=dict(FORMS)[case.form],  # type: ignore[arg-type]
        unit="usd/mwh",
    )
    new = read_files([file], said)
    if case.hole is not None or case.twice is not None:
        with pytest.raises(InputError) as caught:
            prepare(new, Rules(keep_steps=True))
        words = "missing" if case.hole is not None else "more than once"
        assert any(words in p.what or "clock change" in p.what for p in caught.value.problems)
        return
    frame = prepare(new, Rules(keep_steps=True)).rows.frame.sort("zone", TIME)
    for z in range(case.zones):
        own = frame.filter(pl.col("zone") == "AB"[z])
        if case.zone == "Australia/Adelaide" and case.step_min == 60:
            own = own[::2]  # hours at half past are kept as half hours
        assert own[TIME].to_list() == times
        wanted = [n + 0.5 + 1000 * z for n in range(count)]
        assert own["price_usd_per_mwh"].to_list() == wanted


def test_advice_fits_all_that_is_wrong(tmp_path: Path) -> None:
    """Day numbers of a spreadsheet are told as such where all are, and not for one among others."""
    for stamps, told in ((("45000", "45000.5"), True), (("45000", "1 May 3h"), False)):
        said = asked(file_of(tmp_path, "t,p", *(f"{stamp},1" for stamp in stamps)))
        assert ("spreadsheet's day numbers" in said) == told
