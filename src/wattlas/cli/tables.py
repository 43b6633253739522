"""Tables for people: the one renderer of listings."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from wattlas.cli.streams import fitting, obeying, one_line
from wattlas.model.cells import cell
from wattlas.model.table import Column, Listing

if TYPE_CHECKING:
    import numpy as np

WIDTH = 80
"""Columns where nobody says how many there are: neither a terminal nor COLUMNS."""
GAPS = (3, 2)
"""Columns between two cells, and where there is little room."""
RULE = 1
"""Of these the place of a line that is not drawn."""
TEXT_FIRM = 0.6
"""How soon a text gives way, as a part of when the heading of numbers does."""
LEAST_TEXT = 24
"""A text is not made narrower than this while a wide column can be left out instead."""


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

    room = screen_width()
    shown, widths, gap, left_out = fitted(listing, room)
    console = Console(file=obeying(sys.stdout), highlight=False, width=room)
    console.print(Text(_shown(listing.title), style="bold"))
    drawn = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 0, 0, gap - RULE)
    )
    for column, width in zip(shown, widths, strict=True):
        drawn.add_column(
            Text(_shown(column.heading)),
            justify="right" if column.kind.is_numeric else "left",
            overflow="fold",
            width=width,
        )
    for row in zip(*(listing.table[column.name] for column in shown), strict=True):
        cells = zip(row, shown, strict=True)
        drawn.add_row(*(Text(_shown(cell(value, column))) for value, column in cells))
    console.print(drawn)
    sys.stdout.write("\n")
    if left_out:
        names = ", ".join(column.heading for column in left_out)
        sys.stderr.write(f"note: no room for {names}; more columns (COLUMNS=120) show them\n")


def screen_width() -> int:
    """Columns of the terminal, or what COLUMNS says, or `WIDTH`."""
    return shutil.get_terminal_size((WIDTH, 24)).columns


def _shown(text: str) -> str:
    """A text as stdout can show it, so that its width is known before the columns are set."""
    return fitting(one_line(text), getattr(sys.stdout, "encoding", None) or "utf-8")


def fitted(listing: Listing, room: int) -> tuple[list[Column], list[int], int, list[Column]]:
    """(The columns that are shown, their widths, columns between two, those that are left out).

    Headings and texts are broken between words where there is no room, numbers never; where that
    does not do, columns that are `wide` are left out, the last first.
    """
    shown, left_out = list(listing.columns), list[Column]()
    while True:
        sizes = [_sizes(column, listing.table[column.name]) for column in shown]
        wide = [column for column in shown if column.wide]
        for gap in GAPS:
            free = room - gap * (len(shown) - 1)
            if sum(size.least for size in sizes) <= free or (gap == GAPS[-1] and not wide):
                return shown, _shared(sizes, free), gap, left_out
        left_out.insert(0, wide[-1])
        shown.remove(wide[-1])


class Size(NamedTuple):
    """How wide a column is unbroken, at least if it is to be read well, at least unless words or
    numbers are broken, and how soon it gives way."""

    whole: int
    least: int
    word: int
    firm: float


def _sizes(column: Column, values: Sequence[Any] | np.ndarray) -> Size:
    from rich.cells import cell_len

    heading = _shown(column.heading)
    numeric, cells = column.kind.is_numeric, [_shown(cell(value, column)) for value in values]
    whole = max(map(cell_len, (heading, *cells)))
    parts = [word for text in (heading, *cells) for word in text.split()]
    word = max(map(cell_len, [*parts, *cells] if numeric else parts), default=1)
    sentences = not numeric and any(" " in text for text in cells)
    least = max(word, LEAST_TEXT) if sentences else word
    return Size(whole, min(whole, least), word, 1.0 if numeric else TEXT_FIRM)


def _shared(sizes: Sequence[Size], free: int) -> list[int]:
    """Widths that fit: the widest gives way first, texts later than the headings of numbers, and
    none is less than can be read while another can give way."""
    widths = [size.whole for size in sizes]
    for floor in ([s.least for s in sizes], [s.word for s in sizes], [1] * len(sizes)):
        while sum(widths) > free and any(w > f for w, f in zip(widths, floor, strict=True)):
            over = [n for n, width in enumerate(widths) if width > floor[n]]
            widths[max(over, key=lambda n: widths[n] * sizes[n].firm)] -= 1
    return widths
