"""Tables: each bad cell, row, hour and column is named by file and line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.data.scenario_files import Folder, tiny_folder
from wattlas.data.reader import source
from wattlas.data.reader.cells import typed
from wattlas.data.reader.dialect import read_frame
from wattlas.data.reader.source import read_table
from wattlas.data.schema.places import REGIONS


@pytest.fixture
def tiny(tmp_path: Path) -> Folder:
    """A copy of the tiny example."""
    return tiny_folder(tmp_path / "tiny")


CELLS = [
    ("price.csv", "T03:00:00Z,NO,", "T03:00:00Z,NO,nan", "price_usd_per_mwh", "wanted a number"),
    ("price.csv", "2023-06-01T03:00:00Z,NO", "2023-06-01T03:00:00,NO", "time_utc", "its zone"),
    ("price.csv", "2023-06-01T03:00:00Z,NO", "1 June 3h,NO", "time_utc", "1 June 3h"),
    ("carbon.csv", "T03:00:00Z,NO,", "T03:00:00Z,NO,-", "average_g_per_kwh", "at least 0"),
    ("egress.csv", "virginia,oslo,0.05", "virginia,oslo,-0.05", "egress_usd_per_gb", "at least 0"),
    ("egress.csv", "virginia,oslo", "virgina,oslo", "node", "`virginia`"),
    ("rtt_metro_node.csv", "lagos,frankfurt,95", "lagos,frankfurt,", "rtt_ms", "is empty"),
    ("regions.csv", "mumbai,Mumbai", "oslo,Mumbai", "region", "given twice, first on line 3"),
    ("regions.csv", "mumbai,Mumbai", ",Mumbai", "region", "wanted an id"),
    ("metros.csv", "15000000", "many", "metros.lagos.population", "wanted a number"),
    ("metros.csv", "52.52", "152.52", "metros.berlin.lat_deg", "at most 90"),
    ("metros.csv", "6.52,3.38", "0,0", "metros.lagos.lat_deg", "(0, 0)"),
    ("points.csv", ",0.86,", ",86,", "points.large-fast.accuracy", "at most 1"),
]


@pytest.mark.parametrize(("name", "old", "new", "where", "words"), CELLS)
def test_a_bad_cell_is_named(
    tiny: Folder, name: str, old: str, new: str, where: str, words: str
) -> None:
    """A cell that is wrong is told with the line it stands on, comments counted."""
    tiny.edit(name, old, new)
    found = [p for p in tiny.problems() if p.file == str(tiny.path / name)]
    assert any(
        p.where == where and words in p.what + p.fix and p.line == tiny.line(name, new)
        for p in found
    ), found


KEYED = [
    "regions.csv", "nodes.csv", "metros.csv", "points.csv", "egress.csv", "rtt_metro_node.csv",
    "rtt_node_region.csv", "price.csv", "carbon.csv",
]  # fmt: skip


@pytest.mark.parametrize("name", KEYED)
def test_a_row_that_is_there_twice_is_named(tiny: Folder, name: str) -> None:
    """In every table with a key, at the line of the second, even where both say the same."""
    text = (tiny.path / name).read_text("utf-8").rstrip("\n")
    tiny.write(name, f"{text}\n{text.splitlines()[-1]}\n")
    problems = tiny.problems()
    place = str(tiny.path / name), text.count("\n") + 2
    assert {(problem.file, problem.line) for problem in problems} == {place}
    assert all("given twice" in p.what or "given 2 times" in p.what for p in problems)


def test_a_missing_hour_is_named(tiny: Folder) -> None:
    """An hour that a zone lacks is told once, with how many and the first."""
    tiny.edit("carbon.csv", "2023-06-01T07:00:00Z,IN", "2023-06-01T06:59:00Z,IN")
    told = " ".join(map(str, tiny.problems()))
    assert "`IN` lacks 1 of 24 hours, the first 2023-06-01T07:00:00Z" in told
    assert "2023-06-01T06:59:00Z is not a step of 1 h" in told


def test_a_doubled_hour_is_named(tiny: Folder) -> None:
    """An hour given twice, as a local clock does in autumn, is told with the line of the second."""
    tiny.edit("price.csv", "2023-06-01T07:00:00Z,NO", "2023-06-01T06:00:00Z,NO")
    found = tiny.problems()
    assert any("2023-06-01T06:00:00Z is given 2 times" in p.what for p in found)
    assert any("lacks 1 of 24 hours" in p.what for p in found)
    twice = next(p for p in found if "given 2 times" in p.what)
    assert twice.line == tiny.line("price.csv", "T06:00:00Z,NO") + 1
    assert "autumn" in twice.fix


def test_a_missing_column_is_named(tiny: Folder) -> None:
    """A column that is not there is told once, with the one that was probably meant."""
    tiny.edit("price.csv", "price_usd_per_mwh", "price_usd_per_kwh")
    tiny.edit("regions.csv", "zone,country", "grid,country")
    tiny.edit("regions.csv", "pue,reserved_gpu", "pue,reserved_gpus")
    found = {(Path(str(p.file)).name, p.where): p for p in tiny.problems()}
    assert "price_usd_per_kwh" in found["price.csv", "price_usd_per_mwh"].fix
    assert found["regions.csv", "zone"].line == 2  # below a comment
    assert "`reserved_gpu`" in found["regions.csv", "reserved_gpus"].fix


def test_many_bad_cells_are_summed_up(tiny: Folder) -> None:
    """After five bad cells of a column the rest is a number."""
    text = (tiny.path / "price.csv").read_text("utf-8").replace(",NO,", ",NO,x")
    tiny.write("price.csv", text)
    found = [p for p in tiny.problems() if str(p.file).endswith("price.csv")]
    assert len(found) == 6
    assert "19 more rows" in found[-1].what


def test_tables_that_cannot_be_read(tiny: Folder) -> None:
    """An empty file, a row with too many cells, a strange ending: each is one clear problem."""
    (problem,) = tiny.write("egress.csv", "").problems("network.egress.default_usd_per_gb=0")
    assert (problem.file, problem.what) == (str(tiny.path / "egress.csv"), "is empty")
    tiny.write("egress.csv", "# c\nnode,region,egress_usd_per_gb\n\nfrankfurt,oslo,1,2\n")
    (problem,) = tiny.problems("network.egress.default_usd_per_gb=0")
    assert (problem.line, problem.what) == (4, "has 4 cells where the header has 3")
    tiny.write("egress.xls", "a")
    found = tiny.problems("network.egress.table=egress.xls")
    assert any("wanted .csv or .parquet" in p.what for p in found)


def test_naive_times_in_parquet_are_refused(tiny: Folder) -> None:
    """Parquet times without a zone may be anything, so they are not taken for UTC."""
    frame = pl.read_csv(tiny.path / "price.csv", comment_prefix="#", try_parse_dates=True)
    naive = frame.with_columns(pl.col("time_utc").dt.replace_time_zone(None))
    naive.write_parquet(tiny.path / "price.parquet")
    found = tiny.problems("signals.price.table=price.parquet")
    assert any(p.where.startswith("time_utc") and "its zone" in p.what for p in found)


def test_a_zone_without_a_signal_is_named(tiny: Folder) -> None:
    """A region on a zone that has neither price nor carbon is told once, at the region's row."""
    tiny.edit("regions.csv", ",US-TX,", ",US-TEX,")
    (problem,) = tiny.problems()
    assert problem.where == "regions.austin.zone"
    assert problem.line == tiny.line("regions.csv", "Austin")
    assert "`US-TX`" in problem.fix


