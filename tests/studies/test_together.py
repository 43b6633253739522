"""Work that runs a few at a time: order, one bar, and an early end."""

from __future__ import annotations

import os
import signal
from functools import partial
from threading import Barrier, Event, current_thread, main_thread

import polars
import pytest

from wattlas.placement.engine.threads import VARIABLE
from wattlas.studies.together import Progress, together


def test_two_run_at_once_and_tell_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for the other half way; the mean share is told, and results are in order."""
    monkeypatch.delenv(VARIABLE, raising=False)
    both, told = Barrier(2), []

    def work(name: str, tell: Progress) -> str:
        both.wait(10)
        tell(name, 0.5)
        both.wait(10)
        tell(name, 1.0)
        return name

    names = ["a", "b"]
    made = together([partial(work, name) for name in names], lambda *each: told.append(each))
    assert made == names
    assert sorted(share for _, share in told) == [0.25, 0.5, 0.75, 1.0]
    assert told[-1] == ("a and b", 1.0)


def test_one_thread_is_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one thread is allowed, or there is one thing to do, the stage is told as it is."""
    told: list[tuple[str, float]] = []

    def work(tell: Progress) -> bool:
        tell("stage", 0.5)
        return current_thread() is main_thread()

    assert together([work], lambda *each: told.append(each)) == [True]
    monkeypatch.setenv(VARIABLE, "1")
    assert together([work, work], lambda *each: told.append(each)) == [True, True]
    assert told == [("stage", 0.5)] * 3


def test_others_end_when_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is raised, and what runs beside it ends the next time that it tells anything."""
    monkeypatch.delenv(VARIABLE, raising=False)
    begun, steps = Event(), []

    def fails(_tell: Progress) -> None:
        begun.wait(10)
        raise ValueError("no")

    def goes_on(tell: Progress) -> None:
        for step in range(1_000_000):
            begun.set()
            tell("long", step / 1_000_000)
            steps.append(step)

    with pytest.raises(ValueError, match="no"):
        together([goes_on, fails, goes_on], lambda *_: None)
    assert len(steps) < 1_000_000


def test_ctrl_c_ends_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal is seen while both run, also where a library has system calls go on after it."""
    monkeypatch.delenv(VARIABLE, raising=False)
    assert polars.__version__  # it is this library that does so when it is loaded
    most, steps, both = 20_000, [], Barrier(2)

    def goes_on(tell: Progress) -> None:
        if both.wait(10) == 0:
            os.kill(os.getpid(), signal.SIGINT)
        for step in range(most):
            Event().wait(0.001)
            tell("long", step / most)
            steps.append(step)

    with pytest.raises(KeyboardInterrupt):
        together([goes_on, goes_on], lambda *_: None)
    assert len(steps) < most
