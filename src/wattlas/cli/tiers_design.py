"""`wattlas tiers design`: which tier to offer, at which discount, with which degradation cap."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattlas.cli.bar import Tell, bar
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
    from wattlas.model.fleet import Fleet
    from wattlas.model.scenario import Scenario
    from wattlas.model.table import Table
    from wattlas.studies.offers import TierDesign
    from wattlas.studies.resized import Resized


class FleetChoice(StrEnum):
    """Whether accelerators that are reserved stay."""

    KEEP = "keep"
    RESIZE = "resize"


ClassesOption = Annotated[
    list[str] | None, typer.Option("--class", "-k", help="Workload class; all unless given.")
]
ObjectiveOption = Annotated[
    str, typer.Option(help="profit, or carbon: least carbon at no loss of profit.")
]
CapShareOption = Annotated[
    float | None,
    typer.Option(help="Degrade no more than brings subscribers to this share of carbon."),
]
MostOption = Annotated[int | None, typer.Option(help="Contracts beside full service.")]
UnfairOption = Annotated[
    bool, typer.Option("--unfair", help="Also offers that cost those who adopt them.")
]
FleetOption = Annotated[
    FleetChoice,
    typer.Option(
        help="keep: what is reserved stays, and its price decides nothing. resize: a degraded "
        "request is also valued by the fleet that is then needed. Takes minutes.",
    ),
]


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    klass: ClassesOption = None,
    objective: ObjectiveOption = "",
    cap_share: CapShareOption = None,
    most: MostOption = None,
    profiles: ProfilesOption = "",
    hardware: HardwareOption = "",
    unfair: UnfairOption = False,
    fleet: FleetOption = FleetChoice.KEEP,
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
    from wattlas.studies.design_listings import design_mapping
    from wattlas.studies.menus import candidate_points
    from wattlas.studies.offers import design_tiers
    from wattlas.studies.resized_listings import resized_mapping
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
        base = _fleet_without(world, fleet, tell)
        design = design_tiers(world, points=points, fair=not unfair, progress=tell)
        resized = _resized(design, base, not unfair, tell)
    with progress("Placing"):
        parts = _split(design)
    if out is not None:
        split = {} if parts is None else {"tier_split": parts}
        save_tables(out, {**tier_tables(design), **split})
    if as_json:
        mapping = design_mapping(design, parts)
        if resized is not None:
            mapping["resized"] = resized_mapping(resized)
        print_json(mapping)
        return
    _show(design, parts, resized)
    if out is not None:
        typer.echo(f"Tables: {out}")


def _show(design: TierDesign, parts: Table | None, resized: Resized | None) -> None:
    """The design as people read it."""
    from wattlas.studies import design_listings as listings
    from wattlas.studies.resized_listings import resized_listing, resized_words

    notice = design.plan.scenario.notice
    if notice:
        typer.echo(notice)
    for sentence in listings.verdict_words(design):
        typer.echo(sentence)
    for listing in listings.design_listings(design):
        show(listing)
    for note in listings.payment_notes(design):
        say(f"note: {note}")
    if parts is not None:
        show(listings.split_listing(parts))
    if resized is not None:
        for sentence in resized_words(resized):
            typer.echo(sentence)
        fleets = resized_listing(resized)
        if fleets is not None:
            show(fleets)


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


def _fleet_without(world: Scenario, choice: FleetChoice, tell: Tell) -> Fleet | None:
    """The fleet without tiers, found first: what it does not take is told before a design."""
    if choice is FleetChoice.KEEP:
        return None
    from wattlas.model.offer import withdrawn
    from wattlas.studies.resized import fleet_without

    tell("the fleet without tiers", 0.0)
    return fleet_without(withdrawn(world))


def _resized(design: TierDesign, base: Fleet | None, fair: bool, tell: Tell) -> Resized | None:
    if base is None:
        return None
    from wattlas.studies.resized import resize

    return resize(design, fair=fair, base=base, progress=tell)


def _split(design: TierDesign) -> Table | None:
    from wattlas.placement.constraints.registry import links
    from wattlas.studies.tier_tables import split_table

    if links(design.plan.scenario):
        say(
            "Switching costs couple the hours: the saving is not split between geography and tiers."
        )
        return None
    return split_table(design)
