"""`wattlas replay`: a policy on requests that came, one by one; and the calibration of a server."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

VERBS = {
    "run": "Replay a policy request by request.",
    "policies": "List the policies that there are.",
    "calibrate": "Fit the service model to the log of a server.",
}
"""Name → what help says of it. `wattlas.cli.replay_<name>` holds `command`."""


class RunByDefault(TyperGroup):
    """A group whose first verb need not be written: `wattlas replay SCENARIO`."""

    default = "run"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """With no verb in front the arguments are those of the default one."""
        if args and args[0] not in (*VERBS, *ctx.help_option_names):
            args = [self.default, *args]
        return list(super().parse_args(ctx, args))


app = typer.Typer(
    name="replay",
    cls=RunByDefault,
    help="Say what a policy would have cost, emitted, delayed and promised, request by request.\n\n"
    "`wattlas replay SCENARIO --trace FILE` runs; `wattlas replay run --help` has its options.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for _name, _line in VERBS.items():
    app.command(_name, short_help=_line)(import_module(f"wattlas.cli.replay_{_name}").command)


@app.callback()
def replay() -> None:
    """Say what a policy would have cost, emitted, delayed and promised, request by request."""
