"""`wattlas frontier`: variants, objectives, files, and questions that make no sense."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import wattlas
from tests.data.scenario_files import Folder, tiny_folder
from wattlas.cli import run
from wattlas.model.frontier_table import frontier_listing
from wattlas.model.table import rows_of

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


def test_budgets_by_name(tmp_path: Path, capsys: Captured) -> None:
    """--at has these budgets and no others, each with the value of the exact curve there."""
    arguments = ["frontier", "tiny", "--variant", "class:A"]
    out = tmp_path / "f.json"
    assert run([*arguments, "--at", "400,300,1000", "--json", "--out", str(out)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["points"]["x"] == [300, 400, 1000]
    assert json.loads(out.read_text()) == told
    curve = wattlas.frontier(wattlas.example("tiny"), "class:A")
    exact = [curve.cost_usd[curve.at(x)] for x in told["points"]["x"]]
    assert told["points"]["cost_usd"] == pytest.approx(exact)
    assert run([*arguments, "--at", "300", "--out", str(tmp_path / "f.csv")]) == 0
    assert pl.read_csv(tmp_path / "f.csv")["x"].to_list() == [300]


def test_no_budget_serves_all_exits_4(tiny: Folder, capsys: Captured) -> None:
    """Where capacity is short at any budget the conflict is told."""
    assert run(["frontier", str(tiny.path), "--set", "capacity.scale=0.01"]) == 4
    assert "GPU-h/h" in capsys.readouterr().err


def test_rows_of_the_listing_are_points_of_the_curve() -> None:
    """What is saved is told against the tightest budgets, and the user's own are marked."""
    curve = wattlas.frontier(wattlas.example("tiny"), "scale", objective="carbon")
    rows = rows_of(frontier_listing(curve, "scale").table)
    assert len(rows) > 2
    users = curve.at(curve.users_x)
    at = [users if row["mark"] else int(np.flatnonzero(curve.x == row["x"])[0]) for row in rows]
    assert users in at
    for row, n in zip(rows, at, strict=True):
        for name in ("value", "cost_usd", "carbon_kg", "unserved_share"):
            assert row[name] == getattr(curve, name)[n]
        assert row["saved_usd"] == curve.cost_usd[0] - curve.cost_usd[n]
        assert row["saved_kg"] == curve.carbon_kg[0] - curve.carbon_kg[n]
