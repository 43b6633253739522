"""A long scenario month by month says what it says as a whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.data.scenario_files import Folder, tiny_folder
from wattlas.data.months import Months, by_month, is_long, load_months
from wattlas.data.reader.source import read_table
from wattlas.data.reader.stretch import Stretch, times_of
from wattlas.data.schema import TABLES
from wattlas.errors import InputError, UsageError
from wattlas.model.signals import Hours
from wattlas.placement.streaming.fingerprint import fingerprint

DAYS = 60


@pytest.fixture(params=["csv", "parquet"])
def long(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """The tiny example over two months from tables that repeat its day; every hour differs."""
    made = tiny_folder(tmp_path / "t")
    for name in ("price", "carbon"):
        day = pl.read_csv(made.path / f"{name}.csv", comment_prefix="#").with_columns(
            pl.col("time_utc").str.to_datetime(time_zone="UTC")
        )
        value = day.columns[2]
        days = [
            day.with_columns(pl.col("time_utc") + pl.duration(days=n), pl.col(value) + n)
            for n in range(DAYS)
        ]
        frame = pl.concat(days).sample(fraction=1.0, shuffle=True, seed=1)
        if request.param == "csv":
            text = pl.col("time_utc").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
            frame.with_columns(text).write_csv(made.path / f"{name}.csv")
        else:
            frame.write_parquet(made.path / f"{name}.parquet", row_group_size=500)
            made.edit("scenario.yaml", f"{name}.csv", f"{name}.parquet")
    return made.edit("scenario.yaml", "  hours: 24", f"  hours: {24 * DAYS}")


def test_months_are_the_whole(long: Folder) -> None:
    """Every array of every month is the whole's at its hours, to the last bit."""
    whole = long.load()
    months = load_months(long.path)
    assert months.steps == whole.hours.count == 24 * DAYS
    begin = 0
    found = list(months)
    assert [len(one.hours.offset) for one in found] == [24 * 30, 24 * 30]
    for one in found:
        steps = np.arange(begin, begin + one.hours.count)
        assert fingerprint(one) == fingerprint(whole.at_hours(steps))
        begin += one.hours.count
    assert load_months(long.path).identity == months.identity
    assert load_months(long.path, set=["regions.oslo.pue=1.2"]).identity != months.identity
    several = ["regions.oslo.pue=1.2", "regions.oslo.queue_ms=3", "regions.mumbai.pue=1.3"]
    some, other = (load_months(long.path, set=order) for order in (several, several[::-1]))
    assert some.identity == other.identity, "whatever order the keys stand in"


def test_hours_come_from_the_data(long: Folder) -> None:
    """Without `hours` the table's times say how many there are, and no other column is read."""
    long.edit("scenario.yaml", f"  hours: {24 * DAYS}\n", "")
    assert load_months(long.path).steps == 24 * DAYS
    file = next(f for f in long.path.iterdir() if f.stem == "price")
    times, step_h = times_of(file, "zone")
    assert (times.columns, times.height, step_h) == (["time_utc"], 24 * DAYS, 1.0)


def test_what_is_long(long: Folder, tmp_path: Path) -> None:
    """More than a leap year is long; a year, a sample and a constant price of a day are not."""
    assert not is_long(long.path)
    assert is_long(long.path, set=["time.hours=8785"])
    assert not is_long(long.path, set=["time.hours=8784"])
    assert not is_long(long.path, set=["time.hours=9000", "time.sample={days_per_month: 1}"])
    assert is_long(long.path, set=["time.hours=8786", "time.step_h=2"])
    with pytest.raises(UsageError, match="from all hours"):
        load_months(long.path, set=["time.sample={days_per_month: 1}"])


def test_what_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metros × classes × hours decide, whether or not the document says how many hours there are;
    a scenario with mistakes is never large, so that all of them are told at once.
    """
    tiny = tiny_folder(tmp_path / "t")
    figures = 4 * 2 * 24
    monkeypatch.setattr("wattlas.data.months.LARGE", figures)
    assert not is_long(tiny.path)
    monkeypatch.setattr("wattlas.data.months.LARGE", figures - 1)
    assert is_long(tiny.path)
    for step_h, count in ((0.5, 2 * figures), (2.0, figures // 2)):
        for most, large in ((count, False), (count - 1, True)):
            monkeypatch.setattr("wattlas.data.months.LARGE", most)
            assert is_long(tiny.path, set=[f"time.step_h={step_h}"]) == large
    monkeypatch.setattr("wattlas.data.months.LARGE", figures - 1)
    tiny.edit("scenario.yaml", "  hours: 24\n", "")
    assert is_long(tiny.path)
    assert not is_long(tiny.path, set=["metros.only=[lagos]"])
    tiny.edit("metros.csv", "lagos,", ",")
    assert not is_long(tiny.path)


def test_stretches_of_any_cut(long: Folder) -> None:
    """Cut otherwise, the stretches are the whole's at their hours."""
    whole = long.load()

    def cut(hours: Hours) -> list[Hours]:
        return [hours.take(part) for part in np.split(np.arange(hours.count), [5, 100])]

    months = replace(load_months(long.path), cut=cut)
    found = list(months)
    assert [one.hours.count for one in found] == [5, 95, 24 * DAYS - 100]
    assert fingerprint(found[1]) == fingerprint(whole.at_hours(np.arange(5, 100)))


