"""Texts in golden files: one way to compare them, and to write them anew.

A figure is printed with five digits. What lies just between two of them is decided by its last bit,
which another processor rounds otherwise: one in the fifth digit is no difference. Words, order,
and whole numbers of other lengths are compared as they are.
"""

from __future__ import annotations

import math
import os
import re
from difflib import unified_diff
from itertools import islice, zip_longest
from pathlib import Path

DIGITS = 5
MOST_LINES = 60
"""Of a difference that are shown."""
_HASH = re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{24,}\b")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])")


def keep(text: str, file: Path, *, exact: bool = False) -> None:
    """That a text is that of a golden file. `WATTLAS_GOLDEN=write` writes it, where it is not. What
    is `exact` has no figures that another processor rounds otherwise."""
    is_same = str.__eq__ if exact else same
    text = _plain(text)
    before = _plain(file.read_text(encoding="utf-8")) if file.is_file() else None
    if os.environ.get("WATTLAS_GOLDEN") == "write" and (
        before is None or not is_same(before, text)
    ):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return
    assert before is not None, f"no golden file {file.name}: write it, and read it"
    if not is_same(before, text):
        lines = unified_diff(before.split("\n"), text.split("\n"), file.name, "now", "", "", 1, "")
        raise AssertionError("\n".join(islice(lines, MOST_LINES)))


def without_hashes(text: str) -> str:
    """A text in which one word stands for every hash: they differ where anything else does."""
    return _HASH.sub("a hash", text)


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip() + "\n"


def same(before: str, after: str) -> bool:
    """Whether two texts are alike but for the last bits of their figures."""
    if before == after:
        return True
    lines = zip_longest(before.split("\n"), after.split("\n"))
    return all(one == other or _is_close(one, other) for one, other in lines)


def _is_close(before: str | None, after: str | None) -> bool:
    if before is None or after is None or _NUMBER.split(before) != _NUMBER.split(after):
        return False
    pairs = zip(_NUMBER.findall(before), _NUMBER.findall(after), strict=True)
    return all(_is_rounding(*pair) for pair in pairs)


def _is_rounding(before: str, after: str) -> bool:
    if before == after:
        return True
    whole = before.lstrip("-").isdigit() and after.lstrip("-").isdigit()
    if whole and {len(before.lstrip("-")), len(after.lstrip("-"))} != {DIGITS}:
        return False
    values = float(before), float(after)
    largest = max(map(abs, values))
    unit = 10.0 ** (math.floor(math.log10(largest)) - DIGITS + 1)
    return abs(values[0] - values[1]) <= 1.01 * unit
