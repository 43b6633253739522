"""The command line: one file per verb, each imported when it is called.

stdout carries the result and nothing else. Exit codes: 0 done, 1 a bug, 2 wrong usage, 3 wrong
input, 4 infeasible, 5 stopped at a limit, 6 worse than allowed (`compare`), 7 the machine refuses
(disk, rights, encoding), 130 interrupted, 141 nobody reads the output any more.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from wattlas.cli import interrupts
from wattlas.cli.endings import end, report_error
from wattlas.cli.streams import occupy_descriptors, screens
from wattlas.errors import MachineError, PipeClosed

VERBS = {
    "init": "Copy an example to start from.",
    "check": "Say what a scenario is, or everything that is wrong with it.",
    "schema": "Print the JSON Schema of scenario.yaml.",
    "study": "Do it all: placement, frontier, metrics, break-even, report.",
    "plan": "Decide where inference runs.",
    "fleet": "Say how many accelerators are needed, and where.",
    "frontier": "Say what each millisecond of latency budget is worth.",
    "breakeven": "Say which moves pay, and from when on.",
    "tiers": "Say which green tier to offer, at which discount, with which degradation cap.",
    "replay": "Say what a policy would have done, request by request.",
    "forecast": "Say how good forecasts of price and carbon are, out of sample.",
    "sweep": "Vary fields of a scenario or a policy, and say which of them matter.",
    "compare": "Compare two results folders, metric by metric.",
    "points": "Turn what benchmarks and energy logs measured into operating points.",
    "export": "Write the best fixed table of shares as weights for a gateway.",
    "serve": "Decide and account for live requests, as a service or a gateway.",
    "ledger": "Statements of what `serve` accounted for, and corrections.",
    "view": "Show a results folder in the browser.",
    "data": "Judge and import packs of hourly data.",
    "demand": "Make demand from the log of a gateway.",
}
"""Name → what `wattlas --help` says of it. `wattlas.cli.<name>` holds `command`, or `app`."""


class LazyVerbs(TyperGroup):
    """A group whose verbs are imported when they are needed, not before."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The verbs in the order of a first visit."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The verb of a name, its module imported; None for a name that is no verb."""
        if cmd_name not in VERBS:
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = command_of(cmd_name)
        return self.commands[cmd_name]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The verbs and their lines, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@cache
def command_of(verb: str) -> Any:
    """The command of a verb, its module imported."""
    module = import_module(f"wattlas.cli.{verb}")
    group = getattr(module, "app", None)
    if group is None:
        group = typer.Typer(rich_markup_mode=None)
        group.command(verb)(module.command)
    click_command = typer.main.get_command(group)
    click_command.name = verb
    return click_command


app = typer.Typer(
    cls=LazyVerbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(show: bool) -> None:
    if show:
        from wattlas import __version__

        typer.echo(f"wattlas {__version__}")
        raise typer.Exit


@app.callback()
def wattlas(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The energy atlas for AI inference: where it should run, and what latency is worth.

    Start with: wattlas init
    """


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say and return the exit code."""
    closed = sys.stdout is None
    interrupts.forget()
    with screens():
        try:
            if closed:  # known before anything is computed
                raise MachineError("stdout is closed: there is nowhere to write the result to.")
            code = _done_or_told(arguments)
            sys.stdout.flush()
        except PipeClosed as error:
            return error.exit_code
        except MachineError as error:  # stdout takes nothing, so that stderr alone tells it
            report_error(error)
            return error.exit_code
        return code


def _done_or_told(arguments: Sequence[str]) -> int:
    """The exit code; an error is told before. Raises MachineError where stdout takes nothing."""
    try:
        _check_encoding(arguments)
        code = app(args=list(arguments), prog_name="wattlas", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except PipeClosed:
        raise
    except (Exception, KeyboardInterrupt) as error:
        return end(error, as_json="--json" in arguments)


def _check_encoding(arguments: Sequence[str]) -> None:
    """Raise MachineError for an argument in another encoding: no library would find such a file."""
    for argument in arguments:
        try:
            argument.encode("utf-8")
        except UnicodeEncodeError:
            raise MachineError(
                f"{argument}: this name is not UTF-8, or the locale is not. Rename the file, or "
                "set a locale such as LC_ALL=C.UTF-8."
            ) from None


def main() -> None:
    """The entry point of `wattlas`."""
    occupy_descriptors()
    interrupts.listen()
    code = run(sys.argv[1:])
    gc.freeze()  # or a last collection looks at all that is loaded: a tenth of a second
    sys.exit(code)
