"""Progress on stderr: a bar with the stage, the rate and the time left; lines where no terminal is.

A verb that may take long tells its bar the stage and which share of it is done.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from wattlas.cli.interrupts import end_if_asked
from wattlas.cli.streams import obeying, one_line
from wattlas.model.cells import number_text

Tell = Callable[[str, float], None]
"""Called with the stage and the share of it that is done, 0..1."""

SAY_EVERY_S = 5.0
"""How often a stage that goes on is written where stderr is no terminal."""
BAR_WIDTH = 24


@dataclass
class StagePace:
    """How fast a stage goes, measured from when it was first told of.

    `total` is how many `unit` the stage has; without it the rate is in percent.
    """

    total: int = 0
    unit: str = ""
    stage: str = ""
    share: float = 0.0
    first: tuple[float, float] = (0.0, 0.0)
    """Time and share at which the stage began."""
    now: Callable[[], float] = field(default=time.monotonic)

    def step(self, stage: str, share: float) -> bool:
        """Take note of a share; whether a new stage has begun."""
        begins = stage != self.stage or share < self.share
        if begins:
            self.first = self.now(), share
        self.stage, self.share = stage, share
        return begins

    def words(self) -> str:
        """Percent or number done, rate, time left: as far as they are known."""
        done = f"{self.share:.0%}"
        if self.total:
            done = f"{self.share * self.total:,.0f} of {self.total:,} {self.unit}"
        began, share = self.first
        passed = self.now() - began
        rate = (self.share - share) / passed if passed > 0 else 0.0
        if rate <= 0:
            return done if self.share > 0 or self.total else ""
        speed = (
            f"{number_text(rate * self.total)} {self.unit}/s"
            if self.total
            else f"{100 * rate:.3g} %/s"
        )
        left = (1.0 - self.share) / rate
        return f"{done}, {speed}, {duration(left)} left"


def duration(seconds: float) -> str:
    """`8 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


@contextmanager
def bar(verb: str, total: int = 0, unit: str = "") -> Iterator[Tell]:
    """Show progress while the work lasts, and clear it when it is done."""
    pace = StagePace(total, unit)
    with _drawn(verb, pace) if sys.stderr.isatty() else _written(verb, pace) as show:

        def tell(stage: str, share: float) -> None:
            end_if_asked()
            show(stage, share)

        yield tell


@contextmanager
def _written(verb: str, pace: StagePace) -> Iterator[Tell]:
    """A line when a stage begins, and another every few seconds while it lasts."""
    last = pace.now()

    def tell(stage: str, share: float) -> None:
        nonlocal last
        begins = pace.step(stage, share)
        if begins or pace.now() - last >= SAY_EVERY_S:
            last = pace.now()
            words = pace.words()
            sys.stderr.write(f"{verb}: {stage}{f' {words}' if words else ''}\n")
            sys.stderr.flush()

    yield tell


@contextmanager
def _drawn(verb: str, pace: StagePace) -> Iterator[Tell]:
    """A bar that is drawn over itself; what cannot tell its share yet has one that moves."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(BAR_WIDTH),
        TextColumn("{task.fields[words]}", markup=False),
    )
    console = Console(file=obeying(sys.stderr))
    # What is said meanwhile stands above the bar; stdout is the result's and stays as it is.
    shown = Progress(*columns, console=console, transient=True, redirect_stdout=False)
    with shown as progress:
        task = progress.add_task(verb, total=None, words="")

        def tell(stage: str, share: float) -> None:
            pace.step(stage, share)
            known = 1.0 if share > 0 else None
            progress.update(
                task, description=one_line(f"{verb}: {stage}"), total=known, completed=share,
                words=pace.words(),
            )  # fmt: skip

        yield tell
