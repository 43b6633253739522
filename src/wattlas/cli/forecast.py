"""`wattlas forecast SCENARIO`: how good forecasts of its price and carbon are."""

from __future__ import annotations

import typer

from wattlas.cli.common import load_scenario, print_json, progress, say
from wattlas.cli.foresight import (
    BeginOption,
    ForecastOption,
    PastOption,
    PublishedOption,
    VintagesOption,
    WeatherOption,
    published_of,
)
from wattlas.cli.options import (
    JsonOption,
    ScenarioArgument,
    ScenarioOption,
    SetOption,
    TablesOption,
)
from wattlas.cli.tables import show


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    forecast: ForecastOption = "boosted",
    begin: BeginOption = None,
    past: PastOption = None,
    published: PublishedOption = None,
    weather: WeatherOption = None,
    vintages: VintagesOption = None,
    out: TablesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Skill of a forecast of price and carbon, zone by zone, 1 to 24 hours ahead.

    Learnt from the hours before --begin (two thirds of the scenario unless given) or from --past,
    and judged on the others, where they were not yet published.
    """
    kinds = published_of(published)
    with progress("Reading"):
        loaded = load_scenario(path, scenario, set)
        from wattlas.report.table_folder import claim_tables, save_tables
        from wattlas.studies.forecast_skill import forecast_skill

        earlier = None if past is None else load_scenario(past)
    if out is not None:
        claim_tables(out)
    with progress("Learning"):
        made = forecast_skill(
            loaded, forecast, begin=begin, past=earlier, published=kinds, weather=weather,
            vintages=vintages,
        )  # fmt: skip
    if out is not None:
        save_tables(out, {"replay_forecasts": made.table()})
    if as_json:
        skill = made.to_polars().to_dicts()
        print_json({"forecast": made.forecast, "begin_utc": f"{made.begin_utc}Z",
                    "skill": skill, "notes": made.notes, "out": out})  # fmt: skip
        return
    show(made.listing())
    for note in made.notes:
        say(f"note: {note}")
    if out is not None:
        typer.echo(f"Tables: {out}")
