"""One policy, two clocks: the same recorded inputs give the same routings, and state is kept."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

import wattlas
from tests.replays.worlds import Fixed, green, thin
from tests.shipped import shipped
from wattlas.errors import InputError
from wattlas.policy.loop import Loop
from wattlas.policy.planned import nearest, optimum
from wattlas.policy.protocol import Forecast, Observed, Policy, State
from wattlas.policy.registry import entries, policy_of
from wattlas.policy.rolling import rolling
from wattlas.policy.routing import Routing
from wattlas.replays.arrivals.stream import AtRates
from wattlas.replays.run import replay


@dataclass
class Recorder:
    """A policy that writes down what it was asked and what it answered, and counts in its state."""

    inner: Policy
    name: str = "recorder"
    ticks: list[tuple[Observed, Forecast]] = field(default_factory=list)
    routings: list[Routing] = field(default_factory=list)

    def route(self, observed: Observed, forecast: Forecast, state: State) -> tuple[Routing, State]:
        """What the inner policy says."""
        self.ticks.append((observed, forecast))
        routing, inner = self.inner.route(observed, forecast, state.get("inner", {}))
        self.routings.append(routing)
        return routing, {"ticks": state.get("ticks", 0) + 1, "inner": inner}


@pytest.mark.parametrize("name", [*entries(), "rolling"])
def test_the_same_inputs_give_the_same_routings_under_another_clock(name: str) -> None:
    """What replay observed, driven again tick by tick as a live loop would: equal, bit by bit, for
    every policy and with a contract."""
    world = thin(green(), 0.001, 6)

    def made() -> Policy:
        return rolling(world, 3) if name == "rolling" else policy_of(world, name)

    recorder = Recorder(made())
    replay(world, recorder, AtRates(world, seed=1))
    assert len(recorder.ticks) == 6
    live = Loop.of(world, Recorder(made()))
    for n, ((observed, forecast), before) in enumerate(
        zip(recorder.ticks, recorder.routings, strict=True), 1
    ):
        routing = live.tick(observed, forecast)
        assert routing.epoch == n
        for column in ("metro", "klass", "degraded", "region", "point", "share", "saving_usd"):
            np.testing.assert_array_equal(getattr(routing, column), getattr(before, column))
    assert json.loads(json.dumps(live.state)) == live.state
    assert live.state["ticks"] == 6
    demand = np.array([observed.demand_per_h.sum() for observed, _ in recorder.ticks])
    assert demand[0] == 0
    assert (demand[1:] > 0).all()


def test_routings_of_another_world_are_refused() -> None:
    """Ids must be the scenario's, and hours those of the placement."""
    world = thin(shipped("tiny"), 0.001)
    observed, forecast = _tick(world)
    for name in ("metros", "classes", "points", "regions"):

        def wrong(routing: Routing, name: str = name) -> Routing:
            return replace(routing, **{name: getattr(routing, name)[::-1]})

        with pytest.raises(InputError, match=f"policy.fixed.{name}: are not those of the scenario"):
            Loop.of(world, Fixed(world, change=wrong)).tick(observed, forecast)
    with pytest.raises(InputError, match="which the placement does not hold"):
        nearest(world).route(replace(observed, utc=np.datetime64("2020-01-01")), forecast, {})
    with pytest.raises(wattlas.errors.UsageError, match="there is no `wat`"):
        policy_of(world, "wat")


def test_demand_of_which_nothing_is_said_is_refused() -> None:
    """Every metro and class that asks for something has places, or none said aloud."""
    world = thin(shipped("tiny"), 0.001)
    observed, forecast = _tick(world)

    def silent(routing: Routing) -> Routing:
        kept = (routing.metro != 1) | (routing.klass != 0)
        arrays = ("metro", "klass", "degraded", "region", "point", "share")
        return replace(routing, **{name: getattr(routing, name)[kept] for name in arrays})

    metro, klass = world.metros[1].id, world.classes[0].id
    with pytest.raises(InputError, match=f"says nothing of requests of {metro}, class {klass}"):
        Loop.of(world, Fixed(world, change=silent)).tick(observed, forecast)


def _tick(world: wattlas.Scenario) -> tuple[Observed, Forecast]:
    recorder = Recorder(Fixed(world))
    replay(world, recorder, AtRates(world))
    return recorder.ticks[0]


def test_shares_are_the_plans_flows() -> None:
    """In every hour and set, shares times demand are the flows of the plan."""
    world = shipped("tiny")
    policy = optimum(world)
    observed, forecast = _tick(thin(world, 0.001))
    flows = policy.placed.flows  # type: ignore[attr-defined]
    for hour in (0, 11):
        at = replace(observed, utc=world.hours.utc[hour])
        routing, _ = policy.route(at, forecast, {})
        got = np.zeros(world.shape[:4])
        where = (routing.metro, routing.klass, routing.region, routing.point)
        got[where] = routing.share * world.demand_per_h[routing.metro, routing.klass, hour]
        wanted = np.zeros(world.shape[:4])
        rows = flows.hour == hour
        index = tuple(getattr(flows, n)[rows] for n in ("metro", "klass", "region", "point"))
        np.add.at(wanted, index, flows.requests_per_h[rows])
        np.testing.assert_allclose(got, wanted, atol=1e-6 * wanted.max())
