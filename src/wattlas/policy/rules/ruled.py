"""Policies that ask a rule of `placement.compare`, or the optimum of an hour, at every step.

    uniform        equal shares over the open regions
    least-cost     the placement of least cost of each hour by itself
    least-carbon   the same by carbon
    greedy         each demand takes its best place within its budget that has room
    weighted       the same by a weighted sum of cost, carbon and latency
    best-region    everything that may go there in the one region that is best over all hours
    static-shares  the best table of shares that is the same in every hour
    hourly-shares  the best table of shares for each UTC hour of the day

All but the tables serve in full. Rules that look at no capacity may overfill a region.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.objective import Minimise
from wattlas.model.scenario import Scenario
from wattlas.placement.compare.baselines import POLICIES, PreparedPolicy
from wattlas.placement.compare.greedy import greedy
from wattlas.placement.compare.rules import Rule
from wattlas.placement.compare.rules import nearest as at_baseline
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.unit_values import (
    Measure,
    carbon_to_minimise,
    cost,
    zero,
)
from wattlas.placement.window.blocks import over_blocks, weeks
from wattlas.placement.window.limits import in_full, with_baseline
from wattlas.policy.protocol import Forecast, Observed, Policy, State
from wattlas.policy.registry import Entry, Option, Options
from wattlas.policy.routing import Routing
from wattlas.policy.rules.hourly import Hourly
from wattlas.policy.rules.optimum import hour_optimum
from wattlas.policy.rules.shares import Shares

MEASURES: Mapping[str, Callable[[Instance], Measure]] = {
    "cost": cost,
    "carbon": carbon_to_minimise,
}


@dataclass
class Ruled:
    """A rule asked at every step for the hour that the clock shows."""

    name: str
    scenario: Scenario = field(repr=False)
    instance: Instance = field(repr=False)
    rule: Rule

    def route(self, observed: Observed, forecast: Forecast, state: State) -> tuple[Routing, State]:
        """The rule's shares of the hour. InputError where the scenario does not hold it."""
        _, flows = self._hours.flows(observed, forecast)
        return self._shares.routing(flows, observed.utc), state

    @cached_property
    def _hours(self) -> Hourly:
        return Hourly(self.name, self.scenario, self.instance, self.rule)

    @cached_property
    def _shares(self) -> Shares:
        return Shares(self.scenario, self.instance)


def _compared(name_of: Callable[[Options], str]) -> Callable[[Scenario, str, Options], Policy]:
    """A policy of `placement.compare`, prepared over all hours as it is there."""

    def make(scenario: Scenario, name: str, options: Options) -> Policy:
        known = POLICIES[name_of({**options, "by": _by(scenario, options)})]
        instance = build_instance(scenario)
        instance = in_full(instance) if known.plain else with_baseline(instance)
        prepared: PreparedPolicy = known.prepare(instance)
        if prepared.reason:
            raise InfeasibleError(f"policy {name}: {prepared.reason}")
        return Ruled(name, scenario, instance, prepared.rule)

    return make


def _by(scenario: Scenario, options: Options) -> str:
    """What is made least: as stated, else what the scenario makes least."""
    objective = "carbon" if scenario.objective.minimise is Minimise.CARBON else "cost"
    kind = str(options.get("by") or objective)
    return _known(scenario, kind)


def _known(scenario: Scenario, kind: str) -> str:
    if kind == "cost" and not scenario.signals.priced:
        raise InfeasibleError("by cost: it needs prices, and the scenario states none")
    return kind


def _optimal(kind: str) -> Callable[[Scenario, str, Options], Policy]:
    """The optimum of each hour by cost or by carbon, where it has one."""

    def make(scenario: Scenario, name: str, _options: Options) -> Policy:
        tie = "cost" if _known(scenario, kind) == "carbon" else "carbon"
        rule = hour_optimum(MEASURES[kind], MEASURES[tie])
        return Ruled(name, scenario, in_full(build_instance(scenario)), rule)

    return make


