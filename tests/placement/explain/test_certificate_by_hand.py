"""Every figure of a certificate, computed once more in plain loops, from prices and flows that are
no optimum of anything."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

import wattlas
from tests import oracle
from tests.placement.worlds import SMALL_LAST, Flow, flows_of, world
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.placement.explain.certificate import certify
from wattlas.placement.problem.instance import build_instance

Cell = tuple[int, int]


def tampered(seed: int, *, cap: bool, surplus: float, wrong: float) -> Plan:
    """A plan whose flows, prices of capacity and of its cap are each off by something else.

    A tenth of the flows runs elsewhere, open or not; one price is `wrong`, above 0.
    """
    s = world(seed, share_caps=(SMALL_LAST,) if cap else ())
    if surplus:
        regions = (replace(s.regions[0], on_demand_gpu=surplus), *s.regions[1:])
        held = s.reserved_gpu.copy()
        held[0, 4] = np.inf  # No more is bought where there is no end of them.
        s = replace(s, regions=regions, reserved_gpu=held)
    found, draw = wattlas.plan(s), np.random.default_rng(seed)
    assert certify(found).worst <= 1e-9
    assert found.flows is not None
    count = len(found.flows.requests_per_h)
    region = found.flows.region.copy()
    moved = (region >= 0) & (draw.uniform(size=count) < 0.1)
    region[moved] = (region[moved] + 1) % len(s.regions)
    rate = found.flows.requests_per_h * draw.uniform(0.8, 1.2, count)
    capacity = found.duals["capacity"] * draw.uniform(0.5, 1.5, found.duals["capacity"].shape)
    capacity[:2] -= draw.uniform(0.0, 4.0, capacity[:2].shape)
    capacity[np.isinf(s.reserved_gpu)] = 0.0
    if wrong:
        capacity[1, 2] = wrong
    return replace(
        found,
        flows=replace(found.flows, requests_per_h=rate, region=region),
        duals={**found.duals, "capacity": capacity},
        limits=tuple(
            replace(each, price=1.25 * each.price + 1e-3 * n)
            for n, each in enumerate(found.limits, 1)
        ),
    )


class World(NamedTuple):
    """A tampered plan, and what its prices say; demands with the same places are one source."""

    s: Scenario
    plan: Plan
    source_of: np.ndarray
    open_to: dict[Cell, list[Cell]]

    def price(self, t: int) -> float:
        """That of the degradation cap in the month of a step, 0 without."""
        return self.plan.limits[self.month(t)].price if self.plan.limits else 0.0

    def month(self, t: int) -> int:
        """The window that a step lies in, from 0."""
        stamps = [str(utc)[:7] for utc in self.s.hours.utc]
        return sorted(set(stamps)).index(stamps[t])

    def capped(self, f: Flow) -> float:
        """[degraded] − φ of a request that counts in the cap."""
        caps = [c for c in self.s.share_caps if self.s.classes[f.k].id in c.classes]
        return sum((f.r >= 0 and self.s.points[f.o].id in c.points) - c.share_max for c in caps)

    def reduced(self, f: Flow) -> float:
        """A request's cost, the cap at its price, less what the price of capacity pays."""
        gpu_usd = oracle.gpu_h(self.s, f.k, f.o) * self.plan.duals["capacity"][f.r, f.t]
        paid = oracle.unit_usd(self.s, *f[:5]) + self.price(f.t) * self.capped(f)
        return paid - float(gpu_usd) * (f.r >= 0)

    def demands(self) -> tuple[dict[Cell, float], dict[Cell, float]]:
        """Of each (source, step): requests/h, and the least reduced cost of one."""
        summed: dict[Cell, float] = defaultdict(float)
        least: dict[Cell, float] = {}
        for (i, k), t in itertools.product(self.open_to, range(self.s.hours.count)):
            cell = int(self.source_of[i, k]), t
            columns = [Flow(i, k, r, o, t, 1.0) for r, o in self.open_to[i, k]]
            if self.s.classes[k].unserved_usd_per_request is not None:
                columns.append(Flow(i, k, -1, 0, t, 1.0))
            summed[cell] += float(self.s.demand_per_h[i, k, t])
            least[cell] = min(map(self.reduced, columns))
        return summed, least

    def capacity(self, r: int, t: int, net: float, most: float) -> tuple[float, float]:
        """(|price| · slack, bound · price) of a row that uses `net` and could use `most`."""
        dual, held = float(self.plan.duals["capacity"][r, t]), float(self.s.reserved_gpu[r, t])
        slack, paid, region = 0.0, 0.0, self.s.regions[r]
        if math.isinf(held):
            return slack, paid
        if region.on_demand_gpu > 0:
            bought = min(max(net - held, 0.0), region.on_demand_gpu)
            own = region.on_demand_usd_per_gpu_h + dual
            room = min(region.on_demand_gpu, most)
            slack = abs(own) * (room - bought if own < 0 else bought)
            paid = min(own, 0.0) * room
            net -= bought
        return slack + abs(dual * (held - net)), paid + dual * held


