"""A sweep's folder: a file for each run, resumed, refused where it is another's, collected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import wattlas
from tests.data.scenario_files import tiny_folder
from tests.shipped import shipped
from tests.studies.sweeps.folders import PRICE, PUE, tiny
from wattlas.data.whole_file import locked
from wattlas.errors import InputError, UsageError
from wattlas.studies.sweeps.carry_out import Here, carry_out
from wattlas.studies.sweeps.change import Written
from wattlas.studies.sweeps.design import Axis, SweepDesign
from wattlas.studies.sweeps.folder import STATED, check_inputs, open_sweep, sweep_in
from wattlas.studies.sweeps.found import SweepFindings
from wattlas.studies.sweeps.runs import work
from wattlas.studies.sweeps.verbs import NUMBER, VERBS, Verb


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished sweep of four runs, two of which fail."""
    folder = tmp_path_factory.mktemp("whole") / "sweep"
    axes = (Axis("regions.oslo.pue", (1.1, 0.5)), Axis("classes.A.latency_budget_ms", (50, 300)))
    assert carry_out(tiny(folder, *axes), Here()) == 4
    return folder


def test_a_row_is_what_the_verb_alone_says(whole: Path) -> None:
    """Totals are those of the plan with the values set; what fails is a row with its error."""
    rows = open_sweep(whole).table()
    assert rows["run"].to_list() == [0, 1, 2, 3]
    assert rows["status"].to_list() == ["infeasible", "optimal", "failed", "failed"]
    assert rows["exit_code"].to_list() == [4, 0, 3, 3]
    assert "class A" in rows["error"][0]
    assert "regions.oslo.pue" in rows["error"][2]
    assert rows["cost_usd"].null_count() == 3
    told = shipped("tiny", set=["regions.oslo.pue=1.1", "classes.A.latency_budget_ms=300"])
    alone = wattlas.plan(told).totals
    assert rows["cost_usd"][1] == alone.cost_usd
    assert rows["carbon_kg"][1] == alone.carbon_kg


def test_the_files_are_one_table(whole: Path) -> None:
    """All files of runs have the columns and types of the table, those of failed runs, too."""
    together = pl.read_parquet(whole / "runs" / "*.parquet").sort("run")
    assert together.equals(open_sweep(whole).table())
    assert not list((whole / "runs").glob("*.under-way"))


def test_the_page_names_its_metrics_in_words(whole: Path) -> None:
    """Each row of the ranking has its metric's name and unit as a heading has them."""
    table = SweepFindings(open_sweep(whole), open_sweep(whole).table()).page_tables()[
        "sweep_ranking"
    ]
    label = dict(zip(table["metric"], table["label"], strict=True))
    assert label["cost_usd"] == "cost, USD"
    assert label["carbon_kg"] == "carbon, kg"


def test_a_run_is_named_by_number_or_hash_and_done_once(whole: Path) -> None:
    """From the first to the last; what is there is not written again."""
    sweep = open_sweep(whole)
    last = len(sweep.hashes) - 1
    for n, name in enumerate(sweep.hashes):
        assert sweep.index_of(str(n)) == sweep.index_of(name) == n
    for which in (str(last + 1), "-1", "", "1.0", sweep.hashes[0][:-1]):
        with pytest.raises(UsageError, match=rf"Give its hash, or 0\.\.{last}\."):
            sweep.index_of(which)
    before = {path: path.stat().st_mtime_ns for path in (whole / "runs").iterdir()}
    assert [work(str(whole), n) for n in range(last + 1)] == [None] * (last + 1)
    assert {path: path.stat().st_mtime_ns for path in (whole / "runs").iterdir()} == before


def test_only_what_is_missing_is_run(whole: Path) -> None:
    """A file that is taken away comes back the same, and no other is written."""
    sweep = open_sweep(whole)
    before = {path: path.stat().st_mtime_ns for path in (whole / "runs").iterdir()}
    bytes_before = sweep.file(1).read_bytes()
    sweep.file(1).unlink()
    assert sweep.missing() == [1]
    assert carry_out(sweep, Here()) == 1
    assert sweep.file(1).read_bytes() == bytes_before
    changed = [p for p in (whole / "runs").iterdir() if p.stat().st_mtime_ns != before[p]]
    assert changed == [sweep.file(1)]
    sweep.forget_failed()
    assert sweep.missing() == [0, 2, 3]
    assert carry_out(sweep, Here()) == 3


