"""`wattlas replay`: a trace through a policy to tables and a page, a log to a model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import wattlas
from tests.replays.worlds import green, thin
from wattlas.cli import run
from wattlas.cli.replay_trace import changed_fields
from wattlas.policy.registry import entries
from wattlas.report.results import open_results
from wattlas.studies.replay_tables import listings


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["replay", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Two thousand requests in an hour and a half."""
    rng = np.random.default_rng(1)
    path = tmp_path / "trace.csv"
    pl.DataFrame(
        {
            "arrived_at": np.sort(rng.uniform(0, 5400, 2000)),
            "num_prefill_tokens": rng.integers(10, 2000, 2000),
            "num_decode_tokens": rng.integers(1, 300, 2000),
        }
    ).write_csv(path)
    return path


def test_from_a_trace_to_a_page(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, trace: Path
) -> None:
    """Sentence, tables, every request in Parquet, a results folder that opens, and JSON."""
    out, each = tmp_path / "out", tmp_path / "each"
    arguments = ("tiny", "--trace", str(trace), "--out", str(out), "--requests", str(each))
    code, text, err = said(capsys, *arguments)
    assert code == 0, err
    assert "Replay: nearest, seed 0 50%" in err
    assert "2,000 requests of trace.csv (vidur)" in text
    for words in ("What came out", "How long it took", "full answer", "Report:"):
        assert words in text
    results = open_results(out)
    assert results.meta["page"] == "replay"
    assert results.table("replay_places").filter(policy="plan")["requests"].sum() == 2000
    page = (out / "report.html").read_text("utf-8")
    assert 'figure("replay-latency"' in page
    assert 'figure("frontier"' not in page
    requests = pl.read_parquet(each / "requests-*.parquet")
    assert sorted(requests["row"]) == list(range(2000))
    assert (requests["last_token_s"] >= requests["first_token_s"]).all()
    code, text, _ = said(capsys, "tiny", "--trace", str(trace), "--json", "--policy", "nearest")
    told = json.loads(text)
    assert (code, told["policy"]) == (0, "nearest")
    assert set(told["replay_latency"]["policy"]) == {"nearest"}


def test_several_policies(capsys: pytest.CaptureFixture[str], tmp_path: Path, trace: Path) -> None:
    """Lists and repeated options on the same requests: one table, in the folder and as JSON."""
    arguments = ("tiny", "--trace", str(trace), "--policy", "plan", "--policy")
    several = (*arguments, "greedy,weighted:carbon=2,latency=1", "--against", "plan")
    code, text, err = said(capsys, *several, "--out", str(tmp_path / "out"))
    assert code == 0, err
    assert "Of 4 policies over 2,000 requests of trace.csv (vidur)" in text
    assert "Policies on the same requests" in text
    assert "How long it took" not in text
    table = open_results(tmp_path / "out").table("replay_policies")
    assert list(table["policy"]) == ["nearest", "plan", "greedy", "weighted:carbon=2,latency=1"]
    code, text, _ = said(capsys, *several, "--json")
    told = json.loads(text)
    assert told["policies"] == list(table["policy"])
    assert told["replay_policies"]["requests"] == [2000.0] * 4
    assert told["replay_policies"]["regret_cost_half_usd"] == [None] * 4
    assert told["replay_policies"]["against_cost_usd"][1] == 0.0
    each = tmp_path / "each"
    one = ("tiny", "--trace", str(trace), "--policy", "nearest", "--against", "least-carbon")
    assert said(capsys, *one, "--requests", str(each))[0] == 0
    regions = set(pl.read_parquet(each / "requests-*.parquet")["region"])
    assert len(regions) == 3, "records are those of the policy, not of the one compared with"


def test_wrong_use_in_words(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, trace: Path
) -> None:
    """A policy that is none, hours that are not there, a file of requests that is taken."""
    for arguments, exit_code, words in (
        (("--policy", "wat"), 2, "there is no `wat`"),
        (("--policy", "plan,wat:x=1"), 2, "there is no `wat`"),
        (("--against", "wat"), 2, "there is no `wat`"),
        (("--policy", "greedy:by=wat"), 2, "wanted cost or carbon"),
        (("--policy", "./none.py:Mine"), 3, "there is no such file"),
        (("--hours", "0"), 2, "wanted 1..24"),
        (("--utilisation", "1.5"), 2, "at most 1"),
        (("--layout", "azure"), 3, "no such column"),
        (("--scale", "0"), 3, "scale"),
    ):
        code, _, err = said(capsys, "tiny", "--trace", str(trace), *arguments)
        assert code == exit_code, err
        assert words in err
    (tmp_path / "requests-000000.parquet").touch()
    code, _, err = said(capsys, "tiny", "--requests", str(tmp_path))
    assert code == 2
    assert "holds requests already" in err


