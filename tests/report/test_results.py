"""A results folder is written whole, read back the same, and refused with every mistake named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.studied import LEFT_OUT, Studied
from wattlas.errors import InputError
from wattlas.model.frames import frame
from wattlas.report.columns import COLUMNS
from wattlas.report.results import Results, open_results, write_results


@pytest.fixture
def folder(tmp_path: Path, made: Studied) -> Path:
    """The study on the disk."""
    made.write(tmp_path / "results")
    return tmp_path / "results"


def test_round_trip(folder: Path, made: Studied) -> None:
    """What was written is read back: meta data, every table, every value."""
    found = open_results(folder)
    assert found.title == made.meta["scenario"]["title"]
    assert found.status == "optimal"
    assert found.notice == made.meta["scenario"]["notice"]
    assert set(found.tables) == set(COLUMNS) - LEFT_OUT
    for name, written in made.frames.items():
        assert_frame_equal(
            found.table(name), written.select(list(COLUMNS[name])), check_dtypes=False
        )


def test_repr_is_short(made: Studied) -> None:
    """A repr says what it is, not what is in it."""
    assert repr(made.results({})) == (
        "Results('Three regions, four metros, one day', optimal, tables=[])"
    )


def test_no_temporary_file_stays(folder: Path) -> None:
    """Only the documented files lie in the folder."""
    assert {p.name for p in folder.iterdir()} == {
        "meta.json",
        *(f"{name}.parquet" for name in set(COLUMNS) - LEFT_OUT),
    }


def test_rewriting_removes_stale_tables(folder: Path, made: Studied) -> None:
    """A second result in the same folder leaves no table of the first behind."""
    part = {"places": made.frames["places"]}
    scenario = {**made.meta["scenario"], "title": "Kälte 𝔎"}
    write_results(folder, {**made.meta, "scenario": scenario}, part)
    assert {p.name for p in folder.iterdir()} == {"meta.json", "places.parquet"}
    assert '"title": "Kälte 𝔎"' in (folder / "meta.json").read_text(encoding="utf-8")
    assert not open_results(folder).has("flows")


def test_an_interrupted_write_keeps_the_target(
    folder: Path, monkeypatch: pytest.MonkeyPatch, made: Studied
) -> None:
    """A table that cannot be written leaves neither a torn file nor a temporary one."""
    before = sorted(p.name for p in folder.iterdir())

    def fail(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pl.DataFrame, "write_parquet", fail)
    with pytest.raises(KeyboardInterrupt):
        made.write(folder)
    assert sorted(p.name for p in folder.iterdir()) == before
    assert open_results(folder).has("hourly")


def test_every_mistake_is_named(tmp_path: Path, made: Studied) -> None:
    """A missing key, an unknown table, a missing column and a wrong type: four problems."""
    places = made.frames["places"]
    meta = dict(made.meta)
    del meta["window"]
    tables = {
        "places": places.drop("name").with_columns(lat_deg=pl.lit("north")),
        "nonsense": places,
    }
    with pytest.raises(InputError) as caught:
        write_results(tmp_path / "r", meta, tables)
    assert [p.where for p in caught.value.problems] == [
        "meta.window", "places.name", "places.lat_deg", "nonsense",
    ]  # fmt: skip
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_hole_in_a_required_column(value: float | None, made: Studied) -> None:
    """A null or a NaN where a number must stand is counted."""
    wrong = made.frames["abatement"].with_columns(cost_usd=pl.lit(value, pl.Float64))
    with pytest.raises(InputError, match=f"{wrong.height} of {wrong.height} values are missing"):
        write_results("unused", dict(made.meta), {"abatement": wrong})


def test_times_without_a_zone_are_refused(made: Studied) -> None:
    """An hour without a zone could be anybody's hour."""
    merit = made.frames["merit"].with_columns(pl.col("hour").dt.replace_time_zone(None))
    with pytest.raises(InputError, match="UTC"):
        write_results("unused", dict(made.meta), {"merit": merit})


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: (f / "meta.json").unlink(), "cut short"),
        (lambda f: (f / "meta.json").write_text("{"), "not JSON"),
        (lambda f: (f / "meta.json").write_text("[]"), "not an object"),
        (lambda f: (f / "flows.parquet").unlink(), "is not there"),
        (lambda f: (f / "flows.parquet").write_bytes(b"PAR1"), "not what meta.json"),
        (lambda f: (f / "meta.json").write_text('{"status": 3}'), "meta.status: a int"),
    ],
)
def test_a_spoilt_folder_is_refused(folder: Path, spoil: object, says: str) -> None:
    """Whatever broke since, the folder is not shown as if it were whole."""
    spoil(folder)  # type: ignore[operator]
    with pytest.raises(InputError, match=says):
        open_results(folder)


def test_no_folder(tmp_path: Path) -> None:
    """A path that is no folder is named."""
    with pytest.raises(InputError, match="no such folder"):
        open_results(tmp_path / "absent")


def test_a_folder_without_an_index_is_read(folder: Path) -> None:
    """Tables that another tool put there need no hashes."""
    meta = json.loads((folder / "meta.json").read_text())
    del meta["tables"]
    (folder / "meta.json").write_text(json.dumps(meta))
    assert open_results(folder).has("hourly")


def test_unknown_table_names_those_that_are_there() -> None:
    """The error of a misspelt table lists the tables; a table has to have a row to be there."""
    few = Results(meta={}, tables={"places": pl.DataFrame(), "row": pl.DataFrame({"a": [1]})})
    with pytest.raises(KeyError, match="places"):
        few.table("place")
    assert [few.has(name) for name in ("places", "row", "place")] == [False, True, False]


def test_frames_from_arrays() -> None:
    """Naive times are UTC and NaN is null where a study's arrays become tables."""
    hour = np.array(["2023-01-01T05"], "datetime64[h]")
    table = frame({"hour": hour, "capacity_mw": np.array([np.nan])})
    assert table.schema["hour"] == pl.Datetime("ms", "UTC")
    assert table["capacity_mw"].to_list() == [None]
