"""Fixed tables of shares against a whole program in GLPK, against arithmetic, and in order."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wattlas
from tests import oracle
from tests.acceptance.small_world import small_world
from tests.examples import examples
from tests.feasible import feasible
from tests.golden.solve_worlds import uneven, with_class
from tests.oracle import oracle_plan
from tests.shipped import shipped
from tests.strategies import objectives, one_of, scenarios
from tests.toys import DailyReach, FirstPoint, TwoRegions, rows_of, with_toys
from wattlas.model.contract import ShareCap
from wattlas.model.objective import Minimise, Objective, Window
from wattlas.model.plan import Plan, Status
from wattlas.model.scenario import Scenario
from wattlas.model.workload import State
from wattlas.placement.compare.baselines import baseline
from wattlas.placement.constraints.base import Constraint
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.solution.expanded import PerFlow

REL = 1e-7
WORLDS = st.one_of(
    feasible(solver=False),
    scenarios(objectives=st.one_of(objectives(), objectives(caps=True))),
)
"""With capacity that binds, caps, tiers, mean accuracies, and unserved demand at a price."""


def policy(s: Scenario, by_hour: bool) -> Plan:
    """The best table by the scenario's own objective."""
    kind = "cost" if s.objective.minimise is Minimise.COST else "carbon"
    return baseline(build_instance(s), f"{'hourly_table' if by_hour else 'static'}_{kind}")


def tied(s: Scenario, by_hour: bool) -> Callable[..., None]:
    """Rows for the independent program: shares are the same in all hours that share a table."""
    places, _ = oracle.open_places(s)

    def table_of(i: int, k: int, t: int) -> tuple[Any, ...]:
        apart = s.classes[k].state is State.STICKY and s.frictions.move_state
        who = i if apart else oracle.node_of(s, i)
        clock = str(s.hours.utc[t])[11:13] if by_hour else ""
        return k, who, tuple(places[i, k]), clock

    def extra(lp: Any, _s: Scenario, columns: list[tuple[int, ...]]) -> None:
        first: dict[Any, Any] = {}
        for i, k, r, o, t in columns:
            key = (*table_of(i, k, t), r, o)
            lead = first.setdefault(key, (i, k, r, o, t))
            if lead != (i, k, r, o, t):
                terms = {("x", i, k, r, o, t): 1.0, ("x", *lead): -1.0}
                lp.row(("tied", i, k, r, o, t), terms, 0.0, 0.0)

    return extra


def size(found: Plan) -> float:
    """Sum of the absolute parts of the objective."""
    assert found.flows is not None
    each = PerFlow(found.scenario)(found.flows)
    if found.scenario.objective.minimise is Minimise.CARBON:
        shed = oracle.shed_t(found.scenario) * found.totals.unserved_requests
        return float(np.abs(each["carbon_kg"]).sum()) / 1e3 + shed
    t = found.totals
    fixed = abs(t.variable_usd - t.energy_usd)
    return float(np.abs(each["energy_usd"]).sum()) + fixed


def objective(found: Plan) -> float:
    """USD, or tonnes with the weight of unserved demand; frictions aside."""
    t = found.totals
    if found.scenario.objective.minimise is Minimise.COST:
        return t.variable_usd - t.friction_usd
    return t.carbon_kg / 1e3 + oracle.shed_t(found.scenario) * t.unserved_requests


def judged(s: Scenario, found: Plan, extra: Any) -> None:
    """The table is what the whole program says, or there is none and it says why."""
    judge = oracle_plan(s, extra=extra, with_frictions=False)
    if judge.status == "infeasible":
        assert found.status is Status.INFEASIBLE
        assert found.conflict
        return
    assert judge.status == "optimal"
    assert found.status is Status.HEURISTIC, found.conflict
    least = judge.objective
    if s.objective.minimise is Minimise.CARBON:  # in tonnes alone: the weight is put back
        gone = sum(v * s.hours.hours[c[4]] for c, v in judge.flows.items() if c[2] < 0)
        least += oracle.shed_t(s) * float(gone)
    assert abs(objective(found) - least) <= REL * max(size(found), 1e-300)


