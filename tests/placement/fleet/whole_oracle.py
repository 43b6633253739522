"""A fleet with all that may be asked of it as one program, for GLPK and for HiGHS.

Waiting, caps of tiers, several kinds of accelerators, sites that take so many of them together,
outages, and a cap of the objective stand in it side by side: a column for each step of arrival,
step of running, region, kind and point. Regions are not split by kind. Nothing of
`wattlas.placement` is imported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as field_of
from typing import Any

import highspy
import numpy as np

from tests import oracle
from tests.placement.fleet.fleet_oracle import YEAR_H, t_per_kwh, usd_per_kwh
from tests.placement.fleet.kinds_oracle import Kinds, field, own_kinds
from tests.placement.waiting.waiting_oracle import may_run, shares
from wattlas.model.objective import Minimise
from wattlas.model.scenario import Scenario

Column = tuple[str, int, int, int, int, int, int, str]
"""`w`, metro, class, step of arrival, step of running, region, point, kind."""


@dataclass(frozen=True)
class Whole:
    """Cost and carbon of the best fleet, as GLPK finds them; its cost as HiGHS does."""

    status: str
    usd: float = math.nan
    tonnes: float = math.nan
    highs: float = math.nan
    values: Mapping[Any, float] = field_of(default_factory=dict)

    def taken(self, s: Scenario, kinds: Kinds, *, power: bool = False) -> list[float]:
        """The most accelerators of all kinds together, reserved and on demand, that each region has
        in any step, with outages; or kW at the meter."""
        pairs = [(r, kind) for r, g in enumerate(s.regions) for kind in kinds.get(g.id, {"": {}})]
        kw = _kw(s, kinds, [c for c in self.values if c[0] == "w"], pairs)
        each = kw if power else dict.fromkeys(pairs, 1.0)
        bought: dict[Any, list[float]] = {}
        held = [0.0] * len(s.regions)
        for column, value in self.values.items():
            if column[0] == "K":
                held[column[1]] += each[column[1:]] * value
            elif column[0] == "o":
                _, name, r, kind, t = column
                used = value / field(s, kinds, r, kind, "utilisation_max")
                bought.setdefault((r, name, t), []).append(each[r, kind] * used)
        return [
            total + max((sum(v) for (at, *_), v in bought.items() if at == r), default=0.0)
            for r, total in enumerate(held)
        ]


def whole_fleet(
    s: Scenario,
    kinds: Kinds,
    lost: Sequence[Sequence[int]] = (),
    outage_on_demand_gpu: float = math.inf,
) -> Whole:
    """The best fleet by the scenario's objective, under its cap."""
    lp, usd, tonnes = oracle.Program(), _Sum(s, kinds, _usd), _Sum(s, kinds, _tonnes)
    columns = _columns(lp, s, kinds)
    pairs = [(r, kind) for r, g in enumerate(s.regions) for kind in kinds.get(g.id, {"": {}})]
    for r, kind in pairs:
        ends = (field(s, kinds, r, kind, f"reserved_gpu_{end}") for end in ("min", "max"))
        lp.row(("K", r, kind), {("K", r, kind): 1.0}, *ends)
        lp.cost["K", r, kind] = 0.0
    rates = {c: {c: float(s.demand_per_h[c[1], c[2], c[3]])} for c in columns if c[5] >= 0}
    kw = _kw(s, kinds, columns, pairs)
    _capacity(lp, s, kinds, {(c[5], c[7], c[4], c[2], c[6], c): rates[c] for c in rates}, None)
    for number, regions in enumerate(lost):
        _outage(lp, s, kinds, rates, number, regions, outage_on_demand_gpu)
    _sites(lp, s, kinds, pairs, kw)
    for column in lp.cost:
        usd.add(column)
        tonnes.add(column)
    cheap = s.objective.minimise is Minimise.COST
    lp.cost.update({c: (usd if cheap else tonnes).terms.get(c, 0.0) for c in lp.cost})
    for total, cap in ((tonnes, s.objective.carbon_cap_t), (usd, s.objective.cost_cap_usd)):
        if cap is not None:
            lp.row(("cap", cap), total.terms, -math.inf, cap)
    status, values, _ = lp.solve()
    if status != "optimal":
        return Whole(status)
    return Whole(status, usd.of(values), tonnes.of(values), _highs(lp), values)


