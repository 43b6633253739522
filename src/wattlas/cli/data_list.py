"""`wattlas data list`: the packs that ship with Wattlas."""

from __future__ import annotations

import typer

from wattlas.cli.common import print_json
from wattlas.cli.options import JsonOption


def command(as_json: JsonOption = False) -> None:
    """The packs that ship with Wattlas."""
    from wattlas.data.pack import embedded_packs, open_pack

    packs = [open_pack(name).manifest for name in embedded_packs()]
    if as_json:
        print_json([pack.model_dump(mode="json") for pack in packs])
        return
    for pack in packs:
        typer.echo(f"{pack.name}: {pack.title}")
        typer.echo(f"  {pack.notice}")
        typer.echo(f"  tables: {', '.join(pack.tables)}")
