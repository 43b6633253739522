"""Compiled code on disk: beside the source, and of no use once the source is newer.

numba looks only at the file of an entry, not at the kernels that it calls. What is older than any
source file of this package is therefore neither read nor left there, so that an edit in one module
never runs against stale code of another.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

SOURCE = Path(__file__).parent
FOLDER = SOURCE / "__pycache__"
PATTERNS = ("*.nbi", "*.nbc", "*.obj")
"""numba's index and code, and object code by itself (`linked`)."""


def newest_source() -> float:
    """When a module of this package was last changed, seconds since 1970."""
    return max(path.stat().st_mtime for path in SOURCE.glob("*.py"))


def fresh(pattern: str) -> list[Path]:
    """Kept files of a pattern that are no older than the source."""
    newest = newest_source()
    return [path for path in FOLDER.glob(pattern) if _age(path) >= newest]


def _age(path: Path) -> float:
    """When a file was written; 0 where another process has just deleted it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def drop_stale() -> int:
    """Delete compiled code that is older than the newest source; return the number of files."""
    stale = [path for one in PATTERNS for path in set(FOLDER.glob(one)) - set(fresh(one))]
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)


def read(name: str) -> bytes | None:
    """A kept file; None where there is none that is fresh."""
    found = [path for path in fresh("*.obj") if path.name == name]
    return found[0].read_bytes() if found else None


def write(name: str, content: bytes) -> bool:
    """Keep a file whole, under a temporary name first; False where nothing can be written."""
    temporary = FOLDER / f".{name}.{os.getpid()}"
    try:
        FOLDER.mkdir(exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(FOLDER / name)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        return False
    return True


def kept_by_numba(folder: str, name: str) -> bool:
    """Whether numba keeps code of an entry in a folder of its choice."""
    return any(Path(folder).glob(f"*.{name}-*.nbc"))
