"""Who waits for whom while a folder's code is compiled."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from wattlas.compiled.apart import HAS_LOCKS, alone


@pytest.mark.skipif(not HAS_LOCKS, reason="nothing can be locked here")
def test_one_waits_until_the_other_has_ended(tmp_path: Path) -> None:
    """Also within a process: a thread may compile for another."""
    said: list[str] = []

    def second() -> None:
        with alone(tmp_path):
            said.append("second")

    thread = threading.Thread(target=second)
    with alone(tmp_path):
        thread.start()
        thread.join(0.2)
        said.append("first")
    thread.join(30)
    assert said == ["first", "second"]


@pytest.mark.skipif(not HAS_LOCKS, reason="nothing can be locked here")
def test_nobody_waits_for_more_than_what_is_wanted(tmp_path: Path) -> None:
    """Of functions that are compiled in one go the first is taken once it is kept."""
    looks: list[bool] = []

    def done() -> bool:
        looks.append(len(looks) == 2)
        return looks[-1]

    with alone(tmp_path), alone(tmp_path, done):
        assert looks == [False, False, True]


def test_where_nothing_can_be_locked_nobody_waits(tmp_path: Path) -> None:
    """A folder that is not there, as in a file system that can only be read."""
    with alone(tmp_path / "none"), alone(tmp_path / "none"):
        pass
