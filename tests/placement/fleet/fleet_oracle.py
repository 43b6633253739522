"""A fleet as one program for GLPK: every hour, every accelerator and every outage in it at once.

Written down from the model page alone, beside `tests/oracle.py`; nothing of `wattlas.placement` is
imported. Columns of accelerators are counted in the largest need of a region.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from tests import oracle
from wattlas.model.scenario import Scenario
from wattlas.model.workload import State

YEAR_H = 8760.0


class OracleFleet(NamedTuple):
    """Cost of the best fleet over the scenario's hours, and how many it holds in each region."""

    status: str
    cost_usd: float
    gpu: list[float]
    told: Mapping[str, Any] = MappingProxyType({})
    """What else a fleet's account says, by its names; GPU-h by region."""


def oracle_fleet(
    s: Scenario,
    lost: Sequence[Sequence[int]] = (),
    outage_on_demand_gpu: float = math.inf,
    carbon_cap_t: float = math.inf,
    within: Callable[[int, int, int], bool] = lambda i, k, r: True,
) -> OracleFleet:
    """min rent + all hours, such that every lost set leaves enough and no more is emitted; demand
    (i, k) runs in region r only where it is `within` reach."""
    places, _ = oracle.open_places(s, None)
    lp = oracle.Program()
    columns = [c for c in oracle._flow_columns(s, places) if c[2] < 0 or within(*c[:3])]
    span = s.hours.hours
    for i, k, r, o, t in columns:
        rate = float(s.demand_per_h[i, k, t])
        lp.cost["x", i, k, r, o, t] = span[t] * rate * unit_usd(s, i, k, r, o, t)
    oracle._demand(lp, columns)
    oracle._mean_accuracy(lp, s, columns)
    oracle._shares(lp, s, columns)
    unit = _units(s, columns)
    for r, region in enumerate(s.regions):
        lp.cost["K", r] = unit[r] * held_usd(s, r)
        least, most = region.reserved_gpu_min, region.reserved_gpu_max
        lp.row(("K", r), {("K", r): unit[r]}, least, most)
    _rows(lp, s, columns, unit, "x", outage=None, on_demand=math.inf)
    for number, regions in enumerate(lost):
        _outage(lp, s, columns, unit, number, regions, outage_on_demand_gpu)
    if math.isfinite(carbon_cap_t):
        lp.row("carbon", _carbon_t(s, columns, unit), -math.inf, carbon_cap_t)
    status, values, _ = lp.solve()
    if status != "optimal":
        return OracleFleet(status, math.nan, [])
    cost = sum(lp.cost[c] * v for c, v in values.items())
    held = [values["K", r] * unit[r] for r in range(len(s.regions))]
    return OracleFleet(status, cost, held, _told(s, values, unit))


def _told(s: Scenario, values: dict[Any, float], unit: list[float]) -> dict[str, Any]:
    """What a fleet emits, draws, holds and buys: what is idle draws power whoever it is of."""
    hours, regions = s.hours.hours, range(len(s.regions))
    columns = [c[1:] for c in values if c[0] == "x"]
    emitted = _carbon_t(s, columns, unit)
    used, bought = [0.0] * len(s.regions), [0.0] * len(s.regions)
    kwh = lost = asked = 0.0
    for i, k, r, o, t in columns:
        requests = float(hours[t]) * float(s.demand_per_h[i, k, t])
        served = requests * values["x", i, k, r, o, t]
        asked, lost = asked + served, lost + served * (r < 0)
        if r >= 0:
            used[r] += served * oracle.gpu_h(s, k, o)
            kwh += served * oracle.it_kwh(s, k, o)
    for column, value in values.items():
        if column[:2] == ("o", None):
            bought[column[2]] += value * unit[column[2]] * float(hours[column[3]])
    held_h = [values["K", r] * unit[r] * float(hours.sum()) for r in regions]
    for r, region in enumerate(s.regions):
        kwh += region.idle_w / 1000.0 * (held_h[r] + bought[r] - used[r])
    return {
        "rent_usd": sum(values["K", r] * unit[r] * held_usd(s, r) for r in regions),
        "carbon_kg": 1000.0 * sum(emitted.get(c, 0.0) * v for c, v in values.items()),
        "it_mwh": kwh / 1000.0,
        "used_gpu_h": used,
        "on_demand_gpu_h": bought,
        "unserved_share": lost / asked,
    }


