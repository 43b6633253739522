"""`wattlas breakeven`: a move that is named, or the largest ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import wattlas
from tests.data.scenario_files import Folder, tiny_folder
from wattlas.cli import run

Captured = pytest.CaptureFixture[str]
MOVE = ["--class", "D", "--from", "mumbai", "--to", "oslo"]


@pytest.fixture
def tiny(tmp_path: Path) -> Folder:
    """A copy of the tiny example."""
    return tiny_folder(tmp_path / "t")


def test_a_named_move(tiny: Folder, capsys: Captured) -> None:
    """Six quantities, each with a verdict and a reason; the library's figures."""
    assert run(["breakeven", str(tiny.path), *MOVE, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    own = wattlas.breakeven(wattlas.load(tiny.document), "D", "mumbai", "oslo")
    assert [t["breakeven"]["quantity"] for t in told] == [str(o.quantity) for o in own]
    assert len(told) == 6
    for one, ours in zip(told, own, strict=True):
        assert one["breakeven"]["verdict"] == str(ours.verdict)
        assert one["breakeven"]["value"] == (
            None if ours.value is None else pytest.approx(ours.value)
        )


def test_the_largest_moves(tiny: Folder, capsys: Captured) -> None:
    """Without a move the plan's own largest ones are told."""
    assert run(["breakeven", str(tiny.path)]) == 0
    told = capsys.readouterr().out
    assert "→" in told
    assert "payload" in told
    assert "invented" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--class", "D"], "go together"),
        (["--class", "Z", "--from", "mumbai", "--to", "oslo"], "Z"),
        (["--class", "D", "--from", "mumbay", "--to", "oslo"], "mumbay"),
    ],
)
def test_wrong_usage_exits_2(
    arguments: list[str], words: str, tiny: Folder, capsys: Captured
) -> None:
    """Half a move, or names that nobody has."""
    assert run(["breakeven", str(tiny.path), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_infeasible_exits_4(tiny: Folder, capsys: Captured) -> None:
    """No plan, no largest moves."""
    assert run(["breakeven", str(tiny.path), "--set", "capacity.scale=0.01"]) == 4
    assert "GPU-h/h" in capsys.readouterr().err
