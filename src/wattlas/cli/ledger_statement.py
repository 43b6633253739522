"""`wattlas ledger statement`: a tenant's month."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattlas.cli.common import print_json
from wattlas.cli.ledger_file import LedgerArgument, opened, tenants_of
from wattlas.cli.options import JsonOption, out_option


def command(
    ledger: LedgerArgument,
    tenant: Annotated[str, typer.Argument(help="Whose month it is.")],
    month: Annotated[str, typer.Argument(help="The month, UTC, such as 2026-11.")],
    out: Annotated[Path | None, out_option("A .html, .json, .csv or .jsonl file.", "FILE")] = None,
    as_json: JsonOption = False,
) -> None:
    """What a tenant used in a month: sums of its rows, exactly.

    By its ending --out is a page (.html), the sums (.json), a table of them (.csv), or the rows as
    they are hashed (.jsonl). Without it a summary is printed.
    """
    from wattlas.data.whole_file import write_text
    from wattlas.report.files import try_result

    with opened(ledger) as store:
        from wattlas.serve import statement_forms, statements

        try_result(out, tuple(f".{ending}" for ending in statement_forms.FORMS))
        tenants_of(store, [tenant])
        if out is not None:
            form = out.suffix.lower().removeprefix(".")
            write_text(out, statement_forms.FORMS[form].made(store, tenant, month))
            typer.echo(f"{tenant}, {month}: {out}")
            return
        made = statements.statement(store, tenant, month)
    if as_json:
        print_json(made)
        return
    typer.echo(statement_forms.summary(made))
