"""How a command ends: each kind of error in words, as JSON where asked for, and its exit code."""

from __future__ import annotations

import os
import traceback
from typing import Any

from wattlas.cli.common import panel, print_json, problem_json, show_problems
from wattlas.errors import Exit, InputError, MachineError, WattlasError

_TITLES: dict[int, str] = {
    Exit.BUG: "This should not happen",
    Exit.USAGE: "Wrong usage",
    Exit.INPUT: "Wrong input",
    Exit.INFEASIBLE: "Infeasible",
    Exit.LIMIT: "Stopped at a limit",
    Exit.MACHINE: "The machine refuses",
}


def end(error: BaseException, *, as_json: bool) -> int:
    """Tell an error that ended a command, and return the exit code."""
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        return Exit.INTERRUPTED
    if isinstance(error, OSError):
        error = MachineError.of(error)
    if isinstance(error, MemoryError):
        error = MachineError("The memory is not enough. Plan fewer hours, or into a folder.")
    if isinstance(error, WattlasError):
        report_error(error, as_json=as_json)
        return error.exit_code
    parser: Any = error
    if hasattr(parser, "show") and hasattr(parser, "format_message"):
        if as_json:
            _print_object("UsageError", parser.exit_code, parser.format_message())
        parser.show()
        return int(parser.exit_code)
    report_bug(error, as_json=as_json)
    return Exit.BUG


def report_error(error: WattlasError, *, as_json: bool = False) -> None:
    """Write an error: on stderr for people, and on stdout as JSON with `--json`."""
    problems = error.problems if isinstance(error, InputError) else ()
    if as_json:
        told = [problem_json(p) for p in problems]
        _print_object(type(error).__name__, error.exit_code, str(error), told)
    if problems:
        show_problems(problems)
    else:
        panel(_TITLES.get(error.exit_code, "Error"), str(error))


def report_bug(error: BaseException, *, as_json: bool = False) -> None:
    """An unexpected error: what it is, and how to see where it was raised."""
    what = f"{type(error).__name__}: {error}"
    if as_json:
        _print_object("Bug", Exit.BUG, what)
    hint = " WATTLAS_DEBUG=1 shows where."
    if os.environ.get("WATTLAS_DEBUG"):
        hint = ""
        traceback.print_exception(error)
    panel(
        "This is a bug in Wattlas",
        f"{what}\nPlease report it with the command and the input.{hint}",
    )


def _print_object(
    error: str, exit_code: int, message: str, problems: list[dict[str, Any]] | None = None
) -> None:
    print_json(
        {
            "error": error,
            "exit_code": exit_code,
            "message": message,
            "problems": problems or [],
        }
    )
