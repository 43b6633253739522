"""`wattlas tiers menu`: what a class can be answered with, and what carbon leaves of it."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, replace
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
)
from wattlas.cli.tables import figure, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattlas.model.scenario import Scenario
    from wattlas.model.workload import OperatingPoint, WorkloadClass
    from wattlas.studies.home import Home
    from wattlas.tiers.menu import Menu
    from wattlas.tiers.targets import Targets

PACK = "pack"
DEFAULT_PACK = "typical-2023"
NARROW = 105
"""Terminals below this many columns do without some figures."""


@dataclass(frozen=True)
class _Found:
    """A menu with what it is told at."""

    klass: WorkloadClass
    menu: Menu
    at: Home
    what: str
    """What the points are: `points of the scenario`."""
    stated: bool
    """Whether the intensity was given and not found."""


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    klass: Annotated[str, typer.Option("--class", "-k", help="Workload class.")] = "",
    profiles: Annotated[
        str, typer.Option(help="Table of profiles, or a pack: `pack` is the embedded one.")
    ] = "",
    hardware: Annotated[str, typer.Option(help="Only points on hardware with this in it.")] = "",
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
        found = _found(world, klass, profiles, hardware, intensity)
    goal = None if cap_g is None else _targets(world, found, cap_g)
    if as_json:
        print_json(_json(found, goal))
        return
    if world.notice:
        typer.echo(world.notice)
    _show_menu(found, every)
    if goal is not None:
        _show_targets(found, goal, bool(world.users))


def _found(
    world: Scenario, klass: str, profiles: str, hardware: str, intensity: float | None
) -> _Found:
    from wattlas.errors import UsageError
    from wattlas.studies.home import at_home
    from wattlas.tiers.menu import menu

    chosen = class_of(world, klass)
    points, what = _points(world, profiles)
    if hardware:
        kept = tuple(o for o in points if hardware.lower() in o.hardware.lower())
        if not kept:
            known = ", ".join(sorted({o.hardware for o in points if o.hardware})) or "none"
            raise UsageError(f"no point is on hardware with `{hardware}` in it; there is: {known}")
        points = kept
    at = at_home(world, chosen.id)
    if intensity is not None:
        at = replace(at, g_per_kwh=intensity)
    asked = replace(chosen, points=None) if profiles else chosen
    made = menu(asked, points)
    usd = made.energy_kwh * at.pue * at.usd_per_mwh / 1e3 + made.gpu_h * at.rent_usd_per_gpu_h
    return _Found(chosen, replace(made, cost_usd=usd), at, what, intensity is not None)


def class_of(world: Scenario, klass: str) -> WorkloadClass:
    """The class of a name. Raises UsageError naming those that there are."""
    from wattlas.data.suggest import did_you_mean
    from wattlas.errors import UsageError

    known = {k.id: k for k in world.classes}
    if not klass:
        raise UsageError(f"--class names the workload class: {', '.join(known)}")
    if klass not in known:
        raise UsageError(f"there is no class `{klass}`. {did_you_mean(klass, known)}")
    return known[klass]


def _points(world: Scenario, profiles: str) -> tuple[Sequence[OperatingPoint], str]:
    if not profiles:
        return world.points, "points of the scenario"
    from wattlas.data.profiles_file import read_profiles

    source = DEFAULT_PACK if profiles == PACK else profiles
    return read_profiles(source), f"profiles of {source}"


def _targets(world: Scenario, found: _Found, cap_g: float) -> Targets:
    from wattlas.model.users import Users
    from wattlas.tiers.population import population
    from wattlas.tiers.targets import targets
    from wattlas.tiers.utility import default_scale

    people = population(world.users or Users(), 1.0)
    scale = default_scale(found.klass.latency_budget_ms, cap_g)
    return targets(found.menu, cap_g, people, scale, found.at.pue)


def _use(found: _Found) -> list[str]:
    """What each point is good for: full service, a degraded request, or neither in time."""
    least, budget = found.klass.accuracy_min, found.klass.latency_budget_ms
    return [
        "too slow" if ms > budget else "full" if score >= least - 1e-12 else "degraded"
        for score, ms in zip(found.menu.accuracy, found.menu.service_ms, strict=True)
    ]


def _rows(found: _Found) -> list[dict[str, Any]]:
    one = found.menu
    grams = one.carbon_g(found.at.g_per_kwh, found.at.pue)
    return [
        {
            "point": one.ids[n],
            "variant": one.variants[n],
            "hardware": one.hardware[n],
            "accuracy": float(one.accuracy[n]),
            "service_ms": float(one.service_ms[n]),
            "service_p95_ms": float(one.service_p95_ms[n]),
            "energy_wh": float(one.energy_kwh[n]) * 1e3,
            "gpu_s": float(one.gpu_h[n]) * 3600,
            "cost_usd_per_million": float(one.cost_usd[n]) * 1e6,
            "carbon_g": float(grams[n]),
            "pareto": bool(one.pareto[n]),
            "use": use,
        }
        for n, use in enumerate(_use(found))
    ]


def _target_rows(found: _Found, goal: Targets) -> list[dict[str, Any]]:
    rows = _rows(found)
    return [
        {
            "from_g_per_kwh": float(goal.from_g_per_kwh[n]),
            "to_g_per_kwh": float(goal.to_g_per_kwh[n]),
            "from_utility": float(goal.from_utility[n]),
            "to_utility": float(goal.to_utility[n]),
            **{name: rows[at][name] for name in _OF_TARGET},
        }
        for n, at in enumerate(goal.point)
    ]


_OF_TARGET = ("point", "variant", "accuracy", "service_ms", "energy_wh", "use")


def _json(found: _Found, goal: Targets | None) -> dict[str, Any]:
    at = found.at
    told: dict[str, Any] = {
        "class": found.klass.id,
        "latency_to": str(found.klass.latency_to),
        "budget_ms": found.klass.latency_budget_ms,
        "points": found.what,
        "g_per_kwh": at.g_per_kwh,
        "intensity": "stated" if found.stated else at.intensity,
        "pue": at.pue,
        "usd_per_mwh": at.usd_per_mwh,
        "rent_usd_per_gpu_h": at.rent_usd_per_gpu_h,
        "menu": _rows(found),
    }
    if goal is not None:
        told |= {"cap_g": goal.cap_g, "targets": _target_rows(found, goal)}
    return told


def _show_menu(found: _Found, every: bool) -> None:
    rows = _rows(found)
    typer.echo("\n".join(_head(found, rows)))
    rows.sort(key=lambda row: (not row["pareto"], -row["accuracy"], -row["energy_wh"]))
    shown = [row for row in rows if every or row["pareto"]]
    columns = {head: name for head, name in _COLUMNS.items() if _worth(rows, name)}
    heads = [*columns, "use", *(["front"] if every else [])]
    cells = [
        [*(row[name] for name in columns.values()), row["use"]]
        + (["yes" if row["pareto"] else "no"] if every else [])
        for row in shown
    ]
    table(f"class {found.klass.id}: what can answer a request", heads, cells)


_COLUMNS = {
    "point": "point",
    "score": "accuracy",
    "ms": "service_ms",
    "p95 ms": "service_p95_ms",
    "Wh": "energy_wh",
    "GPU-s": "gpu_s",
    "g": "carbon_g",
    "USD/M": "cost_usd_per_million",
}
_WHERE_THERE_IS_ROOM = ("service_p95_ms", "gpu_s", "cost_usd_per_million")


def _worth(rows: list[dict[str, Any]], name: str) -> bool:
    """Whether a column says anything, and fits."""
    says = any(row[name] == row[name] for row in rows)
    return says and not (name in _WHERE_THERE_IS_ROOM and _narrow())


def _narrow() -> bool:
    return sys.stdout.isatty() and shutil.get_terminal_size().columns < NARROW


def _head(found: _Found, rows: list[dict[str, Any]]) -> list[str]:
    """What the table's figures are, in lines for a narrow terminal."""
    klass, at = found.klass, found.at
    front = sum(row["pareto"] for row in rows)
    moment = str(klass.latency_to).replace("_", " ")
    mean = "as stated" if found.stated else f"the {at.intensity} where the class's demand is"
    return [
        f"{front} of the {len(rows)} {found.what} are on the front: "
        "no other is as accurate, as quick and as thrifty.",
        f"A request has {figure(klass.tokens_in)} tokens in and {figure(klass.tokens_out)} out. "
        f"ms: to the {moment}, without network or queue.",
        f"g: at {figure(at.g_per_kwh)} g/kWh, {mean}, and PUE {at.pue:.2f}.",
        f"USD/M: per million requests, at {figure(at.rent_usd_per_gpu_h)} USD/GPU-h and "
        f"{figure(at.usd_per_mwh)} USD/MWh.",
    ]


