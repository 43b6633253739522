"""`wattlas tiers`: users and offers, one file per verb of the group."""

from __future__ import annotations

from importlib import import_module

import typer

VERBS = {
    "menu": "Show what can answer a class, and targets under a cap of grams.",
    "share": "Say how much to degrade, and when, to stay under a carbon cap.",
    "design": "Say which tier to offer, at which discount, with which degradation cap.",
    "fit": "Fit users' taste to a choice experiment.",
}
"""Name → what `wattlas tiers --help` says of it. `wattlas.cli.tiers_<name>` holds `command`."""

app = typer.Typer(
    name="tiers",
    help="Say which green tier to offer, at which discount, with which degradation cap.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for _name, _line in VERBS.items():
    app.command(_name, short_help=_line)(import_module(f"wattlas.cli.tiers_{_name}").command)


@app.callback()
def tiers() -> None:
    """Say which green tier to offer, at which discount, with which degradation cap."""
