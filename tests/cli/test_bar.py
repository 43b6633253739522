"""Progress: stage, rate and time left, drawn on a terminal and written elsewhere."""

from __future__ import annotations

import io
import signal
import sys
import weakref
from typing import Any

import pytest
from rich.progress import Progress, TaskID

from wattlas.cli import interrupts, run
from wattlas.cli.bar import StagePace, bar, duration
from wattlas.cli.common import say
from wattlas.cli.streams import Screen


class Clock:
    """A time that a test sets."""

    seconds = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.seconds


def test_the_pace_of_a_stage() -> None:
    """Rate and time left are those of the stage, measured from when it began."""
    clock = Clock()
    pace = StagePace(total=200, unit="steps", now=clock)
    assert pace.step("placing", 0.5)
    assert pace.words() == "100 of 200 steps"
    clock.seconds += 10
    assert not pace.step("placing", 0.75)
    assert pace.words() == "150 of 200 steps, 5 steps/s, 10 s left"
    assert pace.step("writing", 0.1)
    clock.seconds += 1
    pace.step("writing", 0.3)
    assert pace.words() == "60 of 200 steps, 40 steps/s, 4 s left"


def test_a_stage_without_a_number() -> None:
    """The rate is in percent; nothing is claimed before anything is done."""
    clock = Clock()
    pace = StagePace(now=clock)
    pace.step("frontier", 0.0)
    assert pace.words() == ""
    clock.seconds += 4
    pace.step("frontier", 0.2)
    assert pace.words() == "20%, 5 %/s, 16 s left"


@pytest.mark.parametrize(
    ("seconds", "text"), [(8.4, "8 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")]
)
def test_durations(seconds: float, text: str) -> None:
    """Seconds, minutes, hours."""
    assert duration(seconds) == text


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stage, bar, number done, rate and time left; nothing of it stays when it is done."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    with bar("Plan", 1000, "steps") as tell:
        tell("placing [x]", 0.001)
        tell("placing [x]", 0.25)
    drawn = terminal.getvalue()
    assert "Plan: placing [x]" in drawn
    assert "━" in drawn
    assert "250 of 1,000 steps, " in drawn
    assert " left" in drawn
    assert drawn.endswith("\x1b[2K")


def test_what_cannot_tell_its_share_has_a_bar_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing done yet is no 0 % of something: the bar has no end until a share is told."""
    totals: list[float | None] = []
    update = Progress.update

    def noted(progress: Progress, task: TaskID, **fields: Any) -> None:
        totals.append(fields["total"])
        update(progress, task, **fields)

    monkeypatch.setattr(Progress, "update", noted)
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with bar("Plan") as tell:
        for share in (0.0, 0.5, 0.0):
            tell("placing", share)
    assert totals == [None, 1.0, None]


def test_a_bar_through_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar's own sequences act on the terminal; those in names and in what is said do not."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", Screen(terminal, needed=False))
    monkeypatch.setenv("TERM", "xterm")
    with bar("Plan") as tell:
        tell("zone \x1b]0;mine\x07", 0.5)
        say("warning: \x1b]0;mine\x07")
    drawn = terminal.getvalue()
    assert drawn.endswith("\x1b[2K")
    assert r"zone \x1b]0;mine\x07" in drawn
    assert r"warning: \x1b]0;mine\x07" in drawn
    assert "\x1b]" not in drawn


@pytest.mark.parametrize(
    ("line", "stages"),
    [
        ("plan tiny", ["Plan: placing"]),
        ("frontier tiny --samples 3", ["Frontier: scale"]),
        ("export weights tiny", ["Weights: reading", "Weights: plan"]),
        ("study tiny --samples 3", ["Study: plan", "Study: frontier", "Study: abatement"]),
    ],
)
def test_long_verbs_tell_their_stages(
    line: str, stages: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: object,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Where stderr is no terminal each stage is a line, and stdout has none of it."""
    monkeypatch.chdir(str(tmp_path))
    assert run(line.split()) == 0
    told = capsys.readouterr()
    for stage in stages:
        assert stage in told.err
        assert stage not in told.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_python_ignores_is_not_lost(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a weak reference calls may raise nothing: the next step that a bar is told of ends."""
    ignored: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupts.listen()
        with bar("Plan") as tell:
            tell("placing", 0.1)
            held: set[int] = set()
            watched = weakref.ref(held, lambda _: signal.raise_signal(number))
            del held
            assert watched() is None
            assert [each.exc_type for each in ignored] == [KeyboardInterrupt]
            with pytest.raises(KeyboardInterrupt):
                tell("placing", 0.2)
            interrupts.forget()  # the next command
            tell("placing", 0.3)
    finally:
        interrupts.forget()
        for each, handler in before.items():
            signal.signal(each, handler)


def test_a_signal_that_is_ignored_stays_so() -> None:
    """A command in the background of a shell hears no Ctrl-C."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        interrupts.listen()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
