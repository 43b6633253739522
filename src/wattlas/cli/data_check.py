"""`wattlas data check`: what is wrong with a pack or a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattlas.cli.common import print_json, problem_json
from wattlas.cli.options import JsonOption
from wattlas.errors import Exit
from wattlas.units import noun

if TYPE_CHECKING:
    from wattlas.data.pack_checks import DataCheck


def command(
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
        typer.echo(_check_text(judged))
    if not judged.sound:
        raise typer.Exit(Exit.INPUT)


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
    rows, tables = sum(judged.rows.values()), len(judged.rows)
    held = f"{rows:,} {noun(rows, 'row')} in {tables} {noun(tables, 'table')}"
    lines = [f"{judged.path}: {held}"]
    for problem in judged.problems:
        lines += [f"{problem.place}", f"  {problem.what}.", f"  {problem.fix}"]
    lines += [f"warning: {warning}" for warning in judged.warnings]
    lines += [f"note: {note}" for note in judged.notes]
    count = len(judged.problems)
    lines.append("sound" if not count else f"{count} {noun(count, 'problem')}")
    return "\n".join(lines)
