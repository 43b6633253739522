"""A constraint that nobody knew is obeyed, priced and certified wherever placements are made."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

import wattlas
from tests.oracle import oracle_plan
from tests.shipped import shipped
from tests.toys import DailyReach, FirstPoint, TwoRegions, rows_of, with_toys
from wattlas.errors import InfeasibleError
from wattlas.model.contract import Tier
from wattlas.model.frictions import Frictions, Initial
from wattlas.model.objective import Minimise, Objective, Solver, Window
from wattlas.model.offer import offer
from wattlas.model.plan import Plan, Status
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.compare.baselines import baseline
from wattlas.placement.compare.counterfactual import present, without
from wattlas.placement.explain.certificate import certify
from wattlas.placement.frontier.frontier import frontier
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.tactics import Tactics
from wattlas.placement.problem.unit_values import cost
from wattlas.placement.streaming.stream import Summary, plan_stream
from wattlas.placement.window.column_generation import ColumnGeneration, _Search
from wattlas.placement.window.limits import limits_of
from wattlas.placement.window.rolling_horizon import Horizon

SHARE = 0.6
REL = 1e-7


@pytest.fixture(scope="module")
def open_world() -> Scenario:
    """The tiny example without residency, capacity or budgets that bind: most would be in two."""
    s = shipped("tiny")
    classes = tuple(
        replace(k, residency="", latency_budget_ms=1e6, accuracy_min=0.0, points=None)
        for k in s.classes
    )
    regions = tuple(replace(r, variants=None) for r in s.regions)
    free = np.full_like(s.reserved_gpu, np.inf)
    s = replace(s, classes=classes, regions=regions, reserved_gpu=free)
    return s.at_hours(np.arange(6))


@pytest.fixture
def two_regions() -> Iterator[TwoRegions]:
    """Hourly, over two regions; the engine has no form for it."""
    toy = TwoRegions(SHARE)
    with with_toys(toy):
        yield toy


def share_in_two(found: Plan) -> np.ndarray:
    """Share of each hour's demand that runs in the first two regions."""
    flows, s = found.flows, found.scenario
    assert flows is not None
    on = (flows.region >= 0) & (flows.region < 2)
    served = np.bincount(flows.hour[on], flows.requests_per_h[on], s.hours.count)
    return np.asarray(served / s.demand_per_h.sum(axis=(0, 1)))


def obeys(found: Plan) -> None:
    """The share is kept in every hour, and it binds somewhere."""
    assert found.ok, found.conflict
    share = share_in_two(found)
    assert (share <= SHARE * (1 + 1e-9)).all()
    assert share.max() == pytest.approx(SHARE)


def test_it_binds(open_world: Scenario) -> None:
    """Without the toy more runs in two regions, so that obeying it is no accident."""
    assert share_in_two(plan(open_world)).max() > SHARE + 0.05


@pytest.mark.parametrize("solver", Solver)
@pytest.mark.parametrize("minimise", Minimise)
def test_hours_by_every_solver(
    open_world: Scenario, two_regions: TwoRegions, solver: Solver, minimise: Minimise
) -> None:
    """Obeyed, optimal by the independent program, priced and certified; the engine passes it on."""
    s = replace(open_world, solver=solver, objective=Objective(minimise=minimise))
    found = plan(s)
    obeys(found)
    judge = oracle_plan(s, extra=rows_of(two_regions))
    assert found.objective == pytest.approx(judge.objective, rel=REL)
    assert found.info.engine_hours == 0
    proof = certify(found)
    assert abs(proof.gap) <= 1e-9
    assert proof.worst <= 1e-8
    assert (found.duals["two_regions"] <= 0).all()


def test_its_price_is_its_slope(open_world: Scenario) -> None:
    """One more request allowed in the two regions saves what the dual says."""

    def at(share: float) -> Plan:
        with with_toys(TwoRegions(share)):
            return plan(open_world)

    found, more = at(SHARE), at(SHARE + 1e-4)
    demand = open_world.demand_per_h.sum(axis=(0, 1)) * open_world.hours.hours
    saved = -float(found.duals["two_regions"][0] @ demand) * 1e-4
    assert found.objective - more.objective == pytest.approx(saved, rel=1e-4)


@pytest.mark.parametrize("solver", Solver)
def test_one_that_the_engine_takes(open_world: Scenario, solver: Solver) -> None:
    """A row without regions goes through closed form, engine and HiGHS alike."""
    toy = FirstPoint(0.7)
    s = replace(open_world, solver=solver)
    assert plan(s).flows is not None
    with with_toys(toy):
        found = plan(s)
        assert abs(certify(found).gap) <= 1e-9
    judge = oracle_plan(s, extra=rows_of(toy))
    assert found.objective == pytest.approx(judge.objective, rel=REL)
    assert found.objective > plan(s).objective * (1 + 1e-6)
    assert (found.info.engine_hours > 0) == (solver is Solver.ENGINE)