def test_marginal_intensity_for_some_zones_only(tiny: Folder) -> None:
    """Marginal intensity that some zones lack is refused, not mixed with averages."""
    text = (tiny.path / "carbon.csv").read_text("utf-8").splitlines()
    cut = [",".join([*line.split(",")[:3], ""]) if ",IN," in line else line for line in text]
    tiny.write("carbon.csv", "\n".join(cut))
    (problem,) = tiny.problems()
    assert "none for IN" in problem.what
    assert not tiny.problems("signals.decide_by=average")


def test_demand_table_mistakes(tiny: Folder) -> None:
    """Unknown metros and classes, negative demand and missing hours of a demand table are told."""
    rows = [f"2023-06-01T{h:02d}:00:00Z,lagos,A,{h - 1}" for h in range(23)]
    rows += ["2023-06-01T00:00:00Z,logos,A,1", "2023-06-01T00:00:00Z,lagos,Z,1"]
    tiny.write("demand.csv", "\n".join(["time_utc,metro,class,requests_per_h", *rows]))
    told = " ".join(map(str, tiny.problems("demand=demand.csv")))
    assert "`logos` is not one of the metros" in told
    assert "`Z` is not one of the classes" in told
    assert "is `-1`" in told
    assert "lacks 1 of 24 hours" in told


