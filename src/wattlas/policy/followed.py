"""A policy followed over the hours of a scenario, at its rates: what forecasts cost, without noise.

Step by step the policy is told what an outlook expects, and its shares are applied to the demand
that comes. Degrading is the cap's rule in the limit of many requests: of those that the routing
would degrade, as many as φ·(n + d) − m, with d the requests of the step that count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wattlas.model.plan import UNSERVED, Totals
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.flows import SourceFlows, join, merge_equal
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.limit import windows
from wattlas.placement.problem.unit_values import used_gpu
from wattlas.placement.solution.account import totals
from wattlas.policy.cap import Counts
from wattlas.policy.forecasts.outlook import Outlook
from wattlas.policy.loop import Loop
from wattlas.policy.protocol import Observed, Policy
from wattlas.policy.routing import Routing


@dataclass(frozen=True)
class Followed:
    """What came of a policy: merged `flows` of the `instance`, their `totals`, and accelerators
    that were short in the worst hour of any region, `over_gpu`.
    """

    instance: Instance
    flows: SourceFlows
    totals: Totals
    over_gpu: float


def followed(
    scenario: Scenario,
    policy: Policy,
    outlook: Outlook,
    progress: Callable[[float], None] | None = None,
) -> Followed:
    """Follow a policy over all steps of a scenario."""
    instance, loop = build_instance(scenario), Loop.of(scenario, policy)
    caps, parts = _Caps(scenario), []
    none = np.zeros(scenario.shape[2])
    for step in range(scenario.hours.count):
        came = scenario.demand_per_h[:, :, :step]
        last = came[:, :, -1] if step else np.zeros(scenario.shape[:2])
        observed = Observed(
            scenario.hours.utc[step], scenario.price_usd_per_mwh[:, step],
            scenario.deciding_g_per_kwh[:, step], none, last, none, scenario.most_gpu[:, step],
            caps.counts(step),
        )  # fmt: skip
        routing = loop.tick(observed, outlook.at(step, came))
        parts.append(_flows(scenario, instance, routing, step, caps.permitted(routing, step)))
        if progress:
            progress((step + 1) / scenario.hours.count)
    flows = join(parts)
    over = float((used_gpu(instance, flows) - scenario.most_gpu).max(initial=0.0))
    return Followed(instance, flows, totals(instance, flows), max(over, 0.0))


def _flows(
    scenario: Scenario, instance: Instance, routing: Routing, step: int, low: np.ndarray
) -> SourceFlows:
    """What a routing makes of a step, where the share `low` (metros, classes) is degraded."""
    demand = scenario.demand_per_h[:, :, step]
    part = np.where(routing.degraded, low[routing.metro, routing.klass], 1.0)
    part = np.where(routing.degraded, part, 1.0 - low[routing.metro, routing.klass])
    rate = demand[routing.metro, routing.klass] * part * routing.share
    source = instance.source_of[routing.metro, routing.klass]
    gone = routing.region == len(scenario.regions)
    flows = SourceFlows(
        np.full(len(source), step),
        source,
        np.where(gone, UNSERVED, routing.region).astype(np.int64),
        np.where(gone, 0, routing.point).astype(np.int64),
        rate,
    )
    return merge_equal(flows.where((rate > 0) & (source >= 0)))


class _Caps:
    """Counts of each contract's running window, as rates add up."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        ids = [klass.id for klass in scenario.classes]
        self.classes = [np.isin(ids, cap.classes) for cap in scenario.share_caps]
        self.begins = [
            {int(steps[0]) for steps in windows(scenario.hours, cap.window)}
            for cap in scenario.share_caps
        ]
        self.delivered = np.zeros(len(scenario.share_caps))
        self.granted = np.zeros(len(scenario.share_caps))

    def counts(self, step: int) -> dict[str, Counts]:
        """Those of the windows that a step lies in, in whole requests."""
        for n, begins in enumerate(self.begins):
            if step in begins:
                self.delivered[n] = self.granted[n] = 0.0
        return {
            cap.id: Counts(round(self.delivered[n]), round(self.granted[n]))
            for n, cap in enumerate(self.scenario.share_caps)
        }

    def permitted(self, routing: Routing, step: int) -> np.ndarray:
        """The share of each metro and class that is degraded in a step, (metros, classes)."""
        demand = self.scenario.demand_per_h[:, :, step] * self.scenario.hours.step_h
        share = np.zeros(demand.shape)
        for n, cap in enumerate(self.scenario.share_caps):
            wants = routing.degrades & self.classes[n]
            wanted, counted = demand[wants].sum(), demand[:, self.classes[n]].sum()
            room = cap.share_max * (self.delivered[n] + counted) - self.granted[n]
            some = min(max(room / wanted, 0.0), 1.0) if wanted > 0 else 0.0
            share[wants] = some
            self.delivered[n] += counted
            self.granted[n] += some * wanted
        return share
