"""`wattlas study`: the main job, from a scenario to a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattlas.cli.bar import bar
from wattlas.cli.common import (
    load_scenario,
    print_json,
    progress,
    ready_engine,
    say,
)
from wattlas.cli.heap import share_memory, trimmed
from wattlas.cli.options import JsonOption, ScenarioArgument, ScenarioOption, SetOption, out_option
from wattlas.cli.tables import show
from wattlas.units import noun

if TYPE_CHECKING:
    from wattlas.studies.study import Study


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    out: Annotated[
        Path,
        out_option("Folder for the report and its tables.", "FOLDER"),
    ] = Path("wattlas-results"),
    samples: Annotated[
        int, typer.Option(help="Budgets per frontier where capacity may bind.", min=3)
    ] = 16,
    as_json: JsonOption = False,
) -> None:
    """Say where inference should run, what that saves, and what latency is worth.

    Prints a summary and writes a folder with report.html, meta.json and Parquet tables. Without a
    scenario it studies the embedded world.
    """
    from wattlas.report.files import folder_of
    from wattlas.report.folder import claim, save
    from wattlas.studies.study import study

    folder_of(out)
    claim(out)
    share_memory()
    with progress("Reading"):
        loaded = load_scenario(path, scenario, set)
    ready_engine(loaded, budgets=True, meanwhile=True)
    with trimmed():
        with bar("Study") as tell:
            result = study(loaded, samples=samples, progress=tell)
        with progress("Writing the report"):
            report = save(result, out)
    if as_json:
        print_json({**result.meta, "folder": str(out), "report": str(report)})
        return
    print_summary(result)
    typer.echo(f"\nReport: {report}\nShow it: wattlas view {out}")


def print_summary(result: Study) -> None:
    """The answer for the terminal: how it ended, then every listing that is registered."""
    from wattlas.studies.registry import listings

    head(result)
    for entry in listings():
        listing = entry.make(result)
        if listing is not None:
            show(listing)
    for sentence in result.meta["limits"]:
        say(f"note: {sentence}")


def head(result: Study) -> None:
    """The verdict and what to do, then what was studied, how it ended, and by what."""
    meta, window = result.meta, result.meta["window"]
    title = meta["scenario"]["title"] or meta["scenario"]["name"]
    from wattlas.studies.brief import verdicts

    typer.echo(f"{title}\n")
    for sentence in verdicts(meta["brief"]):
        typer.echo(sentence)
    for number, action in enumerate(meta["brief"]["actions"], 1):
        typer.echo(f"  {number}. {action}.")
    typer.echo(f"\n{meta['scenario']['notice']}".rstrip())
    steps = window["hours"]
    typer.echo(
        f"{meta['status']}, {steps:,} {noun(steps, 'step')} for "
        f"{window['hours_represented']:,.0f} h, "
        f"{meta['solver']}; {meta['intensity']['deciding']} carbon intensity decides; "
        f"studied in {meta['seconds']:.1f} s"
    )
