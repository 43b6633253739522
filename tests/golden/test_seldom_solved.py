"""Solvers in cases that plans seldom meet, value by value and word by word.

A change is made on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests.golden.solve_worlds import minimal, uneven, with_class
from tests.golden.test_seldom import told
from tests.golden.values import compare, number, shown
from tests.toys import FirstPoint, TwoRegions
from wattlas.model.contract import ShareCap
from wattlas.model.frictions import Frictions
from wattlas.model.objective import Solver, Window
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.model.workload import State
from wattlas.placement.api import plan
from wattlas.placement.constraints.registry import obeyed, rows_by_constraint
from wattlas.placement.engine import Basis
from wattlas.placement.engine import solve as engine_solve
from wattlas.placement.fleet import routings
from wattlas.placement.frontier.frontier import feasible_axis, frontier
from wattlas.placement.hour import highs
from wattlas.placement.hour.dispatch import HIGHS, solve_hours
from wattlas.placement.problem import flows as flows_of
from wattlas.placement.problem import words
from wattlas.placement.problem.arrivals import Arrivals
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.queue import Queue
from wattlas.placement.problem.rows import HourlyRows, Rows
from wattlas.placement.problem.tactics import Tactics
from wattlas.placement.problem.unit_values import carbon, cost
from wattlas.placement.solution.concat import solver_words
from wattlas.placement.window import waiting
from wattlas.placement.window.column_generation import ColumnGeneration
from wattlas.placement.window.knapsack import Knapsack
from wattlas.placement.window.queue_search import search
from wattlas.placement.window.startup_bound import Coupled
from wattlas.policy.permits import _threshold


def _program(cost_of: list[float], lower: float, upper: float) -> highs.Lp:
    """lower ≤ x + 2y − z ≤ upper, x in 0..3, y in −1..2, z free."""
    row = Rows("row", np.array([lower]), np.array([upper]), np.array([0, 3]), np.arange(3),
               np.array([1.0, 2.0, -1.0]))  # fmt: skip
    ends = np.array([3.0, 2.0, np.inf])
    return highs.Lp(np.array(cost_of), np.array([0.0, -1.0, -np.inf]), ends, [row])


def _answer(title: str, answer: highs.LpSolution) -> Iterator[str]:
    yield f"== {title}: {answer.status} {number(answer.objective)}"
    for name in ("x", "reduced", "dual"):
        yield from shown(name, getattr(answer, name))
    if answer.basis is not None:
        yield f"basis {answer.basis.columns.tolist()} {answer.basis.rows.tolist()}"


def _by_highs() -> Iterator[str]:
    """Small programs: from a basis, with bounds on each side, infeasible, without columns."""
    plain = _program([1.0, -0.5, 0.3], 1.0, 4.0)
    first = highs.solve(plain, keep_basis=True)
    yield from _answer("plain", first)
    assert first.basis is not None
    other = _program([1.0, 1.5, -0.3], 1.0, 4.0)
    for title, more in {"cold": {}, "from a basis": {"start": first.basis},
                        "primal": {"start": first.basis, "primal": True},
                        "in time": {"time_limit_s": 10.0},
                        "interior": {"interior": True}}.items():  # fmt: skip
        yield from _answer(title, highs.solve(other, keep_basis=True, **more))
    wrong = highs.Statuses(first.basis.columns[:2], first.basis.rows)
    yield from _answer("another's basis", highs.solve(other, start=wrong, keep_basis=True))
    fixed = replace(other, cost=-other.cost, upper=np.array([3.0, 2.0, 5.0]))
    yield from _answer("at upper", highs.solve(fixed, keep_basis=True))
    yield from _answer("infeasible", highs.solve(_program([1.0, 1.0, 0.0], 9.0, 4.0)))
    nothing = np.zeros(0)
    for lower, upper in ((-1.0, 1.0), (0.5, 1.0), (-1.0, -0.5), (0.0, 0.0)):
        row = Rows("r", np.array([lower]), np.array([upper]), np.array([0, 0]),
                   np.zeros(0, np.int64), nothing)  # fmt: skip
        yield from _answer(f"no columns, {lower} {upper}",
                           highs.solve(highs.Lp(nothing, nothing, nothing, [row])))  # fmt: skip
    solver = highs.new_solver()
    highs.load(solver, plain)
    yield from _answer("again", highs.run_safely(solver))
    yield from _answer("and again", highs.run_from_basis(solver))
    unbounded = _program([1.0, -0.5, 0.3], -np.inf, np.inf)
    yield f"unbounded {highs.solve(unbounded).status}"


def _rows() -> Iterator[str]:
    """Rows of an hour: of two sides, several in a place, and what breaks them."""
    s = uneven(61, 3)
    cap = ShareCap("low", ("code", "batch"), ("small",), 0.3, Window.HOUR)
    instance = build_instance(replace(with_class(s, 1, mean_accuracy_min=0.6), share_caps=(cap,)))
    flows = solve_hours(build_instance(s), cost(build_instance(s))).flows
    flows = flows._replace(value=flows.value * 1.3)
    with obeyed(TwoRegions(0.5)), obeyed(FirstPoint(0.4)):
        for constraint, rows in rows_by_constraint(instance):
            if rows is None:
                continue
            between = replace(rows, lower=np.where(np.isfinite(rows.lower), rows.lower,
                                                   rows.upper - 3.0))  # fmt: skip
            for title, own in {"stated": rows, "two-sided": between}.items():
                yield from _told_of(f"{constraint.name}, {title}", own, flows)
    instance = build_instance(s)
    for hour in (0, 2):
        part = instance.at(np.array([hour]), s.at_hours([hour]))
        yield f"{part.demand.shape} {number(float(part.demand.sum()))}"


def _told_of(title: str, rows: HourlyRows, flows: Any) -> Iterator[str]:
    yield f"== {title}: {rows.count} {rows.bound().astype(int).tolist()}"
    for name, array in zip(("over", "size"), rows.excess(flows), strict=True):
        yield from shown(name, array)
    for n, dense in enumerate(rows.dense):
        yield f"dense {n}: {number(float(dense.sum()))} {np.argwhere(dense).tolist()[:4]}"


def _handed_on() -> Iterator[str]:
    """What one solver leaves to the next, and what a solver says where it has no answer."""
    s = uneven(62, 4, tight=1.3)
    yield from shown("HiGHS alone", plan(s, tactics=Tactics(hour=(HIGHS,))).objective)
    one = ShareCap("one", ("code", "batch"), ("small",), 0.3, Window.DAY)
    two = ShareCap("two", ("code",), ("small",), 0.2, Window.ALL)
    only = (Knapsack(), ColumnGeneration())
    endless = replace(s, reserved_gpu=np.full_like(s.reserved_gpu, np.inf))
    with_point = with_class(endless, 1, points=("small",))
    for title, world in {
        "shared": replace(endless, share_caps=(one, two)),
        "alone": replace(endless, share_caps=(one,)),
        "cannot": replace(with_point, share_caps=(two,)),
    }.items():  # fmt: skip
        made = plan(world, tactics=Tactics(limits=only))
        yield f"== {title}: {made.status} {made.conflict} {number(made.objective)}"
        yield from shown("limits", made.limits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_solve, "MAX_PIVOTS", 2)
        for solver in (Solver.ENGINE, Solver.HIGHS):
            made = plan(replace(uneven(62, 4), solver=solver))
            yield f"{solver}: {made.info.engine_hours} {made.info.highs_hours} {made.objective:.9g}"
            yield solver_words(made.info).partition(" by ")[0].partition(" 1")[0]
        tied = replace(uneven(62, 4), frictions=Frictions(0.3))
        instance, every = build_instance(tied), np.arange(4)
        for most in (1, 2, 5000):
            patch.setattr(engine_solve, "MAX_PIVOTS", most)
            coupled = Coupled(instance, cost(instance), every, None)
            bound, rise = coupled.bound(np.full_like(coupled.most, 0.01))
            yield f"{most}: {number(bound.value)} {number(float(np.abs(rise).sum()))}"
    must = with_class(uneven(53, 4), 2, unserved_usd_per_request=None)
    axis = feasible_axis(must, "scale")
    dry = replace(must, reserved_gpu=must.reserved_gpu * 0.3)
    for solver in (Solver.HIGHS, Solver.ENGINE):
        by = replace(dry, solver=solver)
        for samples in (None, 2):
            ask = partial(frontier, by, axis=axis, samples=samples)
            yield from told(f"dry by {solver} {samples}", ask)


def _waits(tight: float, **changed: Any) -> Scenario:
    hours = Hours.range("2023-02-28T18:00:00", 4)
    s = with_class(uneven(63, tight=tight, hours=hours), 2, may_wait_h=2.0, **changed)
    return with_class(s, 1, may_wait_h=1.0, state=State.STATELESS)


def _short() -> Iterator[str]:
    """Requests that may wait where that does not help, in one program and by the search."""
    must = {"unserved_usd_per_request": None}
    cap = ShareCap("saver", ("code",), ("small",), 0.02, Window.DAY)
    worlds = {
        "tight": _waits(0.35, **must), "priced": _waits(0.35),
        "nowhere": with_class(_waits(1.0), 1, accuracy_min=0.99),
        "capped": minimal(_waits(1.0), carbon_cap_t=0.002),
        "shares": replace(_waits(0.8, **must), share_caps=(cap,)),
    }  # fmt: skip
    for title, world in worlds.items():
        for largest in (waiting.LARGEST, 0):
            if largest == 0 and title in {"capped", "shares"}:
                continue
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(waiting, "LARGEST", largest)
                made = plan(world, time_limit_s=None if largest else 0.0)
            yield f"== {title} {largest}: {made.status} {made.conflict}"
            if made.ok:
                yield f" {made.objective:.3g}"
    instance = build_instance(_waits(0.9, **must))
    queue = Queue.of(instance)
    for deadline in (0.0, None):
        found = search(instance, queue, cost(instance), deadline=deadline, rounds=2)
        yield f"deadline {deadline}: {found.rounds} {number(found.value)} {found.shed}"
    demand = instance.scenario.demand_per_h.copy()
    demand[:, 2, 1:] = 0.0
    rare = replace(_waits(1.0), demand_per_h=demand)
    for world in (rare, replace(rare, share_caps=(cap,))):
        arrivals = Arrivals.of(replace(build_instance(world), by_arrival=True))
        yield from shown("alive", arrivals.alive.astype(int))
        yield from shown("came", arrivals.came)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "NAMED", 1)
        yield str(plan(with_class(uneven(64, 3, tight=0.2), 2, **must)).conflict)


def _pieces() -> Iterator[str]:
    """Flows and routings in pieces, by the whole and by numpy alone."""
    draw = np.random.default_rng(65)
    hour = np.sort(draw.integers(0, 9, 40))
    ones = np.ones(40, np.int64)
    whole = flows_of.SourceFlows(hour, ones, ones, ones, draw.uniform(0, 1, 40))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flows_of, "PIECE", 7)
        for flows in (whole, whole.where(np.argsort(-hour, kind="stable")), whole.where(hour < 1)):
            yield f"{[part.hour.tolist() for part in flows_of.by_whole_hours(flows)]}"
    merged = flows_of.merge_equal(whole._replace(region=hour % 2 - 1, value=whole.value - 0.3))
    yield from shown("merged", merged)
    for late in (0, 1 << 17):
        parts = [whole.where(hour > 4)._replace(hour=hour[hour > 4] + late), whole.where(hour < 3)]
        yield f"{flows_of.join([*parts, flows_of.no_flows()]).hour.tolist()}"
    route, demand = draw.uniform(0, 1, (5, 3)), draw.uniform(0, 1, (60, 3))
    most = np.array([1.1, 1.3, 0.9, 1.2, 1.0])
    for few in (1, 100):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(routings, "FEW", few)
            served = routings.fits(route, demand, most)
        np.testing.assert_array_equal(served, (demand @ route.T <= most).all(axis=1))
        assert 0 < served.sum() < len(served)
    bases = Basis(draw.integers(0, 9, (4, 2, 2)), draw.integers(0, 9, (4, 3, 3)))
    mixed = bases.with_hours(np.array([False, True, False, True]), bases[1:3])
    yield from shown("keys", mixed.keys.reshape(4, -1))
    yield from shown("basics", mixed.basics.reshape(4, -1))
    yield f"{len(Basis.join([bases, mixed]))} {at_quantiles()}"


def at_quantiles() -> list[str]:
    """Thresholds at which permits save most, beside one that is found by trying all."""
    draw, out = np.random.default_rng(66), []
    for share in (0.1, 0.5):
        saving, demand = draw.normal(1.0, 1.0, (2, 1, 8)), draw.uniform(0, 9, (2, 1, 8))
        saving[0, 0, 3] = np.nan
        out.append(number(_threshold(share, saving, demand)))
    return [*out, number(_threshold(0.5, -np.abs(saving), demand))]


def _hot() -> Iterator[str]:
    """The engine from the bases of another measure, which may be too far away."""
    instance = build_instance(uneven(67, 6, tight=0.9))
    for most in (5000, 9, 4):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine_solve, "MAX_PIVOTS", most)
            memory: dict[str, Any] = {}
            for measure, tie in ((cost(instance), None), (carbon(instance), cost(instance)),
                                 (cost(instance), None)):  # fmt: skip
                for steps in (np.arange(6), np.array([0, 2, 5])):
                    made = solve_hours(instance, measure, tie, steps, Solver.ENGINE, memory)
                    value = " ".join(number(value) for value in made.value[steps])
                    yield f"{most} {measure.unit} {steps.tolist()}: {made.left.tolist()} {value}"
                    yield f" {made.info.engine_hours} {made.info.highs_hours}"


CASES: dict[str, Callable[[], Iterator[str]]] = {
    "by_highs": _by_highs, "rows": _rows, "handed_on": _handed_on, "short": _short,
    "flows_in_pieces": _pieces, "hot": _hot,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_solvers_seldom_met_are_as_in_the_golden_file(name: str) -> None:
    """Every value is that which was read and found right."""
    compare(f"seldom_{name}", CASES[name]())
