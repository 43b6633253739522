"""Everything that Wattlas raises on purpose.

WattlasError                      catch this one
├── UsageError                    the call itself is wrong                      exit 2
├── InputError                    the input is wrong: `.problems` lists it all  exit 3
├── InfeasibleError               no placement exists: `.conflict` says why     exit 4
├── LimitError                    stopped at a limit, with what was found       exit 5
├── MachineError                  the machine refuses: disk, rights, encoding   exit 7
│   └── PipeClosed                nobody reads the output any more              exit 141
└── SolverError                   the solver gave a wrong answer                  exit 1

Each error names the place, what was found there, what was wanted, and the fix.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class Exit(IntEnum):
    """What the command line ends with, on every verb alike."""

    DONE = 0
    BUG = 1
    USAGE = 2
    INPUT = 3
    INFEASIBLE = 4
    LIMIT = 5
    WORSE = 6
    MACHINE = 7
    INTERRUPTED = 130
    PIPE = 141


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in the input.

    `where` is the path inside the document or table (`regions.oslo.pue`, `demand.csv:12`),
    `what` says what was found and what was wanted, `fix` what the user can do about it.
    `file` and `line` (1-based) are None where the problem has no place in a file.
    """

    where: str
    what: str
    fix: str
    file: str | None = None
    line: int | None = None

    @property
    def place(self) -> str:
        """`file:line path`, as far as it is known."""
        at = self.file or ""
        if self.file and self.line is not None:
            at = f"{self.file}:{self.line}"
        return f"{at} {self.where}".strip()

    def __str__(self) -> str:
        return f"{self.place}: {self.what}. {self.fix}"


class WattlasError(Exception):
    """The base of every error that Wattlas raises on purpose."""

    exit_code: int = Exit.BUG


class UsageError(WattlasError):
    """The call is wrong: an unknown option, a missing argument, two that exclude each other."""

    exit_code = Exit.USAGE


class InputError(WattlasError):
    """The input is wrong. `problems` holds every mistake that was found, not just the first."""

    exit_code = Exit.INPUT

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        super().__init__("\n  ".join([f"{head} in the input:", *map(str, self.problems)]))


class InfeasibleError(WattlasError):
    """No placement exists. `conflict` is the smallest set of requirements found to clash."""

    exit_code = Exit.INFEASIBLE

    def __init__(self, conflict: str) -> None:
        self.conflict = conflict
        super().__init__(conflict)


class LimitError(WattlasError):
    """A limit on time or size ended the work before it was done."""

    exit_code = Exit.LIMIT


class MachineError(WattlasError):
    """The machine refuses: a disk is full, rights are missing, a name is too long."""

    exit_code = Exit.MACHINE

    @classmethod
    def of(cls, error: OSError, path: object = None) -> MachineError:
        """What the system's error says, with the path (that of the error unless given)."""
        where = path or error.filename or "a file"
        known = _REFUSALS.get(error.errno or 0)
        reason, fix = known or (f"the system says: {error.strerror or error}", "See to that first")
        return cls(f"{where}: {reason}. {fix}.")


_ELSEWHERE = "Write to another place"
_REFUSALS = {
    errno.ENOSPC: ("the disk is full", "Free space there, or write to another place"),
    errno.EDQUOT: ("your share of the disk is used up", "Free space, or write to another place"),
    errno.EFBIG: ("the file would be larger than is allowed here", _ELSEWHERE),
    errno.EACCES: (
        "you have no right to do that there",
        "Ask for the right, or name another place",
    ),
    errno.EPERM: ("the system forbids that there", "Ask for the right, or name another place"),
    errno.EROFS: ("the file system can only be read", _ELSEWHERE),
    errno.ENAMETOOLONG: ("the name is too long", "Give a shorter one"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "Name another folder"),
    errno.EISDIR: ("it is a folder", "Name a file"),
    errno.EEXIST: ("it is there already", "Name another one"),
    errno.ENOENT: ("it is not there, and cannot be made there", "Check the path"),
    errno.ELOOP: ("links lead in a circle", "Check the path"),
    errno.EMFILE: ("too many files are open", "Raise the limit (ulimit -n)"),
    errno.ENFILE: ("the system has too many files open", "Close other programs"),
    errno.EIO: ("the disk reports a fault", _ELSEWHERE),
    errno.EBUSY: ("another program holds it", "Close that program, or name another place"),
}
"""Error number of the system → what it means and what to do."""


class PipeClosed(MachineError):
    """Whoever read the output has closed it, as `head` does when it has enough."""

    exit_code = Exit.PIPE


class SolverError(WattlasError):
    """A solver failed, or returned an answer that does not hold. Please report it."""
