"""The price of carbon at which a fleet meets a cap on carbon or on cost.

A cap over all hours is one more row of one linear program. At a price γ of carbon a fleet is as any
other, and by weak duality

    least cost within C tonnes  ≥  (least of cost + γ·carbon) − γ·C          for every γ ≥ 0

Fleets at two prices, one above the cap and one below, are mixed so that the cap is met: the mean of
the accelerators and of what runs where and when is as possible as either is. The chord between the
two is the next price. Cost and bound meet where no fleet lies below the chord.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.fleet import FleetCost
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import LimitReport
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.limit import within
from wattlas.units import KG_PER_T

FIRST_USD_PER_T, HIGHER, HIGHEST_USD_PER_T = 50.0, 8.0, 1e7
"""The first price that is tried, by what it grows while a cap is not met, and the price at which
carbon is all that counts."""
MOST_PRICES = 60
"""Prices until the search gives up, with the gap that it has. About ten are usual."""
SAME_PRICE = 1e-9
"""Prices that differ by less, relative, are the same: asking again tells nothing."""


class AtCarbonPrice(Protocol):
    """The fleet of least cost at `usd_per_t` of carbon beyond the scenario's own price."""

    @property
    def usd_per_t(self) -> float:
        """The price beyond the scenario's own."""
        ...

    @property
    def cost(self) -> FleetCost:
        """What it costs at the scenario's own price."""
        ...

    @property
    def bound(self) -> float:
        """Below what no fleet costs at both prices, USD."""
        ...


P = TypeVar("P", bound=AtCarbonPrice)


@dataclass(frozen=True)
class Mix(Generic[P]):
    """1 − `share` of a cheap fleet and `share` of a clean one; `at` is the fleet whose price gives
    the bound, and `cap` what they should meet, if anything."""

    cheap: P
    clean: P
    at: P
    share: float
    cap: float | None = None

    @staticmethod
    def alone(fleet: P, cap: float | None = None) -> Mix[P]:
        """One fleet, unmixed."""
        return Mix(fleet, fleet, fleet, 1.0, cap)

    def mean(self, cheap: np.ndarray, clean: np.ndarray) -> np.ndarray:
        """Figures of both, mixed."""
        return np.asarray((1.0 - self.share) * cheap + self.share * clean)

    @property
    def cost(self) -> FleetCost:
        """What it costs, at most: what runs where is the mean of both."""

        def mean(name: str) -> np.ndarray:
            a, b = (np.asarray(getattr(end.cost, name)) for end in (self.cheap, self.clean))
            return self.mean(a, b)

        money = ("rent_usd", "variable_usd", "carbon_kg", "it_mwh", "unserved_share")
        return FleetCost(
            gpu=mean("gpu"),
            used_gpu_h=mean("used_gpu_h"),
            on_demand_gpu_h=mean("on_demand_gpu_h"),
            **{name: float(mean(name)) for name in money},
        )

    @property
    def bound(self) -> float:
        """Below what no fleet costs that emits no more."""
        return self.at.bound - self.at.usd_per_t * self.cost.carbon_kg / KG_PER_T

    @property
    def gap(self) -> float:
        """(cost − bound) / |cost|."""
        usd = self.cost.cost_usd
        return (usd - self.bound) / max(abs(usd), 1e-300)


def has_cap(objective: Objective) -> bool:
    """Whether a fleet is found by prices of carbon."""
    given = objective.carbon_cap_t is not None or objective.cost_cap_usd is not None
    return given or objective.minimise is Minimise.CARBON


def at_price(scenario: Scenario, usd_per_t: float) -> Scenario:
    """The scenario of least cost at a price of carbon beyond its own, without a cap."""
    own = scenario.objective.carbon_price_usd_per_t
    return replace(scenario, objective=Objective(carbon_price_usd_per_t=own + usd_per_t))


