"""Options that several verbs have, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wattlas.errors import UsageError


def out_path(given: str | Path) -> Path:
    """A path to write to: `~` is the home directory. Raises UsageError where it is empty.

    It is empty where a variable of the shell is not set, and would be the current folder.
    """
    if not str(given).strip():
        raise UsageError("The path to write to is empty. Name it; `.` is the current folder.")
    try:
        return Path(given).expanduser()
    except RuntimeError:
        raise UsageError(f"{given}: there is no such home directory. Write the path out.") from None


def out_option(help: str, metavar: str) -> Any:
    """`--out`, a path to write to."""
    return typer.Option("--out", "-o", help=help, parser=out_path, metavar=metavar)


ScenarioArgument = Annotated[
    Path | None,
    typer.Argument(
        help="scenario.yaml, its folder, or an example's name; the embedded world unless given."
    ),
]
ScenarioOption = Annotated[
    str | None,
    typer.Option("--scenario", "-s", help="Name of a scenario inside the file.", metavar="NAME"),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a value: regions.oslo.pue=1.1", metavar="PATH=VALUE"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
ClassOption = Annotated[str, typer.Option("--class", "-k", help="Workload class.")]
ProfilesOption = Annotated[
    str,
    typer.Option(help="Operating points of a table of profiles, or of a pack: `pack` is embedded."),
]
HardwareOption = Annotated[str, typer.Option(help="Only points on hardware with this in it.")]
SweepArgument = Annotated[Path, typer.Argument(help="Folder of a sweep.")]
TablesOption = Annotated[
    Path | None,
    out_option("Write the tables to this folder.", "FOLDER"),
]
