"""Placements in which requests may wait: against GLPK, against enumeration, and by hand."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wattlas
from tests import oracle
from tests.examples import examples
from tests.feasible import draw_witness, feasible, opened
from tests.placement.waiting.waiting_oracle import may_run, oracle_waiting, queue_by_hand
from tests.placement.worlds import world
from tests.shipped import shipped
from tests.strategies import one_of, scenarios
from wattlas.errors import InputError, UsageError
from wattlas.model.contract import ShareCap
from wattlas.model.objective import Minimise, Objective, Solver, Window
from wattlas.model.plan import Status
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.model.waiting import shared_first_in, waited_steps
from wattlas.placement.compare.baselines import baseline_policy
from wattlas.placement.constraints.registry import linkings
from wattlas.placement.constraints.waiting import by_patience
from wattlas.placement.explain.certificate import certify
from wattlas.placement.frontier.patience import over_patience
from wattlas.placement.problem.arrivals import Arrivals, left_by_waiting
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.lp import ColumnLayout
from wattlas.placement.problem.queue import Queue
from wattlas.placement.problem.unit_values import cost
from wattlas.placement.tables.metrics import changed
from wattlas.placement.window.queue_search import search
from wattlas.studies.waits import patience_table, waiting_words, waits_mapping

SIX = Hours.range("2023-06-01T00:00:00", 6)


def patient(s: Scenario, *hours: float) -> Scenario:
    """The scenario whose classes may wait so many steps, one after the other, over and over."""
    classes = tuple(
        replace(k, may_wait_h=steps * s.hours.step_h)
        for k, steps in zip(s.classes, itertools.cycle(hours), strict=False)
    )
    return replace(s, classes=classes)


@st.composite
def waiting(draw: st.DrawFn) -> Scenario:
    """A scenario that has a placement even if nothing waits, and classes that may: many small ones
    that are odd, and hours enough to wait for."""
    pick = np.random.default_rng(draw(st.integers(0, 2**16)))
    if pick.random() < 0.5:
        s = replace(draw(feasible(caps=False, tiers=False)), solver=Solver.AUTO)
    else:
        s = roomy(pick, world(int(pick.integers(2**16)), hours=some_hours(pick)))
    return patient(s, *draw(st.lists(one_of(1, 0, 2, 5), min_size=1, max_size=3)))


def some_hours(pick: np.random.Generator) -> Hours:
    """Four to six steps, hours or half of them, of unequal weight; at times one is left out."""
    count = int(pick.integers(4, 7))
    offset = np.arange(count) + (np.arange(count) >= pick.choice([3, 9]))
    return Hours(
        np.datetime64(LATE, "s"),
        offset,
        pick.choice([1.0, 1.0, 3.0], count),
        pick.choice([1.0, 0.5]),
    )


def roomy(pick: np.random.Generator, s: Scenario) -> Scenario:
    """The accelerators that a placement which is drawn needs, or so much more everywhere."""
    load = np.zeros(s.reserved_gpu.shape)
    for (i, k, t), (r, o) in draw_witness(s, int(pick.integers(2**16))).items():
        load[r, t] += s.demand_per_h[i, k, t] * oracle.gpu_h(s, k, o)
    room = load.sum(axis=0).max() * pick.choice([0.0, 0.1, 1.0])
    regions = tuple(replace(r, reserved_gpu=np.inf, on_demand_gpu=0.0) for r in s.regions)
    goal = Objective(minimise=list(Minimise)[int(pick.integers(2))])
    return replace(s, regions=regions, reserved_gpu=load * (1 + 1e-9) + room, objective=goal)


LATE = "2023-01-31T22:00:00"
"""Two steps before a day and a month end."""
PLAIN = scenarios(
    unserved=False, accuracy_minima=False, free_capacity=True, when_none=False, max_hours=5,
    max_metros=2, max_regions=3,
)  # fmt: skip


def test_the_reference_agrees() -> None:
    """GLPK's program, a column for each step of arrival and of running, has the same optimum; the
    plan's own prices prove it. In many draws something waits."""
    seen: Counter[str] = Counter()

    @given(s=waiting())
    @examples(100)
    def each(s: Scenario) -> None:
        status, expected = oracle_waiting(s)
        assert status == "optimal"
        placed = wattlas.plan(s)
        assert placed.status is Status.OPTIMAL
        size = max(abs(expected), 1e-9)
        assert abs(placed.objective - expected) <= 1e-6 * size + 1e-9
        proof = certify(placed)
        assert proof.residuals["demand"] <= 1e-9
        assert proof.residuals.get("waiting", 0.0) <= 1e-8
        assert proof.bound <= proof.objective + 1e-6 * abs(proof.objective) + 1e-9
        assert proof.gap <= 2e-6
        waits = () if placed.waited is None else placed.waited.by_class(placed.scenario)
        seen["draws"] += 1
        seen["wait"] += any(each.later_requests > 1e-6 * each.requests for each in waits)

    each()
    assert seen["wait"] >= 0.2 * seen["draws"], dict(seen)


