"""`wattlas tiers`: what users feel, what to offer them, and what it saves."""

from __future__ import annotations

import typer

from wattlas.cli import tiers_menu

app = typer.Typer(
    name="tiers",
    help="Users and offers: menus of accuracy, latency and carbon.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("menu")(tiers_menu.command)


@app.callback()
def tiers() -> None:
    """Users and offers: menus of accuracy, latency and carbon."""
