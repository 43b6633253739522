"""Caps by their multipliers: the dual is the slope of the optimum in the cap."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given

from tests.examples import examples
from tests.placement.worlds import SMALL_LAST, world
from tests.shipped import shipped
from tests.strategies import one_of, scenarios
from wattlas.errors import InputError
from wattlas.model.objective import Minimise, Objective, Window
from wattlas.model.plan import Plan, Status
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.placement.api import plan
from wattlas.placement.compare.baselines import baseline
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.solution.expanded import PerFlow

REL = 1e-7

RARE = [HealthCheck.too_slow, HealthCheck.filter_too_much]
"""For a test of what few scenarios show: most of those that are drawn are passed over."""


def ends(s: Scenario) -> tuple[Plan, Plan]:
    """The least-cost plan and the least-carbon one."""
    return (
        plan(s, objective=Objective()),
        plan(s, objective=Objective(minimise=Minimise.CARBON)),
    )


def capped(s: Scenario, cap_t: float, window: Window = Window.ALL) -> Plan:
    """Least cost under a carbon cap."""
    return plan(s, objective=Objective(carbon_cap_t=cap_t, window=window))


@given(scenarios(unserved=False), one_of(0.5, 0.1, 0.9))
@examples(15, suppress_health_check=RARE)
def test_the_dual_is_the_slope(s: Scenario, share: float) -> None:
    """V(L ± δ) lies above V(L) ∓ λδ, and on it where the slope is the same on both sides."""
    cheap, clean = ends(s)
    assume(cheap.ok)
    low, high = clean.totals.carbon_kg / 1e3, cheap.totals.carbon_kg / 1e3
    assume(high - low > 1e-6 * max(high, 1e-12))
    cap = low + share * (high - low)
    found = capped(s, cap)
    assert found.ok, found.conflict
    assert found.abatement_usd_per_t is not None
    assert found.totals.carbon_kg / 1e3 <= cap * (1 + 1e-9)
    dual, tight = float(found.abatement_usd_per_t[0]), REL * (abs(found.objective) + 1e-12)
    step = 1e-3 * (high - low)
    tight += REL * (abs(cheap.objective) + abs(clean.totals.cost_usd))
    below, above = capped(s, cap - step), capped(s, cap + step)
    assert below.objective >= found.objective + dual * step - tight
    assert above.objective >= found.objective - dual * step - tight
    left, right = below.objective - found.objective, found.objective - above.objective
    if abs(left - right) <= tight:
        assert dual * step == pytest.approx(left, abs=2 * tight)


@given(scenarios(unserved=False), one_of(0.5, 0.2))
@examples(15, suppress_health_check=RARE)
def test_one_cap_is_the_reverse_of_the_other(s: Scenario, share: float) -> None:
    """Least carbon under the cost that a carbon cap leads to comes back to that cap."""
    cheap, clean = ends(s)
    assume(cheap.ok)
    low, high = clean.totals.carbon_kg / 1e3, cheap.totals.carbon_kg / 1e3
    gap = clean.totals.cost_usd - cheap.totals.cost_usd
    assume(high - low > 1e-6 * max(high, 1e-12))
    assume(gap > 1e-6 * max(abs(clean.totals.cost_usd), abs(cheap.totals.cost_usd)))
    first = capped(s, low + share * (high - low))
    assert first.abatement_usd_per_t is not None
    assume(first.abatement_usd_per_t[0] > 1e-6 * gap / (high - low))
    usd = first.objective
    back = plan(s, objective=Objective(minimise=Minimise.CARBON, cost_cap_usd=usd))
    assert back.ok, back.conflict
    assert back.objective == pytest.approx(
        first.totals.carbon_kg / 1e3, rel=1e-6, abs=1e-6 * (high - low)
    )
    assert back.totals.variable_usd <= usd + REL * (abs(usd) + abs(gap))


@given(scenarios(unserved=False))
@examples(15)
def test_a_cap_that_cannot_be_met_names_what_can(s: Scenario) -> None:
    """Below the least attainable the plan is infeasible and names that figure; at it, it is not."""
    cheap, clean = ends(s)
    assume(clean.ok)
    least = clean.totals.carbon_kg / 1e3
    assume(least > 0)
    found = capped(s, 0.5 * least)
    assert found.status is Status.INFEASIBLE
    told = re.search(r"the least attainable is ([-+.\de]+) t", found.conflict)
    assert told is not None
    assert float(told[1]) == pytest.approx(least, rel=1e-5)
    assert capped(s, least * (1 + 1e-9)).ok
    assert cheap.ok


def test_windows_hold_one_by_one() -> None:
    """A daily cap holds in every day, and costs at least what one cap over all does."""
    s = shipped("tiny")
    day = replace(s, hours=replace(s.hours, offset=s.hours.offset + 12))
    cheap, clean = ends(day)
    limit = max(_daily_t(clean)) + 0.3 * (max(_daily_t(cheap)) - max(_daily_t(clean)))
    daily = capped(day, limit, Window.DAY)
    assert max(_daily_t(daily)) <= limit * (1 + 1e-9)
    assert daily.abatement_usd_per_t is not None
    assert len(daily.abatement_usd_per_t) == 2
    whole = capped(day, sum(_daily_t(daily)))
    assert whole.abatement_usd_per_t is not None
    assert len(whole.abatement_usd_per_t) == 1
    assert whole.objective <= daily.objective * (1 + 1e-9)


@pytest.mark.parametrize("short", [(0,), (1,), (0, 1)])
def test_each_window_that_is_out_of_reach_names_its_own_least(short: tuple[int, ...]) -> None:
    """Of two days that a degradation cap ties together the one whose least is above the cap is told
    with that least, or both are."""
    cap = replace(SMALL_LAST, share_max=1.0, window=Window.ALL)
    s = world(0, Hours.range("2023-06-01T12:00:00", 24), share_caps=(cap,))
    classes = tuple(replace(k, unserved_usd_per_request=None) for k in s.classes)
    demand = s.demand_per_h.copy()
    if short != (0, 1):
        demand[..., slice(12, 24) if short == (0,) else slice(0, 12)] *= 0.2
    s = replace(s.with_endless_capacity(), classes=classes, demand_per_h=demand)
    least = _daily_t(ends(s)[1])
    most = 0.9 * min(least[n] for n in short)
    assert [n for n in range(2) if least[n] > most] == list(short)
    found = capped(s, most, Window.DAY)
    told = re.findall(r"the least attainable is ([-+.\de]+) t", found.conflict)
    assert [float(t) for t in told] == pytest.approx([least[n] for n in short], rel=1e-5)
    assert "can be met by itself" not in found.conflict


def _daily_t(found: Plan) -> list[float]:
    """Tonnes of each of the two days."""
    assert found.flows is not None
    s = found.scenario
    late = s.hours.utc[found.flows.hour] >= np.datetime64("2023-06-02")
    kg = PerFlow(s)(found.flows)["carbon_kg"]
    return [float(kg[~late].sum()) / 1e3, float(kg[late].sum()) / 1e3]


def test_an_objective_has_one_cap() -> None:
    """Two caps, or a cap on what is minimised, cannot be asked for."""
    with pytest.raises(InputError, match="at most one cap"):
        Objective(carbon_cap_t=1.0, carbon_cap_share=0.5)
    with pytest.raises(InputError, match="minimised anyway"):
        Objective(cost_cap_usd=1.0)


def test_a_share_is_of_the_nearest_available() -> None:
    """A relative cap of one is what the nearest region with capacity emits."""
    s = shipped("tiny")
    base = baseline(build_instance(s), "nearest_available").totals.carbon_kg / 1e3
    relative = plan(s, objective=Objective(carbon_cap_share=0.8))
    assert relative.objective == pytest.approx(capped(s, 0.8 * base).objective, rel=1e-9)
