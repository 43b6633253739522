"""`wattlas tiers menu`: what a class can be answered with, and what carbon leaves of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wattlas.cli.common import (
    load_scenario,
    print_json,
    progress,
)
from wattlas.cli.options import (
    ClassOption,
    HardwareOption,
    JsonOption,
    ProfilesOption,
    ScenarioArgument,
    ScenarioOption,
    SetOption,
)
from wattlas.cli.tables import show
from wattlas.model.cells import number_text

if TYPE_CHECKING:
    from wattlas.studies.menus import ClassMenu


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    klass: ClassOption = "",
    profiles: ProfilesOption = "",
    hardware: HardwareOption = "",
    intensity: Annotated[
        float | None,
        typer.Option(help="gCO2e/kWh; the mean where the demand is unless given.", min=0.0),
    ] = None,
    cap_g: Annotated[
        float | None, typer.Option("--cap-g", help="Most grams per request: adds the targets.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Also points that others beat.")] = False,
    as_json: JsonOption = False,
) -> None:
    """What can answer a class: accuracy, service time, energy, grams.

    The front comes first: points that no other beats in all three of accuracy, service time and
    energy. With --cap-g: which of them to aim for at which carbon intensity.
    """
    from wattlas.errors import UsageError

    if cap_g is not None and not cap_g > 0:
        raise UsageError(f"--cap-g is {cap_g:g}; give grams per request above 0")
    with progress("Reading"):
        world = load_scenario(path, scenario, set)
        from wattlas.studies import menus

        served = menus.class_menu(world, klass, profiles, hardware, intensity)
    goal = None if cap_g is None else menus.class_targets(world, served, cap_g)
    if as_json:
        print_json(menus.menu_mapping(served, goal))
        return
    if world.notice:
        typer.echo(world.notice)
    typer.echo("\n".join(_head(served)))
    show(menus.menu_listing(served, every=every))
    if goal is None:
        return
    show(menus.targets_listing(served, goal, number_text(goal.cap_g)))
    users = "the scenario's users" if world.users else "users as the default prior has them"
    typer.echo(
        f"Utility in the mean of {users}: score from 0 to 1,\nms from "
        f"{number_text(menus.latest_ms(served))}, twice the budget, to 0, grams from the cap to 0."
    )
    best = menus.point_now(served, goal)
    typer.echo(f"At {number_text(served.baseline.g_per_kwh)} g/kWh: {best}.")


def _head(served: ClassMenu) -> list[str]:
    """What the table's figures are, in lines for a narrow terminal."""
    from wattlas.studies.menus import front_size

    klass, base = served.klass, served.baseline
    front, count = front_size(served)
    moment = str(klass.latency_to).replace("_", " ")
    mean = "as stated" if served.stated else f"the {base.intensity} where the class's demand is"
    return [
        f"{front} of the {count} {served.source} are on the front: "
        "no other is as accurate, as quick and as thrifty.",
        f"A request has {number_text(klass.tokens_in)} tokens in and "
        f"{number_text(klass.tokens_out)} out. ms: to the {moment}, without network or queue.",
        f"g: at {number_text(base.g_per_kwh)} g/kWh, {mean}, and PUE {base.pue:.2f}.",
        f"USD/M: per million requests, at {number_text(base.usd_per_gpu_h)} USD/GPU-h and "
        f"{number_text(base.usd_per_mwh)} USD/MWh.",
    ]