def test_a_limit_over_days(open_world: Scenario) -> None:
    """A window limit of its own: obeyed over each day, priced, reported and certified."""
    hours = replace(open_world.hours, offset=np.array([0, 1, 2, 24, 25, 26]))
    s = replace(open_world, hours=hours)
    used = _daily(plan(s))
    least = _daily(baseline(build_instance(s), "nearest"))
    toy = DailyReach(0.5 * (max(least) + max(used)))
    assert max(used) > toy.most > max(least)
    with with_toys(toy):
        found = plan(s)
        assert max(_daily(found)) <= toy.most * (1 + 1e-9)
        assert len(found.limits) == 2
        assert max(report.price for report in found.limits) > 0
        assert abs(certify(found).gap) <= 1e-8
        beside = plan(s, objective=Objective(carbon_cap_share=1.0))
        assert max(_daily(beside)) <= toy.most * (1 + 1e-9)
    judge = oracle_plan(s, extra=rows_of(toy))
    assert found.objective == pytest.approx(judge.objective, rel=REL)


def _daily(found: Plan) -> list[float]:
    """Requests times round trip, ms, of each day."""
    flows, s = found.flows, found.scenario
    assert flows is not None
    rtt = s.network.rtt_node_region_ms[s.metro_node[flows.metro], flows.region]
    reach = flows.requests_per_h * rtt * s.hours.hours[flows.hour]
    day = s.hours.utc[flows.hour].astype("datetime64[D]")
    return [float(reach[day == each].sum()) for each in np.unique(day)]


def test_a_limit_that_cannot_be_met_is_told(open_world: Scenario) -> None:
    """Below the least attainable the plan is infeasible, and names it."""
    with with_toys(DailyReach(1e-9)):
        found = plan(open_world)
    assert found.status is Status.INFEASIBLE
    assert "daily reach" in found.conflict
    assert "least attainable" in found.conflict


def test_column_generation(open_world: Scenario, two_regions: TwoRegions) -> None:
    """Under a carbon cap and a tier's share of a month the hours keep it, too."""
    clean = plan(open_world, objective=Objective(minimise=Minimise.CARBON)).totals.carbon_kg
    dirty = plan(open_world).totals.carbon_kg
    cap = Objective(carbon_cap_t=(0.5 * clean + 0.5 * dirty) / 1e3)
    s = replace(open_world, objective=cap)
    found = plan(s)
    obeys(found)
    judge = oracle_plan(s, extra=rows_of(two_regions))
    assert found.objective == pytest.approx(judge.objective, rel=1e-6)
    assert abs(certify(found).gap) <= 1e-7
    instance = build_instance(s)
    money, limits = cost(instance), tuple(limits_of(instance))
    search, bounds = _Search(instance, money, limits), []
    search.ask(np.zeros(1), money)
    assert search.best is None
    (best,) = ColumnGeneration().solve(instance, money, None, limits).limit_price
    for price in (0.0, best, 100.0 * best):
        alone = _Search(instance, money, limits)
        for each in (alone, search):
            each.ask(np.full(1, price))
        bounds.append(alone.bound)
        assert search.bound == pytest.approx(max(bounds))
    assert bounds[-1] < search.bound == pytest.approx(found.objective, rel=1e-6)


@pytest.mark.parametrize("window", [Window.MONTH, Window.HOUR])
def test_tiers_joint(open_world: Scenario, two_regions: TwoRegions, window: Window) -> None:
    """A tier's degraded share and the toy together equal rows."""
    s = offer(open_world, [Tier("green", 0.3, 0.5, window=window)])
    found = plan(s)
    obeys(found)
    judge = oracle_plan(s, extra=rows_of(two_regions))
    assert found.objective == pytest.approx(judge.objective, rel=1e-6)


@pytest.mark.parametrize("windows", [False, True])
def test_frictions(open_world: Scenario, two_regions: TwoRegions, windows: bool) -> None:
    """One window and rolling ones keep it; the certified gap covers the true one."""
    starts = Frictions(start_usd_per_gpu_h=0.05, initial=Initial.COLD)
    s = replace(open_world, frictions=starts)
    horizon = Horizon(largest=-1, commit=2, ahead=1) if windows else None
    found = plan(s, tactics=Tactics(horizon=horizon))
    obeys(found)
    judge = oracle_plan(s, extra=rows_of(two_regions)).objective
    assert found.objective >= judge * (1 - 1e-8)
    assert (found.objective - judge) / judge <= max(found.info.gap, 1e-7)


