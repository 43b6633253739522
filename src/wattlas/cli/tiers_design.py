"""`wattlas tiers design`: which tier to offer, at which discount, with which promise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    say,
)
from wattlas.cli.tables import figure, percent, table, ticker

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario
    from wattlas.model.table import Table
    from wattlas.studies.offers import Design, TierDesign

PACK = "pack"
DEFAULT_PACK = "typical-2023"


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
        typer.Option(help="Promise no more than keeps subscribers at this share of carbon."),
    ] = None,
    most: Annotated[int | None, typer.Option(help="Contracts beside full service.")] = None,
    profiles: Annotated[
        str, typer.Option(help="Candidate floors from a table, or a pack: `pack` is embedded.")
    ] = "",
    hardware: Annotated[str, typer.Option(help="Only floors on hardware with this in it.")] = "",
    unfair: Annotated[
        bool, typer.Option("--unfair", help="Also offers by which takers lose in the mean.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the tables to this folder.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Design the contract of each class: its discount, its promise, its floor.

    Says plainly where no tier is worth offering, and why. The section `users` of the scenario says
    who subscribes and what full service sells for, `offer` what is looked for.
    """
    from wattlas.studies.offers import design_tiers

    with progress("Reading"):
        world = _with_terms(load_scenario(path, scenario, set), klass, objective, cap_share, most)
        points = _points(profiles, hardware, world)
    ready_engine(world)
    with ticker("Design") as tell:
        found = design_tiers(world, points=points, fair=not unfair, progress=tell)
    with progress("Placing"):
        parts = _split(found)
    if out is not None:
        _write(out, found, parts)
    if as_json:
        print_json(_as_mapping(found, parts))
        return
    if world.notice:
        typer.echo(world.notice)
    show(found)
    if parts is not None:
        show_split(parts)
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

    given: dict[str, Any] = {"objective": objective or None, "cap_share": cap_share, "most": most}
    if klass:
        given["classes"] = tuple(klass)
    asked = {name: value for name, value in given.items() if value is not None}
    return replace(world, terms=replace(world.terms, **asked))


def _points(profiles: str, hardware: str, world: Scenario) -> Any:
    if not profiles and not hardware:
        return None
    if not profiles:
        points = world.points
    else:
        from wattlas.data.profiles_file import read_profiles

        points = read_profiles(DEFAULT_PACK if profiles == PACK else profiles)
    return tuple(o for o in points if hardware.lower() in o.hardware.lower())


def _split(found: TierDesign) -> Table | None:
    from wattlas.studies.tier_tables import split_table

    if found.plan.scenario.frictions.couples:
        say("Frictions couple the hours: the saving is not split between geography and tiers.")
        return None
    return split_table(found)


def _write(out: Path, found: TierDesign, parts: Table | None) -> None:
    from wattlas.report.frames import frame
    from wattlas.report.results import write_frame
    from wattlas.studies.tier_tables import tier_tables

    out.mkdir(parents=True, exist_ok=True)
    tables = tier_tables(found)
    if parts is not None:
        tables["tier_split"] = parts
    for name, columns in tables.items():
        write_frame(out / f"{name}.parquet", frame(columns))


def _as_mapping(found: TierDesign, parts: Table | None) -> dict[str, Any]:
    from wattlas.studies.tier_tables import tier_tables

    tables = tier_tables(found)
    kept = {name: rows_of(tables[name]) for name in _TOLD if name in tables}
    return {
        "notice": found.plan.scenario.notice,
        "offer": found.terms,
        "tiers": found.tiers(),
        **{name.removeprefix("tier_"): rows for name, rows in kept.items()},
        "split": None if parts is None else rows_of(parts),
    }


_TOLD = ("tier_verdicts", "tier_floors", "tier_segments", "tier_pareto", "tier_sensitivity")


