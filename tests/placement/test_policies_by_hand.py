"""Every policy's flows, computed once more in plain loops over two stretches of the calendar."""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests import oracle
from tests.placement.worlds import SMALL_LAST, flows_of, sampled, two_weeks, world
from wattlas.model.frictions import Frictions, Initial
from wattlas.model.offer import full_service
from wattlas.model.plan import Plan, Status
from wattlas.model.scenario import Scenario
from wattlas.placement.compare.baselines import baseline
from wattlas.placement.problem.instance import build_instance

WEEK = 192
"""The first step of the second stretch."""
Unit = Callable[[Scenario, int, int, int, int, int], float]
Rule = dict[tuple[int, int, int, int, int], float]
"""Requests/h of (metro, class, region, point, step)."""


@cache
def turning() -> Scenario:
    """Coal is cheap and dirty for ten days, then expensive and clean; the last days are fullest.

    Capacity is enough for everyone at the baseline region in the first days and not in the last.
    """
    s = world(8, two_weeks(), carbon_price=0.0, share_caps=(SMALL_LAST,))
    late = np.arange(s.hours.count) >= 240
    coal = s.signals.zones.index("coal")
    price, grams = s.signals.price_usd_per_mwh.copy(), s.signals.marginal_g_per_kwh
    assert grams is not None
    price[coal], grams = np.where(late, 400.0, -400.0), grams.copy()
    grams[coal] = np.where(late, 10.0, 1200.0)
    signals = replace(s.signals, price_usd_per_mwh=price, marginal_g_per_kwh=grams)
    demand = s.demand_per_h * np.where(late, 1.3, 0.2)
    regions = tuple(
        replace(region, on_demand_gpu=count)
        for region, count in zip(s.regions, (6.0, 7.0, 4.0, np.inf), strict=True)
    )
    classes = tuple(replace(k, unserved_usd_per_request=None) for k in s.classes)
    none = np.zeros((4, s.hours.count))
    s = replace(s, regions=regions, reserved_gpu=none, classes=classes)
    return replace(s, signals=signals, demand_per_h=demand)


def open_to(s: Scenario) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Places of each demand in full service."""
    return oracle.open_places(full_service(s))[0]


def cheapest(s: Scenario, i: int, k: int, r: int, t: int, places: list[tuple[int, int]]) -> int:
    """The cheapest open point of a region in a step."""
    return min((o for q, o in places if q == r), key=lambda o: oracle.unit_usd(s, i, k, r, o, t))


def spread(s: Scenario, shares: dict[tuple[int, int], dict[int, float]]) -> Rule:
    """Each demand over regions by shares, at the cheapest point there."""
    flows, places = {}, open_to(s)
    for (i, k), t in itertools.product(places, range(s.hours.count)):
        for r, share in shares[i, k].items():
            if s.demand_per_h[i, k, t] > 0:
                o = cheapest(s, i, k, r, t, places[i, k])
                flows[i, k, r, o, t] = float(s.demand_per_h[i, k, t]) * share
    return flows


def at_baseline(s: Scenario) -> dict[tuple[int, int], dict[int, float]]:
    """All demand in its baseline region, in full service."""
    full, places = full_service(s), open_to(s)
    found = {ik: oracle.baseline_place(full, *ik, 0, places[ik]) for ik in places}
    return {ik: {place[0]: 1.0} for ik, place in found.items() if place is not None}


def all_in(s: Scenario, best: int) -> Rule:
    """Everything that may go to one region there, the rest at the baseline region."""
    places, shares = open_to(s), at_baseline(s)
    may = {ik for ik in places if any(r == best for r, _ in places[ik])}
    return spread(s, {**shares, **{ik: {best: 1.0} for ik in may}})


def total(s: Scenario, flows: Rule, unit: Unit) -> float:
    """A unit value over flows, hours counted."""
    return sum(rate * float(s.hours.hours[f[-1]]) * unit(s, *f) for f, rate in flows.items())


def assert_flows(found: Plan, wanted: Rule) -> None:
    """The plan's flows are these, demands of one class and node taken together."""
    s = found.scenario
    sums: list[dict[tuple[int, ...], float]] = [defaultdict(float), defaultdict(float)]
    for f in flows_of(found):
        place = (f.r, f.o) if f.r >= 0 else (-1, 0)
        sums[0][oracle.node_of(s, f.i), f.k, *place, f.t] += f.rate
    for (i, k, r, o, t), rate in wanted.items():
        sums[1][oracle.node_of(s, i), k, r, o, t] += rate
    kept = [{f: rate for f, rate in one.items() if rate > 1e-9} for one in sums]
    assert kept[0] == pytest.approx(kept[1])


