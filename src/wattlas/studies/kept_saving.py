"""How much of the optimum's saving a simpler policy keeps, in the same kind of cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.model.objective import Minimise
from wattlas.model.plan import Plan, Status, Totals
from wattlas.placement.constraints.objective_cap import given_cap

if TYPE_CHECKING:
    from wattlas.studies.findings import Findings

NOTHING = 1e-9
"""A saving below this share of what the baseline pays or emits is none."""
HELD_TO_CAPS = ("optimum", "static_cost", "static_carbon", "hourly_table_cost",
                "hourly_table_carbon")  # fmt: skip
"""Policies that keep the cap of the objective; the others answer none."""


def keeps(placed: Plan) -> bool:
    """Whether a policy keeps every limit."""
    return placed.status in (Status.OPTIMAL, Status.LIMIT, Status.HEURISTIC)


def kept_usd(findings: Findings, name: str) -> float | None:
    """Share of the plan's saving of variable cost that a policy keeps, both against the baseline.

    None where the plan saves nothing or was not made for cost, and for a policy that breaks a limit
    or is not held to the cap that the plan is held to.
    """
    goal = findings.scenario.objective
    if goal.minimise is not Minimise.COST:  # prices may be unknown
        return None
    placed = findings.policy(name)
    free = name in HELD_TO_CAPS or given_cap(goal) is None
    if not keeps(placed) or not free:
        return None
    base, best = findings.baseline.totals, findings.plan.totals
    return _share(base.variable_usd, placed.totals.variable_usd, best.variable_usd)


def kept_kg(findings: Findings, name: str) -> float | None:
    """Share of the least-carbon plan's saving of carbon that a policy keeps.

    None where that saves nothing, for a policy that breaks a limit, and for one that serves less.
    """
    placed, cleanest = findings.policy(name), findings.carbon_optimum
    if not (keeps(placed) and keeps(cleanest)) or _serves_less(placed.totals, cleanest.totals):
        return None
    base, best = findings.baseline.totals, cleanest.totals
    return _share(base.carbon_kg, placed.totals.carbon_kg, best.carbon_kg)


def kept(findings: Findings, table: str) -> float | None:
    """Share of the plan's saving that fixed tables keep (`static`, `hourly_table`), in what is made
    least: money, or carbon where no cap makes the plan another than that of least carbon."""
    goal = findings.scenario.objective
    if goal.minimise is Minimise.COST:
        return kept_usd(findings, f"{table}_cost")
    return kept_kg(findings, f"{table}_carbon") if given_cap(goal) is None else None


def _serves_less(mine: Totals, other: Totals) -> bool:
    demanded = other.requests + other.unserved_requests
    return mine.unserved_requests > other.unserved_requests + NOTHING * demanded


def _share(base: float, mine: float, best: float) -> float | None:
    """(base − mine) / (base − best); None where the best saves nothing."""
    saving = base - best
    return (base - mine) / saving if saving > NOTHING * abs(base) else None
