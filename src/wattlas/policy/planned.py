"""A policy that follows a placement: each hour's flows as shares.

What the placement runs at points that count as degraded is the degraded set; the rest is full
service. A request is degraded where that saves at least the threshold: of a placement that is
followed in one step, the least saving with which it degrades; of one that is followed over whole
windows, the one that saves most with the permits that are there (`policy.permits`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.plan import UNSERVED, Flows, Plan
from wattlas.model.scenario import Scenario
from wattlas.placement.api import objective_measures, plan
from wattlas.placement.compare.baselines import baseline_policy
from wattlas.placement.problem.feasibility import degraded_points
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.policy.permits import fallbacks, thresholds, window_of
from wattlas.policy.protocol import Forecast, Observed, Policy, State
from wattlas.policy.registry import Entry
from wattlas.policy.routing import UNSERVED_REGION, Routing
from wattlas.policy.rules.fallback import Nearest
from wattlas.policy.rules.hourly import step_of
from wattlas.policy.rules.shares import LEAST_SHARE


@dataclass
class Planned:
    """The routing of a placement, hour by hour; what the placement does not know it cannot answer.

    Demand that the placement leaves unserved is left unserved.
    """

    name: str
    placed: Plan
    instance: Instance = field(repr=False)
    windows: bool = False
    """Whether it is followed over whole billing windows, so that permits may be used in any hour of
    a window in which it degrades."""
    places: dict[bytes, np.ndarray] = field(default_factory=dict, repr=False)
    """The nearest places, as far as they are known, of this or another placement of the same
    metros, classes, regions and points."""

    def __post_init__(self) -> None:
        if self.placed.flows is None:
            raise InfeasibleError(self.placed.conflict or "the placement has no flows")

    def route(self, observed: Observed, forecast: Forecast, state: State) -> tuple[Routing, State]:
        """The shares of the hour that the clock shows. InputError where the placement has none."""
        s = self.placed.scenario
        at = step_of(s, observed.utc, self.name)
        return self.routing(at, observed.utc, s.hours.step_h * 3600.0), state

    def routing(self, hour: int, issued: np.datetime64, hold_s: float) -> Routing:
        """The shares of one of the placement's steps."""
        s, flows = self.placed.scenario, self._hour(hour)
        return Routing(
            metros=tuple(m.id for m in s.metros),
            classes=tuple(k.id for k in s.classes),
            regions=(*(r.id for r in s.regions), UNSERVED_REGION),
            points=tuple(o.id for o in s.points),
            metro=flows[0], klass=flows[1], degraded=flows[2],
            region=np.where(flows[3] == UNSERVED, len(s.regions), flows[3]),
            point=flows[4], share=flows[5],
            saving_usd=self._saving[:, :, hour],
            threshold_usd=self._threshold[:, hour],
            issued_utc=issued,
            hold_s=hold_s,
        )  # fmt: skip

    @cached_property
    def _low(self) -> np.ndarray:
        return degraded_points(self.placed.scenario)

    @cached_property
    def _flows(self) -> Flows:
        """What is routed: the placement's flows, and fallbacks for other hours of its windows."""
        flows = self.placed.flows
        assert flows is not None
        if not self.windows:
            return flows
        measure, _ = objective_measures(self.instance)
        more = fallbacks(self.instance, measure, flows, self._low)
        names = [column.name for column in fields(Flows)]
        return Flows(*(np.concatenate([getattr(flows, n), getattr(more, n)]) for n in names))

    @cached_property
    def _order(self) -> tuple[np.ndarray, np.ndarray]:
        flows = self._flows
        order = np.argsort(flows.hour, kind="stable")
        count = self.placed.scenario.hours.count
        return order, np.searchsorted(flows.hour[order], np.arange(count + 1))

    def _hour(self, hour: int) -> tuple[np.ndarray, ...]:
        """(metro, class, degraded, region, point, share) of an hour; full service in every set.

        A pair without flows in full service this hour has those of its other hours, in the mean, as
        far as the regions have accelerators now; else the nearest that has: a request that the cap
        does not let go lower must go somewhere.
        """
        flows = self._flows
        order, start = self._order
        rows = order[start[hour] : start[hour + 1]]
        rows = rows[flows.requests_per_h[rows] > 0]
        part = flows.where(rows)
        low = self._low[part.klass, part.point] & part.served
        entries = [part.metro, part.klass, low, part.region, part.point, part.requests_per_h]
        has = np.zeros(self.placed.scenario.shape[:2], dtype=bool)
        has[part.metro[~low], part.klass[~low]] = True
        if (self._ever & ~has).any():
            usual = self._usual
            manned = self._nearest.manned(hour)[usual[3], usual[4]]
            wanted = ~has[usual[0], usual[1]] & manned
            entries = [np.concatenate([a, b[wanted]]) for a, b in zip(entries, usual, strict=True)]
            has[usual[0][wanted], usual[1][wanted]] = True
        return _as_shares(self._with_nearest(entries, has, hour), has.shape[1])

    def _with_nearest(self, entries: list[np.ndarray], has: np.ndarray, hour: int) -> list[Any]:
        """With a place for each metro and class that has none in full service, as `has` (I, K)
        says, if there is one."""
        k, place = has.shape[1], self._nearest.places(hour)
        pair = np.flatnonzero((place[:, 0] != UNSERVED) & ~has.ravel())
        more = (pair // k, pair % k, np.zeros(len(pair), bool), *place[pair].T, np.ones(len(pair)))
        return [np.concatenate([a, b]) for a, b in zip(entries, more, strict=True)]

    @cached_property
    def _nearest(self) -> Nearest:
        return Nearest(self.placed.scenario, self.instance.judged, self.places)

    @cached_property
    def _in_full(self) -> np.ndarray:
        """Which of the placement's flows are full service."""
        flows = self.placed.flows
        assert flows is not None
        return np.asarray(flows.served & ~self._low[flows.klass, flows.point])

    @cached_property
    def _ever(self) -> np.ndarray:
        """Whether a metro and class has full service in any hour, (I, K)."""
        flows, on = self.placed.flows, self._in_full
        assert flows is not None
        ever = np.zeros(self.placed.scenario.shape[:2], dtype=bool)
        ever[flows.metro[on], flows.klass[on]] = True
        return ever

    @cached_property
    def _usual(self) -> list[np.ndarray]:
        """Full service over all hours, of those that ever have it."""
        s, flows, on = self.placed.scenario, self.placed.flows, self._in_full
        assert flows is not None
        i, k, r, o, _ = s.shape
        place = ((flows.metro * k + flows.klass) * r + flows.region) * o + flows.point
        sums = np.bincount(place[on], flows.requests_per_h[on], i * k * r * o)
        grid = sums.reshape(i * k, r * o)
        pair, at = np.nonzero(grid)
        return [pair // k, pair % k, np.zeros(len(pair), bool), at // o, at % o, grid[pair, at]]

    @cached_property
    def _saving(self) -> np.ndarray:
        """What degrading a request saves: mean unit value in full less degraded, (I, K, T)."""
        s, flows = self.placed.scenario, self._flows
        i, k, _, _, t = s.shape
        if not self._low.any():
            return np.full((i, k, t), np.nan)
        on = flows.served & (self.instance.source_of[flows.metro, flows.klass] >= 0)
        part = flows.where(on)
        measure, _ = objective_measures(self.instance)
        source = self.instance.source_of[part.metro, part.klass]
        unit = measure.units(self.instance, part.hour, source, part.region, part.point)
        low = self._low[part.klass, part.point]
        at = (part.metro * k + part.klass) * t + part.hour

        def mean(chosen: np.ndarray, axis: tuple[int, ...]) -> np.ndarray:
            """Mean unit value of some flows, by hour or over all; nan where there are none."""
            weight = part.requests_per_h * chosen
            value = np.bincount(at, weight * unit, i * k * t).reshape(i, k, t)
            total = np.bincount(at, weight, i * k * t).reshape(i, k, t)
            sums = (grid.sum(axis=axis, keepdims=True) for grid in (value, total))
            with np.errstate(invalid="ignore"):
                return np.asarray(np.divide(*sums))

        full = mean(~low, ())
        full = np.where(np.isnan(full), mean(~low, (2,)), full)
        return np.asarray(full - mean(low, ()))

    @cached_property
    def _threshold(self) -> np.ndarray:
        """From which saving on a class is degraded in each hour; inf for never; (K, T)."""
        s = self.placed.scenario
        if self.windows:
            return thresholds(s, self._saving, s.demand_per_h * s.hours.hours)
        by_hour = np.where(np.isnan(self._saving), np.inf, self._saving).min(axis=0, initial=np.inf)
        least, window = np.full(by_hour.shape, np.inf), window_of(s)
        for n in np.unique(window[window >= 0]):
            inside = window == n
            own = np.where(inside, by_hour, np.inf).min(axis=1, keepdims=True, initial=np.inf)
            least = np.where(inside, own, least)
        return least


def _as_shares(entries: list[np.ndarray], classes: int) -> tuple[np.ndarray, ...]:
    """Rates of a set as shares that add up to 1."""
    metro, klass, low, region, point, rate = entries
    group = (metro * classes + klass) * 2 + low
    total = np.bincount(group, rate)
    share = rate / total[group]
    kept = share > LEAST_SHARE
    columns = [np.asarray(column)[kept] for column in (metro, klass, low, region, point)]
    group, share = group[kept], share[kept]
    share = share / np.bincount(group, share)[group]
    return (*columns, share)


def optimum(scenario: Scenario, name: str = "plan") -> Policy:
    """The plan of the scenario. Raises InfeasibleError where it has none."""
    placed = plan(scenario).raise_if_infeasible()
    return Planned(name, placed, build_instance(scenario), windows=True)


def nearest(scenario: Scenario, name: str = "nearest") -> Policy:
    """The baseline policy: everyone at the baseline region, overflowing to the nearest that has
    capacity; nothing is degraded.
    """
    instance = build_instance(scenario)
    return Planned(name, baseline_policy(instance), instance)


ENTRIES = (
    Entry(
        "nearest", "Everyone at the nearest region, overflowing to the next with capacity.",
        lambda scenario, name, _options: nearest(scenario, name),
    ),
    Entry(
        "plan", "The plan of the scenario, hour by hour.",
        lambda scenario, name, _options: optimum(scenario, name),
    ),
)  # fmt: skip
