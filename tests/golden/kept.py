"""Texts that are kept as they are: written anew with WATTLAS_GOLDEN=write, else compared."""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import unified_diff
from pathlib import Path


def is_kept(file: Path, lines: Iterable[str]) -> None:
    """Assert that a file holds these lines."""
    text = "\n".join(lines).rstrip() + "\n"
    if os.environ.get("WATTLAS_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert file.is_file(), f"no golden file {file.name}: write it, and read it"
    before = file.read_text(encoding="utf-8")
    if text != before:
        pair = before.splitlines(), text.splitlines()
        raise AssertionError("\n".join(unified_diff(*pair, file.name, "now", lineterm="", n=8)))
