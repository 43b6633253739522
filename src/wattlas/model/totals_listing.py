"""What a placement comes to, as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.model.shown import listing_html, sentences_html
from wattlas.model.table import Column, Kind, Listing

if TYPE_CHECKING:
    from wattlas.model.plan import Plan, Totals

_TOTALS = {
    "cost_usd": "cost, USD",
    "energy_usd": "  energy",
    "reserved_usd": "  reserved accelerators",
    "on_demand_usd": "  accelerators on demand",
    "egress_usd": "  egress",
    "friction_usd": "  start-ups and state transfers",
    "unserved_usd": "  unserved demand",
    "carbon_price_usd": "  carbon at its price",
    "carbon_kg": "carbon, kg",
    "it_mwh": "IT energy, MWh",
    "requests": "requests served",
    "unserved_requests": "requests unserved",
    "late_requests": "requests late",
    "rtt_mean_ms": "mean round trip, ms",
}


def totals_listing(totals: Totals) -> Listing:
    """Money, carbon, energy and requests over the window."""
    return Listing(
        "Totals over the window",
        (Column("quantity", Kind.TEXT, head=""), Column("value", digits=4)),
        {
            "quantity": list(_TOTALS.values()),
            "value": [float(getattr(totals, name)) for name in _TOTALS],
        },
    )


def plan_html(plan: Plan) -> str:
    """A plan in a notebook: how it ended, and its totals or why there are none."""
    scenario = plan.scenario
    head = f"{scenario.title or scenario.name}: {plan.status}"
    told = sentences_html((head, scenario.notice, plan.conflict))
    return told + (listing_html(totals_listing(plan.totals)) if plan.ok else "")
