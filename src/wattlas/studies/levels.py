"""Performance targets of a zone's clients: which accuracy and latency its hours leave under a cap.

`tiers.targets` says which point of the menu to aim for at which intensity, where every request is
to keep the cap by itself. Here the hours of a zone are counted that fall on each of its steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wattlas.errors import InputError
from wattlas.model.scenario import Scenario
from wattlas.model.users import Users
from wattlas.studies.grams import Board
from wattlas.studies.shares import cap_problems
from wattlas.tiers.menu import menu
from wattlas.tiers.population import population
from wattlas.tiers.targets import targets
from wattlas.tiers.utility import default_scale


def levels(
    scenario: Scenario, klass: str, board: Board, zone: str, cap_g: float
) -> list[dict[str, Any]]:
    """Steps of intensity with their target, and the share of the zone's requests that each gets.

    Rows have `zone`, `cap_g`, `from_g_per_kwh`, `to_g_per_kwh` (None: no end), `point`, `accuracy`,
    `service_ms` (without network and queue) and `requests_share`, 0..1; `point`, `accuracy` and
    `service_ms` are None in the last, where nothing on the menu keeps the cap. At the baseline
    region, at the mean PUE of the baseline regions; users are the scenario's, else the default
    prior. Raises InputError for a cap that is not above 0.
    """
    problems = list(cap_problems(cap_g=cap_g))
    if problems:
        raise InputError(problems)
    chosen = next(client for client in scenario.classes if client.id == klass)
    clients = board.clients_in(zone)
    requests = np.stack([client.requests for client in clients])
    intensities = np.stack([board.g_per_kwh[client.baseline] for client in clients])
    pue = float(
        scenario.pue[[client.baseline for client in clients]]
        @ requests.sum(axis=1)
        / requests.sum()
    )
    people = population(scenario.users or Users(), 1.0)
    scale = default_scale(chosen.latency_budget_ms, max(cap_g, 1e-300))
    steps = targets(menu(chosen, scenario.points), cap_g, people, scale, pue)
    step = np.searchsorted(steps.to_g_per_kwh, intensities.ravel(), side="left")
    share = np.bincount(step, requests.ravel(), len(steps.point) + 1) / requests.sum()
    rows = [
        {
            "zone": zone,
            "cap_g": cap_g,
            "from_g_per_kwh": float(steps.from_g_per_kwh[n]),
            "to_g_per_kwh": _end(float(steps.to_g_per_kwh[n])),
            "point": steps.menu.ids[o],
            "accuracy": float(steps.menu.accuracy[o]),
            "service_ms": float(steps.menu.service_ms[o]),
            "requests_share": float(share[n]),
        }
        for n, o in enumerate(steps.point)
    ]
    last = float(steps.to_g_per_kwh[-1]) if len(rows) else 0.0
    nothing: dict[str, Any] = dict.fromkeys(("to_g_per_kwh", "point", "accuracy", "service_ms"))
    beyond = {"zone": zone, "cap_g": cap_g, "from_g_per_kwh": last, **nothing}
    return [*rows, {**beyond, "requests_share": float(share[-1])}] if np.isfinite(last) else rows


def _end(g_per_kwh: float) -> float | None:
    return g_per_kwh if np.isfinite(g_per_kwh) else None
