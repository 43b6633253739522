"""The tables of a study that put plans side by side: policies, frontiers, abatement, moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wattlas.errors import InfeasibleError, UsageError
from wattlas.model.frontier import Frontier, Variant
from wattlas.model.objective import Objective
from wattlas.model.plan import Plan, Status
from wattlas.model.scenario import Scenario
from wattlas.model.table import Table
from wattlas.placement.api import plan as place
from wattlas.placement.breakeven.breakeven import breakeven_between
from wattlas.placement.problem.feasibility import home_region
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.solution.plan_totals import Worth, worth
from wattlas.placement.tables import metrics

Progress = Callable[[str, float], None]

CARBON_PRICES_USD_PER_T = (0.0, 10.0, 25.0, 50.0, 100.0, 200.0, 400.0, 1000.0)
MOVES_PER_CLASS = 3
POLICY_LABELS = {
    "optimum": "optimum",
    "carbon_optimum": "least carbon",
    "nearest": "nearest place",
    "nearest_available": "nearest place with room",
    "uniform": "equal shares",
    "best_region_cost": "one region, cheapest",
    "best_region_carbon": "one region, cleanest",
    "greedy_cost": "greedy by cost",
    "greedy_carbon": "greedy by carbon",
}


def frontier_table(frontiers: tuple[Frontier, ...]) -> Table:
    rows: dict[str, list[Any]] = {name: [] for name in _FRONTIER_COLUMNS}
    for one in frontiers:
        count = len(one.x)
        usd, kg = one.returns()
        usd_per_mwh, g_per_kwh = one.returns_per_energy()
        name = f"class:{one.klass}" if one.variant is Variant.CLASS else str(one.variant)
        rows["variant"] += [name] * count
        rows["objective"] += [one.objective] * count
        rows["x"] += one.x.tolist()
        rows["x_unit"] += [one.x_unit] * count
        rows["cost_usd"] += one.cost_usd.tolist()
        rows["movable_usd"] += one.movable_usd.tolist()
        rows["carbon_kg"] += one.carbon_kg.tolist()
        rows["exact"] += [one.exact] * count
        rows["is_users_budget"] += [n == one.at(one.users_x) for n in range(count)]
        rows["dual_usd_per_ms"] += one.dual_per_ms.tolist()
        rows["return_usd_per_ms"] += usd.tolist()
        rows["return_kg_per_ms"] += kg.tolist()
        rows["return_usd_per_mwh_ms"] += usd_per_mwh.tolist()
        rows["return_g_per_kwh_ms"] += g_per_kwh.tolist()
    return rows


_FRONTIER_COLUMNS = (
    "variant objective x x_unit cost_usd movable_usd carbon_kg exact is_users_budget "
    "dual_usd_per_ms return_usd_per_ms return_kg_per_ms "
    "return_usd_per_mwh_ms return_g_per_kwh_ms"
).split()


def policies_table(plans: dict[str, Plan | Worth]) -> Table:
    rows: dict[str, list[Any]] = {}
    for name, one in plans.items():
        totals = one.totals
        row = {
            "policy": name,
            "label": POLICY_LABELS[name],
            "feasible": one.status in (Status.OPTIMAL, Status.LIMIT, Status.HEURISTIC),
            "reason": one.conflict,
            **{field: getattr(totals, field) for field in _POLICY_FIELDS},
            "late_share": totals.late_requests / totals.requests if totals.requests else 0.0,
        }
        for key, value in row.items():
            rows.setdefault(key, []).append(value)
    return rows


_POLICY_FIELDS = (
    "cost_usd movable_usd energy_usd egress_usd rent_usd carbon_kg carbon_average_kg it_mwh "
    "rtt_mean_ms"
).split()


def abatement_table(scenario: Scenario, carbon_best: Worth, tell: Progress) -> Table:
    """The Pareto set of money and carbon, by carbon prices and the least-carbon plan.

    Each row's abatement cost is the carbon price from which it is the cheapest; the last row's is
    the slope of the last segment.
    """
    points: list[tuple[float, float, float]] = []
    for n, price in enumerate(CARBON_PRICES_USD_PER_T):
        tell("abatement", n / len(CARBON_PRICES_USD_PER_T))
        one = worth(scenario, objective=Objective(carbon_price_usd_per_t=price))
        if one.ok:
            usd = one.totals.cost_usd - one.totals.carbon_price_usd
            points.append((one.totals.carbon_kg, usd, price))
    if carbon_best.ok:
        kg, usd = carbon_best.totals.carbon_kg, carbon_best.totals.cost_usd
        last_kg, last_usd, _ = points[-1]
        saved = (last_kg - kg) / 1e3
        slope = (usd - last_usd) / saved if saved > 1e-9 * last_kg / 1e3 else points[-1][2]
        points.append((kg, usd, slope))
    return {
        "carbon_kg": [p[0] for p in points],
        "cost_usd": [p[1] for p in points],
        "abatement_usd_per_t": [p[2] for p in points],
    }


def breakeven_table(instance: Instance, best: Plan) -> Table:
    """Break-evens of the moves that carry the most energy away from home, per class."""
    rows: dict[str, list[Any]] = {name: [] for name in _BREAKEVEN_COLUMNS}
    for klass, origin, target in _moves_of(instance, best):
        try:
            found = breakeven_between(instance.scenario, klass, origin, target)
        except UsageError:
            continue
        for one in found:
            rows["class"].append(klass)
            rows["from_region"].append(origin)
            rows["to_region"].append(target)
            rows["quantity"].append(str(one.quantity))
            rows["value"].append(one.value)
            rows["unit"].append(one.unit)
            rows["verdict"].append(str(one.verdict))
            rows["reason"].append(one.reason)
    return rows


_BREAKEVEN_COLUMNS = "class from_region to_region quantity value unit verdict reason".split()


def largest_moves(scenario: Scenario) -> list[tuple[str, str, str]]:
    """(class, from, to) of the moves that carry the most energy away from home in the plan."""
    best = place(scenario)
    if not best.ok:
        raise InfeasibleError(best.conflict)
    return _moves_of(build_instance(scenario), best)


def _moves_of(instance: Instance, best: Plan) -> list[tuple[str, str, str]]:
    scenario, regions = instance.scenario, len(instance.scenario.regions)
    home_of = home_region(scenario, instance.judged)
    totals = np.zeros((len(scenario.classes), regions * regions))
    for flows, energy in metrics.with_energy(best):
        home = home_of[flows.metro, flows.klass]
        on = flows.served & (home >= 0) & (flows.region != home)
        pair = (flows.klass[on].astype(np.int64) * regions + home[on]) * regions + flows.region[on]
        totals += np.bincount(pair, energy[on], totals.size).reshape(totals.shape)
    moves: list[tuple[str, str, str]] = []
    for klass, total in zip(scenario.classes, totals, strict=True):
        for at in np.argsort(-total, kind="stable")[:MOVES_PER_CLASS]:
            if total[at] > 0:
                origin, target = scenario.regions[at // regions], scenario.regions[at % regions]
                moves.append((klass.id, origin.id, target.id))
    return moves
