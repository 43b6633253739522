"""Share caps of tiers: at most so much of what some classes ask may be degraded, over a window.

Over single steps it is a row of each hour, Σ [degraded]·x ≤ φ·d; over a longer window a limit on
the measure Σ ([degraded] − φ)·x ≤ 0. Demand that goes unserved counts as not degraded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from wattlas.model.contract import ShareCap
from wattlas.model.objective import Window
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.base import Clash, Constraint, EngineRows
from wattlas.placement.constraints.registry import register
from wattlas.placement.problem.arrivals import left_by_waiting
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit, windows
from wattlas.placement.problem.rows import HourlyRows
from wattlas.placement.problem.unit_values import Measure, zero


@dataclass(frozen=True)
class CapOnSources:
    """A share cap on the sources: `counted` (S,) are those that count, `degraded` (S, O) where."""

    cap: ShareCap
    counted: np.ndarray
    degraded: np.ndarray
    most: np.ndarray | None = None
    """How many may be degraded in each step, (T,), where that is no share of what is asked."""

    def demand(self, instance: Instance) -> np.ndarray:
        """Requests/h that count in each step, (T,)."""
        total: np.ndarray = instance.demand[self.counted].sum(axis=0)
        return total

    def allowed(self, instance: Instance) -> np.ndarray:
        """Requests/h that may be degraded in each step, (T,)."""
        return self.cap.share_max * self.demand(instance) if self.most is None else self.most

    def excess(self, instance: Instance) -> Measure:
        """Requests degraded beyond the share: [degraded] − φ for each request that counts."""
        share = self.cap.share_max
        per_point = self.degraded - share * self.counted[:, None]
        return replace(
            zero(instance),
            unit="requests",
            per_request=np.broadcast_to(per_point[:, None, :], instance.allowed.shape).copy(),
            per_unserved=0.0 * instance.unserved_usd - share * self.counted,
        )


def caps_on_sources(instance: Instance, *, hourly: bool) -> list[CapOnSources]:
    """The caps over single steps (`hourly`), or those over longer windows."""
    key = (caps_on_sources, hourly)
    if key not in instance.derived:
        instance.derived[key] = _caps_on_sources(instance, hourly=hourly)
    caps: list[CapOnSources] = instance.derived[key]
    return caps


def _caps_on_sources(instance: Instance, *, hourly: bool) -> list[CapOnSources]:
    classes = [k.id for k in instance.scenario.classes]
    points = [o.id for o in instance.scenario.points]
    caps = []
    for cap in instance.scenario.share_caps:
        if _of_one_hour(instance, cap) == hourly:
            counted = np.isin(classes, cap.classes)[instance.klass]
            degraded = counted[:, None] & np.isin(points, cap.points)[None, :]
            caps.append(CapOnSources(cap, counted, degraded))
    return [*caps, *dealt_out(instance)] if hourly else caps


def dealt_out(instance: Instance) -> Iterator[CapOnSources]:
    """Caps over windows of which each step has its part."""
    rows = instance.allowance
    if rows is None:
        return
    classes = [k.id for k in instance.scenario.classes]
    points = [o.id for o in instance.scenario.points]
    for number, group, most in zip(rows.cap, rows.group, rows.most, strict=True):
        cap = instance.scenario.share_caps[number]
        counted = np.isin(classes, cap.classes)[instance.klass] & (rows.of_source == group)
        degraded = counted[:, None] & np.isin(points, cap.points)[None, :]
        yield CapOnSources(cap, counted, degraded, most)


def _of_one_hour(instance: Instance, cap: ShareCap) -> bool:
    """Whether a cap is a row of each hour: not where its requests may run in another one."""
    leaves = instance.by_arrival and left_by_waiting(instance.scenario, cap)
    return cap.window is Window.HOUR and not leaves


@register
class DegradedShare(Constraint):
    """Σ [o degraded]·x[h,s,r,o] ≤ φ·Σ d[s,h] for each share cap over single steps."""

    name = "degraded_share"

    def rows(self, instance: Instance) -> HourlyRows | None:
        """One row per cap over single steps."""
        caps = caps_on_sources(instance, hourly=True)
        if not caps:
            return None
        columns = instance.columns
        row, column = [], []
        for j, cap in enumerate(caps):
            on = columns.served & cap.degraded[columns.source, columns.point]
            column.append(np.flatnonzero(on))
            row.append(np.full(len(column[-1]), j))
        upper = np.stack([cap.allowed(instance) for cap in caps])
        return HourlyRows(
            self.name,
            columns,
            row=np.concatenate(row),
            column=np.concatenate(column),
            value=np.ones(sum(map(len, row))),
            lower=np.full_like(upper, -np.inf),
            upper=upper,
        )

    def for_engine(self, instance: Instance, rows: HourlyRows) -> EngineRows:
        """−Σ [degraded]·x ≥ −φ·Σ d: what is degraded is a point, wherever it runs."""
        caps = caps_on_sources(instance, hourly=True)
        coef = np.stack([-1.0 * cap.degraded for cap in caps])
        return EngineRows(coef, -rows.upper, sign=-1.0)

    def limits(self, instance: Instance) -> list[Limit]:
        """One limit per cap over longer windows and window."""
        caps = []
        for cap in caps_on_sources(instance, hourly=False):
            measure, counted = cap.excess(instance), cap.demand(instance) * instance.hours
            caps += [
                Limit(
                    self.name,
                    cap.cap.id,
                    measure,
                    0.0,
                    steps,
                    cap.cap.share_max,
                    counted,
                    by_arrival=True,
                )
                for steps in windows(instance.scenario.hours, cap.cap.window)
            ]
        return caps

    def window(self, scenario: Scenario) -> Window | None:
        """The longest window of a cap."""
        windows = {cap.window for cap in scenario.share_caps}
        return next(
            (window for window in (Window.ALL, Window.MONTH, Window.DAY) if window in windows), None
        )

    def present(self, scenario: Scenario) -> bool:
        """Whether there is any cap."""
        return bool(scenario.share_caps)

    def no_worse(
        self, instance: Instance, rows: HourlyRows | None, better: int, point: int
    ) -> np.ndarray:
        """Not degraded by any cap that does not count the other, over whichever window."""
        mask = np.ones(instance.sources, dtype=bool)
        for hourly in (True, False):
            for cap in caps_on_sources(instance, hourly=hourly):
                mask &= cap.degraded[:, better] <= cap.degraded[:, point]
        return mask[:, None]

    def clash_words(self, instance: Instance, clash: Clash) -> str:
        """Which caps cannot be kept."""
        caps = caps_on_sources(instance, hourly=True)
        names = ", ".join(caps[j].cap.id for j in clash.rows[self.name])
        return (
            f"At {clash.when} {clash.who} cannot be served without degrading more than {names} "
            "allows. Raise its share_max, or open more full-service capacity."
        )

    def broken_words(self, instance: Instance, excess: np.ndarray) -> str:
        """Which caps."""
        caps = caps_on_sources(instance, hourly=True)
        names = [caps[j].cap.id for j in np.flatnonzero(excess > 0)]
        return f"more degraded than {', '.join(names)} allows"

    def short_words(self, instance: Instance, limit: Limit, least: float, when: str) -> str:
        """The least share that must be degraded; nothing where nobody asks."""
        if not limit.total:
            return ""
        attainable = limit.share_max + least / limit.total
        return (
            f"{limit.id} over {when} may degrade {limit.share_max:.3%} of its requests, but at "
            f"least {attainable:.3%} must be. Raise the cap, or open more full-service capacity."
        )
