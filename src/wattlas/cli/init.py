"""`wattlas init`: copy an example to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattlas.cli.common import DEFAULT_EXAMPLE, print_json
from wattlas.cli.options import JsonOption, out_path
from wattlas.data.target import try_folder
from wattlas.errors import UsageError

SCHEMA = "scenario.schema.json"
SCHEMA_LINE = "# yaml-language-server: $schema="


def command(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Where to; a folder named like the example unless given.",
            parser=out_path,
            metavar="FOLDER",
        ),
    ] = None,
    example: Annotated[
        str, typer.Option("--example", "-e", help="Which one.", metavar="NAME")
    ] = DEFAULT_EXAMPLE,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Copy an example to start from: scenario.yaml, its tables, and the schema for editors.

    Nothing is overwritten without --force.
    """
    from wattlas.data.scenario_file import example_path
    from wattlas.data.whole_file import write_text

    source = example_path(example)
    target = folder if folder is not None else Path(example)
    files = planned(source, target)
    check_target(target, list(files), force=force)
    for path, text in files.items():
        write_text(path, text)
    first = f"wattlas check {target / 'scenario.yaml'}"
    if as_json:
        print_json({"folder": target, "files": [p.name for p in files], "next": first})
        return
    typer.echo(f"Wrote {', '.join(p.name for p in files)} to {target}.")
    typer.echo(f"Next: {first}")


def planned(source: Path, target: Path) -> dict[Path, str]:
    """What is written where: the example, with the schema beside it."""
    files = {}
    for path in sorted(source.iterdir()):
        if path.suffix in (".yaml", ".csv"):
            text = path.read_text(encoding="utf-8")
            files[target / path.name] = text.replace(
                f"{SCHEMA_LINE}../../{SCHEMA}", f"{SCHEMA_LINE}{SCHEMA}"
            )
    schema = source.parent.parent / SCHEMA
    files[target / SCHEMA] = schema.read_text(encoding="utf-8")
    return files


def check_target(target: Path, files: list[Path], *, force: bool) -> None:
    """Raise UsageError where the target is a file, or would lose one."""
    try_folder(target)
    existing = [path.name for path in files if path.exists()]
    if existing and not force:
        raise UsageError(
            f"{target} already holds {', '.join(existing)}. Name another folder, or add --force."
        )