def test_a_folder_of_another_design_says_what_differs(tmp_path: Path) -> None:
    """Axes, verb and settings are told; the same design is taken; other things are refused."""
    folder = tmp_path / "sweep"
    made = tiny(folder)
    assert tiny(folder).hashes == made.hashes
    with pytest.raises(UsageError, match=r"axes: .*1\.3.* there, .*1\.1\].* now"):
        tiny(folder, Axis("regions.*.pue", (1.0, 1.1)), PRICE)
    with pytest.raises(UsageError, match='run: "plan" there, "fleet" now'):
        tiny(folder, verb="fleet")
    written = tmp_path / "own"
    sweep_in(written, Written(Path("tiny"), settings=("title=Kälte",)), SweepDesign((PRICE,)))
    assert "title=Kälte" in (written / STATED).read_text(encoding="utf-8")
    assert Written(Path("tiny")).changed({"title": "Kälte 𝔎"}).title == "Kälte 𝔎"
    base = Written(Path("tiny"), settings=("regions.oslo.pue=1.5",))
    with pytest.raises(UsageError, match="The scenario differs"):
        sweep_in(folder, base, SweepDesign((PUE, PRICE)))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").touch()
    with pytest.raises(UsageError, match=r"other things \(mine.txt\)"):
        tiny(tmp_path / "notes")
    with pytest.raises(UsageError, match="is a file"):
        tiny(tmp_path / "notes" / "mine.txt")


def test_inputs_that_changed_are_found(tmp_path: Path) -> None:
    """A scenario that was edited since is not what the sweep was made with."""
    files = tiny_folder(tmp_path / "mine")
    sweep = sweep_in(tmp_path / "sweep", Written(tmp_path / "mine"), SweepDesign((PRICE,)))
    check_inputs(open_sweep(sweep.folder))
    stated = json.loads((sweep.folder / STATED).read_text())
    name = next(iter(stated["inputs"]))
    (sweep.folder / STATED).write_text(json.dumps({**stated, "inputs": {}}))
    with pytest.raises(UsageError, match=f"{name} is not what the sweep was made with"):
        check_inputs(open_sweep(sweep.folder))
    (sweep.folder / STATED).write_text(json.dumps(stated))
    files.edit("regions.csv", ",1.10,", ",1.15,")
    with pytest.raises(UsageError, match="scenario is not what the sweep was made with"):
        check_inputs(open_sweep(sweep.folder))


def test_hashes_depend_on_what_decides_alone(tmp_path: Path) -> None:
    """A run has the hash of its values, whichever other runs there are."""
    wide = tiny(tmp_path / "wide")
    narrow = tiny(tmp_path / "narrow", Axis(PUE.field, PUE.values[:1]), PRICE)
    assert narrow.hashes == wide.hashes[:2]
    assert len(set(wide.hashes)) == 6


def test_a_file_that_is_no_sweep(tmp_path: Path) -> None:
    """No file, text that is no JSON, and JSON that states no sweep."""
    with pytest.raises(UsageError, match=r"holds no sweep\.json"):
        open_sweep(tmp_path)
    for text in ("{", "[]", json.dumps({"scenario": {"path": "tiny"}})):
        (tmp_path / STATED).write_text(text)
        with pytest.raises(InputError, match="is not what a sweep is stated by"):
            open_sweep(tmp_path)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """A second one is refused while the first holds the folder."""
    sweep = tiny(tmp_path / "sweep")
    with locked(sweep.folder), pytest.raises(UsageError, match="another process"):
        carry_out(sweep, Here())


def test_a_star_is_every_id_of_a_file(tmp_path: Path) -> None:
    """All regions have the value; a star that stands for nothing is refused in words."""
    changed = Written(Path("tiny")).changed({"regions.*.pue": 1.42})
    assert {region.pue for region in changed.regions} == {1.42}
    for path in ("signals.*.x", "regions.*", "regions.oslo.*"):
        with pytest.raises(UsageError, match="stands for every id"):
            Written(Path("tiny")).changed({path: 1})


def test_each_run_has_its_own_seed_and_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verb that draws is told the seed, its settings and the scenario of the run's own values."""

    def drawn(scenario: Any, settings: Any, seed: int | None) -> Any:
        pue = float(scenario.regions[0].pue)
        return "made", {"y_pue": pue, "y_x": float(settings["x"]), "y_seed": float(seed or 0)}

    names = ("y_pue", "y_x", "y_seed")
    monkeypatch.setitem(VERBS, "drawn", Verb(names, names, drawn, {"x": NUMBER}, draws=True))
    axes = (Axis("regions.oslo.pue", (1.1, 1.2)), Axis("x", (3.0, 4.0)))
    sweep = tiny(tmp_path / "sweep", *axes, verb="drawn", seeds=2)
    assert carry_out(sweep, Here()) == 8
    rows = sweep.table()
    found = set(rows.select(names).iter_rows())
    assert found == {(p, x, s) for p in (1.1, 1.2) for x in (3.0, 4.0) for s in (0.0, 1.0)}
    assert len(set(sweep.hashes)) == 8