def load(s: Scenario, flows: Rule) -> dict[tuple[int, int], float]:
    """GPU-h/h of (region, step)."""
    used: dict[tuple[int, int], float] = defaultdict(float)
    for (_, k, r, o, t), rate in flows.items():
        used[r, t] += rate * oracle.gpu_h(s, k, o)
    return used


def assert_overload(found: Plan, flows: Rule) -> None:
    """The policy says in how many regions it is over capacity, and where and how far at worst."""
    s, over = found.scenario, defaultdict(float)
    for (r, t), used in load(s, flows).items():
        over[r] = max(over[r], used - oracle.most_gpu(s, r, t))
    full = {r: excess for r, excess in over.items() if excess > 1e-9}
    worst = max(full, key=lambda r: full[r])
    assert found.status is Status.INFEASIBLE
    assert found.conflict == (
        f"over capacity in {len(full)} of 4 regions, "
        f"worst region-{worst} by {full[worst]:,.4g} GPU-h/h"
    )


def test_nearest() -> None:
    """All at the baseline region in full service; what only the last week breaks is said."""
    s = turning()
    found, flows = (
        baseline(build_instance(s), "nearest"),
        spread(s, at_baseline(s)),
    )
    assert_flows(found, flows)
    early = {
        r for (r, t), used in load(s, flows).items() if used > oracle.most_gpu(s, r, t) and t < 240
    }
    assert not early
    assert_overload(found, flows)
    assert found.totals.variable_usd == pytest.approx(total(s, flows, oracle.unit_usd))


def starts_usd(s: Scenario, flows: Rule) -> float:
    """What rises of what runs of each model in each region cost, from nothing on."""
    runs: dict[tuple[int, str, float], np.ndarray] = defaultdict(lambda: np.zeros(s.hours.count))
    for (_, k, r, o, t), rate in flows.items():
        point = s.points[o]
        runs[r, point.variant, point.accelerators][t] += rate * oracle.gpu_h(s, k, o)
    return sum(
        float(s.hours.weight[t]) * oracle.start_usd(s, r, variant, t, spans) * rise
        for (r, variant, spans), level in runs.items()
        for t, rise in enumerate(np.maximum(np.diff(level, prepend=0.0), 0.0).tolist())
    )


def test_what_runs_over_the_end_of_a_week_is_not_started_again() -> None:
    """Starts are counted from step to step over both stretches, from nothing at the first."""
    s = replace(turning(), frictions=Frictions(0.7, initial=Initial.COLD))
    flows = spread(s, at_baseline(s))
    usd = total(s, flows, oracle.unit_usd) + starts_usd(s, flows)
    found = baseline(build_instance(s), "nearest")
    assert found.totals.variable_usd == pytest.approx(usd)


def test_what_only_the_first_week_breaks_is_said() -> None:
    """Overload of the first stretch is not forgotten in the second."""
    s = turning()
    turned = replace(s, demand_per_h=s.demand_per_h[:, :, ::-1].copy())
    flows = spread(turned, at_baseline(turned))
    assert_overload(baseline(build_instance(turned), "nearest"), flows)


