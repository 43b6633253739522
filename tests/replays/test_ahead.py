"""Working ahead changes neither what comes nor when it fails, and leaves no thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from wattlas.errors import UsageError
from wattlas.replays.arrivals import ahead as module
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
    assert "arrivals" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("taken", [1, module.DEPTH + 2])
def test_who_leaves_early_leaves_no_thread(taken: int) -> None:
    """Also where the thread waits for room: it has made as many more as may wait, and one."""
    made: list[int] = []

    def counting() -> Iterator[int]:
        for n in range(1000):
            made.append(n)
            yield n

    some = ahead(counting())
    assert [next(some) for _ in range(taken)] == list(range(taken))
    until = time.monotonic() + 10.0
    while len(made) < taken + module.DEPTH + 1:
        assert time.monotonic() < until
        time.sleep(0.001)
    assert all(t.daemon for t in threading.enumerate() if t.name == "arrivals")
    leaving = threading.Thread(target=some.close, daemon=True)  # type: ignore[attr-defined]
    leaving.start()
    leaving.join(10.0)
    assert not leaving.is_alive()
    assert len(made) == taken + module.DEPTH + 1
    assert "arrivals" not in {thread.name for thread in threading.enumerate()}


def test_a_slow_reader_gets_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it takes longer than the thread waits at once, nothing is lost or comes twice."""
    monkeypatch.setattr(module, "_POLL_S", 0.002)
    got: list[int] = []

    def read() -> None:
        for item in ahead(iter(range(8))):
            time.sleep(0.02)
            got.append(item)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(10.0)
    assert not reader.is_alive()
    assert got == list(range(8))
