"""`wattlas tiers fit`: figures, notes, the file for scenario.yaml, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import wattlas
from wattlas.cli import run
from wattlas.data.scenario_file import EXAMPLES
from wattlas.data.yaml_lines import read_yaml
from wattlas.model.users import Scale, Segment, Users

Captured = pytest.CaptureFixture[str]
EXAMPLE = EXAMPLES / "tiny" / "choices.csv"
TRUTH = {
    "consciousness": 0.2,
    "weight_accuracy": 0.5,
    "weight_latency": 0.3,
    "usd_per_utility": 0.01,
    "scale_usd": 0.002,
}


def told(capsys: Captured, *arguments: str) -> dict[str, Any]:
    """The JSON that the verb prints."""
    assert run(["tiers", "fit", *arguments, "--json"]) == 0
    data: dict[str, Any] = json.loads(capsys.readouterr().out)
    return data


@pytest.mark.portable
def test_the_example_tells_its_taste(capsys: Captured) -> None:
    """Every figure of the simulated example is within two standard errors of what made it."""
    data = told(capsys, str(EXAMPLE))
    assert (data["choices"], data["respondents"]) == (600, 150)
    one = data["segments"][0]
    assert one["clustered"]
    found = {e["parameter"]: e for e in one["estimates"]}
    assert found.keys() == TRUTH.keys()
    for name, value in TRUTH.items():
        assert abs(found[name]["value"] - value) <= 2 * found[name]["standard_error"], name
        assert found[name]["low"] < found[name]["value"] < found[name]["high"]
    assert [e["unit"] for e in one["willingness_to_pay"]] == ["USD/request"] * 3
    assert data["scale"]["reference_g"] == 0.3


def test_options_reach_the_fit(capsys: Captured, tmp_path: Path) -> None:
    """Curvature, additive weights, a bill for many requests and the ends of the scale."""
    bent = told(capsys, str(EXAMPLE), "--curvature", "fit")
    assert "curvature" in {e["parameter"] for e in bent["segments"][0]["estimates"]}
    fixed = told(capsys, str(EXAMPLE), "--curvature", "2", "--additive")
    assert fixed["users"]["segments"]["all"]["curvature"] == 2.0
    weights = fixed["users"]["segments"]["all"]
    assert weights["weight_accuracy"] + weights["weight_latency"] == pytest.approx(1)
    bill = pl.read_csv(EXAMPLE, comment_prefix="#").with_columns(
        pl.col("price_usd", "carbon_g") * 1000
    )
    bill.write_parquet(tmp_path / "bill.parquet")
    one = told(capsys, str(EXAMPLE))
    many = told(capsys, str(tmp_path / "bill.parquet"), "--requests", "1000")
    assert many["users"]["scale_usd"] == pytest.approx(one["users"]["scale_usd"], rel=1e-4)
    wide = told(capsys, str(EXAMPLE), "--accuracy-min", "0", "--reference-g", "1")
    assert (wide["scale"]["accuracy_min"], wide["scale"]["accuracy_max"]) == (0.0, 0.9)
    assert wide["scale"]["reference_g"] == 1.0


def test_the_file_is_users_of_a_scenario(capsys: Captured, tmp_path: Path) -> None:
    """Its keys are the fields of `model.users`, its figures those of the fit; nothing is left."""
    frame = pl.read_csv(EXAMPLE, comment_prefix="#")
    half = pl.col("respondent").str.slice(1).cast(pl.Int32) % 2 == 0
    name = pl.when(half).then(pl.lit('the "even": 1 𝔎')).otherwise(pl.lit("odd"))
    frame.with_columns(name.alias("segment")).write_csv(tmp_path / "two.csv")
    out = tmp_path / "deep" / "users.yaml"
    assert run(["tiers", "fit", str(tmp_path / "two.csv"), "--out", str(out)]) == 0
    assert f"Wrote {out}" in capsys.readouterr().err
    assert [p.name for p in out.parent.iterdir()] == ["users.yaml"]
    given = dict(read_yaml(out).data["users"])
    segments = tuple(Segment(id=k, **fields) for k, fields in given.pop("segments").items())
    read = Users(segments=segments, ends=Scale(**given.pop("ends")), **given)
    want = wattlas.fit_users(tmp_path / "two.csv").users()
    assert read.scale_usd == pytest.approx(want.scale_usd, rel=1e-6)
    for ours, theirs in zip(read.segments, want.segments, strict=True):
        assert (ours.id, ours.value) == (theirs.id, theirs.value)
        for field in ("share", "consciousness", "weight_accuracy", "usd_per_utility"):
            assert getattr(ours, field) == pytest.approx(getattr(theirs, field), rel=1e-6)
    assert "# segment odd: standard errors" in out.read_text("utf-8")


def test_none_of_these_reaches_the_file(tmp_path: Path, capsys: Captured) -> None:
    """Where leaving was an option, the file says so and what it is worth."""
    from tests.tiers.simulate import Truth, simulate
    from wattlas.model.choices import ATTRIBUTES

    choices = simulate(100, 4, 2, Truth(outside_usd=0.002), 3)
    columns = ["respondent", "task", "alternative", *ATTRIBUTES, "chosen"]
    frame = pl.DataFrame({n: getattr(choices, n) for n in columns}).fill_nan(None)
    frame.write_csv(tmp_path / "c.csv")
    out = tmp_path / "users.yaml"
    assert run(["tiers", "fit", str(tmp_path / "c.csv"), "-o", str(out)]) == 0
    users = read_yaml(out).data["users"]
    assert users["may_leave"] is True
    assert "outside_usd" in capsys.readouterr().out
    assert abs(users["outside_usd"] - 0.002) < 0.002


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--curvature", "bent"], "--curvature is `bent`"),
        (["--out", "."], "is a folder"),
    ],
)
def test_wrong_usage_exits_2(arguments: list[str], words: str, capsys: Captured) -> None:
    """A curvature that is none, a folder for a file."""
    assert run(["tiers", "fit", str(EXAMPLE), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_wrong_input_exits_3_with_all_of_it(tmp_path: Path, capsys: Captured) -> None:
    """Cells by line, what cannot be told by column, options by name; JSON on stdout if asked."""
    text = EXAMPLE.read_text("utf-8").replace("r1,1,b,0.7", "r1,1,b,70")
    (tmp_path / "bad.csv").write_text(text.replace("r1,1,a,0.8,2000", "r1,1,a,0.8,slow"), "utf-8")
    assert run(["tiers", "fit", str(tmp_path / "bad.csv")]) == 3
    assert "bad.csv:6 latency_ms\n  is `slow`" in capsys.readouterr().err
    flat = pl.read_csv(EXAMPLE, comment_prefix="#").with_columns(carbon_g=0.1, price_usd=0.01)
    flat.write_csv(tmp_path / "flat.csv")
    assert run(["tiers", "fit", str(tmp_path / "flat.csv"), "--json"]) == 3
    found = json.loads(capsys.readouterr().out)["problems"]
    assert [p["where"] for p in found] == ["carbon_g", "price_usd"]
    assert run(["tiers", "fit", str(EXAMPLE), "--requests", "0", "--reference-g", "1"]) == 3
    assert "requests" in capsys.readouterr().err
    assert run(["tiers", "fit", str(EXAMPLE), "--accuracy-min", "0.95"]) == 3
    assert run(["tiers", "fit", str(tmp_path / "none.csv")]) == 3


def test_nothing_is_written_where_the_fit_fails(tmp_path: Path) -> None:
    """A table that cannot be fitted leaves no file behind."""
    flat = pl.read_csv(EXAMPLE, comment_prefix="#").with_columns(carbon_g=0.1)
    flat.write_csv(tmp_path / "flat.csv")
    assert run(["tiers", "fit", str(tmp_path / "flat.csv"), "-o", str(tmp_path / "u.yaml")]) == 3
    assert not (tmp_path / "u.yaml").exists()


def test_the_group_says_what_it_holds(capsys: Captured) -> None:
    """`wattlas tiers` is among the verbs, and lists its own."""
    assert run(["--help"]) == 0
    assert "  tiers " in capsys.readouterr().out
    assert run(["tiers", "--help"]) == 0
    assert "Fit users' taste" in capsys.readouterr().out
