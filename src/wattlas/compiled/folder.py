"""The folder that holds compiled code: the user's own, or a temporary one.

Compiled code is pickled, and what is unpickled can do anything. A folder is therefore used only
where it is a real directory, belongs to the user and is closed to everybody else. Tried in turn:
the user's cache directory, the temporary directory, and a folder for this process alone.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import platformdirs

log = logging.getLogger("wattlas")

KEEP = 2
"""Revisions that stay: the present one, and the one before it for a user who switches between two.
Each takes about 2 MB."""
NOT_KEPT = (
    "The compiled code cannot be kept, because neither %s nor %s is a folder that this user alone "
    "can write to: every process that plans compiles it anew, about 25 seconds of CPU time. "
    "XDG_CACHE_HOME may name another cache directory."
)
_NAME = re.compile(r"\.?[0-9a-f]{24}(\.[0-9a-f]{32})?")
"""A folder of a revision, or one that is being removed."""
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS_ALL = stat.S_IRWXG | stat.S_IRWXO


def folder_for(key: str) -> Path | None:
    """The folder of this key (24 hexadecimal digits), made where it is missing.

    Older folders beside it are removed. None where not even the temporary directory can be used.
    """
    user, shared = _user_cache(), Path(tempfile.gettempdir())
    if user is not None and _is_made(user.parent) and is_private(user, _OTHERS_WRITE):
        for path in _ready(user / "compiled", key):
            return path
    if _protects(shared):
        for path in _ready(shared / f"wattlas-{_user()}", key):
            return path
    log.warning(NOT_KEPT, user or "the user's cache directory", shared)
    return _for_this_process()


def is_private(path: Path, closed: int = _OTHERS_ALL) -> bool:
    """Whether a folder, made where it is missing, is a real one of this user's own.

    `closed` are the mode bits that must not be set. False where it cannot be looked at.
    """
    try:
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        about = path.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(about.st_mode):
        return False
    return os.name != "posix" or (about.st_uid == os.getuid() and not about.st_mode & closed)


def drop_older(root: Path, key: str) -> None:
    """Remove all folders of revisions but this and the newest others.

    Each is renamed first, so that no process finds half of one; another process may do the same.
    """
    others = []
    with suppress(OSError):
        for entry in os.scandir(root):
            with suppress(OSError):
                if entry.name != key and _NAME.fullmatch(entry.name) and not entry.is_symlink():
                    others.append((_is_leaving(entry.name), -entry.stat().st_mtime, entry.path))
    staying = [entry for entry in sorted(others) if not entry[0]][: KEEP - 1]
    for leaving, _, path in set(others) - set(staying):
        gone = path
        if not leaving:
            gone = str(root / f".{Path(path).name}.{uuid4().hex}")
            try:
                os.rename(path, gone)
            except OSError:
                continue
        shutil.rmtree(gone, ignore_errors=True)


def _is_leaving(name: str) -> bool:
    return name.startswith(".")


def _ready(root: Path, key: str) -> Iterator[Path]:
    """The folder of the key below a root, if both are private and it can be used."""
    path = root / key
    if is_private(root) and is_private(path) and _serves(path):
        with suppress(OSError):
            os.utime(path)
        drop_older(root, key)
        yield path


def _serves(path: Path) -> bool:
    """Whether a folder can be written to; one that can only be read serves where it holds code."""
    try:
        tempfile.TemporaryFile(dir=path).close()
    except OSError:
        return any(path.glob("*.nbi"))
    return True


def _user_cache() -> Path | None:
    """The project's folder in the user's cache directory; None where there is no such directory."""
    path = platformdirs.user_cache_path("wattlas", appauthor=False)
    return path if path.is_absolute() else None


def _is_made(path: Path) -> bool:
    with suppress(OSError):
        path.mkdir(parents=True, exist_ok=True)
    return path.is_dir()


def _protects(shared: Path) -> bool:
    """Whether others cannot rename what lies in a directory: it is sticky, or closed to them."""
    try:
        mode = shared.stat().st_mode
    except OSError:
        return False
    return os.name != "posix" or bool(mode & stat.S_ISVTX) or not mode & _OTHERS_WRITE


def _user() -> str:
    return str(os.getuid()) if os.name == "posix" else "cache"


def _for_this_process() -> Path | None:
    """A folder that is removed when this process ends; its children must leave it alone."""
    try:
        path = Path(tempfile.mkdtemp(prefix="wattlas-"))
    except OSError:
        return None
    atexit.register(_remove, path, os.getpid())
    return path


def _remove(path: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(path, ignore_errors=True)
