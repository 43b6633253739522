"""A plan on disk in parts: whole parts only, resumed exactly, never mixed with another plan."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import wattlas
from tests.long import long_tiny
from wattlas.data.digest import sha256_of
from wattlas.errors import InfeasibleError, InputError, UsageError
from wattlas.model.objective import Objective
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.window.blocks import blocks
from wattlas.report import stream_folder
from wattlas.report.stream_folder import Long, finished_parts, write_plan
from wattlas.studies.meta import described


@pytest.fixture(scope="module")
def world() -> Scenario:
    """Twenty-one days, of which every other hour stands for three: three blocks."""
    days = long_tiny(21)
    weight = np.where(np.arange(days.hours.count) % 2, 3.0, 1.0)
    return replace(days, hours=replace(days.hours, weight=weight))


def table(folder: Path) -> pl.DataFrame:
    """All parts one after the other."""
    return pl.concat([pl.read_parquet(path) for path in finished_parts(folder)])


def test_the_folder_is_the_plan(world: Scenario, tmp_path: Path) -> None:
    """The parts hold the flows of the plan in one piece; meta.json its totals and its counts."""
    told: list[int] = []
    meta = write_plan(tmp_path / "p", world, done=told.append)
    one = plan(world)
    assert table(tmp_path / "p").equals(one.to_polars())
    assert told == [192, 384, 504]
    assert meta == json.loads((tmp_path / "p" / "meta.json").read_text("utf-8"))
    assert meta["status"] == "optimal"
    assert meta["gap"] == 0.0
    assert meta["totals"]["plan"]["cost_usd"] == pytest.approx(one.totals.cost_usd, rel=1e-12)
    assert meta["highs_hours"] + meta["engine_hours"] == one.info.highs_hours + (
        one.info.engine_hours
    )
    about = described(world)
    about["window"]["sample"] = "504 steps stand for 1,008 hours"
    assert {key: meta[key] for key in about} == about
    assert (meta["window"]["hours"], meta["window"]["hours_represented"]) == (504, 1008)
    counts = [(part["first"], part["last"]) for part in meta["parts"]]
    utc = [f"{time}Z" for time in world.hours.utc]
    assert counts == [(utc[a], utc[b - 1]) for a, b in ((0, 192), (192, 384), (384, 504))]
    assert sum(meta["regions"].values()) == pytest.approx(one.totals.it_mwh)
    for part in meta["parts"]:
        path = tmp_path / "p" / part["file"]
        assert sha256_of(path) == part["sha256"]
        assert pl.read_parquet(path).height == part["rows"]
    assert wattlas.open_results(tmp_path / "p").status == "optimal"
    assert not [f for f in (tmp_path / "p").iterdir() if f.name.startswith(".")]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, MemoryError])
def test_stopped_and_resumed(
    error: type[BaseException], world: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was done before the stop is not solved again, and the end is the same table."""
    solved: list[str] = []

    def fails_once(one: Scenario, **named: object) -> object:
        if len(solved) == 2 and error not in raised:
            raised.append(error)
            raise error
        solved.append(str(one.hours.utc[0]))
        return plan(one)

    raised: list[type[BaseException]] = []
    monkeypatch.setattr(stream_folder, "plan", fails_once)
    folder = tmp_path / "p"
    with pytest.raises(error):
        write_plan(folder, world)
    assert len(finished_parts(folder)) == 2
    assert not (folder / "meta.json").exists()
    left = folder / ".flows-000002.parquet.wattlas-a_b_c_12"
    left.write_bytes(b"half a file")
    told: list[int] = []
    meta = write_plan(folder, world, resume=True, done=told.append)
    assert len(solved) == len(set(solved)) == 3
    assert told == [192, 384, 504]
    assert not left.exists()
    fresh = write_plan(tmp_path / "q", world)
    assert table(folder).equals(table(tmp_path / "q"))
    for key in ("totals", "regions", "objective_value", "gap", "highs_hours", "engine_hours"):
        assert meta[key] == fresh[key]


def test_another_plan_is_refused(world: Scenario, tmp_path: Path) -> None:
    """A folder with a plan wants --resume, and only the same question goes on."""
    folder = tmp_path / "p"
    write_plan(folder, world)
    with pytest.raises(UsageError, match="--resume"):
        write_plan(folder, world)
    assert write_plan(folder, world, resume=True)["status"] == "optimal"
    costlier = replace(world, demand_per_h=world.demand_per_h * 1.001)
    with pytest.raises(InputError, match="the scenario is not what"):
        write_plan(folder, costlier, resume=True)
    with pytest.raises(InputError) as both:
        write_plan(
            folder, world, objective=Objective(carbon_price_usd_per_t=9), chunk_steps=500,
            resume=True,
        )  # fmt: skip
    assert len(both.value.problems) == 2
    assert "500, it was 192" in str(both.value)
    head = json.loads((folder / "plan.json").read_text("utf-8"))
    (folder / "plan.json").write_text(json.dumps({**head, "wattlas": "0.0.1"}), "utf-8")
    with pytest.raises(InputError, match=r"0\.0\.1"):
        write_plan(folder, world, resume=True)
    (folder / "plan.json").unlink()
    with pytest.raises(UsageError, match="other results"):
        write_plan(folder, world, resume=True)


def test_a_part_of_other_hours_is_refused(world: Scenario, tmp_path: Path) -> None:
    """A stretch that is not what it was is found although its name is the same."""
    folder, weeks = tmp_path / "p", blocks(world)

    def long(scale: float) -> Long:
        parts = [world.at_hours(week) for week in weeks]
        parts[1] = replace(parts[1], demand_per_h=parts[1].demand_per_h * scale)
        return Long("mine", 504, parts)

    write_plan(folder, long(1.0))
    assert table(folder).equals(plan(world).to_polars())
    (folder / "meta.json").unlink()
    with pytest.raises(InputError, match="the scenario has changed"):
        write_plan(folder, long(1.01), resume=True)
    (folder / "flows-000001.parquet").write_bytes(b"not Parquet")
    with pytest.raises(InputError, match="cannot be read"):
        write_plan(folder, long(1.0), resume=True)


def test_an_infeasible_chunk(world: Scenario, tmp_path: Path) -> None:
    """The conflict is told; the chunks before it stay, and no meta.json claims an end."""
    capacity = world.reserved_gpu.copy()
    capacity[:, 400] = 0.0
    with pytest.raises(InfeasibleError, match="GPU-h/h"):
        write_plan(tmp_path / "p", replace(world, reserved_gpu=capacity))
    assert len(finished_parts(tmp_path / "p")) == 2
    assert not (tmp_path / "p" / "meta.json").exists()
