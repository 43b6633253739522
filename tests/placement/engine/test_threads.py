"""How many threads a placement takes: as many as the environment allows, with the same result."""

from __future__ import annotations

import threading

import pytest

from wattlas.placement.engine.threads import VARIABLE, at_most
from wattlas.placement.window.blocks import at_once


@pytest.mark.parametrize(("said", "threads"), [("1", 1), ("2", 2), ("8", 2), ("", 2), ("x", 2)])
def test_the_environment_lowers_the_number(
    said: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never raised, and what is no number changes nothing."""
    monkeypatch.setenv(VARIABLE, said)
    assert at_most(2) == threads


@pytest.mark.parametrize("said", ["1", "2"])
def test_work_is_the_same_in_any_number(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results come in their order, and with one thread all of it runs in that one."""
    monkeypatch.setenv(VARIABLE, said)
    names = set()

    def square(n: int) -> int:
        names.add(threading.current_thread().name)
        return n * n

    assert list(at_once(square, range(50))) == [n * n for n in range(50)]
    assert len(names) <= int(said)
