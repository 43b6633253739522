"""What geography saves, what the tiers save, and what both save together.

All against the same service: everybody in full at the nearest place with room. Geography moves
requests and degrades none; the tiers degrade as promised and move none; both do both. What they
save together is not the sum: a request that moved to a clean grid has less to gain from a smaller
model, and a smaller model frees room where power is cheap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import InfeasibleError, UsageError
from wattlas.model.offer import full_service
from wattlas.model.plan import UNSERVED
from wattlas.model.scenario import Scenario
from wattlas.model.table import Table
from wattlas.placement.api import objective_measures
from wattlas.placement.explain import conflict
from wattlas.placement.hour.solver import Solution, evaluate, solve_hours
from wattlas.placement.problem.blocks import blocks
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.unit_values import carbon, cost
from wattlas.placement.solution.plan_totals import at_once, worth
from wattlas.placement.window import limits as limited
from wattlas.placement.window.limits import nearest_available
from wattlas.units import KG_PER_T

PARTS = ("baseline", "geography", "tiers", "both")


def split(scenario: Scenario) -> Table:
    """Cost and carbon of the baseline and of each freedom, and what each saves.

    Rows are `PARTS` and `interaction`, what both save beyond the sum of each. Raises UsageError
    where the scenario has no tiers, or frictions; InfeasibleError where even both cannot be.
    """
    if not scenario.share_caps:
        raise UsageError("the scenario has no tiers: there is nothing to split")
    if scenario.frictions.couples:
        raise UsageError("frictions couple the hours: the saving is split without them only")
    stretches = blocks(scenario)
    still = list(at_once(lambda steps: _still(scenario.at_hours(steps)), stretches))
    clash = [steps[found.clash] for steps, found in zip(stretches, still, strict=True)]
    if any(map(len, clash)):
        hours = np.concatenate(clash)
        raise InfeasibleError(conflict.hour_words(build_instance(scenario), hours))
    base, tiers = (
        np.sum([getattr(one, name) for one in still], axis=0) for name in ("base", "tiers")
    )
    return _table(
        {
            "baseline": base,
            "geography": _planned(full_service(scenario)),
            "tiers": tiers,
            "both": _planned(scenario),
        }
    )


@dataclass(frozen=True)
class _Still:
    """(USD, kg) of a stretch of time in which nothing moves: in full, and degraded as promised.

    `clash` are its steps that have no placement.
    """

    base: np.ndarray
    tiers: np.ndarray
    clash: np.ndarray


def _still(scenario: Scenario) -> _Still:
    instance = build_instance(scenario)
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
    region = np.where(base.region == UNSERVED, len(instance.capacity), base.region)
    pairs, of = np.unique(base.source * (len(instance.capacity) + 1) + region, return_inverse=True)
    source, place = np.divmod(pairs, len(instance.capacity) + 1)
    demand = np.zeros((len(pairs), instance.demand.shape[1]))
    np.add.at(demand, (of.ravel(), base.hour), base.value)
    here = np.arange(len(instance.capacity))[None, :] == place[:, None]
    shed = place == len(instance.capacity)
    return replace(
        instance,
        klass=instance.klass[source],
        node=instance.node[source],
        demand=demand,
        allowed=instance.allowed[source] & here[:, :, None],
        energy_kwh=instance.energy_kwh[source],
        gpu_h=instance.gpu_h[source],
        accuracy=instance.accuracy[source],
        unserved_usd=np.where(shed, instance.unserved_usd[source], np.nan),
        source_of=np.full_like(instance.source_of, -1),
    )


def _solved(instance: Instance) -> Solution | None:
    """The optimum of what may only be degraded; None where a cap cannot be met that way."""
    main, tie = objective_measures(instance)
    if not limited.given(instance.scenario):
        return solve_hours(instance, main, tie)
    found = limited.solve(instance, main, tie, limited.limits(instance))
    return None if found.short or len(found.clashing) else found.solution


def _sums(instance: Instance, solution: Solution | None) -> np.ndarray:
    """(USD, kg); nan where there is no such plan."""
    if solution is None:
        return np.full(2, np.nan)
    usd = float(evaluate(instance, cost(instance), solution).sum())
    return np.array([usd, float(evaluate(instance, carbon(instance), solution).sum()) * KG_PER_T])


def _planned(scenario: Scenario) -> np.ndarray:
    """(USD, kg) of the plan; nan where geography alone cannot meet a cap."""
    found = worth(scenario)
    if not found.ok:
        if scenario.share_caps:
            raise InfeasibleError(found.conflict)
        return np.full(2, np.nan)
    return np.array([found.totals.cost_usd, found.totals.carbon_kg])


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
