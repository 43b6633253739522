"""The training environment: Gymnasium's own check, and an agent that plays a known policy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import wattlas
from tests.replays.worlds import green, thin
from wattlas.errors import MachineError, UsageError
from wattlas.model.scenario import Scenario
from wattlas.policy.protocol import Forecast
from wattlas.policy.registry import policy_of
from wattlas.studies import training
from wattlas.studies.training import Episodes, routing_env

pytestmark = pytest.mark.acceptance


def env_of(scenario: Scenario, **more: Any) -> Any:
    """The environment of a scenario."""
    pytest.importorskip("gymnasium")
    return routing_env(scenario, **more)


@pytest.fixture(scope="module")
def small() -> Scenario:
    """A twentieth of the tiny example's demand, four hours."""
    return thin(wattlas.example("tiny"), 0.05)


def forecast_of(scenario: Scenario) -> Forecast:
    """A forecast that planned policies do not look at."""
    none = np.zeros((scenario.shape[2], 0))
    utc = scenario.hours.utc
    demand = np.zeros((*scenario.shape[:2], 0))
    return Forecast(utc[0], utc[:0], 1.0, none, none, demand, np.zeros(0, dtype=bool))


def test_gymnasium_finds_nothing_wrong() -> None:
    """Spaces, seeds, shapes and types are what Gymnasium demands, with a contract, too."""
    env = env_of(thin(green(), 0.05))
    from gymnasium.utils.env_checker import check_env

    check_env(env, skip_render_check=True)


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("name", ["nearest", "plan"])
def test_an_agent_that_plays_a_policy_pays_what_the_replay_says(
    name: str, seed: int, small: Scenario
) -> None:
    """Rewards add up to minus the replay's cost and carbon, to 1e-9; the requests are the same."""
    outcome = wattlas.replay(small, name, trial=wattlas.Trial(first_seed=seed))[name]
    policy, forecast = policy_of(small, name), forecast_of(small)
    for usd, kg in ((1.0, 0.0), (0.5, 2.0)):
        env = env_of(small, usd_weight=usd, kg_weight=kg)
        env.reset(seed=seed)
        paid, ended, steps = 0.0, False, 0
        while not ended:
            routing, _ = policy.route(env.episodes.observed(), forecast, {})
            _, reward, ended, truncated, _ = env.step(env.episodes.weights_of(routing))
            paid, steps = paid - reward, steps + 1
            assert not truncated
        totals = outcome.totals
        assert steps == outcome.steps
        assert env.episodes.run.came == outcome.requests
        assert paid == pytest.approx(usd * totals.variable_usd + kg * totals.carbon_kg, rel=1e-9)


def test_weights_are_scaled_within_each_set(small: Scenario) -> None:
    """Shares of every set add up to 1, for random weights and for none at all."""
    env = env_of(small)
    rng = np.random.default_rng(0)
    for weight in (rng.random(env.action_space.shape), np.zeros(env.action_space.shape)):
        shares = env.episodes.places.shares(weight)
        sums = np.bincount(env.episodes.places.group, shares)
        assert sums[np.unique(env.episodes.places.group)] == pytest.approx(1.0)
    assert (env.episodes.places.region < small.shape[2]).all()


def test_an_action_comes_back_from_its_routing(small: Scenario) -> None:
    """Also of places in degraded service, of some places alone, and in any order of the entries."""
    for scenario in (small, thin(green(), 0.05)):
        episodes = Episodes(scenario)
        episodes.begin(0)
        places, observed = episodes.places, episodes.observed()
        assert places.degraded.any() == (scenario is not small)
        draw = np.random.default_rng(1)
        for kept in (1.0, 0.4):
            weight = draw.random(len(places.group))
            wanted = places.shares(np.where(draw.random(len(weight)) < kept, weight, 0.0))
            episodes.agent.weight = wanted
            routing, _ = episodes.agent.route(observed, forecast_of(scenario), {})
            order = draw.permutation(len(routing.share))
            mixed = {n: getattr(routing, n)[order] for n in
                     ("metro", "klass", "degraded", "region", "point", "share")}  # fmt: skip
            assert episodes.weights_of(replace(routing, **mixed)) == pytest.approx(
                wanted, rel=1e-12
            )


def test_degraded_places_are_used_within_the_cap() -> None:
    """With weights everywhere a contract's requests are degraded, and no prefix is over its cap."""
    env = env_of(thin(green(), 0.2))
    env.reset(seed=1)
    observation, ended = {}, False
    while not ended:
        observation, _, ended, _, _ = env.step(np.ones(env.action_space.shape))
    delivered, granted = observation["counts"][0]
    assert 0 < granted <= 0.15 * delivered + 1
    from wattlas.replays.outcome import outcome_of

    assert outcome_of(env.episodes.run, "agent").over_cap == 0


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named, with the command that installs it."""
    monkeypatch.setattr(training, "find_spec", lambda name: None)
    with pytest.raises(MachineError, match=r"gymnasium: .*pip install 'wattlas\[gym\]'"):
        routing_env(wattlas.example("tiny"))


def test_wrong_use_in_words(small: Scenario) -> None:
    """A step before the first reset, weights of a reward that are none."""
    env = env_of(small)
    with pytest.raises(UsageError, match="reset the environment first"):
        env.step(np.zeros(env.action_space.shape))
    with pytest.raises(UsageError, match="usd_weight"):
        env_of(small, usd_weight=0.0)
