"""Groups of verbs: one file per verb, `wattlas.cli.<group>_<verb>` holds its `command`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup


class FirstByDefault(TyperGroup):
    """A group whose first verb need not be written: `wattlas replay SCENARIO`."""

    @property
    def default(self) -> str:
        """The verb that is meant where none is written."""
        return next(iter(self.commands))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """With no verb in front the arguments are those of the default one."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = [self.default, *args]
        return list(super().parse_args(ctx, args))


def group(
    name: str, verbs: Mapping[str, str], sentence: str, more: str = "", *, first: bool = False
) -> typer.Typer:
    """A group: what help says of each verb, and of the group in a sentence and `more`.

    With `first` the first verb is meant where none is written.
    """
    app = typer.Typer(
        name=name,
        cls=FirstByDefault if first else TyperGroup,
        help=f"{sentence}\n\n{more}" if more else sentence,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for verb, line in verbs.items():
        app.command(verb, short_help=line)(import_module(f"wattlas.cli.{name}_{verb}").command)

    def described() -> None:
        pass

    described.__doc__ = sentence
    app.callback()(described)
    return app
