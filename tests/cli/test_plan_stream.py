"""`wattlas plan --out FOLDER`: killed at any moment, resumed, and the same in the end."""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.data.scenario_files import Folder, tiny_folder
from wattlas.cli import run
from wattlas.cli.heap import give_memory_back, share_memory, trim_every
from wattlas.report.stream_folder import finished_parts

Captured = pytest.CaptureFixture[str]
COMMAND = [sys.executable, "-c", "from wattlas.cli import main; main()", "plan"]
KILLS = 2


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The tiny example over half a year, from tables that repeat its day."""
    made = tiny_folder(tmp_path_factory.mktemp("long") / "t")
    for name in ("price.csv", "carbon.csv"):
        day = pl.read_csv(made.path / name, comment_prefix="#").with_columns(
            pl.col("time_utc").str.to_datetime(time_zone="UTC")
        )
        days = [day.with_columns(pl.col("time_utc") + pl.duration(days=n)) for n in range(180)]
        text = pl.col("time_utc").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        pl.concat(days).with_columns(text).write_csv(made.path / name)
    made.edit("scenario.yaml", "hours: 24", "hours: 4320")
    made.add("\ncapacity: {scale: 0.4}\n")
    return made


def table(folder: Path) -> pl.DataFrame:
    """All parts one after the other."""
    return pl.concat([pl.read_parquet(path) for path in finished_parts(folder)])


def start(long: Folder, out: Path, *more: str) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    arguments = [*COMMAND, str(long.path), "--out", str(out), "--json", *more]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until_parts(out: Path, count: int, child: subprocess.Popen[str]) -> None:
    """Wait until so many parts are there, or the command has ended. Before its first part it makes
    the folder and takes it away again, to see whether it may."""
    parts = 0
    while child.poll() is None and parts < count:
        time.sleep(0.004)
        with suppress(FileNotFoundError):
            parts = len(finished_parts(out))


def test_killed_and_resumed(long: Folder, tmp_path: Path, capsys: Captured) -> None:
    """kill -9 at random moments: parts are whole, none is lost, and the table is the same."""
    assert run(["plan", str(long.path), "--out", str(tmp_path / "whole"), "--json"]) == 0
    told, errors = capsys.readouterr()
    assert "of 4,320 steps" in errors
    draw, out = random.Random(7), tmp_path / "killed"
    kept = 0
    for n in range(KILLS):
        child = start(long, out, *(["--resume"] if n else []))
        until_parts(out, kept + draw.randint(1, 4), child)
        time.sleep(draw.uniform(0.0, 0.02))
        child.kill()
        child.communicate(timeout=60)
        now = len(finished_parts(out))
        assert now >= kept
        kept = now
        assert kept == 0 or table(out).height > 0
    assert 0 < kept < len(finished_parts(tmp_path / "whole"))
    last = start(long, out, "--resume")
    resumed, errors = last.communicate(timeout=120)
    assert last.returncode == 0, errors
    assert table(out).equals(table(tmp_path / "whole"))
    mine, other = json.loads(resumed), json.loads(told)
    for key in ("totals", "regions", "status", "engine_hours", "highs_hours", "objective_value"):
        assert mine[key] == other[key]
    for name in ("file", "rows", "first", "last"):
        assert [part[name] for part in mine["parts"]] == [part[name] for part in other["parts"]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(number: signal.Signals, long: Folder, tmp_path: Path) -> None:
    """Ctrl-C and SIGTERM end with 130, and say that what is done is kept and how to go on."""
    out = tmp_path / "o"
    child = start(long, out)
    until_parts(out, 2, child)
    child.send_signal(number)
    told, errors = child.communicate(timeout=60)
    assert child.returncode == 130, errors
    assert told == ""
    assert "--resume goes on" in errors
    assert len(finished_parts(out)) >= 2
    assert not (out / "meta.json").exists()
    assert not [f for f in out.iterdir() if f.name.startswith(".")]


def test_one_day_in_a_folder(tmp_path: Path, capsys: Captured) -> None:
    """The folder's JSON has what the plan's has; a second run without --resume is refused."""
    tiny, out = tiny_folder(tmp_path / "t"), tmp_path / "o"
    assert run(["plan", str(tiny.path), "--out", str(out), "--json"]) == 0
    folder = json.loads(capsys.readouterr().out)
    assert run(["plan", str(tiny.path), "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert folder["status"] == alone["status"] == "optimal"
    assert folder["totals"]["plan"] == alone["totals"]
    assert folder["regions"] == alone["regions"]
    assert run(["plan", str(tiny.path), "--out", str(out)]) == 2
    assert "--resume" in capsys.readouterr().err
    assert run(["plan", str(tiny.path), "--out", str(out), "--resume"]) == 0
    assert "1 part\n" in capsys.readouterr().out
    changed = ["plan", str(tiny.path), "--out", str(out), "--resume", "--set", "demand.scale=2"]
    assert run(changed) == 3
    assert "the scenario is not what this plan was begun with" in capsys.readouterr().err
    assert run(["plan", str(tiny.path), "--resume"]) == 2


def test_coupled_hours_are_told(tmp_path: Path, capsys: Captured) -> None:
    """A cap over all time is solved as one and said so; its abatement cost is in meta.json."""
    tiny, out = tiny_folder(tmp_path / "t"), tmp_path / "o"
    cap = ["--set", "objective.carbon_cap_share=0.9"]
    assert run(["plan", str(tiny.path), "--out", str(out), "--json", *cap]) == 0
    told = capsys.readouterr()
    assert "solved as one and written at the end" in told.err
    assert len(json.loads(told.out)["abatement_usd_per_t"]) == 1


def test_a_long_scenario_is_read_chunk_by_chunk(
    long: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """More than a year is never held as a whole, and parts and table are those of the whole."""
    short = ["--set", "time.hours=1800"]
    whole, months = tmp_path / "whole", tmp_path / "months"
    assert run(["plan", str(long.path), "--out", str(whole), *short]) == 0
    monkeypatch.setattr("wattlas.data.months.LONG_H", 1000)
    capsys.readouterr()
    assert run(["plan", str(long.path), "--out", str(months), *short]) == 0
    assert "1,800 steps are read chunk by chunk" in capsys.readouterr().err
    key = ["time_utc", "metro", "class", "region", "point"]
    assert table(months).sort(key).equals(table(whole).sort(key))
    told = json.loads((months / "meta.json").read_text("utf-8"))
    assert told["window"]["hours"] == 1800
    other = json.loads((whole / "meta.json").read_text("utf-8"))
    for name in ("file", "rows", "first", "last"):
        assert [p[name] for p in told["parts"]] == [p[name] for p in other["parts"]]
    assert told["window"]["start_utc"] == "2023-06-01T00:00:00Z"
    cap = ["--set", "objective.carbon_cap_share=0.95"]
    assert run(["plan", str(long.path), "--out", str(tmp_path / "cap"), *short, *cap]) == 0
    assert "solved as one" in capsys.readouterr().err


@pytest.mark.parametrize("choose", [give_memory_back, share_memory])
def test_who_chose_how_memory_is_kept_is_obeyed(
    monkeypatch: pytest.MonkeyPatch, choose: Callable[[], None]
) -> None:
    """A long plan and a study ask polars for one arena unless the environment asks for another."""
    monkeypatch.delenv("_RJEM_MALLOC_CONF", raising=False)
    choose()
    assert os.environ["_RJEM_MALLOC_CONF"] == "narenas:1"
    monkeypatch.setenv("_RJEM_MALLOC_CONF", "narenas:4")
    choose()
    assert os.environ["_RJEM_MALLOC_CONF"] == "narenas:4"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="no such allocator")
def test_what_lies_free_between_kept_arrays_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second of many arrays is dropped: without it, all of them stay resident."""
    monkeypatch.setenv("_RJEM_MALLOC_CONF", "narenas:1")
    share_memory()

    def resident_mib() -> float:
        pages = int(Path("/proc/self/statm").read_text("utf-8").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    arrays = [np.ones(12_000) for _ in range(1_000)]  # 92 MiB, none large enough to be mapped apart
    kept = arrays[::2]
    del arrays
    before, moments = resident_mib(), iter([False, True])
    trim_every(lambda: next(moments))
    assert resident_mib() < before - 30
    assert all(array[-1] == 1.0 for array in kept)
