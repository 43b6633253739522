"""`wattlas serve CONFIG`: the live plane, until it is told to end."""

from __future__ import annotations

import logging
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from wattlas.cli.common import say
from wattlas.errors import UsageError


def command(
    config: Annotated[Path | None, typer.Argument(help="The file serve.yaml.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Say what is wrong with the configuration, and end.")
    ] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Simulated regions and a page to look at.")
    ] = False,
    page: Annotated[
        str | None, typer.Option(help="Where the demo's page is; else a free port.")
    ] = None,
) -> None:
    """Decide where each request goes, keep every contract's degradation cap, and account for it.

    The addresses of the ports are on stdout. SIGTERM drains, SIGHUP reads the files again.
    """
    from wattlas.serve.extra import check_extra

    check_extra()
    if (config is None) is not demo or (page and not demo):
        raise UsageError("give a configuration, or --demo (and --page with it).")
    from wattlas.serve.run import check_files, main, serve

    level = logging.WARNING if demo else logging.INFO
    logging.basicConfig(level=level, format="%(levelname)s %(message)s", stream=sys.stderr)
    if config is None:
        main(_demo(page))
        return
    if check:
        check_files(config)
        typer.echo(f"{config}: no problem was found.")
        return
    check_files(config)  # before anything runs that would have to be ended
    main(serve(config, _ready))
    say("Drained: every request is accounted for.")


def _demo(page: str | None) -> Coroutine[Any, Any, None]:
    """The demo, which tells its page's address on stdout."""
    from wattlas.data.scenario_file import example
    from wattlas.serve.demo.demo import play
    from wattlas.studies.export.story import demo_story

    def ready(shown: Any) -> None:
        typer.echo(shown.url)
        sys.stdout.flush()
        say("Three simulated regions, a day in 144 s. Ctrl-C ends it.")

    return play(demo_story(example("tiny")), ready, page=page)


def _ready(service: Any) -> None:
    for name, address in service.addresses.items():
        typer.echo(f"{name} {address}")
    sys.stdout.flush()
