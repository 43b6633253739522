"""`wattlas fleet`: tables for people, JSON for programs, and options that say nothing alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from tests.cli.every_option import BY_HOUR
from wattlas.cli import run
from wattlas.cli.fleet import lost_sets
from wattlas.data.scenario_file import example


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["fleet", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_fleet_that_survives_with_what_reach_is_worth(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The tables, their sentences, the file of regions, and the same numbers as JSON."""
    out = tmp_path / "fleet.csv"
    code, text, stages = said(
        capsys, "tiny", "--survive", "region", "--reach", "added_ms", "-o", str(out)
    )
    assert code == 0
    assert stages.index("Fleet: search") < stages.index("Fleet: reach")
    for words in (
        "as given", "with outages", "law or state ties to what is lost", "Certified", "each ms is",
        "each region sized for its own peak: −USD", "perfect foresight",
        "To go on while any one region is lost",
    ):  # fmt: skip
        assert words in text
    assert max(len(line) for line in text.splitlines() if "─" in line) <= 80
    table = pl.read_csv(out)
    assert table["region"].to_list() == ["oslo", "austin", "mumbai"]
    out = tmp_path / "fleet.json"
    code, text, _ = said(capsys, "tiny", "--survive", "oslo,austin", "--json", "-o", str(out))
    told = json.loads(text)
    assert json.loads(out.read_text()) == told
    assert code == 0
    assert told["gap"] <= 1e-6
    assert told["survives"][0]["regions"] == ["oslo", "austin"]
    assert len(told["regions"]["region"]) == 3


def test_a_fleet_is_proved_from_its_prices(capsys: pytest.CaptureFixture[str]) -> None:
    """With --verify the bound from the prices alone stands below the tables, and in the JSON; a cap
    says what a tonne is worth."""
    code, text, _ = said(capsys, "tiny", "--survive", "region", "--verify")
    assert code == 0
    assert "Checked from its prices" in text
    code, text, _ = said(
        capsys, "tiny", "--set", "objective.carbon_cap_t=1000", "--verify", "--json"
    )
    told = json.loads(text)
    assert code == 0
    assert told["certificate"]["gap"] <= 1e-5
    assert told["limit"]["unit"] == "t"


def test_a_folder_of_tables(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A path without a file's ending is a folder: the tables of a study's fleet, which add up."""
    out = tmp_path / "fleet"
    code, text, _ = said(capsys, "tiny", "--reach", "added_ms", "--json", "-o", str(out))
    told = json.loads(text)
    assert code == 0
    assert {path.stem for path in out.iterdir()} == {
        "fleets", "fleet_regions", "fleet_day", "fleet_reach",
    }  # fmt: skip
    fleets = pl.read_parquet(out / "fleets.parquet")
    told_gpu = dict(zip(told["fleets"]["fleet"], told["fleets"]["gpu"], strict=True))
    kept_gpu = dict(fleets.filter(pl.col("held_back_share") == 0).select("label", "gpu").rows())
    assert kept_gpu.keys() - told_gpu.keys() == {"each region for its own demand alone"}
    assert all(kept_gpu[label] == pytest.approx(gpu) for label, gpu in told_gpu.items())
    sums = pl.read_parquet(out / "fleet_regions.parquet").group_by("variant").agg(pl.sum("gpu"))
    whole = fleets.filter(pl.col("held_back_share") == 0).select("variant", total="gpu")
    joined = sums.join(whole, on="variant")
    assert joined.height == whole.height
    assert joined["gpu"].to_list() == pytest.approx(joined["total"].to_list())
    reach = pl.read_parquet(out / "fleet_reach.parquet")
    assert reach["cost_usd"].to_list() == pytest.approx(told["reach"]["fleets"]["cost_usd"])
    (out / "mine.txt").write_text("x")
    code, _, error = said(capsys, "tiny", "-o", str(out))
    assert code == 2
    assert "holds other things" in error


def test_patience_is_a_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A row per wait, in JSON, on the terminal and in the folder; waiting never costs more."""
    out = tmp_path / "fleet"
    code, text, stages = said(capsys, "tiny", "--patience", "D:0,2", "--json", "-o", str(out))
    told = json.loads(text)
    assert code == 0
    assert stages.index("Fleet: search") < stages.index("Fleet: patience")
    assert told["patience"]["wait_h"] == [0, 2]
    now, later = told["patience"]["cost_usd"]
    assert later < now
    assert now == pytest.approx(told["fleets"]["cost_usd"][told["fleets"]["fleet"].index(
        "the fleet of least cost")])  # fmt: skip
    kept = pl.read_parquet(out / "fleet_patience.parquet")
    assert kept["gpu"].to_list() == pytest.approx(told["patience"]["gpu"])
    code, text, _ = said(capsys, "tiny", "--patience", "D:0,2")
    assert "What patience is worth to the fleet" in text


def test_none_on_demand_is_less_than_some(capsys: pytest.CaptureFixture[str]) -> None:
    """`--outage-on-demand 0` is a limit, and the tightest: with it a fleet costs most."""
    bounds = []
    for limit in ([], ["--outage-on-demand", "0.5"], ["--outage-on-demand", "0"]):
        asked = ["tiny", "--survive", "region", *BY_HOUR.split(), "--set", "time.hours=6", *limit]
        code, text, _ = said(capsys, *asked, "--json")
        assert code == 0
        bounds.append(json.loads(text)["bound_usd"])
    assert bounds[0] < bounds[1] < bounds[2]


def test_the_regions_of_a_cloud_are_lost_together() -> None:
    """By what stands before the colon of their ids."""
    tiny = example("tiny")
    named = dict(zip((r.id for r in tiny.regions), ("aws:a", "aws-gov:b", "aws:c"), strict=True))
    regions = tuple(replace(region, id=named[region.id]) for region in tiny.regions)
    nodes = tuple(replace(n, region=named.get(n.region, "")) for n in tiny.nodes)
    clouds = replace(tiny, regions=regions, nodes=nodes)
    assert lost_sets(clouds, ["cloud"]) == [["aws:a", "aws:c"], ["aws-gov:b"]]


def test_budgets_are_scaled_without_end(capsys: pytest.CaptureFixture[str]) -> None:
    """Milliseconds end at a usual most, factors of a budget at none but `--most`."""
    late = ("--set", "classes.A={latency_budget_ms: 0.1, when_none: nearest}", "--reach", "scale")
    code, text, _ = said(capsys, "tiny", *late, "--json")
    assert code == 0
    factors = json.loads(text)["reach"]["fleets"]["reach"]
    assert len(factors) > 1
    assert min(factors) > 1000.0
