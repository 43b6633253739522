"""`wattlas sweep one FOLDER RUN`: one run, files in and files out."""

from __future__ import annotations

from typing import Annotated

import typer

from wattlas.cli.common import progress, say
from wattlas.cli.options import SweepArgument

WhichArgument = Annotated[
    str, typer.Argument(help="Number of a run, from 0 on, or its hash.", metavar="RUN")
]


def command(folder: SweepArgument, which: WhichArgument) -> None:
    """Carry out one run of a sweep and write its file, unless it is there.

    Ends with the exit code of the run, so that a workflow knows which failed; the row is written
    all the same. `wattlas sweep SCENARIO … --out FOLDER --prepare` makes the folder.
    """
    with progress("Running"):
        from wattlas.studies.sweeps.folder import check_inputs, open_sweep
        from wattlas.studies.sweeps.runs import run_of

        sweep = open_sweep(folder)
        index = sweep.index_of(which)
        if not sweep.file(index).exists():
            check_inputs(sweep)
            sweep.write(index, run_of(sweep, index))
        status, error, code = sweep.ended(index)
    typer.echo(sweep.file(index))
    if code:
        say(f"run {index} is {status}: {error}")
        raise typer.Exit(code)
