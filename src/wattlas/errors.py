"""Everything that Wattlas raises on purpose.

WattlasError                      catch this one
├── UsageError                    the call itself is wrong                      exit 2
├── InputError                    the input is wrong: `.problems` lists it all  exit 3
├── InfeasibleError               no placement exists: `.conflict` says why     exit 4
├── LimitError                    stopped at a limit, with what was found       exit 5
└── SolverError                   the solver gave a wrong answer                  exit 1

Each error names the place, what was found there, what was wanted, and the fix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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

    exit_code = 1


class UsageError(WattlasError):
    """The call is wrong: an unknown option, a missing argument, two that exclude each other."""

    exit_code = 2


class InputError(WattlasError):
    """The input is wrong. `problems` holds every mistake that was found, not just the first."""

    exit_code = 3

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        super().__init__("\n  ".join([f"{head} in the input:", *map(str, self.problems)]))


class InfeasibleError(WattlasError):
    """No placement exists. `conflict` is the smallest set of requirements found to clash."""

    exit_code = 4

    def __init__(self, conflict: str) -> None:
        self.conflict = conflict
        super().__init__(conflict)


class LimitError(WattlasError):
    """A limit on time or size ended the work before it was done."""

    exit_code = 5


class SolverError(WattlasError):
    """A solver failed, or returned an answer that does not hold. Please report it."""
