"""Constraints that only tests know, and the same written down for the independent program.

Each is registered for a while, as a file beside those of the product would be for good.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from wattlas.model.objective import Window
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.base import Constraint, EngineRows
from wattlas.placement.constraints.registry import obeyed
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit, windows
from wattlas.placement.problem.rows import HourlyRows
from wattlas.placement.problem.unit_values import onward


class TwoRegions(Constraint):
    """Σ of what runs in the first two regions ≤ share · Σ demand, hourly: not by the engine."""

    name = "two_regions"
    without = "with all in two regions"

    def __init__(self, share: float) -> None:
        self.share = share

    def rows(self, instance: Instance) -> HourlyRows:
        """One row over both regions."""
        columns = instance.columns
        on = np.flatnonzero(columns.served & (columns.region < 2))
        upper = self.share * instance.demand.sum(axis=0)[None, :]
        lower = np.full_like(upper, -np.inf)
        return HourlyRows(
            self.name, columns, np.zeros(len(on), np.int64), on, np.ones(len(on)), lower, upper
        )

    def present(self, scenario: Scenario) -> bool:
        """Always."""
        return True

    def clash_words(self, instance: Instance, clash: Any) -> str:
        """Its own words."""
        return f"{clash.who} do not fit beside the two regions' share."


class FirstPoint(Constraint):
    """Σ of what runs at the first operating point ≥ share · Σ demand: the engine takes it."""

    name = "first_point"

    def __init__(self, share: float) -> None:
        self.share = share

    def rows(self, instance: Instance) -> HourlyRows:
        """One row over all places at the point."""
        columns = instance.columns
        on = np.flatnonzero(columns.served & (columns.point == 0))
        lower = self.share * instance.demand.sum(axis=0)[None, :]
        upper = np.full_like(lower, np.inf)
        return HourlyRows(
            self.name, columns, np.zeros(len(on), np.int64), on, np.ones(len(on)), lower, upper
        )

    def for_engine(self, instance: Instance, rows: HourlyRows) -> EngineRows:
        """The same, whatever the region."""
        coef = np.zeros((1, *instance.energy_kwh.shape))
        coef[0, :, 0] = 1.0
        return EngineRows(coef, rows.lower)


class DailyReach(Constraint):
    """Σ over each day of the round trip from node to region ≤ most, requests · ms."""

    name = "daily_reach"

    def __init__(self, most: float) -> None:
        self.most = most

    def limits(self, instance: Instance) -> list[Limit]:
        """One per day."""
        measure = onward(instance)
        return [
            Limit(self.name, "daily reach", measure, self.most, steps)
            for steps in windows(instance.scenario.hours, Window.DAY)
        ]

    def window(self, scenario: Scenario) -> Window | None:
        """Days."""
        return Window.DAY


def rows_of(toy: Constraint) -> Any:
    """The toy as rows of the independent program, whose columns are shares of demand."""

    def extra(lp: Any, s: Scenario, columns: list[tuple[int, ...]]) -> None:
        if isinstance(toy, DailyReach):
            _daily(lp, s, columns, toy.most)
            return
        for t in range(s.hours.count):
            total = math.fsum(s.demand_per_h[:, :, t].ravel().tolist())
            if not total:
                continue
            terms = {
                ("x", *c): float(s.demand_per_h[c[0], c[1], t]) / total
                for c in columns
                if c[4] == t
                and (0 <= c[2] < 2 if isinstance(toy, TwoRegions) else c[2] >= 0 and c[3] == 0)
            }
            slack = 1e-10
            if isinstance(toy, TwoRegions) and terms:
                lp.row(("toy", t), terms, -math.inf, toy.share * (1 + slack))
            elif isinstance(toy, FirstPoint):
                lp.row(("toy", t), terms, toy.share * (1 - slack), math.inf)

    return extra


def _daily(lp: Any, s: Scenario, columns: list[tuple[int, ...]], most: float) -> None:
    for day in dict.fromkeys(str(time)[:10] for time in s.hours.utc):
        terms = {
            ("x", *c): float(s.hours.hours[c[4]] * s.demand_per_h[c[0], c[1], c[4]])
            * float(s.network.rtt_node_region_ms[s.metro_node[c[0]], c[2]])
            / most
            for c in columns
            if c[2] >= 0 and str(s.hours.utc[c[4]])[:10] == day
        }
        if terms:
            lp.row(("daily", day), terms, -math.inf, 1.0 + 1e-10)


@contextmanager
def with_toys(*toys: Constraint) -> Iterator[None]:
    """All of them obeyed."""
    if not toys:
        yield
        return
    with obeyed(toys[0]), with_toys(*toys[1:]):
        yield
