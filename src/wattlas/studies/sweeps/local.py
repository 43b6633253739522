"""Processes of this machine, one thread each, that end with the process that began them."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from threading import Thread

from wattlas.studies.sweeps.carry_out import Finished, WorkerDied, refuse
from wattlas.studies.sweeps.runs import work

_VARIABLES = (
    "WATTLAS_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS",
)  # fmt: skip
ONE_THREAD = dict.fromkeys(_VARIABLES, "1")
"""What tells libraries to use one thread, if it is set before they are loaded."""


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Processes:
    """So many processes of this machine."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def run(self, folder: Path, indices: Sequence[int], finished: Finished) -> None:
        """See `Workers.run`."""
        jobs = min(self.jobs, len(indices))
        # A fork would take locks of threads along; only a new process can begin with one thread.
        context = multiprocessing.get_context("spawn")
        before = set(multiprocessing.active_children())
        with _environment(ONE_THREAD):
            pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin)
            try:
                waiting = {pool.submit(work, str(folder), index) for index in indices}
                while waiting:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in done:
                        refuse(future.result())
                    finished()
            except BrokenProcessPool:
                raise WorkerDied("killed, or out of memory") from None
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                for child in set(multiprocessing.active_children()) - before:
                    child.terminate()


def _begin() -> None:
    """In a new worker: Ctrl-C is for the process that began it, and without that one it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait_for([sentinel])
    os._exit(1)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Variables of the environment for the processes that are begun meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
