"""`wattlas data`: look at packs, judge them, and bring your own hours."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattlas.cli.common import print_json, problem_json
from wattlas.cli.options import JsonOption, out_path

if TYPE_CHECKING:
    from wattlas.data.importers import Imported, PlainLayout
    from wattlas.data.pack_checks import DataCheck
    from wattlas.data.pack_import import ImportResult

app = typer.Typer(
    name="data",
    help="Packs of facts and hours: list, judge, import.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
EXIT_BAD_INPUT = 3


class Format(StrEnum):
    """What the imported files are."""

    ELECTRICITY_MAPS = "electricity-maps"
    PLAIN = "plain"


class ImportTable(StrEnum):
    """The tables that hours are imported into."""

    PRICE = "price"
    CARBON = "carbon"


class IntensityKind(StrEnum):
    """What a carbon intensity covers."""

    LIFE_CYCLE = "life-cycle"
    DIRECT = "direct"


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
        "notes": list(judged.notes),
    }


def _check_text(judged: DataCheck) -> str:
    tables = "1 table" if len(judged.rows) == 1 else f"{len(judged.rows)} tables"
    lines = [f"{judged.path}: {sum(judged.rows.values()):,} rows in {tables}"]
    for problem in judged.problems:
        lines += [f"{problem.place}", f"  {problem.what}.", f"  {problem.fix}"]
    lines += [f"note: {note}" for note in judged.notes]
    count = len(judged.problems)
    lines.append("sound" if not count else f"{count} problem{'s' if count > 1 else ''}")
    return "\n".join(lines)


@app.command("import")
def import_files(
    files: Annotated[list[Path], typer.Argument(help="CSV or Parquet files.", exists=True)],
    into: Annotated[
        Path,
        typer.Option(
            help="Folder of the pack, new or with other tables.", parser=out_path, metavar="FOLDER"
        ),
    ],
    form: Annotated[Format, typer.Option("--from", help="What the files are.")] = Format.PLAIN,
    table: Annotated[
        ImportTable, typer.Option("--as", help="What a plain table holds.")
    ] = ImportTable.CARBON,
    intensity: Annotated[
        IntensityKind, typer.Option(help="Which intensity to take.")
    ] = IntensityKind.LIFE_CYCLE,
    time_column: Annotated[str, typer.Option(help="Column of stamps.")] = "time_utc",
    zone_column: Annotated[
        str | None, typer.Option(help="Column of zones; without it each column is a zone.")
    ] = None,
    value_column: Annotated[str | None, typer.Option(help="Column of values.")] = None,
    zone: Annotated[str | None, typer.Option(help="The zone of a table of one zone.")] = None,
    unit: Annotated[str, typer.Option(help="E.g. usd/kwh, kg/kwh, lb/mwh.")] = "",
    factor: Annotated[float, typer.Option(help="Multiplies each value: a rate of exchange.")] = 1.0,
    time_zone: Annotated[str, typer.Option(help="Zone of stamps without an offset.")] = "UTC",
    average: Annotated[bool, typer.Option("--average", help="Average to hours.")] = False,
    source: Annotated[str, typer.Option(help="Who published the hours.")] = "",
    licence: Annotated[str, typer.Option(help="Under which terms.")] = "",
    name: Annotated[str, typer.Option(help="Name of the pack.")] = "",
    title: Annotated[str, typer.Option(help="Title of the pack.")] = "",
    allow_gaps: Annotated[bool, typer.Option("--allow-gaps", help="Write despite gaps.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace zones there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring hours into a pack: Electricity Maps' CSV, or plain tables in any zone and unit."""
    from wattlas.data import importers, pack_import
    from wattlas.data.target import try_folder

    try_folder(into)
    layout = importers.PlainLayout(
        table=table.value,
        time_column=time_column,
        zone_column=zone_column,
        value_column=value_column,
        zone=zone,
        unit=unit,
        factor=factor,
        time_zone=time_zone,
        average=average,
    )
    if form is Format.ELECTRICITY_MAPS:
        imported = importers.read_electricity_maps(files, intensity.value)
    else:
        imported = _read_plain(files, layout, source, licence, intensity)
    result = pack_import.import_hours(
        imported,
        into,
        name=name,
        title=title,
        allow_gaps=allow_gaps,
        overwrite=replace,
        time_zones=pack_import.zones_to_suspect(time_zone),
    )
    if as_json:
        print_json(_result_mapping(result))
    else:
        _print(_result_text(result))


def _read_plain(
    files: list[Path], layout: PlainLayout, source: str, licence: str, intensity: IntensityKind
) -> Imported:
    """Plain files of one table together; each names itself as the source unless one is given."""
    from wattlas.data.importers import joined, read_plain

    parts = [
        read_plain(file, layout, source or file.name, licence, intensity.value) for file in files
    ]
    return joined(parts)


def _result_mapping(result: ImportResult) -> dict[str, Any]:
    return {
        "folder": str(result.folder),
        "table": result.table,
        "rows": result.rows,
        "zones": list(result.zones),
        "gaps": [problem_json(problem) for problem in result.gaps],
        "manifest": result.manifest.model_dump(mode="json"),
    }


def _result_text(result: ImportResult) -> str:
    time = result.manifest.time
    lines = [
        f"{result.folder}: {result.rows:,} rows of {result.table} for {', '.join(result.zones)}",
        f"the pack has {time.hours:,} hours from {time.start_utc}",
    ]
    lines += [f"gap: {problem}" for problem in result.gaps]
    return "\n".join(lines)