_TARGET_COLUMNS = [
    ("g/kWh", "from_g_per_kwh"),
    ("up to", "to_g_per_kwh"),
    ("point", "point"),
    ("score", "accuracy"),
    ("ms", "service_ms"),
    ("Wh", "energy_wh"),
    ("use", "use"),
    ("utility", "from_utility"),
    ("… to", "to_utility"),
]


def _show_targets(found: _Found, goal: Targets, stated: bool) -> None:
    from wattlas.errors import InfeasibleError

    columns = _TARGET_COLUMNS[:5] if _narrow() else _TARGET_COLUMNS
    table(
        f"class {found.klass.id}: the target at most {figure(goal.cap_g)} g per request",
        [head for head, _ in columns],
        [[row[name] for _, name in columns] for row in _target_rows(found, goal)],
    )
    from wattlas.tiers.utility import LATEST

    who = "the scenario's users" if stated else "users as the default prior has them"
    typer.echo(
        f"Utility in the mean of {who}: score from 0 to 1,\nms from "
        f"{figure(LATEST * found.klass.latency_budget_ms)}, twice the budget, to 0, grams from "
        "the cap to 0."
    )
    try:
        now = goal.at(found.at.g_per_kwh)
        typer.echo(f"At {figure(found.at.g_per_kwh)} g/kWh: {found.menu.ids[now]}.")
    except InfeasibleError as none:
        typer.echo(f"{none}.")
