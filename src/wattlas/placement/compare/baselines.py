"""Policies that operators use today, each with its claim checked.

A policy is a rule, returned as a Plan whose status is `heuristic`, or `infeasible` with the reason
and its flows where the rule breaks a limit. Demand that may go unserved at a price does so where
nothing else is left, or where a policy that goes by cost finds nothing cheaper.

    nearest             the open place nearest to the service node, full or not
    nearest_available   the least mean round trip that capacity allows
    uniform             equal shares over the open regions
    best_region_cost    everything that may go there in one region, the rest at the nearest place
    best_region_carbon  the same, chosen by carbon
    greedy_cost         each source takes its cheapest place with room, cheapest first
    greedy_carbon       the same by carbon
    static_cost         the best table of shares that is the same in every hour
    static_carbon       the same by carbon
    hourly_table_cost   the best table of shares for each UTC hour of the day
    hourly_table_carbon the same by carbon

The rules place in full service and answer no objective: its caps are what the optimum is held to.
The tables are what the optimum would be if it were fixed: they may degrade what tiers allow, and
keep the caps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np

from wattlas.model.plan import Plan, SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.placement.compare.claim import Claim, claim_of
from wattlas.placement.compare.fixed_shares import (
    FixedShares,
    GroupOf,
    always,
    by_utc_hour,
    fixed_shares,
)
from wattlas.placement.compare.greedy import greedy
from wattlas.placement.compare.rules import Rule, best_region, nearest, uniform
from wattlas.placement.constraints.registry import links
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure, carbon_to_minimise, cost
from wattlas.placement.solution.concat import concat, plan_of
from wattlas.placement.window.blocks import at_once, over_blocks, weeks
from wattlas.placement.window.limits import in_full, limits_of, nearest_available, with_baseline


@dataclass(frozen=True)
class PreparedPolicy:
    """A policy that has looked at all hours: its rule, who made it, why it cannot keep a limit.

    `tables` are the shares that the rule follows, where it follows any.
    """

    rule: Rule
    info: SolveInfo = field(default_factory=lambda: SolveInfo(solver="rule"))
    reason: str = ""
    tables: FixedShares | None = None


@dataclass(frozen=True)
class BaselinePolicy:
    """How a policy is made; `plain` where it places in full service and answers no objective."""

    prepare: Callable[[Instance], PreparedPolicy]
    plain: bool = True
    by_cost: bool = False
    """Whether it asks for prices."""


def baselines(
    instance: Instance, *, flows: bool = True, known: Mapping[str, Plan] | None = None
) -> dict[str, Plan]:
    """Every policy on the same instance, by name; those that go by cost where there are prices.

    Without `flows` they are dropped as soon as they are added up: a year of equal shares alone
    has tens of millions of them. What is `known` already is not placed again.
    """
    plans = dict(known or {})
    names = policy_names(instance.scenario)
    missing = [name for name in names if name not in plans]
    placed = at_once(lambda name: baseline(instance, name, flows=flows), missing)
    plans.update(zip(missing, placed, strict=True))
    return {name: plans[name] for name in names}


def policy_names(scenario: Scenario) -> list[str]:
    """Every policy that a scenario has: those that go by cost where there are prices."""
    return [n for n, p in POLICIES.items() if scenario.signals.priced or not p.by_cost]


def baseline(instance: Instance, name: str, *, flows: bool = True) -> Plan:
    """One policy by name, its flows kept or not; KeyError where there is none of that name."""
    return baseline_and_tables(instance, name, flows=flows)[0]


def baseline_and_tables(
    instance: Instance, name: str, *, flows: bool = True
) -> tuple[Plan, FixedShares | None]:
    """As `baseline`, with the tables of shares that the policy follows; None where it has none."""
    policy = POLICIES[name]
    instance = in_full(instance) if policy.plain else with_baseline(instance)
    limits = limits_of(_without_objective(instance) if policy.plain else instance)
    prepared = policy.prepare(instance)

    def made(part: Instance, steps: np.ndarray) -> tuple[Plan, Claim]:
        solution = prepared.rule(part)
        placed = plan_of(part, solution, flows=flows, policy=name, solver=prepared.info.solver)
        return placed, claim_of(part, solution, instance, limits, steps)

    parts = list(over_blocks(instance, _stretches(instance.scenario), made))
    claim = reduce(Claim.plus, (own for _, own in parts))
    status, reason = claim.verdict(instance, limits)
    plans = [placed for placed, _ in parts]
    whole = concat(instance.scenario, plans)
    conflict = "; ".join(filter(None, (prepared.reason, reason)))
    # Where no table fits there is no policy, whatever the flows of the last attempt keep.
    status = Status.INFEASIBLE if prepared.reason else status
    return replace(whole, status=status, info=prepared.info, conflict=conflict), prepared.tables


def baseline_policy(instance: Instance) -> Plan:
    """What a plan is compared with: everyone at the baseline region where that keeps every limit,
    else overflowing to the nearest with capacity.
    """
    return tried_baselines(instance)[-1]


def tried_baselines(instance: Instance) -> list[Plan]:
    """The policies that are tried for it, in order; the last one has its flows."""
    nearest = baseline(instance, BASELINES[0])
    if nearest.status is Status.HEURISTIC:
        return [nearest]
    return [replace(nearest, flows=None), baseline(instance, BASELINES[1])]


def _without_objective(instance: Instance) -> Instance:
    plain = instance.scenario.plain_objective
    return replace(instance, scenario=replace(instance.scenario, objective=plain))


def _stretches(scenario: Scenario) -> list[np.ndarray]:
    """Weeks; all hours at once where something ties one hour to the one before."""
    if links(scenario):
        return [np.arange(scenario.hours.count)]
    return weeks(scenario.hours)


def _always(rule: Rule) -> BaselinePolicy:
    """A rule that needs no look at all hours."""
    return BaselinePolicy(lambda _whole: PreparedPolicy(rule))


def _one_region(measure_of: Callable[[Instance], Measure]) -> BaselinePolicy:
    return BaselinePolicy(
        lambda whole: PreparedPolicy(best_region(whole, measure_of)), by_cost=measure_of is cost
    )


def _table(measure_of: Callable[[Instance], Measure], group_of: GroupOf) -> BaselinePolicy:
    """Fixed tables of shares for groups of hours."""

    def prepare(whole: Instance) -> PreparedPolicy:
        tables = fixed_shares(whole, measure_of, group_of)
        return PreparedPolicy(tables.place, tables.info, tables.reason, tables)

    return BaselinePolicy(prepare, plain=False, by_cost=measure_of is cost)


BASELINES = ("nearest", "nearest_available")
"""Policies of which one is what a plan is compared with."""
POLICIES: dict[str, BaselinePolicy] = {
    "nearest": _always(nearest),
    "nearest_available": _always(nearest_available),
    "uniform": _always(uniform),
    "best_region_cost": _one_region(cost),
    "best_region_carbon": _one_region(carbon_to_minimise),
    "greedy_cost": replace(_always(lambda part: greedy(part, cost(part))), by_cost=True),
    "greedy_carbon": _always(lambda part: greedy(part, carbon_to_minimise(part))),
    "static_cost": _table(cost, always),
    "static_carbon": _table(carbon_to_minimise, always),
    "hourly_table_cost": _table(cost, by_utc_hour),
    "hourly_table_carbon": _table(carbon_to_minimise, by_utc_hour),
}
