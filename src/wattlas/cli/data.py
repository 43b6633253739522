"""`wattlas data`: look at packs, judge them, and bring your own hours."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattlas.cli import data_import
from wattlas.cli.common import print_json, problem_json
from wattlas.cli.options import JsonOption

if TYPE_CHECKING:
    from wattlas.data.pack_checks import DataCheck

app = typer.Typer(
    name="data",
    help="Packs of facts and hours: list, judge, import.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
EXIT_BAD_INPUT = 3


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


@app.command("list")
def list_packs(as_json: JsonOption = False) -> None:
    """The packs that ship with Wattlas."""
    from wattlas.data.pack import embedded_packs, open_pack

    packs = [open_pack(name).manifest for name in embedded_packs()]
    if as_json:
        print_json([pack.model_dump(mode="json") for pack in packs])
        return
    for pack in packs:
        _print(f"{pack.name}: {pack.title}")
        _print(f"  {pack.notice}")
        _print(f"  tables: {', '.join(pack.tables)}")


@app.command("show")
def show_pack(
    pack: Annotated[str, typer.Argument(help="Name of an embedded pack, or a folder.")],
    as_json: JsonOption = False,
) -> None:
    """What a pack holds, where it comes from, and what it lacks."""
    from wattlas.data.pack import open_pack

    manifest = open_pack(pack).manifest
    if as_json:
        print_json(manifest.model_dump(mode="json"))
        return
    _print(f"{manifest.name}: {manifest.title}")
    for sentence in (manifest.notice, *manifest.missing):
        if sentence:
            _print(f"  {sentence}")
    for name, entry in manifest.tables.items():
        _print(f"{name}: {entry.rows:,} rows, {entry.unit}".rstrip(", "))
        _print(f"  source: {entry.source}")
        _print(f"  licence: {entry.licence or 'not stated'}")
        if entry.note:
            _print(f"  {entry.note}")


@app.command("check")
def check_command(
    path: Annotated[str, typer.Argument(help="A pack (name or folder), or one table.")],
    table: Annotated[
        str | None, typer.Option(help="What a single table is, where its columns do not show it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a pack or a table: name every gap, doubled hour, wrong unit and missing zone."""
    from wattlas.data.pack_checks import check_path

    judged = check_path(path, table)
    if as_json:
        print_json(_check_mapping(judged))
    else:
        _print(_check_text(judged))
    if not judged.sound:
        raise typer.Exit(EXIT_BAD_INPUT)


def _check_mapping(judged: DataCheck) -> dict[str, Any]:
    return {
        "path": judged.path,
        "name": judged.name,
        "sound": judged.sound,
        "rows": judged.rows,
        "problems": [problem_json(problem) for problem in judged.problems],
        "warnings": [problem_json(warning) for warning in judged.warnings],
        "notes": list(judged.notes),
    }


def _check_text(judged: DataCheck) -> str:
    tables = "1 table" if len(judged.rows) == 1 else f"{len(judged.rows)} tables"
    lines = [f"{judged.path}: {sum(judged.rows.values()):,} rows in {tables}"]
    for problem in judged.problems:
        lines += [f"{problem.place}", f"  {problem.what}.", f"  {problem.fix}"]
    lines += [f"warning: {warning}" for warning in judged.warnings]
    lines += [f"note: {note}" for note in judged.notes]
    count = len(judged.problems)
    lines.append("sound" if not count else f"{count} problem{'s' if count > 1 else ''}")
    return "\n".join(lines)


app.command("import")(data_import.import_files)
