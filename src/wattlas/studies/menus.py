"""What a class can be answered with, and which of it to aim for under a cap of grams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wattlas.data.profiles_file import read_profiles
from wattlas.errors import InfeasibleError, UsageError
from wattlas.model.scenario import Scenario
from wattlas.model.suggest import did_you_mean
from wattlas.model.table import Column, Kind, Listing, Table, rows_of, table_of
from wattlas.model.users import Users
from wattlas.model.workload import OperatingPoint, WorkloadClass
from wattlas.studies.baseline_means import BaselineMeans, at_baseline
from wattlas.studies.labels import label_of
from wattlas.tiers.menu import Menu, menu
from wattlas.tiers.population import population
from wattlas.tiers.targets import Targets, targets
from wattlas.tiers.utility import LATEST, default_scale
from wattlas.units import S_PER_H

PACK = "pack"
DEFAULT_PACK = "typical-2023"
WH_PER_KWH = 1e3
MILLION = 1e6


@dataclass(frozen=True)
class ClassMenu:
    """The menu of a class, with what its figures are computed at."""

    klass: WorkloadClass
    menu: Menu
    baseline: BaselineMeans
    source: str
    """What the points are: `points of the scenario`."""
    stated: bool
    """Whether the intensity was given and not the mean where the demand is."""

    def table(self) -> Table:
        """Every point: scores, times, energy, grams, whether none beats it, what it is for."""
        served = self.menu
        return {
            "point": list(served.ids),
            "variant": list(served.variants),
            "hardware": list(served.hardware),
            "accuracy": served.accuracy,
            "service_ms": served.service_ms,
            "service_p95_ms": served.service_p95_ms,
            "energy_wh": served.energy_kwh * WH_PER_KWH,
            "gpu_s": served.gpu_h * S_PER_H,
            "cost_usd_per_million": served.cost_usd * MILLION,
            "carbon_g": served.carbon_g(self.baseline.g_per_kwh, self.baseline.pue),
            "pareto": served.pareto,
            "use": self._use(),
        }

    def _use(self) -> list[str]:
        """What each point is good for: full service, a degraded request, or neither in time."""
        least, budget = self.klass.accuracy_min, self.klass.latency_budget_ms
        return [
            "too slow" if ms > budget else "full" if score >= least - 1e-12 else "degraded"
            for score, ms in zip(self.menu.accuracy, self.menu.service_ms, strict=True)
        ]


def class_of(world: Scenario, name: str) -> WorkloadClass:
    """The class of a name. Raises UsageError naming those that there are."""
    known = {k.id: k for k in world.classes}
    if not name:
        raise UsageError(f"--class names the workload class: {', '.join(known)}")
    if name not in known:
        raise UsageError(f"there is no class `{name}`. {did_you_mean(name, known)}")
    return known[name]


def candidate_points(
    world: Scenario, profiles: str, hardware: str
) -> tuple[tuple[OperatingPoint, ...], str]:
    """The scenario's points or those of a table of profiles, on some hardware; and what they are.

    `profiles` is a file, the name of a pack, or `pack` for the embedded one. Raises UsageError
    where no point is on the hardware.
    """
    points: Sequence[OperatingPoint] = (*world.points, *world.terms.menu)
    source = "points of the scenario"
    if profiles:
        table = DEFAULT_PACK if profiles == PACK else profiles
        points, source = read_profiles(table), f"profiles of {table}"
    on_hardware = tuple(o for o in points if hardware.lower() in o.hardware.lower())
    if not on_hardware and hardware:
        known = ", ".join(sorted({o.hardware for o in points if o.hardware})) or "unknown"
        raise UsageError(f"no point is on hardware with `{hardware}` in it; there is: {known}")
    return on_hardware, source


def class_menu(
    world: Scenario,
    klass: str,
    profiles: str = "",
    hardware: str = "",
    g_per_kwh: float | None = None,
) -> ClassMenu:
    """What a class can be answered with; `g_per_kwh` is the mean where the demand is by default."""
    chosen = class_of(world, klass)
    points, source = candidate_points(world, profiles, hardware)
    base = at_baseline(world, chosen.id)
    if g_per_kwh is not None:
        base = replace(base, g_per_kwh=g_per_kwh)
    if profiles:
        usable = None
    else:
        allowed = chosen.points or tuple(o.id for o in world.points)
        usable = (*allowed, *(o.id for o in world.terms.menu))
    served = menu(replace(chosen, points=usable), points)
    priced = served.priced(base.usd_per_mwh, base.usd_per_gpu_h, base.pue)
    return ClassMenu(chosen, priced, base, source, g_per_kwh is not None)


def class_targets(world: Scenario, served: ClassMenu, cap_g: float) -> Targets:
    """The points to aim for where every request is to keep a cap of grams by itself."""
    people = population(world.users or Users(), 1.0)
    scale = default_scale(served.klass.latency_budget_ms, cap_g)
    return targets(served.menu, cap_g, people, scale, served.baseline.pue)


def targets_table(served: ClassMenu, goal: Targets) -> Table:
    """Steps of intensity and the point of each."""
    rows = rows_of(served.table())
    names = ("point", "variant", "accuracy", "service_ms", "energy_wh", "use")
    return {
        "from_g_per_kwh": goal.from_g_per_kwh,
        "to_g_per_kwh": goal.to_g_per_kwh,
        "from_utility": goal.from_utility,
        "to_utility": goal.to_utility,
        **table_of(({name: rows[point][name] for name in names} for point in goal.point), names),
    }


def menu_mapping(served: ClassMenu, goal: Targets | None) -> dict[str, Any]:
    """A menu for JSON, with the targets under a cap where there is one."""
    base = served.baseline
    mapping: dict[str, Any] = {
        "class": served.klass.id,
        "latency_to": str(served.klass.latency_to),
        "budget_ms": served.klass.latency_budget_ms,
        "points": served.source,
        "g_per_kwh": base.g_per_kwh,
        "intensity": "stated" if served.stated else base.intensity,
        "pue": base.pue,
        "usd_per_mwh": base.usd_per_mwh,
        "usd_per_gpu_h": base.usd_per_gpu_h,
        "menu": rows_of(served.table()),
    }
    if goal is not None:
        mapping |= {"cap_g": goal.cap_g, "targets": rows_of(targets_table(served, goal))}
    return mapping


def menu_listing(served: ClassMenu, *, every: bool) -> Listing:
    """The front from the most accurate on, and with `every` also the points that others beat."""
    rows = rows_of(served.table())
    rows.sort(key=lambda row: (not row["pareto"], -row["accuracy"], -row["energy_wh"]))
    known = [c for c in _MENU if any(row[c.name] == row[c.name] for row in rows)]
    shown = [row for row in rows if every or row["pareto"]]
    front = [Column("pareto", Kind.FLAG, head="front")] if every else []
    title = f"class {label_of(served.klass)}: what can answer a request"
    return Listing(title, (*known, *front), table_of(shown, rows[0] if rows else ()))


_MENU = (
    Column("point", Kind.TEXT),
    Column("accuracy", head="score"),
    Column("service_ms", head="ms"),
    Column("service_p95_ms", head="p95 ms", wide=True),
    Column("energy_wh", head="Wh"),
    Column("gpu_s", head="GPU-s", wide=True),
    Column("carbon_g", head="g"),
    Column("cost_usd_per_million", head="USD/M", wide=True),
    Column("use", Kind.TEXT),
)


def targets_listing(served: ClassMenu, goal: Targets, figure: str) -> Listing:
    """The target of each step of intensity; `figure` is the cap in words."""
    return Listing(
        f"class {label_of(served.klass)}: the target at most {figure} g per request",
        (
            Column("from_g_per_kwh", head="g/kWh"),
            Column("to_g_per_kwh", head="up to"),
            Column("point", Kind.TEXT),
            Column("accuracy", head="score"),
            Column("service_ms", head="ms"),
            Column("energy_wh", head="Wh", wide=True),
            Column("use", Kind.TEXT, wide=True),
            Column("from_utility", head="utility", wide=True),
            Column("to_utility", head="… to", wide=True),
        ),
        targets_table(served, goal),
    )


def latest_ms(served: ClassMenu) -> float:
    """The latency at which a request's utility is 0, ms."""
    return LATEST * served.klass.latency_budget_ms


def point_now(served: ClassMenu, goal: Targets) -> str:
    """The target at the menu's intensity, or why there is none."""
    try:
        return str(served.menu.ids[goal.at(served.baseline.g_per_kwh)])
    except InfeasibleError as none:
        return str(none)


def front_size(served: ClassMenu) -> tuple[int, int]:
    """Points that no other beats, and all points."""
    return int(np.count_nonzero(served.menu.pareto)), len(served.menu.ids)
