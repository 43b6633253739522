"""Policies that operators use today, each with its claim checked.

Every policy is a rule without a program (but for the nearest place with room), returned as a Plan
whose status is `heuristic`, or `infeasible` with the reason and its flows where the rule breaks a
limit. Demand that may go unserved at a price does so where nothing else is left, or where a policy
that goes by cost finds nothing cheaper.

    nearest             the open place nearest to the service node, full or not
    nearest_available   the least mean round trip that capacity allows
    uniform             equal shares over the open regions
    best_region_cost    everything that may go there in one region, the rest at the nearest place
    best_region_carbon  the same, chosen by carbon
    greedy_cost         each source takes its cheapest place with room, cheapest first
    greedy_carbon       the same by carbon
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.placement.compare.claim import Claim, claim_of
from wattlas.placement.compare.greedy import greedy
from wattlas.placement.compare.rules import Rule, best_region, nearest, uniform
from wattlas.placement.constraints.registry import links
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import carbon_to_minimise, cost
from wattlas.placement.solution.concat import concat, plan_of
from wattlas.placement.window.blocks import at_once, over_blocks, weeks
from wattlas.placement.window.limits import in_full, nearest_available


def baselines(instance: Instance, *, flows: bool = True) -> dict[str, Plan]:
    """Every policy on the same instance, in full service, by name.

    Without `flows` they are dropped as soon as they are added up: a year of equal shares alone
    has tens of millions of them.
    """
    plans = at_once(lambda name: baseline(instance, name, flows=flows), POLICIES)
    return dict(zip(POLICIES, plans, strict=True))


def baseline(instance: Instance, name: str, *, flows: bool = True) -> Plan:
    """One policy by name, its flows kept or not; KeyError where there is none of that name."""
    instance = in_full(instance)
    rule = POLICIES[name](instance)

    def made(part: Instance, _steps: np.ndarray) -> tuple[Plan, Claim]:
        solution = rule(part)
        placed = plan_of(part, solution, flows=flows, policy=name, solver="rule")
        return placed, claim_of(part, solution)

    parts = list(over_blocks(instance, _stretches(instance.scenario), made))
    claim = Claim()
    for _, own in parts:
        claim = claim.plus(own)
    status, reason = claim.verdict(instance)
    plans = [placed for placed, _ in parts]
    whole = concat(instance.scenario, plans, sum(each.info.seconds for each in plans))
    info = replace(whole.info, solver="rule")
    return replace(whole, status=status, info=info, conflict=reason)


def _stretches(scenario: Scenario) -> list[np.ndarray]:
    """Weeks; all hours at once where something ties one hour to the one before."""
    if links(scenario):
        return [np.arange(scenario.hours.count)]
    return weeks(scenario.hours)


def _always(rule: Rule) -> Callable[[Instance], Rule]:
    """A rule that needs no look at all hours."""
    return lambda _whole: rule


POLICIES: dict[str, Callable[[Instance], Rule]] = {
    "nearest": _always(nearest),
    "nearest_available": _always(nearest_available),
    "uniform": _always(uniform),
    "best_region_cost": lambda whole: best_region(whole, cost),
    "best_region_carbon": lambda whole: best_region(whole, carbon_to_minimise),
    "greedy_cost": _always(lambda part: greedy(part, cost(part))),
    "greedy_carbon": _always(lambda part: greedy(part, carbon_to_minimise(part))),
}
