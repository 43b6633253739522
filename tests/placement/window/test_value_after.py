"""What accelerators that are held when a window ends are worth to the next one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.acceptance.small_world import small_world
from wattlas.model.frictions import Frictions, Initial
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.unit_values import cost
from wattlas.placement.window.linked_program import Linked, solve_linked


@pytest.mark.parametrize(("worth", "last"), [(0.0, 0), (0.015, 0), (0.025, 1)])
def test_only_the_last_hour_is_worth_something_after_it(
    tmp_path: Path, worth: float, last: int
) -> None:
    """`b` costs 0.01 USD more a request, and 0.01 to start: it is taken in the last hour alone, and
    only where what is held there is worth more than both."""
    s = small_world(
        tmp_path,
        price={"a": [40.0] * 3, "b": [50.0] * 3},
        carbon={"a": [500.0] * 3, "b": [500.0] * 3},
        demand={"A": {"m": [10.0] * 3}},
        rtt_ms={"m": {"a": 10, "b": 20}},
        classes={"A": {}},
    )
    frictions = Frictions(start_usd_by_region={"b": 0.01}, initial=Initial.COLD)
    instance = build_instance(replace(s, frictions=frictions))
    linked = Linked(value_after=np.array([0.0, worth]))
    found = solve_linked(instance, cost(instance), np.arange(3), linked)
    order = np.argsort(found.flows.hour)
    assert found.flows.hour[order].tolist() == [0, 1, 2]
    assert found.flows.region[order].tolist() == [0, 0, last]
    assert found.flows.value[order] == pytest.approx([10.0] * 3)
