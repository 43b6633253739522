"""Is a plan optimal? Feasibility, signs of the duals and complementary slackness, from scratch.

A plan carries the duals of every row of its hours and the prices of its limits over windows. They
make a dual point: the price of demand is then the least reduced cost of its columns, and the dual
objective is a bound that no placement can beat. The check takes nothing from the solver but the
duals. It looks at every constraint of the registry, also at those of which the plan has no duals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import UsageError
from wattlas.model.plan import Plan
from wattlas.placement.api import objective_measures
from wattlas.placement.constraints.registry import hourly_rows, links
from wattlas.placement.explain.arrived import apart, prices_by_arrival
from wattlas.placement.hour.closed_form import CHUNK_ELEMENTS
from wattlas.placement.problem.arrivals import Arrivals
from wattlas.placement.problem.flows import SourceFlows, no_flows
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.limit import Limit
from wattlas.placement.problem.queue import Queue
from wattlas.placement.problem.rows import HourlyRows
from wattlas.placement.problem.unit_values import Measure
from wattlas.placement.window.limits import limits_of

_TINY = 1e-300


@dataclass(frozen=True)
class Certificate:
    """What was found. `objective`, `bound` in the objective's unit; `gap` relative.

    `residuals` are the worst violations of each condition, relative: `demand`; every constraint
    that ties the demands of an hour, by its name; `closed` columns that carry something; `signs` of
    duals and prices; `slackness`, by hour; `limits` over windows; and `waiting`, what runs too
    early or too late. `demand_price` (I, K, T) is what one more request that arrives then costs,
    nan where there is none.
    """

    objective: float
    bound: float
    gap: float
    residuals: dict[str, float]
    demand_price: np.ndarray

    @property
    def worst(self) -> float:
        """The largest residual."""
        return max(self.residuals.values())


def certify(plan: Plan, budget_ms: np.ndarray | None = None) -> Certificate:
    """Check a plan whose hours nothing but limits over windows couples.

    Raises UsageError for a plan without flows, of a baseline policy, or whose hours are linked.
    """
    scenario = plan.scenario
    if plan.flows is None or plan.policy != "optimum":
        raise UsageError("only a plan that was optimised can be checked for optimality")
    if links(scenario):
        raise UsageError(
            "switching costs couple the hours of this plan: its gap is in plan.info.gap"
        )
    instance = build_instance(scenario, budget_ms)
    arrivals = None
    if plan.waited is not None:
        instance = replace(instance, by_arrival=True)
        arrivals = Arrivals.of(instance)
    limits = limits_of(instance)
    prices = [report.price for report in plan.limits]
    if len(prices) != len(limits):
        prices = [0.0] * len(limits)  # It was made without a limit that holds now.
    flows = _flows(instance, plan)
    if arrivals is not None:
        instance, flows = apart(arrivals, plan, flows)
        limits = arrivals.limits(limits)
    proof = _Proof(instance, flows, plan.duals, limits, np.array(prices), arrivals)
    return proof.certificate()


def bound_by_hour(
    instance: Instance, measure: Measure, duals: Mapping[str, np.ndarray]
) -> np.ndarray:
    """What no placement of each hour is below in a measure, by weak duality from duals of the rows
    by constraint (J, T), hours not counted; (T,). A dual of the wrong sign counts as 0.
    """
    proof = _Proof(instance, no_flows(), duals, (), np.zeros(0))
    proof.objective = measure
    for name, rows in proof.rows.items():
        down = np.where(np.isfinite(rows.upper), np.minimum(proof.duals[name], 0.0), 0.0)
        up = np.where(np.isfinite(rows.lower), np.maximum(proof.duals[name], 0.0), 0.0)
        proof.duals[name] = down + up
    hours = instance.demand.shape[1]
    price = proof._demand_price(measure, np.arange(hours))
    bound = (np.where(instance.demand > 0, price, 0.0) * instance.demand).sum(axis=0)
    for name, rows in proof.rows.items():
        bound += proof._paid(name, rows, np.zeros(hours), proof._surplus_price(rows))
    return np.asarray(bound)


class _Proof:
    """The pieces of a certificate: flows and duals against the program, hour by hour."""

    def __init__(
        self,
        instance: Instance,
        flows: SourceFlows,
        duals: Mapping[str, np.ndarray],
        limits: Sequence[Limit],
        prices: np.ndarray,
        arrivals: Arrivals | None = None,
    ) -> None:
        self.instance, self.flows, self.arrivals = instance, flows, arrivals
        self.limits, self.prices = limits, prices
        self.objective = objective_measures(instance)[0]
        self.rows = hourly_rows(instance)
        hours = instance.demand.shape[1]
        self.duals = {
            name: duals.get(name, np.zeros((rows.count, hours))) for name, rows in self.rows.items()
        }
        self.used = [limit.used(instance, flows) for limit in limits]
        self.counted = prices_by_arrival(instance, limits, prices)
        self.column = instance.columns.find(flows.source, flows.region, flows.point)

    def certificate(self) -> Certificate:
        """All conditions, and the bound."""
        instance, flows = self.instance, self.flows
        demand_price = np.zeros(instance.demand.shape)
        slack = np.zeros(instance.demand.shape[1])
        spent = np.full(instance.demand.shape[1], _TINY)
        for steps, measure in self._weighted():
            demand_price[:, steps] = self._demand_price(measure, steps)
            on = np.isin(flows.hour, steps)
            part_flows = flows.where(on)
            self._add_slackness(measure, part_flows, self.column[on], demand_price, slack, spent)
        residuals = {"demand": self._demand(), "closed": self._closed()}
        paid = np.zeros_like(slack)
        for name, rows in self.rows.items():
            excess, size = rows.excess(flows)
            residuals[name] = float((excess / (size + _TINY)).max(initial=0.0))
            paid += self._paid(name, rows, slack, self._surplus_price(rows))
        residuals["signs"] = self._signs(spent)
        # An hour in which nothing runs has no size of its own.
        size = np.where(spent > _TINY, spent, spent.max(initial=_TINY))
        residuals["slackness"] = float((slack / size).max(initial=0.0))
        total = float(self.objective.by_hour(instance, flows).sum())
        total_size = max(abs(total), _TINY)
        residuals["limits"], slack_limits = self._limits()
        residuals["slackness"] = max(residuals["slackness"], slack_limits / total_size)
        demand = instance.demand
        if self.arrivals is not None:
            residuals["waiting"] = self._waiting(self.arrivals.queue)
            demand, demand_price = self._at_arrival(self.arrivals, demand_price)
        value = np.where(demand > 0, demand_price, 0.0) * demand
        bound = float((value.sum(axis=0) + paid) @ instance.hours)
        bound -= sum(p * limit.bound for p, limit in zip(self.prices, self.limits, strict=True))
        return Certificate(
            total, bound, (total - bound) / total_size, residuals, self._by_metro(demand_price)
        )

    def _waiting(self, queue: Queue) -> float:
        """How far what runs is from what may and must have run by then."""
        shape, flows = self.instance.demand.shape, self.flows
        placed = np.bincount(flows.source * shape[1] + flows.hour, flows.value, shape[0] * shape[1])
        return queue.excess(placed.reshape(shape)[queue.source])

    def _at_arrival(self, arrivals: Arrivals, price: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(What arrives in each step, what it costs at least within its patience), (S, T) each of
        the whole: a request pays the least price of an hour that it may run in, by weak duality.
        """
        least, queue = price.copy(), arrivals.queue
        least[queue.source] = queue.least(price[queue.source])
        own, at = np.nonzero(arrivals.arrives)
        whole = np.zeros(arrivals.whole.demand.shape)
        whole[arrivals.origin[own], at] = least[own, at]
        return arrivals.whole.demand, whole

    def _weighted(self) -> list[tuple[np.ndarray, Measure]]:
        """objective + Σ price · measure, for the steps that are in the same limits."""
        inside = np.zeros((len(self.limits), self.instance.demand.shape[1]), dtype=bool)
        for n, limit in enumerate(self.limits):
            if limit.counts is None:
                inside[n, limit.steps] = True
        patterns, pattern_of = np.unique(inside, axis=1, return_inverse=True)
        out = []
        for n, pattern in enumerate(patterns.T):
            measure = self.objective
            for j in np.flatnonzero(pattern).tolist():
                if self.prices[j]:
                    measure = measure.plus(self.limits[j].measure, float(self.prices[j]))
            out.append((np.flatnonzero(pattern_of.ravel() == n), measure))
        return out

    def _demand_price(self, measure: Measure, steps: np.ndarray) -> np.ndarray:
        """The least reduced cost of each source's columns, inf where it has none; (S, steps)."""
        columns, count = self.instance.columns, self.instance.sources
        order = np.argsort(columns.source, kind="stable")
        source = columns.source[order]
        first = np.flatnonzero(np.concatenate([[True], source[1:] != source[:-1]])[: len(source)])
        price = np.full((count, len(steps)), np.inf)
        size = max(1, CHUNK_ELEMENTS // max(1, len(columns)))
        for low in range(0, len(steps), size):
            chunk = steps[low : low + size]
            reduced = self._reduced(measure, chunk)[order]
            if len(first):
                least = np.minimum.reduceat(reduced, first, axis=0)
                price[source[first], low : low + size] = least
        return price

    def _reduced(self, measure: Measure, steps: np.ndarray) -> np.ndarray:
        """Unit value less what the rows' duals pay, (C, steps)."""
        columns = self.instance.columns
        place = (columns.source, columns.region, columns.point)
        reduced = np.stack([measure.units(self.instance, int(t), *place) for t in steps], axis=1)
        for limited, price in self.counted:
            units = limited.units(self.instance, 0, *place)
            reduced += units[:, None] * price[np.ix_(columns.source, steps)]
        for name, rows in self.rows.items():
            reduced -= rows.weighed(self.duals[name][:, steps])
        return reduced

    def _add_slackness(
        self,
        measure: Measure,
        flows: SourceFlows,
        column: np.ndarray,
        demand_price: np.ndarray,
        slack: np.ndarray,
        spent: np.ndarray,
    ) -> None:
        """Σ x · reduced cost of each hour, and what its flows come to without signs."""
        unit = measure.units(self.instance, *flows[:4])
        gross = np.abs(unit)
        reduced = unit.copy()
        for limited, price in self.counted:
            paid = limited.units(self.instance, *flows[:4]) * price[flows.source, flows.hour]
            gross = np.maximum(gross, np.abs(paid))
            reduced += paid
        for name, rows in self.rows.items():
            reduced -= rows.weighed_at(self.duals[name], column, flows.hour)
        reduced -= demand_price[flows.source, flows.hour]
        reduced = np.where(column < 0, 0.0, reduced)  # `closed` tells those.
        hours = len(slack)
        slack += np.bincount(flows.hour, np.abs(reduced) * flows.value, hours)
        for part, part_price in self._parts(flows.hour):
            own = part.units(self.instance, *flows[:4])
            gross = np.maximum(gross, part_price * np.abs(own))
        spent += np.bincount(flows.hour, gross * flows.value, hours)

    def _parts(self, hour: np.ndarray) -> Iterator[tuple[Measure, float]]:
        """What the weighted objective of some hours, in the same limits, is made of: each measure
        with its price."""
        yield self.objective, 1.0
        for limit, price in zip(self.limits, self.prices.tolist(), strict=True):
            if limit.counts is None and len(hour) and hour[0] in limit.steps:
                yield limit.measure, price

    def _surplus_price(self, rows: HourlyRows) -> np.ndarray:
        """w of each row in each hour, limits at their prices and what other rows charge for what is
        bought, (J, T); 0 where nothing is sold."""
        price = np.zeros(rows.upper.shape)
        if rows.surplus is not None:
            for steps, measure in self._weighted():
                price[:, steps] = measure.per_on_demand[:, None]
            for name, other in self.rows.items():
                if other.bought is not None:
                    price -= other.bought.T @ self.duals[name]
            price = np.where(rows.surplus > 0, price, 0.0)
        return price

    def _paid(
        self, name: str, rows: HourlyRows, slack: np.ndarray, price: np.ndarray
    ) -> np.ndarray:
        """Σ bound · dual of a constraint's rows, (T,); adds Σ |dual| · slack of each to `slack`.

        A surplus column has the reduced cost w − |dual|. Below 0 it belongs at its bound O, and the
        dual objective has Σ min(0, w − |dual|) · O; above, at 0.
        """
        dual = self.duals[name]
        bound = np.where(dual > 0, rows.lower, rows.upper)
        net, _ = rows.activity(self.flows.hour, self.column, self.flows.value, dual.shape[1])
        finite_bound = np.where(np.isfinite(bound), bound, 0.0)
        total = (finite_bound * dual).sum(axis=0)
        if rows.surplus is not None:
            most = np.minimum(rows.surplus, self._usable(rows))
            bought = np.clip(net - finite_bound, 0.0, rows.surplus)
            reduced = np.where(rows.surplus > 0, price + np.minimum(dual, 0.0), 0.0)
            slack += np.abs(reduced * np.where(reduced < 0, most - bought, bought)).sum(axis=0)
            total = total + (np.minimum(reduced, 0.0) * most).sum(axis=0)
            net = net - bought
        slack += np.where(dual != 0, np.abs(dual * (finite_bound - net)), 0.0).sum(axis=0)
        slack[(~np.isfinite(bound) & (dual != 0)).any(axis=0)] = np.inf
        return np.asarray(total)

    def _usable(self, rows: HourlyRows) -> np.ndarray:
        """The most that all demand could make of each row's activity, (J, T): no more is bought."""
        row_values = np.zeros((rows.count, self.instance.sources))
        source = self.instance.columns.source[rows.column]
        np.maximum.at(row_values, (rows.row, source), rows.value)
        return np.asarray(row_values @ self.instance.demand)

    def _demand(self) -> float:
        """|Σ x − demand| over the largest demand of the hour."""
        demand, flows = self.instance.demand, self.flows
        cell = flows.source * demand.shape[1] + flows.hour
        placed = np.bincount(cell, flows.value, demand.size).reshape(demand.shape)
        size = np.maximum(demand.max(axis=0, initial=0.0), _TINY)
        return float((np.abs(placed - demand).max(axis=0, initial=0.0) / size).max(initial=0.0))

    def _closed(self) -> float:
        """The largest flow that is negative or on a closed column, over the hour's demand."""
        flows = self.flows
        size = np.maximum(self.instance.demand.max(axis=0, initial=0.0), _TINY)[flows.hour]
        wrong = np.where(self.column < 0, np.abs(flows.value), np.maximum(-flows.value, 0.0))
        return float((wrong / size).max(initial=0.0))

    def _signs(self, spent: np.ndarray) -> float:
        """The largest dual against the side of its row, over the mean cost of a request; and the
        largest price of a limit below zero.
        """
        demand = np.maximum(self.instance.demand.sum(axis=0), _TINY)
        worst = float(np.maximum(-self.prices, 0.0).max(initial=0.0))
        for name, rows in self.rows.items():
            dual = self.duals[name]
            wrong = np.where(np.isfinite(rows.lower), 0.0, np.maximum(dual, 0.0))
            wrong = wrong + np.where(np.isfinite(rows.upper), 0.0, np.maximum(-dual, 0.0))
            worst = max(worst, float((wrong / (spent / demand + _TINY)).max(initial=0.0)))
        return worst

    def _limits(self) -> tuple[float, float]:
        """The largest excess over a limit (of a share cap, in shares), and Σ price · |slack|."""
        excess, slack = 0.0, 0.0
        for limit, used, price in zip(self.limits, self.used, self.prices, strict=True):
            size = limit.total if limit.counted is not None else max(abs(limit.bound), abs(used))
            excess = max(excess, float(used - limit.bound) / max(size, _TINY))
            slack += float(price * abs(limit.bound - used))
        return excess, slack

    def _by_metro(self, price: np.ndarray) -> np.ndarray:
        """From sources to (metro, class); nan where there is no demand."""
        whole = self.instance if self.arrivals is None else self.arrivals.whole
        source_of = whole.source_of
        grid = np.full((*source_of.shape, price.shape[1]), np.nan)
        i, k = np.nonzero(source_of >= 0)
        grid[i, k] = price[source_of[i, k]]
        return grid


def _flows(instance: Instance, plan: Plan) -> SourceFlows:
    """The plan's flows, back on the merged sources."""
    flows = plan.flows
    assert flows is not None
    return SourceFlows(
        flows.hour.astype(np.int64),
        instance.source_of[flows.metro, flows.klass],
        flows.region.astype(np.int64),
        flows.point.astype(np.int64),
        flows.requests_per_h,
    )
