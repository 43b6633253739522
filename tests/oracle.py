"""A naive second opinion on placement: plain loops from a Scenario to a program for GLPK.

Nothing here imports `wattlas.placement`. The equations are those of the model page, sections 2
and 3, written down once more, one demand at a time. Shares of demand are the variables, so that
numbers stay near one whatever the scale of the scenario; the simplex basis is then polished in
rational arithmetic (`glp_exact`) where the program is small enough.

    x[i,k,r,o,t]   share of d[i,k,t] that runs in r at o       n[i,k,t]   share that goes unserved
    u, v[r,m,t]    GPU held, GPU started                       y[i,k,r,t] requests/h that move
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import swiglpk as glp
from hypothesis.errors import UnsatisfiedAssumption

from wattlas.model.frictions import Initial
from wattlas.model.objective import Minimise, Window
from wattlas.model.scenario import Scenario
from wattlas.model.workload import LatencyTo, State, WhenNone

UNSERVED = (-1, -1)
SHED_LAST = 10.0
DIRTIEST_G_PER_KWH = 1500.0
EXACT_ROWS = 60
MOST_EXACT_ROWS = 200
"""As many where double precision finds none: demands that differ by a million mislead it."""
ROUNDING = 1e-10
"""Relative slack of a limit: what fits exactly in decimals must fit in exact arithmetic too."""
HELD = (1e-14, 1e-13, 1e-12)
"""The same of a measure that is held at its least: the first with which GLPK finds what is there. A
tie that a hundredth of a millisecond decides makes a million times that of it.
"""
Demand = tuple[int, int]
Place = tuple[int, int]


class OraclePlan(NamedTuple):
    """`flows[i, k, r, o, t]` in requests/h, r = o = −1 for unserved; objective in USD or t.

    `duals["capacity"][r, t]` is what one more GPU-h there saves, `duals["cap"][w]` what one more
    tonne (or USD) in window w saves, `duals["mean_latency"]` what one more millisecond saves.
    """

    status: str
    objective: float
    flows: dict[tuple[int, int, int, int, int], float]
    duals: dict[str, dict[Any, float]]


# ------------------------------------------------------------------ section 2: feasibility


def latency(s: Scenario, i: int, k: int, r: int, o: int) -> float:
    """ℓ = rtt(i,s) + n_k·rtt(s,r) + τ_o + queue_r."""
    klass, point, node = s.classes[k], s.points[o], node_of(s, i)
    service = point.ttft_ms + point.prefill_ms_per_token * klass.tokens_in
    if klass.latency_to is LatencyTo.FULL_ANSWER:
        service += point.itl_ms * max(klass.tokens_out - 1.0, 0.0)
    return float(
        s.network.rtt_metro_node_ms[i, node]
        + klass.round_trips * s.network.rtt_node_region_ms[node, r]
        + service
        + s.regions[r].queue_ms
    )


def node_of(s: Scenario, i: int) -> int:
    """Index of a metro's service node."""
    return [n.id for n in s.nodes].index(s.metros[i].node)


def accuracy(s: Scenario, k: int, o: int) -> float:
    """a_o on the class."""
    return s.points[o].accuracy_by_class.get(s.classes[k].id, s.points[o].accuracy)


def reasons(s: Scenario, i: int, k: int, r: int, o: int, budget_ms: float) -> list[str]:
    """Every mask that closes a place, by name; empty where it is open."""
    klass, point, region = s.classes[k], s.points[o], s.regions[r]
    found = []
    if klass.points is not None and point.id not in klass.points:
        found.append("point")
    if region.variants is not None and point.variant not in region.variants:
        found.append("variant")
    if klass.residency:
        allowed = next(rule.allowed for rule in s.residency if rule.id == klass.residency)
        here = s.metros[i].jurisdiction
        where = allowed.get(here, allowed.get("*", frozenset({"*"})))
        if "*" not in where and region.jurisdiction not in where:
            found.append("residency")
    if klass.state is State.PINNED and r != keeper(s, node_of(s, i)):
        found.append("state")
    if accuracy(s, k, o) < klass.accuracy_min:
        found.append("accuracy")
    if latency(s, i, k, r, o) > budget_ms + klass.latency_allowance_ms.get(point.id, 0.0):
        found.append("latency")
    return found


def degraded(s: Scenario, k: int, o: int) -> bool:
    """Whether some degradation cap counts a request of the class at the point as degraded."""
    return any(
        s.classes[k].id in cap.classes and s.points[o].id in cap.points for cap in s.share_caps
    )


def keeper(s: Scenario, node: int) -> int:
    """Region that holds a node's state: as given, else the nearest."""
    if s.nodes[node].region:
        return [r.id for r in s.regions].index(s.nodes[node].region)
    distance = [s.network.rtt_node_region_ms[node, r] for r in range(len(s.regions))]
    return distance.index(min(distance))


