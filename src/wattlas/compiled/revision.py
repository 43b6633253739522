"""Which revision of the compiled sources is this? A hash of their text."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
SOURCES = ("compiled/*.py", "placement/engine/*.py", "tiers/binned.py")
"""All that is compiled and all that compiled code reads constants from; a test holds them against
the modules that import numba."""


def revision(package: Path = PACKAGE) -> str:
    """A hash of the sources; empty where there are none to read, as in a zip file."""
    files = sorted(path for pattern in SOURCES for path in package.glob(pattern))
    digest = sha256()
    for path in files:
        digest.update(f"{path.relative_to(package).as_posix()}\n".encode())
        digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest() if files else ""


AT_IMPORT = revision()
"""The revision that this process runs, read before the modules that it compiles are."""


def is_unchanged() -> bool:
    """Whether the sources on disk are still those that this process imported.

    Where somebody edits them under a running process, its code belongs to no folder.
    """
    return bool(AT_IMPORT) and revision() == AT_IMPORT
