"""Bars, panels and tables on terminals wide and narrow."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from wattlas.cli import bar, common, streams, tables
from wattlas.errors import InfeasibleError, InputError, Problem
from wattlas.model.endpoints import Address
from wattlas.model.table import Column, Kind, Listing

NAN = float("nan")


class _Terminal(io.StringIO):
    """What says of itself that it is a terminal."""

    def isatty(self) -> bool:
        return True


def _terminals(_folder: Path) -> Iterator[str]:
    """Bars, panels, problems and tables on terminals wide and narrow, and elsewhere."""
    problems = [Problem("a.b", "is\nwrong", "Do it.\nSo.", "f.yaml", 3), Problem("c", "too", "")]
    for terminal in (io.StringIO(), _Terminal()):
        with contextlib.redirect_stderr(terminal):
            with common.progress("Reading"):
                pass
            common.show_problems(problems)
            common.show_problems(problems[1:])
            common.show_warnings(problems)
            streams.clear_line()
            with bar.bar("Work", 48, "steps") as tell:
                tell("first", 0.0)
                tell("first", 0.0)
                tell("second", 0.5)
        told = re.sub(r"\x1b\[\d*m", "", terminal.getvalue())
        yield repr(told.partition("Work")[0] if terminal.isatty() else told)
    now = iter([0.0, 1.0, 5.9, 5.9, 6.0, 11.5, 12.0, 12.0, 13, 14, 15, 16.5, 17, 18, 19, 20])
    pace = bar.StagePace(now=lambda: float(next(now)))
    told = io.StringIO()
    with contextlib.redirect_stderr(told), bar._written("V", pace) as tell:
        for share in (0.1, 0.2, 0.3):
            tell("s", share)
    yield told.getvalue()
    for share, first, total in (
        (0.0, 0.0, 0),
        (0.0, 0.0, 9),
        (0.5, 0.5, 0),
        (1.0, 0.5, 9),
        (0.6, 0.2, 0),
    ):
        pace = bar.StagePace(total, "u", "s", share, (0.0, first), now=lambda: 2.0)
        yield f"{pace.words()!r} {pace.step('s', share)} {pace.step('t', share)}"
        yield str(pace.step("t", 0.0))
    still = bar.StagePace(3, "u", "s", 1.0, (2.0, 0.0), now=lambda: 2.0)
    yield still.words()
    wide = Listing(
        "Title of it",
        (
            Column("name", Kind.TEXT),
            Column("usd", Kind.COUNT),
            Column("much_usd_per_mwh", digits=6, wide=True),
            Column("said", Kind.TEXT, head="what was said of it"),
            Column("last_kg", Kind.COUNT, wide=True),
            Column("ok", Kind.FLAG),
        ),
        {
            "name": ["a", "a-very-long-name-without-a-break"],
            "usd": [1.0, 123456789.0],
            "much_usd_per_mwh": [0.5, NAN],
            "said": ["one two three four five six seven eight", ""],
            "last_kg": [3.0, None],
            "ok": [True, False],
        },
        ("a note",),
    )
    for columns in (40, 60, 80, 90, 110, 200):
        shown, widths, gap, left = tables.fitted(wide, columns)
        yield f"{columns}: {[c.name for c in shown]} {widths} {gap} {[c.name for c in left]}"
    before = os.environ["COLUMNS"]
    for columns in ("44", "80"):
        os.environ["COLUMNS"] = columns
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            tables.show(wide)
            tables.show(
                Listing("None", wide.columns, {c.name: [] for c in wide.columns}, ("alone",))
            )
        yield out.getvalue() + err.getvalue()
    os.environ["COLUMNS"] = before
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        common.print_json({"x": "é→", "n": NAN, "p": Path("a")})
    yield out.getvalue()
    for text in ("a\x00b", "é→", "a\tb\nc", "\ud800", "√𝛼", "ÿĀ", "\uffff\U00010000"):
        for encoding in ("utf-8", "ascii", "latin-1", "cp1252"):
            yield ascii(streams.fitting(streams.visible(text), encoding))
        yield f"{streams.one_line(text)!a} {streams.holds(text, SimpleNamespace(encoding='ascii'))}"
    yield f"{streams.holds('é', SimpleNamespace(encoding=None))} {streams.holds('é', object())}"
    kept = sys.stdout, sys.stderr
    for closed in ("stdout", "stderr"):
        with contextlib.ExitStack() as stack:
            stack.callback(
                lambda: (setattr(sys, "stdout", kept[0]), setattr(sys, "stderr", kept[1]))
            )
            sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
            setattr(sys, closed, None)
            from wattlas.cli import run

            code = run(["replay", "policies"])
        yield f"{closed}: {int(code)}"
    screen = streams.Screen(io.StringIO(), needed=True)
    shown = screen.write("a\x1b")
    yield f"{shown} {screen.errors} {streams.obeying(screen).encoding} {streams.obeying(3)}"
    for value in (
        {"a": {1.5}, 2: (NAN, -np.inf)},
        np.float32(1.5),
        np.bool_(True),
        Address("h", 1, True),
        b"x",
        [None, True, 3, "s"],
        frozenset({1}),
    ):
        yield str(common.plain(value))
    for error in (InputError(problems), InfeasibleError("why")):
        yield str([common.problem_json(p) for p in getattr(error, "problems", ())])


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "terminals": _terminals,
}
