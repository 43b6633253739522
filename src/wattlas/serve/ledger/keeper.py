"""Brings the book to its store, again and again, while decisions go on.

One recording at a time, in a thread: whatever has come together since the last one. A store that
fails means full service until it answers again; so does a clock that was set.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from wattlas.serve.decision import Reason
from wattlas.serve.ledger.book import Book
from wattlas.serve.ledger.journal import Store
from wattlas.serve.ledger.spool import Spool

log = logging.getLogger("wattlas.serve")

PAUSE_S = 0.05
"""Between two recordings where little ends: permits are at most so late."""
PER_ROW_S, LONGER_S = 0.001, 0.15
"""The pause is longer by the first for each row, by the second at most: a recording costs as much
as a hundred rows."""
AGAIN_S = 1.0
"""After a failure. Also how often other processes' answers are looked at."""
JUMP_S = 2.0
"""A clock that moves by more against the steady one was set."""
READINGS = 3
"""Of both clocks: a process that was held between the two would see a jump where there is none."""
SETTLED_S = 60.0
"""How long a clock must run steadily to be trusted again."""
SWEEP_S = 60.0


class Keeper:
    """Records a book in a store until it is stopped. `clock` and `steady` are in seconds."""

    def __init__(
        self,
        book: Book,
        store: Store,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        spool: Spool | None = None,
    ) -> None:
        self.book, self.store, self.spool = book, store, spool
        self.failures = 0
        self.jumps = 0
        self.recorded_s = steady()
        """When a recording last succeeded, on the steady clock."""
        self._clock, self._steady = clock, steady
        self._offset_s = clock() - steady()
        self._distrust_until_s = float("-inf")
        self._swept_s = steady()
        self._store_fails = False
        self._longer_s = 0.0
        self._stopping = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")

    async def run(self) -> None:
        """Record until stopped, then return what is in hand and record the rest."""
        while not self._stopping.is_set():
            try:
                await self._turn()
            except Exception:  # a bug of ours must not end the accounts of all
                log.exception("the ledger was not kept")
                self.failures += 1
                self._store_fails = True
                self._judge()
            await self._pause(AGAIN_S if self._store_fails else PAUSE_S + self._longer_s)
        self.book.release()
        await self.record()
        self._thread.shutdown()

    async def _turn(self) -> None:
        self.watch_clock()
        if self.book.stirred or self._steady() - self.recorded_s > AGAIN_S:
            await self.record()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    def stop(self) -> None:
        """Let `run` come to its end."""
        self._stopping.set()

    async def record(self) -> None:
        """Record what has come together. Never raises: what fails is tried again."""
        while self.book.make():
            await asyncio.sleep(0)
        batch = self.book.collect()
        self._longer_s = min(PER_ROW_S * len(batch.rows), LONGER_S)
        if self.spool is not None:
            self.spool.turn()
        loop = asyncio.get_running_loop()
        try:
            done = await loop.run_in_executor(self._thread, self.store.record, batch)
        except Exception as error:
            self.book.failed(batch)
            self.failures += 1
            if not self._store_fails:
                log.error("the ledger does not answer (%s): full service until it does", error)
            self._store_fails = True
        else:
            self.book.recorded(batch, done)
            self.recorded_s = self._steady()
            if self.spool is not None:
                self.spool.recorded()
            if self._store_fails:
                log.warning("the ledger answers again")
            self._store_fails = False
        self._judge()

    def watch_clock(self) -> None:
        """Notice that the clock was set, and sweep what nobody settled."""
        now = self._steady()
        moved = min((self._moved_s() for _ in range(READINGS)), key=abs)
        if abs(moved) > JUMP_S:
            log.error("the clock was set by %+.0f s: full service for a while", moved)
            self.jumps += 1
            self._offset_s += moved
            self._distrust_until_s = now + SETTLED_S
        elif now - self._swept_s > SWEEP_S:
            self._offset_s += moved  # a clock that is slewed drifts by less than a jump in between
            self._swept_s = now
            self.book.sweep(self._clock())
        self._judge()

    def _moved_s(self) -> float:
        return self._clock() - self._steady() - self._offset_s

    def _judge(self) -> None:
        if self._store_fails:
            self.book.trouble = Reason.STORE
        elif self._steady() < self._distrust_until_s:
            self.book.trouble = Reason.CLOCK
        else:
            self.book.trouble = None
