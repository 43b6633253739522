"""Every solver × constraints × limits against the independent program, where there is a plan."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings

from tests.feasible import count, counted, feasible
from tests.oracle import oracle_plan, scale
from wattlas.model.objective import Solver
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.constraints.registry import links
from wattlas.placement.explain.certificate import certify

REL = 1e-7


@pytest.mark.parametrize("frictions", [False, True])
def test_solvers_constraints_limits(frictions: bool) -> None:
    """Always a plan, of the optimum of the independent program; most draws need a program."""

    def agree(seen: Counter[str]) -> None:
        @given(feasible(frictions=frictions, tiers=not frictions))
        @settings(max_examples=20 if frictions else 80)
        def each(s: Scenario) -> None:
            found, judge = plan(s), oracle_plan(s)
            assert found.ok, found.conflict
            assert judge.status == "optimal"
            size = scale(s, judge)
            assert math.isclose(found.objective, judge.objective, rel_tol=REL, abs_tol=REL * size)
            if not links(s):
                proof = certify(found)
                assert proof.gap * abs(proof.objective) <= 1e-6 * size
            count(seen, found)

        each()
        if not frictions:
            assert all(seen[str(solver)] > 5 for solver in Solver)

    counted(agree, 0.6)
