"""`wattlas serve CONFIG`: the live plane, until it is told to end."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from wattlas.cli.common import say


def command(
    config: Annotated[Path, typer.Argument(help="The file serve.yaml.")],
    check: Annotated[
        bool, typer.Option("--check", help="Say what is wrong with the configuration, and end.")
    ] = False,
) -> None:
    """Decide where each request goes, keep every contract's degradation cap, and account for it.

    The addresses of the ports are on stdout. SIGTERM drains, SIGHUP reads the files again.
    """
    from wattlas.serve.extra import check_extra

    check_extra()
    from wattlas.serve.run import check_files, main

    if check:
        check_files(config)
        typer.echo(f"{config}: no problem was found.")
        return
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    main(config, _ready)
    say("Drained: every request is accounted for.")


def _ready(service: Any) -> None:
    for name, address in service.addresses.items():
        typer.echo(f"{name} {address}")
    sys.stdout.flush()
