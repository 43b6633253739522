"""Which revision of the compiled sources is this? A hash of their text."""

from __future__ import annotations

import marshal
import struct
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.util import cache_from_source
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
SOURCES = (
    "compiled/*.py",
    "placement/engine/*.py",
    "placement/window/simplex/*.py",
    "tiers/binned.py",
    "replays/kernel/*.py",
)
"""All that is compiled and all that compiled code reads constants from; a test holds them against
the modules that import numba."""


def _files(package: Path) -> list[Path]:
    return sorted(path for pattern in SOURCES for path in package.glob(pattern))


def revision(package: Path = PACKAGE) -> str:
    """A hash of the sources; empty where there are none to read, as in a zip file."""
    files = _files(package)
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


@cache
def is_bytecode_current(package: Path = PACKAGE) -> bool:
    """Whether Python's own bytecode on disk is that of the sources beside it.

    Python tells by time and size, which a copy may share with another revision. What is compiled
    of stale bytecode must not be kept as the code of these sources; what Python itself knows as
    stale it does not run. Takes a tenth of a second, asked only where something was compiled.
    """
    for path in _files(package):
        with suppress(OSError, NotImplementedError):
            kept = Path(cache_from_source(path)).read_bytes()
            if _is_run(kept, path) and marshal.loads(kept[_HEADER.size :]) != _bytecode(path):
                return False
    return True


_HEADER = struct.Struct("<4sIII")
"""Magic number, flags, time and size of the source."""


def _is_run(kept: bytes, path: Path) -> bool:
    """Whether Python takes bytecode for that of a source: by time and size, unless by its hash."""
    if len(kept) < _HEADER.size:
        return False
    _, flags, time_s, size = _HEADER.unpack(kept[: _HEADER.size])
    source = path.stat()
    return bool(flags) or (time_s, size) == (int(source.st_mtime) & 0xFFFFFFFF, source.st_size)


def _bytecode(path: Path) -> object:
    return compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
