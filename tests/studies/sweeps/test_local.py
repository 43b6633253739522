"""Processes of this machine: killed as a whole, or one by one, and the table is whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import psutil
import pytest

from tests.studies.sweeps.folders import tiny
from wattlas.studies.sweeps.carry_out import MOST_TRIES, Here, carry_out
from wattlas.studies.sweeps.folder import open_sweep
from wattlas.studies.sweeps.local import Processes

WAIT_S = 120.0
PROGRAM = "import sys; from wattlas.cli import run; sys.exit(run(sys.argv[1:]))"
ASKED = ("--vary", "regions.*.pue=1.1,1.2,1.3", "--vary", "objective.carbon_price_usd_per_t=0,100")


def until(true: Callable[[], object]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The files of all runs as one process makes them."""
    sweep = tiny(tmp_path_factory.mktemp("alone") / "sweep")
    carry_out(sweep, Here())
    return [sweep.file(n).read_bytes() for n in range(6)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_sweep_resumes_to_the_same_table(
    number: int, tmp_path: Path, alone: list[bytes]
) -> None:
    """What is finished stays, workers end with their process, and the files are the same bytes."""
    folder = tmp_path / "sweep"
    command = [sys.executable, "-c", PROGRAM, "sweep", "tiny", *ASKED]
    begun = subprocess.Popen(
        [*command, "--out", str(folder), "--jobs", "2"], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: begun.poll() is not None or list((folder / "runs").glob("*.parquet")))
    workers = psutil.Process(begun.pid).children(recursive=True)
    begun.send_signal(number)
    assert begun.wait(WAIT_S) == (130 if number == signal.SIGINT else -number)
    until(lambda: not any(worker.is_running() for worker in workers))
    sweep = open_sweep(folder)
    assert 0 < len(sweep.missing()) < 6
    finished = {path: path.stat().st_mtime_ns for path in (folder / "runs").glob("*.parquet")}
    carry_out(sweep, Here())
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in finished.items())
    assert [sweep.file(n).read_bytes() for n in range(6)] == alone


def test_a_worker_that_dies_each_time_takes_no_other_run_along(
    tmp_path: Path, alone: list[bytes]
) -> None:
    """After three tries it is a failed row; all other runs are as they are alone."""
    sweep, over, kills = tiny(tmp_path / "sweep"), Event(), []

    def kill() -> None:
        while not over.is_set():
            with suppress(FileNotFoundError, IndexError, ProcessLookupError):
                pid = int(sweep.under_way(0).read_text().splitlines()[-1].split()[1])
                if pid not in kills:
                    os.kill(pid, signal.SIGKILL)
                    kills.append(pid)
            time.sleep(0.001)

    killer = Thread(target=kill)
    killer.start()
    try:
        assert carry_out(sweep, Processes(2)) == 6
    finally:
        over.set()
        killer.join()
    assert len(kills) == MOST_TRIES
    row = sweep.table().row(0, named=True)
    assert (row["status"], row["exit_code"]) == ("failed", 7)
    assert "its worker died 3 times" in row["error"]
    assert [sweep.file(n).read_bytes() for n in range(1, 6)] == alone[1:]
