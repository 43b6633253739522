"""A carbon budget kept online, by a price of carbon that the settled carbon moves.

At every step demand goes where it costs least at the price λ of a tonne. When the step's carbon g
is settled, it is compared with the budget's pace ρ of that step, and

    λ ← max(0, λ + η · s · (g − ρ) / ρ̄)        η = rate / √T

with ρ̄ the mean pace and s the scale of the price: what the tonnes between the cheapest and the
cleanest placement of the scenario cost on average. This is the projected subgradient step on the
dual of least cost under Σ g ≤ B, the form that online primal-dual methods share; that a rolling
budget can be kept so for requests of inference is after GAR-PD (arXiv 2605.11603).

A price follows what has happened, so that alone it may overshoot. **[ours]** The pace is therefore
ρ_t = B · m_t / Σ m, with m_t the least that step t can emit: where the budget can be kept at all,
m_t ≤ ρ_t in every step. A step is held to what the pace allows up to its end, plus `slack` of B,
by mixing the priced placement with the cleanest one. Then, at every step of a run in which what was
expected came,

    settled carbon ≤ Σ ρ + slack · B

and where something else came it is exceeded by no more than that did. The mix costs less than the
cleanest placement, and so does the priced one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.scenario import Scenario
from wattlas.placement.compare.baselines import baseline_policy
from wattlas.placement.explain.conflict import stranded_words
from wattlas.placement.problem.flows import SourceFlows, join, merge_equal
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.unit_values import carbon, carbon_to_minimise, cost
from wattlas.placement.window.blocks import over_blocks, weeks
from wattlas.placement.window.limits import in_full
from wattlas.policy.protocol import Forecast, Observed, Policy, State
from wattlas.policy.registry import Entry, Option, Options
from wattlas.policy.routing import Routing
from wattlas.policy.rules.hourly import Hourly, Seen, step_of
from wattlas.policy.rules.optimum import hour_optimum
from wattlas.policy.rules.shares import Shares
from wattlas.units import G_PER_KG, KG_PER_T

KEPT = 1e-9
"""A budget that is below the least by this, relative, is met: rounding of a solver."""


@dataclass
class CarbonBudget:
    """Least cost at a price of carbon that keeps `budget_kg` over the scenario.

    `pace_kg` (T,) is what each step may emit, in all the budget; `step_usd_per_t` is how much the
    price rises when a step emits its pace and the mean pace more; `slack` is a share of the budget.
    State: `price_usd_per_t`, `settled_kg`, and of the last routing its `step` and the carbon of a
    request of each metro and class, `kg_per_request`.
    """

    name: str
    scenario: Scenario = field(repr=False)
    instance: Instance = field(repr=False)
    budget_kg: float
    pace_kg: np.ndarray = field(repr=False)
    step_usd_per_t: float
    slack: float

    def route(self, observed: Observed, forecast: Forecast, state: State) -> tuple[Routing, State]:
        """The hour's placement at the present price, within what the pace allows."""
        step = step_of(self.scenario, observed.utc, self.name)
        settled_kg, price = self._settle(observed, state)
        seen = Seen.of(observed, forecast)
        allowed_kg = self._up_to_kg[step] + self.slack * self.budget_kg - settled_kg
        priced = self._priced(price, observed, forecast)
        flows = priced
        if self._kg(priced, seen, step) > allowed_kg:
            clean = _now(self._clean.flows(observed, forecast)[1])
            flows = self._mixed(priced, clean, allowed_kg, seen, step)
        routing = self._shares.routing(flows, observed.utc)
        remembered = {
            "price_usd_per_t": price,
            "settled_kg": settled_kg,
            "step": step,
            "kg_per_request": self._kg_per_request(routing, seen).tolist(),
        }
        return routing, remembered

    def _settle(self, observed: Observed, state: State) -> tuple[float, float]:
        """(settled carbon, price) after the step that the last routing was for."""
        if not state:
            return 0.0, 0.0
        last = int(state["step"])
        rate_kg = float((observed.demand_per_h * np.array(state["kg_per_request"])).sum())
        came_kg = rate_kg * float(self.scenario.hours.hours[last])
        mean_kg = self.budget_kg / len(self.pace_kg)
        excess = (came_kg - self.pace_kg[last]) / mean_kg if mean_kg > 0 else 0.0
        price = max(0.0, float(state["price_usd_per_t"]) + self.step_usd_per_t * float(excess))
        return float(state["settled_kg"]) + came_kg, price

    def _priced(self, price: float, observed: Observed, forecast: Forecast) -> SourceFlows:
        """Least cost at a price of carbon; at none beyond the stated one the week is at hand."""
        if price == 0.0:
            return _now(self._cheap.flows(observed, forecast)[1])
        step = step_of(self.scenario, observed.utc, self.name)
        part = self._cheap.hour(step, Seen.of(observed, forecast))
        stated = self.scenario.objective.carbon_price_usd_per_t
        return hour_optimum(lambda one: cost(one, stated + price))(part).flows

    def _mixed(
        self, priced: SourceFlows, clean: SourceFlows, allowed_kg: float, seen: Seen, step: int
    ) -> SourceFlows:
        """As much of the priced placement as the pace allows, the rest as the cleanest has it."""
        priced_kg, clean_kg = (self._kg(flows, seen, step) for flows in (priced, clean))
        if priced_kg <= clean_kg or allowed_kg <= clean_kg:
            return clean
        part = (priced_kg - allowed_kg) / (priced_kg - clean_kg)
        return merge_equal(
            join(
                [clean.with_value(clean.value * part), priced.with_value(priced.value * (1 - part))]
            )
        )

    def _kg(self, flows: SourceFlows, seen: Seen, step: int) -> float:
        """What the flows of a step emit, kg."""
        on = flows.where(flows.served)
        kwh = self.instance.energy_kwh[on.source, on.point] * self.scenario.pue[on.region]
        grams = float((on.value * kwh) @ seen.carbon_g_per_kwh[on.region])
        return grams / G_PER_KG * float(self.scenario.hours.hours[step])

    def _kg_per_request(self, routing: Routing, seen: Seen) -> np.ndarray:
        """Carbon of a request of each metro and class by the shares of full service, kg, (I, K)."""
        s = self.scenario
        on = (routing.region < len(s.regions)) & ~routing.degraded
        metro, klass, region, point, share = (
            getattr(routing, name)[on] for name in ("metro", "klass", "region", "point", "share")
        )  # fmt: skip
        kwh = s.it_kwh[klass, point] * s.pue[region]
        kg = share * kwh * seen.carbon_g_per_kwh[region] / G_PER_KG
        i, k = s.shape[:2]
        return np.bincount(metro * k + klass, kg, i * k).reshape(i, k)

    @cached_property
    def _up_to_kg(self) -> np.ndarray:
        return np.cumsum(self.pace_kg)

    @cached_property
    def _cheap(self) -> Hourly:
        return Hourly(self.name, self.scenario, self.instance, hour_optimum(cost))

    @cached_property
    def _clean(self) -> Hourly:
        return Hourly(self.name, self.scenario, self.instance, _cleanest)

    @cached_property
    def _shares(self) -> Shares:
        return Shares(self.scenario, self.instance)


