"""Sweeps on a Ray and a Dask cluster, started for real: a worker is killed, the table is whole."""

from __future__ import annotations

import gc
import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.studies.sweeps.folders import tiny
from wattlas.errors import MachineError
from wattlas.studies.sweeps import cluster
from wattlas.studies.sweeps.carry_out import Here, carry_out
from wattlas.studies.sweeps.cluster import cluster_at
from wattlas.studies.sweeps.design import Axis
from wattlas.studies.sweeps.folder import SweepFolder

WAIT_S = 120.0
RUNS = 6
AXIS = Axis("regions.*.pue", tuple(1.1 + 0.02 * n for n in range(RUNS)))

pytestmark = [
    pytest.mark.acceptance,
    # Ray leaves sockets, files and processes open when its client disconnects, and Dask's comms
    # are closed by their finalizers.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def left_open() -> Iterator[None]:
    """What the two leave open in circles is found here, where it may be, and by no later test."""
    yield
    gc.collect()


def port() -> int:
    """One that is free now."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def started(command: Sequence[str], log: Path, **environment: str) -> Iterator[None]:
    """A program in a group of its own, which ends as a whole."""
    with log.open("wb") as written:
        begun = subprocess.Popen(
            command, stdout=written, stderr=written, start_new_session=True,
            env={**os.environ, **environment},
        )  # fmt: skip
    try:
        yield
    finally:
        begun.terminate()
        with suppress(subprocess.TimeoutExpired):
            begun.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(begun.pid, signal.SIGKILL)
        begun.wait()


def answers(number: int) -> None:
    """Wait until somebody listens at a port of this machine."""
    end = time.monotonic() + WAIT_S
    while True:
        with closing(socket.socket()) as tried:
            if tried.connect_ex(("127.0.0.1", number)) == 0:
                return
        assert time.monotonic() < end, f"nobody listens at {number}"
        time.sleep(0.02)


@pytest.fixture
def ray_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A Ray cluster with two cores that only who knows its token may use."""
    # Before Ray is imported, which reads them then.
    for name, value in (("RAY_AUTH_MODE", "token"), ("RAY_AUTH_TOKEN", secrets.token_hex(24))):
        monkeypatch.setenv(name, value)
    pytest.importorskip("ray")
    head, client = port(), port()
    command = [
        sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block",
        "--node-ip-address=127.0.0.1", f"--port={head}", f"--ray-client-server-port={client}",
        "--num-cpus=2", "--include-dashboard=false", "--disable-usage-stats",
    ]  # fmt: skip
    # With gRPC's handlers of forks the client server now and then fails to begin.
    with started(command, tmp_path / "ray.log", GRPC_ENABLE_FORK_SUPPORT="0"):
        answers(client)
        yield f"ray://127.0.0.1:{client}"


@pytest.fixture
def dask_address(tmp_path: Path) -> Iterator[str]:
    """A Dask scheduler with two workers of one thread."""
    pytest.importorskip("distributed")
    number = port()
    address = f"tcp://127.0.0.1:{number}"
    dask = [sys.executable, "-m", "dask"]
    scheduler = [*dask, "scheduler", "--host=127.0.0.1", f"--port={number}", "--no-dashboard"]
    workers = [
        *dask, "worker", address, "--host=127.0.0.1", "--nworkers=2", "--nthreads=1",
        "--no-dashboard", f"--local-directory={tmp_path}",
    ]  # fmt: skip
    with started(scheduler, tmp_path / "scheduler.log"):
        answers(number)
        with started(workers, tmp_path / "workers.log"):
            yield address  # its workers come in a moment


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The files of all runs as one process makes them."""
    sweep = tiny(tmp_path_factory.mktemp("alone") / "sweep", AXIS)
    carry_out(sweep, Here())
    return [sweep.file(n).read_bytes() for n in range(RUNS)]


@contextmanager
def killing(sweep: SweepFolder, killed: list[int]) -> Iterator[None]:
    """Kill, once, a worker that has a run in hand when some are finished."""
    over = Event()

    def kill() -> None:
        while not over.is_set() and not killed:
            if len(sweep.missing()) < RUNS:
                for index in sweep.missing():
                    with suppress(FileNotFoundError, IndexError, ProcessLookupError):
                        pid = int(sweep.under_way(index).read_text().splitlines()[-1].split()[1])
                        os.kill(pid, signal.SIGKILL)
                        killed.append(index)
                        break
            time.sleep(0.004)

    killer = Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


@pytest.mark.parametrize("kind", ["ray", "dask"])
def test_a_worker_is_killed_and_the_table_is_whole(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, alone: list[bytes]
) -> None:
    """What was finished is not run again, the rest is, and all files are the same bytes."""
    address = request.getfixturevalue(f"{kind}_address")
    sweep, killed = tiny(tmp_path / "sweep", AXIS), list[int]()
    told: list[float] = []
    with killing(sweep, killed):
        workers = cluster_at(address, 2)
        assert carry_out(sweep, workers, lambda _what, share: told.append(share)) == RUNS
    assert len(killed) == 1
    assert sweep.missing() == []
    assert not list((sweep.folder / "runs").glob("*.under-way"))
    assert [sweep.file(n).read_bytes() for n in range(RUNS)] == alone
    assert told[-1] == 1.0


def test_nobody_at_the_address(tmp_path: Path) -> None:
    """A scheduler that does not answer is told in words, with its address."""
    pytest.importorskip("distributed")
    sweep = tiny(tmp_path / "sweep", AXIS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "CONNECT_S", 1)
        with pytest.raises(MachineError, match=r"tcp://127.0.0.1:\d+: no cluster answers"):
            carry_out(sweep, cluster_at(f"tcp://127.0.0.1:{port()}", 1))


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named, with the command that installs it."""
    find = importlib.util.find_spec
    monkeypatch.setattr(cluster, "find_spec", lambda name: None if name == "ray" else find(name))
    with pytest.raises(MachineError, match=r"ray: not installed.*pip install 'wattlas\[cluster\]'"):
        cluster_at("ray://127.0.0.1:10001", None)
