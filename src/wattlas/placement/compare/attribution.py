"""What geography saves, what the tiers save, and what both save together.

All against the same service: everybody in full at the nearest region with capacity. Geography moves
requests and degrades none; the tiers degrade up to their caps and move none (carbon caps of the
plan aside, which hold where it places requests); both do both. What they
save together is not the sum: a request that moved to a clean grid has less to gain from a smaller
model, and a smaller model frees room where power is cheap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import InfeasibleError, UsageError
from wattlas.model.offer import full_service
from wattlas.model.plan import UNSERVED, Plan
from wattlas.model.scenario import Scenario
from wattlas.model.table import Table
from wattlas.placement.api import objective_measures, plan
from wattlas.placement.constraints.registry import links
from wattlas.placement.explain import conflict
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.unit_values import carbon, stated_cost
from wattlas.placement.window.blocks import blocks, over_blocks
from wattlas.placement.window.limits import limits_of, nearest_available, solve_limits
from wattlas.units import KG_PER_T

PARTS = ("baseline", "geography", "tiers", "both")


def split(scenario: Scenario, placed: Plan | None = None) -> Table:
    """Cost and carbon of the baseline and of each freedom, and what each saves.

    `placed` is the plan of full service, where it is known: what geography saves.
    Rows are `PARTS` and `interaction`, what both save beyond the sum of each. Raises UsageError
    where the scenario has no tiers, or frictions; InfeasibleError where full service without tiers,
    or even both, cannot be.
    """
    if not scenario.share_caps:
        raise UsageError("the scenario has no tiers: there is nothing to split")
    if scenario.waits:
        raise UsageError("requests may wait: the saving is split without `may_wait_h` only")
    if links(scenario):
        raise UsageError("frictions couple the hours: the saving is split without them only")
    whole = build_instance(scenario)
    stretches = blocks(scenario)
    still = list(over_blocks(whole, stretches, lambda part, _steps: _still(part)))
    clash = np.concatenate(
        [steps[part.clash] for part, steps in zip(still, stretches, strict=True)]
    )
    if len(clash):
        raise InfeasibleError(conflict.hour_words(_undegraded(whole), clash))
    base = np.sum([part.base for part in still], axis=0)
    tiers = np.sum([part.tiers for part in still], axis=0)
    return _table(
        {
            "baseline": base,
            "geography": _planned(full_service(scenario)) if placed is None else _spent(placed),
            "tiers": tiers,
            "both": _planned(scenario),
        }
    )


@dataclass(frozen=True)
class _Still:
    """(USD, kg) of a stretch of time in which nothing moves: in full, and degraded up to the caps.

    `clash` are its steps that have no placement.
    """

    base: np.ndarray
    tiers: np.ndarray
    clash: np.ndarray


def _still(instance: Instance) -> _Still:
    base = nearest_available(_undegraded(instance))
    if len(base.infeasible):
        none = np.full(2, np.nan)
        return _Still(none, none, base.infeasible)
    held = _held(instance, base)
    return _Still(_sums(instance, base), _sums(held, _solved(held)), base.infeasible)


def _undegraded(instance: Instance) -> Instance:
    """The same sources with every degraded place closed."""
    return replace(instance, allowed=instance.allowed & ~instance.degraded[:, None, :])


def _held(instance: Instance, base: Solution) -> Instance:
    """Each source cut into what the baseline serves in each region, which must stay there."""
    flows, outside = base.flows, len(instance.capacity)
    region = np.where(flows.region == UNSERVED, outside, flows.region)
    pairs, pair = np.unique(flows.source * (outside + 1) + region, return_inverse=True)
    source, place = np.divmod(pairs, outside + 1)
    demand = np.zeros((len(pairs), instance.demand.shape[1]))
    np.add.at(demand, (pair.ravel(), flows.hour), flows.value)
    here = np.arange(len(instance.capacity))[None, :] == place[:, None]
    shed = place == len(instance.capacity)
    held = instance.rows_of(source)
    return replace(
        held,
        scenario=replace(held.scenario, carbon_caps=()),
        demand=demand,
        allowed=instance.allowed[source] & here[:, :, None],
        unserved_usd=np.where(shed, instance.unserved_usd[source], np.nan),
        source_of=np.full_like(instance.source_of, -1),
    )


def _solved(instance: Instance) -> Solution | None:
    """The optimum of what may only be degraded; None where a cap cannot be met that way."""
    main, tie = objective_measures(instance)
    solution = solve_limits(instance, main, tie, limits_of(instance))
    return solution if solution.ok else None


def _sums(instance: Instance, solution: Solution | None) -> np.ndarray:
    """(USD, kg); nan where there is no such plan."""
    if solution is None:
        return np.full(2, np.nan)
    usd = float(stated_cost(instance).by_hour(instance, solution.flows).sum())
    tonnes = float(carbon(instance).by_hour(instance, solution.flows).sum())
    return np.array([usd, tonnes * KG_PER_T])


def _planned(scenario: Scenario) -> np.ndarray:
    """(USD, kg) of the plan; nan where geography alone cannot meet a cap."""
    summed = plan(scenario, keep_flows=False)
    if not summed.ok:
        if scenario.share_caps:
            raise InfeasibleError(summed.conflict)
        return np.full(2, np.nan)
    return _spent(summed)


def _spent(placed: Plan) -> np.ndarray:
    """(USD, kg) of a plan."""
    return np.array([placed.totals.variable_usd, placed.totals.carbon_kg])


def _table(rows: dict[str, np.ndarray]) -> Table:
    usd = np.array([rows[name][0] for name in PARTS])
    kg = np.array([rows[name][1] for name in PARTS])
    saved_usd, saved_kg = usd[0] - usd, kg[0] - kg
    return {
        "part": [*PARTS, "interaction"],
        "cost_usd": [*usd.tolist(), float("nan")],
        "carbon_kg": [*kg.tolist(), float("nan")],
        "saving_usd": [*saved_usd.tolist(), float(saved_usd[3] - saved_usd[1] - saved_usd[2])],
        "saving_kg": [*saved_kg.tolist(), float(saved_kg[3] - saved_kg[1] - saved_kg[2])],
    }
