"""Values as golden files hold them: five digits, rounding as nothing, long tables in samples."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.golden.kept import without_hashes
from wattlas.cli import tables
from wattlas.errors import InputError, WattlasError
from wattlas.model.table import Listing

ROWS = 24
"""Rows of a table beyond which some are left out; of each column its sum is there."""
ROUNDING = 1e-8
"""Relative to the largest value of a column: what is less is rounding."""
BEYOND_TIES = 1 + 1e-8
"""So that a value just between two of five digits is not decided by its last bit."""
COARSE = {"gap": 1, "bound_usd": 4}
"""Digits of what a search leaves open."""


def number(value: Any, nothing: float = 1e-9, digits: int = 5) -> str:
    """Five digits; a value below `nothing` is 0, and what no value is, a dash."""
    if isinstance(value, float | np.floating):
        return "0" if abs(value) < nothing else f"{value * BEYOND_TIES:.{digits}g}"
    return "-" if value is None or value == "" else str(value)


def outline(name: str, value: Any, depth: int = 0) -> Iterator[str]:
    """A value as JSON has it, in few lines: figures of a mapping in one, rows as a table."""
    pad = " " * depth
    if columns := _columns(value):
        yield from (f"{pad}{line}" for line in table_lines(name, columns))
    elif isinstance(value, Mapping):
        flat = [f"{key} {number(each)}" for key, each in value.items() if _is_flat(each)]
        yield f"{pad}{name}: {', '.join(flat)}"
        for key, each in value.items():
            if not _is_flat(each):
                yield from outline(str(key), each, depth + 1)
    elif _is_flat(value):
        yield f"{pad}{name}: {number(value)}"
    elif all(map(_is_flat, value)):
        yield f"{pad}{name}: [{', '.join(map(number, value))}]"
    else:
        for n, each in enumerate(value):
            yield from outline(f"{name} {n}", each, depth)


def _is_flat(value: Any) -> bool:
    return not isinstance(value, Mapping | list | tuple | np.ndarray)


def _columns(value: Any) -> Mapping[str, Any]:
    """The columns of rows that are alike, or of lists that are as long; else nothing."""
    if isinstance(value, list | tuple) and len(value) > 1:
        keys = [list(row) if isinstance(row, Mapping) else [] for row in value]
        alike = keys[0] and all(each == keys[0] for each in keys)
        if alike and all(_is_flat(cell) for row in value for cell in row.values()):
            return {key: [row[key] for row in value] for key in keys[0]}
    if isinstance(value, Mapping) and value and not any(map(_is_flat, value.values())):
        lists = list(value.values())
        same = all(isinstance(each, list | tuple) and len(each) == len(lists[0]) for each in lists)
        if same and len(lists[0]) > 1 and all(_is_flat(cell) for each in lists for cell in each):
            return value
    return {}


def table_lines(name: str, table: Mapping[str, Any], rows: int = ROWS) -> Iterator[str]:
    """A heading, a line for each row or for every n-th, and of long tables the sums."""
    columns = {n: list(c) for n, c in table.items()}
    count = len(next(iter(columns.values()), []))
    step = max(1, -(-count // rows))
    printed = {}
    for head, values in columns.items():
        numbers = [abs(v) for v in values if isinstance(v, float | np.floating) and np.isfinite(v)]
        nothing = max(1e-12, ROUNDING * max(numbers, default=0.0))
        cells = [number(value, nothing, COARSE.get(head, 5)) for value in values]
        if step > 1:
            cells = [*cells[::step], _sum(values, nothing)]
        printed[head] = cells
    yield f"== {name}: {count} rows{f', each {step}th, and sums' if step > 1 else ''}"
    yield "  ".join(printed)
    for row in zip(*printed.values(), strict=True):
        yield "  ".join(row)


def listing_lines(listing: Listing | None) -> Iterator[str]:
    """A listing with its headings, kinds, notes and rows."""
    if listing is None:
        yield "no listing"
        return
    heads = (
        f"{c.heading}:{c.kind}{' wide' * c.wide}{' optional' * c.optional} {c.digits}"
        for c in listing.columns
    )
    yield f"{listing.title}: {' | '.join(heads)}"
    yield from table_lines("rows", {c.name: listing.table[c.name] for c in listing.columns})
    yield from (f"note: {note}" for note in listing.notes)


def left_out_where_narrow(patch: pytest.MonkeyPatch) -> dict[str, None]:
    """Of each listing that is printed from now on, a line with the columns that give way."""
    lines: dict[str, None] = {}
    fitted = tables.fitted

    def noted(listing: Listing, room: int) -> Any:
        names = ", ".join(column.name for column in listing.columns if column.wide)
        lines.update({f"{listing.title}, where narrow without: {names}": None} if names else {})
        return fitted(listing, room)

    patch.setattr(tables, "fitted", noted)
    return lines


def _sum(values: list[Any], nothing: float) -> str:
    """Of a column of numbers their sum, of others how many there are."""
    numbers = [float(v) for v in values if isinstance(v, int | float | np.number)]
    if not numbers:
        return str(len(set(map(str, values))))
    finite = [v for v in numbers if np.isfinite(v)]
    return number(sum(finite), nothing * len(values)) + f"/{len(finite)}"


def fault_lines(call: Callable[[], Any]) -> Iterator[str]:
    """In words what a call raises; or that it raises nothing."""
    try:
        call()
    except WattlasError as error:
        problems = error.problems if isinstance(error, InputError) else ()
        yield f"! {type(error).__name__}: {'' if problems else error}"
        for each in problems:
            yield f"!   {each.file or ''} {each.where}: {each.what} | {each.fix}"
    except (KeyError, ValueError) as error:
        yield f"! {error}"
    else:
        yield "! nothing"


def tried(call: Callable[[], Any]) -> Iterator[str]:
    """What a call returns, or what it raises."""
    lines = list(fault_lines(call))
    yield from [number(call())] if lines == ["! nothing"] else lines


ROUNDED = re.compile(r"(?<=profit_gain_usd )-?\d\S*e-\d\d\b")
"""A gain that differs from run to run."""


def steady(lines: Iterable[str], folder: Path) -> str:
    """A text without hashes, rounding, and the name of the test's folder."""
    return ROUNDED.sub("0", without_hashes("\n".join(lines).replace(str(folder), "FOLDER")))
