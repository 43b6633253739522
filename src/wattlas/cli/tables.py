"""Tables and progress for people: the one renderer of listings, and a line that is written over."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wattlas.model.cells import cell
from wattlas.model.table import Listing

Ticker = Callable[[str, float], None]

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
        title=listing.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD
    )
    for column in shown:
        drawn.add_column(
            Text(column.heading),
            justify="right" if column.kind.is_numeric else "left",
            overflow="fold",
        )
    for row in zip(*(listing.table[column.name] for column in shown), strict=True):
        cells = zip(row, shown, strict=True)
        drawn.add_row(*(Text(cell(value, column)) for value, column in cells))
    console = Console(file=sys.stdout, highlight=False)
    if not sys.stdout.isatty():
        console.width = FILE_WIDTH
    console.print(drawn)


def narrow() -> bool:
    """Whether stdout is a terminal of few columns."""
    return sys.stdout.isatty() and shutil.get_terminal_size().columns < NARROW


@contextmanager
def ticker(verb: str) -> Iterator[Ticker]:
    """Progress on stderr: one line written over on a terminal, one per stage elsewhere."""
    live, written = sys.stderr.isatty(), set[str]()

    def tell(stage: str, share: float) -> None:
        if live:
            sys.stderr.write(f"\r\x1b[K{verb}: {stage} {share:.0%}")
        elif stage not in written:
            written.add(stage)
            sys.stderr.write(f"{verb}: {stage}\n")
        sys.stderr.flush()

    try:
        yield tell
    finally:
        if live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
