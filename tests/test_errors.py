"""What Wattlas raises: one base, exit codes, and every problem in the message."""

from __future__ import annotations

import errno
import inspect
import re
from pathlib import Path

import pytest

from wattlas import errors
from wattlas.errors import (
    Exit,
    InfeasibleError,
    InputError,
    MachineError,
    Problem,
    WattlasError,
)

TREE = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, Exception)
}


@pytest.mark.parametrize("kind", TREE.values(), ids=list(TREE))
def test_one_base_catches_all(kind: type[Exception]) -> None:
    """Whatever is raised on purpose is a WattlasError with an exit code."""
    assert issubclass(kind, WattlasError)
    assert isinstance(kind.exit_code, int)


@pytest.mark.parametrize("name", TREE)
def test_the_tree_in_the_docstring_is_complete(name: str) -> None:
    """The tree that the module draws names every error."""
    assert name in (errors.__doc__ or "")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("WattlasError", 1),
        ("UsageError", 2),
        ("InputError", 3),
        ("InfeasibleError", 4),
        ("LimitError", 5),
        ("SolverError", 1),
    ],
)
def test_exit_codes(name: str, code: int) -> None:
    """The exit codes that the command line documents."""
    assert TREE[name].exit_code == code


def test_an_input_error_lists_every_problem() -> None:
    """Two mistakes are two lines, each with its place and its fix."""
    first = Problem("regions.oslo.pue", "0.83 is below 1", "PUE is facility / IT", "s.yaml", 7)
    second = Problem("demand", "no column `metro`", "Add it")
    error = InputError([first, second])
    assert error.problems == (first, second)
    assert str(error).splitlines() == [
        "2 problems in the input:",
        "  s.yaml:7 regions.oslo.pue: 0.83 is below 1. PUE is facility / IT",
        "  demand: no column `metro`. Add it",
    ]


def test_one_problem_is_singular() -> None:
    """A single mistake is spoken of as one."""
    assert str(InputError([Problem("a", "b", "c")])).startswith("1 problem in the input:")


@pytest.mark.parametrize(
    ("file", "line", "place"),
    [(None, None, "a.b"), ("s.yaml", None, "s.yaml a.b"), ("s.yaml", 3, "s.yaml:3 a.b")],
)
def test_a_place_is_as_exact_as_is_known(file: str | None, line: int | None, place: str) -> None:
    """File and line stand before the path, as far as they are known."""
    assert Problem("a.b", "", "", file, line).place == place


def test_an_infeasible_error_carries_its_conflict() -> None:
    """The conflict is the message and an attribute."""
    error = InfeasibleError("no region within 20 ms of lagos")
    assert error.conflict == str(error) == "no region within 20 ms of lagos"


def test_a_refusal_names_the_file_that_was_asked_for() -> None:
    """Not the one that the system speaks of, such as a temporary one, unless there is no other."""
    error = OSError(errno.ENOSPC, "No space left on device", "/tmp/part-1")
    assert str(MachineError.of(error, "plan.csv")).startswith("plan.csv: the disk is full.")
    assert str(MachineError.of(error)).startswith("/tmp/part-1: the disk is full.")
    assert str(MachineError.of(OSError(errno.EIO, "x"))).startswith("a file: the disk reports")
    other = str(MachineError.of(OSError(errno.EPIPE, "Broken pipe"), "plan.csv"))
    assert other == "plan.csv: the system says: Broken pipe. See to that first."


def test_exit_codes_stand_in_one_place(root: Path) -> None:
    """Each code is documented as the verbs use it, and no verb has a number of its own."""
    text = (root / "docs" / "cli.md").read_text(encoding="utf-8")
    assert {int(n) for n in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)} == {*Exit}
    numbers = re.compile(r"\bExit\(\d|exit_code ?= ?\d|_(?:EXIT|CODE)\w* = \d")
    own = [
        f"{path.name}: {match[0]}"
        for path in (root / "src" / "wattlas").rglob("*.py")
        for match in numbers.finditer(path.read_text(encoding="utf-8"))
    ]
    assert own == []
