"""A rolling horizon: the plan where it sees everything, the hour's plan where nothing couples."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import wattlas
from tests.replays.worlds import green
from tests.shipped import shipped
from wattlas.errors import InputError
from wattlas.model.frictions import Frictions, Initial
from wattlas.model.objective import Objective, Window
from wattlas.model.scenario import Scenario
from wattlas.model.workload import State as Sessions
from wattlas.placement.api import plan
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.solution.account import totals
from wattlas.policy.cap import Counts
from wattlas.policy.followed import followed
from wattlas.policy.forecasts.outlook import Perfect
from wattlas.policy.planned import Planned, optimum
from wattlas.policy.protocol import Forecast, Observed
from wattlas.policy.rolling import Rolling, oracle, rolling


def world(initial: Initial = Initial.BASELINE, start_usd: float = 0.3, **more: object) -> Scenario:
    """Half a day of the tiny example with a price on starting and signals that move."""
    tiny = shipped("tiny").at_hours(range(12))
    draw = np.random.default_rng(2)
    price = tiny.signals.price_usd_per_mwh * draw.uniform(0.2, 3.0, (len(tiny.signals.zones), 12))
    frictions = Frictions(start_usd_per_gpu_h=start_usd, initial=initial, **more)
    signals = replace(tiny.signals, price_usd_per_mwh=price)
    return replace(tiny, signals=signals, frictions=frictions)


def sticky(scenario: Scenario) -> Scenario:
    """With sessions that carry state when they move."""
    classes = tuple(
        replace(k, state=Sessions.STICKY, session_state_bytes=1e7) for k in scenario.classes
    )
    return replace(scenario, classes=classes)


@pytest.mark.parametrize("initial", list(Initial))
@pytest.mark.parametrize("moves", [False, True])
def test_seeing_all_it_is_the_plan_of_the_window(initial: Initial, moves: bool) -> None:
    """Perfect forecasts to the end, planned anew each hour: the cost of the whole plan to 1e-6."""
    scenario = world(initial, move_state=moves)
    scenario = sticky(scenario) if moves else scenario
    came = followed(scenario, rolling(scenario, 12), Perfect(scenario))
    whole = plan(scenario)
    assert whole.totals.friction_usd > 0 or initial is Initial.FREE
    assert came.totals.variable_usd == pytest.approx(whole.totals.variable_usd, rel=1e-6)
    assert came.over_gpu <= 1e-6
    apart = plan(replace(scenario, frictions=Frictions(initial=initial)))
    hourly = totals(build_instance(scenario), _merged(scenario, apart))
    assert hourly.variable_usd > whole.totals.variable_usd * (1 + 1e-4)


def _merged(scenario: Scenario, placed: wattlas.Plan):  # type: ignore[no-untyped-def]
    from wattlas.placement.problem.flows import SourceFlows, merge_equal

    flows, instance = placed.flows, build_instance(scenario)
    assert flows is not None
    source = instance.source_of[flows.metro, flows.klass]
    columns = (flows.hour, source, flows.region, flows.point)
    return merge_equal(SourceFlows(*(c.astype(np.int64) for c in columns), flows.requests_per_h))


def test_less_to_see_costs_no_less() -> None:
    """Perfect forecasts of fewer hours: never below the plan of the whole window."""
    scenario = world()
    best = plan(scenario).totals.variable_usd
    for look_ahead in (1, 4):
        came = followed(scenario, rolling(scenario, look_ahead), Perfect(scenario))
        assert came.totals.variable_usd >= best * (1 - 1e-9)


def test_where_nothing_couples_it_is_the_hours_plan() -> None:
    """Shares of every hour, those of the optimum."""
    scenario = replace(world(), frictions=Frictions())
    ours, theirs = Rolling(scenario, 24), optimum(scenario)
    perfect = Perfect(scenario)
    for step in range(scenario.hours.count):
        observed, forecast = seen(scenario, step), perfect.at(step, scenario.demand_per_h[..., :0])
        got, _ = ours.route(observed, forecast, {})
        wanted, _ = theirs.route(observed, forecast, {})
        np.testing.assert_allclose(dense(scenario, got), dense(scenario, wanted), atol=1e-9)


def seen(scenario: Scenario, step: int, counts: dict[str, Counts] | None = None) -> Observed:
    """What is observed at a step, by the scenario's rates."""
    last = scenario.demand_per_h[:, :, step - 1] if step else np.zeros(scenario.shape[:2])
    none = np.zeros(scenario.shape[2])
    return Observed(
        scenario.hours.utc[step], none, none, none, last, none, scenario.most_gpu[:, step],
        counts or {},
    )  # fmt: skip


def dense(scenario: Scenario, routing: wattlas.policy.routing.Routing) -> np.ndarray:  # type: ignore[name-defined]
    """Shares by metro, class, service, region and point."""
    i, k, r, o, _ = scenario.shape
    out = np.zeros((i, k, 2, r + 1, o))
    where = (routing.metro, routing.klass, routing.degraded.astype(int), routing.region)
    np.add.at(out, (*where, routing.point), routing.share)
    return out


