"""`wattlas sweep`: from options to a table and a page; a run by itself; what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from wattlas.cli import run

VARY = ("--vary", "regions.*.pue=1.1,1.3", "--vary", "objective.carbon_price_usd_per_t=0,100")
RENT = "reserved_usd_per_gpu_year"


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["sweep", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_grid(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """One row per run, a page, tables of at most 80 columns, and nothing is run again."""
    out = tmp_path / "sweep"
    asked = ("tiny", *VARY, "--out", str(out), "--jobs", "1")
    code, text, err = said(capsys, *asked)
    assert code == 0, err
    for words in ("Over 4 runs of plan", "What matters for cost, USD", "regions.*.pue", "swing"):
        assert words in text
    listed = text.splitlines()[1 : text.splitlines().index("")]
    assert all(len(line) <= 80 for line in listed)
    rows = pl.read_parquet(out / "sweep.parquet")
    assert rows.select("run", "regions.*.pue").rows() == [(0, 1.1), (1, 1.1), (2, 1.3), (3, 1.3)]
    assert rows["cost_usd"].null_count() == 0
    assert 'figure("sweep-ranking"' in (out / "report.html").read_text("utf-8")
    table, stamps = (out / "sweep.parquet").read_bytes(), _stamps(out)
    code, again, err = said(capsys, *asked)
    assert (code, again) == (0, text)
    assert "4 of 4 runs are finished already" in err
    assert (out / "sweep.parquet").read_bytes() == table
    assert _stamps(out) == stamps
    code, _, err = said(capsys, *asked[:3], "--out", str(out))
    assert code == 2
    assert "axes:" in err


def _stamps(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (out / "runs").iterdir()}


def test_one_run_after_the_other_by_a_workflow(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A prepared sweep, its runs by number and by hash, then the table; a failed run ends so."""
    out = tmp_path / "sweep"
    varied = ("--vary", "regions.oslo.pue=1.2,0.5")
    code, text, _ = said(capsys, "tiny", *varied, "--out", str(out), "--prepare")
    assert (code, text) == (0, f"{out}: 2 runs, 2 of them to do\n")
    hashes = [each["hash"] for each in json.loads((out / "sweep.json").read_text())["runs"]]
    code, text, err = said(capsys, "one", str(out), "0")
    assert (code, text) == (0, f"{out / 'runs' / hashes[0]}.parquet\n"), err
    code, text, err = said(capsys, "table", str(out), "--json")
    assert code == 0
    assert "1 of 2 runs are missing" in err
    assert json.loads(text)["missing"] == 1
    code, _, err = said(capsys, "one", str(out), hashes[1])
    assert code == 3
    assert "regions.oslo.pue" in err
    code, text, err = said(capsys, "table", str(out))
    assert code == 3
    assert "1 of 2 runs failed" in err
    assert "Runs that failed" in text
    for which in ("2", "-1", "what"):
        assert said(capsys, "one", str(out), "--", which)[0] == 2


def test_policies_of_a_replay_with_seeds(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Settings of the verb are axes, too; each seed is a run, as the replay has it."""
    import wattlas

    out = tmp_path / "sweep"
    settings = ("--with", "hours=1", "--with", "scale=0.05", "--with", "utilisation=0.8")
    code, _, err = said(
        capsys, "tiny", "--run", "replay", "--vary", "policy=nearest,plan", *settings,
        "--seeds", "2", "--out", str(out), "--jobs", "1",
    )  # fmt: skip
    assert code == 0, err
    rows = pl.read_parquet(out / "sweep.parquet")
    keys = [("nearest", 0), ("nearest", 1), ("plan", 0), ("plan", 1)]
    assert rows.select("policy", "seed").rows() == keys
    tiny = wattlas.example("tiny")
    alone = wattlas.replay(
        tiny,
        "plan",
        wattlas.Traffic(scale=0.05),
        trial=wattlas.Trial(hours=1, utilisation=0.8, seeds=2),
    )
    for n, outcome in enumerate(alone.outcomes["plan"]):
        assert rows["variable_usd"][2 + n] == outcome.totals.variable_usd
        assert rows["requests"][2 + n] == outcome.requests
    base = alone["nearest"].totals.variable_usd
    assert rows["saved_usd"][2] == base - rows["variable_usd"][2]
    assert (rows["saved_usd"][:2] == 0).all()


def test_a_sample_of_a_fleet_whose_indices_are_known(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Rents of reserved accelerators add up: Sᵢ is (gpu·range)² over the sum of them."""
    out = tmp_path / "sweep"
    code, text, err = said(
        capsys, "tiny", "--design", "sobol", "--samples", "16", "--out", str(out), "--jobs", "1",
        "--vary", f"regions.oslo.{RENT}=10000:30000", "--vary", f"regions.austin.{RENT}=0:10000",
    )  # fmt: skip
    assert code == 0, err
    assert "What matters for cost, USD" in text
    code, text, _ = said(capsys, "table", str(out), "--json")
    ranked = [row for row in json.loads(text)["ranking"] if row["metric"] == "cost_usd"]
    assert [row["field"].split(".")[1] for row in ranked] == ["oslo", "austin"]
    for row, known in zip(ranked, (0.8, 0.2), strict=True):  # 20000² and 10000², 12 GPU each
        assert row["total"] == pytest.approx(known, abs=0.1)
        assert row["total_low"] < known < row["total_high"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--vary", "a.b"), "wants a field and values"),
        (("--vary", "regions.*.pue=1.1,1.2", "--design", "gird"), "Did you mean `grid`"),
        (("--run", "replay", "--vary", "polcy=plan"), "Did you mean `policy`"),
        ((), "needs a field to vary"),
        (("--vary", "regions.*.pue=1.1,1.2", "--with", "x"), "NAME=VALUE"),
        (("--run", "replay", "--vary", "scale=1,2", "--trace", "none.csv"), "no such file"),
    ],
)
def test_wrong_use_in_words(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Each mistake is named, and no folder is left."""
    code, _, err = said(capsys, "tiny", *arguments, "--out", str(tmp_path / "sweep"))
    assert code == 2
    assert words in " ".join(err.split())
    assert not (tmp_path / "sweep").exists()


def test_an_address_that_is_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It is refused with the two forms that there are."""
    out = str(tmp_path / "sweep")
    code, _, err = said(capsys, "tiny", *VARY, "--out", out, "--cluster", "localhost:8786")
    assert code == 2
    assert "ray://host:10001" in err