def test_uniform() -> None:
    """Equal shares over the regions that are open at some point of full service."""
    s = turning()
    regions = {ik: {r for r, _ in places} for ik, places in open_to(s).items()}
    flows = spread(s, {ik: dict.fromkeys(many, 1 / len(many)) for ik, many in regions.items()})
    found = baseline(build_instance(s), "uniform")
    assert_flows(found, flows)
    assert found.totals.carbon_kg == pytest.approx(total(s, flows, oracle.unit_t) * 1e3)


def backwards(s: Scenario) -> Scenario:
    """The same weeks, last step first."""
    marginal = s.signals.marginal_g_per_kwh
    assert marginal is not None
    signals = replace(
        s.signals,
        price_usd_per_mwh=s.signals.price_usd_per_mwh[:, ::-1].copy(),
        marginal_g_per_kwh=marginal[:, ::-1].copy(),
    )
    return replace(s, signals=signals, demand_per_h=s.demand_per_h[:, :, ::-1].copy())


def quieter(s: Scenario, part: float) -> Scenario:
    """The same weeks with only that part of the demand in the second stretch."""
    late = np.arange(s.hours.count) >= WEEK
    return replace(s, demand_per_h=s.demand_per_h * np.where(late, part, 1.0))


@cache
def weeks() -> list[tuple[Scenario, list[Rule], list[dict[Unit, dict[int, float]]]]]:
    """The turning weeks, the same backwards and with quieter ends: all in each region, and what
    that comes to.

    By unit value and stretch, from the first step or from that of the second stretch on.
    """
    found = []
    for s in (turning(), backwards(turning()), *(quieter(turning(), f) for f in (0.2, 0.5))):
        whole = [all_in(s, r) for r in range(4)]
        values = [
            {
                unit: {
                    first: total(s, {f: x for f, x in flows.items() if f[-1] >= first}, unit)
                    for first in (0, WEEK)
                }
                for unit in (oracle.unit_usd, oracle.unit_t)
            }
            for flows in whole
        ]
        found.append((s, whole, values))
    return found


@pytest.mark.parametrize(("name", "unit"), [("cost", oracle.unit_usd), ("carbon", oracle.unit_t)])
def test_best_region(name: str, unit: Unit) -> None:
    """One region for all weeks: the best over the hours of both, not of the last or the first, nor
    of the one that costs more."""
    same_as_last, same_as_other, same_as_worst = set(), set(), set()
    other = oracle.unit_t if unit is oracle.unit_usd else oracle.unit_usd
    for s, whole, values in weeks():
        best, late, by_other = (
            min(range(4), key=lambda r, each=each, first=first: values[r][each][first])
            for each, first in ((unit, 0), (unit, WEEK), (other, 0))
        )
        same_as_last.add(best == late)
        same_as_other.add(best == by_other)
        worst = [max(v[unit][WEEK], v[unit][0] - v[unit][WEEK]) for v in values]
        same_as_worst.add(best == worst.index(min(worst)))
        assert_flows(baseline(build_instance(s), f"best_region_{name}"), whole[best])
    assert same_as_last == {True, False}
    assert False in same_as_other
    assert False in same_as_worst


def greedy(s: Scenario, unit: Unit) -> Rule:
    """Rounds: each demand asks at its best place with room, and the lowest are let in first."""
    flows: Rule = defaultdict(float)
    places = open_to(s)
    for t in range(s.hours.count):
        left = {ik: float(s.demand_per_h[*ik, t]) for ik in places}
        room = [oracle.most_gpu(s, r, t) for r in range(4)]
        while True:
            asking: dict[int, list[tuple[float, int, int, int]]] = defaultdict(list)
            for (i, k), rate in left.items():
                shed = [(-1, 0)] if s.classes[k].unserved_usd_per_request is not None else []
                having = [p for p in (*places[i, k], *shed) if p[0] < 0 or room[p[0]] > 0]
                if rate > 0 and having:
                    r, o = min(having, key=lambda p: unit(s, i, k, *p, t))
                    asking[r].append((unit(s, i, k, r, o, t), k, i, o))
            if not asking:
                break
            for r, queue in asking.items():
                for _, k, i, o in sorted(queue):
                    each = oracle.gpu_h(s, k, o)
                    taken = left[i, k] if r < 0 else min(left[i, k], room[r] / each)
                    flows[i, k, r, o, t] += taken
                    left[i, k] -= taken
                    left[i, k] = 0.0 if left[i, k] < 1e-12 * s.demand_per_h[i, k, t] else left[i, k]
                    if r >= 0:
                        room[r] -= taken * each
                        room[r] = 0.0 if room[r] < 1e-12 else room[r]
        for (i, k), rate in left.items():
            flows[i, k, -1, 0, t] += rate
    return flows


