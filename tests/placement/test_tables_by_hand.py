"""Every column of every table of a plan, computed once more from its flows in plain loops."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

import wattlas
from tests import oracle
from tests.placement.worlds import (
    SMALL_LAST,
    Flow,
    assert_table,
    flows_of,
    reserved,
    two_weeks,
    world,
)
from wattlas.model.frictions import Frictions
from wattlas.model.objective import Minimise
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.placement.compare.baselines import baseline
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.tables.metrics import benefit, changed, layers, relocatable, relocation
from wattlas.placement.tables.views import candidates, duration, flow_sums, hourly, merit, places

REASONS = {
    "point": "the class does not use this operating point",
    "variant": "the region does not run the model",
    "residency": "residency",
    "state": "state is pinned elsewhere",
    "accuracy": "accuracy below the class's minimum",
    "latency": "latency above the budget",
}
WORLDS = ("plain", "degradation cap", "frictions", "both", "weeks")
FRICTIONS = Frictions(0.5, {"region-1": 0.1}, 0.25, True, True)


@cache
def planned(name: str) -> tuple[Plan, Plan]:
    """A world's plan, and the nearest places with room beside it."""
    s = {
        "plain": lambda: world(3),
        "degradation cap": lambda: world(0, share_caps=(SMALL_LAST,)),
        "frictions": lambda: world(5, frictions=FRICTIONS),
        "both": lambda: world(1, frictions=FRICTIONS, share_caps=(SMALL_LAST,)),
        "weeks": lambda: world(2, two_weeks()),
    }[name]()
    found = wattlas.plan(s)
    assert found.status == "optimal"
    return found, baseline(build_instance(s), "nearest_available")


def requests(s: Scenario, f: Flow) -> float:
    """Requests of a flow over the hours that its step stands for."""
    return f.rate * float(s.hours.weight[f.t]) * s.hours.step_h


def it_mwh(s: Scenario, f: Flow) -> float:
    """IT energy of a flow; nothing where it goes unserved."""
    return requests(s, f) * oracle.it_kwh(s, f.k, f.o) / 1e3 if f.r >= 0 else 0.0


def average(s: Scenario, r: int, t: int) -> float:
    """Average intensity at a region, g/kWh."""
    return float(s.signals.average_g_per_kwh[s.signals.zones.index(s.regions[r].zone), t])


def round_trip(s: Scenario, i: int, r: int) -> float:
    """Metro to its node, and node to region, ms."""
    node = oracle.node_of(s, i)
    return float(s.network.rtt_metro_node_ms[i, node] + s.network.rtt_node_region_ms[node, r])


def baseline_of(s: Scenario) -> dict[tuple[int, int], int]:
    """Baseline region of every (metro, class); −1 where there is none."""
    open_to, _ = oracle.open_places(s)
    place = {ik: oracle.baseline_place(s, *ik, 0, open_to[ik]) for ik in open_to}
    return {ik: -1 if at is None else at[0] for ik, at in place.items()}


def span(s: Scenario, t: int) -> float:
    """Hours that a step stands for."""
    return float(s.hours.weight[t]) * s.hours.step_h


@pytest.mark.parametrize("name", WORLDS)
def test_worlds_hold_what_bites(name: str) -> None:
    """The worlds have late and unserved demand, ties, moved demand and prices of capacity."""
    found, _ = planned(name)
    assert found.totals.late_requests > 0
    assert found.totals.unserved_requests > 0 or name == "weeks"
    assert found.capacity_price_usd_per_gpu_h is not None
    assert found.capacity_price_usd_per_gpu_h.max() > 0
    assert {f.r for f in flows_of(found)} >= {0, 1, 2}
    assert len(set(found.scenario.hours.hours)) > 1