@st.composite
def capped(draw: st.DrawFn) -> Scenario:
    """Requests that may wait over the end of a day and of a month, and caps on what of them is
    degraded. A placement is drawn first, delays and all; accelerators and caps are what it needs,
    or a little more."""
    pick = np.random.default_rng(draw(st.integers(0, 2**16)))
    hours = Hours.range(LATE, int(pick.integers(4, 7)))
    s = opened(
        draw(PLAIN) if pick.random() < 0.3 else world(int(pick.integers(2**16)), hours=hours)
    )
    s = replace(s, classes=tuple(replace(k, mean_accuracy_min=None) for k in s.classes))
    s = replace(s, solver=Solver.AUTO)
    s = patient(s, *pick.choice([1, 2, 2, 0], size=3).tolist())
    witness = {
        (i, k, a): (int(pick.choice(may_run(s, k, a))), *place)
        for (i, k, a), place in draw_witness(s, int(pick.integers(2**16))).items()
    }
    load = np.zeros(s.reserved_gpu.shape)
    for (i, k, a), (t, r, o) in witness.items():
        load[r, t] += s.demand_per_h[i, k, a] * oracle.gpu_h(s, k, o)
    room = load.sum(axis=0).max() * pick.choice([5.0, 1.0, 0.0])
    regions = tuple(replace(r, reserved_gpu=np.inf, on_demand_gpu=0.0) for r in s.regions)
    goal = Objective(minimise=list(Minimise)[int(pick.integers(2))])
    s = replace(s, regions=regions, reserved_gpu=load * (1 + 1e-9) + room, objective=goal)
    ids, points = [k.id for k in s.classes], [p.id for p in s.points]
    caps = []
    for n in range(int(pick.integers(1, 3))):
        own = {k for k in range(len(ids)) if pick.random() < 0.7} or {0}
        # Those that run soonest are cheapest: they are what a cap keeps from being taken.
        fast = sorted(range(len(points)), key=lambda o: oracle.gpu_h(s, min(own), o))
        low = set(fast[: int(pick.integers(1, max(len(fast), 2)))])
        window, shares = list(Window)[int(pick.integers(4))], [0.0]
        for steps in oracle.windows(s, window):
            ran = {at: o for at, (_, _, o) in witness.items() if at[1] in own and at[2] in steps}
            many = {at: s.demand_per_h[at] * s.hours.hours[at[2]] for at in ran}
            every = sum(many.values())
            if every > 0:
                shares.append(sum(many[at] for at, o in ran.items() if o in low) / every)
        most = min(max(shares) * (1 + 1e-9), 1.0)
        caps.append(ShareCap(f"cap-{n}", tuple(ids[k] for k in sorted(own)),
                             tuple(points[o] for o in sorted(low)), most, window))  # fmt: skip
    return replace(s, share_caps=tuple(caps))