@given(WORLDS, st.booleans(), st.booleans())
@examples(50)
def test_it_is_the_whole_program(s: Scenario, by_hour: bool, two_days: bool) -> None:
    """As good as the program that holds every row of every hour at once, caps and tiers kept."""
    if two_days:
        day = round(24 / s.hours.step_h)
        offset = np.array([0, 1, day, day + 1])[: s.hours.count]
        s = replace(s, hours=replace(s.hours, offset=offset))
    judged(s, policy(s, by_hour), tied(s, by_hour))


@given(
    scenarios(unserved=False, accuracy_minima=False, when_none=False),
    one_of(TwoRegions(0.6), FirstPoint(0.3), DailyReach(200.0), DailyReach(2000.0)),
    st.booleans(),
)
@examples(40)
def test_it_obeys_a_constraint_that_a_test_registers(
    s: Scenario, toy: Constraint, by_hour: bool
) -> None:
    """Rows and limits of the registry, whichever there are, and not those of the product alone."""

    def extra(lp: Any, s: Scenario, columns: list[tuple[int, ...]]) -> None:
        rows_of(toy)(lp, s, columns)
        tied(s, by_hour)(lp, s, columns)

    with with_toys(toy):
        judged(s, policy(s, by_hour), extra)


@given(feasible(tiers=False, solver=False))
@examples(40)
def test_the_freer_is_never_worse(s: Scenario) -> None:
    """Optimum ≤ a table for each hour of the day ≤ one table, wherever they keep every limit."""
    best = wattlas.plan(s)
    by_hour, fixed = policy(s, by_hour=True), policy(s, by_hour=False)
    room = REL * max(map(size, (best, by_hour, fixed)))
    if by_hour.status is Status.HEURISTIC:
        assert objective(best) <= objective(by_hour) + room
    if fixed.status is Status.HEURISTIC:
        assert by_hour.status is Status.HEURISTIC
        assert objective(by_hour) <= objective(fixed) + room


def changing(folder: Path, **classes: Any) -> Scenario:
    """Two hours: region a has room in the first only, b in the second only."""
    world = small_world(
        folder,
        price={"a": [40.0, 40.0], "b": [60.0, 60.0]},
        carbon={"a": [300.0, 300.0], "b": [100.0, 100.0]},
        demand={"A": {"m": [50.0, 50.0]}},
        rtt_ms={"m": {"a": 10, "b": 20}},
        classes={"A": classes},
    )
    return replace(world, reserved_gpu=np.array([[60.0, 20.0], [10.0, 60.0]]))


def test_where_no_table_fits_the_hour_and_the_region_are_named(tmp_path: Path) -> None:
    """a takes 2 of 5 at most and b 1 of 5: one table cannot; each hour by itself can."""
    world = changing(tmp_path)
    fixed = baseline(build_instance(world), "static_cost")
    assert fixed.status is Status.INFEASIBLE
    assert "no table of shares fits: at 2023-06-01T0" in fixed.conflict
    assert "over capacity in 1 of 2 regions, worst" in fixed.conflict
    by_hour = baseline(build_instance(world), "hourly_table_cost")
    assert by_hour.status is Status.HEURISTIC
    # By hand: all in a, then 20 in a and 30 in b, at 1 kWh each.
    assert by_hour.totals.variable_usd == pytest.approx((70 * 40 + 30 * 60) / 1e3)