def test_no_time_under_frictions(open_world: Scenario, two_regions: TwoRegions) -> None:
    """What is placed where the time is over keeps it."""
    s = replace(open_world, frictions=Frictions(start_usd_per_gpu_h=0.05))
    found = plan(s, time_limit_s=0.0)
    assert found.status is Status.LIMIT
    assert (share_in_two(found) <= SHARE * (1 + 1e-9)).all()


@pytest.mark.parametrize("variant", ["scale", "added_ms", "soft"])
@pytest.mark.parametrize("solver", Solver)
def test_frontier(
    open_world: Scenario, two_regions: TwoRegions, variant: str, solver: Solver
) -> None:
    """Exact, sampled and soft: where every place is open V is the plan's optimum."""
    s = replace(open_world.at_hours([0, 3]), solver=solver)
    s = replace(s, classes=tuple(replace(k, latency_budget_ms=2000.0) for k in s.classes))
    wide = replace(s, classes=tuple(replace(k, latency_budget_ms=1e9) for k in s.classes))
    best = plan(wide)
    obeys(best)
    for samples in (None, 4):
        curve = frontier(s, variant, samples=samples)
        assert curve.value[-1] == pytest.approx(best.objective, rel=1e-7)
        assert (np.diff(curve.value) <= 1e-9 * abs(curve.value[-1])).all()


def test_frontier_where_no_budget_keeps_it(open_world: Scenario) -> None:
    """A row that no budget can keep is told by the constraint's own words."""
    only_two = open_world.at_hours([0])
    closed = tuple(
        replace(r, variants=frozenset()) if n >= 2 else r for n, r in enumerate(only_two.regions)
    )
    s = replace(only_two, regions=closed)
    with with_toys(TwoRegions(SHARE)), pytest.raises(InfeasibleError, match="two regions' share"):
        frontier(s)
    with with_toys(TwoRegions(SHARE)):
        found = plan(s)
    assert found.status is Status.INFEASIBLE
    assert "do not fit beside the two regions' share" in found.conflict


def test_baselines_that_break_it_say_so(open_world: Scenario, two_regions: TwoRegions) -> None:
    """A policy with more in two regions is infeasible by name; the nearest available keeps it."""
    instance = build_instance(open_world)
    everywhere = [baseline(instance, f"best_region_{by}") for by in ("cost", "carbon")]
    broken = [found for found in everywhere if share_in_two(found).max() > SHARE * (1 + 1e-6)]
    assert broken
    for found in broken:
        assert found.status is Status.INFEASIBLE
        assert "two_regions" in found.conflict
    kept = baseline(instance, "nearest_available")
    assert kept.status is Status.HEURISTIC
    assert (share_in_two(kept) <= SHARE * (1 + 1e-9)).all()


def test_counterfactuals_know_it(open_world: Scenario, two_regions: TwoRegions) -> None:
    """It is among what a scenario can be without; lifting another limit keeps it."""
    assert "two_regions" in present(open_world)
    obeys(plan(without(open_world, "egress")))
    table = wattlas.study(open_world).tables["benefit"]
    assert "with all in two regions" in list(table["label"])


def test_streaming(two_regions: TwoRegions) -> None:
    """Chunks keep it, and add up to the plan in one piece."""
    s = shipped("tiny")
    classes = tuple(replace(k, residency="", latency_budget_ms=5000.0) for k in s.classes)
    s = replace(s, classes=classes, reserved_gpu=np.full_like(s.reserved_gpu, np.inf))
    whole, total = plan(s), Summary()
    for chunk in plan_stream(s, chunk_steps=6):
        assert (share_in_two(chunk) <= SHARE * (1 + 1e-9)).all()
        total = total.plus(Summary.of(chunk))
    assert total.totals.cost_usd == pytest.approx(whole.totals.cost_usd, rel=1e-9)


def test_verify_finds_a_plan_that_breaks_it(open_world: Scenario) -> None:
    """A plan made without a constraint that holds now is not certified."""
    free = plan(open_world)
    assert abs(certify(free).gap) <= 1e-9
    with with_toys(TwoRegions(SHARE)):
        proof = certify(free)
    assert proof.residuals["two_regions"] > 0.01
    assert proof.worst > 0.01
    used = _daily(free)
    with with_toys(DailyReach(0.9 * max(used))):
        assert certify(free).residuals["limits"] > 0.01
    assert not math.isnan(proof.gap)
