"""Requests that have ended, on this machine's disk until the ledger has recorded them.

A recording takes 50 ms to begin, and what ends in the meantime would be lost with a process that is
killed. So each request is written here in the moment that it ends, and whoever starts next books
what it finds: the ledger takes each id once.

A process writes to two files in turn. When a batch is collected it goes on in the other, which is
empty then; when the batch is recorded the one before is emptied. Writes reach the kernel, not the
disk: a killed process loses nothing, a machine that loses power what it had not recorded.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger("wattlas.serve")

MOST_PROCESSES = 100
"""Processes with files beside each other."""


class _Slot:
    """The two files of a process, locked by it."""

    def __init__(self, path: Path, number: int) -> None:
        self.paths = [path.with_name(f"{path.name}-{number}{half}") for half in "ab"]
        self.files = [os.open(each, _FLAGS, 0o600) for each in self.paths]

    def locked(self) -> bool:
        """Whether this process has it now; False where another one does, or has removed it."""
        try:
            fcntl.flock(self.files[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return all(os.fstat(each).st_nlink for each in self.files)

    def lines(self) -> Iterator[bytes]:
        """What is in either; a line that was cut off by a full disk is left out."""
        for each in self.files:
            text = os.pread(each, os.fstat(each).st_size, 0)
            yield from text[: text.rfind(b"\n") + 1].splitlines()

    def close(self) -> None:
        for each in self.files:
            os.close(each)


_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class Spool:
    """The files of this process: those of a process that has ended, or new ones.

    `left` holds the lines of processes that have ended. Raises OSError where no file can be had.
    """

    def __init__(self, path: Path) -> None:
        self.left: list[bytes] = []
        self.failures = 0
        """Requests that could not be written: they are lost where this process is killed."""
        self._slot = self._own(path)
        self._now = 0
        self._used = [os.fstat(each).st_size > 0 for each in self._slot.files]

    def _own(self, path: Path) -> _Slot:
        """The first two files that nobody has; the lines of all that nobody has are moved there."""
        own: _Slot | None = None
        for number in range(MOST_PROCESSES):
            known = path.with_name(f"{path.name}-{number}a").exists()
            if own is not None and not known:
                continue
            slot = _Slot(path, number)
            if not slot.locked():
                slot.close()
                continue
            lines = list(slot.lines())
            self.left += lines
            if own is None:
                own = slot
                continue
            try:
                for line in lines:
                    _append(own.files[0], line)
            except OSError:
                slot.close()
                own.close()
                raise
            _remove(slot)
        if own is None:
            raise OSError(f"{path}: {MOST_PROCESSES} processes have files beside it")
        return own

    def keep(self, line: bytes) -> None:
        """Write a line, without its end, before anything else happens. Never raises."""
        try:
            _append(self._slot.files[self._now], line)
        except OSError as error:
            if not self.failures:
                log.error("requests that end cannot be kept until they are recorded (%s)", error)
            self.failures += 1
        self._used[self._now] = True

    def turn(self) -> None:
        """All that was written is in a batch now, or in one that failed."""
        if not self._used[1 - self._now]:
            self._now = 1 - self._now

    def recorded(self) -> None:
        """The batch of the last turn, with all that failed before, is in the ledger. A file that
        cannot be emptied is tried again: what is found in it is booked once."""
        other = 1 - self._now
        if self._used[other]:
            try:
                os.ftruncate(self._slot.files[other], 0)
            except OSError as error:
                log.warning("what is recorded cannot be removed from the disk (%s)", error)
                return
            self._used[other] = False

    def close(self) -> None:
        """Let go of the files. They go where all that they held is recorded."""
        if any(self._used):
            self._slot.close()
        else:
            _remove(self._slot)


def _append(file: int, line: bytes) -> None:
    """Write a line, whole or not at all: a full disk takes the first half of one, to which the next
    would be joined. Raises OSError."""
    text = line + b"\n"
    written = os.write(file, text)
    if written < len(text):
        os.ftruncate(file, os.fstat(file).st_size - written)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _remove(slot: _Slot) -> None:
    """Remove files while they are ours: whoever opened them meanwhile sees that they are gone."""
    for path in slot.paths:
        path.unlink(missing_ok=True)
    slot.close()