def unit_usd(s: Scenario, i: int, k: int, r: int, o: int, t: int) -> float:
    """What a request costs beyond what its accelerator is held for, idle power taken out."""
    if r < 0:
        return float(s.classes[k].unserved_usd_per_request or 0.0)
    region, g = s.regions[r], oracle.gpu_h(s, k, o)
    kwh = oracle.it_kwh(s, k, o) - region.idle_w / 1000.0 * g
    node = oracle.node_of(s, i)
    egress = float(s.network.egress_usd_per_gb[node, r]) * s.classes[k].bytes_per_request / 1e9
    return kwh * usd_per_kwh(s, r, t) + egress


def usd_per_kwh(s: Scenario, r: int, t: int) -> float:
    """Of IT energy, at the meter, carbon at its price."""
    usd = oracle.price(s, r, t) / 1000.0
    usd += s.objective.carbon_price_usd_per_t * oracle.intensity(s, r, t) / 1e6
    return s.regions[r].pue * usd


def mean_usd_per_kwh(s: Scenario, r: int) -> float:
    """The mean over the hours: what the idle power of an accelerator on demand is charged at."""
    span = s.hours.hours
    return float(sum(h * usd_per_kwh(s, r, t) for t, h in enumerate(span)) / span.sum())


def held_usd(s: Scenario, r: int) -> float:
    """Rent, idle power, and the carbon of idle power and of making it, of one accelerator."""
    region, price = s.regions[r], s.objective.carbon_price_usd_per_t
    usd = 0.0
    for t, hours in enumerate(s.hours.hours):
        share = hours / YEAR_H
        kwh = region.idle_w / 1000.0 * region.pue * hours
        usd += region.reserved_usd_per_gpu_year * share + kwh * oracle.price(s, r, t) / 1000.0
        kg = kwh * oracle.intensity(s, r, t) / 1000.0 + region.embodied_kg_per_gpu_year * share
        usd += price * kg / 1000.0
    return usd


def _carbon_t(s: Scenario, columns: list[tuple[int, ...]], unit: list[float]) -> dict[Any, float]:
    """Tonnes of every column: what runs, what is held, and what is bought by the hour."""
    span = s.hours.hours
    tonnes: dict[Any, float] = {}
    for i, k, r, o, t in columns:
        if r >= 0:
            kwh = oracle.it_kwh(s, k, o) - s.regions[r].idle_w / 1000.0 * oracle.gpu_h(s, k, o)
            rate = span[t] * float(s.demand_per_h[i, k, t])
            tonnes["x", i, k, r, o, t] = rate * kwh * t_per_kwh(s, r, t)
    for r, region in enumerate(s.regions):
        idle = [region.idle_w / 1000.0 * h * t_per_kwh(s, r, t) for t, h in enumerate(span)]
        made = region.embodied_kg_per_gpu_year / 1000.0 * float(span.sum()) / YEAR_H
        tonnes["K", r] = unit[r] * (sum(idle) + made)
        if region.on_demand_gpu > 0:
            mean = sum(idle) / float(span.sum())
            for t in sorted({t for _, _, place, _, t in columns if place == r}):
                tonnes["o", None, r, t] = unit[r] * float(span[t]) * mean
    return tonnes


def t_per_kwh(s: Scenario, r: int, t: int) -> float:
    """Tonnes of a kWh of IT energy."""
    return float(s.regions[r].pue * oracle.intensity(s, r, t) / 1e6)


