"""`wattlas compare`: metric by metric, an exit code for what is worse, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

import wattlas
from tests.replays.worlds import thin
from wattlas.cli import run
from wattlas.errors import InputError, UsageError


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Replays of one question by the plan and by nearest, and of others; a study and a plan."""
    root = tmp_path_factory.mktemp("compared")
    world = thin(wattlas.example("tiny"), 0.01, 3)
    wattlas.save(wattlas.replay(world, "plan", trial=wattlas.Trial(seeds=2)), root / "plan")
    wattlas.save(wattlas.replay(world, "nearest", trial=wattlas.Trial(seeds=2)), root / "nearest")
    wattlas.save(
        wattlas.replay(world, ["plan", "greedy", "uniform"], trial=wattlas.Trial(seeds=2)),
        root / "several",
    )
    wattlas.save(wattlas.replay(world, "plan", wattlas.Traffic(scale=0.5)), root / "fewer")
    wattlas.save(
        wattlas.replay(thin(world, 0.5, 2), "plan", trial=wattlas.Trial(seeds=2)), root / "smaller"
    )
    wattlas.save(wattlas.study(world, samples=3), root / "study")
    return root


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["compare", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_every_metric_of_two_replays(folders: Path) -> None:
    """A, B and B − A are those of the tables."""
    made = wattlas.compare(folders / "plan", folders / "nearest")
    rows = made.to_polars()
    assert made.ok
    for side, name in (("a", "plan"), ("b", "nearest")):
        totals = pl.read_parquet(folders / name / "replay_totals.parquet").filter(policy=name)
        wanted = {m: v for m, v in totals.select("measure", "value").iter_rows() if v is not None}
        got = dict(rows.select("metric", side).iter_rows())
        assert {m: got[m] for m in wanted} == pytest.approx(wanted)
    assert (rows["difference"] == rows["b"] - rows["a"]).all()
    latency = pl.read_parquet(folders / "plan" / "replay_latency.parquet")
    first = latency.filter(policy="plan").row(0, named=True)
    metric = f"p95 {first['class']}.{first['service']}.{first['moment']}"
    assert rows.filter(metric=metric)["a"][0] == pytest.approx(first["p95_ms"])


def test_exit_6_where_it_is_worse(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Within the limits 0, beyond them 6, with the metrics that are; better is never worse."""
    plan, nearest = str(folders / "plan"), str(folders / "nearest")
    assert said(capsys, plan, nearest)[0] == 0
    assert said(capsys, plan, plan, "--worse-than", "cost=0,carbon=0%,late=0,p95=0%")[0] == 0
    code, out, _ = said(capsys, plan, nearest, "--worse-than", "late=1%,cost=0.5%")
    assert code == 6
    assert "B is worse in variable_usd" in out
    assert "late:" not in out
    assert said(capsys, nearest, plan, "--worse-than", "late=1%,cost=0.5%")[0] == 0
    assert said(capsys, plan, nearest, "--worse-than", "cost=500%")[0] == 0
    more = wattlas.compare(plan, nearest).to_polars().filter(metric="variable_usd")
    gap = more["difference"][0]
    assert said(capsys, plan, nearest, "--worse-than", f"cost={gap * 1.001}")[0] == 0
    assert said(capsys, plan, nearest, "--worse-than", f"cost={gap * 0.999}")[0] == 6
    code, out, _ = said(capsys, plan, nearest, "--worse-than", "cost=0.5%,carbon=50%", "--json")
    told = json.loads(out)
    assert code == 6
    assert (told["ok"], told["worse"]) == (False, ["variable_usd"])
    limits = {row["metric"]: row["limit"] for row in told["metrics"] if row["limit"] is not None}
    assert set(limits) == {"variable_usd", "carbon_kg"}


def test_one_policy_of_several(folders: Path) -> None:
    """The policy is the one looked at, or named in both; one that is not there is told."""
    made = wattlas.compare(folders / "plan", folders / "several", policy="plan")
    assert set(made.to_polars().drop_nulls("difference")["difference"]) == {0.0}
    with pytest.raises(UsageError, match=r"plan holds no `greedy`. It has nearest, plan"):
        wattlas.compare(folders / "several", folders / "plan", policy="greedy")


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ("fewer", ("requests.scale is 1.0 in one and 0.5 in", "requests.seeds is 2 in one and 1")),
        ("smaller", ("scenario differs", "requests.hours is 3 in one and 2 in the other")),
        ("study", ("kind is replay in one and placement in the other",)),
    ],
)
def test_what_is_another_question(
    folders: Path, capsys: pytest.CaptureFixture[str], other: str, words: tuple[str, ...]
) -> None:
    """Other requests, another scenario or kind: refused with all of it, or noted if told to."""
    with pytest.raises(InputError) as caught:
        wattlas.compare(folders / "plan", folders / other)
    text = str(caught.value).replace(": ", " ")
    for one in words:
        assert one in text
    assert said(capsys, str(folders / "plan"), str(folders / other))[0] == 3
    code, out, err = said(capsys, str(folders / "plan"), str(folders / other), "--anyway")
    assert code == 0, err
    assert "Not the same question" in out


def test_results_that_do_not_tell_their_question_are_named(folders: Path, tmp_path: Path) -> None:
    """Whichever of the two it is: without its hash a scenario may be any."""
    old = Path(shutil.copytree(folders / "plan", tmp_path / "old"))
    meta = json.loads((old / "meta.json").read_text())
    del meta["scenario"]["sha256"]
    (old / "meta.json").write_text(json.dumps(meta))
    for pair in ((folders / "plan", old), (old, folders / "plan")):
        with pytest.raises(InputError) as caught:
            wattlas.compare(*pair)
        (problem,) = caught.value.problems
        assert problem.what == f"is not told by its hash in {old}"


def test_studies_and_plans(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Totals of a study, or of a plan's folder, are compared by name."""
    study = str(folders / "study")
    assert said(capsys, study, study, "--worse-than", "cost=0,carbon=0,unserved=0")[0] == 0
    for name, more in (("one", ()), ("two", ()), ("green", ("--set", "objective.minimise=carbon"))):
        assert run(["plan", "tiny", "--out", str(tmp_path / name), *more]) == 0
    capsys.readouterr()
    one, two, green = (str(tmp_path / name) for name in ("one", "two", "green"))
    assert said(capsys, one, two, "--worse-than", "cost=0,carbon=0")[0] == 0
    assert said(capsys, one, green)[0] == 3
    assert said(capsys, one, green, "--anyway", "--worse-than", "cost=0")[0] == 6
    assert said(capsys, one, green, "--anyway", "--worse-than", "carbon=0")[0] == 0
    assert said(capsys, one, two, "--policy", "plan")[0] == 2


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("cost", "wanted metric=1% or metric=5"),
        ("cost=-1", "wanted metric=1%"),
        ("cost=much", "wanted metric=1%"),
        ("wat=1%", "no metric `wat`. There are cost, carbon"),
        ("requests=1%", "neither better nor worse"),
    ],
)
def test_limits_that_are_none(folders: Path, limit: str, words: str) -> None:
    """A limit without a number, or for what is no metric, is wrong usage."""
    with pytest.raises(UsageError, match=words):
        wattlas.compare(folders / "plan", folders / "nearest", worse_than=limit)


def test_what_is_no_results_folder(tmp_path: Path, folders: Path) -> None:
    """A folder that is not there, and one whose tables were changed."""
    with pytest.raises(InputError, match="there is no such folder"):
        wattlas.compare(folders / "plan", tmp_path / "none")
