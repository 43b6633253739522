"""A fleet of hours that fall apart under a cap on carbon or on cost, and that of least carbon: the
oracle's own fleets at prices of carbon (`carbon_price`), each hot from the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from wattlas.model.fleet import FleetCost, FleetPrices
from wattlas.model.plan import LimitReport
from wattlas.model.scenario import Scenario
from wattlas.placement.fleet.carbon_price import at_price, report, under_cap
from wattlas.placement.fleet.cost import at_own_price, fleet_cost
from wattlas.placement.fleet.needs import Needs
from wattlas.placement.fleet.search import Least
from wattlas.placement.fleet.size import Sizing
from wattlas.placement.fleet.terms import terms_of


@dataclass(frozen=True)
class PricedFleet:
    """The fleet at a price of carbon beside the scenario's own: `cost` at the scenario's."""

    usd_per_t: float
    sizing: Sizing
    found: Least
    cost: FleetCost

    @property
    def bound(self) -> float:
        """Below what no fleet costs at both prices, USD."""
        return self.found.bound


@dataclass(frozen=True)
class FrontFleet:
    """A fleet: `usable` accelerators (R,), its `cost`, the hours in `sizing` at the price of carbon
    that is in `prices`, what the bound proves of one more accelerator, `reduced` (R,), and the
    `bound` below which no fleet costs that emits no more.
    """

    sizing: Sizing
    usable: np.ndarray
    cost: FleetCost
    bound: float
    reduced: np.ndarray
    prices: FleetPrices
    rounds: int
    limit: LimitReport | None = None

    def at_own_price(self, usable: np.ndarray) -> FleetCost:
        """What a fleet (R,) costs at the scenario's own price of carbon, its hours at that here."""
        terms = self.sizing.terms
        priced = fleet_cost(terms, self.sizing.hours, usable)
        return at_own_price(terms, priced, usable, self.prices.usd_per_t)

    @property
    def gap(self) -> float:
        """(cost − bound) / |cost|."""
        return (self.cost.cost_usd - self.bound) / max(abs(self.cost.cost_usd), 1e-300)


class CarbonFront:
    """Fleets by price of carbon, each hot from the one before."""

    def __init__(
        self, scenario: Scenario, survive: Sequence[Needs], exact: float,
        tick: Callable[[Least], None],
    ) -> None:  # fmt: skip
        self.scenario, self.survive, self.exact, self.tick = scenario, survive, exact, tick
        self.sizing: Sizing | None = None
        self.start: np.ndarray | None = None
        self.rounds = 0

    def at(self, usd_per_t: float) -> PricedFleet:
        """The fleet at a price of carbon beyond the scenario's own, USD/t."""
        terms = terms_of(at_price(self.scenario, usd_per_t))
        sizing = Sizing.of(terms, None if self.sizing is None else self.sizing.group)
        if self.sizing is not None:
            sizing.needs = self.sizing.needs  # Carbon prices do not change what the hours need.
        # Two bounds are compared: each has half of the gap.
        exact = self.exact / 4.0
        if self.start is None:
            self.start = sizing.nominal(exact, self.tick).y
        start = np.clip(self.start, terms.lower, terms.upper)
        best = sizing.exactly([start], self.survive, exact, self.tick)
        self.sizing, self.start = sizing, best.y
        self.rounds += best.rounds
        priced = fleet_cost(terms, sizing.hours, best.y)
        cost = at_own_price(terms, priced, best.y, usd_per_t)
        return PricedFleet(usd_per_t, sizing, best, cost)


def capped(
    scenario: Scenario, survive: Sequence[Needs], exact: float, tick: Callable[[Least], None]
) -> FrontFleet:
    """The fleet of least cost or carbon under the objective's cap, if it has one.

    Raises InfeasibleError with the least attainable where the cap cannot be met.
    """
    front = CarbonFront(scenario, survive, exact, tick)
    mix = under_cap(scenario.objective, front.at, lambda _: exact)
    at, usable = mix.at, mix.mean(mix.cheap.found.y, mix.clean.found.y)
    prices = at.sizing.prices(at.found, at.usd_per_t)
    limit = report(scenario, mix, mix.cost)
    return FrontFleet(
        at.sizing, usable, mix.cost, mix.bound, at.found.reduced, prices, front.rounds, limit
    )
