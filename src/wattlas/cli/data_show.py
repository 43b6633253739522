"""`wattlas data show`: what a pack holds, and where it comes from."""

from __future__ import annotations

from typing import Annotated

import typer

from wattlas.cli.common import print_json
from wattlas.cli.options import JsonOption
from wattlas.units import noun


def command(
    pack: Annotated[str, typer.Argument(help="Name of an embedded pack, or a folder.")],
    as_json: JsonOption = False,
) -> None:
    """What a pack holds, where it comes from, and what it lacks."""
    from wattlas.data.pack import open_pack

    manifest = open_pack(pack).manifest
    if as_json:
        print_json(manifest.model_dump(mode="json"))
        return
    typer.echo(f"{manifest.name}: {manifest.title}")
    for sentence in (manifest.notice, *manifest.missing):
        if sentence:
            typer.echo(f"  {sentence}")
    for name, entry in manifest.tables.items():
        typer.echo(f"{name}: {entry.rows:,} {noun(entry.rows, 'row')}, {entry.unit}".rstrip(", "))
        typer.echo(f"  source: {entry.source}")
        typer.echo(f"  licence: {entry.licence or 'not stated'}")
        if entry.note:
            typer.echo(f"  {entry.note}")
