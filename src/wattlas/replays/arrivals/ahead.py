"""An iterator that works ahead in a thread of its own.

Serving requests holds no lock of the interpreter, so that reading and spreading the next ones costs
no time of their own where there is a second core. Order and content are those of the iterator.
"""

from __future__ import annotations

from collections.abc import Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import Any, TypeVar

T = TypeVar("T")

DEPTH = 2
"""Items that wait at most: memory holds this many more batches."""
_POLL_S = 0.1


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items in the same order; an exception comes where it was raised."""
    queue: Queue[tuple[Any, BaseException | None, bool]] = Queue(DEPTH)
    left = Event()

    def put(entry: tuple[Any, BaseException | None, bool]) -> None:
        while not left.is_set():
            try:
                queue.put(entry, timeout=_POLL_S)
                return
            except Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put((item, None, False))
                if left.is_set():
                    return
            put((None, None, True))
        except BaseException as error:  # handed on, whatever it is
            put((None, error, True))

    thread = Thread(target=work, name="arrivals", daemon=True)
    thread.start()
    try:
        while True:
            item, error, last = queue.get()
            if error is not None:
                raise error
            if last:
                return
            yield item
    finally:
        left.set()
        thread.join()
