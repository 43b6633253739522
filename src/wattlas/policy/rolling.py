"""Wattlas on a rolling horizon: every step the next hours are planned from the forecast, and the
first of them is followed.

    min  Σ_{t ≤ h < t+H} (ĉ_h·x_h + links)      given what runs before t and what caps have left

ĉ and the demand are the forecast's. What runs is what the last routing made of the requests that
came. Where nothing couples the hours the window is the step itself. A replay serves requests when
they come, so that nobody waits in the plan either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from wattlas.errors import InfeasibleError, Problem
from wattlas.model.checks import part_of, refuse
from wattlas.model.objective import Window
from wattlas.model.plan import Flows, Plan, Status
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Signals
from wattlas.placement.api import objective_measures, plan, solve_instance
from wattlas.placement.constraints.objective_cap import given_cap
from wattlas.placement.constraints.registry import coupling, links
from wattlas.placement.constraints.waiting import without_waiting
from wattlas.placement.explain.conflict import stranded_words
from wattlas.placement.hour.elastic import priced, priced_instance
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance, build_instance, summed_by
from wattlas.placement.problem.limit import windows
from wattlas.placement.solution.expanded import expand
from wattlas.placement.window.carried import Carried
from wattlas.policy.planned import Planned, optimum
from wattlas.policy.protocol import Forecast, Observed, Policy, State
from wattlas.policy.routing import UNSERVED_REGION, Routing

LOOK_AHEAD_H = 24
MOST_STEPS = 24
"""Steps of a window of which the oracle keeps a cap at the end of each: 24 of them take 0.3 s in
the tiny example, and each further one is one more limit over all before it."""
SHED = 10.0
"""Times the dearest place: what leaving a request out costs in a window whose expected demand has
no place. Its request goes where the others of its kind go."""
_FLOWS = ("metro", "klass", "region", "point", "requests_per_h")
_ROUTED = ("metro", "klass", "degraded", "region", "point", "share", "saving_usd", "threshold_usd")


@dataclass
class Rolling:
    """Plans `look_ahead` steps from the forecast and follows the first `every` of them.

    `state` holds what was routed last (`ran`), and the routings of the steps until the next plan
    (`next`), as lists of numbers.
    """

    scenario: Scenario
    look_ahead: int
    every: int = 1
    name: str = "rolling"
    instance: Instance = field(init=False, repr=False)
    memory: dict[str, Any] = field(default_factory=dict, repr=False)
    """The basis of the last plan, which makes the next one quicker, and no better."""
    places: dict[bytes, np.ndarray] = field(default_factory=dict, repr=False)
    """The nearest places of each metro and class, by which have accelerators."""

    def __post_init__(self) -> None:
        refuse(self._problems())
        self.scenario = without_waiting(self.scenario)
        self.instance = build_instance(self.scenario)
        if self.instance.stranded:
            raise InfeasibleError(stranded_words(self.instance))

    def _problems(self) -> Iterator[Problem]:
        at = f"policy.{self.name}"
        if not 1 <= self.every <= self.look_ahead:
            what = f"looks {self.look_ahead} steps ahead and plans every {self.every}"
            yield Problem(at, what, "Look at least as far ahead as a plan is followed.")
        if given_cap(self.scenario.objective) is not None or self.scenario.carbon_caps:
            what = "cannot keep a cap on carbon or cost over hours that it does not see"
            yield Problem(at, what, "Give a carbon price instead, or take the policy `plan`.")

    @cached_property
    def coupled(self) -> bool:
        """Whether anything couples steps, so that later ones matter to the first."""
        return coupling(self.scenario) is not None

    def route(self, observed: Observed, forecast: Forecast, state: State) -> tuple[Routing, State]:
        """The first step of a new plan, or the next one of the last plan. InputError for a time
        that is none of the scenario's, and for a forecast that lacks it.
        """
        waiting = list(state.get("next", ()))
        if waiting and waiting[0]["utc"] == str(observed.utc):
            first, *rest = waiting
            return self._told(first, observed), {"ran": first["ran"], "next": rest}
        placed, instance = self.placed(observed, forecast, state)
        flows = placed.flows
        assert flows is not None
        planned = Planned(self.name, placed, instance, places=self.places)
        steps, hold_s = placed.scenario.hours, placed.scenario.hours.step_h * 3600.0
        routing = planned.routing(0, observed.utc, hold_s)
        later = []
        for n in range(1, min(self.every, steps.count)):
            ahead = _numbers(planned.routing(n, steps.utc[n], hold_s), _ROUTED)
            later.append({"utc": str(steps.utc[n]), **ahead, "ran": _ran(flows, n)})
        return routing, {"ran": _ran(flows, 0), "next": later}

    def placed(self, observed: Observed, forecast: Forecast, state: State) -> tuple[Plan, Instance]:
        """The plan of the next steps, and its instance; what is expected beyond all capacity is
        left out of the flows.
        """
        instance = self._window(observed, forecast)
        carried = Carried(self._runs(instance, observed, state), self._spare(observed))
        solution, _ = solve_instance(instance, carried=carried, memory=self.memory)
        flows = solution.flows
        if not solution.ok or solution.status is Status.INFEASIBLE:
            solution, flows = self._shed(instance, carried)
        if not self.coupled:
            flows = flows.where(flows.hour < self.every)
        placed = Plan(solution.status, instance.scenario, solution.info, expand(instance, flows)[0])
        return placed, instance

    def _window(self, observed: Observed, forecast: Forecast) -> Instance:
        """The program of the steps from now on, with what is expected of them."""
        s = self.scenario
        at = int(np.searchsorted(s.hours.utc, observed.utc))
        if at == s.hours.count or s.hours.utc[at] != observed.utc:
            what = f"is asked for {observed.utc}Z, which is no step of the scenario"
            refuse([Problem(f"policy.{self.name}", what, "Replay hours of the scenario.")])
        ahead = min(self.look_ahead if self.coupled else self.every, s.hours.count - at)
        count = min(ahead, len(forecast.utc))
        steps = np.arange(at, at + count)
        if not count or (forecast.utc[:count] != s.hours.utc[steps]).any():
            what = f"is asked for {observed.utc}Z, and the forecast begins elsewhere"
            refuse([Problem(f"policy.{self.name}", what, "Forecast the steps from now on.")])
        part = part_of(
            s.at_hours(steps),
            signals=self._signals(forecast, count),
            demand_per_h=forecast.demand_per_h[:, :, :count],
        )
        whole = self.instance
        _, metro, klass = whole.members
        source = whole.source_of[metro, klass]
        demand = summed_by(part.demand_per_h[metro, klass], source, whole.sources)
        return whole.at(steps, part, demand)

    def _signals(self, forecast: Forecast, count: int) -> Signals:
        """What is expected at regions as signals of their zones; the kinds of the scenario's."""
        signals = self.scenario.signals
        shape = (len(signals.zones), count)
        price, carbon = np.zeros(shape), np.zeros(shape)
        price[self.scenario.region_zone] = forecast.price_usd_per_mwh[:, :count]
        carbon[self.scenario.region_zone] = forecast.carbon_g_per_kwh[:, :count]
        marginal = None if signals.marginal_g_per_kwh is None else carbon
        return part_of(
            signals, price_usd_per_mwh=price, average_g_per_kwh=carbon, marginal_g_per_kwh=marginal
        )

    def _runs(self, instance: Instance, observed: Observed, state: State) -> dict[str, np.ndarray]:
        """What the last routing made of the requests that came, by the name of each link; nothing
        before the first one: the scenario's own start is meant.
        """
        tied = links(self.scenario)
        if not tied or "ran" not in state:
            return {}
        ran = {n: np.array(state["ran"][n]) for n in _FLOWS}
        metro, klass, region, point = (ran[n].astype(np.int64) for n in _FLOWS[:4])
        planned = np.zeros(self.scenario.shape[:2])
        np.add.at(planned, (metro, klass), ran["requests_per_h"])
        came = np.where(np.isfinite(observed.demand_per_h), observed.demand_per_h, planned)
        scale = np.divide(came, planned, out=np.zeros_like(planned), where=planned > 0)
        source = instance.source_of[metro, klass]
        value = ran["requests_per_h"] * scale[metro, klass]
        hour = np.zeros(len(source), dtype=np.int64)
        flows = SourceFlows(hour, source, region, point, value).where(source >= 0)
        return {link.name: link.left_behind(instance, flows) for link in tied}

    def _spare(self, observed: Observed) -> dict[str, float]:
        """Requests that each contract may still degrade in its running window: φ·n − m."""
        return {
            cap.id: cap.share_max * observed.counts[cap.id].delivered
            - observed.counts[cap.id].granted
            for cap in self.scenario.share_caps
            if cap.window is not Window.HOUR and cap.id in observed.counts
        }

    def _shed(self, instance: Instance, carried: Carried) -> tuple[Solution, SourceFlows]:
        """The window with a high price on what has no place, and its flows without that."""
        measure, _ = objective_measures(instance)
        must = np.isnan(instance.unserved_usd)
        elastic = priced_instance(instance, priced(instance, measure, SHED))
        solution, _ = solve_instance(elastic, carried=carried, memory=self.memory)
        flows = solution.flows
        return solution, flows.where(flows.served | ~must[flows.source])

    def _told(self, stored: dict[str, Any], observed: Observed) -> Routing:
        """A routing that was kept in the state."""
        s = self.scenario
        values: dict[str, Any] = {n: np.array(stored[n], dtype=_KINDS[n]) for n in _ROUTED}
        return Routing(
            metros=tuple(m.id for m in s.metros),
            classes=tuple(k.id for k in s.classes),
            regions=(*(r.id for r in s.regions), UNSERVED_REGION),
            points=tuple(o.id for o in s.points),
            **values,
            issued_utc=observed.utc,
            hold_s=s.hours.step_h * 3600.0,
        )


