"""What a request emits at the baseline region and at the best place, against loops over places and
steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st

from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import one_of, scenarios, tiered
from wattlas.errors import InputError
from wattlas.model.scenario import Scenario
from wattlas.model.workload import State, WhenNone
from wattlas.placement.problem.baseline_region import baseline_region
from wattlas.placement.problem.feasibility import degraded_points, feasibility
from wattlas.studies.baseline_means import at_baseline
from wattlas.studies.board import Ways, board_of, board_of_table
from wattlas.studies.grams import PLACES, Board, RequestGroup, foreseen, grams, intensity

INF = float("inf")

ways = st.builds(
    Ways,
    green_share=one_of(None, None, 0.5, 0.0, 1.0),
    latency_factor=one_of(1.0, 4.0),
    regions=one_of(None, None, (), ("region-0",)),
    network_kwh_per_gb=one_of(0.0, 0.06, 5.0),
)


def made(s: Scenario, klass: str, how: Ways) -> Board:
    """The board, where the question has one."""
    known = {r.id for r in s.regions}
    assume(how.regions is None or set(how.regions) <= known)
    try:
        return board_of(s, klass, how)
    except InputError:
        assume(False)
        raise


def kwh_at(s: Scenario, k: int, how: Ways, green: str) -> list[list[tuple[float, float]]]:
    """IT energy (in full, degraded) per metro and region, written out; inf where it is closed."""
    klass, judged = s.classes[k], feasibility(s)
    rules = {rule.id: rule for rule in s.residency}
    own = degraded_points(s)[k]
    found = []
    for i, metro in enumerate(s.metros):
        node = [n.id for n in s.nodes].index(metro.node)
        nearest = int(s.network.rtt_node_region_ms[node].argmin())
        ids = [r.id for r in s.regions]
        keeper = ids.index(s.nodes[node].region) if s.nodes[node].region else nearest
        row = []
        for r, region in enumerate(s.regions):
            full = [
                klass.it_kwh(o)
                for n, o in enumerate(s.points)
                if judged.allowed[i, k, r, n] and not own[n]
            ]
            rule = rules.get(klass.residency)
            bound = klass.state is State.PINNED and r != keeper
            bound |= rule is not None and not rule.permits(metro.jurisdiction, region.jurisdiction)
            lesser = INF
            for n, o in enumerate(s.points):
                if o.id != green or bound:
                    continue
                if region.variants is not None and o.variant not in region.variants:
                    continue
                late = judged.latency_ms[i, k, r, n]
                longest = klass.latency_budget_ms * how.latency_factor
                longest += klass.latency_allowance_ms.get(o.id, 0.0)
                if judged.late[i, k]:
                    last = [
                        float(judged.latency_ms[i, k, q, m])
                        for q in range(len(s.regions))
                        for m in range(len(s.points))
                        if judged.allowed[i, k, q, m] and not own[m]
                    ]
                    longest = max(longest, *last)
                if late <= longest * (1 + 1e-12):
                    lesser = klass.it_kwh(o)
            least = min(full, default=INF)
            if how.green_share is not None:
                lesser = how.green_share * least if least < INF else INF
            row.append((least, lesser))
        found.append(row)
    return found


@given(st.one_of(scenarios(), tiered(scenarios())), ways, st.data())
@examples(40, suppress_health_check=[HealthCheck.filter_too_much])
def test_grams_are_the_least_over_places(s: Scenario, how: Ways, data: st.DataObject) -> None:
    """Step by step, metro by metro, place by place: law, models, state, latency and network."""
    k = data.draw(st.integers(0, len(s.classes) - 1))
    if how.green_share is None:
        how = replace(how, green=data.draw(one_of(None, *(o.id for o in s.points))))
    board = made(s, s.classes[k].id, how)
    baseline_of = baseline_region(s, feasibility(s))[:, k]
    kwh = kwh_at(s, k, how, board.green_point)
    kappa, gb = s.deciding_g_per_kwh, s.classes[k].transfer_gb
    for zone in board.zones:
        for place in PLACES:
            found = grams(board, zone, place)
            for t in range(s.hours.count):
                total, full_sum, green_sum, rows = 0.0, 0.0, 0.0, []
                for i, base in enumerate(baseline_of):
                    if base < 0 or s.regions[base].zone != zone:
                        continue
                    if not s.demand_per_h[i, k].any():
                        continue
                    fulls, greens = [], []
                    for r in range(len(s.regions)):
                        listed = how.regions is None or s.regions[r].id in how.regions
                        if r != base and (place == "local" or not listed):
                            continue
                        way = how.network_kwh_per_gb * gb if r != base else 0.0
                        way *= (kappa[r, t] + kappa[base, t]) / 2
                        full, green = kwh[i][r]
                        pue = s.regions[r].pue
                        fulls += [full * pue * kappa[r, t] + way] if full < INF else []
                        greens += [green * pue * kappa[r, t] + way] if green < INF else []
                    best = min(fulls)
                    n = s.demand_per_h[i, k, t] * s.hours.hours[t]
                    rows.append((best, min([best, *greens])))
                    total += n
                    full_sum += n * rows[-1][0]
                    green_sum += n * rows[-1][1]
                assert found.requests[t] == pytest.approx(total)
                if total > 0:
                    assert found.full_g[t] == pytest.approx(full_sum / total)
                    assert found.green_g[t] == pytest.approx(green_sum / total)


@given(st.one_of(scenarios(), tiered(scenarios())), ways)
@examples(40)
def test_requests_are_those_with_a_baseline_region(s: Scenario, how: Ways) -> None:
    """Every request of the class is at the baseline region in one zone, or left out."""
    board = made(s, s.classes[0].id, how)
    asked = (s.demand_per_h[:, 0] * s.hours.hours).sum()
    found = sum(float(one.requests.sum()) for one in board.clients)
    assert found == pytest.approx((1 - board.left_out) * asked)
    base = baseline_region(s, feasibility(s))[:, 0]
    assert board.left_out == pytest.approx(
        (s.demand_per_h[:, 0] * s.hours.hours)[base < 0].sum() / asked
    )


def test_the_mean_of_zones_is_that_of_the_baseline_region() -> None:
    """Intensities of all zones, weighted by requests, are the mean that the menu is told at."""
    s = shipped("tiny")
    board = board_of(s, "A")
    asked = {z: sum(one.requests.sum() for one in board.clients_in(z)) for z in board.zones}
    mean = sum(intensity(board, z)[0] * asked[z] for z in board.zones) / sum(asked.values())
    assert mean == pytest.approx(at_baseline(s, "A").g_per_kwh)
    hours = s.signals.deciding_g_per_kwh[s.signals.zones.index("NO")]
    weight = sum(one.requests for one in board.clients_in("NO"))
    mean = np.average(hours, weights=weight)
    spread = np.sqrt(np.average((hours - mean) ** 2, weights=weight)) / mean
    assert intensity(board, "NO") == pytest.approx((mean, spread))


def test_the_default_points() -> None:
    """Full service is the thriftiest point open; degraded the most accurate that takes less."""
    s = shipped("tiny")
    board = board_of(s, "A")
    assert board.full_points == ("large-batched",)
    assert board.green_point == "small"
    named = board_of(s, "A", Ways(full="large-fast"))
    assert named.full_points == ("large-fast",)
    assert named.green_point == "large-batched"
    with pytest.raises(InputError, match="no point takes less energy"):
        board_of(s, "D")
    assert board_of(s, "D", Ways(full="large-fast")).green_point == "large-batched"


def test_a_degraded_point_must_save() -> None:
    """One that takes as much as full service is refused, and so is one that is open nowhere."""
    s = shipped("tiny")
    with pytest.raises(InputError, match="`large-fast` takes no less energy"):
        board_of(s, "A", Ways(green="large-fast"))
    bare = replace(s, regions=tuple(replace(r, variants=frozenset({"large"})) for r in s.regions))
    with pytest.raises(InputError, match="`small` takes no less energy"):
        board_of(bare, "A", Ways(green="small"))


def test_a_degraded_request_may_be_late_by_a_factor() -> None:
    """Beyond the budget a point is closed to it, unless it may take so many budgets."""
    s = shipped("tiny")
    slow = tuple(replace(o, ttft_ms=400.0) if o.id == "small" else o for o in s.points)
    s = replace(s, points=slow)
    with pytest.raises(InputError, match="`small` takes no less energy"):
        board_of(s, "A", Ways(green="small"))
    late = board_of(s, "A", Ways(green="small", latency_factor=3.0))
    assert all(np.isfinite(one.green_kwh[one.baseline]) for one in late.clients)


def test_where_full_service_is_late_degraded_may_be_as_late() -> None:
    """At the place where late demand is served at all, and no later."""
    s = shipped("tiny")
    hurry = replace(s.classes[0], latency_budget_ms=1.0, when_none=WhenNone.NEAREST)
    board = board_of(replace(s, classes=(hurry, s.classes[1])), "A")
    assert board.left_out == 0.0
    assert board.green_point == "small"
    for one in board.clients:
        assert np.isfinite(one.green_kwh[one.baseline])
        assert np.isfinite(one.full_kwh).sum() == 1


def test_a_class_may_be_degraded_to_points_that_are_not_its_own() -> None:
    """As a tier may: the list of a class is of full service."""
    s = shipped("tiny")
    own = replace(s.classes[0], points=("large-fast", "large-batched"), accuracy_min=0.0)
    board = board_of(replace(s, classes=(own, s.classes[1])), "A")
    assert board.full_points == ("large-batched",)
    assert board.green_point == "small"


def test_nobody_is_degraded_into_emitting_more() -> None:
    """Where the degraded point is dirtier than the best place in full, full service it is."""
    s = shipped("tiny")
    where = tuple(
        replace(r, variants=frozenset({"large"} if r.id != "mumbai" else {"large", "small"}))
        for r in s.regions
    )
    board = board_of(replace(s, regions=where), "A")
    base, away = grams(board, "IN", "local"), grams(board, "IN", "remote")
    assert board.green_point == "small"
    named = board_of(replace(s, regions=where), "A", Ways(green="small", regions=("mumbai",)))
    np.testing.assert_allclose(grams(named, "IN", "remote").green_g, base.green_g)
    assert (base.green_g < base.full_g).all()
    np.testing.assert_allclose(away.green_g, np.minimum(base.green_g, away.full_g))
    assert (grams(board, "NO", "local").green_g == grams(board, "NO", "local").full_g).all()
    kappa = np.array([[100.0, 100.0], [130.0, 110.0]])
    one = RequestGroup("a", 0, np.ones(2), np.array([1.0, INF]), np.array([INF, 0.9]))
    board = Board(("a",), (one,), kappa, np.arange(2), 1.0, True)
    np.testing.assert_allclose(grams(board, "a", "remote").green_g, [100.0, 99.0])


def test_a_tier_degrades_to_its_own_points() -> None:
    """Of a class under contract, the copies that count as degraded are what it may get."""
    s = shipped("tiny", set=["tiers.green={share_max: 0.3, adoption: 0.5}"])
    board = board_of(s, "A~green")
    assert board.full_points == ("large-batched",)
    assert board.green_point == "small~green"
    assert board_of(s, "A").green_point == "small"


def test_places_chosen_on_a_forecast_are_judged_in_truth() -> None:
    """Requests go where it was expected to be cleanest, and emit what it is there."""
    truth = np.array([[400.0, 100.0, 300.0], [200.0, 300.0, 200.0]])
    expected = np.array([[150.0, 200.0, np.nan], [220.0, 100.0, 100.0]])
    board = board_of_table(["a", "b"], truth, np.arange("2023-01-01", "2023-01-04", dtype="M8[D]"))
    real, thought = foreseen(board, "a", "remote", expected)
    np.testing.assert_allclose(real.full_g, [400.0, 300.0, 200.0])
    np.testing.assert_allclose(thought.full_g, [150.0, 100.0, 200.0])
    np.testing.assert_allclose(real.green_g, real.full_g / 2)
    assert real.baseline_g == pytest.approx(800 / 3)
    np.testing.assert_allclose(grams(board, "a", "remote").full_g, [200.0, 100.0, 200.0])
    (busy,) = board.clients_in("a")
    idle = replace(busy, baseline=1, requests=np.array([3.0, 0.0, 0.0]))
    both = replace(board, clients=(busy, idle))
    mean = (800 * busy.requests[0] + 3 * 200) / (3 * busy.requests[0] + 3)
    assert grams(both, "a").baseline_g == pytest.approx(mean)
    same, _ = foreseen(board, "a", "remote", truth.copy())
    np.testing.assert_allclose(same.full_g, grams(board, "a", "remote").full_g)


def test_wrong_names_are_told_at_once() -> None:
    """Class, points, regions and figures in one error."""
    s = shipped("tiny")
    how = Ways("x", "y", 2.0, 0.5, ("oslo", "z"), -1.0)
    with pytest.raises(InputError) as caught:
        board_of(s, "Q", how)
    assert [p.where for p in caught.value.problems] == [
        "class", "full", "green", "regions", "green", "green_share", "latency_factor",
        "network_kwh_per_gb",
    ]  # fmt: skip
    with pytest.raises(InputError, match="has no demand"):
        board_of(replace(s, demand_per_h=np.zeros_like(s.demand_per_h)), "A")
    with pytest.raises(InputError, match="green_share"):
        board_of_table(["a"], np.ones((1, 2)), np.arange(2), green_share=-0.1)