def open_places(
    s: Scenario, budget_ms: np.ndarray | None = None
) -> tuple[dict[Demand, list[Place]], set[Demand]]:
    """The places open to each (metro, class), and the demands that are served late."""
    places: dict[Demand, list[Place]] = {}
    late = set()
    for i, k in itertools.product(range(len(s.metros)), range(len(s.classes))):
        budget = s.classes[k].latency_budget_ms if budget_ms is None else float(budget_ms[i, k])
        why = {p: reasons(s, i, k, *p, budget) for p in _all_places(s)}
        places[i, k] = [p for p in why if not why[p]]
        lawful = [p for p in why if why[p] == ["latency"] and not degraded(s, k, p[1])]
        in_time = any(not degraded(s, k, p[1]) for p in places[i, k])
        if not in_time and lawful and s.classes[k].when_none is WhenNone.NEAREST:
            places[i, k].append(min(lawful, key=lambda p: latency(s, i, k, *p)))
            late.add((i, k))
    return places, late


def _all_places(s: Scenario) -> Iterator[Place]:
    return itertools.product(range(len(s.regions)), range(len(s.points)))


# ------------------------------------------------------------------ section 3: unit values


def it_kwh(s: Scenario, k: int, o: int) -> float:
    """e_o: IT energy per request."""
    klass, point = s.classes[k], s.points[o]
    return (
        point.prefill_j_per_token * klass.tokens_in
        + point.decode_j_per_token * klass.tokens_out
        + point.request_j
    ) / 3.6e6


def gpu_h(s: Scenario, k: int, o: int) -> float:
    """g_o: accelerator time per request."""
    klass, point = s.classes[k], s.points[o]
    return (
        point.prefill_gpu_s_per_token * klass.tokens_in
        + point.decode_gpu_s_per_token * klass.tokens_out
        + point.request_gpu_s
    ) / 3600.0


def intensity(s: Scenario, r: int, t: int) -> float:
    """κ: marginal where there is one."""
    given = s.signals.marginal_g_per_kwh
    table = s.signals.average_g_per_kwh if given is None else given
    return float(table[s.signals.zones.index(s.regions[r].zone), t])


def price(s: Scenario, r: int, t: int) -> float:
    """p."""
    return float(s.signals.price_usd_per_mwh[s.signals.zones.index(s.regions[r].zone), t])


def unit_usd(s: Scenario, i: int, k: int, r: int, o: int, t: int) -> float:
    """c = PUE·e·(p/1000 + γ·κ/10⁶) + w·g + η·b/10⁹; the price of going unserved for r = −1."""
    if r < 0:
        return float(s.classes[k].unserved_usd_per_request or 0.0)
    region, gamma = s.regions[r], s.objective.carbon_price_usd_per_t
    energy = region.pue * it_kwh(s, k, o)
    energy_usd = energy * (price(s, r, t) / 1000.0 + gamma * intensity(s, r, t) / 1e6)
    egress = float(s.network.egress_usd_per_gb[node_of(s, i), r])
    paid_usd = used_usd_per_gpu_h(s, r) * gpu_h(s, k, o)
    return energy_usd + paid_usd + egress * s.classes[k].bytes_per_request / 1e9


def used_usd_per_gpu_h(s: Scenario, r: int) -> float:
    """w where nothing is reserved at any time, so that every GPU-h is on demand; else nothing."""
    return float(s.regions[r].on_demand_usd_per_gpu_h) if is_on_demand(s, r) else 0.0


def is_on_demand(s: Scenario, r: int) -> bool:
    """Whether nothing is reserved at any time, and something can be had by the hour."""
    return bool(s.regions[r].on_demand_gpu > 0 and not s.reserved_gpu[r].any())


def bought_usd(s: Scenario, flows: dict[tuple[int, ...], float], steps: Sequence[int]) -> float:
    """w · (Σ g·x − K) of what flows (i, k, r, o, t) use beyond what is reserved, hours counted."""
    total = 0.0
    for r, t in itertools.product(range(len(s.regions)), steps):
        region = s.regions[r]
        if not is_on_demand(s, r) and region.on_demand_gpu > 0:
            used = math.fsum(
                rate * gpu_h(s, c[1], c[3]) for c, rate in flows.items() if (c[2], c[4]) == (r, t)
            )
            over = max(0.0, used - float(s.reserved_gpu[r, t]))
            total += float(s.hours.hours[t]) * region.on_demand_usd_per_gpu_h * over
    return total


def reserved_usd(s: Scenario) -> float:
    """What is held all year, by the hours of the scenario: a year has 8,760."""
    return sum(
        float(s.reserved_gpu[r, t]) * region.reserved_usd_per_gpu_year / 8760.0 * float(span)
        for r, region in enumerate(s.regions)
        for t, span in enumerate(s.hours.hours)
        if math.isfinite(s.reserved_gpu[r, t])
    )


def most_gpu(s: Scenario, r: int, t: int) -> float:
    """K + O."""
    return float(s.reserved_gpu[r, t]) + float(s.regions[r].on_demand_gpu)


def unit_t(s: Scenario, i: int, k: int, r: int, o: int, t: int) -> float:
    """PUE·e·κ/10⁶; nothing where unserved."""
    return 0.0 if r < 0 else s.regions[r].pue * it_kwh(s, k, o) * intensity(s, r, t) / 1e6


def unit_rtt(s: Scenario, i: int, k: int, r: int, o: int, t: int) -> float:
    """rtt(s,r); far beyond the farthest where unserved."""
    table = s.network.rtt_node_region_ms
    return float(table[node_of(s, i), r]) if r >= 0 else 10.0 * max(float(table.max()), 1.0)


