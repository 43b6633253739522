"""Values as a golden file holds them: five digits, rounding as nothing, long tables in samples."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

ROWS = 32
"""Rows of a table beyond which some are left out; of each column its sum is there."""
ROUNDING = 1e-8
"""Relative to the largest value of a column: what is less is rounding."""
BEYOND_TIES = 1 + 1e-8
"""So that a value just between two of five digits is not decided by its last bit."""
COARSE = {"gap": 1, "bound_usd": 4}
"""Digits of what a search leaves open."""


def number(value: Any, nothing: float = 1e-9, digits: int = 5) -> str:
    """Five digits; a value below `nothing` is 0."""
    if isinstance(value, float | np.floating):
        return "0" if abs(value) < nothing else f"{value * BEYOND_TIES:.{digits}g}"
    return "-" if value is None or value == "" else str(value)


def plain(value: Any) -> Any:
    """The same mapping or list with its numbers of five digits."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(number(value))
    return value if isinstance(value, int | str | None) else str(value)


def json_lines(value: Any) -> Iterator[str]:
    """Indented JSON, in which a list of numbers takes one line."""
    text = json.dumps(plain(value), indent=1, ensure_ascii=False)
    flat = re.sub(r"\[[^\[\]{}]*\]", lambda m: " ".join(m[0].split()), text)
    yield from flat.splitlines()


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


def _sum(values: list[Any], nothing: float) -> str:
    """Of a column of numbers their sum, of others how many there are."""
    numbers = [float(v) for v in values if isinstance(v, int | float | np.number)]
    if not numbers:
        return str(len(set(map(str, values))))
    finite = [v for v in numbers if np.isfinite(v)]
    return number(sum(finite), nothing * len(values)) + f"/{len(finite)}"


def judge(text: str, file: Path) -> None:
    """That a text is that of a golden file; `WATTLAS_GOLDEN=write` writes it anew."""
    text = re.sub(r"[ \t]+(?=\n)", "", text).rstrip() + "\n"
    if os.environ.get("WATTLAS_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert file.is_file(), f"no golden file {file.name}: write it, and read it"
    assert text == file.read_text(encoding="utf-8")
