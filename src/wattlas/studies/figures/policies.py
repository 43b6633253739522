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
    "carbon_average_kg it_mwh rtt_mean_ms unserved_usd"
).split()


@table(
    "policies",
    "policy:text label:text feasible:flag reason:text? cost_usd? variable_usd? energy_usd? "
    "egress_usd? reserved_usd? on_demand_usd? carbon_kg? carbon_average_kg? it_mwh? rtt_mean_ms? "
    "unserved_usd? unserved_share? late_share? share_of_saving? share_of_carbon_saving?",
    busy=True,
)
def policies(findings: Findings) -> Table:
    """The plan, the least carbon and every simpler policy: totals, why one is infeasible, and what
    it keeps of the saving of the plan and of the least-carbon plan."""
    from wattlas.studies.kept_saving import keeps, kept_kg, kept_usd

    plans: dict[str, Plan] = {
        "optimum": findings.plan,
        "carbon_optimum": findings.carbon_optimum,
        **findings.policies,
    }
    rows = []
    for name, outcome in plans.items():
        totals = outcome.totals
        demanded = totals.requests + totals.unserved_requests
        rows.append(
            {
                "policy": name,
                "label": POLICY_LABELS[name],
                "feasible": keeps(outcome),
                "reason": outcome.conflict,
                **{total: getattr(totals, total) for total in _TOTALS},
                "unserved_share": totals.unserved_requests / demanded if demanded else 0.0,
                "late_share": totals.late_requests / totals.requests if totals.requests else 0.0,
                "share_of_saving": kept_usd(findings, name),
                "share_of_carbon_saving": kept_kg(findings, name),
            }
        )
    return table_of(rows)


@table("abatement", "carbon_kg cost_usd unserved_share abatement_usd_per_t", busy=True)
def abatement(findings: Findings) -> Table | None:
    """Money against carbon: the cheapest placements at some carbon prices, and the least carbon.

    Each row's abatement cost is the carbon price from which on it is the cheapest. None where
    nothing has a price.
    """
    if not findings.scenario.signals.priced:
        return None
    from wattlas.placement.frontier import abatement as curve

    def tell(share: float) -> None:
        findings.tell("abatement", share)

    return curve.abatement(findings.scenario, CARBON_PRICES_USD_PER_T, tell)


figure(
    __file__,
    order=70,
    question="What would simpler policies do?",
    needs=("policies",),
    missing="No policies were compared",
)