def shed_t(s: Scenario) -> float:
    """Weight of an unserved request when carbon is made least: ten times the dirtiest one.

    That is the largest request at the highest PUE at 1,500 g/kWh, or more where a grid has more.
    """
    energy = max(it_kwh(s, k, o) for k in range(len(s.classes)) for o in range(len(s.points)))
    grids = itertools.product(range(len(s.regions)), range(s.hours.count))
    dirtiest = max(abs(intensity(s, r, t)) for r, t in grids)
    pue = max(region.pue for region in s.regions)
    return SHED_LAST * max(energy * pue * max(dirtiest, DIRTIEST_G_PER_KWH) / 1e6, 1e-12)


def start_usd(s: Scenario, r: int, variant: str, t: int, spans: float = 1.0) -> float:
    """What starting one GPU costs without a carbon price; never less than nothing.

    A copy of the model that spans several GPUs has its weights carried once, by all of them.
    """
    f, region = s.frictions, s.regions[r]
    usd = f.start_usd_by_region.get(region.id, f.start_usd_per_gpu_h)
    usd += f.start_kwh_per_gpu_h * region.pue * price(s, r, t) / 1000.0
    if f.carry_weights:
        alike = [p for p in s.points if (p.variant, p.accelerators) == (variant, spans)]
        size = max(p.weights_bytes for p in alike) / spans
        inbound = [float(s.network.egress_usd_per_gb[n, r]) for n in range(len(s.nodes))]
        usd += size / 1e9 * sum(inbound) / len(inbound)
    return max(usd, 0.0)


def start_t(s: Scenario, r: int, t: int) -> float:
    """tCO2e of warming one GPU up; never less than nothing."""
    kwh = s.frictions.start_kwh_per_gpu_h * s.regions[r].pue
    return max(kwh * intensity(s, r, t) / 1e6, 0.0)


def baseline_place(s: Scenario, i: int, k: int, t: int, places: list[Place]) -> Place | None:
    """The open region nearest to the service node, ties to the first; its cheapest point.

    Among equally near ones the node's own, else the nearest by distance, else the first. It is
    full service: places that degrade are not looked at.
    """
    full = [p for p in places if not degraded(s, k, p[1])]
    if not full:
        return None
    node, said = node_of(s, i), stated_region(s, i, k)
    own = s.nodes[node].region
    return min(
        [p for p in full if s.regions[p[0]].id == said] or full,
        key=lambda p: (
            s.network.rtt_node_region_ms[node, p[0]],
            s.regions[p[0]].id != own,
            distance(s, node, p[0]),
            p[0],
            unit_usd(s, i, k, p[0], p[1], t),
            p[1],
        ),
    )


def stated_region(s: Scenario, i: int, k: int) -> str | None:
    """Id of the baseline region that the scenario states."""
    klass, metro = s.classes[k].base or s.classes[k].id, s.metros[i].id
    return s.baseline.classes.get(klass, {}).get(metro) or s.baseline.metros.get(metro)


def distance(s: Scenario, node: int, r: int) -> float:
    """Great-circle distance by the spherical law of cosines, on a sphere of radius 1."""
    a, b = s.nodes[node], s.regions[r]
    lat, to = math.radians(a.lat_deg), math.radians(b.lat_deg)
    turn = math.radians(a.lon_deg - b.lon_deg)
    cosine = math.sin(lat) * math.sin(to) + math.cos(lat) * math.cos(to) * math.cos(turn)
    return math.acos(min(max(cosine, -1.0), 1.0))


def baseline_rtt(s: Scenario) -> Any:
    """rtt(s,r), the baseline region a hundredth of a millisecond ahead; a stated one at 0."""
    places, _ = open_places(s)
    own = {ik: baseline_place(s, *ik, 0, places[ik]) for ik in places}

    def unit(s: Scenario, i: int, k: int, r: int, o: int, t: int) -> float:
        place = own[i, k]
        if r < 0 or place is None or place[0] != r:
            return unit_rtt(s, i, k, r, o, t)
        at_node = stated_region(s, i, k) == s.regions[r].id
        return (0.0 if at_node else unit_rtt(s, i, k, r, o, t)) - 0.01

    return unit


# ------------------------------------------------------------------ the program


