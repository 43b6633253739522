"""Parts of the live plane, each for many small cases: every outcome is kept."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.golden.exchanges import TABLES
from tests.golden.kept import keep
from tests.golden.pieces import (
    accounts,
    callbacks,
    counts,
    exports,
    files,
    hours,
    ledgers,
    planes,
    players,
    rare,
    states,
    texts,
)
from tests.golden.test_serve_odds import ODDS
from tests.golden.test_serve_ports import CASES as PORTS
from wattlas.serve import litellm

HERE = Path(__file__).parent / "serve"
GROUPS = (
    accounts,
    planes,
    files,
    hours,
    texts,
    counts,
    states,
    ledgers,
    exports,
    players,
    callbacks,
    rare,
)
SOLVED = ("shares", "routing")
"""Figures that a solver finds."""
CASES = {name: case for group in GROUPS for name, case in group.CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_pieces_are_those_of_the_golden_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every outcome is that which was read and found right."""
    if name == "collectors":
        pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    if name == "accounts":
        monkeypatch.setattr(time, "time", lambda: ledgers.NOON_S + 86_400)
    monkeypatch.setenv("A_KEY", "sk-a")
    monkeypatch.setenv("AN_EMPTY_KEY", "")
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    monkeypatch.setattr(litellm, "AGAIN_S", 600.0)
    monkeypatch.setattr(litellm, "DECIDED_IN_S", 20.0)
    lines = [line.replace(str(tmp_path), "FOLDER") for line in CASES[name](tmp_path)]
    keep("\n".join(lines), HERE / f"{name}.txt", exact=name not in SOLVED)


def test_every_golden_file_is_asked_for() -> None:
    """A file that no case writes is left over."""
    asked = {*CASES, "odd_reached", *(f"odd_{name}" for name in ODDS)}
    asked |= {f"talks_{name}" for name in TABLES} | {f"ports_{name}" for name in PORTS}
    assert {path.stem for path in HERE.iterdir()} == asked
