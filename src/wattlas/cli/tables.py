"""Tables and progress for people: the one renderer of listings, and a line that is written over."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from wattlas.cli.streams import clear_line, fitting, obeying, one_line
from wattlas.model.table import Column, Kind, Listing

Ticker = Callable[[str, float], None]

NONE = "–"
NARROW = 105
"""Terminals of fewer columns do without the columns that are `wide`."""
FILE_WIDTH = 110
"""Columns of a table that is written to a file or a pipe."""


def show(listing: Listing) -> None:
    """Print a listing on stdout: texts to the left, numbers to the right, its notes below."""
    if len(listing):
        _print(listing)
    for note in listing.notes:
        sys.stdout.write(f"{note}\n")


def _print(listing: Listing) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = [c for c in listing.columns if not (c.wide and narrow())]
    drawn = Table(
        title=_shown(listing.title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD
    )
    for column in shown:
        drawn.add_column(
            Text(_shown(column.heading)),
            justify="right" if column.kind.is_numeric else "left",
            overflow="fold",
        )
    for row in zip(*(listing.table[column.name] for column in shown), strict=True):
        cells = zip(row, shown, strict=True)
        drawn.add_row(*(Text(_shown(cell(value, column))) for value, column in cells))
    console = Console(file=obeying(sys.stdout), highlight=False)
    if not sys.stdout.isatty():
        console.width = FILE_WIDTH
    console.print(drawn)


def _shown(text: str) -> str:
    """A text as stdout can show it, so that its width is known before the columns are set."""
    return fitting(one_line(text), getattr(sys.stdout, "encoding", None) or "utf-8")


def cell(value: Any, column: Column) -> str:
    """A value as its column's kind is written; a text as it is, a dash for what is unknown."""
    if value is None:
        return NONE
    if isinstance(value, str):
        return value
    if column.kind is Kind.FLAG:
        return "yes" if value else "no"
    if value != value:
        return NONE
    if column.kind is Kind.SHARE:
        return percent(value)
    if column.kind is Kind.COUNT:
        return f"{value:,.0f}"
    return number_text(value, column.digits) if column.kind is Kind.NUMBER else str(value)


def narrow() -> bool:
    """Whether stdout is a terminal of few columns."""
    return sys.stdout.isatty() and shutil.get_terminal_size().columns < NARROW


def number_text(value: float | None, digits: int = 3) -> str:
    """A number to so many digits, thousands apart; whole digits are never cut off."""
    if value is None or value != value:
        return NONE
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def percent(share: float) -> str:
    """A share as a percentage with one figure after the point; nothing lost is not −0.0%."""
    return f"{share:z.1%}"


@contextmanager
def ticker(verb: str) -> Iterator[Ticker]:
    """Progress on stderr: one line written over on a terminal, one per stage elsewhere."""
    live, written = sys.stderr.isatty(), set[str]()

    def tell(stage: str, share: float) -> None:
        if live:
            clear_line()
            sys.stderr.write(f"{verb}: {stage} {share:.0%}")
        elif stage not in written:
            written.add(stage)
            sys.stderr.write(f"{verb}: {stage}\n")
        sys.stderr.flush()

    try:
        yield tell
    finally:
        if live:
            clear_line()