@dataclass
class Program:
    """Columns ≥ 0 with a cost, and rows lower ≤ Σ ≤ upper; both by name."""

    cost: dict[Any, float] = field(default_factory=dict)
    rows: dict[Any, tuple[dict[Any, float], float, float]] = field(default_factory=dict)

    def row(self, name: Any, terms: Mapping[Any, float], lower: float, upper: float) -> None:
        """Add a row; zero terms are dropped."""
        self.rows[name] = ({c: v for c, v in terms.items() if v != 0.0}, lower, upper)

    def solve(self) -> tuple[str, dict[Any, float], dict[Any, float]]:
        """Status, values of the columns, and duals of the rows, in the units of the input."""
        if not self.cost:
            return "optimal", {}, {}
        scale = {name: max(map(abs, t[0].values()), default=1.0) for name, t in self.rows.items()}
        heavy = max(map(abs, self.cost.values()), default=0.0) or 1.0
        index = {column: j for j, column in enumerate(self.cost, start=1)}
        lp = glp.glp_create_prob()
        try:
            status, values, duals = self._run(lp, index, scale, heavy)
        finally:
            glp.glp_delete_prob(lp)
        return status, values, duals

    def _run(
        self, lp: Any, index: dict[Any, int], scale: dict[Any, float], heavy: float
    ) -> tuple[str, dict[Any, float], dict[Any, float]]:
        glp.glp_term_out(glp.GLP_OFF)
        glp.glp_add_cols(lp, len(index))
        for column, j in index.items():
            glp.glp_set_col_bnds(lp, j, glp.GLP_LO, 0.0, 0.0)
            glp.glp_set_obj_coef(lp, j, self.cost[column] / heavy)
        for name, (terms, lower, upper) in self.rows.items():
            if not terms:
                if lower > 0.0 or upper < 0.0:
                    return "infeasible", {}, {}
                continue
            q, size = glp.glp_add_rows(lp, 1), scale[name]
            columns, values = glp.intArray(len(terms) + 1), glp.doubleArray(len(terms) + 1)
            for at, (column, value) in enumerate(terms.items(), start=1):
                columns[at], values[at] = index[column], value / size
            glp.glp_set_mat_row(lp, q, len(terms), columns, values)
            glp.glp_set_row_bnds(lp, q, _kind(lower, upper), lower / size, upper / size)
        code = self._simplex(lp)
        return self._read(lp, code, index, scale, heavy)

    def _simplex(self, lp: Any) -> int:
        """Primal simplex; where it stumbles, again from another start; then exact arithmetic."""
        options = glp.glp_smcp()
        glp.glp_init_smcp(options)
        options.msg_lev = glp.GLP_MSG_OFF
        options.it_lim = 20 * (len(self.rows) + len(self.cost)) + 1000
        decided = (glp.GLP_OPT, glp.GLP_NOFEAS, glp.GLP_UNBND)
        code = 1
        for tolerance, method in ((1e-10, glp.GLP_PRIMAL), (1e-9, glp.GLP_DUALP), (1e-7, 1)):
            options.tol_bnd = options.tol_dj = tolerance
            options.meth = method
            glp.glp_adv_basis(lp, 0)
            code = glp.glp_simplex(lp, options)
            if code == 0 and glp.glp_get_status(lp) in decided:
                break
        none = code == 0 and glp.glp_get_status(lp) == glp.GLP_NOFEAS
        most = MOST_EXACT_ROWS if none else EXACT_ROWS
        if code == 0 and glp.glp_get_num_rows(lp) > 0 and len(self.rows) <= most:
            found = glp.glp_get_status(lp)
            options.it_lim *= 10
            again = glp.glp_exact(lp, options)
            if again or (found == glp.GLP_OPT and glp.glp_get_status(lp) != found):
                # Bounds are rounded to small fractions there, too coarsely for a program that
                # fits by a hair: what double precision found stands.
                glp.glp_adv_basis(lp, 0)
                code = glp.glp_simplex(lp, options)
        return int(code)

    def _read(
        self, lp: Any, code: int, index: dict[Any, int], scale: dict[Any, float], heavy: float
    ) -> tuple[str, dict[Any, float], dict[Any, float]]:
        words = {glp.GLP_OPT: "optimal", glp.GLP_NOFEAS: "infeasible", glp.GLP_UNBND: "unbounded"}
        status = words.get(glp.glp_get_status(lp), "failed") if code == 0 else "failed"
        if status != "optimal":
            return status, {}, {}
        values = {c: glp.glp_get_col_prim(lp, j) for c, j in index.items()}
        used = [name for name, row in self.rows.items() if row[0]]
        duals = {
            name: glp.glp_get_row_dual(lp, q) * heavy / scale[name]
            for q, name in enumerate(used, start=1)
        }
        return status, values, duals


def _kind(lower: float, upper: float) -> int:
    if lower == upper:
        return int(glp.GLP_FX)
    if math.isinf(lower):
        return int(glp.GLP_UP)
    return int(glp.GLP_LO) if math.isinf(upper) else int(glp.GLP_DB)


def oracle_plan(
    s: Scenario,
    *,
    budget_ms: np.ndarray | None = None,
    mean_latency_ms: float | None = None,
    measure: Any = None,
    held: Sequence[tuple[Any, float]] = (),
    slack: float = 10 * ROUNDING,
    with_caps: bool = True,
    with_frictions: bool = True,
    in_full: bool = False,
    extra: Any = None,
) -> OraclePlan:
    """The least cost or least carbon placement of a scenario.

    `budget_ms` (metros, classes) replaces the budgets; `mean_latency_ms` drops the budgets of
    relaxable classes and holds their demand-weighted mean latency instead. `measure` replaces
    what is made least by another unit value; `held` are other unit values with their limits, kept
    to a relative `slack`.
    `in_full` degrades nothing. `extra(lp, s, columns)` adds rows of its own.
    """
    if mean_latency_ms is not None:
        budget_ms = _without_relaxable(s, budget_ms)
    places, _ = open_places(s, budget_ms)
    if in_full:
        places = {
            (i, k): [place for place in own if not degraded(s, k, place[1])]
            for (i, k), own in places.items()
        }
    if _stranded(s, places):
        return OraclePlan("infeasible", math.nan, {}, {})
    lp = Program()
    columns = _flow_columns(s, places)
    least = measure or (unit_usd if s.objective.minimise is Minimise.COST else _least_carbon(s))
    span = s.hours.hours
    for i, k, r, o, t in columns:
        rate = float(s.demand_per_h[i, k, t])
        lp.cost["x", i, k, r, o, t] = span[t] * rate * least(s, i, k, r, o, t)
    _demand(lp, columns)
    bought = _capacity(lp, s, columns)
    _mean_accuracy(lp, s, columns)
    friction = {o: (usd, 0.0) for o, usd in bought.items()}
    if with_frictions:
        friction |= _frictions(lp, s, places, columns)
    unit = _unit_of(s, measure)
    lp.cost.update({c: 0.0 if unit is None else both[unit] for c, both in friction.items()})
    _shares(lp, s, columns)
    _carbon_by_window(lp, s, columns)
    if with_caps:
        _caps(lp, s, columns, friction)
    for number, (unit, limit) in enumerate(held):
        terms = {
            ("x", *c): float(span[c[4]] * s.demand_per_h[c[0], c[1], c[4]]) * unit(s, *c)
            for c in columns
        }
        terms.update(bought if unit is unit_usd else {})
        lp.row(("held", number), terms, -math.inf, limit + slack * max(abs(limit), 1e-9))
    if mean_latency_ms is not None:
        _mean_latency(lp, s, columns, mean_latency_ms)
    if extra is not None:
        extra(lp, s, columns)
    return _answer(s, lp, columns, friction, measure)


