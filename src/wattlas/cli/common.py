"""What every verb shares: reading, JSON on stdout, and errors, warnings and progress on stderr."""

from __future__ import annotations

import gc
import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from wattlas.cli.streams import clear_line, holds, obeying, one_line, visible
from wattlas.errors import Problem

if TYPE_CHECKING:
    from wattlas.data.scenario_file import Loaded
    from wattlas.model.scenario import Scenario

DEFAULT_EXAMPLE = "typical-2023"


def read_scenario(
    path: Path | None, scenario: str | None = None, set: Sequence[str] | None = None
) -> Loaded:
    """The scenario at a path, or the embedded world for None. Raises InputError, UsageError."""
    with uncollected():
        from wattlas.data.scenario_file import example_path, read

        where = example_path(DEFAULT_EXAMPLE) if path is None else path
        return read(where, scenario=scenario, set=set or ())


@contextmanager
def uncollected() -> Iterator[None]:
    """Load without garbage collection, and exclude what is loaded from later collections.

    These collections take a twentieth of the time of a short command, and free nothing.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def load_scenario(
    path: Path | None, scenario: str | None = None, set: Sequence[str] | None = None
) -> Scenario:
    """As `read_scenario`, with its warnings on stderr."""
    loaded = read_scenario(path, scenario, set)
    show_warnings(loaded.warnings)
    return loaded.scenario


def ready_engine(
    scenario: Scenario,
    steps: int | None = None,
    *,
    budgets: bool = False,
    meanwhile: bool = False,
) -> None:
    """Compile the fast engine if this scenario will use it and it was never used before.

    `steps` are the scenario's own unless given; `budgets` says that frontiers are traced. Where it
    is compiled `meanwhile`, its first call waits for that.
    """
    metros, classes, regions, points, hours = scenario.shape
    from wattlas.placement.hour.engine_hour import is_worth

    if is_worth(metros * classes * regions * points, steps or hours):
        from wattlas.placement.engine import MESSAGE, compile_engine, is_compiled, warm_up

        if not is_compiled(budgets=budgets):
            if meanwhile:
                say(MESSAGE)
                Thread(target=compile_engine, daemon=True).start()
            else:
                warm_up(say, budgets=budgets)


def print_json(value: Any) -> None:
    """Write a value to stdout as JSON; what is not finite becomes null."""
    put_json(json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def put_json(text: str) -> None:
    """Write JSON to stdout; where stdout cannot hold it as it stands, in ASCII."""
    if not holds(text, sys.stdout):
        text = json.dumps(json.loads(text), indent=2)
    sys.stdout.write(f"{text.rstrip()}\n")


def plain(value: Any) -> Any:
    """Mappings, sequences, arrays and value objects as what JSON can say."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return str(value)


def problem_json(problem: Problem) -> dict[str, Any]:
    """A problem as the HTTP API gives it."""
    return {
        "file": problem.file,
        "line": problem.line,
        "where": problem.where,
        "what": problem.what,
        "fix": problem.fix,
    }


def say(text: str) -> None:
    """A line for people, on stderr."""
    sys.stderr.write(f"{visible(text)}\n")  # a bar stands between this and the screen
    sys.stderr.flush()


@contextmanager
def progress(doing: str) -> Iterator[None]:
    """Name the work in progress on a terminal's stderr, and clear the line when it is done."""
    live = sys.stderr.isatty()
    if live:
        sys.stderr.write(f"{doing} …")
        sys.stderr.flush()
    try:
        yield
    finally:
        if live:
            clear_line()


def show_warnings(warnings: Sequence[Problem]) -> None:
    """What a reader should know, one line each, on stderr."""
    for warning in warnings:
        say(f"warning: {warning}")


def show_problems(problems: Sequence[Problem]) -> None:
    """Every problem with its place, what is wrong and the fix, on stderr."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    blocks = []
    for problem in problems:
        head = one_line(problem.place if problem.file else problem.where)
        fix = problem.fix.replace("\n", "\n    ")
        blocks.append(f"{head}\n  {one_line(problem.what)}\n  → {fix}".rstrip("→ \n"))
    panel(f"{count} in the input", "\n\n".join(blocks))


def panel(title: str, text: str) -> None:
    """A framed text on a terminal, plain text elsewhere; on stderr."""
    if not sys.stderr.isatty():
        say(f"{title}:\n{text}")
        return
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    framed = Panel(Text(visible(text)), title=title, border_style="red", expand=False)
    Console(file=obeying(sys.stderr)).print(framed)