def test_a_log_to_a_model_and_back(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Calibrate writes what replay reads; a broken file is told whole."""
    rows = [
        {"queued_ts": 0.2 * n, "input_toks": 100 + n, "output_toks": 50,
         "first_token_ts": 0.2 * n + 0.05, "last_token_ts": 0.2 * n + 1.0}
        for n in range(40)
    ]  # fmt: skip
    log, model = tmp_path / "log.jsonl", tmp_path / "service.json"
    log.write_text("\n".join(map(json.dumps, rows)))
    arguments = ("--batch", "8", "--step-tokens", "2048", "--kv-tokens", "100000")
    point = ("--point", "large-fast", "--out", str(model), "--check", str(log))
    code, text, err = said(capsys, "calibrate", str(log), *arguments, *point)
    assert code == 0, err
    for words in ("held out", "second log", "A step lasts", "Service model:"):
        assert words in text
    code, text, err = said(
        capsys, "tiny", "--hours", "1", "--scale", "0.01", "--service", str(model)
    )
    assert code == 0, err
    assert "calibrate them" not in text
    model.write_text('{"large-fast": {"step": 1}, "other": {"step_s": -1}}')
    code, _, err = said(capsys, "tiny", "--service", str(model))
    assert code == 3
    for words in ("is no part of a service model", "is missing", "wanted a number above 0"):
        assert words in err
    code, _, err = said(capsys, "calibrate", str(log), "--out", "x.yaml")
    assert code == 2


def test_python_with_seeds_and_a_contract(tmp_path: Path) -> None:
    """Means with their intervals, the cap's table, and the page that shows it."""
    made = wattlas.replay(thin(green(), 0.02, 12), trial=wattlas.Trial(seeds=3))
    titles = [listing.title for listing in listings(made)]
    assert titles == ["What came out", "How long it took", "Degraded, against the cap"]
    totals = made.to_polars("replay_totals").filter(measure="requests", policy="plan")
    values = [outcome.requests for outcome in made.outcomes["plan"]]
    assert totals["value"][0] == pytest.approx(np.mean(values))
    assert totals["half_width"][0] == pytest.approx(
        4.303 * np.std(values, ddof=1) / 3**0.5, rel=1e-3
    )
    caps = made.to_polars("replay_caps").filter(policy="plan")
    assert (caps["share"] <= caps["share_max"]).all()
    page = wattlas.save(made, tmp_path / "out").read_text("utf-8")
    assert "A~green" in page


def test_patience_is_told_and_not_replayed() -> None:
    """Requests that may wait are served as they come, by every policy, and the notes say so."""
    plain = thin(wattlas.example("tiny"), 0.02, 3)
    classes = (plain.classes[0], replace(plain.classes[1], may_wait_h=2.0))
    told = wattlas.replay(replace(plain, classes=classes))
    made = wattlas.replay(plain)
    assert told["plan"].totals == made["plan"].totals
    assert set(told.notes) - set(made.notes) == {
        f"Requests of {classes[1].id} may wait; a replay serves them as they come"
    }


def test_the_policies_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Every policy with its sentence and its options."""
    code, text, _ = said(capsys, "policies")
    assert code == 0
    rows = json.loads(said(capsys, "policies", "--json")[1])["policies"]
    assert [row["policy"] for row in rows] == list(entries())
    options = {row["policy"]: row["options"] for row in rows}
    assert options["weighted"] == "cost = 1, carbon = 1, latency = 0"
    assert options["greedy"] == "by"
    for name in entries():
        assert name in text


def test_help_names_both_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    """Help of the group, and of the run that needs no word."""
    assert run(["replay", "--help"]) == 0
    text = capsys.readouterr().out
    assert "calibrate" in text
    assert run(["replay", "run", "--help"]) == 0
    assert "--trace" in capsys.readouterr().out


def test_each_column_of_a_trace_is_its_own() -> None:
    """What is not given is left to the layout."""
    told = changed_fields("at", "ms", "prompt", "answer")
    assert told == {"time": "at", "unit": "ms", "tokens_in": "prompt", "tokens_out": "answer"}
    assert changed_fields(None, None, "prompt", None) == {"tokens_in": "prompt"}
