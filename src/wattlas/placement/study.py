"""`study`: the whole of the main job on one scenario.

Where everything should run, what that saves, what latency is worth, which moves pay, and what each
limit costs; as tables that the report and the results folder share.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from wattlas.errors import InfeasibleError, UsageError
from wattlas.model.frontier import Frontier, Variant
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import Plan, Status, Totals
from wattlas.model.scenario import Scenario
from wattlas.placement import metrics, views
from wattlas.placement.api import plan as place
from wattlas.placement.baselines import baseline, baselines
from wattlas.placement.breakeven import breakeven_between
from wattlas.placement.frontier import feasible_axis, frontier, something_binds
from wattlas.placement.instance import Instance, build_instance
from wattlas.placement.metrics import Table, flows_of
from wattlas.placement.worth import Worth, worth

Progress = Callable[[str, float], None]

WEIGHTED_USD_PER_T = 100.0
"""Carbon price of the weighted frontier where the scenario has none of its own."""
CARBON_PRICES_USD_PER_T = (0.0, 10.0, 25.0, 50.0, 100.0, 200.0, 400.0, 1000.0)
MOVES_PER_CLASS = 3
SAMPLES = 16

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
        "policies": _policies({"optimum": best, "carbon_optimum": carbon_best, **policies}),
        "flows": views.flow_sums(scenario, flows_of(best)),
        "home_flows": views.flow_sums(scenario, flows_of(home)),
        "hourly": views.hourly(best, home),
        "frontier": _frontier_table(frontiers),
        "abatement": _abatement(scenario, carbon_best, tell),
        "benefit": metrics.benefit(scenario, lambda share: tell("realised benefit", share)),
        "relocation": metrics.relocation(instance, best),
        "layers": metrics.layers(instance, best),
        "relocatable": metrics.relocatable(instance, best),
        "breakeven": _breakeven_table(instance, best),
        "candidates": views.candidates(instance, best),
        "merit": views.merit(best),
        "duration": views.duration(best, home),
    }
    seconds = time.perf_counter() - began
    return Study(_meta(scenario, best, home, seconds), tables, best, home, frontiers)


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


def _frontier_table(frontiers: tuple[Frontier, ...]) -> Table:
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


def _policies(plans: dict[str, Plan | Worth]) -> Table:
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


def _abatement(scenario: Scenario, carbon_best: Worth, tell: Progress) -> Table:
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


def _breakeven_table(instance: Instance, best: Plan) -> Table:
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
    from wattlas.placement.feasibility import home_region

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


def described(scenario: Scenario) -> dict[str, Any]:
    """What a results folder says of the question: scenario, window, objective, sources."""
    i, k, r, o, t = scenario.shape
    utc = scenario.hours.utc
    return {
        "scenario": {
            "name": scenario.name,
            "title": scenario.title,
            "notice": scenario.notice,
            "source_path": scenario.source_path,
            "metros": i,
            "classes": k,
            "regions": r,
            "points": o,
            "nodes": len(scenario.nodes),
        },
        "window": {
            "start_utc": f"{utc[0]}Z",
            "end_utc": f"{utc[-1] + np.timedelta64(round(scenario.hours.step_h * 3600), 's')}Z",
            "hours": t,
            "hours_represented": float(scenario.hours.hours.sum()),
            "step_h": scenario.hours.step_h,
            "sample": sample_words(scenario),
        },
        "intensity": {
            "deciding": str(scenario.signals.deciding),
            "kind": scenario.signals.intensity_kind,
        },
        "objective": {key: _plain(v) for key, v in asdict(scenario.objective).items()},
        "provenance": [asdict(one) for one in scenario.provenance],
        "network": {"modelled_share": scenario.network.modelled_share},
    }


def totals_dict(totals: Totals) -> dict[str, float | None]:
    """Every field of the totals and what follows from them, by name."""
    derived = ("cost_usd", "movable_usd", "energy_usd_per_mwh", "carbon_g_per_kwh")
    return {**asdict(totals), **{name: getattr(totals, name) for name in derived}}


def headline(best: Totals, home: Totals) -> dict[str, float]:
    """What the plan saves against the baseline, absolute and as shares of what placement moves."""
    saved_usd, saved_kg = home.cost_usd - best.cost_usd, home.carbon_kg - best.carbon_kg
    saved_bill = home.energy_usd - best.energy_usd
    return {
        "saving_usd": saved_usd,
        "saving_share": saved_usd / home.movable_usd if home.movable_usd else 0.0,
        "saving_share_of_all": saved_usd / home.cost_usd if home.cost_usd else 0.0,
        "saving_energy_usd": saved_bill,
        "saving_energy_share": saved_bill / home.energy_usd if home.energy_usd else 0.0,
        "saving_kg": saved_kg,
        "saving_carbon_share": saved_kg / home.carbon_kg if home.carbon_kg else 0.0,
    }


def sample_words(scenario: Scenario) -> str | None:
    """How the steps stand for more than themselves, or None where they do not."""
    hours = scenario.hours
    if (hours.weight == 1.0).all():
        return None
    days = len(np.unique(hours.utc.astype("datetime64[D]")))
    return (
        f"{days} representative days ({hours.count} steps) stand for {hours.hours.sum():,.0f} hours"
    )


def limits(scenario: Scenario) -> list[str]:
    """What the numbers do not hold, in plain sentences."""
    said = []
    if scenario.signals.marginal_g_per_kwh is None:
        said.append(
            "Carbon intensity is the grid's average; marginal intensity is not in the data, so "
            "moving demand may save more or less than shown."
        )
    if scenario.network.modelled_share > 0:
        said.append(
            f"{scenario.network.modelled_share:.0%} of round-trip times come from a distance "
            "model, not a measurement."
        )
    rents = {r.rent_usd_per_gpu_h for r in scenario.regions}
    if len(rents) == 1:
        said.append(
            f"Accelerator rent is {rents.pop():g} USD/GPU-h in every region, so it decides between "
            "operating points but not between regions."
        )
    if not scenario.frictions.couples:
        said.append("Starting capacity and moving state cost nothing here.")
    said.append(
        "Frontiers, and the saving without each limit, leave the frictions or caps out where they "
        "say so; prices are what the signals give and nothing is added to them."
    )
    return said


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value
