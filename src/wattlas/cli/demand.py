"""`wattlas demand`: from the log of a gateway to the demand of a scenario."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from wattlas.cli.common import print_json, progress
from wattlas.cli.options import JsonOption, out_path
from wattlas.data.target import try_file
from wattlas.errors import UsageError

if TYPE_CHECKING:
    from wattlas.data.request_log import LoggedDemand

TABLE = "totals.csv"


def command(
    logs: Annotated[
        list[Path], typer.Argument(help="CSV, Parquet or JSON lines; one request each.")
    ],
    time: Annotated[str, typer.Option(help="Column of the time: ISO with a zone, or since 1970.")],
    class_: Annotated[str, typer.Option("--class", help="Column of the class, or the model.")],
    country: Annotated[str | None, typer.Option(help="Column of the client's country.")] = None,
    metro: Annotated[str | None, typer.Option(help="Column of the client's metro.")] = None,
    tokens_in: Annotated[str, typer.Option(help="Column of the prompt's tokens.")] = "",
    tokens_out: Annotated[str, typer.Option(help="Column of the answer's tokens.")] = "",
    time_zone: Annotated[str, typer.Option(help="Zone of times that do not say theirs.")] = "",
    metros: Annotated[
        str | None, typer.Option(help="Table of metros with their time zones; a list of cities.")
    ] = None,
    each_day: Annotated[bool, typer.Option("--each-day", help="Tell the days apart.")] = False,
    unplaced: Annotated[
        Literal["error", "spread"], typer.Option(help="What to do with requests from nowhere.")
    ] = "error",
    into: Annotated[
        Path, typer.Option(help="Folder of the scenario.", parser=out_path, metavar="FOLDER")
    ] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Add up the log of a gateway: writes totals.csv, and prints the lines for scenario.yaml.

    A request is a line. Totals are those of the mean day, in the whole days (UTC) that the log
    covers; hours of the day and weekends are told by the local time of each place.
    """
    from wattlas.data.request_log import LogColumns, read_log
    from wattlas.data.request_log_text import scenario_lines, timezones_of
    from wattlas.data.whole_file import write_text
    from wattlas.model.geography import is_timezone

    told = [(k, v) for k, v in (("country", country), ("metro", metro)) if v is not None]
    if len(told) != 1:
        raise UsageError("Name one of --country and --metro: the column that says who asked.")
    if time_zone and not is_timezone(time_zone):
        raise UsageError(f"--time-zone {time_zone} is no IANA time zone, e.g. Europe/Berlin.")
    table = into / TABLE
    try_file(table)
    ((place, column),) = told
    columns = LogColumns(time, column, class_, tokens_in, tokens_out, time_zone)
    with progress("Reading"):
        zones = timezones_of(metros, place)
        logged = read_log(logs, columns, zones, each_day=each_day, unplaced=unplaced)
    write_text(table, logged.totals.rename({"place": place}).write_csv())
    for note in logged.notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(f"Wrote {table}.", err=True)
    if as_json:
        print_json({"table": str(table), **_mapping(logged)})
    else:
        typer.echo(scenario_lines(logged, TABLE), nl=False)


def _mapping(logged: LoggedDemand) -> dict[str, Any]:
    return {
        "requests": logged.requests,
        "days": list(logged.days),
        "hour_weights": logged.hour_weights,
        "weekend_factor": logged.weekend_factor,
        "tokens": logged.tokens,
        "notes": list(logged.notes),
    }