def _flow_columns(s: Scenario, places: dict[Demand, list[Place]]) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = []
    for i, k in places:
        shed = [UNSERVED] if s.classes[k].unserved_usd_per_request is not None else []
        for t in range(s.hours.count):
            if s.demand_per_h[i, k, t] > 0:
                found += [(i, k, r, o, t) for r, o in [*places[i, k], *shed]]
    return found


def _stranded(s: Scenario, places: dict[Demand, list[Place]]) -> bool:
    return any(
        not places[i, k]
        and s.classes[k].unserved_usd_per_request is None
        and (s.demand_per_h[i, k] > 0).any()
        for i, k in places
    )


def _least_carbon(s: Scenario) -> Any:
    heavy = shed_t(s)
    return lambda s, i, k, r, o, t: heavy if r < 0 else unit_t(s, i, k, r, o, t)


def _without_relaxable(s: Scenario, budget_ms: np.ndarray | None) -> np.ndarray:
    own = np.array([c.latency_budget_ms for c in s.classes])
    budget = np.broadcast_to(own, (len(s.metros), len(own))) if budget_ms is None else budget_ms
    relaxable = np.array([c.relaxable for c in s.classes])
    return np.where(relaxable[None, :], np.inf, budget)


def _demand(lp: Program, columns: list[tuple[int, ...]]) -> None:
    """Σ_{r,o} x + n = 1."""
    grouped: dict[Any, dict[Any, float]] = {}
    for i, k, r, o, t in columns:
        grouped.setdefault(("demand", i, k, t), {})["x", i, k, r, o, t] = 1.0
    for name, terms in grouped.items():
        lp.row(name, terms, 1.0, 1.0)


def _capacity(lp: Program, s: Scenario, columns: list[tuple[int, ...]]) -> dict[Any, float]:
    """Σ g·d·x ≤ K[r,t] + o[r,t], o ≤ O[r]; returns what the columns of o cost, in USD.

    o is counted in the largest entry of its row. Where nothing is reserved at any time, w is in
    the cost of a request, and O is the capacity.
    """
    cost: dict[Any, float] = {}
    grouped: dict[tuple[int, int], dict[Any, float]] = {}
    for i, k, r, o, t in columns:
        if r >= 0:
            rate = float(s.demand_per_h[i, k, t])
            grouped.setdefault((r, t), {})["x", i, k, r, o, t] = gpu_h(s, k, o) * rate
    for (r, t), terms in grouped.items():
        region, limit = s.regions[r], float(s.reserved_gpu[r, t])
        if is_on_demand(s, r):
            limit = float(region.on_demand_gpu)
        elif region.on_demand_gpu > 0 and math.isfinite(limit):
            bought, unit = ("o", r, t), max(terms.values()) or 1.0
            terms[bought] = -unit
            lp.cost.setdefault(bought, 0.0)
            cost[bought] = float(s.hours.hours[t]) * region.on_demand_usd_per_gpu_h * unit
            if math.isfinite(region.on_demand_gpu):
                most = float(region.on_demand_gpu) / unit * (1 + ROUNDING)
                lp.row(("bought", r, t), {bought: 1.0}, -math.inf, most)
        if math.isfinite(limit):
            lp.row(("capacity", r, t), terms, -math.inf, limit * (1 + ROUNDING))
    return cost


def _mean_accuracy(lp: Program, s: Scenario, columns: list[tuple[int, ...]]) -> None:
    """Σ (a_o − A_k)·d·x ≥ 0 over what is served of a class in an hour."""
    grouped: dict[tuple[int, int], dict[Any, float]] = {}
    for i, k, r, o, t in columns:
        minimum = s.classes[k].mean_accuracy_min
        if minimum is not None and r >= 0 and not degraded(s, k, o):
            excess = (accuracy(s, k, o) - minimum) * float(s.demand_per_h[i, k, t])
            grouped.setdefault((k, t), {})["x", i, k, r, o, t] = excess
    for (k, t), terms in grouped.items():
        lp.row(("accuracy", k, t), terms, 0.0, math.inf)