# -- weighted ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """A weighted sum of what a request costs, emits and waits, each relative to what it is on
    average at the baseline regions: `weights` by name over those means.

    The means are of the scenario, not of the places that are compared: adding a region changes the
    order of no two others.
    """

    weights: Mapping[str, float]

    def measure(self, instance: Instance) -> Measure:
        """The score of each place."""
        total = zero(instance)
        for name, weight in self.weights.items():
            if weight:
                total = total.plus(_PARTS[name](instance), weight)
        return replace(total, unit="score")


def latency(instance: Instance) -> Measure:
    """Latency of each place, ms per request; going unserved counts as the farthest."""
    pointer, metro, klass = instance.members
    first = pointer[:-1]
    ms = instance.judged.latency_ms[metro[first], klass[first]]
    per_request = np.where(np.isfinite(ms), ms, 0.0)
    farthest = per_request.max(initial=1.0) + 0.0 * instance.unserved_usd
    return replace(zero(instance), unit="ms", per_request=per_request, per_unserved=farthest)


_PARTS: Mapping[str, Callable[[Instance], Measure]] = {**MEASURES, "latency": latency}


def _weighted(scenario: Scenario, name: str, options: Options) -> Policy:
    instance = in_full(build_instance(scenario))
    weights = {part: float(options[part]) for part in _PARTS}
    if weights["cost"]:
        _known(scenario, "cost")
    means = baseline_means(instance, [part for part, weight in weights.items() if weight])
    score = Score({part: weights[part] / mean for part, mean in means.items()})
    return Ruled(name, scenario, instance, lambda part: greedy(part, score.measure(part)))


def baseline_means(instance: Instance, parts: list[str]) -> dict[str, float]:
    """What a request comes to on average with everyone at the baseline region, by part; 1 where
    that is nothing.
    """

    def sums(part: Instance, _steps: np.ndarray) -> np.ndarray:
        flows = at_baseline(part).flows
        requests = float((flows.value * part.hours[flows.hour]).sum())
        totals = [_PARTS[name](part).by_hour(part, flows).sum() for name in parts]
        return np.array([requests, *totals])

    total = np.sum(list(over_blocks(instance, weeks(instance.scenario.hours), sums)), axis=0)
    means = np.abs(total[1:]) / max(float(total[0]), 1e-300)
    return {name: float(mean) or 1.0 for name, mean in zip(parts, means, strict=True)}


# -- registered -------------------------------------------------------------------------------

BY = Option("by", "what is made least; the scenario's objective unless given", "", tuple(MEASURES))
WEIGHTS = (
    Option("cost", "weight of what a request costs", 1.0),
    Option("carbon", "weight of what it emits", 1.0),
    Option("latency", "weight of its latency", 0.0),
)

ENTRIES = (
    Entry("uniform", "Equal shares over the open regions.", _compared(lambda _: "uniform")),
    Entry("least-cost", "The placement of least cost of each hour by itself.", _optimal("cost")),
    Entry("least-carbon", "The placement of least carbon of each hour.", _optimal("carbon")),
    Entry(
        "greedy", "Each demand takes its best place within its budget that has room.",
        _compared(lambda options: f"greedy_{options['by']}"), (BY,),
    ),
    Entry(
        "weighted", "The greedy rule by a weighted sum of cost, carbon and latency.", _weighted,
        WEIGHTS,
    ),
    Entry(
        "best-region", "Everything that may go there in the one region that is best.",
        _compared(lambda options: f"best_region_{options['by']}"), (BY,),
    ),
    Entry(
        "static-shares", "The best table of shares that is the same in every hour.",
        _compared(lambda options: f"static_{options['by']}"), (BY,),
    ),
    Entry(
        "hourly-shares", "The best table of shares for each UTC hour of the day.",
        _compared(lambda options: f"hourly_table_{options['by']}"), (BY,),
    ),
)  # fmt: skip
