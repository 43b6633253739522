"""Whether a place can be written to, known before anything is computed."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from wattlas.data.whole_file import in_words, there
from wattlas.errors import MachineError, UsageError

TRIAL_BYTES = 4096
"""Enough to meet a full disk and a used-up share of one."""


def try_file(path: Path) -> None:
    """Find out whether a file can be written. Raises UsageError, MachineError; leaves nothing."""
    with in_words(path):
        if path.is_dir():
            raise UsageError(f"{path} is a folder. Name a file.")
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is not a file that can be replaced. Name another one.")
        with suppress(FileNotFoundError, NotADirectoryError):
            path.lstat()  # meets a name that is too long
    try_folder(path.resolve().parent if path.is_symlink() else path.parent)


def try_folder(folder: Path, need_bytes: int = TRIAL_BYTES) -> None:
    """Find out whether a folder can be written to, with so much room; leaves nothing.

    Raises UsageError where a file is in the way, MachineError where the system refuses.
    """
    for path in (folder, *folder.parents):
        with in_words(folder):
            if path.exists() and not path.is_dir():
                raise UsageError(f"{path} is a file, not a folder. Name another folder.")
    with in_words(folder), there(folder):
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(b"\0" * TRIAL_BYTES)
        free = shutil.disk_usage(folder).free
    if free < need_bytes:
        raise MachineError(
            f"{folder}: {free / 1e6:.1f} MB are free there, and {need_bytes / 1e6:.1f} MB are "
            "needed. Free space there, or write to another place."
        )