def _columns(lp: oracle.Program, s: Scenario, kinds: Kinds) -> list[Column]:
    """Demand, mean accuracy and caps of tiers; the columns."""
    places, _ = oracle.open_places(s, None)
    columns: list[Column] = []
    scores: dict[Any, dict[Any, float]] = {}
    for (i, k), open_to in places.items():
        shed = [oracle.UNSERVED] if s.classes[k].unserved_usd_per_request is not None else []
        for a in range(s.hours.count):
            rate = float(s.demand_per_h[i, k, a])
            terms: dict[Any, float] = {}
            for t in may_run(s, k, a) if rate > 0 else []:
                for r, o in [*open_to, *shed]:
                    for kind in [""] if r < 0 else own_kinds(s, kinds, r, o):
                        column = ("w", i, k, a, t, r, o, kind)
                        terms[column] = 1.0
                        lp.cost[column] = 0.0
                        least = s.classes[k].mean_accuracy_min
                        if r >= 0 and least is not None and not oracle.degraded(s, k, o):
                            above = (oracle.accuracy(s, k, o) - least) * rate
                            scores.setdefault((k, t), {})[column] = above
            columns += terms
            if terms:
                lp.row(("demand", i, k, a), terms, 1.0, 1.0)
    for key, terms in scores.items():
        lp.row(("accuracy", *key), terms, 0.0, math.inf)
    shares(lp, s)
    return columns


def _capacity(
    lp: oracle.Program, s: Scenario, kinds: Kinds, runs: dict[Any, dict[Any, float]], name: Any,
    on_demand: float = math.inf,
) -> None:  # fmt: skip
    """Σ g·x ≤ u·K + o, o ≤ O, by region, kind and step; `runs` (r, kind, t, k, o, …) → rates."""
    busy: dict[tuple[int, str, int], dict[Any, float]] = {}
    for (r, kind, t, k, o, *_), terms in runs.items():
        for column, rate in terms.items():
            own = busy.setdefault((r, kind, t), {})
            own[column] = own.get(column, 0.0) + oracle.gpu_h(s, k, o) * rate
    for (r, kind, t), terms in busy.items():
        most = min(field(s, kinds, r, kind, "on_demand_gpu"), on_demand)
        if most > 0:
            lp.cost["o", name, r, kind, t] = 0.0
            if math.isfinite(most):
                lp.row(("most", name, r, kind, t), {("o", name, r, kind, t): 1.0}, 0.0, most)
            terms["o", name, r, kind, t] = -1.0
        terms["K", r, kind] = -field(s, kinds, r, kind, "utilisation_max")
        lp.row(("gpu", name, r, kind, t), terms, -math.inf, 0.0)


def _outage(
    lp: oracle.Program, s: Scenario, kinds: Kinds, rates: dict[Any, dict[Any, float]], q: int,
    lost: Sequence[int], on_demand: float,
) -> None:  # fmt: skip
    """What must be served and may run elsewhere is served there in the step in which it runs."""
    places, _ = oracle.open_places(s, None)
    runs: dict[Any, dict[Any, float]] = {}
    for (_, i, k, _, t, *_), terms in rates.items():
        for column, rate in terms.items():
            runs.setdefault((i, k, t), {})[column] = rate
    again: dict[Any, dict[Any, float]] = {}
    for (i, k, t), terms in runs.items():
        left = [(r, o) for r, o in places[i, k] if r not in lost]
        if not left or s.classes[k].unserved_usd_per_request is not None:
            continue
        row = {column: -rate for column, rate in terms.items()}
        for r, o in left:
            for kind in own_kinds(s, kinds, r, o):
                column = ("y", q, i, k, t, r, o, kind)
                lp.cost[column], row[column] = 0.0, 1.0
                again[r, kind, t, k, o, i] = {column: 1.0}
        lp.row(("served", q, i, k, t), row, 0.0, 0.0)
    _capacity(lp, s, kinds, again, q, on_demand)


def _kw(
    s: Scenario, kinds: Kinds, columns: list[Column], pairs: list[tuple[int, str]]
) -> dict[tuple[int, str], float]:
    """What an accelerator of each region and kind draws at its hungriest point, at the meter."""
    hungriest: dict[str, float] = {}
    for _, _, k, _, _, r, o, kind in columns:
        if r >= 0:
            draws = oracle.it_kwh(s, k, o) / oracle.gpu_h(s, k, o)
            hungriest[kind] = max(draws, hungriest.get(kind, 0.0))
    return {(r, kind): s.regions[r].pue * hungriest.get(kind, 0.0) for r, kind in pairs}


