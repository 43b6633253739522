"""`wattlas frontier`: variants, objectives, files, and questions that make no sense."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import polars as pl
import pytest

from tests.data.scenario_files import Folder, tiny_folder
from wattlas.cli import run

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def tiny(tmp_path: Path) -> Folder:
    """A copy of the tiny example."""
    return tiny_folder(tmp_path / "t")


@pytest.mark.parametrize("variant", ["scale", "added_ms", "class:A", "soft"])
def test_variants(variant: str, tiny: Folder, tmp_path: Path, capsys: Captured) -> None:
    """Every variant never rises; the file holds what was printed."""
    out = tmp_path / "f.parquet"
    arguments = ["frontier", str(tiny.path), "--variant", variant, "--exact", "--json"]
    assert run([*arguments, "--out", str(out)]) == 0
    told = json.loads(capsys.readouterr().out)
    cost = told["points"]["cost_usd"]
    assert told["exact"] or variant == "soft"
    assert all(b <= a * (1 + 1e-9) for a, b in itertools.pairwise(cost))
    assert told["x_unit"] == ("× budget" if variant == "scale" else "ms")
    assert pl.read_parquet(out)["cost_usd"].to_list() == pytest.approx(cost)
    assert not list(tmp_path.glob(".*"))


def test_in_words(tiny: Folder, capsys: Captured) -> None:
    """The user's own budget is marked, and a sample says that it is one."""
    arguments = ["frontier", str(tiny.path), "--objective", "weighted", "--carbon-price", "100"]
    assert run([*arguments, "--samples", "4"]) == 0
    told = capsys.readouterr().out
    assert "←" in told
    assert "sampled" in told
    assert "invented" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--variant", "scaled"], "choose scale"),
        (["--variant", "class:Z"], "choose one of A, D"),
        (["--objective", "money"], "choose cost"),
        (["--objective", "weighted"], "carbon price above 0"),
        (["--samples", "1"], "samples"),
    ],
)
def test_wrong_usage_exits_2(
    arguments: list[str], words: str, tiny: Folder, capsys: Captured
) -> None:
    """What may be asked is named."""
    assert run(["frontier", str(tiny.path), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_no_budget_serves_all_exits_4(tiny: Folder, capsys: Captured) -> None:
    """Where capacity is short at any budget the conflict is told."""
    assert run(["frontier", str(tiny.path), "--set", "capacity.scale=0.01"]) == 4
    assert "GPU-h/h" in capsys.readouterr().err
