"""A billing window of a fleet's hours: at a fleet, what it costs within its cap, from both sides.

Each multiplier λ on what is degraded gives a bound from below; the cheapest mix of the placements
at several of them, hour by hour, that keeps the cap is a bound from above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.placement.fleet.hours import FleetHours, Sized
from wattlas.placement.problem.flows import SourceFlows, join, merge_equal
from wattlas.placement.problem.unit_values import Measure
from wattlas.placement.window.master import HourColumns, Hulls

ROUNDING = 1e-9
"""More degraded than the cap by this share of the requests that count is rounding."""
MOST_PRICES = 40
"""Multipliers that are tried for a window at one fleet."""


@dataclass
class CappedWindow:
    """A billing window: its `steps` of all hours, `cap` degraded requests, and its groups of cuts.

    `groups` (T_w,) are numbers among all groups, `counted` (T_w,) requests that count, hours
    counted. `price` is the last multiplier, USD per degraded request.
    """

    steps: np.ndarray
    cap: float
    groups: np.ndarray
    counted: np.ndarray
    weight: np.ndarray
    """For how many hours each of them stands, (T_w,)."""
    cost: Measure
    degraded: Measure
    priced: FleetHours
    fewest: FleetHours
    price: float = 0.0

    @property
    def allowed(self) -> float:
        """The cap, with what is rounding."""
        return self.cap + ROUNDING * float(self.counted.sum())

    def at_price(self, gpu: np.ndarray, price: float) -> Sized:
        """The hours of the window at a fleet (R,), made least with a price on what is degraded."""
        self.priced.measure = self.cost.plus(self.degraded, price) if price else self.cost
        return self.priced.now_at(gpu)

    def used(self, sized: Sized) -> np.ndarray:
        """Degraded requests of each hour, hours counted, (T_w,)."""
        return self.degraded.by_hour(sized.instance, sized.flows)


class WindowAt:
    """A window at one fleet: the placements tried, and the bounds that they prove."""

    def __init__(self, window: CappedWindow, gpu: np.ndarray) -> None:
        self.window, self.gpu = window, gpu
        self.columns = HourColumns(used=np.zeros((0, 1)))
        self.placements: list[Sized] = []
        self.lower, self.upper = -np.inf, np.inf
        self.hulls = Hulls(len(window.steps), np.array([window.allowed]), self.columns)
        self.price, self.best = window.price, window.price

    def ask(self, price: float) -> Sized:
        """One more multiplier."""
        sized = self.window.at_price(self.gpu, price)
        self._take(sized, sized.value - price * self.window.used(sized))
        value = float(sized.value.sum()) - price * self.window.cap
        if value > self.lower:
            self.lower, self.best = value, price
        return sized

    def ask_fewest(self) -> Sized:
        """The fewest degraded, whatever they cost."""
        sized = self.window.fewest.now_at(self.gpu)
        self._take(sized, self.window.cost.by_hour(sized.instance, sized.flows))
        return sized

    def _take(self, sized: Sized, cost: np.ndarray) -> None:
        self.columns.take(cost, self.window.used(sized)[:, None], len(self.placements))
        self.placements.append(sized)

    def mix(self) -> bool:
        """The cheapest mix of the placements that keeps the cap; whether there is one."""
        self.price = float(self.hulls.solve(self.columns)[0])
        if self.hulls.kept:
            self.upper = self.hulls.value
        return self.hulls.kept

    def refine(self, gap: float) -> None:
        """Further multipliers until the two bounds are within `gap` USD."""
        for _ in range(MOST_PRICES):
            if not self.mix() or self.upper - self.lower <= gap:
                break
            before = len(self.columns.hour)
            self.ask(self.price)
            if len(self.columns.hour) == before:
                break
        self.window.price = self.best

    def flows(self) -> SourceFlows:
        """The flows of the mix, in all hours' numbers."""
        share = np.zeros((len(self.placements), len(self.window.steps)))
        np.add.at(share, (self.columns.answer, self.columns.hour), self.hulls.shares)
        parts = []
        for sized, weight in zip(self.placements, share, strict=True):
            flows = sized.flows
            value = flows.value * weight[flows.hour]
            on = np.flatnonzero(value)
            parts.append(flows.where(on).with_value(value[on]))
        whole = merge_equal(join(parts))
        return whole._replace(hour=self.window.steps[whole.hour])
