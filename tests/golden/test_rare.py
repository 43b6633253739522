"""Sentences and tables of rare states, from values made by hand: both sides of every limit.

A change is made on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.golden.kept import keep
from tests.golden.printed import steady
from tests.golden.states import (
    briefs,
    figures,
    folders,
    gateways,
    odds,
    offers,
    options,
    placements,
    reports,
    rest,
    studies,
    sweeps,
    terminals,
    tiers,
    verbs,
    words,
    zones,
)

HERE = Path(__file__).parent / "rare"
MODULES = (briefs, figures, folders, gateways, odds, offers, options, placements, reports, rest,
           studies, sweeps, terminals, tiers, verbs, words, zones)  # fmt: skip
CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    name: case for module in MODULES for name, case in module.CASES.items()
}


@pytest.mark.parametrize("name", CASES)
def test_rare_states_are_those_of_the_golden_files(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every sentence and figure is that which was read and found right."""
    monkeypatch.setenv("COLUMNS", "160")
    keep(steady(CASES[name](tmp_path), tmp_path), HERE / f"{name}.txt")


def test_every_golden_file_is_asked_for() -> None:
    """A file that no case writes is left over."""
    assert {path.stem for path in HERE.iterdir()} == CASES.keys()
