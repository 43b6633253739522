"""`wattlas tiers share`: shares, plans made ahead, days, and what it says of wrong calls."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.data.scenario_files import Folder, tiny_folder
from tests.studies.test_shares import REFERENCE, reference_hours
from wattlas.cli import run
from wattlas.studies.board import Ways, board_of, board_of_table
from wattlas.studies.levels import levels
from wattlas.studies.shares import ahead_of, share_of, zone_share

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def tiny(tmp_path: Path) -> Folder:
    """A copy of the tiny example."""
    return tiny_folder(tmp_path / "t")


@pytest.fixture
def hours(tmp_path: Path) -> Path:
    """Twelve days of three zones: one swings, one is flat, one is clean."""
    t = np.arange(24 * 12)
    noise = np.random.default_rng(4).normal(0, 15, len(t))
    zones = {
        "wavy": 300 + 150 * np.cos(t / 24 * 2 * np.pi) + noise,
        "flat": np.full(len(t), 400.0),
        "clean": np.full(len(t), 30.0),
    }
    utc = (np.datetime64("2023-05-01T00", "h") + t).astype("datetime64[us]")
    frames = [
        pl.DataFrame({"time_utc": utc, "zone": [zone] * len(t), "average_g_per_kwh": grams})
        for zone, grams in zones.items()
    ]
    frame = pl.concat(frames).with_columns(pl.col("time_utc").dt.replace_time_zone("UTC"))
    frame.write_parquet(tmp_path / "hours.parquet")
    return tmp_path / "hours.parquet"


def told(capsys: Captured, *arguments: str) -> dict[str, Any]:
    assert run(["tiers", "share", *arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_shares_of_a_class(tiny: Folder, capsys: Captured) -> None:
    """Each figure is the library's: every zone, at the baseline region and away, both rules and
    evenly."""
    s = tiny.load()
    found = told(capsys, str(tiny.path), "--class", "A", "--remote", "--cap-share", "0.8")
    assert found["full_points"] == ["large-batched"]
    assert found["green_point"] == "small"
    assert found["intensity"] == str(s.signals.deciding)
    assert [(r["zone"], r["place"]) for r in found["zones"]] == [
        (zone, place) for zone in board_of(s, "A").zones for place in ("local", "remote")
    ]
    for row in found["zones"]:
        for rule in ("percentile", "budget"):
            one = share_of(s, "A", row["zone"], cap_share=0.8, rule=rule, place=row["place"])
            want = one.by_rule.share if one.by_rule else None
            assert row[rule] == (None if want is None else pytest.approx(want))
            assert row["verdict"][rule] == one.verdict
        assert row["cap_g"] == pytest.approx(0.8 * row["baseline_g"])
        assert row["least_g"] == pytest.approx(one.least_g)
        assert one.blind is None or row["blind"] == pytest.approx(one.blind.share)


def test_the_ways_of_service_are_heard(tiny: Folder, capsys: Captured) -> None:
    """Points, a share for a point, latency, places and network reach the board."""
    s = tiny.load()
    call = [str(tiny.path), "--class", "D", "--full", "large-fast", "--green", "small"]
    call += ["--latency-factor", "2", "--to", "oslo", "--network-kwh-per-gb", "0.06"]
    found = told(capsys, *call, "--zone", "IN", "--cap-g", "0.05", "--rule", "budget")
    how = Ways("large-fast", "small", None, 2.0, ("oslo",), 0.06)
    for row in found["zones"]:
        one = share_of(s, "D", "IN", cap_g=0.05, place=row["place"], ways=how)
        assert row["budget"] == (pytest.approx(one.by_rule.share) if one.by_rule else None)
        assert row["full_g"] == pytest.approx(
            float(np.average(one.grams.full_g, weights=one.grams.requests))
        )
        assert "percentile" not in row
    assert [row["place"] for row in found["zones"]] == ["local", "remote"]
    half = told(capsys, str(tiny.path), "--class", "D", "--green-share", "0.5")
    assert half["green_point"] is None
    assert half["green_share"] == 0.5
    assert {row["least_g"] / row["full_g"] for row in half["zones"]} == {0.5}


def test_ahead_and_its_days(hours: Path, tmp_path: Path, capsys: Captured) -> None:
    """The plan made ahead is the library's; its days are written whole and shown in part."""
    out = tmp_path / "days.parquet"
    call = ["--hours", str(hours), "--zone", "wavy", "--ahead", "--days", "2", "--out", str(out)]
    found = told(capsys, *call)
    table = pl.read_parquet(hours)
    values = table["average_g_per_kwh"].to_numpy().reshape(3, -1)
    utc = table["time_utc"].to_numpy()[: 24 * 12]
    board = board_of_table(["wavy", "flat", "clean"], values, utc)
    for row in found["ahead"]:
        plan = ahead_of(board, "wavy", "local", row["rule"], 0.9)
        assert row["share"] == pytest.approx(plan.share)
        assert row["delivered_g"] == pytest.approx(plan.held_g)
        assert row["kept"] == plan.kept
    assert "the day before" in found["forecast"]
    days = pl.read_parquet(out)
    assert days.height == 12 * 2
    assert set(days["plan"]) == {"ahead"}
    assert set("".join(days["hours"])) <= set("fsd")
    dirty = days.filter(pl.col("rule") == "budget").sort("full_g", descending=True).head(2)
    assert [row["day"] for row in found["days"]] == sorted(dirty["day"])
    first = told(capsys, "--hours", str(hours), "--zone", "wavy", "--days", "3", "--first")
    assert [row["day"] for row in first["days"]] == ["2023-05-01", "2023-05-02", "2023-05-03"]
    assert {row["plan"] for row in first["days"]} == {"hindsight"}
    one = zone_share(board, "wavy", "local", "budget", 0.9)
    assert [row["hours"] for row in first["days"]] == one.by_day()["hours"][:3]