@pytest.mark.parametrize("name", WORLDS)
def test_totals(name: str) -> None:
    """Every total is the sum over flows; frictions are those of the model page."""
    found, _ = planned(name)
    s = found.scenario
    sums: dict[str, float] = defaultdict(float)
    _, late = oracle.open_places(s)
    for f in flows_of(found):
        n, klass = requests(s, f), s.classes[f.k]
        if f.r < 0:
            sums["unserved_requests"] += n
            sums["unserved_usd"] += n * (klass.unserved_usd_per_request or 0.0)
            continue
        facility = it_mwh(s, f) * s.regions[f.r].pue
        gpu, gb = n * oracle.gpu_h(s, f.k, f.o), n * klass.bytes_per_request / 1e9
        egress = float(s.network.egress_usd_per_gb[oracle.node_of(s, f.i), f.r])
        sums["requests"] += n
        sums["late_requests"] += n if (f.i, f.k) in late else 0.0
        sums["it_mwh"] += it_mwh(s, f)
        sums["facility_mwh"] += facility
        sums["gpu_h"] += gpu
        sums["egress_gb"] += gb
        sums["energy_usd"] += facility * oracle.price(s, f.r, f.t)
        sums["on_demand_usd"] += gpu * oracle.used_usd_per_gpu_h(s, f.r)
        sums["egress_usd"] += gb * egress
        sums["carbon_kg"] += facility * oracle.intensity(s, f.r, f.t)
        sums["carbon_average_kg"] += facility * average(s, f.r, f.t)
        sums["rtt_mean_ms"] += n * round_trip(s, f.i, f.r)
    warmed = warm_up(found)
    for total, value in warmed.items():
        sums[total] += value
    sums["carbon_marginal_kg"] = sums["carbon_kg"]
    sums["carbon_price_usd"] = sums["carbon_kg"] / 1e3 * s.objective.carbon_price_usd_per_t
    sums["rtt_mean_ms"] /= sums["requests"]
    sums["reserved_usd"] = oracle.reserved_usd(s)
    sums["friction_usd"] = frictions_paid(found) - warmed.get("energy_usd", 0.0)
    assert (sums["friction_usd"] > 0) == (name in ("frictions", "both"))
    assert vars(found.totals) == pytest.approx({n: sums[n] for n in vars(found.totals)}, rel=1e-9)


def starts(found: Plan, begun: Scenario | None = None) -> Iterator[tuple[int, str, int, float]]:
    """(region, model, step, GPU-h/h started, hours counted) of every rise above the step before.

    Baseline regions, where everything runs before the first step, are those of the scenario
    `begun`.
    """
    s = found.scenario
    held: dict[Any, float] = defaultdict(float)
    for f in flows_of(found):
        if f.r >= 0:
            held[f.r, s.points[f.o].variant, f.t] += f.rate * oracle.gpu_h(s, f.k, f.o)
    first: dict[Any, float] = defaultdict(float)
    for (i, k), t, (r, o) in before_the_first(s, begun):
        gpu = float(s.demand_per_h[i, k, t]) * oracle.gpu_h(s, k, o)
        first[r, s.points[o].variant, t] += gpu
    for r, m, t in itertools.product(range(len(s.regions)), ("big", "tiny"), range(s.hours.count)):
        before = held[r, m, t - 1] if follows(s, t) else first[r, m, t]
        yield r, m, t, float(s.hours.weight[t]) * max(held[r, m, t] - before, 0.0)


def before_the_first(
    s: Scenario, begun: Scenario | None
) -> Iterator[tuple[tuple[int, int], int, tuple[int, int]]]:
    """(metro and class, step, place) that demand runs at before a step that follows none."""
    open_to, _ = oracle.open_places(s if begun is None else begun)
    for (i, k), t in itertools.product(open_to, range(s.hours.count)):
        place = oracle.baseline_place(s, i, k, t, open_to[i, k])
        if place is not None:
            yield (i, k), t, place


def follows(s: Scenario, t: int) -> bool:
    """Whether the step before is the one before in time."""
    return t > 0 and bool(s.hours.offset[t] == s.hours.offset[t - 1] + 1)


def warm_up(found: Plan, begun: Scenario | None = None) -> dict[str, float]:
    """What warm-up adds to the totals."""
    s = found.scenario
    sums: dict[str, float] = defaultdict(float)
    for r, _, t, started in starts(found, begun):
        mwh = s.frictions.start_kwh_per_gpu_h * started / 1e3
        facility = mwh * s.regions[r].pue
        sums["it_mwh"] += mwh
        sums["facility_mwh"] += facility
        sums["energy_usd"] += facility * oracle.price(s, r, t)
        sums["carbon_kg"] += facility * oracle.intensity(s, r, t)
        sums["carbon_average_kg"] += facility * average(s, r, t)
    return sums