def _frictions(
    lp: Program, s: Scenario, places: dict[Demand, list[Place]], columns: list[tuple[int, ...]]
) -> dict[Any, tuple[float, float]]:
    """Rows of starting and moving; returns what their columns cost, in USD, and emit, in t."""
    cost: dict[Any, tuple[float, float]] = {}
    if s.frictions.starts:
        cost.update(_starts(lp, s, places, columns))
    if s.frictions.move_state:
        cost.update({y: (usd, 0.0) for y, usd in _moves(lp, s, places, columns).items()})
    return cost


def _starts(
    lp: Program, s: Scenario, places: dict[Demand, list[Place]], columns: list[tuple[int, ...]]
) -> dict[Any, tuple[float, float]]:
    """v ≥ u_t − u_{t−1}, u = Σ g·d·x, at F·weight per step that a step stands for."""
    cost: dict[Any, tuple[float, float]] = {}
    kinds = sorted({(p.variant, p.accelerators) for p in s.points})
    for r, kind in itertools.product(range(len(s.regions)), kinds):
        held = [
            _sum(
                (("x", *c), gpu_h(s, c[1], c[3]) * float(s.demand_per_h[c[0], c[1], c[4]]))
                for c in columns
                if c[2] == r and c[4] == t and _kind_of(s, c[3]) == kind
            )
            for t in range(s.hours.count)
        ]
        for t in range(s.hours.count):
            v = ("v", r, kind, t)
            lp.cost.setdefault(v, 0.0)
            weight, tonnes = float(s.hours.weight[t]), start_t(s, r, t)
            usd = start_usd(s, r, kind[0], t, kind[1])
            usd += s.objective.carbon_price_usd_per_t * tonnes
            cost[v] = weight * usd, weight * tonnes
            initial = _baseline_gpu(s, places, r, kind, t)
            _rise(lp, s, v, held, t, initial)
    return cost


def _moves(
    lp: Program, s: Scenario, places: dict[Demand, list[Place]], columns: list[tuple[int, ...]]
) -> dict[Any, float]:
    """y ≥ x_t − x_{t−1} per metro, class and region, points summed, at η·state."""
    cost: dict[Any, float] = {}
    for i, k in places:
        klass = s.classes[k]
        if klass.state is not State.STICKY:
            continue
        state_gb = klass.session_state_bytes / 1e9 / klass.requests_per_session_h
        for r in range(len(s.regions)):
            runs = [
                _sum(
                    (("x", *c), float(s.demand_per_h[i, k, t]))
                    for c in columns
                    if (c[0], c[1], c[2], c[4]) == (i, k, r, t)
                )
                for t in range(s.hours.count)
            ]
            egress = float(s.network.egress_usd_per_gb[node_of(s, i), r])
            for t in range(s.hours.count):
                y = ("y", i, k, r, t)
                lp.cost.setdefault(y, 0.0)
                cost[y] = float(s.hours.weight[t]) * egress * state_gb
                place = baseline_place(s, i, k, t, places[i, k])
                at_baseline = place is not None and place[0] == r
                _rise(lp, s, y, runs, t, float(s.demand_per_h[i, k, t]) if at_baseline else 0.0)
    return cost


def _sum(terms: Iterator[tuple[Any, float]]) -> dict[Any, float]:
    return dict(terms)


def _rise(
    lp: Program, s: Scenario, column: Any, level: list[dict[Any, float]], t: int, initial: float
) -> None:
    """column ≥ level[t] − level[t−1]; at a start, level[t−1] is what the scenario says."""
    if s.hours.follows[t]:
        before, constant = level[t - 1], 0.0
    elif s.frictions.initial is Initial.FREE:
        return
    else:
        before, constant = {}, initial if s.frictions.initial is Initial.BASELINE else 0.0
    terms = {column: 1.0}
    for name, value in level[t].items():
        terms[name] = terms.get(name, 0.0) - value
    for name, value in before.items():
        terms[name] = terms.get(name, 0.0) + value
    lp.row(("rise", *column), terms, -constant, math.inf)


def _kind_of(s: Scenario, o: int) -> tuple[str, float]:
    """What starts together: a model on copies of so many GPUs."""
    return s.points[o].variant, s.points[o].accelerators


def _baseline_gpu(
    s: Scenario, places: dict[Demand, list[Place]], r: int, kind: tuple[str, float], t: int
) -> float:
    total = 0.0
    for i, k in places:
        place = baseline_place(s, i, k, t, places[i, k])
        if place is not None and place[0] == r and _kind_of(s, place[1]) == kind:
            total += gpu_h(s, k, place[1]) * float(s.demand_per_h[i, k, t])
    return total


def windows(s: Scenario, window: Window | None = None) -> list[list[int]]:
    """Steps of each window, in order; the objective's own by default."""
    window = s.objective.window if window is None else window
    length = {Window.ALL: 0, Window.MONTH: 7, Window.DAY: 10, Window.HOUR: 99}[window]
    grouped: dict[str, list[int]] = {}
    for t, time in enumerate(s.hours.utc):
        grouped.setdefault(str(time)[:length], []).append(t)
    return list(grouped.values())


