"""`study`: the whole of the main job on one scenario.

Where everything should run, what that saves, what latency is worth, which moves pay, and what each
limit costs; as tables that the report and the results folder share.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wattlas.errors import InfeasibleError
from wattlas.model.frontier import Frontier
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import Plan, Status
from wattlas.model.scenario import Scenario
from wattlas.model.table import Table
from wattlas.placement.api import plan as place
from wattlas.placement.compare.baselines import baseline, baselines
from wattlas.placement.frontier.frontier import feasible_axis, frontier, something_binds
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.solution.plan_totals import worth
from wattlas.placement.tables import metrics, views
from wattlas.placement.tables.metrics import flows_of
from wattlas.studies.meta import described, headline, limits, totals_dict
from wattlas.studies.offers import design_tiers
from wattlas.studies.tables import (
    POLICY_LABELS,
    Progress,
    abatement_table,
    breakeven_table,
    frontier_table,
    policies_table,
)
from wattlas.studies.tier_tables import shares_table, split_table, tier_tables

WEIGHTED_USD_PER_T = 100.0
"""Carbon price of the weighted frontier where the scenario has none of its own."""
SAMPLES = 16
TIER_GRID = 100
"""Discounts and shares that each class's offers are looked for among; refined as ever."""


@dataclass(frozen=True)
class Study:
    """What a study found: how it ended, the plan, the baseline, and every table by name."""

    meta: dict[str, Any]
    tables: dict[str, Table]
    plan: Plan
    home: Plan
    frontiers: tuple[Frontier, ...]

    @property
    def status(self) -> Status:
        """How the plan ended."""
        return self.plan.status


def study(scenario: Scenario, *, samples: int = SAMPLES, progress: Progress | None = None) -> Study:
    """Do the main job on a scenario. Raises InfeasibleError with the smallest conflict found.

    `samples` is the number of budgets of each frontier where capacity or mean accuracy may bind;
    where nothing does, every breakpoint is there. `progress` is called with what is being done
    and how much of it is.
    """
    began = time.perf_counter()
    tell = progress or (lambda _what, _share: None)
    tell("plan", 0.0)
    best = place(scenario)
    if not best.ok:
        raise InfeasibleError(best.conflict)
    instance = build_instance(scenario)
    tell("baselines", 0.0)
    policies = baselines(instance, flows=False)
    home = baseline(instance, _home(policies))
    carbon_best = worth(scenario, objective=Objective(minimise=Minimise.CARBON))
    frontiers = tuple(_frontiers(scenario, samples, tell))
    tables: dict[str, Table] = {
        "places": views.places(scenario),
        "policies": policies_table({"optimum": best, "carbon_optimum": carbon_best, **policies}),
        "flows": views.flow_sums(scenario, flows_of(best)),
        "home_flows": views.flow_sums(scenario, flows_of(home)),
        "hourly": views.hourly(best, home),
        "frontier": frontier_table(frontiers),
        "abatement": abatement_table(scenario, carbon_best, tell),
        "benefit": metrics.benefit(scenario, lambda share: tell("realised benefit", share)),
        "relocation": metrics.relocation(instance, best),
        "layers": metrics.layers(instance, best),
        "relocatable": metrics.relocatable(instance, best),
        "breakeven": breakeven_table(instance, best),
        "candidates": views.candidates(instance, best),
        "merit": views.merit(best),
        "duration": views.duration(best, home),
    }
    tables |= _tiers(scenario, best, tell)
    seconds = time.perf_counter() - began
    return Study(_meta(scenario, best, home, seconds), tables, best, home, frontiers)


def _tiers(scenario: Scenario, best: Plan, tell: Progress) -> dict[str, Table]:
    """The tables of tiers, where the scenario says who subscribes and what they pay."""
    if scenario.users is None:
        return {}
    placed = None if scenario.tiers else best
    found = design_tiers(
        scenario,
        placed=placed,
        size=TIER_GRID,
        progress=lambda what, share: tell(what, share),
    )
    tables = tier_tables(found)
    tell("geography and tiers together", 1.0)
    more = {
        "tier_shares": shares_table(found),
        "tier_split": None if scenario.frictions.couples else split_table(found),
    }
    return tables | {name: table for name, table in more.items() if table is not None}


def _home(policies: dict[str, Plan]) -> str:
    """The nearest place where that keeps every limit, else the nearest place with room."""
    kept = policies["nearest"].status is Status.HEURISTIC
    return "nearest" if kept else "nearest_available"


def _frontiers(scenario: Scenario, samples: int, tell: Progress) -> Iterator[Frontier]:
    price = scenario.objective.carbon_price_usd_per_t or WEIGHTED_USD_PER_T
    asked: list[tuple[str, str, int]] = [
        ("scale", "cost", samples),
        ("scale", "carbon", samples),
        ("scale", "weighted", max(samples // 2, 3)),
        ("added_ms", "cost", max(samples // 2, 3)),
        ("added_ms", "carbon", max(samples // 2, 3)),
    ]
    tightest = min((k for k in scenario.classes if k.relaxable), default=None, key=_budget)
    if tightest is not None:
        asked.append((f"class:{tightest.id}", "cost", max(samples // 2, 3)))
        asked.append((f"class:{tightest.id}", "carbon", max(samples // 2, 3)))
        asked.append(("soft", "cost", max(samples // 2, 3)))
    bound = something_binds(scenario)
    variants = dict.fromkeys(variant for variant, _, _ in asked)
    axes = {v: None if v == "soft" else feasible_axis(scenario, v) for v in variants}
    for n, (variant, objective, count) in enumerate(asked):
        tell("frontier", n / len(asked))
        if variant == "soft" or bound:
            limit: int | None = count
        else:
            limit = None
        yield frontier(
            scenario,
            variant,
            objective=objective,
            carbon_price_usd_per_t=price,
            samples=limit,
            axis=axes[variant],
        )


def _budget(klass: Any) -> float:
    return float(klass.latency_budget_ms)


def _meta(scenario: Scenario, best: Plan, home: Plan, seconds: float) -> dict[str, Any]:
    from datetime import UTC, datetime

    from wattlas import __version__

    return {
        "wattlas": __version__,
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        **described(scenario),
        "status": str(best.status),
        "solver": best.info.solver,
        "seconds": seconds,
        **{key: getattr(best.info, key) for key in ("programs", "rows", "columns", "gap")},
        "baseline": {"policy": home.policy, "label": POLICY_LABELS[home.policy]},
        "totals": {"plan": totals_dict(best.totals), "home": totals_dict(home.totals)},
        "headline": headline(best.totals, home.totals),
        "limits": limits(scenario),
    }
