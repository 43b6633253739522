"""What would simpler policies do? Policies side by side, and the price of less carbon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.model.table import table_of
from wattlas.studies.labels import POLICY_LABELS
from wattlas.studies.registry import figure, table

if TYPE_CHECKING:
    from wattlas.model.plan import Plan
    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings

CARBON_PRICES_USD_PER_T = (0.0, 10.0, 25.0, 50.0, 100.0, 200.0, 400.0, 1000.0)
_TOTALS = (
    "cost_usd variable_usd energy_usd egress_usd reserved_usd on_demand_usd carbon_kg "
    "carbon_average_kg it_mwh rtt_mean_ms"
).split()


@table(
    "policies",
    "policy:text label:text feasible:flag reason:text? cost_usd? variable_usd? energy_usd? "
    "egress_usd? reserved_usd? on_demand_usd? carbon_kg? carbon_average_kg? it_mwh? rtt_mean_ms? "
    "late_share?",
)
def policies(findings: Findings) -> Table:
    """The plan, the least carbon and every simpler policy: totals, and why one is infeasible."""
    from wattlas.model.plan import Status

    plans: dict[str, Plan] = {
        "optimum": findings.plan,
        "carbon_optimum": findings.carbon_optimum,
        **findings.policies,
    }
    rows = []
    for name, outcome in plans.items():
        totals = outcome.totals
        rows.append(
            {
                "policy": name,
                "label": POLICY_LABELS[name],
                "feasible": outcome.status in (Status.OPTIMAL, Status.LIMIT, Status.HEURISTIC),
                "reason": outcome.conflict,
                **{total: getattr(totals, total) for total in _TOTALS},
                "late_share": totals.late_requests / totals.requests if totals.requests else 0.0,
            }
        )
    return table_of(rows)


@table("abatement", "carbon_kg cost_usd abatement_usd_per_t?")
def abatement(findings: Findings) -> Table:
    """The Pareto set of money and carbon, by carbon prices and the least-carbon plan.

    Each row's abatement cost is the carbon price from which it is the cheapest; the last row's is
    the slope of the last segment.
    """
    from wattlas.model.objective import Objective
    from wattlas.placement.api import plan

    points: list[tuple[float, float, float]] = []
    for n, price in enumerate(CARBON_PRICES_USD_PER_T):
        findings.tell("abatement", n / len(CARBON_PRICES_USD_PER_T))
        objective = Objective(carbon_price_usd_per_t=price)
        priced = plan(findings.scenario, objective=objective, keep_flows=False)
        if priced.ok:
            usd = priced.totals.cost_usd - priced.totals.carbon_price_usd
            points.append((priced.totals.carbon_kg, usd, price))
    cleanest = findings.carbon_optimum
    if cleanest.ok:
        kg, usd = cleanest.totals.carbon_kg, cleanest.totals.cost_usd
        last_kg, last_usd, _ = points[-1]
        saved_t = (last_kg - kg) / 1e3
        slope = (usd - last_usd) / saved_t if saved_t > 1e-9 * last_kg / 1e3 else points[-1][2]
        points.append((kg, usd, slope))
    return {
        "carbon_kg": [kg for kg, _, _ in points],
        "cost_usd": [usd for _, usd, _ in points],
        "abatement_usd_per_t": [price for _, _, price in points],
    }


figure(
    __file__,
    order=70,
    question="What would simpler policies do?",
    needs=("policies",),
    missing="No policies were compared",
)