def test_the_worst_hour_is_named_where_a_table_breaks_several(tmp_path: Path) -> None:
    """a may take 20, 30 or all of 50, b 10 or all: least broken are a's second and b's first hour,
    by two thirds of their room; a's third is over its room by a ninth alone."""
    world = small_world(
        tmp_path,
        price={"a": [40.0] * 3, "b": [60.0] * 3},
        carbon={"a": [300.0] * 3, "b": [100.0] * 3},
        demand={"A": {"m": [50.0] * 3}},
        rtt_ms={"m": {"a": 10, "b": 20}},
        classes={"A": {}},
    )
    world = replace(world, reserved_gpu=np.array([[60.0, 20.0, 30.0], [10.0, 60.0, 60.0]]))
    fixed = baseline(build_instance(world), "static_cost")
    assert fixed.status is Status.INFEASIBLE
    (hour, region) = re.findall(r"at \S+T0(\d)\S* .*worst (\w)", fixed.conflict)[0]
    assert (hour, region) in {("1", "a"), ("0", "b")}


def test_unserved_at_a_price_makes_room(tmp_path: Path) -> None:
    """The same with a price for going unserved: 2 of 5 in a, 1 of 5 in b, 2 of 5 unserved."""
    world = changing(tmp_path, unserved_usd_per_request=1.0)
    for name in ("static_cost", "static_carbon"):
        fixed = baseline(build_instance(world), name)
        assert fixed.status is Status.HEURISTIC
        assert fixed.totals.unserved_requests == pytest.approx(40.0)
        assert fixed.totals.variable_usd == pytest.approx((40 * 40 + 20 * 60) / 1e3 + 40.0)


def test_a_cap_on_carbon_by_hand(tmp_path: Path) -> None:
    """Free capacity and 20 kg for 100 requests of 300 or 100 g each: half in either."""
    world = replace(changing(tmp_path), reserved_gpu=np.full((2, 2), np.inf))
    capped = replace(world, objective=Objective(carbon_cap_t=0.02))
    fixed = baseline(build_instance(capped), "static_cost")
    assert fixed.status is Status.HEURISTIC
    assert fixed.totals.carbon_kg == pytest.approx(20.0)
    assert fixed.totals.variable_usd == pytest.approx((50 * 40 + 50 * 60) / 1e3)
    never = replace(world, objective=Objective(carbon_cap_t=0.005))
    none = baseline(build_instance(never), "static_cost")
    assert none.status is Status.INFEASIBLE
    assert "no table of shares keeps carbon" in none.conflict
    # A policy that answers no objective is not held to its cap.
    assert baseline(build_instance(never), "greedy_cost").status is Status.HEURISTIC


def test_shares_are_the_same_in_every_hour_and_every_stretch() -> None:
    """Over two months, in stretches of a week, each source's shares are one table's."""
    world = shipped("tiny")
    instance = build_instance(world)
    for name, tables in (("static_cost", 1), ("hourly_table_cost", 24)):
        placed = baseline(instance, name)
        flows = placed.flows
        assert flows is not None
        share = flows.requests_per_h / world.demand_per_h[flows.metro, flows.klass, flows.hour]
        clock = flows.hour % tables
        assert world.hours.utc[0].astype("datetime64[h]").astype(int) % 24 == 0
        seen: dict[tuple[int, ...], float] = {}
        places = (clock, flows.metro, flows.klass, flows.region, flows.point)
        for *place, value in zip(*places, share, strict=True):
            assert seen.setdefault(tuple(map(int, place)), value) == pytest.approx(value, abs=1e-9)


def test_a_table_of_one_hour_is_its_optimum() -> None:
    """Beside rows of both signs, too: a least mean accuracy and a cap on the degraded share of the
    hour, both of which cost."""
    plain = uneven(11, 1)
    caps = (ShareCap("lean", ("code",), ("small",), 0.3, Window.HOUR),)
    tied = [with_class(plain, 1, mean_accuracy_min=score) for score in (0.55, 0.8)]
    tied.append(replace(plain, share_caps=caps))
    for s in tied:
        wanted = wattlas.plan(s).objective
        assert wanted > wattlas.plan(plain).objective * (1 + 1e-3)
        for by_hour in (False, True):
            found = policy(s, by_hour)
            assert found.status is Status.HEURISTIC
            assert found.objective == pytest.approx(wanted, rel=1e-9)
