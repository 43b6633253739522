"""One hour as a policy sees it: the program's arrays, with what is observed and forecast put in.

A policy is made for a scenario, which is what it expects. Where the clock shows what was expected,
a whole stretch of hours is placed at once and kept; any other hour is placed by itself. Either way
a rule that looks at single hours answers the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from wattlas.errors import Problem
from wattlas.model.checks import part_of, refuse
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Signals
from wattlas.placement.compare.rules import Rule
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance, accelerators, summed_by
from wattlas.placement.window.blocks import weeks
from wattlas.policy.protocol import Forecast, Observed

LEAST = 1e-9
"""Of the largest demand of an hour: what a source counts as asking for that asks for nothing, so
that a request that nobody expected has a place. Far below what moves any other share."""


def step_of(scenario: Scenario, utc: np.datetime64, policy: str) -> int:
    """The step that a moment lies in. Raises InputError, naming the policy, where there is none."""
    at = int(np.searchsorted(scenario.hours.utc, utc, side="right")) - 1
    step_s = np.timedelta64(round(scenario.hours.step_h * 3600.0), "s")
    if at < 0 or utc - scenario.hours.utc[at] >= step_s:
        what = f"is asked for {utc}Z, which the placement does not hold"
        refuse([Problem(f"policy.{policy}", what, "Replay hours of the scenario.")])
    return at


@dataclass(frozen=True)
class Seen:
    """What a policy takes an hour to be: price and intensity (R,), demand (I, K), accelerators that
    may be used (R,).
    """

    price_usd_per_mwh: np.ndarray
    carbon_g_per_kwh: np.ndarray
    demand_per_h: np.ndarray
    capacity_gpu: np.ndarray

    @staticmethod
    def of(observed: Observed, forecast: Forecast) -> Seen:
        """Observed signals, else those forecast; the demand forecast, else the last rate."""
        at = int(np.searchsorted(forecast.utc, observed.utc, side="right")) - 1
        known = at >= 0

        def signal(name: str) -> np.ndarray:
            now: np.ndarray = getattr(observed, name)
            return np.where(np.isnan(now), getattr(forecast, name)[:, at], now) if known else now

        demand = forecast.demand_per_h[:, :, at] if known else observed.demand_per_h
        prices, intensities = signal("price_usd_per_mwh"), signal("carbon_g_per_kwh")
        return Seen(prices, intensities, demand, observed.capacity_gpu)


@dataclass
class Hourly:
    """The hours of a scenario for one rule: `instance` is what the rule places in, over all hours.

    `scenario` is the one whose ids routings have. Flows are those of one hour's sources.
    """

    name: str
    scenario: Scenario
    instance: Instance
    rule: Rule
    kept: tuple[int, Instance, SourceFlows, np.ndarray] | None = field(default=None, repr=False)
    """The stretch that was placed last: first step, instance, flows, and where each hour begins."""

    def flows(self, observed: Observed, forecast: Forecast) -> tuple[Instance, SourceFlows]:
        """What the rule places in the hour that the clock shows."""
        step, seen = step_of(self.scenario, observed.utc, self.name), Seen.of(observed, forecast)
        if self._as_expected(step, seen):
            return self._expected(step)
        part = self.hour(step, seen)
        return part, self.rule(part).flows

    def _as_expected(self, step: int, seen: Seen) -> bool:
        s = self.scenario
        return (
            np.array_equal(seen.price_usd_per_mwh, s.price_usd_per_mwh[:, step], equal_nan=True)
            and np.array_equal(seen.carbon_g_per_kwh, s.deciding_g_per_kwh[:, step])
            and np.array_equal(seen.demand_per_h, s.demand_per_h[:, :, step])
            and bool((seen.capacity_gpu >= s.most_gpu[:, step]).all())
        )

    def _expected(self, step: int) -> tuple[Instance, SourceFlows]:
        n = int(self._week_of[step])
        first = int(self._weeks[n][0])
        if self.kept is None or self.kept[0] != first:
            steps = self._weeks[n]
            part = asking(self.instance.at(steps, self.instance.scenario.at_hours(steps)))
            flows = self.rule(part).flows
            order = np.argsort(flows.hour, kind="stable")
            flows = flows.where(order)
            start = np.searchsorted(flows.hour, np.arange(len(steps) + 1))
            self.kept = (first, part, flows, start)
        _, part, flows, start = self.kept
        return part, flows.where(slice(start[step - first], start[step - first + 1]))

    @cached_property
    def _weeks(self) -> list[np.ndarray]:
        return weeks(self.scenario.hours)

    @cached_property
    def _week_of(self) -> np.ndarray:
        return np.repeat(np.arange(len(self._weeks)), [len(steps) for steps in self._weeks])

    def hour(self, step: int, seen: Seen) -> Instance:
        """The program of one hour as it was seen. Raises InputError for what is unknown."""
        self._check(seen)
        whole, at = self.instance, np.array([step])
        s = part_of(
            self._own_zones.at_hours(at),
            signals=self._signals(seen),
            demand_per_h=seen.demand_per_h[:, :, None],
            reserved_gpu=np.minimum(whole.scenario.reserved_gpu[:, at], seen.capacity_gpu[:, None]),
        )
        capacity, surplus = accelerators(s)
        most = seen.capacity_gpu[:, None]
        beyond = most - np.where(np.isfinite(capacity), capacity, 0.0)
        i, k = np.nonzero(whole.source_of >= 0)
        demand = summed_by(s.demand_per_h[i, k], whole.source_of[i, k], whole.sources)
        return asking(replace(
            whole, scenario=s, demand=demand, capacity=np.minimum(capacity, most),
            surplus=np.clip(beyond, 0.0, surplus), baseline_use=None,
        ))  # fmt: skip

    def _check(self, seen: Seen) -> None:
        priced = self.scenario.signals.priced
        needed = {"the carbon intensity": seen.carbon_g_per_kwh}
        needed |= {"the price": seen.price_usd_per_mwh} if priced else {}
        refuse(
            Problem(
                f"policy.{self.name}", f"knows neither {what} of {self.scenario.regions[r].id} "
                "now nor a forecast of it", "Give the feed, or a forecast.",
            )
            for what, values in needed.items()
            for r in np.flatnonzero(np.isnan(values))
        )  # fmt: skip

    @cached_property
    def _own_zones(self) -> Scenario:
        """The scenario with a grid zone for each region: what is seen is told by region."""
        s = self.instance.scenario
        regions = tuple(replace(region, zone=region.id) for region in s.regions)
        rows = s.region_zone
        marginal = s.signals.marginal_g_per_kwh
        signals = part_of(
            s.signals,
            zones=tuple(region.id for region in regions),
            price_usd_per_mwh=s.signals.price_usd_per_mwh[rows],
            average_g_per_kwh=s.signals.average_g_per_kwh[rows],
            marginal_g_per_kwh=None if marginal is None else marginal[rows],
        )
        return part_of(s, regions=regions, signals=signals)

    def _signals(self, seen: Seen) -> Signals:
        carbon = seen.carbon_g_per_kwh[:, None]
        has = self.scenario.signals.marginal_g_per_kwh is not None
        return part_of(
            self._own_zones.signals,
            price_usd_per_mwh=seen.price_usd_per_mwh[:, None],
            average_g_per_kwh=carbon,
            marginal_g_per_kwh=carbon if has else None,
        )


def asking(instance: Instance) -> Instance:
    """The instance in which every source asks for something in every step."""
    floor = LEAST * np.maximum(instance.demand.max(axis=0, initial=0.0), 1.0)
    return replace(instance, demand=np.maximum(instance.demand, floor))
