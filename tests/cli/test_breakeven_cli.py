"""`wattlas breakeven`: a move that is named, or the largest ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import wattlas
from tests.data.scenario_files import Folder, tiny_folder
from wattlas.cli import run
from wattlas.placement.breakeven.breakeven import breakeven_between

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


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--stay-h", "3"], {"stay_h": 3.0}),
        (["--returns"], {"returns": True}),
        (["--point", "large-fast"], {"point_id": "large-fast"}),
        (["--metro", "lagos"], {"metro_id": "lagos"}),
    ],
)
def test_every_option_reaches_the_move(
    options: list[str], named: dict[str, Any], capsys: Captured
) -> None:
    """With each the figures are the library's, and not those without it."""
    gaps = ["frictions={move_state: true}", "classes.D.state=sticky",
            "classes.D.session_state_bytes=1e6", "classes.D.requests_per_session_h=10"]  # fmt: skip
    settings = [word for gap in gaps for word in ("--set", gap)]
    assert run(["breakeven", "tiny", *MOVE, *settings, *options, "--json"]) == 0
    told = [each["breakeven"]["value"] for each in json.loads(capsys.readouterr().out)]
    world = wattlas.example("tiny", set=gaps)
    with_it, without = (
        [each.value for each in breakeven_between(world, "D", "mumbai", "oslo", **more)]
        for more in (named, {})
    )
    assert told == [None if value is None else pytest.approx(value) for value in with_it]
    assert with_it != without


def test_infeasible_exits_4(tiny: Folder, capsys: Captured) -> None:
    """No plan, no largest moves."""
    assert run(["breakeven", str(tiny.path), "--set", "capacity.scale=0.01"]) == 4
    assert "GPU-h/h" in capsys.readouterr().err