def test_caps_count_by_arrival_in_the_reference_too() -> None:
    """GLPK has a column for each step of arrival and of running, and a row for each cap and window
    of arrival: the optimum is the same, the plan's own prices prove it, and what is told to be
    degraded is within the caps. Many draws bind in a window that requests leave by waiting."""
    seen: Counter[str] = Counter()

    @given(s=capped())
    @examples(100)
    def each(s: Scenario) -> None:
        status, expected = oracle_waiting(s)
        assert status == "optimal"
        placed = wattlas.plan(s)
        assert placed.status is Status.OPTIMAL, placed.conflict
        assert abs(placed.objective - expected) <= 1e-6 * max(abs(expected), 1e-9) + 1e-9
        proof = certify(placed)
        assert proof.gap <= 2e-6
        assert proof.worst <= 1e-6, proof.residuals
        for report in placed.limits:
            assert report.share <= report.share_max + 1e-6
        left = [cap.id for cap in s.share_caps if left_by_waiting(s, cap)]
        seen["draws"] += 1
        seen["bind"] += any(report.price > 1e-9 for report in placed.limits if report.id in left)
        seen["program"] += bool(left) and placed.info.programs > 0

    each()
    assert seen["program"] >= 0.3 * seen["draws"], dict(seen)
    assert seen["bind"] >= 0.1 * seen["draws"], dict(seen)


@given(s=waiting(), more=one_of(1, 3))
@examples(20)
def test_more_patience_is_never_costlier(s: Scenario, more: int) -> None:
    """Nor is any patience at all."""
    longer = replace(
        s,
        classes=tuple(
            replace(k, may_wait_h=k.may_wait_h + more * s.hours.step_h) for k in s.classes
        ),
    )
    none, some, much = (wattlas.plan(each).objective for each in (patient(s, 0), s, longer))
    slack = 1e-9 * abs(none) + 1e-12
    assert much <= some + slack <= none + 2 * slack


@given(s=waiting())
@examples(20)
def test_every_request_runs_once_and_in_time(s: Scenario) -> None:
    """What runs of a metro and class up to a step is between what is due and what has arrived."""
    placed = wattlas.plan(s)
    assert placed.flows is not None
    ran = np.zeros(s.demand_per_h.shape)
    f = placed.flows
    np.add.at(ran, (f.metro, f.klass, f.hour), f.requests_per_h)
    due = np.zeros_like(ran)
    for k, t in itertools.product(range(len(s.classes)), range(s.hours.count)):
        due[:, k, may_run(s, k, t)[-1]] += s.demand_per_h[:, k, t]
    size = 1e-8 * (s.demand_per_h.max() + 1e-9)
    assert (np.cumsum(ran, 2) <= np.cumsum(s.demand_per_h, 2) + size).all()
    assert (np.cumsum(ran, 2) >= np.cumsum(due, 2) - size).all()
    np.testing.assert_allclose(placed.as_run.demand_per_h, ran, atol=size)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("minimise", Minimise)
def test_without_limits_it_is_the_cheapest_hour(seed: int, minimise: Minimise) -> None:
    """Free accelerators: each request at its cheapest place in the cheapest step it may run in, the
    earliest among equals."""
    s = patient(world(seed, hours=SIX), 0, 2, 4).with_endless_capacity()
    s = replace(
        s,
        objective=Objective(minimise=minimise),
        classes=tuple(replace(k, mean_accuracy_min=None) for k in s.classes),
    )
    unit = oracle.unit_usd if minimise is Minimise.COST else oracle._least_carbon(s)
    places, _ = oracle.open_places(s)
    total = 0.0
    for (i, k), open_to in places.items():
        shed = [oracle.UNSERVED] if s.classes[k].unserved_usd_per_request is not None else []
        for a in range(6):
            least = min(
                unit(s, i, k, r, o, t) for t in may_run(s, k, a) for r, o in [*open_to, *shed]
            )
            total += float(s.demand_per_h[i, k, a]) * least
    placed = wattlas.plan(s)
    assert placed.info.solver == "closed form per hour"
    shed_t = placed.totals.unserved_requests * oracle.shed_t(s)
    extra = shed_t if minimise is Minimise.CARBON else 0.0
    assert placed.objective + extra == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize("minimise", Minimise)
