"""What an import asks about, where a header, a stamp or a name leaves two readings open."""

from __future__ import annotations

from datetime import UTC as PY_UTC
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wattlas.data.importers import Layout, Rules, prepare, read_files
from wattlas.data.schema.hours import TIME
from wattlas.errors import InputError

BEGIN = datetime(2024, 5, 1, tzinfo=PY_UTC)
HOUR = timedelta(hours=1)
PRICE = {"time_column": "t", "value_column": "p", "zone": "QQ", "unit": "usd/mwh"}


def written(folder: Path, stamps: list[str], head: str = "t") -> Path:
    """A table of one value for each stamp."""
    file = folder / "t.csv"
    rows = [f"{stamp},{n}" for n, stamp in enumerate(stamps)]
    file.write_text("\n".join([f"{head},p", *rows]) + "\n", encoding="utf-8")
    return file


def times(file: Path, **fields: object) -> list[datetime]:
    """The beginnings that are read."""
    layout = Layout("price", **{**PRICE, **fields})  # type: ignore[arg-type]
    return read_files([file], layout).frame[TIME].to_list()


def asked(file: Path, **fields: object) -> str:
    """What a file is refused for."""
    with pytest.raises(InputError) as caught:
        times(file, **fields)
    return str(caught.value)


@pytest.mark.parametrize("head", ["Time (CET)", "local_time", "Time ET", "Uhrzeit (Ortszeit)"])
def test_a_clock_in_a_header_is_not_taken_for_utc(tmp_path: Path, head: str) -> None:
    """A header that speaks of another clock asks for its zone, and is content with any."""
    file = written(tmp_path, ["2024-05-01 00:00", "2024-05-01 01:00"], head)
    assert "--time-zone" in asked(file, time_column=head)
    assert times(file, time_column=head, time_zone="UTC")[0] == BEGIN
    assert times(file, time_column=head, time_zone="Europe/Berlin")[0] == BEGIN - 2 * HOUR


def test_a_clock_in_a_header_of_dates_asks_too(tmp_path: Path) -> None:
    """Hours that are counted from midnight need to know whose midnight."""
    file = tmp_path / "t.csv"
    rows = [f"2024-05-01,{h},{h}" for h in range(1, 25)]
    file.write_text("\n".join(["day (CET),h,p", *rows]) + "\n", encoding="utf-8")
    dated = {"time_column": "day (CET)", "hour_column": "h"}
    assert "--time-zone" in asked(file, **dated)
    assert times(file, time_zone="Europe/Berlin", **dated)[0] == BEGIN - 2 * HOUR


def test_a_header_of_utc_is_not_overruled(tmp_path: Path) -> None:
    """A column that says UTC is of no other zone; a stamp that says its own needs neither."""
    file = written(tmp_path, ["2024-05-01 00:00", "2024-05-01 01:00"], "time_utc")
    assert "speaks of UTC" in asked(file, time_column="time_utc", time_zone="Europe/Berlin")
    assert times(file, time_column="time_utc")[0] == BEGIN
    # London's clock is UTC in winter alone: a file that goes beyond it is of one of the two.
    winter = written(tmp_path, ["2024-01-05 00:00", "2024-01-05 01:00"], "time_utc")
    assert times(winter, time_column="time_utc", time_zone="Europe/London")[0].day == 5
    both = [f"2024-03-{day} {hour:02d}:00" for day in (30, 31) for hour in range(4)]
    spring = written(tmp_path, both, "time_utc")
    assert "speaks of UTC" in asked(spring, time_column="time_utc", time_zone="Europe/London")
    file = written(tmp_path, ["2024-05-01T00:00Z", "2024-05-01T01:00Z"], "time (CET)")
    assert times(file, time_column="time (CET)")[0] == BEGIN


