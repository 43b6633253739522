"""`wattlas compare A B`: two results folders side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattlas.cli.common import print_json
from wattlas.cli.options import JsonOption
from wattlas.cli.tables import show
from wattlas.errors import Exit


def command(
    first: Annotated[
        Path, typer.Argument(help="Results folder that is compared with.", metavar="A")
    ],
    second: Annotated[Path, typer.Argument(help="Results folder that is judged.", metavar="B")],
    worse_than: Annotated[
        str,
        typer.Option(
            help="How much worse B may be: late=1%,cost=0.5%,p95=20.", metavar="METRIC=LIMIT,…"
        ),
    ] = "",
    policy: Annotated[
        str | None, typer.Option(help="Policy of a replay; the one looked at unless given.")
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Compare what does not answer the same question.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare two results folders, metric by metric; exit 6 where B is worse than allowed.

    Folders of replays, studies and plans. Other scenarios and other requests are refused.
    """
    from wattlas.report.comparison import compare

    made = compare(first, second, worse_than=worse_than, policy=policy, anyway=anyway)
    if as_json:
        print_json({
            "a": made.first, "b": made.second, "ok": made.ok, "worse": made.worse,
            "notes": made.notes, "metrics": made.rows,
        })  # fmt: skip
    else:
        show(made.listing())
        for row in made.rows:
            if row["worse"]:
                typer.echo(
                    f"B is worse in {row['metric']}: {row['b']:.6g} against {row['a']:.6g}, and "
                    f"{row['limit']:.4g} was allowed"
                )
    if not made.ok:
        raise typer.Exit(Exit.WORSE)