def test_an_outline_has_no_hours(long: Folder) -> None:
    """Places, classes, points and rules are the whole's; tables over time are not opened."""
    whole = long.load()
    for file in long.path.iterdir():
        if file.stem in ("price", "carbon"):
            file.write_bytes(b"nothing that could be read")
    months = Months(long.path, None, (), None, whole.hours, "")
    outline = months.outline()
    for name in ("metros", "nodes", "regions", "classes", "points", "residency", "objective"):
        assert getattr(outline, name) == getattr(whole, name)
    assert outline.hours.count == 1
    assert not outline.demand_per_h.any()
    assert np.isinf(outline.reserved_gpu).all()
    assert not outline.signals.average_g_per_kwh.any()


def test_a_csv_file_is_gone_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces of any size, with comments, empty lines and line breaks in cells, it is the whole
    file; a second look does not read it again.
    """
    rows = [f'2023-01-{d:02d}T{h:02d}:00:00Z,"a\nb{h}",{d * h}' for d in (1, 2) for h in range(24)]
    rows[7:7] = ["# a comment", "", ",,"]
    rows.append("soon,c,1")
    file = tmp_path / "t.csv"
    file.write_text("# what this is\ntime_utc, zone ,value\n" + "\n".join(rows), encoding="utf-8")
    whole = read_table(file, TABLES["price"], "t").frame
    day = np.datetime64("2023-01-02", "s"), np.datetime64("2023-01-03", "s")
    wanted = whole.filter(
        pl.col("time_utc").str.contains("^2023-01-02|^2023-01-01T23") | (pl.col("zone") == "c")
    )
    for size in (1, 50, 333, 1 << 20):
        monkeypatch.setattr("wattlas.data.reader.dialect.PIECE_BYTES", size)
        store = tmp_path / str(size)
        store.mkdir()
        for _ in range(2):
            found = read_table(file, TABLES["price"], "t", stretch=Stretch(*day, store)).frame
            assert found.equals(wanted)
            (before,) = store.iterdir()
            kept = {one: one.stat().st_mtime_ns for one in before.iterdir()}
        assert kept == {one: one.stat().st_mtime_ns for one in before.iterdir()}


def test_a_mistake_is_told_when_its_month_comes(tmp_path: Path) -> None:
    """File and line are those of the file, not of the month; months before it are made."""
    tiny = tiny_folder(tmp_path / "t")
    text = (tiny.path / "price.csv").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("2023-06-01T")]
    july = [row.replace("2023-06-01", "2023-07-01") for row in rows]
    tiny.write("price.csv", text.rstrip("\n") + "\n" + "\n".join(july) + "\n")
    later = tiny.path / "price.csv"
    later.write_text(
        later.read_text("utf-8").replace("2023-07-01T05:00:00Z,NO,", "2023-07-01T05:00:00Z,NO,x")
    )
    months = iter(load_months(tiny.path, set=["time.hours=744"]))
    with pytest.raises(InputError) as told:
        next(months)
    assert "lacks 696 of 720 hours" in str(told.value)
    short = load_months(tiny.path, set=["time.start=2023-07-01T00:00:00Z", "time.hours=24"])
    with pytest.raises(InputError) as told:
        next(iter(short))
    line = tiny.line("price.csv", "2023-07-01T05:00:00Z,NO,x")
    assert any(p.line == line for p in told.value.problems)


def test_months_of_any_hours() -> None:
    """A month ends where the next begins, whatever the step."""
    hours = Hours.range("2023-01-31T18:00:00", 50, 0.5)
    parts = list(by_month(hours))
    assert [one.count for one in parts] == [12, 38]
    assert str(parts[1].utc[0]) == "2023-02-01T00:00:00"