_cleanest = hour_optimum(carbon_to_minimise, cost)


def _now(flows: SourceFlows) -> SourceFlows:
    """Flows of one hour of a stretch as those of the only one."""
    return flows._replace(hour=np.zeros_like(flows.hour))


def _make(scenario: Scenario, name: str, options: Options) -> Policy:
    """A budget as stated, or as a share of what the baseline policy emits."""
    if not scenario.signals.priced:
        raise InfeasibleError(f"policy {name} needs prices, and the scenario states none")
    instance = in_full(build_instance(scenario))
    if instance.stranded:
        raise InfeasibleError(stranded_words(instance))
    budget_kg = options["budget_kg"]
    if budget_kg is None:
        budget_kg = float(options["share"]) * baseline_policy(instance).totals.carbon_kg
    least_kg, scale = _extremes(instance)
    least = float(least_kg.sum())
    if budget_kg < least * (1 - KEPT):
        raise InfeasibleError(
            f"policy {name}: a budget of {budget_kg:.6g} kg cannot be kept; the least that the "
            f"scenario's demand emits is {least:.6g} kg"
        )
    even = np.full(len(least_kg), budget_kg / len(least_kg))
    pace = budget_kg * least_kg / least if least > 0 else even
    step = scale * float(options["rate"]) / np.sqrt(len(pace))
    return CarbonBudget(name, scenario, instance, budget_kg, pace, step, float(options["slack"]))


def _extremes(instance: Instance) -> tuple[np.ndarray, float]:
    """(least carbon of each step, kg; USD that a tonne between the cheapest and the cleanest
    placement costs on average, 0 where they emit the same).
    """
    cheapest = hour_optimum(cost, carbon_to_minimise)

    def sums(part: Instance, _steps: np.ndarray) -> np.ndarray:
        money, mass = cost(part), carbon(part)
        clean, cheap = _cleanest(part).flows, cheapest(part).flows
        return np.array([m.by_hour(part, f) for f in (clean, cheap) for m in (mass, money)])

    parts = list(over_blocks(instance, weeks(instance.scenario.hours), sums))
    clean_t, clean_usd, cheap_t, cheap_usd = np.concatenate(parts, axis=1)
    spared_t = float(cheap_t.sum() - clean_t.sum())
    enough = spared_t > KEPT * abs(float(cheap_t.sum()))
    scale = max(float(clean_usd.sum() - cheap_usd.sum()), 0.0) / spared_t if enough else 0.0
    return clean_t * KG_PER_T, scale


ENTRIES = (
    Entry(
        "gar", "A carbon budget kept online, by a price of carbon that what is settled moves.",
        _make,
        (
            Option("budget_kg", "the budget over the scenario, kg CO2e", None),
            Option("share", "of what nearest emits, where no budget is stated", 0.9),
            Option("rate", "how fast the price follows, over the root of the steps", 2.0),
            Option("slack", "share of the budget that may be spent ahead of its pace", 0.01),
        ),
    ),
)  # fmt: skip
