"""What is latency worth? The energy–latency frontier of every variant and objective."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wattlas.model.table import Column, Kind, Listing
from wattlas.studies.registry import figure, listing, table

if TYPE_CHECKING:
    from wattlas.model.frontier import Frontier
    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings
    from wattlas.studies.study import Study

SHOWN = 7
"""Budgets that the terminal shows beside the user's own."""


@table(
    "frontier",
    "variant:text objective:text x x_unit:text value? value_unit:text cost_usd? variable_usd? "
    "carbon_kg? unserved_share exact:flag users_x? is_users_budget:flag dual_usd_per_ms? "
    "dual_kg_per_ms? return_usd_per_ms? return_kg_per_ms? return_usd_per_mwh_ms? "
    "return_g_per_kwh_ms?",
    busy=True,
)
def frontier(findings: Findings) -> Table:
    """Every point of every frontier, with what one more millisecond brings there."""
    columns: dict[str, list[Any]] = {}
    for traced in findings.frontiers:
        for name, values in _points(traced).items():
            columns.setdefault(name, []).extend(values)
    return columns


def _points(traced: Frontier) -> dict[str, list[Any]]:
    import numpy as np

    from wattlas.model.frontier_table import points_table
    from wattlas.units import KG_PER_T

    points = {name: np.asarray(column) for name, column in points_table(traced).items()}
    count = len(points["x"])
    holds = traced.at(traced.users_x)
    users = len(traced.before_x) + holds if holds >= 0 else None
    carbon = traced.objective == "carbon"
    dual, unknown = points["dual_per_ms"], np.full(count, np.nan)
    variant = str(traced.variant)
    values = (
        "x value cost_usd variable_usd carbon_kg unserved_share return_usd_per_ms return_kg_per_ms "
        "return_usd_per_mwh_ms return_g_per_kwh_ms"
    ).split()
    return {
        "variant": [f"class:{traced.klass}" if variant == "class" else variant] * count,
        "objective": [traced.objective] * count,
        "x_unit": [traced.x_unit] * count,
        "value_unit": [traced.value_unit] * count,
        "exact": [traced.exact] * count,
        "users_x": [traced.users_x] * count,
        "is_users_budget": [n == users for n in range(count)],
        "dual_usd_per_ms": (unknown if carbon else dual).tolist(),
        "dual_kg_per_ms": (dual * KG_PER_T if carbon else unknown).tolist(),
        **{name: points[name].tolist() for name in values},
    }


figure(
    __file__,
    order=10,
    question="What is latency worth?",
    needs=("frontier",),
    missing="The energy–latency frontier was not computed",
)


@listing(order=30)
def latency(study: Study) -> Listing | None:
    """A few budgets of the frontier and what each further one saves."""
    import numpy as np

    scaled = {f.objective: f for f in study.frontiers if str(f.variant) == "scale"}
    # With a price of carbon the plan makes least what the weighted curve does.
    priced = float((study.meta.get("objective") or {}).get("carbon_price_usd_per_t") or 0.0) > 0
    cost, carbon = scaled.get("weighted" if priced else "cost"), scaled.get("carbon")
    if cost is None or carbon is None or not len(cost.x):
        return None
    users = cost.at(cost.users_x)
    shown = np.linspace(0, len(cost.x) - 1, SHOWN).round().astype(int)
    shown = np.unique(np.append(shown, max(users, 0)))
    cleanest = np.array([carbon.at(x) for x in cost.x[shown]])
    saved_kg = carbon.carbon_kg[0] - carbon.carbon_kg[np.maximum(cleanest, 0)]
    return Listing(
        "What latency is worth, against the tightest budgets of each curve",
        (
            Column("factor", head="latency budgets ×"),
            Column("mark", Kind.TEXT, head=""),
            Column("saved_usd", head=f"saved at least cost{' with carbon' * priced}, USD"),
            Column("saved_kg", head="saved at least carbon, kg"),
        ),
        {
            "factor": np.where(shown == users, cost.users_x, cost.x[shown]),
            "mark": ["yours" if n == users else "" for n in shown],
            "saved_usd": cost.value[0] - cost.value[shown],
            "saved_kg": np.where(cleanest >= 0, saved_kg, np.nan),
        },
    )