def frictions_paid(found: Plan, begun: Scenario | None = None) -> float:
    """USD of starts and moved state without a carbon price, the bill of warm-up among them."""
    s = found.scenario
    total = sum(started * oracle.start_usd(s, r, m, t) for r, m, t, started in starts(found, begun))
    if not s.frictions.move_state:
        return total
    runs: dict[Any, float] = defaultdict(float)
    for f in flows_of(found):
        if f.r >= 0:
            runs[f.i, f.k, f.r, f.t] += f.rate
    first: dict[Any, float] = defaultdict(float)
    for (i, k), t, (r, _) in before_the_first(s, begun):
        first[i, k, r, t] += float(s.demand_per_h[i, k, t])
    pairs = oracle.open_places(s)[0]
    for (i, k), r, t in itertools.product(pairs, range(len(s.regions)), range(s.hours.count)):
        klass = s.classes[k]
        if klass.state == "sticky":
            before = runs[i, k, r, t - 1] if follows(s, t) else first[i, k, r, t]
            gb = klass.session_state_bytes / 1e9 / klass.requests_per_session_h
            usd = float(s.network.egress_usd_per_gb[oracle.node_of(s, i), r]) * gb
            total += float(s.hours.weight[t]) * max(runs[i, k, r, t] - before, 0.0) * usd
    return total


def test_places() -> None:
    """Metros, then nodes, then regions, each with what is known of it and nothing else."""
    s = world(0)
    rows = []
    columns = "kind id name lat_deg lon_deg zone jurisdiction country population pue node"
    for kind, many in (("metro", s.metros), ("node", s.nodes), ("region", s.regions)):
        for place in many:
            row = {c: getattr(place, c, None) for c in columns.split()}
            row.update(kind=kind, name=place.name or place.id)
            row["country"] = getattr(place, "country", "")
            rows.append(row)
    assert rows[-4]["name"] == "First"
    assert_table(places(s), rows)


