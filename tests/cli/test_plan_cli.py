"""`wattlas plan`: the totals, the flows, and the exit codes."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import polars as pl
import pytest

import wattlas
from tests.data.scenario_files import Folder, tiny_folder
from wattlas.cli import run

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def tiny(tmp_path: Path) -> Folder:
    """A copy of the tiny example."""
    return tiny_folder(tmp_path / "t")


@pytest.mark.portable
def test_plan_as_json(tiny: Folder, capsys: Captured) -> None:
    """The figures are the library's, and energy by region adds up."""
    assert run(["plan", str(tiny.path), "--json", "--verify"]) == 0
    told = json.loads(capsys.readouterr().out)
    own = wattlas.plan(wattlas.load(tiny.document))
    assert told["status"] == "optimal"
    assert told["objective"] == pytest.approx(own.objective)
    assert told["totals"]["cost_usd"] == pytest.approx(own.totals.cost_usd)
    assert sum(told["regions"].values()) == pytest.approx(own.totals.it_mwh)
    assert told["notice"]
    assert (told["cost_usd"], told["carbon_kg"]) == pytest.approx(
        (own.totals.cost_usd, own.totals.carbon_kg)
    )
    assert told["flows"] is None
    assert told["certificate"]["bound"] == pytest.approx(told["objective"])
    for key in ("solver", "seconds", "rows", "columns", "gap"):
        assert key in told["info"]


def test_shadow_prices_as_json(tiny: Folder, capsys: Captured) -> None:
    """By constraint and row: what one more unit saves in the mean of the hours, and how often."""
    arguments = ["plan", str(tiny.path), "--json", "--set", "regions.oslo.reserved_gpu=3"]
    assert run(arguments) == 0
    told = json.loads(capsys.readouterr().out)["shadow_prices"]
    own = wattlas.plan(wattlas.load(tiny.document, set=["regions.oslo.reserved_gpu=3"]))
    price = own.capacity_price_usd_per_gpu_h
    assert price is not None
    assert price.any()
    assert told["unit"] == "USD"
    capacity = told["capacity"]
    assert [capacity[r.id]["mean"] for r in own.scenario.regions] == pytest.approx(price.mean(1))
    assert [capacity[r.id]["most"] for r in own.scenario.regions] == pytest.approx(price.max(1))
    shares = [capacity[r.id]["share_of_hours"] for r in own.scenario.regions]
    assert shares == pytest.approx((price > 0).mean(1))


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_flows_by_their_ending(ending: str, tmp_path: Path, capsys: Captured) -> None:
    """The file is what its name says, and JSON on stdout says where it is."""
    out = tmp_path / "new" / f"flows.{ending}"
    assert run(["plan", "tiny", "--json", "--out", str(out)]) == 0
    assert json.loads(capsys.readouterr().out)["flows"] == str(out)
    own = wattlas.plan(wattlas.example("tiny")).to_polars()
    if ending == "json":
        told = json.loads(out.read_text())
        assert told["status"] == "optimal"
        rows = told["flows"]
        assert rows[0]["time_utc"] == "2023-06-01T00:00:00Z"
        assert [row["requests_per_h"] for row in rows] == own["requests_per_h"].to_list()
        return
    read = pl.read_csv(out, try_parse_dates=True) if ending == "csv" else pl.read_parquet(out)
    assert read.with_columns(pl.col("time_utc").cast(pl.Datetime("ms", "UTC"))).equals(own)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan", "tiny", "--out", "flows.xlsx"], ".csv, .parquet or .json"),
        (["study", "tiny", "--out", "report.html"], "name a folder"),
        (["tiers", "design", "tiny", "--out", "offer.csv"], "name a folder"),
        (["tiers", "share", "tiny", "--class", "A", "--cap-share", "0.9", "--out", "d.xls"],
         ".csv, .parquet or .json"),
        (["tiers", "fit", "c.csv", "--out", "users.json"], ".yaml or .yml"),
    ],
)  # fmt: skip
def test_endings_that_nothing_is_written_for(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:  # fmt: skip
    """They are refused before anything is solved, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_wins_over_an_example_of_its_name(
    tiny: Folder, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """`tiny` is the example where no such file is, and the file where one is."""
    monkeypatch.chdir(tiny.path)
    assert run(["check", "tiny"]) == 0
    assert "Three regions" in capsys.readouterr().out
    (tiny.path / "tiny").mkdir()
    assert run(["check", "tiny"]) == 3
    assert run(["check", "tinny"]) == 3


def test_plan_in_words(tiny: Folder, capsys: Captured) -> None:
    """How it ended comes first, then totals and places; a cap tells its abatement cost."""
    assert run(["plan", str(tiny.path), "--set", "objective.carbon_cap_share=0.9"]) == 0
    told = capsys.readouterr().out
    assert told.index("optimal") < told.index("Totals over the window") < told.index("oslo")
    assert "Marginal abatement cost:" in told


@pytest.mark.portable
def test_plan_writes_flows(tiny: Folder, tmp_path: Path, capsys: Captured) -> None:
    """The flows of the file serve the demand, and no other file is left beside it."""
    out = tmp_path / "flows" / "f.parquet"
    out.parent.mkdir()
    assert run(["plan", str(tiny.path), "--out", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    flows = pl.read_parquet(out)
    s = wattlas.load(tiny.document)
    assert flows["requests_per_h"].sum() == pytest.approx(s.demand_per_h.sum())
    assert [f.name for f in out.parent.iterdir()] == ["f.parquet"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--set", "regions.oslo.reserved_gpu=0.001"], 4, "GPU-h/h"),
        (["--set", "classes.A.latency_budget_ms=50"], 4, "berlin, class A"),
        (["--set", "objective.carbon_cap_t=0.000001"], 4, "the least attainable is"),
        (["--set", "regions.oslo.pue=0.9"], 3, "regions.oslo.pue"),
        (["--set", "regions.oslo.peu=1.1"], 3, "pue"),
        (["--set", "pue"], 2, "path=value"),
        (["--time-limit-s", "x"], 2, "time-limit-s"),
        (["--chunk", "24"], 2, "--chunk needs --out FOLDER"),
        (["--resume"], 2, "--resume needs --out FOLDER"),
        (["--verify", "--out", "folder"], 2, "leave out --out FOLDER"),
    ],
)
def test_exit_codes(
    arguments: list[str], code: int, words: str, tiny: Folder, capsys: Captured
) -> None:
    """Infeasible is 4, wrong input 3, wrong usage 2; stdout stays empty."""
    assert run(["plan", str(tiny.path), *arguments]) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert words in told.err


def test_cycles_are_looked_for_again_once_a_scenario_is_read(tiny: Folder) -> None:
    """Whether the scenario could be read or not."""
    assert gc.isenabled()
    assert run(["check", str(tiny.path)]) == 0
    assert gc.isenabled()
    assert run(["check", str(tiny.path), "--set", "regions.oslo.pue=0"]) == 3
    assert gc.isenabled()
