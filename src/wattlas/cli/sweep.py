"""`wattlas sweep`: one question asked of many scenarios; a run by itself; the table of all."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

VERBS = {
    "run": "Carry out a sweep, or what is missing of it.",
    "one": "Carry out one run of a sweep: for Snakemake, SLURM arrays and the like.",
    "table": "Collect the runs that are finished, and rank what matters.",
}
"""Name → what help says of it. `wattlas.cli.sweep_<name>` holds `command`."""


class RunByDefault(TyperGroup):
    """A group whose first verb need not be written: `wattlas sweep SCENARIO`."""

    default = "run"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """With no verb in front the arguments are those of the default one."""
        if args and args[0] not in (*VERBS, *ctx.help_option_names):
            args = [self.default, *args]
        return list(super().parse_args(ctx, args))


app = typer.Typer(
    name="sweep",
    cls=RunByDefault,
    help="Vary fields of a scenario or settings of a policy, and say which of them matter.\n\n"
    "`wattlas sweep SCENARIO --vary FIELD=1,2 --out FOLDER` runs; `wattlas sweep run --help` has "
    "its options.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for _name, _line in VERBS.items():
    app.command(_name, short_help=_line)(import_module(f"wattlas.cli.sweep_{_name}").command)


@app.callback()
def sweep() -> None:
    """Vary fields of a scenario or settings of a policy, and say which of them matter."""