@pytest.mark.parametrize("seed", range(3))
def test_nothing_waits_for_an_hour_that_is_as_good(seed: int, minimise: Minimise) -> None:
    """Where all hours are alike in demand, accelerators, prices and carbon, ties run earliest."""
    s = world(seed, SIX)

    def alike(values: np.ndarray) -> np.ndarray:
        return np.repeat(values[..., :1], SIX.count, axis=-1)

    signals = {
        name: alike(getattr(s.signals, name))
        for name in ("price_usd_per_mwh", "average_g_per_kwh", "marginal_g_per_kwh")
    }
    s = replace(
        s,
        demand_per_h=alike(s.demand_per_h),
        reserved_gpu=alike(s.reserved_gpu),
        signals=replace(s.signals, **signals),
        objective=Objective(minimise=minimise),
    )
    placed = wattlas.plan(patient(s, 2, 1))
    assert placed.ok
    assert placed.waited is not None
    for waits in placed.waited.by_class(placed.scenario):
        assert waits.later_requests <= 1e-9 * waits.requests
        assert waits.most_h == 0.0


def test_no_patience_is_no_waiting() -> None:
    """With 0 everywhere nothing is different, and nothing is told."""
    s = world(1, hours=SIX)
    before, after = wattlas.plan(s), wattlas.plan(patient(s, 0))
    assert after.waited is None
    assert after.as_run is after.scenario
    assert after.totals == before.totals


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("steps", [1, 3])
def test_the_search_brackets_the_optimum(seed: int, steps: int) -> None:
    """Its value is that of a placement, its bound is below every one, and they nearly meet."""
    s = patient(world(seed, hours=SIX), 0, steps)
    status, expected = oracle_waiting(s)
    assert status == "optimal"
    instance = build_instance(s)
    found = search(instance, Queue.of(instance), cost(instance))
    assert not found.shed
    assert found.value >= expected * (1 - 1e-8)
    assert found.bound <= expected * (1 + 1e-8)
    assert found.gap <= 1e-3


def test_more_demand_than_an_hour_holds_waits_for_the_next() -> None:
    """A peak that does not fit is an error without patience, and fits with it; with too little
    altogether the error names the hour and how much is short."""
    s = shipped("tiny").at_hours(np.arange(6))
    demand = np.zeros_like(s.demand_per_h)
    demand[:, 1, [0, 2, 4]] = s.demand_per_h[:, 1].sum(axis=1)[:, None]
    held = float((demand.sum(axis=0) * s.gpu_h.min(axis=1)[:, None]).sum()) / 3
    peak = replace(
        s,
        demand_per_h=demand,
        reserved_gpu=np.full_like(s.reserved_gpu, 0.8 * held / len(s.regions)),
        regions=tuple(replace(r, on_demand_gpu=0.0) for r in s.regions),
    )
    assert wattlas.plan(peak).status is Status.INFEASIBLE
    placed = wattlas.plan(patient(peak, 1))
    assert placed.status is Status.OPTIMAL
    assert placed.waited is not None
    assert placed.waited.without is None
    waits = placed.waited.by_class(placed.scenario)[1]
    assert waits.most_h == 1.0
    assert waits.later_requests >= (1 - 1e-6) * 0.2 * waits.requests
    arrivals = Arrivals.of(build_instance(patient(peak, 1)))
    asked = arrivals.instance.demand > 0
    assert not asked[:, 1].any()
    asked[:, 1:] |= asked[:, :-1]  # what came an hour before
    np.testing.assert_array_equal(arrivals.alive, asked)
    short = replace(peak, reserved_gpu=0.5 * peak.reserved_gpu)
    refused = wattlas.plan(patient(short, 1))
    assert refused.status is Status.INFEASIBLE
    assert "GPU-h are short" in refused.conflict


