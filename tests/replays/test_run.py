"""A replay: the plan's own cost, the cap at every settled prefix, every request once."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wattlas
from tests.replays.worlds import Fixed, Given, Kept, green, only_green, thin
from tests.shipped import shipped
from wattlas.errors import InputError
from wattlas.model.objective import Window
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.baseline_region import baseline_of
from wattlas.placement.problem.feasibility import feasibility
from wattlas.policy.cap import Counts, share_of
from wattlas.policy.forecasts.outlook import Perfect
from wattlas.policy.forecasts.told import Told
from wattlas.policy.planned import nearest, optimum
from wattlas.policy.protocol import Forecast
from wattlas.policy.registry import policy_of
from wattlas.policy.routing import Routing
from wattlas.replays.arrivals.stream import AtRates
from wattlas.replays.outcome import Metered, Outcome
from wattlas.replays.run import replay, shrunk
from wattlas.replays.service.model import PowerCurve, ServiceModel
from wattlas.replays.service.serving import Serving


@pytest.fixture(scope="module")
def tiny() -> Scenario:
    """The tiny example: its flows are whole numbers of requests in every hour."""
    return shipped("tiny")


@pytest.mark.parametrize("make", [optimum, nearest])
def test_even_requests_cost_what_the_plan_says(tiny: Scenario, make: object) -> None:
    """At the plan's rates, split by quota, with mean tokens and joules per request: the plan's
    cost and carbon to 1e-6, and its requests by region.
    """
    policy = make(tiny)  # type: ignore[operator]
    outcome = replay(tiny, policy, AtRates(tiny, even=True), expected=True)
    planned = policy.placed.totals
    for name in ("cost_usd", "energy_usd", "egress_usd", "carbon_kg", "it_mwh", "requests"):
        assert getattr(outcome.totals, name) == pytest.approx(getattr(planned, name), rel=1e-6)
    assert outcome.unserved == outcome.refused == 0
    assert (outcome.moved > 0) == (make is optimum)


def _flat(tiny: Scenario) -> tuple[Scenario, dict[str, ServiceModel]]:
    """A world whose price never changes, one class, and service models that draw the plan's joules:
    one request at a time, P(1) = J per request / time per request, P(0) = 0.
    """
    one = replace(
        tiny,
        signals=replace(
            tiny.signals,
            price_usd_per_mwh=np.full_like(tiny.signals.price_usd_per_mwh, 60.0),
            average_g_per_kwh=np.full_like(tiny.signals.average_g_per_kwh, 200.0),
        ),
        demand_per_h=tiny.demand_per_h * np.array([1.0, 0.0])[None, :, None],
    )
    klass, services = one.classes[0], {}
    for n, point in enumerate(one.points):
        joules = one.it_kwh[0, n] * 3.6e6
        # The prompt is one step, each further token another: `tokens_out` steps in all.
        lasts = 0.01 * klass.tokens_out
        power = PowerCurve(np.array([0.0, 1.0]), np.array([0.0, joules / lasts]))
        services[point.id] = ServiceModel(0.01, batch=1, power=power)
    return thin(one, 0.001, 24), services


def test_metered_energy_is_the_plans_where_power_is(tiny: Scenario) -> None:
    """∫P(n) dt with the plan's joules per request and no idle power is the plan's energy bill;
    idle power adds what replicas draw with nothing to do, and movable stays. No request at all
    draws none.
    """
    world, services = _flat(tiny)
    policy = optimum(world)
    outcome = replay(world, policy, AtRates(world, even=True), serving=Serving(services))
    assert outcome.metered is not None
    by_requests = outcome.totals
    assert outcome.metered.energy_usd == pytest.approx(by_requests.energy_usd, rel=1e-6)
    assert outcome.metered.carbon_kg == pytest.approx(by_requests.carbon_kg, rel=1e-6)
    assert outcome.metered.idle_usd == 0.0
    warm = {
        name: replace(m, power=replace(m.power, power_w=m.power.power_w + 100.0))
        for name, m in services.items()
    }
    metered = replay(world, policy, AtRates(world, even=True), serving=Serving(warm)).metered
    assert metered is not None
    assert metered.idle_usd > 0.0
    assert metered.movable_usd == pytest.approx(outcome.metered.energy_usd, rel=1e-6)
    idle = replace(world, demand_per_h=np.zeros_like(world.demand_per_h))
    none = replay(idle, optimum(idle), AtRates(idle), serving=Serving(warm))
    assert none.metered == Metered(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_every_request_once_and_sums_are_accounts(tiny: Scenario) -> None:
    """Requests that ended are those that came, each once, and add up to the tables."""
    world = thin(green(), 0.05)
    kept = Kept()
    stream = AtRates(world, seed=3)
    outcome = replay(world, optimum(world), stream, sink=kept)
    when, what = kept.all()
    came = sum(len(batch.at_s) for batch in stream.batches())
    np.testing.assert_array_equal(np.sort(what[:, 0]), np.arange(came))
    assert outcome.requests == outcome.served == came
    assert (np.diff(when[:, 2]) >= 0).all()
    places = outcome.to_polars("places")
    for column, name in ((5, "tokens_in"), (6, "tokens_out")):
        assert places[name].sum() == what[:, column].sum()
    low = what[:, 4] == 1
    assert places.filter(service="degraded")["requests"].sum() == low.sum() > 0
    assert outcome.over_cap == 0
    first = (when[:, 1] - when[:, 0] + when[:, 3]) * 1e3
    klass = what[:, 1] % len(world.classes)
    for k in np.unique(klass):
        for service, chosen in (("full", ~low), ("degraded", low)):
            values = first[(klass == k) & chosen]
            if len(values):
                shown = outcome.quantile_ms(world.classes[k].id, "first token", service)
                exact = np.quantile(values, [0.5, 0.95, 0.99], method="inverted_cdf")
                np.testing.assert_allclose(list(shown.values()), exact, rtol=0.006)


def test_batches_of_the_stream_change_nothing() -> None:
    """However the requests are cut, and whether records are kept, the outcome is the same."""
    world = only_green(0.15)
    rng = np.random.default_rng(8)
    count = 500
    at_s = np.sort(rng.uniform(0, 3600, count))
    tokens = rng.integers(1, 500, (count, 2))
    k = int(np.flatnonzero(world.demand_per_h[0, :, 0])[0])
    outcomes = []
    for size, sink in ((1 << 20, None), (7, None), (33, Kept())):
        stream = Given(at_s, np.full(count, k), tokens, size)
        outcomes.append(replay(world, Fixed(world), stream, sink=sink))
    for other in outcomes[1:]:
        assert other.totals == outcomes[0].totals
        assert other.to_polars("latency").equals(outcomes[0].to_polars("latency"))
        assert other.to_polars("caps").equals(outcomes[0].to_polars("caps"))


@st.composite
def attacks(draw: st.DrawFn) -> tuple[float, np.ndarray, np.ndarray]:
    """A cap, arrivals in bursts, and answers whose lengths are the adversary's."""
    share = draw(st.sampled_from([0.0, 0.05, 0.15, 1 / 3, 0.5, 0.9, 1.0]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(1, 300))
    at_s = np.sort(rng.choice([0.0, 1.0, 5.0, 60.0], count) + rng.exponential(0.1, count))
    longest = draw(st.sampled_from([2, 50, 2000]))
    return share, at_s, rng.integers(1, longest, count)


def _prefixes(what: np.ndarray) -> np.ndarray:
    """Degraded among the first n that were delivered, for every n; (N, 2) of degraded and n."""
    low = what[:, 4] == 1
    return np.column_stack([np.cumsum(low), np.arange(1, len(low) + 1)])


@settings(max_examples=50)
@given(attacks(), st.sampled_from([0.1, 1.0, 10.0]))
def test_the_cap_holds_at_every_settled_prefix(
    attack: tuple[float, np.ndarray, np.ndarray], speed: float
) -> None:
    """Whatever arrives and however long it takes: in whole numbers, in the order of completion."""
    share, at_s, lengths = attack
    world = only_green(share)
    tokens = np.column_stack([np.ones_like(lengths), lengths])
    k = int(np.flatnonzero(world.demand_per_h[0, :, 0])[0])
    services = {
        point.id: ServiceModel(0.01 * (speed if point.contract else 1.0), batch=64)
        for point in world.points
    }
    kept = Kept()
    stream = Given(at_s, np.full(len(at_s), k), tokens)
    outcome = replay(world, Fixed(world), stream, serving=Serving(services), sink=kept)
    cap = share_of(share)
    for low, settled in _prefixes(kept.all()[1]):
        assert Fraction(int(low), int(settled)) <= cap
    assert outcome.over_cap == 0


def _by_hand(
    at_s: np.ndarray, full_s: float, low_s: float, share: Fraction, by_decision: bool
) -> tuple[list[bool], list[bool]]:
    """Endless servers, one contract: who is degraded in order of arrival, and in that of delivery.

    `by_decision` counts n when a request is decided, which is wrong.
    """
    counts, running, settled = Counts(), [], []
    decided: list[bool] = []
    for n, now in enumerate(at_s):
        while running and running[0][0] < now:
            settled.append(heapq.heappop(running)[2])
            counts = counts if by_decision else counts.deliver()
        low = counts.allow(share)
        counts = counts.grant() if low else counts
        counts = counts.deliver() if by_decision else counts
        decided.append(low)
        heapq.heappush(running, (now + (low_s if low else full_s), n, low))
    return decided, settled + [heapq.heappop(running)[2] for _ in range(len(running))]


def _worst(settled: list[bool]) -> Fraction:
    low = np.cumsum(settled)
    return max(Fraction(int(d), n) for n, d in enumerate(low, 1))


def test_decisions_must_not_be_counted_for_deliveries() -> None:
    """600 in flight, 12 s in full and 6 s degraded: counted when decided, the cap breaks; counted
    when delivered it is kept and used, and the kernel decides as the rule of `policy.cap` does.
    """
    world, share = only_green(0.15), Fraction(3, 20)
    at_s = np.arange(20_000) * 0.02
    wrong, right = (_by_hand(at_s, 12.0, 6.0, share, by) for by in (True, False))
    assert _worst(wrong[1]) > share
    assert _worst(right[1]) <= share
    assert sum(right[0]) / len(at_s) > 0.14
    k = int(np.flatnonzero(world.demand_per_h[0, :, 0])[0])
    # Steps of 12 s and 6 s, and a token: a batch of one at each of many replicas.
    services = {
        point.id: ServiceModel(6.0 if point.contract else 12.0, batch=1) for point in world.points
    }
    roomy = replace(world, reserved_gpu=world.reserved_gpu * 64)
    kept = Kept()
    tokens = np.ones((len(at_s), 2))
    outcome = replay(
        roomy, Fixed(roomy), Given(at_s, np.full(len(at_s), k), tokens), serving=Serving(services),
        sink=kept,
    )  # fmt: skip
    what = kept.all()[1]
    decided = what[np.argsort(what[:, 0]), 4] == 1
    np.testing.assert_array_equal(decided, right[0])
    assert outcome.over_cap == 0


def test_windows_are_those_of_admission() -> None:
    """A request counts in the window in which it was admitted, and each window has its own cap."""
    world = thin(green(0.15, Window.HOUR), 0.01)
    kept = Kept()
    outcome = replay(world, Fixed(world), AtRates(world, seed=1), sink=kept)
    when, what = kept.all()
    k = next(n for n, klass in enumerate(world.classes) if klass.contract)
    hour = (when[:, 0] // 3600).astype(int)
    for t in range(world.hours.count):
        inside = (what[:, 1] % len(world.classes) == k) & (hour == t)
        for low, settled in _prefixes(what[inside]):
            assert Fraction(int(low), int(settled)) <= Fraction(3, 20)
    caps = outcome.to_polars("caps")
    assert len(caps) == world.hours.count
    assert caps["delivered"].sum() <= (what[:, 1] % len(world.classes) == k).sum()


def _moved(routing: Routing, region: int) -> Routing:
    return replace(routing, region=np.full_like(routing.region, region))


@dataclass(frozen=True)
class Halved:
    """An outlook that expects half of the demand that comes."""

    truth: Perfect
    name: str = "halved"

    def at(self, step: int, came_per_h: np.ndarray) -> Forecast:
        """The truth, but for the demand."""
        ahead = self.truth.at(step, came_per_h)
        return replace(ahead, demand_per_h=0.5 * ahead.demand_per_h)


def test_forbidden_and_full_regions_are_refused(tiny: Scenario) -> None:
    """A routing that law closes, or that no accelerators are there for, names who and the rule."""
    europe = next(i for i, metro in enumerate(tiny.metros) if metro.jurisdiction == "EU")
    abroad = next(r for r, region in enumerate(tiny.regions) if region.jurisdiction != "EU")
    stream = AtRates(tiny, even=True)
    with pytest.raises(InputError) as caught:
        replay(tiny, Fixed(tiny, change=lambda routing: _moved(routing, abroad)), stream)
    words = str(caught.value)
    assert f"requests of {tiny.metros[europe].id}, class A" in words
    assert "forbidden: residency" in words
    empty = replace(tiny, reserved_gpu=tiny.reserved_gpu * np.array([0.0, 1.0, 1.0])[:, None])
    with pytest.raises(InputError, match=f"{tiny.regions[0].id} at .* is full: it has 0 accel"):
        replay(empty, Fixed(tiny), AtRates(empty, even=True))
    small = replace(tiny, reserved_gpu=tiny.reserved_gpu / 10)
    with pytest.raises(InputError, match=r"which is full: .* are needed of"):
        replay(small, Fixed(small), AtRates(small, even=True), expected=True)
    # Who was told less than what comes did not break a rule.
    few = thin(tiny, 0.7, 1)
    few = replace(few, reserved_gpu=np.ones(few.reserved_gpu.shape))
    with pytest.raises(InputError, match="is full"):
        replay(few, Fixed(few), AtRates(few, even=True), expected=True)
    told = Told(Fixed(few), Halved(Perfect(few)), "told")
    outcome = replay(few, told, AtRates(few, even=True), expected=True)
    assert outcome.served == outcome.requests > 0


def test_what_cannot_be_replayed(tiny: Scenario) -> None:
    """A sample of hours, requests after the last hour, services of points that are not there."""
    sample = tiny.at_hours([0, 5])
    with pytest.raises(InputError, match="are a sample"):
        replay(sample, Fixed(sample), AtRates(sample))
    late = Given(np.array([90_000.0]), np.zeros(1), np.ones((1, 2)))
    with pytest.raises(InputError, match=r"request 1: comes 25.0 h after the start"):
        replay(tiny, Fixed(tiny), late)
    with pytest.raises(InputError, match=r"services.none: is no operating point"):
        replay(tiny, Fixed(tiny), late, serving=Serving({"none": ServiceModel(0.1)}))


def test_what_no_memory_holds_is_counted(tiny: Scenario) -> None:
    """A request larger than the KV memory is refused, once, and no contract counts it."""
    services = {point.id: ServiceModel(0.01, kv_tokens=100) for point in tiny.points}
    stream = Given(np.array([0.0, 1.0]), np.zeros(2), np.array([[200, 1], [50, 10]]))
    outcome = replay(tiny, Fixed(tiny), stream, serving=Serving(services))
    assert (outcome.requests, outcome.served, outcome.refused) == (2, 1, 1)


def test_a_replay_is_the_same_again(tiny: Scenario) -> None:
    """Same seed, same outcome; another seed, another."""
    world = thin(tiny, 0.002)

    def once(seed: int) -> Outcome:
        return replay(world, nearest(world), AtRates(world, seed=seed))

    assert once(1).totals == once(1).totals
    assert once(1).totals != once(2).totals


def test_a_smaller_copy_of_the_world(tiny: Scenario) -> None:
    """A share of the demand on that share of the accelerators costs that share."""
    small = shrunk(tiny, 0.5)
    assert small.demand_per_h.sum() == pytest.approx(0.5 * tiny.demand_per_h.sum())
    half, whole = (wattlas.plan(world).totals.cost_usd for world in (small, tiny))
    assert half == pytest.approx(0.5 * whole)


def test_moved_is_the_share_of_what_is_served(tiny: Scenario) -> None:
    """Elsewhere than at the baseline region, request by request; what goes unserved neither moved
    nor stayed.
    """
    gpu = tiny.reserved_gpu * np.array([1.0, 1.0, 0.0])[:, None]
    world = thin(replace(tiny, reserved_gpu=gpu), 0.02)
    kept = Kept()
    outcome = replay(world, policy_of(world, "greedy"), AtRates(world, seed=3), sink=kept)
    home = baseline_of(world, feasibility(world)).region.ravel()
    ended = [(source, pool // len(world.points)) for source, pool in kept.all()[1][:, 1:3]]
    served = [(source, region) for source, region in ended if region < len(world.regions)]
    moved = sum(region != home[source] for source, region in served)
    assert 0 < len(served) < outcome.requests
    assert outcome.moved == pytest.approx(moved / len(served)) != 0.0