def test_days_as_text(hours: Path, tmp_path: Path, capsys: Captured) -> None:
    """A name that ends in .csv gives text; the file is written whole or not at all."""
    out = tmp_path / "new" / "days.csv"
    assert run(["tiers", "share", "--hours", str(hours), "--out", str(out)]) == 0
    lines = out.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "zone,place,rule,plan,day,full_g,degraded_share,hours"
    assert len(lines) == 1 + 3 * 2 * 12
    assert os.listdir(out.parent) == ["days.csv"]
    assert f"Wrote {out}." in capsys.readouterr().err


def test_a_forecast_of_ones_own(hours: Path, tmp_path: Path, capsys: Captured) -> None:
    """With the truth for a forecast, what is planned is delivered; a zone less is an error."""
    call = ["--hours", str(hours), "--remote", "--ahead", "--forecast"]
    found = told(capsys, *call, str(hours))
    for row in found["ahead"]:
        if row["planned_g"] is not None:
            assert row["planned_g"] == pytest.approx(row["delivered_g"])
    assert str(hours) in found["forecast"]
    some = tmp_path / "some.parquet"
    pl.read_parquet(hours).filter(pl.col("zone") == "wavy").write_parquet(some)
    assert run(["tiers", "share", *call, str(some)]) == 3
    assert "lacks flat, clean" in capsys.readouterr().err


def test_hours_without_a_scenario(hours: Path, capsys: Captured) -> None:
    """A flat grid earns nothing, a wavy one does, and another zone is the place to go."""
    found = told(capsys, "--hours", str(hours), "--remote")
    rows = {(row["zone"], row["place"]): row for row in found["zones"]}
    assert rows["flat", "local"]["budget"] == pytest.approx(0.2)
    assert rows["flat", "local"]["verdict"]["budget"].startswith("not worth it")
    assert "fewer requests" in rows["wavy", "local"]["verdict"]["budget"]
    assert rows["flat", "remote"]["full_g"] == pytest.approx(30.0)
    assert rows["flat", "remote"]["budget"] == 0.0
    assert found["unit"] == "g per kWh of full service"
    assert found["class"] is None


def test_targets_of_each_zone(tiny: Folder, capsys: Captured) -> None:
    """The hours at each target are the library's, once for each zone."""
    s = tiny.load()
    found = told(capsys, str(tiny.path), "--class", "A", "--remote", "--targets")
    board = board_of(s, "A")
    caps = {row["zone"]: row["cap_g"] for row in found["zones"]}
    want = [row for zone in board.zones for row in levels(s, "A", board, zone, caps[zone])]
    assert [row["point"] for row in found["targets"]] == [row["point"] for row in want]
    shares = [row["requests_share"] for row in found["targets"]]
    assert shares == pytest.approx([row["requests_share"] for row in want])