def test_a_relative_cap_needs_a_baseline_that_serves() -> None:
    """Peaks that are served by waiting alone have no baseline at once: a share of it is refused,
    with the first hour, how many more, and the figure to give; that figure is kept."""
    s = shipped("tiny", set=["classes.D.may_wait_h=1"]).at_hours(np.arange(6))
    demand = np.zeros_like(s.demand_per_h)
    demand[:, 1, [0, 2, 4]] = s.demand_per_h[:, 1].sum(axis=1)[:, None]
    held = float((demand.sum(axis=0) * s.gpu_h.min(axis=1)[:, None]).sum()) / 3
    regions = tuple(replace(r, on_demand_gpu=0.0) for r in s.regions)
    few = np.full_like(s.reserved_gpu, 0.8 * held / len(regions))
    s = replace(s, demand_per_h=demand, reserved_gpu=few, regions=regions)
    with pytest.raises(
        InputError,
        match=r"no placement: not everyone .* at once at 2023-06-01T00:00:00Z and 2 more.*cap_t",
    ):
        wattlas.plan(s, objective=Objective(carbon_cap_share=0.9))
    free = wattlas.plan(s).totals.carbon_kg / 1000.0
    assert wattlas.plan(s, objective=Objective(carbon_cap_t=free)).status is Status.OPTIMAL


@given(
    arrived=st.lists(st.integers(0, 9), min_size=1, max_size=7),
    delay=st.lists(st.integers(0, 3), min_size=7, max_size=7),
)
@examples(100)
def test_waits_are_those_of_a_queue(arrived: list[int], delay: list[int]) -> None:
    """First in, first out: what is told equals a line that is filled and emptied."""
    count = len(arrived)
    hours = Hours.range("2023-01-01T00:00:00", count)
    ran = np.zeros(count)
    for t, many in enumerate(arrived):
        ran[min(t + delay[t], count - 1)] += many
    steps, requests = waited_steps(np.array([arrived], float), ran[None], hours)
    told = {n: v for n, v in enumerate(np.bincount(steps, requests, 1)) if v > 0}
    expected = queue_by_hand(np.array(arrived, float), ran, hours)
    assert told == pytest.approx({n: v for n, v in expected.items() if v > 0})


@given(
    arrived=st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=6),
    delay=st.lists(st.integers(0, 3), min_size=6, max_size=6),
)
@examples(100)
def test_members_of_a_source_share_first_in_first_out(
    arrived: list[tuple[int, ...]], delay: list[int]
) -> None:
    """What runs of each adds up to what runs of all, and nobody overtakes: each member's own queue
    waits as the common one does."""
    count = len(arrived)
    came = np.array(arrived, float).T
    hours, ran = Hours.range("2023-01-01T00:00:00", count), np.zeros(count)
    for t in range(count):
        ran[min(t + delay[t], count - 1)] += came[:, t].sum()
    shared = shared_first_in(came, ran, hours)
    np.testing.assert_allclose(shared.sum(axis=0), ran, atol=1e-9)
    np.testing.assert_allclose(shared.sum(axis=1), came.sum(axis=1), atol=1e-7)
    whole = queue_by_hand(came.sum(axis=0), ran, hours)
    own: dict[int, float] = {}
    for member, run in zip(came, shared, strict=True):
        for steps, many in queue_by_hand(member, run, hours).items():
            own[steps] = own.get(steps, 0.0) + many
    for steps in {*own, *whole}:
        assert own.get(steps, 0.0) == pytest.approx(whole.get(steps, 0.0), abs=1e-5)


@pytest.mark.parametrize("hours", [-1.0, 1.5, float("nan"), float("inf")])
def test_patience_is_a_number_of_whole_steps(hours: float) -> None:
    """Below 0, within a step, unknown or without end: refused, and the class named."""
    s = world(1, hours=SIX)
    with pytest.raises(InputError, match=f"classes.{s.classes[0].id}.may_wait_h"):
        replace(s, classes=(replace(s.classes[0], may_wait_h=hours), *s.classes[1:]))


def test_what_does_not_go_together_is_refused_at_once() -> None:
    """Switching costs tie hours, too."""
    s = patient(world(1, hours=SIX), 2)
    both = replace(s, frictions=replace(s.frictions, start_usd_per_gpu_h=1.0))
    with pytest.raises(InputError) as refused:
        wattlas.plan(both)
    assert [problem.where for problem in refused.value.problems] == ["frictions"]


