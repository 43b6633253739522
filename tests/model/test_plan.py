"""A plan as tables and arrays, and totals that add up."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given

import wattlas
from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import scenarios
from wattlas.errors import InfeasibleError
from wattlas.model.plan import UNSERVED, Flows, Plan, SolveInfo, Status, Totals
from wattlas.model.scenario import Scenario


def plan_of(scenario: Scenario) -> Plan:
    """Every demand in the first region at the first point, the last metro unserved."""
    i, k, t = np.nonzero(scenario.demand_per_h > 0)
    last = i == len(scenario.metros) - 1
    flows = Flows(
        hour=t,
        metro=i,
        klass=k,
        region=np.where(last, UNSERVED, 0),
        point=np.where(last, UNSERVED, 0),
        requests_per_h=scenario.demand_per_h[i, k, t],
    )
    return Plan(Status.HEURISTIC, scenario, SolveInfo("by hand"), flows)


@given(scenario=scenarios())
@examples(100)
def test_the_table_holds_all_demand(scenario: Scenario) -> None:
    """Requests in the table are those of the demand, the unserved under a name of their own."""
    table = plan_of(scenario).to_polars()
    assert table["requests_per_h"].sum() == pytest.approx(scenario.demand_per_h.sum())
    assert set(table["region"]) <= {"region-0", "unserved"}
    assert str(table.schema["time_utc"]) == "Datetime(time_unit='ms', time_zone='UTC')"


@given(scenario=scenarios())
@examples(100)
def test_the_array_holds_what_is_served(scenario: Scenario) -> None:
    """The dense array and the sum by region agree, the unserved in neither."""
    plan = plan_of(scenario)
    dense = plan.to_xarray()
    assert dense.shape == scenario.shape
    assert float(dense.sum()) == pytest.approx(scenario.demand_per_h[:-1].sum())
    by_region = dense.sum(["metro", "class", "point"]).to_numpy()
    assert by_region == pytest.approx(plan.requests_by_region)


@given(scenario=scenarios(max_hours=1))
@examples(100)
def test_a_plan_without_flows_says_why(scenario: Scenario) -> None:
    """Where there is no placement, its table is an error that carries the conflict."""
    none = replace(plan_of(scenario), flows=None, status=Status.INFEASIBLE, conflict="no room")
    assert not none.ok
    for status in Status:
        reached = status in (Status.OPTIMAL, Status.LIMIT)
        assert replace(none, status=status, objective=1.0).ok is reached
        assert not replace(none, status=status, objective=math.nan).ok
    assert np.isnan(none.requests_by_region).all()
    with pytest.raises(ValueError, match="infeasible: no room"):
        none.to_polars()
    with pytest.raises(ValueError, match="infeasible: no room"):
        none.to_xarray()


def test_an_infeasible_plan_has_no_totals() -> None:
    """Every total is nan, not zero, and so is what is computed from them; it can be raised."""
    s = shipped("tiny", set=["classes.A.latency_budget_ms=1"])
    none = wattlas.plan(s)
    assert none.status is Status.INFEASIBLE
    derived = ("cost_usd", "energy_usd_per_mwh", "carbon_g_per_kwh")
    names = [total.name for total in fields(Totals)] + list(derived)
    assert all(math.isnan(getattr(none.totals, name)) for name in names)
    with pytest.raises(InfeasibleError, match="class A") as raised:
        none.raise_if_infeasible()
    assert raised.value.conflict == none.conflict
    found = wattlas.plan(shipped("tiny"))
    assert found.raise_if_infeasible() is found


def test_totals_add_up() -> None:
    """Cost is the sum of its parts; the variable part leaves out what is reserved."""
    totals = Totals(
        it_mwh=2.0,
        energy_usd=100.0,
        reserved_usd=1000.0,
        egress_usd=1.0,
        friction_usd=2.0,
        unserved_usd=3.0,
        carbon_price_usd=4.0,
        carbon_kg=500.0,
    )
    assert totals.cost_usd == 1110.0
    assert totals.variable_usd == 110.0
    assert totals.energy_usd_per_mwh == 50.0
    assert totals.carbon_g_per_kwh == 250.0


def test_nothing_served_costs_nothing_per_mwh() -> None:
    """Means over no energy are zero, not an error."""
    assert (Totals().energy_usd_per_mwh, Totals().carbon_g_per_kwh) == (0.0, 0.0)