def _shares(lp: Program, s: Scenario, columns: list[tuple[int, ...]]) -> None:
    """Σ hours·d·x over what is degraded ≤ φ · Σ hours·d, per degradation cap and window."""
    for number, cap in enumerate(s.share_caps):
        under = {k for k, c in enumerate(s.classes) if c.id in cap.classes}
        for w, steps in enumerate(windows(s, cap.window)):
            rate = {
                (i, k, t): float(s.hours.hours[t] * s.demand_per_h[i, k, t])
                for i, k, t in itertools.product(range(len(s.metros)), under, steps)
            }
            total = math.fsum(rate.values())
            terms = {
                ("x", *c): rate[c[0], c[1], c[4]] / total
                for c in columns
                if c[4] in steps and c[1] in under and c[2] >= 0 and s.points[c[3]].id in cap.points
            }
            if terms:
                most = cap.share_max * (1 + ROUNDING)
                lp.row(("share", number, w), terms, -math.inf, most)


def _carbon_by_window(lp: Program, s: Scenario, columns: list[tuple[int, ...]]) -> None:
    """Σ hours·c·d·x ≤ tonnes of each window that a carbon cap names."""
    length = {Window.MONTH: 7, Window.DAY: 10}
    for number, cap in enumerate(s.carbon_caps):
        for w, steps in enumerate(windows(s, cap.window)):
            tonnes = cap.t_by_window.get(str(s.hours.utc[steps[0]])[: length[cap.window]])
            if tonnes is None:
                continue
            terms = {
                ("x", *c): float(s.hours.hours[c[4]] * s.demand_per_h[c[0], c[1], c[4]])
                * unit_t(s, *c)
                for c in columns
                if c[4] in steps
            }
            lp.row(("carbon", number, w), terms, -math.inf, tonnes * (1 + ROUNDING))


def _caps(
    lp: Program,
    s: Scenario,
    columns: list[tuple[int, ...]],
    friction: dict[Any, tuple[float, float]],
) -> None:
    """Σ over a window of carbon (or of all cost) ≤ limit, absolute or relative to the baseline."""
    goal = s.objective
    by_carbon = goal.carbon_cap_t is not None or goal.carbon_cap_share is not None
    absolute = goal.carbon_cap_t if by_carbon else goal.cost_cap_usd
    share = goal.carbon_cap_share if by_carbon else goal.cost_cap_share
    if absolute is None and share is None:
        return
    unit = unit_t if by_carbon else unit_usd
    for w, steps in enumerate(windows(s)):
        terms = {
            ("x", *c): float(s.hours.hours[c[4]] * s.demand_per_h[c[0], c[1], c[4]]) * unit(s, *c)
            for c in columns
            if c[4] in steps
        }
        terms.update({c: both[by_carbon] for c, both in friction.items() if c[-1] in steps})
        limit = absolute
        if limit is None:
            limit = (share or 0.0) * baseline(s, unit, steps)
        lp.row(("cap", w), terms, -math.inf, limit + ROUNDING * abs(limit))


def baseline(s: Scenario, unit: Any, steps: list[int]) -> float:
    """What nearest-available reaches over a window: least round trip, then least cost, no friction.

    Each hour is its own. Ambiguous where an hour has none, and where equally near and equally
    expensive placements differ in the unit.
    """
    total = 0.0
    for t in steps:
        hour = s.at_hours([t])
        held: list[tuple[Any, float]] = []
        for each in (baseline_rtt(hour), unit_usd):
            found = _holding(hour, each, held)
            if found is None:
                raise Ambiguous("full service has no placement")
            held.append((each, found))
        low = _holding(hour, unit, held)
        if unit is unit_usd:
            total += low or 0.0  # It is least already, so that there is no other.
            continue
        high = -(_holding(hour, _minus(unit), held) or 0.0)
        assert low is not None
        if not math.isclose(low, high, rel_tol=1e-10, abs_tol=1e-300):
            raise Ambiguous(f"from {low} to {high}")
        total += low
    return total


def _holding(hour: Scenario, unit: Any, held: list[tuple[Any, float]]) -> float | None:
    """The least of a unit while others are held at theirs; None where nothing serves the hour."""
    for slack in HELD if held else HELD[:1]:
        found = oracle_plan(hour, measure=unit, held=held, slack=slack, **ALONE)
        if found.status == "optimal":
            return found.objective
    if held:
        raise Ambiguous("GLPK does not find the baseline again that it found")
    return None


ALONE = {"with_caps": False, "with_frictions": False, "in_full": True}


class Ambiguous(UnsatisfiedAssumption):
    """The baseline is not unique, or there is none: a cap relative to it has no one meaning.

    Hypothesis draws another example where a test meets this.
    """


def _minus(unit: Any) -> Any:
    return lambda s, *c: -unit(s, *c)


def absolute_cap(s: Scenario, share: float) -> Scenario:
    """The scenario under a cap `share` of the way from the least attainable to the free use.

    Caps carbon where cost is made least, and cost where carbon is; one figure for all windows.
    """
    by_cost = s.objective.minimise is Minimise.COST
    other = Minimise.CARBON if by_cost else Minimise.COST
    free = oracle_plan(s, with_caps=False)
    least = oracle_plan(replace(s, objective=replace(s.objective, minimise=other)), with_caps=False)
    unit = unit_t if by_cost else unit_usd
    used = [
        max(
            math.fsum(
                float(s.hours.hours[c[4]]) * rate * unit(s, *c)
                for c, rate in found.flows.items()
                if c[4] in steps
            )
            + (0.0 if by_cost else bought_usd(s, found.flows, steps))
            for steps in windows(s)
        )
        for found in (least, free)
    ]
    limit = used[0] + share * (used[1] - used[0]) + 1e-6 * abs(used[0])
    cap = {"carbon_cap_t": limit} if by_cost else {"cost_cap_usd": limit}
    return replace(s, objective=replace(s.objective, **cap))