_KINDS = dict.fromkeys(_ROUTED, float) | dict.fromkeys(("metro", "klass", "region", "point"), int)
_KINDS["degraded"] = bool


def _numbers(holder: object, names: tuple[str, ...]) -> dict[str, Any]:
    """Arrays of an object as lists."""
    return {name: np.asarray(getattr(holder, name)).tolist() for name in names}


def _ran(flows: Flows, step: int) -> dict[str, Any]:
    """What a plan runs in one of its steps."""
    return _numbers(flows.where(flows.hour == step), _FLOWS)


def rolling(scenario: Scenario, look_ahead_h: float = LOOK_AHEAD_H, every: int = 1) -> Policy:
    """Wattlas re-planned every so many steps from the forecast of the next hours."""
    return Rolling(scenario, max(round(look_ahead_h / scenario.hours.step_h), 1), every)


def oracle(scenario: Scenario) -> Policy:
    """The best plan in hindsight: all hours of the scenario at once, with the truth.

    Where degrading is capped over a day or less, the plan keeps the cap at the end of every step,
    as whoever serves requests must, and is followed step by step. Over longer windows it keeps it
    at their end, and is followed with the permits that are there.
    """
    lengths = [
        len(steps)
        for cap in scenario.share_caps
        if cap.window is not Window.HOUR
        for steps in windows(scenario.hours, cap.window)
    ]
    if lengths and max(lengths) <= MOST_STEPS and not scenario.waits:
        placed = plan(scenario, every_step=True)
        if placed.flows is not None:
            return Planned("oracle", placed, build_instance(scenario))
    planned = optimum(scenario)
    assert isinstance(planned, Planned)
    return replace(planned, name="oracle")
