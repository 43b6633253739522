"""A carbon budget kept online: within the stated slack at every step, by a price that follows."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import wattlas
from tests.feasible import feasible
from tests.policy.asked import forecast, observed, rates
from tests.replays.worlds import thin
from tests.shipped import shipped
from wattlas.errors import InfeasibleError, UsageError
from wattlas.model.scenario import Scenario
from wattlas.policy.loop import Loop
from wattlas.policy.registry import policy_of
from wattlas.replays.arrivals.stream import AtRates
from wattlas.replays.run import replay


def emitted_kg(s: Scenario, rate: np.ndarray, hour: int) -> float:
    """Carbon of an hour's requests (I, K, R + 1, O), from the scenario's arrays alone."""
    kwh = rate[:, :, :-1] * s.it_kwh[None, :, None, :]
    grams = (kwh.sum(axis=(0, 1, 3)) * s.pue * s.deciding_g_per_kwh[:, hour]).sum()
    return float(grams) / 1e3 * float(s.hours.hours[hour])


def walk(s: Scenario, name: str, noise: np.ndarray | None = None) -> list[dict[str, float]]:
    """Of each step: the price, what was emitted, and the settled carbon that the policy knows.

    What comes is the demand that was forecast, times `noise` (T,) where it is given.
    """
    loop, came, told = Loop.of(s, policy_of(s, name)), np.zeros(s.shape[:2]), []
    for hour in range(s.hours.count):
        routing = loop.tick(observed(s, hour, came), forecast(s, hour))
        factor = 1.0 if noise is None else float(noise[hour])
        came = s.demand_per_h[:, :, hour] * factor
        state = json.loads(json.dumps(loop.state))
        kg = emitted_kg(s, rates(s, routing, hour) * factor, hour)
        price, known = state["price_usd_per_t"], state["settled_kg"]
        told.append({"kg": kg, "price": price, "known": known})
    return told


def extremes(s: Scenario) -> tuple[float, float]:
    """(least, cheapest) carbon of the scenario, kg, by the plans."""
    green, cheap = (wattlas.plan(s, objective=kind).totals for kind in ("carbon", "cost"))
    return green.carbon_kg, cheap.carbon_kg


@settings(max_examples=20)
@given(
    feasible(caps=False, tiers=False, minima=False),
    st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.5]),
    st.sampled_from([0.0, 0.01, 0.2]),
)
def test_the_budget_is_kept_at_every_step(world: Scenario, part: float, slack: float) -> None:
    """On random worlds where the budget can be kept: up to each step no more than the pace and the
    slack, in all no more than the budget and the slack; the policy's own account is the truth.
    """
    world = replace(world, objective=world.plain_objective)
    assume(world.signals.priced)
    least, cheapest = extremes(world)
    budget = least + part * (cheapest - least)
    assume(budget > 1e-9)
    name = f"gar:budget_kg={budget!r},slack={slack}"
    made = policy_of(world, name)
    steps = walk(world, name)
    total = np.cumsum([step["kg"] for step in steps])
    pace = np.cumsum(made.pace_kg)  # type: ignore[attr-defined]
    assert pace[-1] == pytest.approx(budget)
    assert (total <= (pace + slack * budget) * (1 + 1e-6) + 1e-9).all()
    known = [step["known"] for step in steps[1:]]
    np.testing.assert_allclose(known, total[:-1], rtol=1e-6, atol=1e-9)


@pytest.fixture(scope="module")
def tiny() -> Scenario:
    """The tiny example, its cleanest region the most expensive."""
    s = shipped("tiny")
    prices = s.signals.price_usd_per_mwh.copy()
    cleanest = int(s.signals.average_g_per_kwh.mean(axis=1).argmin())
    prices[cleanest] = prices.max(axis=0) + 50.0
    return replace(s, signals=replace(s.signals, price_usd_per_mwh=prices))


def test_the_price_follows_the_settled_carbon(tiny: Scenario) -> None:
    """It rises after a step above its pace by the step's rule, falls after one below, and is
    never negative.
    """
    name = "gar:share=0.8,slack=0.5"
    pace = policy_of(tiny, name).pace_kg  # type: ignore[attr-defined]
    steps = walk(tiny, name)
    assert steps[0]["price"] == 0.0
    for n in range(1, len(steps)):
        before, now = steps[n - 1], steps[n]
        over = before["kg"] - pace[n - 1]
        assert now["price"] >= 0
        if over > 1e-9 * pace[n - 1]:
            assert now["price"] > before["price"]
        elif before["price"] > 0:
            assert now["price"] < before["price"]
    assert max(step["price"] for step in steps) > 0


def test_a_budget_that_nothing_threatens_changes_nothing(tiny: Scenario) -> None:
    """With more than the cheapest placement emits, it is the cheapest placement."""
    _, cheapest = extremes(tiny)
    steps = walk(tiny, f"gar:budget_kg={2 * cheapest}")
    assert sum(step["kg"] for step in steps) == pytest.approx(cheapest, rel=1e-6)
    assert {step["price"] for step in steps} == {0.0}


def test_it_costs_little_more_than_hindsight(tiny: Scenario) -> None:
    """Between the least cost under the budget, known afterwards, and the least-carbon placement."""
    least, cheapest = extremes(tiny)
    budget = 0.5 * (least + cheapest)
    small = thin(tiny, 0.05, 24)
    small = replace(small, reserved_gpu=small.reserved_gpu * 0.05 + 2.0)
    best = wattlas.plan(small, objective=wattlas.Objective(carbon_cap_t=budget * 0.05 / 1e3))
    outcome = replay(
        small, policy_of(small, f"gar:budget_kg={budget * 0.05},slack=0"),
        AtRates(small, even=True),
    )  # fmt: skip
    green = wattlas.plan(small, objective="carbon").totals.variable_usd
    assert outcome.totals.carbon_kg <= budget * 0.05 * (1 + 1e-3)
    cheap = wattlas.plan(small).totals.variable_usd
    assert cheap < best.totals.variable_usd * (1 + 1e-6)
    spent = outcome.totals.variable_usd - best.totals.variable_usd
    assert -1e-3 * green < spent < 0.3 * (green - best.totals.variable_usd)


def test_more_demand_than_expected_is_made_up_for(tiny: Scenario) -> None:
    """Where a fifth more comes in the first steps, later ones emit less, and the budget is kept."""
    noise = np.where(np.arange(tiny.hours.count) < 4, 1.2, 1.0)
    least, cheapest = extremes(tiny)
    budget = 0.3 * least + 0.7 * cheapest
    name = f"gar:budget_kg={budget!r}"
    calm = np.array([step["kg"] for step in walk(tiny, name)])
    after = np.array([step["kg"] for step in walk(tiny, name, noise)])
    assert after[5:].sum() < calm[5:].sum()
    assert after.sum() <= budget * 1.01 * (1 + 1e-6)


def test_where_even_the_cleanest_is_too_much_it_is_the_cleanest(tiny: Scenario) -> None:
    """After steps with more demand than a tight budget has room for, all runs where least is
    emitted, and nothing runs less than not at all; the cleanest region has no room for all."""
    gpu = tiny.reserved_gpu.copy()
    gpu[int(tiny.average_g_per_kwh.mean(axis=1).argmin())] = 3.0
    tiny = replace(tiny, reserved_gpu=gpu)
    least, _ = extremes(tiny)
    noise = np.where(np.arange(tiny.hours.count) < 6, 1.3, 1.0)
    steps = walk(tiny, f"gar:budget_kg={least * (1 + 1e-6)!r},slack=0,rate=1e-6", noise)
    later = policy_of(tiny, f"gar:budget_kg={least!r}").pace_kg[7:]  # type: ignore[attr-defined]
    assert [step["kg"] for step in steps[7:]] == pytest.approx(later, rel=1e-4)


def test_what_cannot_be_kept(tiny: Scenario) -> None:
    """A budget below the least is refused with the least; options are checked."""
    least, _ = extremes(tiny)
    with pytest.raises(InfeasibleError, match=f"the least that .* emits is {least:.4g}"):
        policy_of(tiny, f"gar:budget_kg={0.9 * least}")
    with pytest.raises(UsageError, match="slack is `-1`"):
        policy_of(tiny, "gar:slack=-1")
