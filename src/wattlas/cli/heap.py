"""What the C library's allocator keeps of freed memory, where it can be told."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread


def give_memory_back(larger_than: int = 64 * 1024) -> None:
    """Let arrays of more bytes return to the system once they are dropped; before polars is loaded.

    The C library of most Linux systems keeps what was freed for the next request of the same size,
    and the chunks' arrays differ in size: without this a long plan holds a third more.
    """
    _allocate(mmap_threshold=larger_than)


def share_memory() -> None:
    """Let all threads take from one heap, and keep what was freed; before polars is loaded.

    A heap for each thread keeps what its thread alone freed. Arrays that return to the system are
    cleared by it each time they come back, which is a tenth of a study's time.
    """
    _allocate(arena_max=1, mmap_threshold=LARGEST_KEPT, trim_threshold=KEPT)


@contextmanager
def trimmed() -> Iterator[None]:
    """Give the system back what lies free amid the shared heap, again and again meanwhile.

    What one stage freed between arrays that stay lies there for the next, whose arrays are of other
    sizes: the heap of a study held twice what was in use.
    """
    ends = Event()
    Thread(target=trim_every, args=(lambda: _works_on(ends),), daemon=True).start()
    try:
        yield
    finally:
        ends.set()


def _works_on(ends: Event) -> bool:
    """Wait until this process has computed for a while again; whether it ended before."""
    until = time.process_time() + TRIM_EVERY_CPU_S
    while time.process_time() < until:
        if ends.wait(LOOKS_S):
            return True
    return False


def trim_every(over: Callable[[], bool]) -> None:
    """Trim the heap whenever the wait for the end returns and it is not `over`."""
    import ctypes

    with suppress(OSError, AttributeError, TypeError):
        trim = ctypes.CDLL(None).malloc_trim
        while not over():
            trim(KEPT)


def _allocate(**settings: int) -> None:
    """Set parameters of the C library's allocator where it has them.

    polars brings an allocator of its own, which keeps what was freed once for each of its arenas.
    """
    import ctypes

    os.environ.setdefault("_RJEM_MALLOC_CONF", "narenas:1")
    for name, value in settings.items():
        with suppress(OSError, AttributeError, TypeError):
            ctypes.CDLL(None).mallopt(_MALLOPT[name], value)


_MALLOPT = {"trim_threshold": -1, "mmap_threshold": -3, "arena_max": -8}
"""M_TRIM_THRESHOLD, M_MMAP_THRESHOLD and M_ARENA_MAX of malloc.h: how much may lie free at the end
of a heap, from what size on a request is mapped apart and unmapped when freed, how many heaps."""
LARGEST_KEPT = 8 << 20
"""Bytes: the flows of a week or a month lie below, arrays over all flows of a year above."""
KEPT = 16 << 20
TRIM_EVERY_CPU_S = 0.75
"""CPU time of all threads between two trims, which is half a second of two cores: each walks all
that is free, which takes some 5 ms, and what it gives back is cleared by the system when it is
taken again. By the clock, a machine that is busy with others would do little else."""
LOOKS_S = 0.25
