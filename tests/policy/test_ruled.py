"""Policies that wrap rules: what they route is what the rule places, within masks and capacity."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wattlas
from tests.feasible import feasible
from tests.policy.asked import driven, forecast, observed, priced, rates
from tests.replays.worlds import green, thin
from tests.shipped import shipped
from wattlas.errors import InfeasibleError, InputError, UsageError
from wattlas.model.offer import full_service
from wattlas.model.plan import UNSERVED, Plan
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.placement.compare.baselines import baseline
from wattlas.placement.problem.feasibility import degraded_points, feasibility
from wattlas.placement.problem.instance import build_instance
from wattlas.policy.loop import Loop
from wattlas.policy.registry import entries, parsed, policy_of, split
from wattlas.policy.rolling import rolling
from wattlas.policy.rules import hourly
from wattlas.policy.rules.fallback import Nearest
from wattlas.policy.rules.hourly import step_of
from wattlas.policy.rules.ruled import latency
from wattlas.replays.arrivals.stream import AtRates
from wattlas.replays.run import replay

COMPARED = {
    "uniform": "uniform",
    "greedy": "greedy_cost",
    "greedy:by=carbon": "greedy_carbon",
    "best-region": "best_region_cost",
    "best-region:by=carbon": "best_region_carbon",
    "static-shares": "static_cost",
    "static-shares:by=carbon": "static_carbon",
    "hourly-shares": "hourly_table_cost",
    "weighted:cost=1,carbon=0": "greedy_cost",
    "weighted:cost=0,carbon=3": "greedy_carbon",
}
"""Policy → the rule of `placement.compare` that it must follow."""
ROOMY = ("least-cost", "least-carbon", "greedy", "weighted:latency=1")
"""Policies that look at capacity."""


def placed_at(made: Plan, hour: int) -> np.ndarray:
    """Requests/h of a plan in a step, unserved as the last region; (I, K, R + 1, O)."""
    i, k, r, o, _ = made.scenario.shape
    assert made.flows is not None
    part = made.flows.where(made.flows.hour == hour)
    rate = np.zeros((i, k, r + 1, o))
    region = np.where(part.region == UNSERVED, r, part.region)
    np.add.at(rate, (part.metro, part.klass, region, part.point), part.requests_per_h)
    return rate


@pytest.fixture(scope="module")
def tiny() -> Scenario:
    """The tiny example."""
    return shipped("tiny")


@pytest.mark.parametrize("name", COMPARED)
def test_a_policy_routes_what_its_rule_places(tiny: Scenario, name: str) -> None:
    """Shares times demand are the rule's flows in every hour, to 1e-9 of the largest."""
    made = baseline(build_instance(tiny), COMPARED[name])
    for hour, routing in enumerate(driven(tiny, policy_of(tiny, name))):
        wanted = placed_at(made, hour)
        got = rates(tiny, routing, hour)
        np.testing.assert_allclose(got, wanted, atol=1e-9 * wanted.max())