def under_cap(
    objective: Objective, at: Callable[[float], P], allowed: Callable[[FleetCost], float]
) -> Mix[P]:
    """The fleet of least cost or carbon under the objective's cap, if it has one; `at` finds that
    at a price of carbon, `allowed` is the relative gap at which a cost is good enough.

    Raises InfeasibleError with the least attainable where the cap cannot be met.
    """
    least_carbon = objective.minimise is Minimise.CARBON
    cap = objective.cost_cap_usd if least_carbon else objective.carbon_cap_t
    cheap = at(0.0)
    if least_carbon:
        if cap is not None and not within(cheap.cost.cost_usd, cap):
            raise InfeasibleError(_short("cost", cap, cheap.cost.cost_usd, "USD"))
        clean = at(HIGHEST_USD_PER_T)
        if cap is None or within(clean.cost.cost_usd, cap):
            return Mix.alone(clean, cap)
        return _on_chord(at, cheap, clean, cap, lambda p: p.cost.cost_usd, allowed)
    assert cap is not None
    if within(_carbon_t(cheap), cap):
        return Mix.alone(cheap, cap)
    price, clean = FIRST_USD_PER_T, at(FIRST_USD_PER_T)
    while not within(_carbon_t(clean), cap) and price < HIGHEST_USD_PER_T:
        price, cheap = min(price * HIGHER, HIGHEST_USD_PER_T), clean
        clean = at(price)
    if not within(_carbon_t(clean), cap):
        raise InfeasibleError(_short("carbon", cap, _carbon_t(clean), "t"))
    return _on_chord(at, cheap, clean, cap, _carbon_t, allowed)


def _on_chord(
    at: Callable[[float], P], cheap: P, clean: P, cap: float, measured: Callable[[P], float],
    allowed: Callable[[FleetCost], float],
) -> Mix[P]:  # fmt: skip
    """The mix of a cheap fleet and a clean one that meets a cap, until none lies below."""
    best: Mix[P] | None = None
    tried: list[float] = []
    for _ in range(MOST_PRICES):
        fall = _carbon_t(cheap) - _carbon_t(clean)
        price = (clean.cost.cost_usd - cheap.cost.cost_usd) / fall if fall > 0 else 0.0
        price = float(np.clip(price, cheap.usd_per_t, clean.usd_per_t))
        if any(abs(price - known) <= SAME_PRICE * price for known in tried):
            break
        tried.append(price)
        between = at(price)
        ends = measured(cheap), measured(clean)
        share = (cap - ends[0]) / (ends[1] - ends[0]) if ends[0] != ends[1] else 1.0
        mixed = Mix(cheap, clean, between, share, cap)
        best = mixed if best is None or mixed.gap < best.gap else best
        if best.gap <= allowed(best.cost):
            break
        # What is at most the cap takes the place of the end on its own side.
        if (measured(between) - cap) * (ends[0] - cap) > 0:
            cheap = between
        else:
            clean = between
    assert best is not None
    return best


def report(scenario: Scenario, mix: Mix[P], cost: FleetCost) -> LimitReport | None:
    """The cap, what a fleet of a mix uses of it, and what one more unit would save."""
    if mix.cap is None:
        return None
    utc, usd_per_t = scenario.hours.utc, mix.at.usd_per_t
    carbon = scenario.objective.minimise is Minimise.COST
    used = cost.carbon_kg / KG_PER_T if carbon else cost.cost_usd
    binds = usd_per_t > 0 and within(mix.cap, used)
    price = usd_per_t if carbon else 1.0 / max(usd_per_t, 1e-300)
    return LimitReport(
        id="carbon" if carbon else "cost",
        start_utc=utc[0],
        end_utc=utc[-1],
        unit="t" if carbon else "USD",
        limit=mix.cap,
        used=used,
        price=price if binds else 0.0,
    )


def _carbon_t(priced: AtCarbonPrice) -> float:
    return priced.cost.carbon_kg / KG_PER_T


def _short(what: str, cap: float, least: float, unit: str) -> str:
    return (
        f"The {what} of the fleet is capped at {cap:,.6g} {unit}, but the least attainable is "
        f"{least:,.6g} {unit}, accelerators that are held included. Raise the cap, relax latency "
        "budgets or residency, or raise reserved_gpu_max or capacity_max where it is lower."
    )
