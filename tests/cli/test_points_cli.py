"""`wattlas points`: a table on stdout, notes on stderr, a file that a menu reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wattlas.cli import run
from wattlas.data.profiles_file import read_profiles

Captured = pytest.CaptureFixture[str]
WINDOWS = "start_time,window_name,elapsed_time,gpu0_energy\n1,images,20,4000\n"
FACTS = ["--model", "plover", "--accuracy", "0.7", "--requests", "400", "--ttft-ms", "35"]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of one window: 4,000 J in 20 s on one accelerator."""
    path = tmp_path / "zeus.csv"
    path.write_text(WINDOWS, encoding="utf-8")
    return path


def test_a_log_becomes_a_table_of_points(log: Path, capsys: Captured) -> None:
    """10 J and 0.05 GPU-s a request: shown, as JSON, and in a file that reads back."""
    out = log.parent / "new" / "points.csv"
    assert run(["points", str(log), *FACTS, "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert "plover" in shown.out
    assert "note: Zeus: model, accuracy, requests, ttft_ms as given by options" in shown.err
    assert f"Wrote {out}." in shown.err
    (point,) = read_profiles(out)
    assert (point.request_j, point.request_gpu_s, point.ttft_ms) == (10.0, 0.05, 35.0)
    assert run(["points", str(log), *FACTS, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["points"][0]["request_j"] == 10.0
    parquet = log.parent / "points.parquet"
    assert run(["points", str(log), *FACTS, "--out", str(parquet)]) == 0
    assert read_profiles(parquet) == (point,)


def test_what_lacks_exits_3_and_wrong_usage_2(log: Path, capsys: Captured) -> None:
    """Nothing is written where something is wrong."""
    out = log.parent / "points.csv"
    assert run(["points", str(log), *FACTS[:-2], "--out", str(out)]) == 3
    assert "Add --ttft-ms MS." in capsys.readouterr().err
    assert not out.exists()
    assert run(["points", str(log), *FACTS, "--out", str(log.parent)]) == 2
    assert run(["points", str(log), *FACTS, "--from", "zeuss"]) == 2
    assert "Did you mean `zeus`?" in capsys.readouterr().err
