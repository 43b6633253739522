"""`wattlas view FOLDER`: show a results folder in a browser."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from wattlas.errors import Exit


def command(
    folder: Annotated[Path, typer.Argument(help="The folder that `wattlas study` wrote.")],
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Serve only; the address is on stdout.")
    ] = False,
    port: Annotated[
        int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)
    ] = 0,
) -> None:
    """Show a results folder: the report, and each table as CSV and JSON. Ctrl-C ends it."""
    from wattlas.report.results import open_results
    from wattlas.report.view import ResultsServer

    with ResultsServer(open_results(folder), port) as server:
        typer.echo(server.url)
        sys.stdout.flush()
        typer.echo(f"Showing {folder} on this machine only. Ctrl-C ends it.", err=True)
        if not no_browser:
            _show(server.url)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            typer.echo("Stopped.", err=True)
            raise typer.Exit(Exit.INTERRUPTED) from None


def _show(url: str) -> None:
    import webbrowser

    if not webbrowser.open(url):
        typer.echo("No browser was found: open the address above.", err=True)
