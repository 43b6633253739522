"""A second account of a study: from the scenario's arrays and the flows of its plans, and no more.

Nothing here imports `wattlas.placement` or `wattlas.studies`. Latency, masks and unit values are
those of `tests.oracle`, which writes the equations down once more; sums are plain numpy over dense
arrays, and what an optimum should be is a linear program for `scipy.optimize.linprog`. Axes: metro
i, class k, region r, operating point o, step t.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from tests import oracle
from wattlas.model.plan import Flows
from wattlas.model.scenario import Scenario

EARTH_KM = 6371.0088
Row = dict[str, Any]


@dataclass(frozen=True)
class Least:
    """The optimum of a program: its value, and requests/h by (i, k, r, o, t); r = −1 unserved."""

    value: float
    flows: dict[tuple[int, int, int, int, int], float]


class Sceptic:
    """The arrays of a scenario, and what can be said of flows from them."""

    def __init__(self, scenario: Scenario) -> None:
        self.s = s = scenario
        self.i, self.k, self.r, self.o, self.t = (range(n) for n in s.shape)
        self.span = np.asarray(s.hours.hours, dtype=float)
        self.demand = np.asarray(s.demand_per_h, dtype=float)
        self.kwh = np.array([[oracle.it_kwh(s, k, o) for o in self.o] for k in self.k])
        self.gpu = np.array([[oracle.gpu_h(s, k, o) for o in self.o] for k in self.k])
        self.pue = np.array([region.pue for region in s.regions])
        self.price = np.array([[oracle.price(s, r, t) for t in self.t] for r in self.r])
        self.grams = np.array([[oracle.intensity(s, r, t) for t in self.t] for r in self.r])
        node = [oracle.node_of(s, i) for i in self.i]
        self.rtt = np.asarray(s.network.rtt_node_region_ms)[node]
        self.reach = np.array([s.network.rtt_metro_node_ms[i, node[i]] for i in self.i])
        self.usd_per_gb = np.asarray(s.network.egress_usd_per_gb)[node]
        self.gb = np.array([k.bytes_per_request for k in s.classes]) / 1e9
        self.hourly_usd = np.array([region.on_demand_usd_per_gpu_h for region in s.regions])
        self.reserved = np.asarray(s.reserved_gpu, dtype=float)
        self.shed_usd = [k.unserved_usd_per_request for k in s.classes]

    # ------------------------------------------------------- what is open, the baseline region

    @cached_property
    def latency(self) -> np.ndarray:
        """ℓ, ms, (I, K, R, O)."""
        return np.array(
            [
                [
                    [[oracle.latency(self.s, i, k, r, o) for o in self.o] for r in self.r]
                    for k in self.k
                ]
                for i in self.i
            ]
        )

    @cached_property
    def reasons(self) -> dict[tuple[int, int, int, int], list[str]]:
        """Every mask that closes a place at the classes' own budgets."""
        budget = [k.latency_budget_ms for k in self.s.classes]
        return {
            (i, k, r, o): oracle.reasons(self.s, i, k, r, o, budget[k])
            for i in self.i
            for k in self.k
            for r in self.r
            for o in self.o
        }

    def _mask(self, *but: str) -> np.ndarray:
        mask = np.zeros(self.latency.shape, dtype=bool)
        for place, why in self.reasons.items():
            mask[place] = set(why) <= set(but)
        return mask

    @cached_property
    def open(self) -> np.ndarray:
        """Feasible places, bool (I, K, R, O)."""
        return self._mask()

    @cached_property
    def lawful(self) -> np.ndarray:
        """Feasible but for latency."""
        return self._mask("latency")

    @cached_property
    def baseline_region(self) -> np.ndarray:
        """The baseline region: the nearest feasible one by round trip, (I, K); −1 where none.

        Ties go to the node's own region, then to the shorter distance.
        """
        base = np.full((len(self.i), len(self.k)), -1)
        for i in self.i:
            node = self.s.nodes[oracle.node_of(self.s, i)]
            for k in self.k:
                able = [r for r in self.r if self.open[i, k, r].any()]
                base[i, k] = min(
                    able,
                    key=lambda r: (
                        self.rtt[i, r],
                        self.s.regions[r].id != node.region,
                        km(node, self.s.regions[r]),
                        r,
                    ),
                    default=-1,
                )
        return base

    # ---------------------------------------------------------------- what a request costs

    def usd(self, gamma: float | None = None) -> np.ndarray:
        """c = PUE·e·(p/1000 + γ·κ/10⁶) + w·g + η·b, (I, K, R, O, T).

        w only where nothing is reserved in any hour; where there is, what is on demand is paid on
        top by region and hour.
        """
        gamma = self.s.objective.carbon_price_usd_per_t if gamma is None else gamma
        per_kwh = self.pue[:, None] * (self.price / 1e3 + gamma * self.grams / 1e6)
        energy = np.einsum("ko,rt->krot", self.kwh, per_kwh)
        used = np.where(self.only_hourly, self.hourly_usd, 0.0)
        fixed = self.gpu[:, None, :] * used[None, :, None]
        moved = self.gb[None, :, None] * self.usd_per_gb[:, None, :]
        return energy[None] + fixed[None, ..., None] + moved[..., None, None]

    @cached_property
    def kg(self) -> np.ndarray:
        """PUE·e·κ/1000, (K, R, O, T) with a leading axis of metros."""
        per_kwh = self.pue[:, None] * self.grams / 1e3
        made = np.einsum("ko,rt->krot", self.kwh, per_kwh)
        return np.broadcast_to(made[None], (len(self.i), *made.shape))

    @cached_property
    def only_hourly(self) -> np.ndarray:
        """Regions without a reserved accelerator in any hour, (R,)."""
        return (self.reserved == 0).all(axis=1) & (self.most > self.reserved).any(axis=1)

    @cached_property
    def most(self) -> np.ndarray:
        """K + O, (R, T)."""
        return self.reserved + np.array([[x.on_demand_gpu] for x in self.s.regions])

    @property
    def reserved_usd(self) -> float:
        """What is held all year, by the hours of the scenario."""
        return oracle.reserved_usd(self.s)

    # ---------------------------------------------------------------- sums over flows

    def dense(
        self, flows: Flows | Mapping[tuple[int, ...], float]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Requests/h of flows: served (I, K, R, O, T), and unserved (I, K, T)."""
        served, lost = np.zeros(self.s.shape), np.zeros(self.demand.shape)
        for i, k, r, o, t, rate in entries(flows):
            if r < 0:
                lost[i, k, t] += rate
            else:
                served[i, k, r, o, t] += rate
        return served, lost

    def account(self, flows: Flows | Mapping[tuple[int, ...], float]) -> dict[str, float]:
        """Every total of a plan, by the name that `Totals` has for it."""
        x, lost = self.dense(flows)
        x, lost = x * self.span, lost * self.span
        kwh = np.einsum("ikrot,ko->rt", x, self.kwh)
        gpu_h = np.einsum("ikrot,ko->rt", x, self.gpu)
        gb = np.einsum("ikrot,k->ir", x, self.gb)
        beyond = np.maximum(
            gpu_h - np.where(np.isinf(self.reserved), np.inf, self.reserved * self.span), 0
        )
        kg = float((self.pue[:, None] * kwh * self.grams).sum()) / 1e3
        average = np.array(
            [
                self.s.signals.average_g_per_kwh[self.s.signals.zones.index(x.zone)]
                for x in self.s.regions
            ]
        )
        waited = (x.sum(axis=(1, 3, 4)) * (self.reach[:, None] + self.rtt)).sum()
        sums = {
            "requests": x.sum(),
            "unserved_requests": lost.sum(),
            "it_mwh": kwh.sum() / 1e3,
            "facility_mwh": (self.pue[:, None] * kwh).sum() / 1e3,
            "gpu_h": gpu_h.sum(),
            "egress_gb": gb.sum(),
            "energy_usd": (self.pue[:, None] * kwh * self.price).sum() / 1e3,
            "reserved_usd": self.reserved_usd,
            "on_demand_usd": (self.hourly_usd[:, None] * beyond).sum(),
            "egress_usd": (gb * self.usd_per_gb).sum(),
            "friction_usd": 0.0,
            "unserved_usd": sum(
                lost[:, k].sum() * usd for k, usd in enumerate(self.shed_usd) if usd is not None
            ),
            "carbon_price_usd": self.s.objective.carbon_price_usd_per_t * kg / 1e3,
            "carbon_kg": kg,
            "carbon_average_kg": (self.pue[:, None] * kwh * average).sum() / 1e3,
            "rtt_mean_ms": waited / x.sum() if x.sum() else 0.0,
        }
        parts = "energy on_demand egress friction unserved carbon_price".split()
        sums["variable_usd"] = sum(sums[f"{part}_usd"] for part in parts)
        sums["cost_usd"] = sums["variable_usd"] + sums["reserved_usd"]
        return {name: float(value) for name, value in sums.items()}

    def by_rule(self, region: np.ndarray) -> dict[tuple[int, int, int, int, int], float]:
        """Flows of all demand in one region of each (metro, class), at its cheapest point."""
        usd, flows = self.usd(), {}
        for i in self.i:
            for k in self.k:
                r = int(region[i, k])
                for t in np.flatnonzero(self.demand[i, k] > 0):
                    if r < 0:
                        flows[i, k, -1, -1, int(t)] = float(self.demand[i, k, t])
                        continue
                    unit = np.where(self.open[i, k, r], usd[i, k, r, :, t], np.inf)
                    flows[i, k, r, int(unit.argmin()), int(t)] = float(self.demand[i, k, t])
        return flows

    # ---------------------------------------------------------------- what an optimum should be

    def least(
        self,
        unit: np.ndarray,
        *,
        open_to: np.ndarray | None = None,
        shed: Sequence[float | None] | None = None,
        pays: float = 1.0,
        held: Sequence[tuple[np.ndarray, Sequence[float | None], float, float]] = (),
        rows: Sequence[tuple[np.ndarray, float]] = (),
    ) -> Least:
        """min Σ span·unit·x + shed + pays·w·o, demand served, Σ g·x ≤ K + o, o ≤ O.

        `unit` (I, K, R, O, T); `shed` is the weight of an unserved request of each class, the price
        unless given. `held` are further objectives (unit, shed, pays) with a bound on their sum,
        `rows` are Σ span·coefficient·x ≤ bound over what is served. nan where there is none.
        """
        program = _Program(self, self.open if open_to is None else open_to)
        shed = self.shed_usd if shed is None else shed
        for other, other_shed, other_pays, bound in held:
            program.bound(program.weights(other, other_shed, other_pays), bound)
        for coefficient, bound in rows:
            program.bound(program.weights(coefficient, [0.0] * len(self.k), 0.0), bound)
        return program.solve(program.weights(unit, shed, pays))

    def least_usd(self, gamma: float | None = None, open_to: np.ndarray | None = None) -> float:
        """The least variable cost, USD, carbon at γ included."""
        return self.least(self.usd(gamma), open_to=open_to).value

    def least_kg(self, open_to: np.ndarray | None = None) -> Least:
        """The least carbon, kg; going unserved comes last, as the model weighs it."""
        heavy = [None if usd is None else 1e3 * oracle.shed_t(self.s) for usd in self.shed_usd]
        return self.least(self.kg, open_to=open_to, shed=heavy, pays=0.0)

    def nearest_with_capacity(self) -> Least:
        """The least round trip that capacity allows, cost breaking ties; the value is USD."""
        way = np.broadcast_to(self.rtt[:, None, :, None, None], self.s.shape)
        far = 10.0 * max(float(np.asarray(self.s.network.rtt_node_region_ms).max()), 1.0)
        shed = [None if usd is None else far for usd in self.shed_usd]
        ms = self.least(way, shed=shed, pays=0.0).value
        bound = ms + 1e-9 * abs(ms)
        return self.least(self.usd(), held=[(way, shed, 0.0, bound)])

    def least_fixed_usd(self, groups: Sequence[int]) -> float:
        """The least variable cost of one table of shares for the hours of each group.

        min Σ span·d·unit·y + shed + w·o, Σ y = 1 for each metro, class and group, and in every hour
        Σ g·d·y ≤ K + o. nan where no table keeps the capacity of every hour.
        """
        program = _Program(self, self.open)
        free = program.size - len(program.b)
        places = np.vstack(
            [program.x[:, :4], np.pad(program.n[:, :2], ((0, 0), (0, 2)), constant_values=-1)]
        )
        step = np.concatenate([program.x[:, 4], program.n[:, 2]])
        names = np.column_stack([places, np.asarray(groups)[step]])
        _, share = np.unique(names, axis=0, return_inverse=True)
        rate = self.demand[places[:, 0], places[:, 1], step]
        count = int(share.max()) + 1
        # Each flow is its demand times the share of its group; what is bought stays by the hour.
        rows = np.concatenate([np.arange(free), np.arange(free, program.size)])
        columns = np.concatenate([share.ravel(), count + np.arange(len(program.b))])
        values = np.concatenate([rate, np.ones(len(program.b))])
        to_flow = coo_array((values, (rows, columns)), shape=(program.size, count + len(program.b)))
        return program.solve_by(program.weights(self.usd(), self.shed_usd, 1.0), to_flow.tocsr())


class _Program:
    """Columns: what is served where, what goes unserved, what is bought by the hour."""

    def __init__(self, sceptic: Sceptic, open_to: np.ndarray) -> None:
        self.of, s = sceptic, sceptic
        asked = s.demand > 0
        self.x = np.argwhere(open_to[..., None] & asked[:, :, None, None, :])
        priced = np.array([usd is not None for usd in s.shed_usd])
        self.n = np.argwhere(asked & priced[None, :, None])
        both = (s.reserved > 0).any(axis=1) & (s.most > s.reserved).any(axis=1)
        self.b = np.argwhere(np.broadcast_to(both[:, None], s.most.shape))
        self.size = len(self.x) + len(self.n) + len(self.b)
        self.upper: list[tuple[np.ndarray, np.ndarray, np.ndarray, float]] = []
        self._demand(asked)
        self._capacity()
        self.extra: list[tuple[np.ndarray, float]] = []

    def _demand(self, asked: np.ndarray) -> None:
        number = np.full(asked.shape, -1)
        number[asked] = np.arange(int(asked.sum()))
        i, k, _, _, t = self.x.T
        rows = np.concatenate([number[i, k, t], number[tuple(self.n.T)]])
        columns = np.arange(len(self.x) + len(self.n))
        shape = (int(asked.sum()), self.size)
        self.equal = coo_array((np.ones(len(rows)), (rows, columns)), shape=shape).tocsr()
        self.asked = self.of.demand[asked]

    def _capacity(self) -> None:
        s = self.of
        limit = np.where(self._bought(), s.reserved, s.most)
        finite = np.isfinite(limit)
        number = np.full(limit.shape, -1)
        number[finite] = np.arange(int(finite.sum()))
        _, k, r, o, t = self.x.T
        row, value = number[r, t], s.gpu[k, o]
        own = number[tuple(self.b.T)]
        first = len(self.x) + len(self.n)
        rows = np.concatenate([row[row >= 0], own[own >= 0]])
        columns = np.concatenate([np.flatnonzero(row >= 0), first + np.flatnonzero(own >= 0)])
        values = np.concatenate([value[row >= 0], -np.ones(int((own >= 0).sum()))])
        shape = (int(finite.sum()), self.size)
        self.within = coo_array((values, (rows, columns)), shape=shape).tocsr()
        self.limit = limit[finite]

    def _bought(self) -> np.ndarray:
        mask = np.zeros(self.of.most.shape, dtype=bool)
        mask[tuple(self.b.T)] = True
        return mask

    def weights(self, unit: np.ndarray, shed: Sequence[float | None], pays: float) -> np.ndarray:
        """Coefficients of the columns, hours counted."""
        s = self.of
        weight = np.array([0.0 if w is None else w for w in shed])
        return np.concatenate(
            [
                unit[tuple(self.x.T)] * s.span[self.x[:, 4]],
                weight[self.n[:, 1]] * s.span[self.n[:, 2]],
                pays * s.hourly_usd[self.b[:, 0]] * s.span[self.b[:, 1]],
            ]
        )

    def bound(self, coefficient: np.ndarray, most: float) -> None:
        """Add a row Σ coefficient·column ≤ most."""
        self.extra.append((coefficient, most))

    def solve_by(self, cost: np.ndarray, to_flow: Any) -> float:
        """The least cost where all columns are `to_flow` times fewer ones; nan where none."""
        fewer = to_flow.shape[1] - len(self.b)
        more = np.array([x.on_demand_gpu for x in self.of.s.regions])[self.b[:, 0]]
        bounds = np.stack([np.zeros(to_flow.shape[1]), np.append(np.ones(fewer), more)], axis=1)
        own = to_flow.T @ cost
        size = float(np.abs(own[:fewer]).mean()) or 1.0
        found = linprog(
            own / size, self.within @ to_flow if len(self.limit) else None,
            self.limit if len(self.limit) else None, self.equal @ to_flow, self.asked, bounds,
            method="highs",
        )  # fmt: skip
        return float(own @ found.x) if found.status == 0 else math.nan

    def solve(self, cost: np.ndarray) -> Least:
        s = self.of
        more = np.array([x.on_demand_gpu for x in s.s.regions])[self.b[:, 0]]
        upper = np.concatenate([np.full(len(self.x) + len(self.n), np.inf), more])
        rows, limits = self.within, self.limit
        if self.extra:
            from scipy.sparse import vstack

            rows = vstack([rows, *(coo_array(c[None, :]) for c, _ in self.extra)]).tocsr()
            limits = np.concatenate([limits, [most for _, most in self.extra]])
        bounds = np.stack([np.zeros(self.size), upper], axis=1)
        # What a request costs may be far below the solver's tolerance of reduced costs.
        size = float(np.abs(cost[: len(self.x)]).mean()) or 1.0
        found = linprog(
            cost / size, rows if rows.shape[0] else None, limits if rows.shape[0] else None,
            self.equal, self.asked, bounds, method="highs",
        )  # fmt: skip
        if found.status != 0:
            return Least(math.nan, {})
        served = {
            (int(i), int(k), int(r), int(o), int(t)): float(v)
            for (i, k, r, o, t), v in zip(self.x, found.x, strict=False)
            if v > 1e-12
        }
        lost = {
            (int(i), int(k), -1, -1, int(t)): float(v)
            for (i, k, t), v in zip(self.n, found.x[len(self.x) :], strict=False)
            if v > 1e-12
        }
        return Least(float(cost @ found.x), {**served, **lost})


def entries(
    flows: Flows | Mapping[tuple[int, ...], float],
) -> Iterator[tuple[int, int, int, int, int, float]]:
    """(i, k, r, o, t, requests/h) of each flow."""
    if isinstance(flows, Flows):
        columns = (flows.metro, flows.klass, flows.region, flows.point, flows.hour)
        for place, rate in zip(zip(*columns, strict=True), flows.requests_per_h, strict=True):
            i, k, r, o, t = map(int, place)
            yield i, k, r, o, t, float(rate)
    else:
        for (i, k, r, o, t), rate in flows.items():
            yield i, k, r, o, t, rate


def km(one: Any, other: Any) -> float:
    """Great-circle distance of two places."""
    lat = [math.radians(place.lat_deg) for place in (one, other)]
    half = math.radians(one.lon_deg - other.lon_deg) / 2
    chord = math.sin((lat[0] - lat[1]) / 2) ** 2
    chord += math.cos(lat[0]) * math.cos(lat[1]) * math.sin(half) ** 2
    return 2 * EARTH_KM * math.asin(min(math.sqrt(chord), 1.0))


def rows(table: Mapping[str, Any]) -> list[Row]:
    """A table as rows."""
    columns = [np.asarray(c).tolist() if isinstance(c, np.ndarray) else c for c in table.values()]
    return [dict(zip(table, values, strict=True)) for values in zip(*columns, strict=True)]
