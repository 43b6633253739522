"""The user's own Ray or Dask cluster, through joblib: the same runs on other machines.

All machines need this version of Wattlas, and a file system that they share with this one for the
scenario and for the sweep's folder.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread
from typing import Any

from wattlas.errors import MachineError, UsageError
from wattlas.studies.sweeps.carry_out import Finished, WorkerDied, Workers, refuse
from wattlas.studies.sweeps.local import ONE_THREAD
from wattlas.studies.sweeps.runs import work

LOOK_EVERY_S = 0.5
CONNECT_S = 30
LEAST_CORES = 2
DASK_SCHEMES = ("tcp", "tls", "ucx", "ws", "wss")
Enter = Callable[[str, int | None], AbstractContextManager[int]]
"""Address and runs at once → within it joblib's jobs go to the cluster; so many at once."""


def cluster_at(address: str, jobs: int | None) -> Workers:
    """The cluster at an address. Raises UsageError for another address, MachineError without the
    extra `cluster`.
    """
    scheme, separator, place = address.partition("://")
    if not separator or not place or scheme not in ("ray", *DASK_SCHEMES):
        raise UsageError(
            f"--cluster {address}: give the address of a Ray cluster, ray://host:10001, or of a "
            "Dask scheduler, tcp://host:8786."
        )
    library, enter = ("ray", _ray) if scheme == "ray" else ("distributed", _dask)
    missing = [name for name in ("joblib", library) if find_spec(name) is None]
    if missing:
        named = ", ".join(missing)
        raise MachineError(
            f"{named}: not installed. Install the extra: pip install 'wattlas[cluster]'"
        )
    return Cluster(address, jobs, enter)


class Cluster:
    """Workers of a cluster. joblib hands out the runs and does not retry; `carry_out` does."""

    def __init__(self, address: str, jobs: int | None, enter: Enter) -> None:
        self.address, self.jobs, self.enter = address, jobs, enter

    def run(self, folder: Path, indices: Sequence[int], finished: Finished) -> None:
        """See `Workers.run`."""
        from joblib import Parallel, delayed

        where = str(folder.resolve())
        with self.enter(self.address, self.jobs) as count, _looking(finished):
            handed = (delayed(work_there)(where, index) for index in indices)
            try:
                # One run to a task: a batch would be lost as a whole with its worker.
                refusals = Parallel(n_jobs=count, batch_size=1)(handed)
            except Exception as error:
                raise WorkerDied(f"{type(error).__name__} at {self.address}") from error
        for refused in refusals:
            refuse(refused)


def work_there(folder: str, index: int) -> str | None:
    """`work` in a process of a cluster. Dask's workers are there already, and get one thread each
    by their nanny but for the placement's own."""
    os.environ["WATTLAS_THREADS"] = ONE_THREAD["WATTLAS_THREADS"]
    return work(folder, index)


@contextmanager
def _looking(finished: Finished) -> Iterator[None]:
    """Look at the folder now and then, as joblib says nothing until all is done."""
    over = Event()

    def look() -> None:
        while not over.wait(LOOK_EVERY_S):
            finished()

    looker = Thread(target=look, daemon=True)
    looker.start()
    try:
        yield
    finally:
        over.set()
        looker.join()


@contextmanager
def _ray(address: str, jobs: int | None) -> Iterator[int]:
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")  # never a cluster of its own
    import ray
    from joblib import parallel_config
    from ray.util.joblib import register_ray

    with _connecting(address):
        ray.init(address, logging_level=logging.ERROR, log_to_driver=False)
    try:
        register_ray()
        one_thread = {"runtime_env": {"env_vars": ONE_THREAD}}
        with parallel_config("ray", ray_remote_args=one_thread):
            yield _enough(address, jobs, lambda: int(ray.cluster_resources().get("CPU", 0)))
    finally:
        _wait_for_results()
        ray.shutdown()


def _wait_for_results() -> None:
    """Let the threads end that wait for runs of actors that were stopped, before Ray is gone: they
    would ask it again, and begin a cluster of their own."""
    from ray.util.multiprocessing.pool import ResultThread

    end = time.monotonic() + CONNECT_S
    for thread in threading.enumerate():
        if isinstance(thread, ResultThread):
            thread.join(max(0.0, end - time.monotonic()))


@contextmanager
def _dask(address: str, jobs: int | None) -> Iterator[int]:
    from distributed import Client
    from joblib import parallel_config

    with _connecting(address):
        client: Any = Client(address, timeout=CONNECT_S, set_as_default=False)
    with client, parallel_config("dask", client=client):
        yield _enough(address, jobs, lambda: sum(client.nthreads().values()))


def _enough(address: str, jobs: int | None, cores: Callable[[], int]) -> int:
    """Runs at once, when the workers have come. Raises MachineError where they are fewer than two:
    joblib would do the work of one in this process.
    """
    end = time.monotonic() + CONNECT_S
    while (there := cores()) < LEAST_CORES:
        if time.monotonic() > end:
            raise MachineError(
                f"--cluster {address}: its workers have {there} cores, and at least {LEAST_CORES} "
                "are needed. Start more, or run there without --cluster."
            )
        time.sleep(LOOK_EVERY_S)
    return max(LEAST_CORES, jobs or there)


@contextmanager
def _connecting(address: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        what = " ".join(str(error).split())[:200]
        raise MachineError(f"--cluster {address}: no cluster answers there ({what}).") from None
