"""Tables for people on stdout: aligned columns, units in the heads, numbers to three figures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

Ticker = Callable[[str, float], None]


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table; texts to the left, numbers to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for n, head in enumerate(heads):
        number = bool(rows) and all(not isinstance(row[n], str) for row in rows)
        made.add_column(Text(head), justify="right" if number else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(figure(cell)) for cell in row))
    console = Console(file=sys.stdout, highlight=False)
    if not sys.stdout.isatty():
        console.width = 110
    console.print(made)


def figure(value: Any, digits: int = 3) -> str:
    """A number to three figures with thousands apart; a text as it is; nothing for None."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if value != value:
        return "–"
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def percent(share: float) -> str:
    """A share as a percentage with one figure after the point; nothing lost is not −0.0%."""
    return f"{share:z.1%}"


@contextmanager
def ticker(what: str) -> Iterator[Ticker]:
    """Progress on stderr: one line written over on a terminal, one per stage elsewhere."""
    live, seen = sys.stderr.isatty(), set[str]()

    def tell(stage: str, share: float) -> None:
        if live:
            sys.stderr.write(f"\r\x1b[K{what}: {stage} {share:.0%}")
        elif stage not in seen:
            seen.add(stage)
            sys.stderr.write(f"{what}: {stage}\n")
        sys.stderr.flush()

    try:
        yield tell
    finally:
        if live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
