"""Work that takes long, a few at a time, with one bar for all of it.

Threads, not processes: what takes the time is compiled and lets other threads run, and nothing has
to be copied. What each makes does not depend on how many run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from threading import Lock
from typing import TypeVar

from wattlas.placement.engine.threads import at_most
from wattlas.placement.window.blocks import THREADS, one_by_one

T = TypeVar("T")
Progress = Callable[[str, float], None]
"""Called with the stage and the share of it that is done, 0..1."""


AWAKE_S = 0.2
"""How long Ctrl-C may wait. polars has system calls go on after a signal: Python, waiting for a
thread, would see it when that ends."""


class Stopped(Exception):
    """Ends work whose result nobody waits for any more: another failed, or the user stopped it."""


def together(works: Sequence[Callable[[Progress], T]], tell: Progress) -> list[T]:
    """What each makes, in order. Each is called with what it tells its progress to, and ends soon
    after another raised.
    """
    threads = min(at_most(THREADS), len(works))
    if threads < 2:
        return [work(tell) for work in works]
    shares = _Shares(tell, len(works))
    with ThreadPoolExecutor(threads, initializer=one_by_one) as pool:
        try:
            futures = [pool.submit(work, shares.teller(n)) for n, work in enumerate(works)]
            waiting = set(futures)
            while waiting:
                waiting = wait(waiting, AWAKE_S, FIRST_EXCEPTION).not_done
                for future in filter(Future.done, futures):
                    future.result()
        except BaseException:
            shares.stopped = True
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]


class _Shares:
    """The stages of all that run as one: their names, and the mean share."""

    def __init__(self, tell: Progress, count: int) -> None:
        self.tell, self.stopped, self.lock = tell, False, Lock()
        self.stage, self.share = [""] * count, [0.0] * count

    def teller(self, n: int) -> Progress:
        """What the n-th of them tells."""

        def tell(stage: str, share: float) -> None:
            if self.stopped:
                raise Stopped
            with self.lock:
                self.stage[n], self.share[n] = stage, share
                words = " and ".join(stage for stage in self.stage if stage)
                self.tell(words, sum(self.share) / len(self.share))

        return tell
