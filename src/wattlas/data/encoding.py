"""Text that is not UTF-8, told in words."""

from __future__ import annotations

import codecs
from pathlib import Path

from wattlas.errors import Problem

_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_FIX = "Save it as UTF-8."


def encoding_problem(path: Path, label: str) -> Problem | None:
    """What is wrong with the encoding of a text file; None where it is UTF-8."""
    content = path.read_bytes()
    if content.startswith(_MARKS) or b"\0" in content[:64]:
        what = "is written in UTF-16 or is no text, wanted UTF-8"
        return Problem("(file)", what, _FIX, label)
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        what = f"holds the byte 0x{content[fault.start]:02x}, which is not UTF-8"
        return Problem("(file)", f"{what}; it may be Latin-1 or Windows-1252", _FIX, label, line)
    return None
