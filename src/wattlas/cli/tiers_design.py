"""`wattlas tiers design`: which tier to offer, at which discount, with which degradation cap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattlas.cli.bar import bar
from wattlas.cli.common import (
    load_scenario,
    print_json,
    progress,
    ready_engine,
    say,
)
from wattlas.cli.options import (
    HardwareOption,
    JsonOption,
    ProfilesOption,
    ScenarioArgument,
    ScenarioOption,
    SetOption,
    TablesOption,
)
from wattlas.cli.tables import show

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario
    from wattlas.model.table import Table
    from wattlas.studies.offers import TierDesign


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    klass: Annotated[
        list[str] | None, typer.Option("--class", "-k", help="Workload class; all unless given.")
    ] = None,
    objective: Annotated[
        str, typer.Option(help="profit, or carbon: least carbon at no loss of profit.")
    ] = "",
    cap_share: Annotated[
        float | None,
        typer.Option(help="Degrade no more than brings subscribers to this share of carbon."),
    ] = None,
    most: Annotated[int | None, typer.Option(help="Contracts beside full service.")] = None,
    profiles: ProfilesOption = "",
    hardware: HardwareOption = "",
    unfair: Annotated[
        bool,
        typer.Option("--unfair", help="Also offers that cost those who adopt them."),
    ] = False,
    out: TablesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Design the contract of each class: its discount, its degradation cap, its fallback.

    Says plainly where no tier is worth offering, and why, and which of three tests an offer passes:
    the other way to pay for accelerators, a tonne worth 10 USD to users, no noise in their choice.
    The section `users` of the scenario says
    who subscribes and what full service sells for, `offer` what is looked for.
    """
    from wattlas.report.table_folder import claim_tables, save_tables
    from wattlas.studies import design_listings as listings
    from wattlas.studies.menus import candidate_points
    from wattlas.studies.offers import design_tiers
    from wattlas.studies.tier_tables import tier_tables

    if out is not None:
        from wattlas.report.files import folder_of

        folder_of(out)
        claim_tables(out)
    with progress("Reading"):
        world = _with_terms(load_scenario(path, scenario, set), klass, objective, cap_share, most)
        points = candidate_points(world, profiles, hardware)[0] if profiles or hardware else None
    ready_engine(world)
    with bar("Design") as tell:
        design = design_tiers(world, points=points, fair=not unfair, progress=tell)
    with progress("Placing"):
        parts = _split(design)
    if out is not None:
        split = {} if parts is None else {"tier_split": parts}
        save_tables(out, {**tier_tables(design), **split})
    if as_json:
        print_json(listings.design_mapping(design, parts))
        return
    if world.notice:
        typer.echo(world.notice)
    for sentence in listings.verdict_words(design):
        typer.echo(sentence)
    for listing in listings.design_listings(design):
        show(listing)
    for note in listings.payment_notes(design):
        say(f"note: {note}")
    if parts is not None:
        show(listings.split_listing(parts))
    if out is not None:
        typer.echo(f"Tables: {out}")


def _with_terms(
    world: Scenario,
    klass: list[str] | None,
    objective: str,
    cap_share: float | None,
    most: int | None,
) -> Scenario:
    """The scenario with what the command line says of the offer."""
    from dataclasses import replace

    stated: dict[str, Any] = {"objective": objective or None, "cap_share": cap_share, "most": most}
    if klass:
        stated["classes"] = tuple(klass)
    wanted = {name: value for name, value in stated.items() if value is not None}
    return replace(world, terms=replace(world.terms, **wanted))


def _split(design: TierDesign) -> Table | None:
    from wattlas.placement.constraints.registry import links
    from wattlas.studies.tier_tables import split_table

    if links(design.plan.scenario):
        say(
            "Switching costs couple the hours: the saving is not split between geography and tiers."
        )
        return None
    return split_table(design)
