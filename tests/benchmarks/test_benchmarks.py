"""The benchmarks run, at their smallest size, and measure what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.files import write_scenario
from benchmarks.first_command import first_command
from benchmarks.machine import machine, words
from benchmarks.modelling import Built
from benchmarks.page import LENGTH_PX, WEIGHT_MB
from benchmarks.program import _check_same, our_program
from benchmarks.registry import Figure, RunOptions, registry, table
from benchmarks.study import measured
from benchmarks.worlds import months_world, world
from wattlas.data.scenario_file import load
from wattlas.placement.api import plan
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.unit_values import cost
from wattlas.policy.registry import entries

ROOT = Path(__file__).resolve().parents[2]


def run(name: str, size: str) -> Sequence[Figure]:
    return registry()[name].run(RunOptions(size, repeat=1))


def test_the_list_names_every_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    """`list` prints one line per benchmark."""
    assert main(["list"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == list(registry())


def test_the_program_benchmark_runs() -> None:
    """Every phase gives a positive number, with or without the alternatives installed."""
    figures = run("program", "tiny")
    assert all(one.ours > 0 for one in figures)
    assert {"one hour: build / solve", "all hours: build / solve"} <= {f.phase for f in figures}


def test_every_policy_is_measured() -> None:
    """Each policy has a figure, and was asked at every step."""
    figures = run("policies", "tiny")
    assert len(figures) == len(entries())
    assert all(one.ours > 0 and "24 steps" in one.note for one in figures)


def test_the_program_is_the_one_that_plan_solves() -> None:
    """The measured program has the optimum that `plan` finds."""
    scenario = world("tiny")
    instance = build_instance(scenario)
    hours = np.arange(scenario.hours.count)
    found = our_program(instance, cost(instance), hours)
    assert found.objective == pytest.approx(plan(scenario).totals.cost_usd, rel=1e-9)


@pytest.mark.parametrize("change", [{"rows": 4}, {"columns": 4}, {"objective": 1.001}])
def test_another_program_is_not_compared(change: dict[str, float]) -> None:
    """A way that writes other rows or columns, or finds another optimum, is refused."""
    mine = Built(1.0, 1.0, 1.0, 3, 3, 1.0)
    _check_same("itself", mine, mine)
    with pytest.raises(ValueError, match="we"):
        _check_same("other", mine, replace(mine, **change))


def test_the_start_benchmark_runs() -> None:
    """Each command ends well and takes time."""
    assert all(one.ours > 0 for one in run("start", "once"))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_world_in_files_is_the_world(tmp_path: Path, suffix: str) -> None:
    """Read from its files, a drawn world has the arrays and the optimum that it was drawn with."""
    drawn = world("tiny")
    document = write_scenario(tmp_path / "w", drawn, suffix)
    found = load(document)
    for name in ("demand_per_h", "reserved_gpu", "price_usd_per_mwh", "average_g_per_kwh"):
        np.testing.assert_allclose(getattr(found, name), getattr(drawn, name), rtol=1e-12)
    for name in ("rtt_metro_node_ms", "rtt_node_region_ms", "egress_usd_per_gb"):
        mine, theirs = getattr(found.network, name), getattr(drawn.network, name)
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    assert plan(found).objective == pytest.approx(plan(drawn).objective, rel=1e-9)


def test_a_world_in_stretches_is_written_as_one(tmp_path: Path) -> None:
    """Months one after the other fill the same tables."""
    months = list(months_world("tiny", 2))
    found = load(write_scenario(tmp_path / "w", months, ".parquet"))
    demand = np.concatenate([one.demand_per_h for one in months], axis=2)
    np.testing.assert_array_equal(found.demand_per_h, demand)
    assert not [f for f in (tmp_path / "w").iterdir() if "-" in f.name]


def test_the_stream_benchmark_runs() -> None:
    """Memory of either way, and time, are positive."""
    figures = run("stream", "tiny")
    assert {f.unit for f in figures} == {"MiB", "×"}
    assert all(f.ours > 0 for f in figures)


def test_the_imports_benchmark_runs() -> None:
    """Seconds of an import and of the check of its pack."""
    assert [f.ours > 0 for f in run("imports", "tiny")] == [True, True]


def test_the_study_benchmark_runs() -> None:
    """Seconds and mebibytes of a whole study of the smallest example; its page as a browser has it,
    where there is one: lighter than is asked for, and no longer before its appendix.
    """
    seconds, memory, weight, *seen = run("study", "tiny")
    assert seconds.ours > 0
    assert 20 < memory.ours < 4000
    assert 0.5 < weight.ours < WEIGHT_MB
    for first_s, length in [seen] if seen else []:
        assert first_s.ours > 0
        assert 4000 < length.ours < LENGTH_PX


SPENDS = "import time; b = bytearray({mib} << 20); b[::4096] = b[::4096].replace(b'\\0', b'1')"


def test_memory_is_that_of_the_measured_program() -> None:
    """A large process that measures changes nothing, and what the program holds is seen."""
    python = [sys.executable, "-c"]
    small = measured([*python, "pass"]).peak_mib
    held = np.ones(40 << 20)  # 320 MiB
    beside = measured([*python, "pass"]).peak_mib
    large = measured([*python, SPENDS.format(mib=200)]).peak_mib
    assert held.nbytes >> 20 == 320
    assert small < 40
    assert beside == pytest.approx(small, abs=5)
    assert 190 < large - small < 240


FORGETS = """
from benchmarks.machine import forget_peak, peak_mib
dropped = b"1" * (160 << 20)
del dropped
forget_peak()
before = peak_mib()
held = b"1" * (40 << 20)
after = peak_mib()
del held
print(before, after, peak_mib())
"""


def test_a_peak_can_be_forgotten() -> None:
    """What was held before does not count, what is held after does.

    In a process of its own: here, what other tests left is freed at any moment.
    """
    said = subprocess.run(
        [sys.executable, "-c", FORGETS], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    before, after, later = map(float, said.split())
    assert before < 100
    assert 30 < after - before < 80
    assert later == pytest.approx(after, abs=5)


def test_memory_of_what_the_program_starts_counts() -> None:
    """The largest of a program and its own children is its peak."""
    child = SPENDS.format(mib=100)
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    assert measured([sys.executable, "-c", code]).peak_mib > 100


def test_a_measured_program_that_fails_says_why(tmp_path: Path) -> None:
    """The error carries the exit code and the last words, from the folder it ran in."""
    code = "import os, sys; print(os.getcwd()); sys.exit(3)"
    with pytest.raises(RuntimeError, match=f"ended with 3:\n{tmp_path}"):
        measured([sys.executable, "-c", code], cwd=tmp_path)


def test_the_first_command_is_read_from_the_readme(root: Path) -> None:
    """The benchmark runs the README's own line."""
    assert first_command(root) in (root / "README.md").read_text(encoding="utf-8")