def test_a_class_in_both_demands(tiny: Folder) -> None:
    """A class that a table and a profile both give would count twice, and is refused."""
    rows = [f"2023-06-01T{h:02d}:00:00Z,lagos,A,1" for h in range(24)]
    tiny.write("demand.csv", "\n".join(["time_utc,metro,class,requests_per_h", *rows]))
    (problem,) = tiny.problems("demand.table=demand.csv")
    assert problem.where == "demand.population.classes.A"


def test_a_small_table_is_typed_once_and_told_by_its_own_file(tiny: Folder, tmp_path: Path) -> None:
    """What a file holds now is what counts, and not what another one with the same text is called:
    the same length changes nothing of that.
    """
    other = tiny_folder(tmp_path / "other")
    for folder in (tiny, other):
        folder.edit("price.csv", "T03:00:00Z,NO,", "T03:00:00Z,NO,nan")
        (told,) = folder.problems()
        line = folder.line("price.csv", "T03:00:00Z,NO,nan")
        assert (told.file, told.line) == (str(folder.path / "price.csv"), line)
    other.edit("price.csv", "nan", "")
    other.edit("price.csv", "# Invented", "\n# Invented")
    other.edit("price.csv", "T04:00:00Z,NO,", "T04:00:00Z,NO,x")
    (told,) = other.problems()
    assert (told.line, "`x" in told.what) == (other.line("price.csv", "T04:00:00Z,NO,x"), True)
    tables = [read_table(f.path / "regions.csv", REGIONS, "r") for f in (tiny, other)]
    assert typed(tables[0]).frame is typed(tables[1]).frame
    assert [table.path for table in tables] == [f.path / "regions.csv" for f in (tiny, other)]
    before = typed(tables[0]).frame["pue"].to_list()
    tiny.edit("regions.csv", "1.10", "1.90")
    now = typed(read_table(tiny.path / "regions.csv", REGIONS, "r")).frame["pue"].to_list()
    assert (before[0], now) == (1.1, [1.9, *before[1:]])
    again = replace(REGIONS, thing="place")
    assert read_table(tiny.path / "regions.csv", again, "r").schema is again


def test_the_tables_that_were_used_last_are_kept(tmp_path: Path) -> None:
    """So many, whatever their names: one that is used again is no older than a new one."""
    for n in range(source.MOST_KEPT + 1):
        (tmp_path / f"{n}.csv").write_text(f"id,pue\na,{1 + n / 1000}\n")
    first, *others = (read_table(tmp_path / f"{n}.csv", REGIONS, "r") for n in (0, 1, 2))
    for n in range(3, source.MOST_KEPT):
        read_table(tmp_path / f"{n}.csv", REGIONS, "r")
    assert read_table(tmp_path / "0.csv", REGIONS, "r").made is first.made
    read_table(tmp_path / f"{source.MOST_KEPT}.csv", REGIONS, "r")
    assert read_table(tmp_path / "0.csv", REGIONS, "r").made is first.made
    assert read_table(tmp_path / "2.csv", REGIONS, "r").made is others[1].made
    assert read_table(tmp_path / "1.csv", REGIONS, "r").made is not others[0].made
    assert len(source._KEPT) == source.MOST_KEPT


def test_a_table_that_is_written_while_it_is_read_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a file held before is not taken for what was read of it."""
    file, text = tmp_path / "regions.csv", "region,pue\nwritten-meanwhile,1.5\n"
    file.write_text(text)

    def changed(*more: Any) -> pl.DataFrame:
        file.write_text("region,pue\nother,1.2\n")
        return read_frame(*more)

    monkeypatch.setattr(source, "read_frame", changed)
    assert read_table(file, REGIONS, "r").frame["region"].to_list() == ["other"]
    monkeypatch.undo()
    file.write_text(text)
    assert read_table(file, REGIONS, "r").frame["region"].to_list() == ["written-meanwhile"]
