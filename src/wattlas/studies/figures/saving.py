"""What the plan saves against the baseline, for the terminal; the report has it at its top."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.model.table import Column, Kind, Listing
from wattlas.studies.registry import listing

if TYPE_CHECKING:
    from wattlas.studies.study import Study

QUANTITIES = {
    "energy_usd": "energy bill, USD",
    "egress_usd": "egress, USD",
    "on_demand_usd": "accelerators on demand, USD",
    "variable_usd": "variable cost, USD",
    "cost_usd": "all cost, USD",
    "carbon_kg": "carbon, kg",
    "it_mwh": "IT energy, MWh",
    "rtt_mean_ms": "mean round trip, ms",
}


@listing(order=10)
def saving(study: Study) -> Listing:
    """Totals of the baseline and the plan, and the share that is saved."""
    baseline, plan = study.baseline.totals, study.plan.totals
    before = [float(getattr(baseline, name)) for name in QUANTITIES]
    after = [float(getattr(plan, name)) for name in QUANTITIES]
    saved = [_saved(b, a) for b, a in zip(before, after, strict=True)]
    saved[list(QUANTITIES).index("rtt_mean_ms")] = ""
    return Listing(
        "What the plan saves",
        (
            Column("quantity", Kind.TEXT, head=""),
            Column("baseline", head=study.meta["baseline"]["label"]),
            Column("plan"),
            Column("saved", Kind.SHARE),
        ),
        {"quantity": list(QUANTITIES.values()), "baseline": before, "plan": after, "saved": saved},
    )


def _saved(before: float, after: float) -> float | str:
    """The share that is saved, in words where a percentage would mislead."""
    if before <= 0:
        return "" if before == after else "no share: not above zero"
    if after < 0:
        return "more than all"
    return f"× {after / before:,.0f}" if after > 2 * before else (before - after) / before
