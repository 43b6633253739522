"""`wattlas init`: an example to start from, or the files of a company."""

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
            help="Where to; named like the example, or `company`, unless given.",
            parser=out_path,
            metavar="FOLDER",
        ),
    ] = None,
    example: Annotated[
        str | None, typer.Option("--example", "-e", help="Which one.", metavar="NAME")
    ] = None,
    regions: Annotated[
        str | None,
        typer.Option(help="Cloud regions of a company: aws:us-east-1,gcp:europe-west9."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Copy an example to start from: scenario.yaml, its tables, and the schema for editors.

    With --regions, a company's files instead: its cloud regions, three models, a latency matrix and
    requests per day, to be filled in. Nothing is overwritten without --force.
    """
    from wattlas.data.scenario_file import example_path
    from wattlas.data.whole_file import write_texts

    if example is not None and regions is not None:
        raise UsageError("Name one of --example and --regions.")
    if regions is None:
        named = example or DEFAULT_EXAMPLE
        target = folder if folder is not None else Path(named)
        files = planned(example_path(named), target)
    else:
        target = folder if folder is not None else Path("company")
        files = planned_company(target, regions)
    check_target(target, list(files), force=force)
    write_texts(target, {path.name: text for path, text in files.items()})
    first = f"wattlas check {target / 'scenario.yaml'}"
    if as_json:
        print_json({"folder": target, "files": [p.name for p in files], "next": first})
        return
    typer.echo(f"Wrote {', '.join(p.name for p in files)} to {target}.")
    typer.echo(f"Next: {first}")


def planned_company(target: Path, regions: str) -> dict[Path, str]:
    """The files of a company, with the schema beside them; what it still needs goes to stderr."""
    from wattlas.data.company import company, without_hours
    from wattlas.data.scenario_file import EXAMPLES

    ids = [name.strip() for name in regions.split(",") if name.strip()]
    if not ids:
        raise UsageError(
            "--regions names none. Write them with commas: aws:us-east-1,aws:eu-west-2"
        )
    files = {target / name: text for name, text in company(str(target), ids).items()}
    files[target / SCHEMA] = (EXAMPLES.parent / SCHEMA).read_text(encoding="utf-8")
    for sentence in without_hours(ids):
        typer.echo(f"note: {sentence}", err=True)
    return files


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
