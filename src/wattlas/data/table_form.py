"""What a file is where it is no table in the form that is read: told before its cells are.

A survey writes one row per task, a benchmark one column per point. Read as they stand, such files
lack every column; what is wrong with them is one thing.
"""

from __future__ import annotations

import re

import polars as pl

from wattlas.data.reader.source import SourceTable
from wattlas.errors import InputError, Problem

WIDE = (re.compile(r"(.*?\D)[_. -]?()(\d+)"), re.compile(r"(.+)([_.])([^_.]+)"))
"""`price_1` or `price1`, and `price.train`: a stem and the alternative that it is of."""
TURNED = 3
"""So many names of columns in the first column are no chance."""
SHOWN = 4
COLUMNS = "(columns)"


def refuse_form(table: SourceTable, needed: tuple[str, ...], row: str) -> None:
    """Raise InputError where a table without most of what it needs is wide, or turned.

    `row` is what a row must be: `alternative`, `point`.
    """
    if 2 * len({*needed} - {*table.columns}) <= len(needed):
        return
    problem = _wide(table, row) or _turned(table, row)
    if problem:
        raise InputError([problem])


def _wide(table: SourceTable, row: str) -> Problem | None:
    """Two stems or more, or one that is known, with the same two endings or more."""
    known = {*table.schema.by_name, *(a for c in table.schema.columns for a in c.also)}
    others = [name for name in table.columns if name not in known]
    for pattern in WIDE:
        parts = {name: match for name in others if (match := pattern.fullmatch(name))}
        ends: dict[str, set[str]] = {}
        for match in parts.values():
            ends.setdefault(match[1].rstrip("_. -"), set()).add(match[3])
        several = {stem: has for stem, has in ends.items() if len(has) > 1}
        shared = [s for s in several if s in known or any(
            len(several[s] & has) > 1 for other, has in several.items() if other != s
        )]  # fmt: skip
        if shared:
            named = [n for n, match in parts.items() if match[1].rstrip("_. -") in shared]
            shown = ", ".join(f"`{name}`" for name in named[:SHOWN])
            what = f"is in wide form, several {row}s in a row ({shown}), wanted one row per {row}"
            return table.problem(None, COLUMNS, what, _LONG[row])
    return None


_LONG = {
    "alternative": "Write a row for each alternative; docs/fit.md shows how to turn the table.",
    "point": "Write a row for each point, with a name of its own in `point`.",
}


def _turned(table: SourceTable, row: str) -> Problem | None:
    """A first column that holds names of columns."""
    first = table.columns[0] if table.columns else ""
    if not first or table.frame.schema[first] != pl.String:
        return None
    names = table.frame[first].drop_nulls().str.strip_chars().to_list()
    column_names = [name for name in names if name in table.schema.by_name]
    if len(column_names) < TURNED:
        return None
    shown = ", ".join(f"`{name}`" for name in column_names[:SHOWN])
    what = f"is turned: its rows are {shown}, which are to be columns"
    return table.problem(None, COLUMNS, what, f"Transpose it, so that each {row} is a row.")
