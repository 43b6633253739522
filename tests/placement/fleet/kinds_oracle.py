"""A fleet of several kinds of accelerators as one program for GLPK, of regions that are not split.

Columns name the kind that a request runs on, rows of capacity are by region and kind, and what a
site takes is one row. Nothing of `wattlas.placement` is imported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tests import oracle
from tests.placement.fleet.fleet_oracle import YEAR_H, OracleFleet, usd_per_kwh
from wattlas.model.scenario import Scenario

Kinds = Mapping[str, Mapping[str, Mapping[str, float]]]
Column = tuple[int, int, int, str, int, int]
"""Metro, class, region, kind, point, step."""


def field(s: Scenario, kinds: Kinds, r: int, kind: str, name: str) -> float:
    """What a kind says of itself in a region, else the region of its rates, else nothing."""
    region, rates = s.regions[r], ("utilisation_max", "idle_w", "embodied_kg_per_gpu_year")
    if region.id not in kinds:
        return float(getattr(region, name))
    plain = math.inf if name == "reserved_gpu_max" else 0.0
    return float(
        kinds[region.id][kind].get(name, getattr(region, name) if name in rates else plain)
    )


def own_kinds(s: Scenario, kinds: Kinds, r: int, o: int) -> list[str]:
    """The kinds in a region that a point may run on."""
    words = s.points[o].hardware.split(" x ")[-1]
    return [k for k in kinds.get(s.regions[r].id, {"": {}}) if not k or words in ("", k)]


def oracle_kinds(s: Scenario, kinds: Kinds, lost: tuple[tuple[int, ...], ...] = ()) -> OracleFleet:
    """The fleet of least cost; every hour of every lost set of regions must be served, too."""
    places, _ = oracle.open_places(s, None)
    lp, columns = oracle.Program(), []
    for i, k, r, o, t in oracle._flow_columns(s, places):
        columns += [
            (i, k, r, kind, o, t) for kind in ([""] if r < 0 else own_kinds(s, kinds, r, o))
        ]
    served: dict[Any, dict[Any, float]] = {}
    for column in columns:
        i, k, r, kind, o, t = column
        rate = float(s.demand_per_h[i, k, t])
        lp.cost["x", column] = s.hours.hours[t] * rate * _unit_usd(s, kinds, column)
        served.setdefault((i, k, t), {})["x", column] = 1.0
    for demand, terms in served.items():
        lp.row(("served", demand), terms, 1.0, 1.0)
    pairs = [(r, kind) for r, g in enumerate(s.regions) for kind in kinds.get(g.id, {"": {}})]
    for r, kind in pairs:
        lp.cost["K", r, kind] = _held_usd(s, kinds, r, kind)
        ends = (field(s, kinds, r, kind, f"reserved_gpu_{end}") for end in ("min", "max"))
        lp.row(("K", r, kind), {("K", r, kind): 1.0}, *ends)
    _capacity(lp, s, kinds, columns, "x")
    for number, regions in enumerate(lost):
        left = [c for c in columns if c[2] not in (-1, *regions)]
        left = [c for c in left if s.classes[c[1]].unserved_usd_per_request is None]
        again: dict[Any, dict[Any, float]] = {}
        for column in left:
            lp.cost[number, column] = 0.0
            again.setdefault((column[0], column[1], column[5]), {})[number, column] = 1.0
        for demand, terms in again.items():
            lp.row(("again", number, demand), terms, 1.0, 1.0)
        _capacity(lp, s, kinds, left, number)
    _sites(lp, s, kinds, pairs, columns)
    status, values, _ = lp.solve()
    if status != "optimal":
        return OracleFleet(status, math.nan, [])
    cost = sum(lp.cost[c] * v for c, v in values.items())
    return OracleFleet(status, cost, [values["K", r, kind] for r, kind in pairs])


def _unit_usd(s: Scenario, kinds: Kinds, column: Column) -> float:
    i, k, r, kind, o, t = column
    if r < 0:
        return float(s.classes[k].unserved_usd_per_request or 0.0)
    idle_kw = field(s, kinds, r, kind, "idle_w") / 1000.0
    kwh = oracle.it_kwh(s, k, o) - idle_kw * oracle.gpu_h(s, k, o)
    egress = float(s.network.egress_usd_per_gb[oracle.node_of(s, i), r])
    return kwh * usd_per_kwh(s, r, t) + egress * s.classes[k].bytes_per_request / 1e9


def _held_usd(s: Scenario, kinds: Kinds, r: int, kind: str) -> float:
    idle_kw = field(s, kinds, r, kind, "idle_w") / 1000.0
    made = field(s, kinds, r, kind, "embodied_kg_per_gpu_year") / 1000.0
    year = field(s, kinds, r, kind, "reserved_usd_per_gpu_year")
    year += s.objective.carbon_price_usd_per_t * made
    hours = enumerate(s.hours.hours)
    return sum(h * (year / YEAR_H + idle_kw * usd_per_kwh(s, r, t)) for t, h in hours)


def _capacity(
    lp: oracle.Program, s: Scenario, kinds: Kinds, columns: list[Column], name: Any
) -> None:
    """Σ g·d·x ≤ u·K + o, o ≤ O, by region, kind and step."""
    grouped: dict[tuple[int, str, int], dict[Any, float]] = {}
    for column in columns:
        i, k, r, kind, o, t = column
        if r >= 0:
            rate = float(s.demand_per_h[i, k, t])
            grouped.setdefault((r, kind, t), {})[name, column] = oracle.gpu_h(s, k, o) * rate
    for (r, kind, t), terms in grouped.items():
        most = field(s, kinds, r, kind, "on_demand_gpu")
        span = s.hours.hours
        if most > 0:
            mean = sum(h * usd_per_kwh(s, r, step) for step, h in enumerate(span)) / span.sum()
            usd = field(s, kinds, r, kind, "on_demand_usd_per_gpu_h")
            usd += field(s, kinds, r, kind, "idle_w") / 1000.0 * max(mean, 0.0)
            lp.cost["o", name, r, kind, t] = usd * span[t] if name == "x" else 0.0
            lp.row(("o", name, r, kind, t), {("o", name, r, kind, t): 1.0}, 0.0, most)
            terms["o", name, r, kind, t] = -1.0
        terms["K", r, kind] = -field(s, kinds, r, kind, "utilisation_max")
        lp.row(("gpu", name, r, kind, t), terms, -math.inf, 0.0)


def _sites(
    lp: oracle.Program,
    s: Scenario,
    kinds: Kinds,
    pairs: list[tuple[int, str]],
    columns: list[Column],
) -> None:
    """What a site takes of all its kinds: accelerators, and power at each hungriest point."""
    for r, region in enumerate(s.regions):
        own = {("K", r, kind): kind for at, kind in pairs if at == r}
        if math.isfinite(region.capacity_max):
            lp.row(("site", r), dict.fromkeys(own, 1.0), -math.inf, region.capacity_max)
        if math.isfinite(region.power_max_kw):
            kw = {}
            for name, kind in own.items():
                draws = {
                    oracle.it_kwh(s, k, o) / oracle.gpu_h(s, k, o)
                    for _, k, at, on, o, _ in columns
                    if at >= 0 and on == kind
                }
                kw[name] = region.pue * max(draws, default=0.0)
            lp.row(("power", r), kw, -math.inf, region.power_max_kw)
