"""The optimum of each hour by itself, as a rule."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wattlas.placement.compare.greedy import greedy
from wattlas.placement.compare.rules import Rule, by_rule
from wattlas.placement.hour.dispatch import solve_hours
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.problem.flows import join
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure


def hour_optimum(
    measure_of: Callable[[Instance], Measure], tie_of: Callable[[Instance], Measure] | None = None
) -> Rule:
    """The placement of each hour that makes a measure least; among equals, a second.

    An hour that has none, for want of capacity, is placed by the greedy rule, which leaves unserved
    what has no room.
    """

    def rule(part: Instance) -> Solution:
        measure = measure_of(part)
        solved = solve_hours(part, measure, None if tie_of is None else tie_of(part))
        if not len(solved.infeasible):
            return solved
        rest = greedy(part, measure).flows
        rest = rest.where(np.isin(rest.hour, solved.infeasible))
        return by_rule(part, join([solved.flows, rest]))

    return rule