def test_the_tables(tiny: Folder, hours: Path, capsys: Captured) -> None:
    """A row a zone, in words what the figures are, and a strip of 24 hours a day."""
    call = ["tiers", "share", str(tiny.path), "--class", "A", "--days", "1", "--targets"]
    assert run(call) == 0
    text = capsys.readouterr().out
    assert text.startswith("All numbers of this example are invented.")
    assert "class interactive (A) in full: large-batched; degraded: small" in text
    assert "Cap: 0.9 of what full service at the baseline region emits" in text
    strips = [line.split()[-1] for line in text.splitlines() if "2023-06-01" in line]
    assert len(strips) == 3
    assert all(len(strip) == 24 and set(strip) <= set("·▒█") for strip in strips)
    assert "Targets where every request keeps the cap" in text
    assert run(["tiers", "share", "--hours", str(hours), "--remote", "--ahead"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "The cap was kept in" in text
    assert "flat local 400" in text
    assert "not worth it" in text
    assert "none needed" in text


def test_a_row_says_where_a_cap_is_out_of_reach(hours: Path, capsys: Captured) -> None:
    """Some zones cannot meet it: their rows say so, and the others are answered."""
    found = told(capsys, "--hours", str(hours), "--cap-g", "190")
    rows = {row["zone"]: row for row in found["zones"]}
    assert rows["flat"]["budget"] is None
    assert "the least attainable is 200 g, 50.0%" in rows["flat"]["verdict"]["budget"]
    assert rows["clean"]["budget"] == 0.0
    assert run(["tiers", "share", "--hours", str(hours), "--cap-g", "190"]) == 0
    assert "least 200 g" in capsys.readouterr().out


def test_a_cap_out_of_reach_everywhere_exits_4(tiny: Folder, capsys: Captured) -> None:
    """With the least attainable of every zone in words."""
    call = ["tiers", "share", str(tiny.path), "--class", "A", "--cap-share", "0.05"]
    assert run(call) == 4
    text = capsys.readouterr().err
    for zone in ("NO", "US-TX", "IN"):
        assert f"{zone}, local: cannot be met: the least attainable is" in text
    assert run([*call, "--rule", "percentile"]) == 0
    assert run([*call, "--json"]) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--class names the workload class: A"),
        (["--class", "Z"], "there is no class `Z`"),
        (["--class", "A", "--cap-g", "1", "--cap-share", "1"], "exclude each other"),
        (["--class", "A", "--green", "small", "--green-share", "1"], "exclude each other"),
        (["--class", "A", "--rule", "best"], "choose percentile, budget or both"),
        (["--class", "A", "--forecast", "x.csv"], "--forecast needs --ahead"),
        (["--class", "A", "--out", "days.txt"], ".csv, .parquet or .json"),
        (["--hours", "x.csv"], "leave out PATH"),
    ],
)
def test_wrong_usage_exits_2(
    arguments: list[str], words: str, tiny: Folder, capsys: Captured
) -> None:
    """Options that exclude each other, or that have no meaning."""
    assert run(["tiers", "share", str(tiny.path), *arguments]) == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_wrong_input_exits_3_with_all_of_it(tiny: Folder, hours: Path, capsys: Captured) -> None:
    """Zones that are not there, shares outside 0..1, caps below 0: one error lists them."""
    call = ["tiers", "share", str(tiny.path), "--class", "A", "--json", "--zone", "MARS"]
    call += ["--zone", "VENUS", "--cap-g", "-1", "--green-share", "1.5", "--full", "giant"]
    assert run(call) == 3
    found = json.loads(capsys.readouterr().out)["problems"]
    assert [p["where"] for p in found] == ["zone", "zone", "cap_g", "full", "green_share"]
    call = ["tiers", "share", "--hours", str(hours), "--json", "--zone", "MARS"]
    assert run([*call, "--cap-share", "2", "--green-share", "-1"]) == 3
    found = json.loads(capsys.readouterr().out)["problems"]
    assert [p["where"] for p in found] == ["zone", "cap_share", "green_share"]


def test_a_sample_is_not_planned_ahead(capsys: Captured) -> None:
    """Representative days do not follow each other: exit 3, with the fix."""
    call = ["tiers", "share", "--scenario", "sample", "--class", "A", "--zone", "DE", "--ahead"]
    assert run(call) == 3
    assert "without `time.sample`" in capsys.readouterr().err


def test_the_page_shows_what_comes_out(root: Path, capsys: Captured) -> None:
    """Every table of docs/shares.md is what the command prints, and its figures hold."""
    text = (root / "docs" / "shares.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```text\n\$ wattlas (.+)\n([\s\S]+?)^```", text, re.MULTILINE)
    assert len(blocks) == 4
    for command, shown in blocks:
        assert run(command.split()) == 0
        printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
        assert [line for line in shown.splitlines() if line] == [x for x in printed[1:] if x]
    needed = {0.0: "46.4", 0.06: "70.3", 0.004: "47.8"}
    for kwh, percent in needed.items():
        call = ["--class", "A", "--zone", "US-CAL-CISO", "--remote", "--cap-g", "0.0025"]
        row = told(capsys, *call, "--network-kwh-per-gb", str(kwh))["zones"][-1]
        assert f"{100 * row['budget']:.1f}" == percent
        assert f"{percent} %" in " ".join(text.split())


@pytest.mark.shared
def test_reference_shares_by_the_command(shared: Path, tmp_path: Path, capsys: Captured) -> None:
    """The published shares of six zones, as anyone with the hours can have them."""
    call = ["--hours", str(reference_hours(shared, tmp_path)), "--cap-share", "0.9"]
    call += [word for zone in REFERENCE for word in ("--zone", zone)]
    rows = told(capsys, *call, "--green-share", "0.5")["zones"]
    assert [row["zone"] for row in rows] == list(REFERENCE)
    for row in rows:
        percentile, budget = REFERENCE[row["zone"]]
        assert row["percentile"] == pytest.approx(percentile, abs=0.002)
        assert row["budget"] == pytest.approx(budget, abs=0.002)
        assert row["blind"] == pytest.approx(0.2, abs=0.002)
    flat = next(row for row in rows if row["zone"] == "SG")
    assert flat["verdict"]["budget"].startswith("not worth it")
