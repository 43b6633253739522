"""Which windows go to the simplex of our own, what it is told of them, and when it is tried."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st

from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import scenarios
from wattlas.model.frictions import Frictions, Initial
from wattlas.model.objective import Minimise, Solver
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.constraints.registry import links
from wattlas.placement.hour import highs
from wattlas.placement.hour.highs import BASIC
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.lp import objective
from wattlas.placement.problem.unit_values import carbon, cost
from wattlas.placement.window import level_solver
from wattlas.placement.window.level_solver import KEY, LevelMemory, LevelTerms, takes
from wattlas.placement.window.linked_program import (
    Linked,
    ProgramScale,
    layout_of,
    link_costs,
    program_rows,
    run_program,
    solve_linked,
)
from wattlas.placement.window.simplex import solve_level_window, warm_up
from wattlas.placement.window.warm_window import KEY as LAST
from wattlas.placement.window.warm_window import start_of
from wattlas.policy.followed import followed
from wattlas.policy.forecasts.outlook import Perfect
from wattlas.policy.rolling import rolling


def world(**more: Any) -> Scenario:
    """Half a day of the tiny example, one point for each class, and prices that move."""
    tiny = shipped("tiny").at_hours(range(12))
    draw = np.random.default_rng(5)
    price = tiny.signals.price_usd_per_mwh * draw.uniform(0.2, 3.0, (len(tiny.signals.zones), 12))
    classes = [replace(k, points=("small",), accuracy_min=0.0) for k in tiny.classes]
    classes[0] = replace(classes[0], points=("large-fast",))
    told = {
        "signals": replace(tiny.signals, price_usd_per_mwh=price),
        "frictions": Frictions(start_usd_per_gpu_h=0.3),
        "classes": tuple(classes),
    }
    return replace(tiny, **told | more)


def program(s: Scenario, steps: np.ndarray, before: dict[str, np.ndarray] | None = None) -> Any:
    """The layout of some steps, their cost, their links and their rows."""
    instance, tied = build_instance(s), links(s)
    layout = layout_of(instance, steps, tied, before or {})
    costs = link_costs(layout, tied)
    measure = cost(instance) if s.objective.minimise is Minimise.COST else carbon(instance)
    rows = program_rows(layout, tied, (), costs)
    return layout, objective(layout, measure, costs), tied, rows


def taken(s: Scenario) -> bool:
    """Whether all hours of a scenario are a window for it."""
    return takes(*program(s, np.arange(s.hours.count))[:3])


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small windows go to it, too, from the first on."""
    warm_up()
    monkeypatch.setattr(level_solver, "LEAST_COLUMNS", 0)
    monkeypatch.setattr(level_solver, "WARM", 0)