def rows_of(columns: Table) -> list[dict[str, Any]]:
    """A table as rows."""
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def show(found: TierDesign) -> None:
    """Every class's verdict, its offer, who takes it, and what the figures hang on."""
    for one in found.designs:
        _show_verdict(one)
    worth = [one for one in found.designs if one.chosen is not None]
    if not worth:
        return
    _show_offers(worth)
    _show_floors(worth)
    _show_segments(worth)
    _show_sensitivities(worth)
    for one in worth:
        if one.market is not None:
            say(
                f"note: class {one.service.klass}: these users would pay "
                f"{one.market.usd_per_t:,.0f} USD for a tonne less, in the mean; offsets are "
                "bought at tens of USD at most. See θ at its low above."
            )


def _show_verdict(one: Design) -> None:
    said = "offer a tier" if one.verdict.worth else "no tier is worth offering"
    joint = ": " if one.verdict.worth else ", because "
    typer.echo(f"Class {one.service.klass}: {said}{joint}{one.verdict.reason}.")


def _show_offers(designs: list[Design]) -> None:
    heads = ["class", "floor", "discount", "promise", "taken up", "profit, USD", "carbon, kg"]
    rows = []
    for one in designs:
        for offer, adoption in zip(one.ladder.offers, one.ladder.adoption, strict=True):
            rows.append(
                [one.service.klass, offer.floor, percent(offer.discount), percent(offer.share),
                 percent(adoption), f"+{offer.profit_gain_usd:,.0f}",
                 f"−{offer.carbon_saved_kg:,.0f}"]
            )  # fmt: skip
    table("What to offer: at most the promised share of requests is degraded", heads, rows)


def _show_floors(designs: list[Design]) -> None:
    """Is the floor one level below full service the best?"""
    rows = []
    for one in designs:
        service = one.service
        scores = sorted({*map(float, service.accuracy), service.full_accuracy}, reverse=True)
        place = scores.index(service.full_accuracy)
        for n, (name, offer) in enumerate(zip(service.points, one.floors, strict=True)):
            below = scores.index(float(service.accuracy[n])) - place
            best = one.chosen is not None and one.chosen.floor == name
            told = ["–", "–", "–", "–"] if offer is None else [
                percent(offer.discount), percent(offer.share), percent(offer.adoption),
                f"{offer.profit_gain_usd:,.0f}",
            ]  # fmt: skip
            rows.append([service.klass, name, str(below), *told, "best" if best else ""])
    heads = ["class", "floor", "levels below", "discount", "promise", "taken up", "profit, USD", ""]
    if len(rows) <= MOST_FLOORS:
        table("Each candidate floor at its best", heads, rows)


MOST_FLOORS = 20


def _show_segments(designs: list[Design]) -> None:
    heads = ["class", "users", "taken up", "most take", "gain, USD/M", "losing", "to their good"]
    rows = [
        [one.service.klass, s.name, percent(s.adoption), s.prefers, figure(1e6 * s.gain_usd),
         percent(s.losing_share), _good(s.rational, s.compatible)]
        for one in designs for s in one.segments
    ]  # fmt: skip
    table("Who takes it", heads, rows)


def _good(rational: bool, compatible: bool) -> str:
    if rational and compatible:
        return "yes"
    return "takers lose" if not rational else "another tier is worth more"


def _show_sensitivities(designs: list[Design]) -> None:
    heads = ["class", "assumption", "low", "high", "profit at low", "profit at high"]
    rows = []
    for one in designs:
        for varied in one.sensitivities:
            low, _, high = varied.assumption.values
            gains = [0.0 if o is None else o.profit_gain_usd for o in varied.offers]
            rows.append(
                [one.service.klass, varied.assumption.label, figure(low), figure(high),
                 f"{gains[0]:,.0f}", f"{gains[2]:,.0f}"]
            )  # fmt: skip
    if rows:
        table("What it hangs on: profit gained, USD, one assumption at a time", heads, rows)


def show_split(parts: Table) -> None:
    """What geography, tiers and both save."""
    rows = [
        [part, *("–" if value != value else f"{value:,.0f}" for value in (usd, kg))]
        for part, usd, kg in zip(
            parts["part"], parts["saving_usd"], parts["saving_kg"], strict=True
        )
        if part != "baseline"
    ]
    heads = ["", "saved, USD", "saved, kg"]
    table("Against full service at the nearest place with room", heads, rows)