def test_the_columns_of_the_queue_by_hand() -> None:
    """q[t] − q[t−1] + z[t] = d[t], and what is left is at most what is not yet due."""
    s = patient(world(2, hours=SIX), 0, 2)
    instance = build_instance(s)
    (linking,) = linkings(s)
    layout = ColumnLayout(instance, np.arange(6), linking.blocks(instance))
    (rows,) = linking.rows(layout)
    queue = Queue.of(instance)
    left = np.random.default_rng(0).uniform(0, 1, queue.arrived.shape) * queue.most_waiting
    before = np.concatenate([np.zeros((len(queue), 1)), left[:, :-1]], axis=1)
    x = np.zeros(layout.columns)
    x[layout.column("q")] = left.T
    x[layout.column("z")] = (queue.arrived + before - left).T
    at = np.add.reduceat(rows.value * x[rows.index], rows.start[:-1])
    np.testing.assert_allclose(at, rows.lower)
    np.testing.assert_array_equal(rows.lower, rows.upper)
    for n, t in itertools.product(range(len(queue)), range(6)):
        k = instance.klass[queue.source[n]]
        may = [a for a in range(t + 1) if may_run(s, k, a)[-1] > t]
        assert queue.most_waiting[n, t] == pytest.approx(queue.arrived[n, may].sum(), abs=1e-9)


@pytest.mark.parametrize("steps", [1, 3])
def test_changes_add_up_where_requests_wait(steps: int) -> None:
    """Each request is matched when it arrives, at what it comes to when it runs: the changes are
    the saving, and nothing appears from nowhere."""
    s = shipped("tiny", set=[f"classes.D.may_wait_h={steps}"])
    placed, base = wattlas.plan(s), baseline_policy(build_instance(s))
    found = changed(placed, base)
    assert found.usd.sum() == pytest.approx(
        base.totals.variable_usd - placed.totals.variable_usd, rel=1e-9
    )
    assert found.requests.sum() == pytest.approx(placed.totals.requests, rel=1e-9)


def test_what_is_told_of_waiting() -> None:
    """How long, what it saves, that it emits more, and whose patience was cut; and as JSON."""
    s = shipped("tiny", set=["classes.D.may_wait_h=3"])
    placed = wattlas.plan(s)
    still = wattlas.plan(shipped("tiny"))
    told = waits_mapping(placed)
    assert told is not None
    assert told["saved_usd"] == pytest.approx(still.objective - placed.objective)
    assert told["saved_kg"] == pytest.approx(still.totals.carbon_kg - placed.totals.carbon_kg)
    assert told["saved_kg"] < 0
    assert "emits" in " ".join(told["notes"])
    assert told["classes"][0]["cut_requests"] == pytest.approx(s.demand_per_h[:, 1, -3:].sum())
    assert waits_mapping(still) is None
    # A share of what is paid is told, of a cost below 0 none.
    assert placed.waited is not None
    paid = placed.waited.without
    assert paid is not None
    saved = paid.variable_usd - placed.totals.variable_usd
    share = f"{saved / paid.variable_usd:.2%} of the cost without reserved accelerators"
    assert share in told["notes"][0]
    for energy_usd, said in ((-1e6, False), (1e6, True)):
        waited = replace(placed.waited, without=replace(paid, energy_usd=energy_usd))
        notes = waiting_words(replace(placed, waited=waited))
        assert ("% of the cost" in notes[0]) is said


def test_no_saving_without_a_limit_at_negative_prices() -> None:
    """Accelerators without end and a price below 0: what waiting saves there is not shown."""
    s = shipped("tiny", set=["classes.D.may_wait_h=3"]).with_endless_capacity()
    signals = replace(s.signals, price_usd_per_mwh=s.signals.price_usd_per_mwh - 1000.0)
    told = waits_mapping(wattlas.plan(replace(s, signals=signals)))
    assert told is not None
    assert told["saved_usd"] is None
    assert "not shown" in told["notes"][0]