@given(
    scenarios(frictions=True, max_hours=6), st.floats(0.0, 2.0), st.sampled_from([0.0, 1.0, 50.0])
)
@examples(60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_it_costs_what_highs_finds(drawn: Scenario, start_usd: float, room: float) -> None:
    """Half hours, weights, egress, warm-up, what runs before: the same least cost, and none where
    there is none."""
    s = suited(drawn, start_usd)
    s = replace(s, reserved_gpu=s.reserved_gpu + room)
    layout, paid, tied, rows = program(s, np.arange(s.hours.count))
    assume(takes(layout, paid, tied))
    ran = run_program(layout, paid, rows, time.perf_counter(), None)
    told = LevelTerms(layout, paid, tied[0])
    answer = solve_level_window(told.levels)
    if not ran.found:
        assert answer is None or answer.flow is None
        return
    value = ran.answer.objective / ran.scale.cost / ran.scale.demand
    assert answer is not None
    assert answer.flow is not None
    size = float(np.abs(paid[: len(ran.x)] * ran.x).sum())
    assert answer.objective == pytest.approx(value, rel=1e-8, abs=1e-8 * size)
    solution = told.solution(answer.flow, answer, time.perf_counter())
    served = np.zeros(layout.instance.demand.shape)
    np.add.at(served, (solution.flows.source, solution.flows.hour), solution.flows.value)
    np.testing.assert_allclose(served, layout.instance.demand, rtol=1e-9)


def suited(s: Scenario, start_usd: float) -> Scenario:
    """A scenario without what it does not take, over hours that follow each other."""
    classes = [
        replace(
            k, points=(k.points or tuple(point.id for point in s.points))[:1], may_wait_h=0.0,
            unserved_usd_per_request=None, mean_accuracy_min=None,
        )
        for k in s.classes
    ]  # fmt: skip
    frictions = replace(s.frictions, start_usd_per_gpu_h=0.1 + start_usd, move_state=False)
    regions = tuple(replace(r, on_demand_gpu=0.0) for r in s.regions)
    s = replace(
        s, classes=tuple(classes), regions=regions, frictions=frictions, share_caps=(),
        carbon_caps=(), solver=Solver.AUTO,
    )  # fmt: skip
    gaps = np.flatnonzero(~s.hours.follows[1:])
    return s.at_hours(range(int(gaps[0]) + 1 if len(gaps) else s.hours.count))


def test_what_it_takes() -> None:
    """One point each, starts between hours that follow each other, and capacity: nothing else."""
    s = world()
    assert taken(s)
    assert taken(replace(s, frictions=Frictions(start_kwh_per_gpu_h=2.0, initial=Initial.FREE)))
    assert taken(replace(s, reserved_gpu=np.full_like(s.reserved_gpu, np.inf)))
    several = (replace(s.classes[0], points=None), s.classes[1])
    unserved = (replace(s.classes[0], unserved_usd_per_request=1.0), s.classes[1])
    assert not taken(replace(s, classes=several))
    assert not taken(replace(s, classes=unserved))
    assert not taken(replace(s, solver=Solver.HIGHS))
    buyers = tuple(replace(r, on_demand_gpu=1.0, on_demand_usd_per_gpu_h=2.0) for r in s.regions)
    assert not taken(replace(s, regions=buyers))
    assert not taken(replace(s, frictions=replace(s.frictions, move_state=True)))
    assert not taken(s.at_hours([0, 1, 2, 5, 6]))
    assert not takes(*valued(s))


def valued(s: Scenario) -> Any:
    """A window at whose end what is held is worth something."""
    layout, paid, tied, _ = program(s, np.arange(6))
    paid[layout.column("u")[-1]] -= 0.1
    return layout, paid, tied


def test_a_policy_that_rolls_on_with_it_costs_what_the_plan_does(eager: None) -> None:
    """Hour by hour to the end, on perfect forecasts; all windows are its own."""
    s = world()
    policy = rolling(s, 12)
    came = followed(s, policy, Perfect(s))
    assert came.totals.variable_usd == pytest.approx(plan(s).totals.variable_usd, rel=1e-9)
    assert came.totals.friction_usd > 0
    assert came.over_gpu <= 1e-6
    held: LevelMemory = policy.memory[KEY]  # type: ignore[attr-defined]
    assert held.kept is not None
    assert held.kept.window.shape[0] == 1
    assert (held.solved, held.wait, held.next_wait) == (11, 0, 1)


def test_the_price_of_capacity_is_that_of_highs(eager: None) -> None:
    """Per GPU-h/h of the bound, not weighted, in the region and the hour that it is of."""
    s = world()
    s = replace(s, reserved_gpu=s.reserved_gpu * np.array([[0.33], [1.0], [1.0]]))
    instance, steps, memory = build_instance(s), np.arange(2, 8), {}
    plain = solve_linked(instance, cost(instance), steps, Linked())
    own = solve_linked(instance, cost(instance), steps, Linked(memory=memory))
    assert plain.capacity_price.max() > 0
    np.testing.assert_allclose(own.capacity_price, plain.capacity_price, rtol=1e-6, atol=1e-9)
    assert (own.info.engine_hours, own.info.highs_hours) == (6, 0)
    assert (plain.info.engine_hours, plain.info.highs_hours) == (0, 6)
    assert own.info.columns == plain.info.columns


def test_highs_goes_on_from_its_basis(eager: None) -> None:
    """A basis with as many basic variables as rows, optimal where nothing has changed."""
    s = world()
    instance, steps, memory = build_instance(s), np.arange(8), {}
    solve_linked(instance, cost(instance), steps, Linked(memory=memory))
    layout, paid, _, rows = program(s, steps)
    scale = ProgramScale(instance, paid)
    lp = scale.lp(paid, layout.upper, rows)
    start = start_of(memory, layout, lp, scale.demand)
    assert start.basis is not None
    both = np.concatenate([start.basis.columns, start.basis.rows])
    assert (both == BASIC).sum() == len(start.basis.rows)
    solver = highs.new_solver()
    highs.load(solver, lp)
    start.basis.put(solver)
    highs.run(solver)
    assert solver.getInfo().simplex_iteration_count <= 2
    cold = highs.solve(lp).objective
    assert solver.getInfo().objective_function_value == pytest.approx(cold, rel=1e-9)
    assert memory[LAST]().columns["u"].shape == layout.column("u").shape


def test_a_forecast_that_takes_back_what_it_said_goes_to_highs(eager: None) -> None:
    """For one window, then for two more, for four more; one that has no hours in common does not
    count against it."""
    s, memory, by = world(), {}, []
    for first in range(7):
        told = replace(s, demand_per_h=s.demand_per_h * (1.0 - 0.01 * first))
        instance = build_instance(told)
        before = {"start_up": np.zeros(6)}
        linked = Linked(memory=memory, before=before)
        found = solve_linked(instance, cost(instance), np.arange(first, first + 4), linked)
        by.append(found.info.engine_hours)
    assert by == [4, 0, 0, 4, 0, 0, 0]
    again: dict[str, Any] = {}
    instance = build_instance(s)
    for first in (0, 6):
        linked = Linked(memory=again, before={"start_up": np.zeros(6)})
        found = solve_linked(instance, cost(instance), np.arange(first, first + 4), linked)
        assert found.info.engine_hours == 4
    assert again[KEY].next_wait == 1


def test_it_is_tried_after_a_day_of_decisions() -> None:
    """Of large windows from the 25th on, later after failures; nothing is kept of small ones."""
    s, memory = world(), {}
    instance = build_instance(s)
    solve_linked(instance, cost(instance), np.arange(4), Linked(memory=memory))
    assert KEY not in memory
    held = LevelMemory()
    tried = [level_solver.is_time(held) for _ in range(26)]
    assert tried == [False] * 24 + [True] * 2
    held.failed()
    held.failed()
    assert [level_solver.is_time(held) for _ in range(3)] == [False, False, True]
    for _ in range(20):
        held.failed()
    assert held.wait == 4096


def test_columns_stand_where_the_layout_has_them() -> None:
    """Sources go in order of their models and back, levels by model and by region."""
    layout, paid, tied, _ = program(world(), np.arange(3))
    told = LevelTerms(layout, paid, tied[0])
    assert (np.diff(told.levels.model) >= 0).all()
    flow = np.random.default_rng(1).random(told.levels.cost.shape)
    flow[~np.isfinite(told.levels.cost)] = 0.0
    x = told.columns_of(flow)
    instance, columns = layout.instance, layout.instance.columns
    spent = float((x * paid[layout.column("x")]).sum())
    finite = np.where(np.isfinite(told.levels.cost), told.levels.cost, 0.0)
    assert spent == pytest.approx(float((finite * flow).sum()), rel=1e-12)
    names, variant = instance.copies
    level = np.zeros((3, len(instance.capacity), len(names)))
    for c in range(len(columns)):
        s, r, o = columns.source[c], columns.region[c], columns.point[c]
        level[:, r, variant[o]] += instance.gpu_h[s, o] * x[:, c]
    np.testing.assert_allclose(told.levels.levels(flow), level.transpose(0, 2, 1))
