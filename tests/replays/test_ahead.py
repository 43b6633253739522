"""Working ahead changes neither what comes nor when it fails, and leaves no thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from wattlas.errors import UsageError
from wattlas.replays.arrivals.ahead import ahead


def _failing(count: int) -> Iterator[int]:
    yield from range(count)
    raise UsageError("the end")


def test_items_errors_and_threads() -> None:
    """All items in order, the error after those before it, and the thread ends in every case."""
    assert list(ahead(iter(range(1000)))) == list(range(1000))
    failing = ahead(_failing(7))
    assert [next(failing) for _ in range(7)] == list(range(7))
    with pytest.raises(UsageError, match="the end"):
        next(failing)
    some = ahead(iter(range(1000)))
    assert next(some) == 0
    some.close()  # type: ignore[attr-defined]
    assert "arrivals" not in {thread.name for thread in threading.enumerate()}
