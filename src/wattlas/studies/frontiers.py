"""One frontier as a table, as JSON, and as a listing."""

from __future__ import annotations

from typing import Any

import numpy as np

from wattlas.model.frontier import Frontier
from wattlas.model.table import Column, Kind, Listing, Table

ROWS_SHOWN = 24


def points_table(frontier: Frontier) -> Table:
    """Every point of a frontier, with what one more millisecond brings there."""
    usd, kg = frontier.returns()
    usd_per_mwh, g_per_kwh = frontier.returns_per_energy()
    return {
        "x": frontier.x,
        "cost_usd": frontier.cost_usd,
        "carbon_kg": frontier.carbon_kg,
        "it_mwh": frontier.it_mwh,
        "dual_per_ms": frontier.dual_per_ms,
        "return_usd_per_ms": usd,
        "return_kg_per_ms": kg,
        "return_usd_per_mwh_ms": usd_per_mwh,
        "return_g_per_kwh_ms": g_per_kwh,
    }


def frontier_mapping(frontier: Frontier, variant: str) -> dict[str, Any]:
    """A frontier for JSON."""
    facts = ("objective", "exact", "users_x", "least_x", "gap", "info")
    return {
        "variant": variant,
        "x_unit": frontier.x_unit,
        **{name: getattr(frontier, name) for name in facts},
        "points": points_table(frontier),
    }


def frontier_listing(frontier: Frontier, variant: str) -> Listing:
    """A few points from the tightest budgets to the loosest, the user's own among them."""
    count, users = len(frontier.x), frontier.at(frontier.users_x)
    shown = np.unique(np.linspace(0, count - 1, ROWS_SHOWN).round().astype(int))
    if 0 <= users < count:
        shown = np.unique(np.append(shown, users))
    kind = "exact" if frontier.exact else "sampled"
    part = "" if len(shown) == count else f", {len(shown)} of {count} points shown"
    return Listing(
        f"{variant}, least {frontier.objective} ({kind}{part})",
        (
            Column("x", head=frontier.x_unit, digits=4),
            Column("mark", Kind.TEXT, head=""),
            Column("cost_usd", digits=7),
            Column("carbon_kg", digits=7),
            Column("saved_usd"),
            Column("saved_kg"),
        ),
        {
            "x": frontier.x[shown],
            "mark": ["← yours" if n == users else "" for n in shown],
            "cost_usd": frontier.cost_usd[shown],
            "carbon_kg": frontier.carbon_kg[shown],
            "saved_usd": frontier.cost_usd[0] - frontier.cost_usd[shown],
            "saved_kg": frontier.carbon_kg[0] - frontier.carbon_kg[shown],
        },
    )