@pytest.mark.parametrize("name", WORLDS)
def test_flow_sums(name: str) -> None:
    """Sums over the window of each (metro, class, region, point), and the mean round trip."""
    found, _ = planned(name)
    s = found.scenario
    sums: dict[Any, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for f in flows_of(found):
        r = f.r if f.r >= 0 else len(s.regions)
        row = sums[f.i, f.k, r, f.o if f.r >= 0 else -1]
        row["requests"] += requests(s, f)
        row["it_mwh"] += it_mwh(s, f)
        if f.r >= 0:
            facility = it_mwh(s, f) * s.regions[f.r].pue
            row["facility_mwh"] += facility
            row["energy_usd"] += facility * oracle.price(s, f.r, f.t)
            row["carbon_kg"] += facility * oracle.intensity(s, f.r, f.t)
    regions = [*(r.id for r in s.regions), "unserved"]
    names = ("requests", "it_mwh", "facility_mwh", "energy_usd", "carbon_kg")
    rows = [
        {
            "metro": s.metros[i].id,
            "class": s.classes[k].id,
            "region": regions[r],
            "point": s.points[o].id if o >= 0 else "",
            **{n: sums[i, k, r, o][n] for n in names},
            "rtt_ms": round_trip(s, i, r) if o >= 0 else math.nan,
        }
        for i, k, r, o in sorted(sums)
    ]
    assert found.flows is not None
    assert_table(flow_sums(s, found.flows), rows)


def region_sums(found: Plan) -> dict[tuple[int, int], dict[str, float]]:
    """requests, IT and facility MWh, GPU-h of each (region, step)."""
    s = found.scenario
    sums: dict[tuple[int, int], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for f in flows_of(found):
        if f.r >= 0:
            cell = sums[f.r, f.t]
            cell["requests"] += requests(s, f)
            cell["it"] += it_mwh(s, f)
            cell["facility"] += it_mwh(s, f) * s.regions[f.r].pue
            cell["gpu"] += requests(s, f) * oracle.gpu_h(s, f.k, f.o)
    return sums


@pytest.mark.parametrize("name", WORLDS)
def test_hourly(name: str) -> None:
    """Load, prices and both intensities of each region and step: powers, not energies."""
    found, other = planned(name)
    s, mine, base = found.scenario, region_sums(found), region_sums(other)
    assert found.capacity_price_usd_per_gpu_h is not None
    rows = []
    for t, r in itertools.product(range(s.hours.count), range(len(s.regions))):
        limit, cell = oracle.most_gpu(s, r, t), mine[r, t]
        rows.append(
            {
                "time_utc": s.hours.utc[t],
                "hours_represented": span(s, t),
                "region": s.regions[r].id,
                "requests": cell["requests"],
                "it_mw": cell["it"] / span(s, t),
                "facility_mw": cell["facility"] / span(s, t),
                "gpu": cell["gpu"] / span(s, t),
                "capacity_gpu": limit if math.isfinite(limit) else math.nan,
                "price_usd_per_mwh": oracle.price(s, r, t),
                "average_g_per_kwh": average(s, r, t),
                "deciding_g_per_kwh": oracle.intensity(s, r, t),
                "capacity_price_usd_per_gpu_h": float(found.capacity_price_usd_per_gpu_h[r, t]),
                "capacity_price_kg_per_gpu_h": math.nan,
                "baseline_it_mw": base[r, t]["it"] / span(s, t),
            }
        )
    assert any(row["it_mw"] != row["baseline_it_mw"] for row in rows)
    assert_table(hourly(found, other), rows)


def unit_means(s: Scenario, i: int, k: int, r: int, o: int) -> tuple[float, float]:
    """Demand-weighted mean USD and g per request over the window."""
    weight = [float(s.demand_per_h[i, k, t]) * span(s, t) for t in range(s.hours.count)]
    usd = sum(w * oracle.unit_usd(s, i, k, r, o, t) for t, w in enumerate(weight))
    grams = sum(w * oracle.unit_t(s, i, k, r, o, t) * 1e6 for t, w in enumerate(weight))
    return usd / sum(weight), grams / sum(weight)


def binding_words(found: Plan, r: int) -> str:
    """How often a region is full, and what one more GPU-h is worth there on average."""
    s, price = found.scenario, found.capacity_price_usd_per_gpu_h
    assert price is not None
    every = sum(span(s, t) for t in range(s.hours.count))
    full = sum(span(s, t) for t in range(s.hours.count) if price[r, t] > 1e-9) / every
    mean = sum(span(s, t) * float(price[r, t]) for t in range(s.hours.count)) / every
    return f"full in {full:.0%} of hours, one more GPU-h worth {mean:.3g} USD" if full else ""


@pytest.mark.parametrize("name", WORLDS)
def test_candidates(name: str) -> None:
    """Each region at its cheapest open point, or at the one that the fewest masks close."""
    found, _ = planned(name)
    s = found.scenario
    open_to, _ = oracle.open_places(s)
    asked: dict[Any, float] = defaultdict(float)
    for f in flows_of(found):
        asked[f.i, f.k] += requests(s, f)
        asked[f.i, f.k, f.r] += requests(s, f)
    rows, masks = [], set()
    for i, k, r in itertools.product(range(len(s.metros)), range(len(s.classes)), range(4)):
        if not asked[i, k]:
            continue
        closed = {}
        for o in range(len(s.points)):
            why = oracle.reasons(s, i, k, r, o, s.classes[k].latency_budget_ms)
            closed[o] = [] if (r, o) in open_to[i, k] else why
        cost = {o: unit_means(s, i, k, r, o) for o in closed}
        best = min(closed, key=lambda o: (len(closed[o]), cost[o][0]))
        masks.add((len(closed[best]), best != min(cost, key=lambda o: cost[o][0])))
        rows.append(
            {
                "metro": s.metros[i].id,
                "class": s.classes[k].id,
                "region": s.regions[r].id,
                "point": s.points[best].id,
                "latency_ms": oracle.latency(s, i, k, r, best),
                "budget_ms": s.classes[k].latency_budget_ms,
                "cost_usd_per_million": cost[best][0] * 1e6,
                "carbon_g_per_request": cost[best][1],
                "reason": ", ".join(REASONS[one] for one in closed[best]),
                "chosen_share": asked[i, k, r] / asked[i, k],
                "binding": "" if closed[best] else binding_words(found, r),
            }
        )
    assert {(0, False), (1, True), (3, False)} <= masks
    assert any(row["binding"] for row in rows)
    assert_table(candidates(build_instance(s), found), rows)


@pytest.mark.parametrize("name", WORLDS)
def test_merit(name: str) -> None:
    """Regions by what the requests of the hour cost there, all parts, with capacity as power."""
    found, _ = planned(name)
    s, sums, every = found.scenario, region_sums(found), range(found.scenario.hours.count)
    regions, gamma = range(len(s.regions)), s.objective.carbon_price_usd_per_t
    demand = [sum(sums[r, t]["it"] for r in regions) / span(s, t) for t in every]
    price = [sum(oracle.price(s, r, t) for r in regions) for t in every]
    hours = {
        max(every, key=lambda t: demand[t]),
        min(every, key=lambda t: demand[t]),
        max(every, key=lambda t: price[t]),
        min(every, key=lambda t: price[t]),
    }
    rows, open_to = [], oracle.open_places(s)[0]
    for t in sorted(hours):
        ran = [f for f in flows_of(found) if f.t == t and f.r >= 0]
        parts: dict[int, dict[str, float]] = {}
        for r in regions:
            may = [f for f in ran if (r, f.o) in open_to[f.i, f.k]]
            mwh = sum(f.rate * oracle.it_kwh(s, f.k, f.o) / 1e3 for f in may)
            energy = sum(
                f.rate * oracle.it_kwh(s, f.k, f.o) / 1e3 * s.regions[r].pue * oracle.price(s, r, t)
                for f in may
            )
            carbon = gamma * sum(f.rate * oracle.unit_t(s, f.i, f.k, r, f.o, t) for f in may)
            paid = sum(f.rate * oracle.unit_usd(s, f.i, f.k, r, f.o, t) for f in may)
            price_gb = {f: s.network.egress_usd_per_gb[oracle.node_of(s, f.i), r] for f in may}
            egress = sum(
                f.rate * s.classes[f.k].bytes_per_request / 1e9 * float(price_gb[f]) for f in may
            )
            each = {
                "cost": paid,
                "energy": energy,
                "accelerator": paid - energy - egress - carbon,
                "egress": egress,
                "carbon": carbon,
            }
            parts[r] = {part: usd / mwh if mwh else math.nan for part, usd in each.items()}
            here = [f for f in ran if f.r == r] or may
            power = sum(f.rate * oracle.it_kwh(s, f.k, f.o) / 1e3 for f in here)
            busy = sum(f.rate * oracle.gpu_h(s, f.k, f.o) for f in here)
            parts[r]["mw_per_gpu"] = power / busy if busy else math.nan
            used, region = sums[r, t]["gpu"] / span(s, t), s.regions[r]
            reserved = float(s.reserved_gpu[r, t])
            buys = bool(s.reserved_gpu[r].any()) and region.on_demand_gpu > 0
            if buys and used >= reserved * (1 - 1e-9) and power:
                more = region.on_demand_usd_per_gpu_h * busy / power
                parts[r]["cost"] += more
                parts[r]["accelerator"] += more
        known = [r for r in regions if not math.isnan(parts[r]["cost"])]
        order = sorted(known, key=lambda r: parts[r]["cost"])
        order += [r for r in regions if r not in known]
        for rank, r in enumerate(order, start=1):
            limit = oracle.most_gpu(s, r, t)
            rows.append(
                {
                    "hour": s.hours.utc[t],
                    "rank": rank,
                    "region": s.regions[r].id,
                    **{f"{part}_usd_per_it_mwh": parts[r][part] for part in each},
                    "capacity_mw": (
                        limit * parts[r]["mw_per_gpu"] if math.isfinite(limit) else None
                    ),
                    "used_mw": sums[r, t]["it"] / span(s, t),
                    "demand_mw": demand[t],
                }
            )
    assert len(hours) > 1
    assert_table(merit(found), rows)


@pytest.mark.parametrize("name", WORLDS)
def test_duration(name: str) -> None:
    """At each share of the facility energy: the price, or carbon, that so much is at or above."""
    rows = []
    for policy, one in zip(("plan", "baseline"), planned(name), strict=True):
        s, sums = one.scenario, region_sums(one)
        cells = list(itertools.product(range(len(s.regions)), range(s.hours.count)))
        for quantity, signal in (("price", oracle.price), ("carbon", oracle.intensity)):
            falling = sorted(cells, key=lambda c: -signal(s, *c))
            total = math.fsum(sums[c]["facility"] for c in falling)
            reached, at = sums[falling[0]]["facility"], 0
            for n in range(201):
                while reached < n / 200 * total * (1 - 1e-12):
                    at += 1
                    reached += sums[falling[at]]["facility"]
                rows.append((policy, quantity, n / 200, signal(s, *falling[at])))
    names = ("policy", "quantity", "share_of_energy", "value")
    named = [dict(zip(names, row, strict=True)) for row in rows]
    assert_table(
        {k: [v for n, v in enumerate(c) if n % 201] for k, c in duration(*planned(name)).items()},
        [row for n, row in enumerate(named) if n % 201],
    )


def test_a_duration_curve_begins_at_the_highest_price_that_is_paid() -> None:
    """The price at no share of the energy is the highest that any energy was bought at."""
    s, other = planned("plain")[0].scenario, planned("plain")[1]
    cells = itertools.product(range(len(s.regions)), range(s.hours.count))
    r, t = max(cells, key=lambda cell: oracle.price(s, *cell))
    shut = s.most_gpu.copy()
    shut[s.region_zone == s.region_zone[r], t] = 0.0
    shed = tuple(replace(k, unserved_usd_per_request=1.0) for k in s.classes)
    found = wattlas.plan(reserved(s, shut, classes=shed))
    sums = region_sums(found)
    paid = [oracle.price(s, *cell) for cell, held in sums.items() if held["facility"] > 0]
    assert duration(found, other)["value"][0] == max(paid)


@pytest.mark.parametrize("name", WORLDS)
def test_relocatable(name: str) -> None:
    """Energy that could leave the baseline region, that does, that the baseline policy lets
    overflow, and that runs elsewhere than the baseline policy runs it."""
    found, policy = planned(name)
    s, base = found.scenario, baseline_of(found.scenario)
    open_to, _ = oracle.open_places(s)
    total, could, does = ([0.0] * len(s.classes) for _ in range(3))
    for f in flows_of(found):
        total[f.k] += it_mwh(s, f)
        could[f.k] += it_mwh(s, f) * any(r != base[f.i, f.k] for r, _ in open_to[f.i, f.k])
        does[f.k] += it_mwh(s, f) * (f.r != base[f.i, f.k])
    spilt, moved = [0.0] * len(s.classes), moved_by_hand(s, found, policy)
    for f in flows_of(policy):
        spilt[f.k] += it_mwh(s, f) * (f.r != base[f.i, f.k])
    rows = [
        {
            "class": klass.id,
            "it_mwh": total[k],
            "technical_mwh": could[k],
            "technical_share": could[k] / total[k],
            "economic_mwh": does[k],
            "economic_share": does[k] / total[k],
            "overflow_mwh": spilt[k],
            "moved_mwh": moved[k],
            "moved_share": moved[k] / total[k],
        }
        for k, klass in enumerate(s.classes)
    ]
    assert any(0 < row["economic_mwh"] < row["technical_mwh"] for row in rows)
    assert_table(relocatable(build_instance(s), found, policy, changed(found, policy)), rows)


def moved_by_hand(s: Scenario, found: Plan, policy: Plan) -> list[float]:
    """Per class, the plan's energy of requests that a region has beyond the baseline policy's."""
    mine: dict[Any, float] = defaultdict(float)
    energy: dict[Any, float] = defaultdict(float)
    other: dict[Any, float] = defaultdict(float)
    for f in flows_of(found):
        mine[f.t, f.i, f.k, f.r] += f.rate
        energy[f.t, f.i, f.k, f.r] += it_mwh(s, f)
    for f in flows_of(policy):
        other[f.t, f.i, f.k, f.r] += f.rate
    moved = [0.0] * len(s.classes)
    for (t, i, k, r), rate in mine.items():
        served = max(other.get((t, i, k, -1), 0.0) - mine.get((t, i, k, -1), 0.0), 0.0)
        if r >= 0 and rate > 0:
            beyond = max(rate - other.get((t, i, k, r), 0.0), 0.0)
            gained = sum(
                max(mine.get((t, i, k, q), 0.0) - other.get((t, i, k, q), 0.0), 0.0)
                for q in range(-1, len(s.regions))
            )
            # What was unserved and now is served has come from nowhere.
            came = 1.0 - served / gained if gained else 0.0
            moved[k] += energy[t, i, k, r] * beyond / rate * came
    return moved


@pytest.mark.parametrize("name", WORLDS)
def test_layers(name: str) -> None:
    """Late before local; regional up to 30 ms more than the baseline region's round trip, not than
    nothing."""
    found, policy = planned(name)
    s, base = found.scenario, baseline_of(found.scenario)
    _, late = oracle.open_places(s)
    names = ("local", "regional", "energy-oriented", "late", "unserved")

    def by_layer(placed: Plan) -> dict[tuple[int, str], float]:
        sums: dict[tuple[int, str], float] = defaultdict(float)
        for f in flows_of(placed):
            at = base[f.i, f.k]
            if f.r < 0:
                layer = "unserved"
            elif (f.i, f.k) in late:
                layer = "late"
            elif f.r == at:
                layer = "local"
            else:
                beyond = round_trip(s, f.i, f.r) - round_trip(s, f.i, at)
                layer = "regional" if beyond <= 30.0 else "energy-oriented"
            sums[f.k, layer] += it_mwh(s, f)
        return sums

    sums, other = by_layer(found), by_layer(policy)
    rows = [
        {
            "class": klass.id,
            "layer": layer,
            "it_mwh": sums[k, layer],
            "share": sums[k, layer] / sum(sums[k, each] for each in names),
            "baseline_mwh": other[k, layer],
            "baseline_share": other[k, layer] / sum(other[k, each] for each in names),
        }
        for k, klass in enumerate(s.classes)
        for layer in names
    ]
    assert {layer for (_, layer), mwh in sums.items() if mwh} >= {"local", "regional", "late"}
    assert_table(layers(build_instance(s), found, policy), rows)


def distance_km(s: Scenario, a: int, b: int) -> float:
    """Great circle between two regions by the law of cosines."""
    one, two = s.regions[a], s.regions[b]
    p, q = math.radians(one.lat_deg), math.radians(two.lat_deg)
    east = math.radians(two.lon_deg - one.lon_deg)
    cosine = math.sin(p) * math.sin(q) + math.cos(p) * math.cos(q) * math.cos(east)
    return 6371.0088 * math.acos(min(cosine, 1.0))


@pytest.mark.parametrize("name", WORLDS)
def test_relocation(name: str) -> None:
    """Energy that ran in another zone than its users' baseline region: mean and peak power, line
    and loss; beside it what the baseline policy lets overflow there."""
    found, policy = planned(name)
    s, base = found.scenario, baseline_of(found.scenario)
    zone = [s.signals.zones.index(r.zone) for r in s.regions]
    moved, far = defaultdict(float), defaultdict(float)
    spilt, spilt_far = defaultdict(float), defaultdict(float)
    power: dict[Any, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for placed, energy, reach in ((found, moved, far), (policy, spilt, spilt_far)):
        for f in flows_of(placed):
            at = base[f.i, f.k]
            if f.r >= 0 and zone[at] != zone[f.r]:
                pair = zone[at], zone[f.r]
                energy[pair] += it_mwh(s, f)
                reach[pair] += it_mwh(s, f) * distance_km(s, at, f.r)
                if placed is found:
                    power[pair][f.t] += it_mwh(s, f) / span(s, f.t)
    rows = []
    for pair in sorted({*moved, *spilt}):
        own = pair in moved
        km = far[pair] / moved[pair] if own else spilt_far[pair] / spilt[pair]
        loss = 0.03 * km / 1000.0
        rows.append(
            {
                "from_zone": s.signals.zones[pair[0]],
                "to_zone": s.signals.zones[pair[1]],
                "it_mwh": moved.get(pair, 0.0),
                "baseline_mwh": spilt.get(pair, 0.0),
                "mean_mw": moved.get(pair, 0.0) / sum(span(s, t) for t in range(s.hours.count)),
                "distance_km": km,
                "line_mw": max(power[pair].values(), default=0.0) / (1 - loss),
                "line_loss_share": loss,
                "line_loss_mwh": moved.get(pair, 0.0) * loss / (1 - loss),
            }
        )
    assert len(rows) >= 2
    assert_table(relocation(build_instance(s), found, policy), rows)


FREED = {
    "none": "as it is",
    "egress": "without egress prices",
    "residency": "without residency rules",
    "latency": "without latency budgets",
    "variants": "with every model in every region",
    "capacity": "with free capacity everywhere",
    "start_up": "without the cost of starting capacity",
    "state_move": "without the cost of moving state",
    "all": "without any of them",
}


def freed(s: Scenario, limit: str) -> Scenario:
    """The scenario without one of its limits, or without all."""
    if limit == "all":
        for one in list(FREED)[1:-1]:
            s = freed(s, one)
        return s
    free = s.frictions
    change: dict[str, Any] = {
        "none": {},
        "egress": {"network": replace(s.network, egress_usd_per_gb=np.zeros((3, 4)))},
        "residency": {"classes": tuple(replace(k, residency="") for k in s.classes)},
        "capacity": {"reserved_gpu": np.where(s.reserved_gpu > 0, np.inf, 0.0)},
        "latency": {"classes": tuple(replace(k, latency_budget_ms=np.inf) for k in s.classes)},
        "variants": {"regions": tuple(replace(r, variants=None) for r in s.regions)},
        "start_up": {"frictions": Frictions(move_state=free.move_state, initial=free.initial)},
        "state_move": {"frictions": replace(free, move_state=False)},
    }
    return replace(s, **change[limit])


def left_unserved(found: Plan) -> float:
    """Share of the requests that go unserved."""
    total, lost = 0.0, 0.0
    for f in flows_of(found):
        total += requests(found.scenario, f)
        lost += requests(found.scenario, f) if f.r < 0 else 0.0
    return lost / total


def test_benefit() -> None:
    """The nearest places with room in the freed world, less the freed world's own optimum."""
    base = planned("frictions")[1]
    s, rows = base.scenario, []
    for limit, label in FREED.items():
        one = freed(s, limit)
        usd = sum(requests(s, f) * oracle.unit_usd(one, *f[:5]) for f in flows_of(base))
        tonnes = sum(requests(s, f) * oracle.unit_t(one, *f[:5]) for f in flows_of(base))
        moved = replace(base, scenario=one)
        warmed_t = warm_up(moved, begun=s).get("carbon_kg", 0.0) / 1e3
        tonnes += warmed_t
        usd += frictions_paid(moved, begun=s) + s.objective.carbon_price_usd_per_t * warmed_t
        goal = replace(s.objective, minimise=Minimise.CARBON)
        cleanest = wattlas.plan(replace(one, objective=goal))
        more = left_unserved(base) - left_unserved(cleanest)
        note = (
            f"carbon is not compared: the placement of least carbon serves {abs(more):.2%} of the "
            f"requests {'more' if more > 0 else 'less'} than the baseline"
        )
        alike = abs(more) <= 1e-9
        rows.append(
            {
                "removed": limit,
                "label": label,
                "saving_usd": usd - wattlas.plan(one).objective,
                "saving_kg": (tonnes - cleanest.objective) * 1e3 if alike else math.nan,
                "realised_ratio_usd": 0.0,
                "realised_ratio_kg": 0.0,
                "note": "" if alike else note,
            }
        )
    assert any(row["note"] for row in rows)
    assert not all(row["note"] for row in rows)
    for row, unit in itertools.product(rows, ("usd", "kg")):
        row[f"realised_ratio_{unit}"] = rows[0][f"saving_{unit}"] / row[f"saving_{unit}"]
    assert_table(benefit(s), rows, rel=1e-7)
