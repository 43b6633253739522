"""Money against carbon: the placements that a carbon price makes the cheapest, and from which on.

The placements that are cheapest at some carbon price γ ≥ 0 are the vertices of the lower convex
hull of (carbon, cost). One of them is the cheapest from the slope of the segment that ends in it:

    γ_n = (cost_n − cost_{n−1}) / (carbon_{n−1} − carbon_n)          between neighbouring vertices

Between two rows there may be vertices that are not told; the price is that of the neighbour all the
same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.objective import Minimise, Objective
from wattlas.model.scenario import Scenario
from wattlas.model.table import Table
from wattlas.placement.api import solve_instance
from wattlas.placement.constraints.registry import coupling
from wattlas.placement.explain import conflict
from wattlas.placement.frontier.slope import (
    EXACT,
    Curves,
    Memory,
    slope_after,
    stretches_of,
    warm_or_cold,
)
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.unit_values import carbon, cost, unserved
from wattlas.placement.solution.account import totals
from wattlas.placement.window.blocks import at_once, blocks, instance_at
from wattlas.placement.window.limits import short_words
from wattlas.units import KG_PER_T

LEAST_CARBON = float("inf")
"""The price of the placement of least carbon, cost breaking ties."""


@dataclass(frozen=True)
class _Row:
    """By unit, each (U,): kg, variable USD without a carbon price, requests not served."""

    kg: np.ndarray
    usd: np.ndarray
    unserved: np.ndarray
    memory: list[Memory]
    """What the solvers keep of each stretch; nothing at the least carbon, another measure's."""

    @property
    def total(self) -> tuple[float, float]:
        """kg and USD over all units."""
        return float(self.kg.sum()), float(self.usd.sum())