def _sites(
    lp: oracle.Program, s: Scenario, kinds: Kinds, pairs: list[tuple[int, str]],
    kw: dict[tuple[int, str], float],
) -> None:  # fmt: skip
    """What a site takes of all its kinds, reserved and on demand together, in every step: what is
    on demand counts as those of which so much may be used."""
    bought: dict[Any, list[Any]] = {}
    for column in [c for c in lp.cost if c[0] == "o"]:
        bought.setdefault((column[1], column[2], column[4]), []).append(column)
    for r, region in enumerate(s.regions):
        own = [kind for at, kind in pairs if at == r]
        for name, most in (("gpu", region.capacity_max), ("kw", region.power_max_kw)):
            if not math.isfinite(most):
                continue
            each = {kind: 1.0 if name == "gpu" else kw[r, kind] for kind in own}
            held = {("K", r, kind): each[kind] for kind in own}
            lp.row((name, r), held, -math.inf, most)
            for key, columns in bought.items():
                if key[1] == r:
                    more = {
                        c: each[c[3]] / field(s, kinds, r, c[3], "utilisation_max") for c in columns
                    }
                    lp.row((name, *key), {**held, **more}, -math.inf, most)


class _Sum:
    """What a unit of each column comes to, in some unit."""

    def __init__(self, s: Scenario, kinds: Kinds, per_kwh: Any) -> None:
        self.s, self.kinds, self.per_kwh = s, kinds, per_kwh
        self.terms: dict[Any, float] = {}

    def add(self, column: Any) -> None:
        """Of requests energy beyond idle and traffic; of what is held rent, idle energy and making;
        of what is bought its price and idle energy."""
        s, span = self.s, self.s.hours.hours
        if column[0] == "w":
            _, i, k, a, t, r, o, kind = column
            self.terms[column] = float(s.demand_per_h[i, k, a] * span[t]) * self._request(
                i, k, t, r, o, kind
            )
        elif column[0] == "K":
            _, r, kind = column
            idle = self._of(r, kind, "idle_w") / 1000.0
            value = sum(h * idle * self.per_kwh(s, r, t)[0] for t, h in enumerate(span))
            value += float(span.sum()) / YEAR_H * self.per_kwh(s, r, 0)[1](self._of, r, kind)
            self.terms[column] = value
        elif column[0] == "o" and column[1] is None:
            _, _, r, kind, t = column
            mean = sum(h * self.per_kwh(s, r, step)[0] for step, h in enumerate(span))
            mean = max(float(mean / span.sum()), 0.0) * self._of(r, kind, "idle_w") / 1000.0
            usd = self._of(r, kind, "on_demand_usd_per_gpu_h") if self.per_kwh is _usd else 0.0
            self.terms[column] = float(span[t]) * (usd + mean)

    def of(self, values: dict[Any, float]) -> float:
        """The sum."""
        return math.fsum(value * values[c] for c, value in self.terms.items())

    def _of(self, r: int, kind: str, name: str) -> float:
        return field(self.s, self.kinds, r, kind, name)

    def _request(self, i: int, k: int, t: int, r: int, o: int, kind: str) -> float:
        s, money = self.s, self.per_kwh is _usd
        if r < 0:
            return float(s.classes[k].unserved_usd_per_request or 0.0) if money else 0.0
        kwh = oracle.it_kwh(s, k, o)
        kwh -= self._of(r, kind, "idle_w") / 1000.0 * oracle.gpu_h(s, k, o)
        egress = float(s.network.egress_usd_per_gb[oracle.node_of(s, i), r])
        traffic = egress * s.classes[k].bytes_per_request / 1e9 if money else 0.0
        return float(kwh * self.per_kwh(s, r, t)[0] + traffic)


def _usd(s: Scenario, r: int, t: int) -> tuple[float, Any]:
    """(USD of a kWh, a year's rent and making of an accelerator)."""
    price = s.objective.carbon_price_usd_per_t

    def year(of: Any, r: int, kind: str) -> float:
        made = of(r, kind, "embodied_kg_per_gpu_year") / 1000.0
        return float(of(r, kind, "reserved_usd_per_gpu_year") + price * made)

    return usd_per_kwh(s, r, t), year


def _tonnes(s: Scenario, r: int, t: int) -> tuple[float, Any]:
    """(Tonnes of a kWh, of making an accelerator, a year)."""

    def year(of: Any, r: int, kind: str) -> float:
        return float(of(r, kind, "embodied_kg_per_gpu_year") / 1000.0)

    return t_per_kwh(s, r, t), year


def _highs(lp: oracle.Program) -> float:
    """The optimum of the same program in HiGHS."""
    index = {column: j for j, column in enumerate(lp.cost)}
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    size = max(map(abs, lp.cost.values())) or 1.0
    solver.addVars(len(index), np.zeros(len(index)), np.full(len(index), np.inf))
    every = np.arange(len(index), dtype=np.int32)
    solver.changeColsCost(len(index), every, np.array([*lp.cost.values()]) / size)
    for terms, lower, upper in lp.rows.values():
        if terms:
            at = np.array([index[c] for c in terms], dtype=np.int32)
            solver.addRow(lower, upper, len(at), at, np.array([*terms.values()]))
    solver.run()
    return float(solver.getInfo().objective_function_value) * size
