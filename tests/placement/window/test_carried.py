"""What the hours before a window leave to it, limit by limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.placement.worlds import SMALL_LAST, two_weeks, world
from wattlas.model.objective import Objective, Window
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.window.carried import Carried
from wattlas.placement.window.limits import limits_of


@pytest.mark.parametrize("spare", [-1e9, -10.0, 25.0])
def test_only_the_window_that_had_begun_has_what_was_left(spare: float) -> None:
    """Of a cap by the day the first day's; less than nothing degraded is not asked for."""
    cap = replace(SMALL_LAST, window=Window.DAY)
    s = world(0, two_weeks(), share_caps=(cap, replace(SMALL_LAST, id="other")))
    s = replace(s, objective=Objective(carbon_cap_t=3.0))
    limits = limits_of(build_instance(s))
    carried = Carried(spare={cap.id: spare, "carbon": spare}).on(limits)
    asked = s.demand_per_h[:, 1].sum(axis=0) * s.hours.hours
    days = s.hours.utc.astype("datetime64[D]")
    first = float(asked[days == days[0]].sum())
    begun = [n for n, each in enumerate(limits) if each.id == cap.id and each.steps[0] == 0]
    assert len(begun) == 1
    assert len([each for each in limits if each.id == cap.id]) == 16
    for n, (mine, limit) in enumerate(zip(carried, limits, strict=True)):
        bound = limit.bound
        if n in begun:
            bound = max(spare, -cap.share_max * first)
        elif limit.id == "carbon":
            bound = 3.0 + spare
        assert mine.bound == pytest.approx(bound, rel=1e-12), limit.id
        np.testing.assert_array_equal(mine.steps, limit.steps)
    assert [each.bound for each in Carried().on(limits)] == [each.bound for each in limits]