def by_hand(w: World) -> dict[str, float]:
    """What a certificate tells in one figure each; prices above 0 have no slackness here."""
    s, dual, hours = w.s, w.plan.duals["capacity"], w.s.hours.hours
    demand, least = w.demands()
    placed: dict[Cell, float] = defaultdict(float)
    used: dict[Cell, float] = defaultdict(float)
    ran: dict[Cell, float] = defaultdict(float)
    slack: dict[int, float] = defaultdict(float)
    spent: dict[int, float] = defaultdict(float)
    steps = range(s.hours.count)
    largest = {t: max(d for (_, at), d in demand.items() if at == t) for t in steps}
    heaviest = [
        max(
            oracle.gpu_h(s, k, o)
            for (_, k), places in w.open_to.items()
            for q, o in places
            if q == r
        )
        for r in (0, 1)
    ]
    out: dict[str, float] = defaultdict(float)
    for f in flows_of(w.plan):
        cell, usd = (int(w.source_of[f.i, f.k]), f.t), oracle.unit_usd(s, *f[:5])
        placed[cell] += f.rate
        out["objective"] += float(hours[f.t]) * f.rate * usd
        paid = w.price(f.t) * w.capped(f)
        parts = usd, paid, usd + paid
        spent[f.t] += f.rate * max(map(abs, parts))
        if f.r >= 0 and (f.r, f.o) not in w.open_to[f.i, f.k]:
            out["closed"] = max(out["closed"], f.rate / largest[f.t])
            continue
        slack[f.t] += f.rate * abs(w.reduced(f) - least[cell])
        if f.r >= 0:
            used[f.r, f.t] += f.rate * oracle.gpu_h(s, f.k, f.o)
            ran[f.r, f.t] += f.rate
    rates: dict[tuple[int, ...], float] = {f[:5]: f.rate for f in flows_of(w.plan)}
    out["objective"] += oracle.bought_usd(s, rates, steps)
    for (source, t), d in demand.items():
        out["demand"] = max(out["demand"], abs(placed[source, t] - d) / largest[t])
        out["bound"] += float(hours[t]) * least[source, t] * d
    for t in steps:
        for r in (0, 1):
            need: dict[int, float] = defaultdict(float)
            for (i, k), places in w.open_to.items():
                n = int(w.source_of[i, k])
                need[n] = max(need[n], *(oracle.gpu_h(s, k, o) for q, o in places if q == r), 0.0)
            most = sum(need[n] * d for (n, at), d in demand.items() if at == t)
            limit = oracle.most_gpu(s, r, t)
            # A row is as large as its bound, and as what runs there would take at the most.
            size = max(limit, ran[r, t] * heaviest[r])
            if math.isfinite(limit):
                out["capacity"] = max(out["capacity"], (used[r, t] - limit) / size)
            if dual[r, t] > 0:
                total = sum(d for (_, at), d in demand.items() if at == t)
                out["signs"] = max(out["signs"], float(dual[r, t]) / (spent[t] / total))
            else:
                more, paid = w.capacity(r, t, used[r, t], most)
                slack[t] += more
                out["bound"] += float(hours[t]) * paid
        out["slackness"] = max(out["slackness"], slack[t] / spent[t])
    out["gap"] = (out["objective"] - out["bound"]) / abs(out["objective"])
    return out


def limits_by_hand(w: World) -> tuple[float, float]:
    """(Share of a month's requests beyond the cap at the worst, Σ price · |what is left|)."""
    s = w.s
    over: dict[int, float] = defaultdict(float)
    counted: dict[int, float] = defaultdict(float)
    for f in flows_of(w.plan):
        over[w.month(f.t)] += float(s.hours.hours[f.t]) * f.rate * w.capped(f)
    for k, t in itertools.product(range(len(s.classes)), range(s.hours.count)):
        if s.classes[k].id in SMALL_LAST.classes:
            asked = float(s.demand_per_h[:, k, t].sum())
            counted[w.month(t)] += asked * float(s.hours.hours[t])
    assert len(counted) == len(w.plan.limits) == 2
    price = {n: each.price for n, each in enumerate(w.plan.limits)}
    worst = max(over[n] / counted[n] for n in counted)
    return max(worst, 0.0), sum(price[n] * abs(over[n]) for n in counted)


@pytest.mark.parametrize("wrong", [0.0, 0.125])
@pytest.mark.parametrize(
    ("seed", "cap", "surplus"), [(3, False, 0.0), (0, True, 0.0), (5, False, 0.25), (1, True, 0.5)]
)
def test_a_certificate_by_hand(seed: int, cap: bool, surplus: float, wrong: float) -> None:
    """Objective, bound, gap, residuals and prices of demand, over steps of unequal weight."""
    plan = tampered(seed, cap=cap, surplus=surplus, wrong=wrong)
    s = plan.scenario
    source_of, places = build_instance(s).source_of, oracle.open_places(s)[0]
    w = World(s, plan, source_of, {ik: at for ik, at in places.items() if source_of[ik] >= 0})
    proof, mine = certify(plan), by_hand(w)
    assert proof.objective == pytest.approx(mine["objective"], rel=1e-9)
    assert proof.bound == pytest.approx(mine["bound"], rel=1e-9)
    assert proof.gap == pytest.approx(mine["gap"], rel=1e-9)
    over, loose = limits_by_hand(w) if cap else (0.0, 0.0)
    loose /= abs(mine["objective"])
    slackness = math.inf if wrong else max(mine["slackness"], loose)
    wanted: dict[str, Any] = {
        name: mine[name] for name in ("demand", "closed", "capacity", "signs")
    }
    wanted.update(slackness=slackness, limits=over)
    assert proof.residuals == pytest.approx(wanted, rel=1e-9)
    assert all(wanted[name] > 0 for name in ("demand", "closed", "capacity", "slackness"))
    _, least = w.demands()
    for (i, k), t in itertools.product(w.open_to, range(s.hours.count)):
        price = least[int(w.source_of[i, k]), t]
        assert proof.demand_price[i, k, t] == pytest.approx(price, rel=1e-9)
