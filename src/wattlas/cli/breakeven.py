"""`wattlas breakeven`: which moves pay, and from when on."""

from __future__ import annotations

from typing import Annotated

import typer

from wattlas.cli.common import (
    JsonOption,
    ScenarioArgument,
    ScenarioOption,
    SetOption,
    load_scenario,
    print_json,
    progress,
    ready_engine,
)
from wattlas.cli.tables import figure, table


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    klass: Annotated[str, typer.Option("--class", "-k", help="Workload class.")] = "",
    origin: Annotated[str, typer.Option("--from", help="Region that it leaves.")] = "",
    target: Annotated[str, typer.Option("--to", help="Region that it goes to.")] = "",
    point: Annotated[str | None, typer.Option(help="Operating point.")] = None,
    metro: Annotated[str | None, typer.Option(help="Only this metro's demand.")] = None,
    stay_h: Annotated[float | None, typer.Option(help="Hours that it stays.", min=0.0)] = None,
    returns: Annotated[bool, typer.Option("--returns", help="The way back is paid, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Break-even stay, volume, price gap, carbon price, payload and state of a move.

    Without --class, --from and --to: the largest moves of the least-cost plan.
    """
    from wattlas.errors import UsageError
    from wattlas.placement.breakeven.breakeven import breakeven_between

    given = [bool(klass), bool(origin), bool(target)]
    if any(given) and not all(given):
        raise UsageError("--class, --from and --to go together; give all three or none")
    with progress("Reading"):
        loaded = load_scenario(path, scenario, set)
    ready_engine(loaded)
    if all(given):
        moves = [(klass, origin, target)]
    else:
        from wattlas.studies.moves import largest_moves

        with progress("Placing"):
            moves = largest_moves(loaded)
    found = [
        (*move, one)
        for move in moves
        for one in breakeven_between(loaded, *move, point, metro, returns=returns, stay_h=stay_h)
    ]
    if as_json:
        print_json([{"class": k, "from": a, "to": b, "breakeven": one} for k, a, b, one in found])
        return
    typer.echo(loaded.notice)
    for move in moves:
        rows = [
            [str(o.quantity), str(o.verdict), _value(o.value), o.unit, o.reason]
            for *at, o in found
            if tuple(at) == move
        ]
        title = f"class {move[0]}: {move[1]} → {move[2]}"
        table(title, ["quantity", "verdict", "break-even", "unit", "why"], rows)


def _value(value: float | None) -> str:
    return "–" if value is None else figure(value, 4)