class _PriceProber:
    """The cheapest placement at a carbon price: hours apart, or windows where something ties them.

    Caps of the objective are left out; frictions and the caps of tiers are kept.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.whole = build_instance(replace(scenario, objective=Objective()))
        if self.whole.stranded:
            raise InfeasibleError(conflict.stranded_words(self.whole))
        self.tied = coupling(self.whole.scenario) is not None
        steps = np.arange(scenario.hours.count)
        self.units = blocks(self.whole.scenario) if self.tied else list(steps[:, None])
        count = len(self.units)
        self.stretches = list(np.arange(count)[:, None]) if self.tied else stretches_of(count)
        self.latest: list[Memory] = [{} for _ in self.stretches]

    def __call__(self, price_usd_per_t: float) -> _Row:
        """The placement of all units, each from the basis that it had at the price before.

        What is found does not depend on it: only what a unit emits and costs counts, and that is
        the same for all that are equally good.
        """
        whole = self._whole(price_usd_per_t)
        memory = [dict(latest) for latest in self.latest]
        numbered = range(len(self.stretches))
        parts = at_once(lambda n: self._solved(whole, self.stretches[n], memory[n]), numbered)
        kg, usd, lost = (np.concatenate(column) for column in zip(*parts, strict=True))
        self.latest = memory
        if price_usd_per_t == LEAST_CARBON:
            memory = [{} for _ in self.stretches]
        return _Row(kg, usd, lost, memory)

    def of_units(self, price_usd_per_t: float, units: np.ndarray, near: _Row) -> Curves:
        """kg and USD of some units, by index, at a price; `near` is the row of one nearby."""
        whole = self._whole(price_usd_per_t)

        def warm(n: int) -> Curves:
            return self._solved(whole, self.stretches[n], dict(near.memory[n]))[:2]

        return warm_or_cold(units, self.stretches, warm, lambda some: self._solved(whole, some)[:2])

    def _whole(self, price_usd_per_t: float) -> Instance:
        least = Minimise.CARBON if price_usd_per_t == LEAST_CARBON else Minimise.COST
        priced = 0.0 if price_usd_per_t == LEAST_CARBON else price_usd_per_t
        objective = Objective(minimise=least, carbon_price_usd_per_t=priced)
        return replace(self.whole, scenario=replace(self.whole.scenario, objective=objective))

    def _solved(
        self, whole: Instance, units: np.ndarray, memory: Memory | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """kg, USD and requests not served of some units at the price of the instance."""
        part = instance_at(whole, np.concatenate([self.units[u] for u in units]))
        solution, limits = solve_instance(part, memory=memory)
        if len(solution.infeasible):
            raise InfeasibleError(conflict.hour_words(part, solution.infeasible))
        if not solution.ok:
            raise InfeasibleError(short_words(part, limits, solution.limit_least))
        if self.tied:
            sums = totals(part, solution.flows)
            paid = sums.variable_usd - sums.carbon_price_usd
            whole_sums = (sums.carbon_kg, paid, sums.unserved_requests)
            kg, usd, lost = (np.array([value]) for value in whole_sums)
            return kg, usd, lost
        measures = (carbon(part).times(KG_PER_T, "kg"), cost(part, 0.0), unserved(part))
        kg, usd, lost = (measure.by_hour(part, solution.flows) for measure in measures)
        return kg, usd, lost


def abatement(
    scenario: Scenario,
    prices_usd_per_t: Sequence[float],
    progress: Callable[[float], None] | None = None,
) -> Table:
    """The cheapest placements at some carbon prices and the one of least carbon, dirtiest first.

    `abatement_usd_per_t` of a row is the carbon price from which on it is the cheapest: 0 for the
    first. Rows that no price makes the cheapest are left out. Raises InfeasibleError where demand
    cannot be served.
    """
    prober = _PriceProber(scenario)
    prices = [*sorted({0.0, *prices_usd_per_t}), LEAST_CARBON]
    probed = []
    for n, price in enumerate(prices):
        probed.append(prober(price))
        if progress:
            progress((n + 1) / len(prices) / 2)
    rows = _hull(probed)
    from_price = [0.0]
    for n in range(1, len(rows)):
        from_price.append(_price_from(rows[n], rows[n - 1], prober))
        if progress:
            progress((1 + (n + 1) / len(rows)) / 2)
    if not _is_cheapest(rows[-1], from_price[-1], prober):
        rows, from_price = rows[:-1], from_price[:-1]
    demand = prober.whole.demand @ prober.whole.hours
    reserved_usd = float(scenario.reserved_usd.sum())
    return {
        "carbon_kg": [row.total[0] for row in rows],
        "cost_usd": [row.total[1] + reserved_usd for row in rows],
        "unserved_share": [float(row.unserved.sum()) / max(demand.sum(), 1e-300) for row in rows],
        "abatement_usd_per_t": from_price,
    }


def _price_from(row: _Row, dirtier: _Row, prober: _PriceProber) -> float:
    """The carbon price from which on a row is the cheapest, USD/t; another is of a lower one."""

    def solve(usd_per_kg: float, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return prober.of_units(usd_per_kg * KG_PER_T, units, row)

    return slope_after((row.kg, row.usd), (dirtier.kg, dirtier.usd), solve) * KG_PER_T


def _is_cheapest(row: _Row, price: float, prober: _PriceProber) -> bool:
    """Whether a row is the cheapest at a price.

    The one of least carbon need not be where demand may go unserved: it sheds last, and a high
    carbon price sheds what is cheaper not to serve.
    """
    if np.isnan(prober.whole.unserved_usd).all():
        return True
    rival_kg, rival_usd = prober(price).total
    kg, usd = row.total
    size = abs(usd) + price * abs(kg) / KG_PER_T
    return usd + price * kg / KG_PER_T <= rival_usd + price * rival_kg / KG_PER_T + EXACT * size


def _hull(rows: list[_Row]) -> list[_Row]:
    """The rows on the lower convex hull of (carbon, cost), dirtiest first: cost rises along it."""
    kept: list[_Row] = []
    for row in sorted(rows, key=lambda row: (-row.total[0], row.total[1])):
        kg, usd = row.total
        while kept and usd <= kept[-1].total[1] + EXACT * abs(usd):
            kept.pop()  # less carbon for no more money
        if kept and kg >= kept[-1].total[0] * (1 - EXACT):
            continue
        while len(kept) > 1 and _slope(kept[-2], kept[-1]) >= _slope(kept[-2], row):
            kept.pop()
        kept.append(row)
    return kept


def _slope(dirtier: _Row, cleaner: _Row) -> float:
    """USD per kg that is saved."""
    (kg_0, usd_0), (kg_1, usd_1) = dirtier.total, cleaner.total
    return (usd_1 - usd_0) / max(kg_0 - kg_1, 1e-300)
