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
    assert run(["plan", str(tiny.path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    own = wattlas.plan(wattlas.load(tiny.document))
    assert told["status"] == "optimal"
    assert told["objective"] == pytest.approx(own.objective)
    assert told["totals"]["cost_usd"] == pytest.approx(own.totals.cost_usd)
    assert sum(told["regions"].values()) == pytest.approx(own.totals.it_mwh)
    assert told["notice"]
    for key in ("solver", "seconds", "rows", "columns", "gap"):
        assert key in told["info"]


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