@pytest.mark.parametrize("window", [Window.HOUR, Window.DAY, Window.ALL])
def test_a_cap_over_a_window_is_kept_from_plan_to_plan(window: Window) -> None:
    """What was degraded counts: seeing all, the plans' first hours cost what the whole plan does,
    with switching costs and without.
    """
    for frictions in (Frictions(), Frictions(start_usd_per_gpu_h=0.2)):
        scenario = green(0.15, window).at_hours(range(8))
        scenario = replace(
            scenario,
            demand_per_h=scenario.demand_per_h * 1e4,
            reserved_gpu=scenario.reserved_gpu * 1e4,
            frictions=frictions,
            objective=Objective(carbon_price_usd_per_t=500.0),
        )
        policy, perfect, state = Rolling(scenario, 24), Perfect(scenario), {}
        parts, delivered, granted = [], 0.0, 0.0
        cap = scenario.share_caps[0]
        low = [o.id in cap.points for o in scenario.points]
        counted = [k.id in cap.classes for k in scenario.classes]
        for step in range(8):
            observed = seen(scenario, step, {cap.id: Counts(round(delivered), round(granted))})
            forecast = perfect.at(step, scenario.demand_per_h[:, :, :step])
            _, state = policy.route(observed, forecast, json.loads(json.dumps(state)))
            ran = {n: np.array(column) for n, column in state["ran"].items()}
            in_cap = np.array(counted)[ran["klass"]]
            delivered += float(ran["requests_per_h"][in_cap].sum())
            at_low = in_cap & np.array(low)[ran["point"]]
            granted += float(ran["requests_per_h"][at_low].sum())
            parts.append((np.full(len(ran["klass"]), step), ran))
        assert 0 < granted <= 0.15 * delivered * (1 + 1e-6)
        flows = [wattlas.model.plan.Flows(  # type: ignore[attr-defined]
            hour, *(ran[n] for n in ("metro", "klass", "region", "point", "requests_per_h"))
        ) for hour, ran in parts]  # fmt: skip
        instance = build_instance(scenario)
        joined = replace(plan(scenario), flows=_joined(flows))
        ours = totals(instance, _merged(scenario, joined))
        wanted = plan(scenario).totals
        assert ours.variable_usd == pytest.approx(wanted.variable_usd, rel=1e-6)


def _joined(flows: list[wattlas.model.plan.Flows]) -> wattlas.model.plan.Flows:  # type: ignore[name-defined]
    from wattlas.model.plan import Flows

    names = ("hour", "metro", "klass", "region", "point", "requests_per_h")
    return Flows(*(np.concatenate([getattr(f, n) for f in flows]) for n in names))


def test_a_plan_may_be_followed_for_several_steps() -> None:
    """Planned every three hours: the routings in between come from the state, which is JSON."""
    scenario = world()
    policy, perfect, state = Rolling(scenario, 12, every=3), Perfect(scenario), {}
    whole = optimum(scenario)
    for step in range(6):
        observed = seen(scenario, step)
        forecast = perfect.at(step, scenario.demand_per_h[:, :, :step])
        routing, state = policy.route(observed, forecast, json.loads(json.dumps(state)))
        assert len(state["next"]) == 2 - step % 3
        wanted, _ = whole.route(observed, forecast, {})
        np.testing.assert_allclose(dense(scenario, routing), dense(scenario, wanted), atol=1e-6)
    came = followed(scenario, policy, perfect)
    assert came.totals.variable_usd == pytest.approx(plan(scenario).totals.variable_usd, rel=1e-6)


def test_demand_beyond_all_capacity_is_still_routed() -> None:
    """An expectation that nobody can serve gives shares that add up; nothing is sent to nowhere."""
    scenario = world()
    told = Perfect(scenario).at(0, scenario.demand_per_h[..., :0])
    much = replace(told, demand_per_h=told.demand_per_h * 1e6)
    routing, state = Rolling(scenario, 12).route(seen(scenario, 0), much, {})
    assert (routing.region < scenario.shape[2]).all()
    assert len(set(zip(routing.metro, routing.klass, strict=True))) == np.prod(scenario.shape[:2])
    calm, _ = Rolling(scenario, 12).route(seen(scenario, 1), _shifted(scenario), state)
    assert np.isfinite(calm.share).all()


def _shifted(scenario: Scenario) -> Forecast:
    return Perfect(scenario).at(1, scenario.demand_per_h[..., :1])


def test_what_it_cannot_keep_is_refused() -> None:
    """Caps over hours that it does not see, too short a sight, a time or forecast elsewhere."""
    scenario = world()
    capped = replace(scenario, objective=Objective(carbon_cap_t=1.0))
    for wrong, look_ahead, every, words in (
        (capped, 24, 1, "Give a carbon price instead"),
        (scenario, 2, 3, "Look at least as far ahead"),
    ):
        with pytest.raises(InputError, match=words):
            Rolling(wrong, look_ahead, every)
    policy, told = Rolling(scenario, 4), Perfect(scenario).at(3, scenario.demand_per_h[..., :3])
    with pytest.raises(InputError, match="the forecast begins elsewhere"):
        policy.route(seen(scenario, 2), told, {})
    with pytest.raises(InputError, match="no step of the scenario"):
        policy.route(replace(seen(scenario, 2), utc=np.datetime64("2020-01-01")), told, {})


def test_the_oracle_is_the_plan_in_hindsight() -> None:
    """Its routings are those of the plan of all hours."""
    scenario = world()
    policy = oracle(scenario)
    assert isinstance(policy, Planned)
    assert policy.name == "oracle"
    came = followed(scenario, policy, Perfect(scenario))
    assert came.totals.variable_usd == pytest.approx(plan(scenario).totals.variable_usd, rel=1e-9)
