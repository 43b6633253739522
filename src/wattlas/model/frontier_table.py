"""One frontier as a table, as JSON, and as a listing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wattlas.model.table import Column, Kind, Listing, Table

if TYPE_CHECKING:
    from wattlas.model.frontier import Frontier

ROWS_SHOWN = 24


def points_table(frontier: Frontier) -> Table:
    """Every point of a frontier, with what one more millisecond brings there.

    Budgets before the curve starts come first, with the share that goes unserved and nothing else.
    """
    usd, kg = frontier.returns_per_ms()
    usd_per_mwh, g_per_kwh = frontier.returns_per_energy()
    if str(frontier.variant) == "scale":  # per unit of the factor, which is no ms
        usd_per_mwh, g_per_kwh = usd, kg
    columns = {
        "value": frontier.value,
        "cost_usd": frontier.cost_usd,
        "variable_usd": frontier.variable_usd,
        "carbon_kg": frontier.carbon_kg,
        "it_mwh": frontier.it_mwh,
        "dual_per_ms": frontier.dual_per_ms,
        "return_usd_per_ms": usd,
        "return_kg_per_ms": kg,
        "return_usd_per_mwh_ms": usd_per_mwh,
        "return_g_per_kwh_ms": g_per_kwh,
    }
    unknown = np.full(len(frontier.before_x), np.nan)
    unserved = (frontier.before_unserved_share, frontier.unserved_share)
    return {
        "x": np.concatenate([frontier.before_x, frontier.x]),
        **{name: np.concatenate([unknown, column]) for name, column in columns.items()},
        "unserved_share": np.concatenate(unserved),
    }


def frontier_mapping(frontier: Frontier, variant: str) -> dict[str, Any]:
    """A frontier for JSON."""
    facts = ("objective", "value_unit", "exact", "users_x", "least_x", "gap", "info")
    return {
        "variant": variant,
        "x_unit": frontier.x_unit,
        **{name: getattr(frontier, name) for name in facts},
        "points": points_table(frontier),
    }


def users_mark(frontier: Frontier) -> str:
    """What stands beside the row that holds where the scenario is on the axis."""
    return "← baseline region" if str(frontier.variant) == "added_ms" else "← yours"


_LEAST = {"cost": "cost", "carbon": "carbon", "weighted": "cost with carbon at its price"}


def gap_words(frontier: Frontier) -> str:
    """How near the values are to the optimum, and a soft curve between the points that are told."""
    if str(frontier.variant) == "soft" and not frontier.exact:
        most = f"{frontier.gap:.0%} of its range"
        return f"between these points the curve may be lower, by {most} at most"
    return f"gap {frontier.gap:.1g}"


def frontier_listing(frontier: Frontier, variant: str) -> Listing:
    """A few points from the tightest budgets to the loosest, the user's own among them.

    The row of the user's own budget is the step that holds there, shown at that budget.
    """
    count, users = len(frontier.x), frontier.at(frontier.users_x)
    shown = np.unique(np.linspace(0, count - 1, ROWS_SHOWN).round().astype(int))
    if 0 <= users < count:
        shown = np.unique(np.append(shown, users))
    kind = "exact" if frontier.exact else "sampled"
    part = "" if len(shown) == count else f", {len(shown)} of {count} points shown"
    columns = [
        Column("x", head=frontier.x_unit, digits=4),
        Column("mark", Kind.TEXT, head=""),
        Column("cost_usd", digits=7),
        Column("carbon_kg", digits=7),
        Column("saved_usd"),
        Column("saved_kg"),
    ]
    reserved_usd = np.zeros(count)
    if frontier.objective == "weighted":
        reserved_usd = frontier.cost_usd - frontier.variable_usd  # beside the whole cost, so is it
        columns.insert(2, Column("value", head="cost with carbon, USD", digits=7))
    unserved = np.concatenate([frontier.before_unserved_share, frontier.unserved_share])
    if unserved.any():
        columns.append(Column("unserved_share", Kind.SHARE, head="unserved"))
    return Listing(
        f"{variant}, least {_LEAST[frontier.objective]} ({kind}{part}{_before_words(frontier)})",
        tuple(columns),
        {
            "x": np.where(shown == users, frontier.users_x, frontier.x[shown]),
            "mark": [users_mark(frontier) if n == users else "" for n in shown],
            "value": (frontier.value + reserved_usd)[shown],
            "cost_usd": frontier.cost_usd[shown],
            "carbon_kg": frontier.carbon_kg[shown],
            "saved_usd": frontier.cost_usd[0] - frontier.cost_usd[shown],
            "saved_kg": frontier.carbon_kg[0] - frontier.carbon_kg[shown],
            "unserved_share": frontier.unserved_share[shown],
        },
    )


def _before_words(frontier: Frontier) -> str:
    """How much goes unserved at the budgets before the curve starts; empty where there are none."""
    if not len(frontier.before_x):
        return ""
    most, least = frontier.before_unserved_share.max(), frontier.unserved_share[0]
    return (
        f"; {len(frontier.before_x)} tighter budgets leave up to {most:.1%} of all requests "
        f"unserved, these {least:.1%}"
    )