def _units(s: Scenario, columns: list[tuple[int, ...]]) -> list[float]:
    needs = [1e-9] * len(s.regions)
    for i, k, r, o, t in columns:
        if r >= 0:
            needs[r] = max(needs[r], oracle.gpu_h(s, k, o) * float(s.demand_per_h[i, k, t]))
    return needs


def _rows(
    lp: oracle.Program,
    s: Scenario,
    columns: list[tuple[int, ...]],
    unit: list[float],
    name: str,
    outage: int | None,
    on_demand: float,
) -> None:
    """Σ g·d·x ≤ u·K + o, o ≤ O, u·K + o ≤ u·site."""
    grouped: dict[tuple[int, int], dict[Any, float]] = {}
    for i, k, r, o, t in columns:
        if r >= 0:
            rate = float(s.demand_per_h[i, k, t])
            column = (name, i, k, r, o, t) if outage is None else (name, outage, i, k, r, o, t)
            grouped.setdefault((r, t), {})[column] = oracle.gpu_h(s, k, o) * rate
    for (r, t), terms in grouped.items():
        region, tag = s.regions[r], (outage, r, t)
        usable = {("K", r): -unit[r] * region.utilisation_max}
        if region.on_demand_gpu > 0:
            bought = ("o", *tag)
            drawn = region.idle_w / 1000.0 * max(mean_usd_per_kwh(s, r), 0.0)
            hourly = float(s.hours.hours[t]) * (region.on_demand_usd_per_gpu_h + drawn)
            lp.cost[bought] = unit[r] * hourly if outage is None else 0.0
            terms[bought] = -unit[r]
            most = min(region.on_demand_gpu, on_demand)
            if math.isfinite(most):
                lp.row(("most", *tag), {bought: unit[r]}, -math.inf, most)
            if math.isfinite(region.capacity_max):
                both = {bought: unit[r], ("K", r): unit[r] * region.utilisation_max}
                site = region.capacity_max * region.utilisation_max
                lp.row(("site", *tag), both, -math.inf, site)
        if math.isfinite(region.capacity_max):
            lp.row(("held", *tag), {("K", r): unit[r]}, -math.inf, region.capacity_max)
        lp.row(("gpu", *tag), {**terms, **usable}, -math.inf, 0.0)


def _outage(
    lp: oracle.Program,
    s: Scenario,
    columns: list[tuple[int, ...]],
    unit: list[float],
    number: int,
    regions: Sequence[int],
    on_demand: float,
) -> None:
    """All that may run outside the lost regions does, at any cost."""
    left = [c for c in [*columns, *_copies(s, columns, regions)] if c[2] >= 0]
    left = [c for c in left if c[2] not in regions]
    left = [c for c in left if s.classes[c[1]].unserved_usd_per_request is None]
    served: dict[Any, dict[Any, float]] = {}
    for i, k, r, o, t in left:
        lp.cost["y", number, i, k, r, o, t] = 0.0
        served.setdefault((i, k, t), {})["y", number, i, k, r, o, t] = 1.0
    for demand, terms in served.items():
        lp.row(("served", number, *demand), terms, 1.0, 1.0)
    _rows(lp, s, left, unit, "y", number, on_demand)


def _copies(
    s: Scenario, columns: list[tuple[int, ...]], regions: Sequence[int]
) -> list[tuple[int, ...]]:
    """Where a copy of state stands whose own region is lost, and nothing else closes the place."""
    more = []
    for i, k, t in sorted({(c[0], c[1], c[4]) for c in columns}):
        klass = s.classes[k]
        if klass.state is State.PINNED and oracle.keeper(s, oracle.node_of(s, i)) in regions:
            for r, o in oracle._all_places(s):
                stands = "*" in klass.state_copies or s.regions[r].id in klass.state_copies
                if stands and oracle.reasons(s, i, k, r, o, klass.latency_budget_ms) == ["state"]:
                    more.append((i, k, r, o, t))
    return more