def scale(s: Scenario, found: OraclePlan) -> float:
    """Σ of the absolute parts of the objective, the weight of shed demand included.

    What a relative error is measured against: parts of either sign may cancel.
    """
    by_cost = s.objective.minimise is Minimise.COST
    unit = unit_usd if by_cost else _least_carbon(s)
    parts = (
        abs(float(s.hours.hours[c[4]]) * rate * unit(s, *c)) for c, rate in found.flows.items()
    )
    bought = bought_usd(s, found.flows, range(s.hours.count)) if by_cost else 0.0
    return max(math.fsum(parts) + bought, abs(found.objective))


def _mean_latency(lp: Program, s: Scenario, columns: list[tuple[int, ...]], mean_ms: float) -> None:
    """Σ hours·(ℓ − τ)·x ≤ 0 over what is served of the relaxable classes."""
    terms = {
        ("x", *c): float(s.hours.hours[c[4]] * s.demand_per_h[c[0], c[1], c[4]])
        * (latency(s, *c[:4]) - mean_ms)
        for c in columns
        if s.classes[c[1]].relaxable and c[2] >= 0
    }
    lp.row("mean_latency", terms, -math.inf, 0.0)


def _unit_of(s: Scenario, measure: Any) -> int | None:
    """What further columns add to what is made least: 0 USD, 1 tCO2e, or nothing."""
    if measure is None:
        return int(s.objective.minimise is not Minimise.COST)
    return 0 if measure is unit_usd else None


def _answer(
    s: Scenario,
    lp: Program,
    columns: list[tuple[int, ...]],
    friction: dict[Any, tuple[float, float]],
    measure: Any,
) -> OraclePlan:
    status, values, duals = lp.solve()
    if status != "optimal":
        return OraclePlan(status, math.nan, {}, {})
    flows = {
        (i, k, r, o, t): values["x", i, k, r, o, t] * float(s.demand_per_h[i, k, t])
        for i, k, r, o, t in columns
        if values["x", i, k, r, o, t] > 0
    }
    by_cost = s.objective.minimise is Minimise.COST
    unit = measure or (unit_usd if by_cost else unit_t)
    parts = [float(s.hours.hours[c[4]]) * rate * unit(s, *c) for c, rate in flows.items()]
    which = _unit_of(s, measure)
    if which is not None:
        parts += [both[which] * values[column] for column, both in friction.items()]
    return OraclePlan(status, math.fsum(parts), flows, _duals(s, duals))


def _duals(s: Scenario, duals: dict[Any, float]) -> dict[str, dict[Any, float]]:
    """Duals as prices, ≥ 0 where more of the limit is worth something."""
    capacity = {
        name[1:]: -value / float(s.hours.hours[name[2]])
        for name, value in duals.items()
        if name[0] == "capacity"
    }
    caps = {name[1]: -value for name, value in duals.items() if name[0] == "cap"}
    soft = {name: -value for name, value in duals.items() if name == "mean_latency"}
    return {"capacity": capacity, "cap": caps, "mean_latency": soft}


def brute_force(s: Scenario) -> float:
    """Least cost over every assignment of whole demands to places; inf where none fits.

    Exact where the program has an integral optimum: hours apart, and demands that all use the
    same GPU-h at every point, so that capacities of whole multiples make it a transport problem.
    """
    places, _ = open_places(s)
    total = 0.0
    for t in range(s.hours.count):
        asked = [ik for ik in places if s.demand_per_h[ik[0], ik[1], t] > 0]
        options = [[*places[ik], *_shed(s, ik)] for ik in asked]
        costs = [
            sum(
                float(s.hours.hours[t] * s.demand_per_h[i, k, t]) * unit_usd(s, i, k, r, o, t)
                for (i, k), (r, o) in zip(asked, choice, strict=True)
            )
            + bought_usd(s, _placed(s, asked, choice, t), [t])
            for choice in itertools.product(*options)
            if _fits(s, asked, choice, t)
        ]
        total += min(costs, default=math.inf)
    return total


def _placed(
    s: Scenario, asked: list[Demand], choice: tuple[Place, ...], t: int
) -> dict[tuple[int, ...], float]:
    return {
        (i, k, r, o, t): float(s.demand_per_h[i, k, t])
        for (i, k), (r, o) in zip(asked, choice, strict=True)
    }


def _shed(s: Scenario, demand: Demand) -> list[Place]:
    return [UNSERVED] if s.classes[demand[1]].unserved_usd_per_request is not None else []


def _fits(s: Scenario, asked: list[Demand], choice: tuple[Place, ...], t: int) -> bool:
    load = [0.0] * len(s.regions)
    for (i, k), (r, o) in zip(asked, choice, strict=True):
        if r >= 0:
            load[r] += gpu_h(s, k, o) * float(s.demand_per_h[i, k, t])
    return all(used <= most_gpu(s, r, t) * (1 + 1e-12) for r, used in enumerate(load))
