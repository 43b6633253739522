"""`wattlas sweep table FOLDER`: what is finished, collected and ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from wattlas.cli.common import print_json, progress, say
from wattlas.cli.options import JsonOption, SweepArgument
from wattlas.cli.tables import show

if TYPE_CHECKING:
    from wattlas.studies.sweeps.folder import SweepFolder


def command(folder: SweepArgument, as_json: JsonOption = False) -> None:
    """Collect the runs that are finished into sweep.parquet and report.html.

    Ends with the exit code of the first run that failed.
    """
    from wattlas.studies.sweeps.folder import open_sweep

    tell_table(open_sweep(folder), as_json)


def tell_table(sweep: SweepFolder, as_json: bool) -> None:
    """Write and print what a sweep found."""
    with progress("Collecting"):
        from wattlas.report.sweep_folder import collect

        findings = collect(sweep)
    if as_json:
        print_json(findings.json())
    else:
        typer.echo(findings.sentence())
        for listing in findings.listings():
            show(listing)
        typer.echo(f"Table: {findings.table_path}\nReport: {findings.report_path}")
    missing = len(sweep.hashes) - len(findings.rows)
    if missing:
        say(f"note: {missing:,} of {len(sweep.hashes):,} runs are missing")
    if findings.exit_code:
        say(f"note: {findings.failed_words()}")
        raise typer.Exit(findings.exit_code)