@pytest.mark.parametrize(("name", "unit"), [("cost", oracle.unit_usd), ("carbon", oracle.unit_t)])
def test_greedy(name: str, unit: Unit) -> None:
    """Round by round; what finds no place at all is left over."""
    fewer = tuple(replace(r, on_demand_gpu=0.3 * r.on_demand_gpu) for r in turning().regions)
    s = replace(turning(), regions=fewer)
    found, flows = baseline(build_instance(s), f"greedy_{name}"), greedy(s, unit)
    assert_flows(found, flows)
    assert any(f[2] < 0 and rate > 1 for f, rate in flows.items())
    assert found.status is Status.INFEASIBLE
    assert found.totals.unserved_requests > 0


def test_greedy_sheds_at_a_price() -> None:
    """Going unserved is a place like another, taken where it costs less than the best with room."""
    s = world(3, sampled(np.random.default_rng(1), 30))
    found, flows = baseline(build_instance(s), "greedy_cost"), greedy(s, oracle.unit_usd)
    assert_flows(found, flows)
    assert any(f[2] < 0 and rate > 1 for f, rate in flows.items())


def test_nearest_available() -> None:
    """The least mean round trip that capacity allows, and the least cost at that."""
    s = world(3, share_caps=(SMALL_LAST,))
    quick = replace(
        s.points[1], id="quick", decode_j_per_token=90.0, decode_gpu_s_per_token=2.0**-9
    )
    s = replace(s, points=(*s.points, quick))
    found = baseline(build_instance(s), "nearest_available")
    assert found.status is Status.HEURISTIC
    ms = usd = 0.0
    for t in range(s.hours.count):
        hour = s.at_hours([t])
        reach = oracle.baseline_rtt(hour)
        near = oracle.oracle_plan(hour, measure=reach, **oracle.ALONE).objective
        held = [(reach, near)]
        ms += near
        usd += oracle.oracle_plan(
            hour, measure=oracle.unit_usd, held=held, **oracle.ALONE
        ).objective
    flows = {tuple(f[:5]): f.rate for f in flows_of(found)}
    assert found.totals.variable_usd == pytest.approx(usd)
    assert total(s, flows, oracle.baseline_rtt(s)) == pytest.approx(ms)


def test_a_mean_accuracy_that_one_week_breaks_is_said() -> None:
    """The cheapest point of a class is below its minimum where its demand is, in week two."""
    s = turning()
    limited = replace(s.classes[1], mean_accuracy_min=0.7)
    s = replace(s, share_caps=(), classes=(s.classes[0], limited, s.classes[2]))
    demand = s.demand_per_h.copy()
    for steps in (slice(0, WEEK), slice(WEEK, None)):
        one = demand.copy()
        one[:, 1, steps] = 0.0
        found = baseline(build_instance(replace(s, demand_per_h=one)), "nearest")
        assert "mean accuracy of class code too low" in found.conflict


def test_the_share_without_a_place_is_of_requests() -> None:
    """Demand that finds no place is told as a share of all requests of the window."""
    s = world(3)
    s = replace(s, classes=tuple(replace(k, unserved_usd_per_request=None) for k in s.classes))
    found = baseline(build_instance(s), "greedy_cost")
    lost = found.totals.unserved_requests
    share = lost / (lost + found.totals.requests)
    told = re.search(r"([\d.]+)% of requests find no place", found.conflict)
    assert told is not None
    assert math.isclose(float(told[1]), 100 * share, abs_tol=0.005)