@pytest.mark.parametrize("less", [timedelta(seconds=1), timedelta(minutes=1)])
def test_the_last_moment_of_a_period_is_its_end(tmp_path: Path, less: timedelta) -> None:
    """Stamps such as 00:59:59 end their hours, are asked about, and begin at full hours then."""
    stamps = [f"{BEGIN + (n + 1) * HOUR - less:%Y-%m-%dT%H:%M:%SZ}" for n in range(5)]
    file = written(tmp_path, stamps)
    assert "--stamps" in asked(file)
    assert times(file, stamps="end") == [BEGIN + n * HOUR for n in range(5)]


@pytest.mark.parametrize(
    ("stamp", "word"), [("45413.0417", "day numbers"), ("01.05.24 00:00", "four digits")]
)
def test_dates_of_spreadsheets_are_known(tmp_path: Path, stamp: str, word: str) -> None:
    """What a spreadsheet makes of dates is refused by its name."""
    assert word in asked(written(tmp_path, [stamp]))


def test_names_that_differ_in_capitals_are_one_or_none(tmp_path: Path) -> None:
    """`DE` and `de` are not two zones, unless somebody renames one."""
    file = tmp_path / "t.csv"
    file.write_text("t,DE,de\n2024-05-01T00:00Z,1,2\n", encoding="utf-8")
    wide = Layout("price", time_column="t", unit="usd/mwh")
    with pytest.raises(InputError, match="differ in capitals"):
        read_files([file], wide)
    renamed = Layout("price", time_column="t", unit="usd/mwh", rename={"de": "FR"})
    assert read_files([file], renamed).frame["zone"].to_list() == ["DE", "FR"]


def test_requests_of_a_step_or_of_an_hour(tmp_path: Path) -> None:
    """Requests by the quarter hour are asked about, also where gaps are allowed."""
    stamps = [f"{BEGIN + n * HOUR / 4:%Y-%m-%dT%H:%MZ}" for n in range(8)]
    file = written(tmp_path, stamps)
    demand = {"time_column": "t", "value_column": "p", "zone": "berlin", "klass": "A"}
    with pytest.raises(InputError, match="--unit requests"):
        prepare(
            read_files([file], Layout("demand", **demand)), Rules(average=True, allow_gaps=True)
        )
    counted = read_files([file], Layout("demand", unit="requests", **demand))
    made = prepare(counted, Rules(average=True, per_step=True)).rows.frame
    assert made["requests_per_h"].to_list() == [0 + 1 + 2 + 3, 4 + 5 + 6 + 7]


@examples(25)
@given(
    runs=st.lists(st.sampled_from((60, 30, 15, 5)), min_size=1, max_size=3),
    other=st.sampled_from((60, 15)),
    backwards=st.booleans(),
)
def test_ends_of_steps_that_change(
    tmp_path_factory: pytest.TempPathFactory, runs: list[int], other: int, backwards: bool
) -> None:
    """Each stamp that ends a step begins where that step began, also beside another series."""
    lengths = [step for step in runs for _ in range(2 * 24 * 60 // step)]
    rows, wanted, begin = [], [], BEGIN
    for n, step in enumerate(lengths):
        end = begin + timedelta(minutes=step)
        rows.append(f"{end:%Y-%m-%dT%H:%MZ},A,{n}")
        wanted.append(begin)
        begin = end
    minutes = 48 * 60 * len(runs)
    beside = [BEGIN + timedelta(minutes=m) for m in range(0, minutes, other)]
    rows += [f"{t + timedelta(minutes=other):%Y-%m-%dT%H:%MZ},B,1" for t in beside]
    rows = rows[::-1] if backwards else rows
    file = tmp_path_factory.mktemp("ends") / "t.csv"
    file.write_text("\n".join(["t,z,p", *rows]) + "\n", encoding="utf-8")
    long = {"time_column": "t", "zone_column": "z", "value_column": "p", "unit": "usd/mwh"}
    read = read_files([file], Layout("price", stamps="end", **long))  # type: ignore[arg-type]
    frame = prepare(read, Rules(keep_steps=True)).rows.frame
    first = frame.filter(zone="A").sort(TIME)
    assert first[TIME].to_list() == wanted
    assert first["price_usd_per_mwh"].to_list() == list(range(len(lengths)))
    assert frame.filter(zone="B").sort(TIME)[TIME].to_list() == beside
