"""`wattlas study`: from a scenario to a folder, and what happens when it cannot."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import wattlas
from tests.data.scenario_files import Folder, tiny_folder
from wattlas.cli import run
from wattlas.errors import WattlasError
from wattlas.report.columns import COLUMNS

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def tiny(tmp_path: Path) -> Folder:
    """A copy of the tiny example."""
    return tiny_folder(tmp_path / "t")


@pytest.mark.portable
def test_study_writes_the_folder(tiny: Folder, tmp_path: Path, capsys: Captured) -> None:
    """meta.json, every table and a report; they say what was printed as JSON."""
    out = tmp_path / "results"
    assert run(["study", str(tiny.path), "--out", str(out), "--samples", "3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    meta = json.loads((out / "meta.json").read_text("utf-8"))
    assert told["folder"] == str(out)
    assert told["status"] == meta["status"] == "optimal"
    assert told["headline"] == meta["headline"]
    results = wattlas.open_results(out)
    names = {f.stem for f in out.glob("*.parquet")}
    assert names == set(results.tables)
    assert {"places", "policies", "flows", "frontier", "benefit", "breakeven"} <= names
    assert names <= set(COLUMNS)
    assert (out / "report.html").is_file()
    assert not [f for f in out.iterdir() if f.name.startswith(".") or f.suffix == ".part"]


def test_infeasible_exits_4(tiny: Folder, tmp_path: Path, capsys: Captured) -> None:
    """The conflict is told, nothing is written."""
    out = tmp_path / "results"
    arguments = ["study", str(tiny.path), "--out", str(out), "--set"]
    assert run([*arguments, "classes.A.latency_budget_ms=50"]) == 4
    told = capsys.readouterr()
    assert told.out == ""
    assert "berlin, class A: no place within 50 ms" in told.err
    assert not out.exists()
    assert run([*arguments, "regions.oslo.reserved_gpu=0.001", "--json"]) == 4
    found = json.loads(capsys.readouterr().out)
    assert found["exit_code"] == 4
    assert "oslo" in found["message"]
    assert not out.exists()


def test_wrong_input_exits_3(tiny: Folder, tmp_path: Path, capsys: Captured) -> None:
    """Six mistakes are six problems with file, line, path and fix, before anything is studied."""
    tiny.edit("regions.csv", "Europe/Oslo,1.10", "Europe/Oslo,0.10")
    tiny.edit("metros.csv", "Africa/Lagos", "Africa/Lagoss")
    tiny.edit("price.csv", "2023-06-01T05:00:00Z,NO,", "2023-06-01T05:00:00Z,NO,x")
    tiny.edit("scenario.yaml", "EU: [EU]", "EU: [UE]")
    tiny.edit("rtt_node_region.csv", "singapore,oslo,185,measured\n", "")
    tiny.edit("metros.csv", "4000000,frankfurt", "4000000,frankfort")
    out = tmp_path / "results"
    assert run(["study", str(tiny.path), "--out", str(out), "--json"]) == 3
    told = capsys.readouterr()
    found = json.loads(told.out)["problems"]
    assert len(found) == 6
    assert all(p["file"] and p["line"] and p["where"] and p["what"] and p["fix"] for p in found)
    assert told.err.startswith("6 problems in the input:")
    assert not out.exists()


def test_wrong_usage_exits_2(tiny: Folder, tmp_path: Path, capsys: Captured) -> None:
    """An option that is none, a sample of nothing, a scenario that is not in the file."""
    assert run(["study", str(tiny.path), "--nonsense"]) == 2
    assert run(["study", str(tiny.path), "--samples", "1"]) == 2
    code = run(["study", str(tiny.path), "--scenario", "grene", "-o", str(tmp_path / "r")])
    assert code in (2, 3)
    assert "green" in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interrupted_write_leaves_no_half_folder(
    error: type[BaseException],
    tiny: Folder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    """A reader finds the whole result or is told that there is none; no file under a final name
    is cut short."""
    import polars as pl

    out, written = tmp_path / "results", 0
    real = pl.DataFrame.write_parquet

    def third_fails(self: pl.DataFrame, *arguments: object, **named: object) -> None:
        nonlocal written
        written += 1
        if written == 3:
            raise error("interrupted")
        real(self, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(pl.DataFrame, "write_parquet", third_fails)
    assert run(["study", str(tiny.path), "--out", str(out), "--samples", "3"]) != 0
    capsys.readouterr()
    monkeypatch.undo()
    assert not (out / "meta.json").exists()
    assert not (out / "report.html").exists()
    for file in out.glob("*.parquet"):
        pl.read_parquet(file)
    assert [f for f in out.rglob("*") if f.suffix == ".part"] == []
    with pytest.raises(WattlasError):
        wattlas.open_results(out)
    assert run(["study", str(tiny.path), "--out", str(out), "--samples", "3"]) == 0
    assert wattlas.open_results(out).status == "optimal"


def test_through_the_shell(tiny: Folder, tmp_path: Path) -> None:
    """The entry of the installed command: JSON and nothing else on stdout."""
    out = tmp_path / "results"
    code = "from wattlas.cli import main; main()"
    command = [sys.executable, "-c", code, "study", str(tiny.path), "--out", str(out)]
    done = subprocess.run(
        [*command, "--samples", "3", "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "optimal"
