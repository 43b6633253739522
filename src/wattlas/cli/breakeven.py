"""`wattlas breakeven`: which moves pay, and from when on."""

from __future__ import annotations

from typing import Annotated

import typer

from wattlas.cli.common import (
    load_scenario,
    print_json,
    progress,
    ready_engine,
)
from wattlas.cli.options import ClassOption, JsonOption, ScenarioArgument, ScenarioOption, SetOption
from wattlas.cli.tables import show


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    klass: ClassOption = "",
    origin: Annotated[str, typer.Option("--from", help="Region that the demand leaves.")] = "",
    target: Annotated[str, typer.Option("--to", help="Region that the demand goes to.")] = "",
    point: Annotated[str | None, typer.Option(help="Operating point.")] = None,
    metro: Annotated[str | None, typer.Option(help="Only this metro's demand.")] = None,
    stay_h: Annotated[
        float | None, typer.Option(help="Hours that the demand stays.", min=0.0)
    ] = None,
    returns: Annotated[bool, typer.Option("--returns", help="Pay for the way back, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Break-even stay, volume, price gap, carbon price, payload and state of a move.

    Without --class, --from and --to: the largest moves of the least-cost plan.
    """
    from wattlas.errors import UsageError
    from wattlas.studies.moves import PlannedMove, breakevens, largest_moves

    named = [bool(klass), bool(origin), bool(target)]
    if any(named) and not all(named):
        raise UsageError("--class, --from and --to go together; give all three or none")
    with progress("Reading"):
        loaded = load_scenario(path, scenario, set)
    ready_engine(loaded)
    if all(named):
        moves = [PlannedMove(klass, origin, target)]
    else:
        with progress("Placing"):
            moves = largest_moves(loaded)
    roots = breakevens(loaded, moves, point, metro, returns=returns, stay_h=stay_h)
    if as_json:
        print_json(roots.as_rows())
        return
    typer.echo(loaded.notice)
    if not moves:
        typer.echo("The plan moves no demand to another region than the baseline does.")
    for listing in roots.listings():
        show(listing)
