"""A fleet under a cap on carbon or on cost, and the fleet of least carbon.

A cap over all hours is one more row of one linear program. At a price γ of carbon it is a fleet as
any other, the oracle's own, and by weak duality

    least cost within C tonnes  ≥  (least of cost + γ·carbon) − γ·C          for every γ ≥ 0

Fleets at two prices, one above the cap and one below, are mixed so that the cap is met: the mean of
the accelerators and of what runs where is as possible as either is. The chord between the two is
the next price. Cost and bound meet where no fleet lies below the chord.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.fleet import FleetCost, FleetPrices
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import LimitReport
from wattlas.model.scenario import Scenario
from wattlas.placement.fleet.cost import at_own_price, fleet_cost
from wattlas.placement.fleet.needs import Needs
from wattlas.placement.fleet.search import Least
from wattlas.placement.fleet.size import Sizing
from wattlas.placement.fleet.terms import terms_of
from wattlas.placement.problem.limit import within
from wattlas.units import KG_PER_T

FIRST_USD_PER_T, HIGHER, HIGHEST_USD_PER_T = 50.0, 8.0, 1e7
"""The first price that is tried, by what it grows while a cap is not met, and the price at which
carbon is all that counts."""
MOST_PRICES = 60
"""Prices until the search gives up, with the gap that it has. About ten are usual."""


@dataclass(frozen=True)
class PricedFleet:
    """The fleet at a price of carbon beside the scenario's own: `cost` at the scenario's."""

    usd_per_t: float
    sizing: Sizing
    found: Least
    cost: FleetCost

    @property
    def carbon_t(self) -> float:
        """What it emits."""
        return self.cost.carbon_kg / KG_PER_T


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


def has_cap(objective: Objective) -> bool:
    """Whether a fleet is found by prices of carbon."""
    given = objective.carbon_cap_t is not None or objective.cost_cap_usd is not None
    return given or objective.minimise is Minimise.CARBON


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
        own = self.scenario.objective.carbon_price_usd_per_t
        plain = Objective(carbon_price_usd_per_t=own + usd_per_t)
        terms = terms_of(replace(self.scenario, objective=plain))
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
    objective = scenario.objective
    front = CarbonFront(scenario, survive, exact, tick)
    least_carbon = objective.minimise is Minimise.CARBON
    cap = objective.cost_cap_usd if least_carbon else objective.carbon_cap_t
    cheap = front.at(0.0)
    if least_carbon:
        if cap is not None and not within(cheap.cost.cost_usd, cap):
            raise InfeasibleError(_short("cost", cap, cheap.cost.cost_usd, "USD"))
        clean = front.at(HIGHEST_USD_PER_T)
        if cap is None or within(clean.cost.cost_usd, cap):
            return _mixed(scenario, front, clean, clean, clean, 1.0, cap)
        return _on_chord(scenario, front, cheap, clean, cap, lambda p: p.cost.cost_usd)
    assert cap is not None
    if within(cheap.carbon_t, cap):
        return _mixed(scenario, front, cheap, cheap, cheap, 1.0, cap)
    price, clean = FIRST_USD_PER_T, front.at(FIRST_USD_PER_T)
    while not within(clean.carbon_t, cap) and price < HIGHEST_USD_PER_T:
        price, cheap = min(price * HIGHER, HIGHEST_USD_PER_T), clean
        clean = front.at(price)
    if not within(clean.carbon_t, cap):
        raise InfeasibleError(_short("carbon", cap, clean.carbon_t, "t"))
    return _on_chord(scenario, front, cheap, clean, cap, lambda p: p.carbon_t)


def _on_chord(
    scenario: Scenario, front: CarbonFront, cheap: PricedFleet, clean: PricedFleet, cap: float,
    measured: Callable[[PricedFleet], float],
) -> FrontFleet:  # fmt: skip
    """The mix of a cheap fleet and a clean one that meets a cap, until none lies below."""
    best: FrontFleet | None = None
    for _ in range(MOST_PRICES):
        fall = cheap.carbon_t - clean.carbon_t
        price = (clean.cost.cost_usd - cheap.cost.cost_usd) / fall if fall > 0 else 0.0
        between = front.at(float(np.clip(price, cheap.usd_per_t, clean.usd_per_t)))
        ends = measured(cheap), measured(clean)
        share = (cap - ends[0]) / (ends[1] - ends[0]) if ends[0] != ends[1] else 1.0
        mixed = _mixed(scenario, front, cheap, clean, between, share, cap)
        best = mixed if best is None or mixed.gap < best.gap else best
        if best.gap <= front.exact:
            break
        # What is at most the cap takes the place of the end on its own side.
        if (measured(between) - cap) * (ends[0] - cap) > 0:
            cheap = between
        else:
            clean = between
    assert best is not None
    return best


def _mixed(
    scenario: Scenario, front: CarbonFront, cheap: PricedFleet, clean: PricedFleet,
    at: PricedFleet, share: float, cap: float | None,
) -> FrontFleet:  # fmt: skip
    """1 − share of a cheap fleet and share of a clean one, with the bound at a price of carbon."""

    def mean(name: str) -> np.ndarray:
        a, b = (np.asarray(getattr(priced.cost, name)) for priced in (cheap, clean))
        return np.asarray((1.0 - share) * a + share * b)

    money = ("rent_usd", "variable_usd", "carbon_kg", "it_mwh", "unserved_share")
    cost = FleetCost(
        gpu=mean("gpu"),
        used_gpu_h=mean("used_gpu_h"),
        on_demand_gpu_h=mean("on_demand_gpu_h"),
        **{name: float(mean(name)) for name in money},
    )
    usable = (1.0 - share) * cheap.found.y + share * clean.found.y
    bound = at.found.bound - at.usd_per_t * cost.carbon_kg / KG_PER_T
    limit = None if cap is None else _report(scenario, cost, cap, at.usd_per_t)
    prices = at.sizing.prices(at.found, at.usd_per_t)
    return FrontFleet(at.sizing, usable, cost, bound, at.found.reduced, prices, front.rounds, limit)


def _report(scenario: Scenario, cost: FleetCost, cap: float, usd_per_t: float) -> LimitReport:
    """The cap, what is used of it, and what one more unit would save."""
    utc = scenario.hours.utc
    carbon = scenario.objective.minimise is Minimise.COST
    used = cost.carbon_kg / KG_PER_T if carbon else cost.cost_usd
    binds = usd_per_t > 0 and within(cap, used)
    price = usd_per_t if carbon else 1.0 / max(usd_per_t, 1e-300)
    return LimitReport(
        id="carbon" if carbon else "cost",
        start_utc=utc[0],
        end_utc=utc[-1],
        unit="t" if carbon else "USD",
        limit=cap,
        used=used,
        price=price if binds else 0.0,
    )


def _short(what: str, cap: float, least: float, unit: str) -> str:
    return (
        f"The {what} of the fleet is capped at {cap:,.6g} {unit}, but the least attainable is "
        f"{least:,.6g} {unit}, accelerators that are held included. Raise the cap, relax latency "
        "budgets or residency, or raise reserved_gpu_max or capacity_max where it is lower."
    )
