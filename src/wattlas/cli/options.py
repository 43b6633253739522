"""Options that several verbs have, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ScenarioArgument = Annotated[
    Path | None,
    typer.Argument(
        help="scenario.yaml, its folder, or an example's name; the embedded world unless given.",
        show_default=False,
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
TablesOption = Annotated[
    Path | None, typer.Option("--out", "-o", help="Write the tables to this folder.")
]
