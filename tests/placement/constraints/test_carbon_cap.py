"""Carbon caps by window: kept, at the least cost, whatever else binds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st

from tests import oracle
from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import scenarios
from wattlas.errors import InputError
from wattlas.model.contract import CarbonCap, Tier
from wattlas.model.objective import Minimise, Objective, Window
from wattlas.model.offer import full_service, offer, withdrawn
from wattlas.model.plan import Status
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.tables.service_costs import carbon_t


def capped(s: Scenario, part: float, window: Window = Window.DAY) -> Scenario | None:
    """The scenario with its days between the least carbon (0) and that of least cost (1)."""
    cheap, clean = (
        plan(s, objective=Objective(minimise=m)) for m in (Minimise.COST, Minimise.CARBON)
    )
    if not (cheap.ok and clean.ok):
        return None
    label = s.hours.utc.astype("datetime64[D]" if window is Window.DAY else "datetime64[M]")
    high, low = carbon_t(cheap), carbon_t(clean)
    names = sorted(set(label))
    tonnes = {
        str(name): float(low[label == name].sum() * (1 - part) + high[label == name].sum() * part)
        for name in names
    }
    return replace(s, objective=Objective(), carbon_caps=(CarbonCap("cap", tonnes, window),))


@given(scenarios(unserved=False, when_none=False), st.sampled_from([0.2, 0.6, 0.95]))
@examples(
    25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_the_plan_is_the_cheapest_that_keeps_each_day(s: Scenario, part: float) -> None:
    """Cost is that of an independent program, and no day emits more than its cap."""
    made = capped(s, part)
    assume(made is not None)
    assert made is not None
    found, by_oracle = plan(made), oracle.oracle_plan(made)
    assert found.ok
    assert found.totals.variable_usd == pytest.approx(by_oracle.objective, rel=1e-6, abs=1e-9)
    for report in found.limits:
        assert report.used <= report.limit * (1 + 1e-9) + 1e-12


def test_a_cap_out_of_reach_is_told_with_the_least_attainable() -> None:
    """Infeasible, in words, with the window and what could be had."""
    s = shipped("tiny")
    day = str(s.hours.utc[0])[:10]
    found = plan(replace(s, carbon_caps=(CarbonCap("mine", {day: 1e-6}, Window.DAY),)))
    assert found.status is Status.INFEASIBLE
    assert "mine over" in found.conflict
    assert "least attainable" in found.conflict


def test_a_day_that_is_not_named_has_no_cap_and_contracts_take_theirs_along() -> None:
    """Nothing binds elsewhere; withdrawing the tiers withdraws the cap, as full service does."""
    s = shipped("tiny")
    other = replace(s, carbon_caps=(CarbonCap("mine", {"1999-01-01": 0.0}, Window.DAY),))
    assert plan(other).totals.cost_usd == pytest.approx(plan(s).totals.cost_usd)
    of_tiers = CarbonCap("tiers", {"2023-06": 0.0}, contract="green")
    with_one = offer(s, [Tier("green", 0.1, 0.5, classes=(s.classes[0].id,))])
    with_one = replace(with_one, carbon_caps=(of_tiers,))
    assert withdrawn(with_one).carbon_caps == ()
    assert full_service(with_one).carbon_caps == ()


def test_wrong_caps_are_told() -> None:
    """Negative tonnes and a window of one hour."""
    with pytest.raises(InputError) as caught:
        CarbonCap("mine", {"2023-06": -1.0}, Window.HOUR)
    assert len(caught.value.problems) == 2
