"""Files that gzip wrote, read as they were before."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import BinaryIO

GZIP = b"\x1f\x8b"
"""How a file begins that gzip wrote."""


def opened(path: Path) -> BinaryIO:
    """A file to read bytes from; those of a file that gzip wrote as they were before."""
    with path.open("rb") as file:
        packed = file.read(len(GZIP)) == GZIP
    return io.BufferedReader(gzip.GzipFile(path)) if packed else path.open("rb")