def test_patience_is_traced_and_swept() -> None:
    """What patience is worth falls with it; a sweep over it is the same."""
    s = shipped("tiny")
    waits_h, plans = over_patience(s, "D", (0.0, 1.0, 3.0, 6.0))
    cost_usd = [placed.objective for placed in plans]
    assert list(waits_h) == [0.0, 1.0, 3.0, 6.0]
    assert cost_usd == sorted(cost_usd, reverse=True)
    swept = wattlas.sweep(s, "classes.D.may_wait_h", [0.0, 1.0, 3.0, 6.0])
    assert [placed.objective for placed in swept.plans] == cost_usd
    table = patience_table(waits_h, plans)
    assert table["saving_usd"][3] == pytest.approx(cost_usd[0] - cost_usd[3])


def test_a_table_of_patience_is_its_plans_and_their_queues() -> None:
    """Column by column; the mean wait is what is pending at each hour's end over all requests of
    the classes that may wait, whoever of a class is first.
    """
    plans = [
        wattlas.plan(shipped("tiny", set=changes))
        for changes in ((), ("classes.A.may_wait_h=1", "classes.D.may_wait_h=4"))
    ]
    still, placed = plans
    table = patience_table((0.0, 4.0), plans)
    s, flows = placed.scenario, placed.flows
    assert flows is not None
    ran = np.zeros_like(s.demand_per_h)
    np.add.at(ran, (flows.metro, flows.klass, flows.hour), flows.requests_per_h)
    pending = np.cumsum(s.demand_per_h - ran, axis=2).sum(axis=(0, 2))
    requests = s.demand_per_h.sum(axis=(0, 2))
    assert pending[0] / requests[0] != pytest.approx(pending[1] / requests[1], rel=0.1)
    assert table["mean_wait_h"] == pytest.approx([0.0, pending.sum() / requests.sum()])
    assert table["wait_h"] == [0.0, 4.0]
    for name in ("cost_usd", "carbon_kg"):
        assert table[name] == [getattr(each.totals, name) for each in plans]
    assert table["saving_usd"] == pytest.approx(
        [0.0, still.totals.variable_usd - placed.totals.variable_usd]
    )
    assert table["saving_kg"] == pytest.approx(
        [0.0, still.totals.carbon_kg - placed.totals.carbon_kg]
    )
    assert table["gap"] == [each.info.gap for each in plans]


def test_a_class_that_waits_does_so_under_contract_too() -> None:
    """Of a class that is named alone, what adopted a contract waits as long; others do not."""
    s = shipped("tiny", set=["tiers.green={share_max: 0.3, adoption: 0.5}"])
    ((_, patient),) = by_patience(s, "A", [2.0])
    assert {k.id: k.may_wait_h for k in patient.classes} == {
        "A": 2.0, "D": 0.0, "A~green": 2.0, "D~green": 0.0,
    }  # fmt: skip


def test_somebody_must_be_patient() -> None:
    """Where no class may wait there is nothing to trace: the error says what to write."""
    s = shipped("tiny")
    with pytest.raises(UsageError, match="wait:NAME"):
        over_patience(s)


def test_a_study_of_what_waits() -> None:
    """The whole job runs, compares with a baseline that does not wait, and says what it leaves."""
    done = wattlas.study(shipped("tiny", set=["classes.D.may_wait_h=2"]), samples=3)
    saving = done.baseline.totals.variable_usd - done.plan.totals.variable_usd
    assert sum(done.tables["changes"]["saving_usd"]) == pytest.approx(saving, rel=1e-6)
    assert any("nothing waits in frontiers" in sentence for sentence in done.meta["limits"])


def test_a_cap_over_all_hours_is_kept() -> None:
    """Carbon at 97 % of the least-cost plan's, with patience: kept, and proven by its price."""
    s = shipped("tiny", set=["classes.D.may_wait_h=3"])
    free = wattlas.plan(s)
    cap = Objective(carbon_cap_t=0.97 * free.totals.carbon_kg / 1000.0)
    placed = wattlas.plan(s, objective=cap)
    assert placed.status is Status.OPTIMAL
    assert placed.totals.carbon_kg <= 0.97 * free.totals.carbon_kg * (1 + 1e-9)
    assert free.objective < placed.objective
    assert certify(placed).gap <= 1e-6