def test_hours_of_several_stretches_are_those_of_one(
    tiny: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours are placed stretch by stretch; in whatever order the clock shows them, each has its
    own."""
    made = baseline(build_instance(tiny), COMPARED["greedy"])
    parts = [np.arange(0, 9), np.arange(9, 17), np.arange(17, 24)]
    monkeypatch.setattr(hourly, "weeks", lambda _hours: parts)
    policy = policy_of(tiny, "greedy")
    for hour in (0, 8, 9, 3, 23, 16, 17, 12):
        routing, _ = policy.route(observed(tiny, hour), forecast(tiny, hour), {})
        wanted = placed_at(made, hour)
        np.testing.assert_allclose(rates(tiny, routing, hour), wanted, atol=1e-9 * wanted.max())


def test_tables_that_degrade_are_followed() -> None:
    """What a table degrades is degraded where the counts allow it; the rest has its full set."""
    world = green(0.3)
    made = baseline(build_instance(world), "static_cost")
    policy = policy_of(world, "static-shares")
    for hour, routing in enumerate(driven(world, policy)):
        wanted = placed_at(made, hour)
        low = wanted[..., [point.contract != "" for point in world.points]].sum(axis=(2, 3)) > 0
        np.testing.assert_array_equal(routing.degrades, low)
        full = np.zeros_like(wanted)
        own = ~routing.degraded
        where = (routing.metro[own], routing.klass[own], routing.region[own], routing.point[own])
        full[where] = routing.share[own]
        share = wanted * ~np.array([point.contract != "" for point in world.points])
        total = share.sum(axis=(2, 3), keepdims=True)
        has = total[..., 0, 0] > 0
        np.testing.assert_allclose(full[has], (share / np.where(total, total, 1))[has], atol=1e-9)
        assert routing.degrades.any()


@pytest.mark.parametrize("kind", ["cost", "carbon"])
def test_least_of_an_hour_is_its_optimum(tiny: Scenario, kind: str) -> None:
    """Each hour costs, or emits, what the plan of that hour alone does."""
    world = priced(full_service(tiny), np.array([1.0, 1.3, 0.8])[: len(tiny.signals.zones)])
    for hour, routing in enumerate(driven(world, policy_of(world, f"least-{kind}"))):
        alone = replace(world.at_hours([hour]), share_caps=())
        best = wattlas.plan(alone, objective=kind).totals
        got = rates(world, routing, hour)[:, :, :-1]
        kwh = got * world.it_kwh[None, :, None, :]
        value = {
            "cost": world.pue * world.price_usd_per_mwh[:, hour] / 1e3,
            "carbon": world.pue * world.deciding_g_per_kwh[:, hour] / 1e3,
        }[kind]
        energy = (kwh.sum(axis=(0, 1, 3)) * value).sum()
        traffic = (
            got.sum(axis=3)
            * np.array([k.transfer_gb for k in world.classes])[None, :, None]
            * world.network.egress_usd_per_gb[world.metro_node][:, None, :]
        ).sum()
        total = energy + traffic if kind == "cost" else energy
        assert total == pytest.approx(best.variable_usd if kind == "cost" else best.carbon_kg)


@pytest.mark.parametrize("name", ["uniform", "greedy", "least-cost", "weighted", "best-region"])
def test_a_policy_goes_by_what_is_observed(tiny: Scenario, name: str) -> None:
    """Made for one world and asked about another, it routes as one made for the other where it
    goes by the hour: signals, demand and accelerators are those observed and forecast.
    """
    other = priced(tiny, np.array([1.7, 0.6, 1.1]))
    other = replace(
        other, demand_per_h=tiny.demand_per_h * 0.9, reserved_gpu=tiny.reserved_gpu * 0.95
    )
    policy = policy_of(tiny, name)
    same = policy_of(other, name)
    if name in ("best-region", "weighted"):
        same.rule = policy.rule  # type: ignore[attr-defined]
    for hour in (0, 13):
        asked = (observed(other, hour), forecast(other, hour))
        got, _ = policy.route(*asked, {})
        wanted, _ = same.route(*asked, {})
        np.testing.assert_allclose(
            rates(other, got, hour), rates(other, wanted, hour), atol=1e-6 * got.share.max()
        )


@pytest.mark.parametrize("step_h", [0.5, 1.0])
def test_a_moment_lies_in_the_step_that_holds(tiny: Scenario, step_h: float) -> None:
    """From its beginning until just before the next one; before the first and after the last there
    is none."""
    start = str(tiny.hours.utc[0])
    s = replace(tiny, hours=Hours.range(start, tiny.hours.count, step_h=step_h))
    step, second = np.timedelta64(round(3600 * step_h), "s"), np.timedelta64(1, "s")
    for n, begins in enumerate(s.hours.utc.astype("datetime64[s]")):
        assert step_of(s, begins, "p") == step_of(s, begins + step - second, "p") == n
    first, last = (s.hours.utc[n].astype("datetime64[s]") for n in (0, -1))
    for moment in (first - second, last + step, last + 2 * step):
        with pytest.raises(InputError, match="which the placement does not hold"):
            step_of(s, moment, "p")


def test_signals_that_are_not_observed_are_those_forecast(tiny: Scenario) -> None:
    """An unknown price is the forecast's; with neither the region is named."""
    policy = policy_of(tiny, "greedy")
    now, ahead = observed(tiny, 3), forecast(tiny, 3)
    blind = replace(now, price_usd_per_mwh=np.full(len(tiny.regions), np.nan))
    got, wanted = policy.route(blind, ahead, {})[0], policy.route(now, ahead, {})[0]
    np.testing.assert_array_equal(got.share, wanted.share)
    nothing = replace(ahead, price_usd_per_mwh=ahead.price_usd_per_mwh * np.nan)
    with pytest.raises(InputError, match=f"neither the price of {tiny.regions[0].id}"):
        policy.route(blind, nothing, {})


@settings(max_examples=25)
@given(feasible(caps=False), st.sampled_from(["uniform", "best-region", *ROOMY]))
def test_masks_budgets_and_accelerators_are_kept(world: Scenario, name: str) -> None:
    """On random worlds a policy routes only to places that are open within the budget, and those
    that look at capacity use no more than there is.
    """
    world = replace(world, objective=world.plain_objective)
    judged = feasibility(world)
    for hour, routing in enumerate(driven(world, policy_of(world, name))):
        served = routing.region < len(world.regions)
        where = (routing.metro, routing.klass, routing.region, routing.point)
        assert judged.allowed[tuple(a[served] for a in where)].all()
        if name in ROOMY:
            got = rates(world, routing, hour)[:, :, :-1]
            used = (got * world.gpu_h[None, :, None, :]).sum(axis=(0, 1, 3))
            assert (used <= world.most_gpu[:, hour] * (1 + 1e-7) + 1e-9).all()


def test_a_demand_that_nobody_expected_has_a_place() -> None:
    """A class that asks for nothing in an hour, or ever, is routed all the same."""
    world = thin(shipped("tiny"), 0.1)
    demand = world.demand_per_h.copy()
    demand[0, 0, 1] = 0.0
    demand[1, 1] = 0.0
    quiet = replace(world, demand_per_h=demand)
    for name in ("uniform", "least-cost", "greedy", "static-shares"):
        for routing in driven(quiet, policy_of(quiet, name)):
            assert (
                len(set(zip(routing.metro, routing.klass, strict=True)))
                == quiet.demand_per_h[:, :, 0].size
            )


def test_what_has_no_room_goes_unserved(tiny: Scenario) -> None:
    """An hour without a placement is filled greedily, and the rest is not served."""
    small = replace(tiny, reserved_gpu=tiny.reserved_gpu * 0.2)
    shares = [
        rates(small, routing, hour)[:, :, -1].sum() / small.demand_per_h[:, :, hour].sum()
        for hour, routing in enumerate(driven(small, policy_of(small, "least-cost")))
    ]
    assert max(shares) > 0.1
    with pytest.raises(InfeasibleError, match="policy static-shares: no table"):
        policy_of(small, "static-shares")


def test_names_and_options() -> None:
    """Lists are split at commas, options stay with their policy, and what is unknown is told."""
    assert split("nearest, plan,greedy:by=carbon,weighted:cost=1,carbon=0.5") == [
        "nearest", "plan", "greedy:by=carbon", "weighted:cost=1,carbon=0.5",
    ]  # fmt: skip
    assert split(["plan", "nearest,plan"]) == ["plan", "nearest"]
    assert split("all") == list(entries())
    assert parsed("./mine.py:Mine:alpha=2") == ("./mine.py:Mine", {"alpha": "2"})
    assert parsed("./mine.py:Mine") == ("./mine.py:Mine", {})
    tiny = shipped("tiny")
    for text, words in (
        ("wat", r"there is no `wat`. There are nearest, plan, uniform, .* hourly-shares"),
        ("greedy:by=time", r"by is `time`, wanted cost or carbon"),
        ("weighted:cost=-1", r"cost is `-1`, wanted a number of at least 0"),
        ("weighted:price=1", r"no option `price`. It has cost, carbon, latency"),
        ("plan:x=1", r"no option `x`. It has none"),
    ):
        with pytest.raises(UsageError, match=words):
            policy_of(tiny, text)
    with pytest.raises(UsageError, match="names no policy"):
        split(",")


def test_without_prices_nothing_goes_by_cost(tiny: Scenario) -> None:
    """A policy that goes by cost says that it needs prices."""
    unknown = np.full_like(tiny.signals.price_usd_per_mwh, np.nan)
    blind = replace(
        tiny, objective="carbon", signals=replace(tiny.signals, price_usd_per_mwh=unknown)
    )
    for name in ("least-cost", "greedy:by=cost"):
        with pytest.raises(InfeasibleError, match="needs prices"):
            policy_of(blind, name)
    Loop.of(blind, policy_of(blind, "greedy")).tick(observed(blind, 0), forecast(blind, 0))


def test_every_policy_is_documented(root: Path) -> None:
    """The page of replay names every policy, and each of its options."""
    page = (root / "docs" / "replay.md").read_text("utf-8")
    for entry in entries().values():
        row = next(line for line in page.splitlines() if f"`{entry.name}`" in line)
        for option in entry.options:
            assert f"`{option.name}`" in row, option.name
        assert entry.sentence.endswith(".")


@pytest.mark.parametrize("name", ["nearest", "plan", "least-cost", "greedy", "rolling"])
def test_nobody_is_sent_where_no_accelerator_is(name: str) -> None:
    """A class that asks for nothing has a place in a region that can serve it in that hour, though
    a nearer one is empty; where no region can, it goes unserved.
    """
    world = thin(shipped("tiny"), 0.1)
    demand, gpu = world.demand_per_h.copy(), world.reserved_gpu.copy()
    demand[:, 0], gpu[:, 0] = 0.0, 0.0
    gpu[0, 0], gpu[1:, 1:] = 100.0, 0.0
    far = tuple(replace(klass, latency_budget_ms=1e6) for klass in world.classes)
    quiet = replace(world, classes=far, demand_per_h=demand, reserved_gpu=gpu)
    policy = rolling(quiet, 4) if name == "rolling" else policy_of(quiet, name)
    for hour, routing in enumerate(driven(quiet, policy)):
        served = routing.region < len(quiet.regions)
        assert (quiet.most_gpu[routing.region[served], hour] > 0).all()
        assert set(routing.klass) == {0, 1}
        assert (routing.region[routing.klass == 0] == 0).all()
    outcome = replay(quiet, policy, AtRates(quiet, even=True), expected=True)
    assert outcome.served == outcome.requests > 0


def test_least_latency_leaves_nothing_unserved_that_fits() -> None:
    """A request that goes unserved is no fast one: with a price of unserved demand, too, all is
    served where there is room.
    """
    tiny = shipped("tiny", set=["classes.A.unserved_usd_per_request=0.001",
                                        "classes.D.unserved_usd_per_request=0.001"])  # fmt: skip
    for routing in driven(tiny, policy_of(tiny, "weighted:latency=1")):
        assert (routing.region < len(tiny.regions)).all()
    ms = latency(build_instance(tiny))
    assert (ms.per_unserved == ms.per_request.max()).all()


def test_a_demand_that_nobody_expected_is_served_in_full() -> None:
    """At the nearest open place whose region has the accelerators, by a plain loop; never
    degraded, though a degraded answer would be sooner.
    """
    world = green()
    gpu = world.reserved_gpu.copy()
    gpu[0, 1], gpu[1, 2] = 0.0, 0.0
    world = replace(world, reserved_gpu=gpu)
    judged, low = feasibility(world), degraded_points(world)
    nearest, sooner, differs = Nearest(world, judged), 0, set()
    for hour in (0, 1, 2, 0):
        places = nearest.places(hour)
        for i, k in np.ndindex(judged.allowed.shape[:2]):
            best: dict[bool, float] = {True: np.inf, False: np.inf}
            for r, o in np.ndindex(judged.allowed.shape[2:]):
                manned = world.most_gpu[r, hour] >= world.points[o].accelerators
                if judged.allowed[i, k, r, o] and manned:
                    ms = judged.latency_ms[i, k, r, o]
                    best[bool(low[k, o])] = min(best[bool(low[k, o])], ms)
            region, point = places[i * len(world.classes) + k]
            assert not low[k, point]
            if np.isinf(best[False]):
                assert region == UNSERVED
                continue
            assert judged.latency_ms[i, k, region, point] == best[False]
            sooner += best[True] < best[False]
        differs.add(places.tobytes())
    assert sooner
    assert len(differs) == 3
    each = max(point.accelerators for point in world.points)
    for part, manned in ((1.0, True), (1 - 1e-7, True), (1 - 1e-5, False)):
        few = replace(world, reserved_gpu=np.full_like(gpu, each * part))
        assert Nearest(few, judged).manned(0).all() == manned
