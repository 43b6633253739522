"""Every solver × constraints × limits against the independent program, where there is a plan."""

from __future__ import annotations

from tests.feasible import feasible, needs_programs
from tests.oracle import oracle_plan, scale
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.explain.certificate import certify

REL = 1e-7
SLACK = 1e-9
"""What the independent program leaves a limit, roughly: limits that just hold may be worth millions
a tonne, so that this shows. The certificate has no such slack."""


def agreed(s: Scenario) -> tuple[Plan, float]:
    """The plan, of the optimum of the independent program, and a size to measure errors by."""
    found, judge = plan(s), oracle_plan(s)
    assert found.ok, found.conflict
    assert judge.status == "optimal"
    size = scale(s, judge)
    bought = SLACK * sum(report.price * abs(report.limit) for report in found.limits)
    assert found.objective >= judge.objective - REL * size
    assert found.objective <= judge.objective + REL * size + bought
    return found, size


@needs_programs(0.4, 50, feasible())
def test_solvers_constraints_limits(s: Scenario) -> Plan:
    """Capacity, mean accuracy, caps and tiers by each solver: the optimum, with its proof."""
    found, size = agreed(s)
    proof = certify(found)
    assert proof.gap * abs(proof.objective) <= 1e-6 * size
    return found


@needs_programs(0.9, 20, feasible(frictions=True, tiers=False))
def test_constraints_and_limits_under_frictions(s: Scenario) -> Plan:
    """The same beside starting capacity and moving state."""
    return agreed(s)[0]