def test_targets() -> None:
    """A bound is met from below, a ratio from above, and nothing is claimed without a target."""
    assert Figure("a", 1.0, target=1.0).met is True
    assert Figure("a", 1.1, target=1.0).met is False
    assert Figure("a", 1.0, other=10.0, target=10.0, of_ratio=True).met is True
    assert Figure("a", 1.0, other=9.0, target=10.0, of_ratio=True).met is False
    assert Figure("a", 1.0).met is None
    assert "NOT MET" in table("x", "tiny", [Figure("a", 1.1, target=1.0)])


def test_json_says_when_and_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file holds the machine, the date, the versions and every figure."""
    target = tmp_path / "new" / "figures.json"
    main(["run", "program", "--size", "tiny", "--repeat", "1", "--json", str(target)])
    found = json.loads(target.read_text(encoding="utf-8"))
    assert found["machine"]["date_utc"].startswith("20")
    assert found["machine"]["versions"]["numpy"] == np.__version__
    assert [one["name"] for one in found["results"]] == ["program"]
    assert {"phase", "ours", "other", "ratio", "target", "met"} <= set(
        found["results"][0]["figures"][0]
    )
    assert words(machine())[:2] == "20"
    assert "program (tiny)" in capsys.readouterr().out


def test_the_small_benchmark_measures_the_default() -> None:
    """`plan` with nothing chosen takes the engine for the published size, HiGHS for an hour."""
    many, first, alone = run("small", "tiny")
    assert "engine" in many.note
    assert "highs" in alone.note
    assert min(many.ours, first.ours, alone.ours) > 0


def test_the_tiers_benchmark_runs() -> None:
    """A small design takes less time than its grid in numpy would by itself."""
    (figure,) = run("tiers", "tiny")
    assert figure.ours > 0
    assert figure.other is not None


def test_the_replay_benchmark_runs() -> None:
    """The kernel and simpy serve alike, which the benchmark checks itself, and a week is read."""
    pytest.importorskip("simpy")
    figures = run("replay", "tiny")
    assert all(one.ours > 0 for one in figures)
    assert figures[0].other is not None
