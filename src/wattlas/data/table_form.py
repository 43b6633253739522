"""What a file is where it is no table in the form that is read: told before its cells are.

A spreadsheet writes semicolons or UTF-16, a survey one row per task, a benchmark one column per
point. Read as they stand, such files lack every column; what is wrong with them is one thing.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import polars as pl

from wattlas.data.reader.dialect import PLAIN
from wattlas.data.reader.source import SourceTable
from wattlas.data.schema.columns import TableSchema
from wattlas.errors import InputError, Problem

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
"""What stands between cells in other files, and what people call it."""
WIDE = (re.compile(r"(.*?\D)[_. -]?()(\d+)"), re.compile(r"(.+)([_.])([^_.]+)"))
"""`price_1` or `price1`, and `price.train`: a stem and the alternative that it is of."""
TURNED = 3
"""So many names of columns in the first column are no chance."""
SHOWN = 4
CSV, HEAD, COLUMNS = ".csv", "(header)", "(columns)"


def refuse_file(path: Path, label: str, schema: TableSchema) -> None:
    """Raise InputError where a file is a folder, or text of another encoding or separator."""
    if path.is_dir():
        what = "is a folder, wanted a table in CSV or Parquet"
        raise InputError([Problem("(file)", what, "Name the file in it.", label)])
    if path.suffix.lower() != CSV or not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(1024)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in start:
        what = "is no text in UTF-8 (UTF-16, as spreadsheets write it, or no text at all)"
        raise InputError([Problem("(file)", what, "Save it as CSV in UTF-8.", label)])
    with path.open(encoding="utf-8-sig", errors="replace") as text:
        lines = ((n, line) for n, line in enumerate(text, 1) if PLAIN.holds(line))
        number, header = next(lines, (1, ""))
    if problem := _header_problem(header, schema):
        where, what, fix = problem
        raise InputError([Problem(where, what, fix, label, number)])


def _header_problem(header: str, schema: TableSchema) -> tuple[str, str, str] | None:
    known = {*schema.by_name, *(also for c in schema.columns for also in c.also)}
    names = _split(header, PLAIN.separator)
    for separator, called in SEPARATORS.items():
        other = _split(header, separator)
        more = len(known & {*other}) > len(known & {*names}) or len(names) == 1
        if len(other) > len(names) and more:
            what = f"cells are separated by {called}, wanted commas"
            return HEAD, what, "Save it with commas, and numbers with a point."
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        what = f"`{twice[0]}` names more than one column"
        return twice[0], what, "Keep one of them, or rename the others."
    return None


def _split(header: str, separator: str) -> list[str]:
    return [name.strip() for name in next(csv.reader([header.strip()], delimiter=separator), [])]


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
    found = [name for name in names if name in table.schema.by_name]
    if len(found) < TURNED:
        return None
    shown = ", ".join(f"`{name}`" for name in found[:SHOWN])
    what = f"is turned: its rows are {shown}, which are to be columns"
    return table.problem(None, COLUMNS, what, f"Transpose it, so that each {row} is a row.")
